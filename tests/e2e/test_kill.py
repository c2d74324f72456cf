"""`kill -9` of the serving process under load, again and again.

Whatever was answered with 200 is found again with the same history; whatever was asked is done once
at the bank, also when it is asked again; nothing stays without an answer.
"""

import asyncio
from pathlib import Path
from random import Random
from typing import Final

import pytest
from msgspec import json
from tests.cluster import fresh_url
from tests.e2e import killing
from tests.e2e.client import PAN, Answer, Client, LostError, OrderView, Request, payment
from tests.e2e.killing import ACQUIRER_TIMEOUT_MS, survive
from tests.e2e.server import Server

from counterfoil.connectors import Behaviour
from counterfoil.connectors.sandbox.table import card_doing, card_for
from counterfoil.core.declines import Decline
from counterfoil.core.order import Kind

KILLS: Final = 5
SOAK_KILLS: Final = 200
CONNECTIONS: Final = 32
UNANSWERED: Final = b"No answer from the acquirer yet"
CARDS: Final = (
    *(PAN,) * 12,
    card_for(Decline.DO_NOT_HONOR),
    *(card_doing(Behaviour.TIMEOUT_AFTER, on) for on in (Kind.AUTHORIZE, Kind.CHARGE, Kind.REFUND)),
    *(card_doing(Behaviour.TIMEOUT_BEFORE, on) for on in (Kind.AUTHORIZE, Kind.CHARGE)),
)


class Load(killing.Load):
    """Merchants of the Bizon wire."""

    callers = CONNECTIONS

    def __init__(self, server: Server, random: Random) -> None:
        super().__init__(server, random)
        self.known: dict[str, OrderView] = {}  # by id: as the last 200 showed it
        self.marks: list[str] = []  # of every order that was asked for

    async def order(self, client: Client) -> None:
        """An order, charged and refunded in part, as far as it goes."""
        mark = f"mark-{next(self.serial)}"
        self.marks.append(mark)
        body = payment(self.random.choice(CARDS), merchant_order_id=mark)
        answer = await self._ask(client, "POST", "/orders/authorize", body)
        for verb, amount in (("charge", "80.00"), ("refund", "30.00"), ("refund", "20.00")):
            if answer.status != 200:
                return
            path = f"/orders/{answer.order.id}/{verb}"
            answer = await self._ask(client, "PUT", path, {"amount": amount})

    async def _ask(self, client: Client, method: str, path: str, body: object) -> Answer:
        key = f"key-{next(self.serial)}"
        request = Request(method=method, path=path, body=json.encode(body), key=key)
        try:
            answer = await client.ask(request)
        except LostError:
            self.lost.append(request)
            raise
        if answer.status == 200:
            self.known[answer.order.id] = answer.order
        else:
            assert answer.status in {402, 500}, answer.body
        return answer


async def assert_nothing_is_lost(client: Client, known: dict[str, OrderView]) -> None:
    """Every order that was answered is there, and its history begins with what was answered."""
    room = asyncio.Semaphore(CONNECTIONS)

    async def look(answered: OrderView) -> None:
        async with room:
            now = await client.order(answered.id)
        assert now.operations[: len(answered.operations)] == answered.operations
        assert (now.amount, now.merchant_order_id) == (answered.amount, answered.merchant_order_id)

    async with asyncio.TaskGroup() as group:
        for answered in known.values():
            group.create_task(look(answered))


async def assert_asked_again_is_done_once(client: Client, lost: list[Request]) -> None:
    """What was never answered is answered when it is asked again, and then always the same."""
    room = asyncio.Semaphore(CONNECTIONS)

    async def again(request: Request) -> None:
        async with room:
            first = await client.ask(request)
            assert first.status in {200, 402, 500}, first.body
            if UNANSWERED in first.body:  # a card whose answer is lost met its operation only now
                first = await client.ask(request)
            second = await client.ask(request)
        assert (second.status, second.body) == (first.status, first.body)

    async with asyncio.TaskGroup() as group:
        for request in lost:
            group.create_task(again(request))


async def assert_one_order_each(client: Client, marks: list[str]) -> None:
    """No mark was given to two orders."""
    room = asyncio.Semaphore(CONNECTIONS)

    async def look(mark: str) -> None:
        async with room:
            found = (await client.get(f"/orders/?merchant_order_id={mark}")).orders
        assert len(found) <= 1, f"{mark} has {len(found)} orders"

    async with asyncio.TaskGroup() as group:
        for mark in marks:
            group.create_task(look(mark))


def kill_again_and_again(folder: Path, kills: int, url: str = "") -> None:
    server = Server(folder, "--demo", url=url, acquirer_timeout_ms=ACQUIRER_TIMEOUT_MS)
    survive(server, kills, Load, look)


async def look(server: Server, load: Load) -> None:
    """What a merchant who kept every answer finds."""
    assert load.known
    async with Client(server.port) as client:
        await assert_asked_again_is_done_once(client, load.lost)
        await assert_nothing_is_lost(client, load.known)
        await assert_one_order_each(client, load.marks)


def test_nothing_is_lost_or_done_twice_by_a_kill(tmp_path: Path) -> None:
    kill_again_and_again(tmp_path, KILLS)


def test_nothing_is_lost_or_done_twice_by_a_kill_beside_postgresql(tmp_path: Path) -> None:
    kill_again_and_again(tmp_path, KILLS, fresh_url(tmp_path))


@pytest.mark.soak
def test_nothing_is_lost_or_done_twice_by_many_kills(tmp_path: Path) -> None:
    kill_again_and_again(tmp_path, SOAK_KILLS)


@pytest.mark.soak
def test_nothing_is_lost_or_done_twice_by_many_kills_beside_postgresql(tmp_path: Path) -> None:
    kill_again_and_again(tmp_path, SOAK_KILLS, fresh_url(tmp_path))
