"""A merchant's address over days: a real receiver, a real courier, a clock that a test moves."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from itertools import pairwise
from typing import Final

import pytest
from tests.courier.receiver import Answer, Receiver, couriering, drips, receiving, says, sends
from tests.engine.desk import Desk, open_desk

from counterfoil.core.callbacks import Attempt, AttemptQuery
from counterfoil.core.order import instant_of
from counterfoil.core.schedule import SECOND_US
from counterfoil.courier.standard import StandardForm

pytestmark = pytest.mark.anyio

DAY_S: Final = 24 * 3600
PAUSES_S: Final = StandardForm().schedule.pauses_s
BOMB: Final = bytes.fromhex("1f8b0800000000000203") + b"\xed\xc1\x01" * 30_000  # says it is gzip


class Shop:
    """A gateway whose merchant listens at real addresses."""

    def __init__(self, desk: Desk, stack: AsyncExitStack) -> None:
        self.desk = desk
        self._stack = stack

    async def at(self, answer: Answer, number: int = 9) -> Receiver:
        """An address of that number that answers so."""
        receiver = await self._stack.enter_async_context(receiving(answer))
        await self.listens(receiver.url(), number)
        return receiver

    async def listens(self, url: str, number: int = 9) -> None:
        await self.desk.listens(number=number, wire="standard", url=url)

    async def attempts(self, number: int = 9) -> list[Attempt]:
        """What was attempted there, oldest first."""
        query = AttemptQuery(merchant=1, limit=100, endpoint=number)
        return list(await self.desk.store.attempts(query))[::-1]

    async def outcome(self, number: int = 9) -> list[int | str | None]:
        """What came of each attempt there."""
        made = await self.attempts(number)
        return [each.receipt.status or each.receipt.why for each in made]

    async def parked(self) -> list[str | None]:
        return [each.why for each in await self.desk.store.timers(1, 10, parked=True)]


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    async with AsyncExitStack() as stack:
        desk = await open_desk(authorization_days=0)
        desk.carrier = await stack.enter_async_context(couriering(timeout_ms=200))
        desk.forms = {"standard": StandardForm()}
        desk.restart()
        yield Shop(desk, stack)


def pauses(made: Sequence[Attempt]) -> list[int]:
    """The seconds between attempts."""
    instants = [instant_of(each.id) for each in made]
    return [(later - before) // SECOND_US for before, later in pairwise(instants)]


async def test_five_hundred_for_three_days_and_then_it_works(shop: Shop) -> None:
    receiver = await shop.at(says("500 Internal Server Error", "out of order"))
    await shop.desk.authorize()
    await shop.desk.later(3 * DAY_S)
    made = await shop.attempts()
    assert {each.receipt.status for each in made} == {500}
    assert {each.receipt.answer for each in made} == {"out of order"}
    found = pauses(made)
    assert len(found) >= 8
    for pause, expected in zip(found, PAUSES_S, strict=False):
        assert expected <= pause <= expected * 11 // 10 + 1
    assert len({head.split("webhook-id: ")[1].split("\r")[0] for head in receiver.heads}) == 1
    assert len(set(receiver.bodies)) == 1
    receiver._answer = says("204 No Content")
    await shop.desk.later(2 * DAY_S)
    assert (await shop.outcome())[-1] == 204
    assert await shop.desk.timers() == []


async def test_five_hundred_for_ever_is_parked_where_it_can_be_seen(shop: Shop) -> None:
    await shop.at(says("500 Internal Server Error"))
    await shop.desk.authorize()
    await shop.desk.later(10 * DAY_S)
    assert len(await shop.attempts()) == len(PAUSES_S) + 1
    assert await shop.parked() == ["status 500"]


async def test_a_closed_port_is_tried_again(shop: Shop) -> None:
    async with receiving(says("200 OK")) as gone:
        url = gone.url()
    await shop.listens(url)
    await shop.desk.authorize()
    await shop.desk.later(400)
    assert await shop.outcome() == ["connection refused"] * 3


async def test_one_that_hangs_is_given_up_each_time_and_others_are_told(shop: Shop) -> None:
    await shop.at(sends(b"", close=False), 9)
    quick = await shop.at(says("200 OK"), 8)
    for _ in range(3):
        await shop.desk.authorize()
    await shop.desk.pump.run_due()
    assert await shop.outcome(9) == ["timeout"] * 3
    assert len(quick.bodies) == 3


async def test_gone_is_believed_at_once(shop: Shop) -> None:
    receiver = await shop.at(says("410 Gone"))
    order = await shop.desk.charged()
    await shop.desk.later(DAY_S)
    assert len(receiver.bodies) == 1
    (endpoint,) = await shop.desk.store.endpoints(order.merchant)
    assert endpoint.off == "the address answered 410 Gone"


async def test_too_many_requests_is_obeyed(shop: Shop) -> None:
    await shop.at(says("429 Too Many Requests", more="Retry-After: 7200\r\n"))
    await shop.desk.authorize()
    await shop.desk.authorize()
    await shop.desk.later(7190)
    first = await shop.attempts()
    assert {each.receipt.retry_after_s for each in first} == {7200}
    assert len(first) <= 2
    await shop.desk.later(20)
    assert len(await shop.attempts()) > len(first)


async def test_a_redirect_inwards_is_not_followed(shop: Shop) -> None:
    async with receiving(says("200 OK")) as inner:
        await shop.at(says("307 Temporary Redirect", more=f"Location: {inner.url()}\r\n"))
        await shop.desk.authorize()
        await shop.desk.later(400)
        assert await shop.outcome() == [307] * 3
        assert inner.callers == 0


async def test_an_address_inside_our_network_is_never_called(shop: Shop) -> None:
    await shop.listens("https://10.0.0.1/hook", 9)
    await shop.listens("http://169.254.169.254/latest/meta-data", 8)
    await shop.desk.authorize()
    await shop.desk.pump.run_due()
    assert await shop.outcome(9) == ["refused address: private"]
    assert await shop.outcome(8) == ["refused address: metadata"]


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(
            sends(b"HTTP/1.1 200 OK\r\n\r\n" + b"a" * 2_000_000, close=False), id="endless"
        ),
        pytest.param(drips(b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n"), id="drips"),
        pytest.param(sends(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + BOMB), id="bomb"),
    ],
)
async def test_what_follows_a_yes_is_not_waited_for(shop: Shop, answer: Answer) -> None:
    await shop.at(answer)
    await shop.desk.authorize()
    await shop.desk.pump.run_due()
    (made,) = await shop.attempts()
    assert (made.receipt.status, made.receipt.delivered) == (200, True)
    assert len(made.receipt.answer.encode()) <= 2_000


async def test_a_head_that_drips_is_no_answer(shop: Shop) -> None:
    await shop.at(drips(b"HTTP/1.1 200 OK\r\nX-Slow: "))
    await shop.desk.authorize()
    await shop.desk.pump.run_due()
    assert await shop.outcome() == ["timeout"]
