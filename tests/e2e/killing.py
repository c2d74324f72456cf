"""`kill -9` of the serving process under load, again and again, whatever wire its callers speak.

Chance is seeded: a failure prints the seed, and the environment variable SEED runs that one again.
"""

import asyncio
import os
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine
from itertools import count
from random import Random
from secrets import randbits
from typing import Any, ClassVar, Final, TypeVar

import uvloop
from tests.e2e.client import Client, LostError, Request
from tests.e2e.server import Server, assert_books_agree

READY_S: Final = 5
RUN_S: Final = (0.2, 1.2)  # between two kills
RESOLVED_S: Final = 60  # until the next operations without an answer have got theirs
ACQUIRER_TIMEOUT_MS: Final = "300"
Loaded = TypeVar("Loaded", bound="Load")


class Load(ABC):
    """Callers that go on through every kill, and what they remember of it."""

    client: ClassVar[type[Client]] = Client
    callers: ClassVar[int]

    def __init__(self, server: Server, random: Random) -> None:
        self.random = random
        self.serial = count()
        self.lost: list[Request] = []  # without an answer of any kind
        self._server = server
        self._up = asyncio.Event()
        self._over = False

    @abstractmethod
    async def order(self, client: Client) -> None:
        """Work on an order as far as it goes; raises `LostError`."""

    async def run(self, kills: int) -> None:
        """Kill that often under load, each time at some moment; the server is down at the end."""
        async with asyncio.TaskGroup() as group:
            for _ in range(self.callers):
                group.create_task(self._caller())
            for _ in range(kills):
                await asyncio.to_thread(self._server.start)
                assert self._server.took_s < READY_S
                self._up.set()
                await asyncio.sleep(self.random.uniform(*RUN_S))
                self._up.clear()
                await asyncio.to_thread(self._server.kill)
            self._over = True
            self._up.set()

    async def _caller(self) -> None:
        while True:
            await self._up.wait()
            if self._over:
                return
            async with self.client(self._server.port) as client:
                try:
                    while self._up.is_set():
                        await self.order(client)
                except LostError:
                    await asyncio.sleep(0.01)


def survive(
    server: Server,
    kills: int,
    made: Callable[[Server, Random], Loaded],
    look: Callable[[Server, Loaded], Coroutine[Any, Any, None]],
) -> None:
    """Load and kill it; then `look` at what stands, and hold our book against the bank's."""
    seed = int(os.environ.get("SEED") or randbits(32))
    load = made(server, Random(seed))
    try:
        uvloop.run(load.run(kills))
        server.start()
        assert server.took_s < READY_S
        wait_until_resolved(server)
        assert load.lost, "no kill met a request: the load was too small"
        uvloop.run(look(server, load))
        wait_until_resolved(server)
        server.stop()
        server.verify()
        assert_books_agree(server)
    except BaseException as error:
        server.kill()
        error.add_note(f"SEED={seed}")
        raise


def wait_until_resolved(server: Server) -> None:
    """Wait until no operation is without an answer, for as long as they become fewer."""
    fewest, since = server.pending(), time.monotonic()
    while fewest:
        time.sleep(1)
        pending = server.pending()
        if pending < fewest:
            fewest, since = pending, time.monotonic()
        waited = time.monotonic() - since
        assert waited < RESOLVED_S, f"{pending} operations get no answer"
