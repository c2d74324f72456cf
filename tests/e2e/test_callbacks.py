"""Callbacks of the real server: killed between commit and post, again and again; and its clock."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from random import Random
from secrets import randbits
from typing import Final

import pytest
import uvloop
from aiohttp import ClientSession, web
from msgspec import json
from tests.e2e.client import PAN, Client, LostError, Request, payment
from tests.e2e.server import Server

from counterfoil.core.card import Secret
from counterfoil.courier.standard import verify

CRASHES: Final = 10
SOAK_CRASHES: Final = 200
CALLERS: Final = 4
RUN_S: Final = (0.02, 0.3)  # between the first answer and the kill
TAKEN_OVER_S: Final = 40


class Shop:
    """A merchant's receiver: what came, by id; it stays up when the gateway dies."""

    def __init__(self) -> None:
        self.secret = Secret("")
        self.now_s = 0
        self.came: dict[str, list[bytes]] = {}
        self.url = ""
        self._told: dict[str, list[tuple[int, str]]] = {}  # sequences and events, by order

    async def take(self, request: web.Request) -> web.Response:
        """Take a callback, if it is signed as it should be."""
        body = await request.read()
        headers = {name.lower(): value for name, value in request.headers.items()}
        wrong = verify([self.secret], headers, body, now_s=int(headers["webhook-timestamp"]))
        assert wrong is None, wrong
        if headers["webhook-id"] not in self.came:
            said = json.decode(body)
            told = self._told.setdefault(said["data"]["order"]["id"], [])
            told.append((said["data"]["sequence"], said["type"]))
        self.came.setdefault(headers["webhook-id"], []).append(body)
        return web.Response(text="ok")

    def knows(self, order: str) -> bool:
        """Whether it was told both of the order's events."""
        return len(self.told(order)) > 1

    def told(self, order: str) -> list[str]:
        """The events of an order, in the order of their sequence."""
        found = sorted(self._told.get(order, ()))
        assert [sequence for sequence, _ in found] == [*range(1, len(found) + 1)]
        return [event for _, event in found]

    def has_more(self, count: int) -> bool:
        """Whether more than so many callbacks came."""
        return len(self.came) > count


@asynccontextmanager
async def listening() -> AsyncIterator[Shop]:
    shop = Shop()
    app = web.Application()
    app.router.add_post("/hook", shop.take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    shop.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    try:
        yield shop
    finally:
        await runner.cleanup()


def subscribe(server: Server, shop: Shop) -> None:
    """Have the demo merchant's events sent to the shop."""
    words = ("webhooks", "endpoints", "add", shop.url, "--merchant", "1", "--json")
    made = server.command(*words)
    assert made.status == 0, made.err
    shop.secret = Secret(json.decode(made.out)[0]["secret"])


async def until(check: Callable[[], bool]) -> None:
    """Return as soon as it is so."""
    async with asyncio.timeout(TAKEN_OVER_S):
        while not check():  # noqa: ASYNC110 (what is waited for is a number of callbacks)
            await asyncio.sleep(0.01)


async def order(client: Client) -> str:
    """An order, authorized and charged."""
    body = json.encode(payment(PAN))
    made = await client.ask(Request(method="POST", path="/orders/authorize", body=body, key=None))
    path = f"/orders/{made.order.id}/charge"
    await client.ask(Request(method="PUT", path=path, body=b"{}", key=None))
    return made.order.id


async def under_load(server: Server, random: Random) -> set[str]:
    """Orders whose charge was answered before the server was killed."""
    answered: set[str] = set()

    async def caller() -> None:
        async with Client(server.port) as client:
            while True:
                answered.add(await order(client))

    callers = [asyncio.create_task(caller()) for _ in range(CALLERS)]
    await until(lambda: bool(answered))
    await asyncio.sleep(random.uniform(*RUN_S))
    server.kill()
    for outcome in await asyncio.gather(*callers, return_exceptions=True):
        assert isinstance(outcome, LostError), outcome
    return answered


async def crash_again_and_again(server: Server, shop: Shop, crashes: int) -> None:
    seed = int(os.environ.get("SEED") or randbits(32))
    random = Random(seed)
    answered: set[str] = set()
    try:
        for _ in range(crashes):
            answered |= await under_load(server, random)
            await asyncio.to_thread(server.start)
        while (came := len(shop.came)) < 2 * len(answered):  # they have time while more come
            await until(partial(shop.has_more, came))
        for each in answered:
            await until(partial(shop.knows, each))
    except BaseException as error:
        error.add_note(f"SEED={seed}")
        raise
    for each in answered:
        assert shop.told(each) == ["payment.authorized", "order.charged"]
    for bodies in shop.came.values():
        assert len(set(bodies)) == 1, "what is told twice is told alike"


def crashing(folder: Path, crashes: int) -> None:
    async def run() -> None:
        server = Server(folder, "--demo")
        await asyncio.to_thread(server.start)
        try:
            async with listening() as shop:
                await asyncio.to_thread(subscribe, server, shop)
                await asyncio.sleep(1.1)  # endpoints are looked up once a second
                await crash_again_and_again(server, shop, crashes)
        finally:
            server.kill()

    uvloop.run(run())


def test_no_callback_is_lost_by_a_crash(tmp_path: Path) -> None:
    crashing(tmp_path, CRASHES)


@pytest.mark.soak
def test_no_callback_is_lost_by_many_crashes(tmp_path: Path) -> None:
    crashing(tmp_path, SOAK_CRASHES)


async def clock(server: Server, method: str, body: object = None) -> tuple[int, dict[str, str]]:
    """What the sandbox's clock answers."""
    url = f"http://127.0.0.1:{server.port}/sandbox/clock"
    async with ClientSession() as session, session.request(method, url, json=body) as answer:
        return answer.status, json.decode(await answer.read())


def test_two_days_pass_in_a_moment(tmp_path: Path) -> None:
    async def run() -> None:
        server = Server(tmp_path, "--demo")
        await asyncio.to_thread(server.start)
        terms = ("merchant", "set", "1", "charge_after_s=172800")
        assert (await asyncio.to_thread(server.command, *terms)).status == 0
        try:
            await asyncio.sleep(1.1)  # merchants are looked up once a second
            async with listening() as shop, Client(server.port) as client:
                await asyncio.to_thread(subscribe, server, shop)
                await asyncio.sleep(1.1)
                body = json.encode(payment(PAN))
                request = Request(method="POST", path="/orders/authorize", body=body, key=None)
                made = (await client.ask(request)).order
                status, before = await clock(server, "GET")
                assert status == 200
                status, after = await clock(server, "POST", {"advance": "49h"})
                assert (status, after["now"] > before["now"]) == (200, True)
                assert (await client.order(made.id)).status == "charged"
                await until(partial(shop.knows, made.id))
                (charged,) = [each for each in shop.came if each.endswith("_2")]
                moment = json.decode(shop.came[charged][0])["timestamp"]
                assert before["now"] < moment < after["now"]
                assert (await clock(server, "POST", {"advance": "soon"}))[0] == 422
                assert (await clock(server, "POST", {"later": "1h"}))[0] == 422
                assert (await clock(server, "POST", {"advance": "999999999d"}))[0] == 422
                assert (await clock(server, "DELETE"))[0] == 405
                advanced = await asyncio.to_thread(server.command, "sandbox", "advance", "240h")
                assert advanced.status == 0
                await asyncio.sleep(2.5)  # it looks once a second
                assert (await clock(server, "GET"))[1]["now"][:10] > after["now"][:10]
        finally:
            server.kill()

    uvloop.run(run())


def test_the_clock_of_a_real_deployment_has_no_door(tmp_path: Path) -> None:
    async def run() -> None:
        server = Server(tmp_path)
        await asyncio.to_thread(server.start)
        try:
            assert (await clock(server, "POST", {"advance": "48h"}))[0] == 404
        finally:
            server.kill()

    uvloop.run(run())
