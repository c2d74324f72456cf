"""The database goes away under load and comes back: a clean no meanwhile, and nothing is lost.

Every answer is whole: 200; or 503 that says when to come again; or, where the bank was asked and
its answer could not be kept, that nobody knows yet. What was answered with 200 is there, nothing is
done twice at the bank, and within five seconds the gateway serves at its rate again; half of it is
enough, for the machine has other work.
"""

import asyncio
import signal
import time
from bisect import bisect
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
import uvloop
from tests.cluster import FAST
from tests.e2e.client import Answer, Client, OrderView, payment
from tests.e2e.killing import wait_until_resolved
from tests.e2e.server import Server, assert_books_agree, serving
from tests.e2e.test_kill import UNANSWERED, assert_nothing_is_lost

from counterfoil.bench.cluster import Cluster

CALLERS = 32
BACK_S = 5
AWAY_S = 1.0


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """A database server that the test may stop."""
    made = Cluster(*FAST)
    yield made
    made.remove()


class Load:
    """Callers that go on, and what they were told."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._serial = count()
        self.known: dict[str, OrderView] = {}
        self.refused: list[Answer] = []
        self.odd: list[Answer] = []
        self.served: list[float] = []  # when
        self.over = False

    async def caller(self) -> None:
        """Orders, charged at once, until it is over."""
        async with Client(self._server.port) as client:
            while not self.over:
                body = payment(merchant_order_id=f"mark-{next(self._serial)}")
                answer = await client.post("/orders/authorize", body)
                if answer.status == 200:
                    answer = await client.put(f"/orders/{answer.order.id}/charge", {})
                self._note(answer)

    def rate(self) -> int:
        """How many were served in the last second."""
        return len(self.served) - bisect(self.served, time.monotonic() - 1)

    def _note(self, answer: Answer) -> None:
        if answer.status == 200:
            self.known[answer.order.id] = answer.order
            self.served.append(time.monotonic())
        elif answer.status == 503 and b"retry-after: 1" in answer.head.lower():
            self.refused.append(answer)
        elif answer.status != 500 or UNANSWERED not in answer.body:
            self.odd.append(answer)


async def lose(server: Server, cluster: Cluster, load: Load) -> None:
    """Stop the database under load and start it again; the rate comes back."""
    async with asyncio.TaskGroup() as group:
        for _ in range(CALLERS):
            group.create_task(load.caller())
        await asyncio.sleep(2)
        before = load.rate()
        assert before
        await asyncio.to_thread(cluster.stop, signal.SIGQUIT)
        await asyncio.sleep(AWAY_S)
        async with Client(server.port) as client:
            assert (await client.get("/health/ready")).status == 503
            assert (await client.get("/health/live")).status == 200
        await asyncio.to_thread(cluster.start)
        began = time.monotonic()
        while load.rate() < before / 2:
            await asyncio.sleep(0.02)
            assert time.monotonic() - began < BACK_S
        load.over = True


def test_a_database_lost_under_load(cluster: Cluster, tmp_path: Path) -> None:
    with serving(tmp_path, url=cluster.url(), acquirer_timeout_ms="300") as server:
        load = Load(server)
        uvloop.run(lose(server, cluster, load))
        assert load.refused
        assert not load.odd, {each.status: each.body for each in load.odd}
        wait_until_resolved(server)

        async def look() -> None:
            async with Client(server.port) as client:
                await assert_nothing_is_lost(client, load.known)

        uvloop.run(look())
    server.verify()
    assert_books_agree(server)
