"""A whole database node is lost under load, again and again: `make failover`.

Two PostgreSQL nodes with synchronous replication under Patroni, the gateway before the leader's
address. Ends with 1 where a rule is broken: an answer that is neither an approval, a decline, 503
with `Retry-After` nor "nobody knows yet"; a rate that is not back within seconds of the database;
anything acknowledged that is not there, done twice, or differs at the acquirer; books that do not
balance.
"""

import argparse
import asyncio
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random
from secrets import randbits
from typing import Final, NamedTuple

import asyncpg
import uvloop
from tests.e2e.client import Client
from tests.e2e.killing import wait_until_resolved
from tests.e2e.server import Server, assert_books_agree
from tests.e2e.test_kill import (
    assert_asked_again_is_done_once,
    assert_nothing_is_lost,
    assert_one_order_each,
)
from tests.failover.load import CALLERS, WINDOW_S, Load
from tests.failover.nodes import HOST, Node, Nodes

from counterfoil.bench.load import LoadError

BACK_S: Final = 5  # from the database's return until the gateway has its rate again
AWAY_S: Final = 60  # until the database is back at all
FULL: Final = 0.8  # of the rate before: rates of a second scatter
HALF: Final = 0.5  # is enough to pass: other work on the machine must not look like a fault
SETTLED_S: Final = 3  # under full load before the rate is measured
ACQUIRER_TIMEOUT_MS: Final = "1000"
LOOK_S: Final = 0.05
BUG: Final = '"request failed"'


class Round(NamedTuple):
    """What is broken, and how: which node of leader and standby, and the signal."""

    name: str
    which: int
    signal: int


LEADER: Final = Round("leader killed", 0, signal.SIGKILL)
ROUNDS: Final = (
    LEADER,
    LEADER,
    LEADER,
    Round("leader frozen", 0, signal.SIGSTOP),
    Round("standby killed", 1, signal.SIGKILL),
)
HEAD: Final = ("", "before", "back", "first", "full", "after", "503", "unknown", "slowest")


class Figures(NamedTuple):
    """What came of a round; seconds since it was broken, None: never; approvals a second."""

    name: str
    before: float
    back: float
    first: float | None
    half: float | None
    full: float | None
    after: float
    refused: int
    unknown: int
    slowest: float

    @property
    def holds(self) -> bool:
        """Whether the gateway served as before soon after the database did."""
        return self.half is not None and self.half - self.back < BACK_S

    def shown(self) -> tuple[str, ...]:
        """The row of the table."""
        times = (self.back, self.first, self.full)
        told = ("never" if each is None else f"{each:.1f} s" for each in times)
        many = (str(self.refused), str(self.unknown), f"{self.slowest:.1f} s")
        return (self.name, f"{self.before:.0f}/s", *told, f"{self.after:.0f}/s", *many)


class Run:
    """The rounds over one gateway."""

    def __init__(self, nodes: Nodes, load: Load) -> None:
        self._nodes = nodes
        self._load = load
        self.figures: list[Figures] = []

    async def all(self, rounds: int) -> None:
        """Every round under load, one after another."""
        async with asyncio.TaskGroup() as group:
            for _ in range(CALLERS):
                group.create_task(self._load.caller())
            for each in ROUNDS[:rounds]:
                self.figures.append(await self._round(each))
                show(self.figures[-1].shown())
            self._load.over = True

    async def _round(self, broken: Round) -> Figures:
        load = self._load
        pair = await asyncio.to_thread(self._nodes.whole)
        node, load.calm = pair[broken.which], False
        await asyncio.sleep(SETTLED_S + WINDOW_S)
        began = time.monotonic()
        await asyncio.to_thread(node.signal, broken.signal)
        back = await self._back(began)
        rate = load.rate(began - WINDOW_S, began)
        await asyncio.sleep(BACK_S + WINDOW_S)
        ended, load.calm = time.monotonic(), True
        await asyncio.to_thread(node.kill)
        node.start()

        def since(at: float | None) -> float | None:
            return None if at is None else at - began

        return Figures(
            broken.name,
            rate,
            back - began,
            since(load.first(began)),
            since(load.at_rate(began, HALF * rate)),
            since(load.at_rate(began, FULL * rate)),
            load.rate(ended - WINDOW_S, ended),
            load.tally(began, ended, 503),
            load.tally(began, ended, 500),
            load.longest(began, ended),
        )

    async def _back(self, began: float) -> float:
        """When the first write of ours was durable, straight to whichever node takes it."""
        while time.monotonic() < began + AWAY_S:
            for asked in asyncio.as_completed([written(node) for node in self._nodes.nodes]):
                if await asked:
                    return time.monotonic()
            await asyncio.sleep(LOOK_S)
        raise LoadError(f"no node took a write for {AWAY_S} s")


async def written(node: Node) -> bool:
    """Whether the node makes something durable within a second."""
    with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
        async with asyncio.timeout(1):
            connection = await asyncpg.connect(
                host=HOST, port=node.port, user="postgres", database="counterfoil"
            )
            try:
                await connection.execute("SELECT pg_logical_emit_message(true, 'failover', '')")
            finally:
                connection.terminate()
            return True
    return False


async def make(url: str) -> None:
    """The database, empty."""
    connection = await asyncpg.connect(url)
    await connection.execute("CREATE DATABASE counterfoil")
    await connection.close()


async def look(port: int, load: Load) -> None:
    """What a merchant who kept every answer finds."""
    async with Client(port) as client:
        await assert_asked_again_is_done_once(client, load.open)
        await assert_nothing_is_lost(client, load.known)
        await assert_one_order_each(client, load.marks)


@contextmanager
def gateway(folder: Path, url: str) -> Iterator[Server]:
    """The gateway in front of them, ended with the block."""
    more = {"acquirer_timeout_ms": ACQUIRER_TIMEOUT_MS}
    server = Server(folder, "--demo", "--workers", "2", url=url, **more)
    server.start()
    try:
        yield server
    finally:
        server.kill()


def proved(server: Server, load: Load) -> None:
    """Raise `AssertionError` where something was lost, done twice or does not balance."""
    wait_until_resolved(server)
    uvloop.run(look(server.port, load))
    wait_until_resolved(server)
    server.stop()
    server.verify()
    assert_books_agree(server)
    assert not load.odd, f"{len(load.odd)} answers broke the rules: {sorted(set(load.odd))[:5]}"
    assert BUG not in server.errors(), "an answer was made of an error that nobody expects"


def show(cells: tuple[str, ...]) -> None:
    """A row of the table."""
    print(f"{cells[0]:16}" + "".join(f"{each:>10}" for each in cells[1:]), flush=True)


def failover(rounds: int, *, balanced: bool) -> int:
    """Run it; the exit status."""
    seed = randbits(32)
    with Nodes() as nodes, tempfile.TemporaryDirectory() as folder:
        asyncio.run(make(nodes.url("postgres", balanced=balanced)))
        with gateway(Path(folder), nodes.url("counterfoil", balanced=balanced)) as server:
            load = Load(server.port, Random(seed))
            run = Run(nodes, load)
            show(HEAD)
            uvloop.run(run.all(rounds))
            approved = sum(each.status == 200 for each in load.told)
            print(f"{approved} operations acknowledged; looking for each of them", flush=True)
            proved(server, load)
    late = [each.name for each in run.figures if not each.holds]
    if late:
        print(f"not as before within {BACK_S} s of the database's return: {', '.join(late)}")
        return 1
    print("none lost, none done twice, the acquirer's book is ours, verify is clean")
    return 0


def main(parse: Callable[[], argparse.Namespace]) -> int:
    """Run what was asked for; 1: a rule is broken, 2: it cannot be run here."""
    given = parse()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(2))  # so that what was started is ended
    try:
        return failover(given.rounds, balanced=not given.addresses)
    except AssertionError as broken:
        print(f"broken: {broken}")
        return 1
    except LoadError as error:
        print(error)
        return 2


def words() -> argparse.ArgumentParser:
    """What may be asked for."""
    parser = argparse.ArgumentParser(prog="make failover", description=__doc__)
    parser.add_argument("--rounds", type=int, default=len(ROUNDS), help="only so many")
    parser.add_argument(
        "--addresses", action="store_true", help="both nodes in the address, no balancer"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main(words().parse_args))
