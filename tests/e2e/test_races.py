"""Races over HTTP: many callers at once want what only one of them can have.

Exactly the right callers win; every other is told so in the wire's own form with 422, and the order
stands as its winners left it. At the end the proof holds and the bank's book is ours.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from itertools import count
from typing import Final, NamedTuple

import pytest
import uvloop
from tests.cluster import fresh_url
from tests.e2e.client import Answer, Client, payment
from tests.e2e.server import Server, assert_books_agree, serving

TRIALS: Final = 50
SOAK_TRIALS: Final = 1000
WORKERS: Final = (2, 50)
CALLERS: Final = 100  # at once, in as many trials as that makes
SEVERAL: Final = ("project_reserve", "password")  # the project that may charge again and again
serial: Final = count()
Race = Callable[[Client, int], Awaitable[None]]


class Where(NamedTuple):
    """A gateway to race against: with a slow bank callers meet what is still pending."""

    database: str
    latency_ms: str
    options: tuple[str, ...] = ()


WHERE: Final = (
    Where("sqlite", "0"),
    Where("sqlite", "5"),
    Where("postgres", "0"),
    Where("postgres", "5", ("--workers", "2")),
)


@pytest.fixture(
    scope="module",
    params=WHERE,
    ids=lambda where: f"{where.database} {where.latency_ms} ms {' '.join(where.options)}",
)
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    where: Where = request.param
    folder = tmp_path_factory.mktemp("races")
    url = fresh_url(folder) if where.database == "postgres" else ""
    latency = where.latency_ms
    with serving(folder, *where.options, url=url, sandbox_latency_ms=latency) as server:
        done = server.command("merchant", "set", "2", "multiple_charges=true")
        assert done.status == 0, done.err
        yield server
    server.verify()
    assert server.pending() == 0
    assert_books_agree(server)


def won(answers: list[Answer], number: str) -> list[Answer]:
    """The winners; every loser was refused in the wire's form, about that order."""
    for answer in answers:
        if answer.status != 200:
            failure = answer.failure
            assert answer.status == 422, answer.body
            assert failure.failure_type == "validation"
            assert failure.order_id == number
            assert failure.errors
    return [answer for answer in answers if answer.status == 200]


def same(answers: list[Answer]) -> Answer:
    """The one answer that all are, byte for byte."""
    assert {answer.status for answer in answers} == {200}, {each.body for each in answers}
    assert len({answer.body for answer in answers}) == 1
    return answers[0]


async def put(client: Client, number: str, verbs: list[str], body: object = None) -> list[Answer]:
    """Each verb on the order, all at once."""
    return await asyncio.gather(*(client.put(f"/orders/{number}/{verb}", body) for verb in verbs))


def alternately(workers: int, *verbs: str) -> list[str]:
    return [verbs[place % len(verbs)] for place in range(workers)]


async def charge_and_charge(client: Client, workers: int) -> None:
    number = (await client.authorized()).id
    winners = won(await put(client, number, ["charge"] * workers), number)
    after = await client.order(number)
    assert len(winners) == 1
    assert (after.status, after.amount_charged) == ("charged", "100.00")
    assert after.done == ["authorize", "charge"]


async def charges_of_a_part(client: Client, workers: int) -> None:
    number = (await client.authorized()).id
    winners = won(await put(client, number, ["charge"] * workers, {"amount": "30.00"}), number)
    after = await client.order(number)
    assert len(winners) == min(workers, 3)
    assert after.amount_charged == f"{30 * len(winners)}.00"


async def charge_and_reverse(client: Client, workers: int) -> None:
    number = (await client.authorized()).id
    winners = won(await put(client, number, alternately(workers, "charge", "reverse")), number)
    after = await client.order(number)
    assert len(winners) == 1
    assert after.done in (["authorize", "charge"], ["authorize", "reverse"])
    assert winners[0].order.status == after.status


async def refund_and_refund(client: Client, workers: int) -> None:
    number = (await client.charged()).id
    winners = won(await put(client, number, ["refund"] * workers, {"amount": "60.00"}), number)
    after = await client.order(number)
    assert len(winners) == 1
    assert (after.amount_charged, after.amount_refunded) == ("100.00", "60.00")


async def cancel_and_charge(client: Client, workers: int) -> None:
    """A cancel that comes after a charge gives it back: then both have won."""
    number = (await client.authorized()).id
    winners = won(await put(client, number, alternately(workers, "cancel", "charge")), number)
    after = await client.order(number)
    assert after.done in (
        ["authorize", "reverse"],
        ["authorize", "charge"],
        ["authorize", "charge", "refund"],
    )
    assert len(winners) == len(after.done) - 1


async def rebill_with_one_key(client: Client, workers: int) -> None:
    mark = f"rebill-{next(serial)}"
    source = (await client.charged()).id
    body = {"amount": "25.00", "cvv": "333", "merchant_order_id": mark}
    path = f"/orders/{source}/rebill"
    made = same(await asyncio.gather(*(client.post(path, body, mark) for _ in range(workers))))
    await assert_once(client, mark, made)
    await assert_other_input_is_refused(client, path, body | {"amount": "25.01"}, mark)


async def authorize_with_one_key(client: Client, workers: int) -> None:
    mark = f"authorize-{next(serial)}"
    body = payment(merchant_order_id=mark)
    path = "/orders/authorize"
    made = same(await asyncio.gather(*(client.post(path, body, mark) for _ in range(workers))))
    await assert_once(client, mark, made)
    await assert_other_input_is_refused(client, path, body | {"amount": "100.01"}, mark)


async def charge_with_one_key(client: Client, workers: int) -> None:
    mark = f"charge-{next(serial)}"
    path = f"/orders/{(await client.authorized()).id}/charge"
    body = {"amount": "70.00"}
    made = same(await asyncio.gather(*(client.put(path, body, mark) for _ in range(workers))))
    after = await client.order(made.order.id)
    assert after.done == ["authorize", "charge"]
    assert after.amount_charged == "70.00"
    again = await client.put(path, {"amount": "70.01"}, mark)
    assert (again.status, again.failure.errors[0].attribute) == (422, "Idempotency-Key")


async def refund_with_one_key(client: Client, workers: int) -> None:
    mark = f"refund-{next(serial)}"
    path = f"/orders/{(await client.charged()).id}/refund"
    body = {"amount": "10.00"}
    made = same(await asyncio.gather(*(client.put(path, body, mark) for _ in range(workers))))
    after = await client.order(made.order.id)
    assert after.done == ["authorize", "charge", "refund"]
    assert after.amount_refunded == "10.00"


async def assert_once(client: Client, mark: str, made: Answer) -> None:
    """There is one order of that mark, with one authorization: the one that was answered."""
    (order,) = (await client.get(f"/orders/?merchant_order_id={mark}&expand=operations")).orders
    assert order.id == made.order.id
    assert order.done == ["authorize"]


async def assert_other_input_is_refused(client: Client, path: str, body: object, key: str) -> None:
    refused = await client.post(path, body, key)
    assert refused.status == 422
    assert [flaw.attribute for flaw in refused.failure.errors] == ["Idempotency-Key"]


RACES: Final[tuple[Race, ...]] = (
    charge_and_charge,
    charge_and_reverse,
    refund_and_refund,
    cancel_and_charge,
    rebill_with_one_key,
    authorize_with_one_key,
    charge_with_one_key,
    refund_with_one_key,
)


def run(server: Server, race: Race, workers: int, trials: int, **login: tuple[str, str]) -> None:
    """So many trials, several of them at once."""

    async def act() -> None:
        room = asyncio.Semaphore(max(1, CALLERS // workers))

        async def trial() -> None:
            async with room:
                await race(client, workers)

        async with Client(server.port, **login) as client, asyncio.TaskGroup() as group:
            for _ in range(trials):
                group.create_task(trial())

    uvloop.run(act())


@pytest.mark.parametrize("workers", WORKERS)
@pytest.mark.parametrize("race", RACES, ids=lambda race: race.__name__)
def test_exactly_the_right_callers_win(server: Server, race: Race, workers: int) -> None:
    run(server, race, workers, TRIALS)


def test_one_of_five_refunds_of_sixty_percent_wins(server: Server) -> None:
    run(server, refund_and_refund, 5, TRIALS)


@pytest.mark.parametrize("workers", WORKERS)
def test_charges_of_a_part_share_what_is_authorized(server: Server, workers: int) -> None:
    run(server, charges_of_a_part, workers, TRIALS, credentials=SEVERAL)


@pytest.mark.soak
@pytest.mark.parametrize("workers", WORKERS)
@pytest.mark.parametrize("race", RACES, ids=lambda race: race.__name__)
def test_exactly_the_right_callers_win_each_time(server: Server, race: Race, workers: int) -> None:
    run(server, race, workers, SOAK_TRIALS)


@pytest.mark.soak
def test_one_of_five_refunds_of_sixty_percent_wins_each_time(server: Server) -> None:
    run(server, refund_and_refund, 5, SOAK_TRIALS)


@pytest.mark.soak
@pytest.mark.parametrize("workers", WORKERS)
def test_charges_of_a_part_share_what_is_authorized_each_time(server: Server, workers: int) -> None:
    run(server, charges_of_a_part, workers, SOAK_TRIALS, credentials=SEVERAL)
