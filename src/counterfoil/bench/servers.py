"""PostgreSQL in one run: the engine alone, our HTTP interface, and plain transactions beside them.

The server has its defaults, so that every commit waits for the disk; it shares the machine with
what asks it and with the load. The parts take turns, round by round.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from statistics import median_low
from typing import Final

from rich.console import Console

from counterfoil.bench import engine, plain
from counterfoil.bench.calls import AUTHORIZE
from counterfoil.bench.cluster import Cluster, free_port
from counterfoil.bench.figures import GOAL_CONNECTIONS, Goal
from counterfoil.bench.server import Server, serve_command
from counterfoil.bench.target import Target
from counterfoil.core.record import Record

ENGINE_GOAL: Final = 8_000
HTTP_GOAL_PERCENT: Final = 60
PLAIN_GOAL_PERCENT: Final = 100
PLAIN_ROUND: Final = 10_000_000  # orders; more than a round of pgbench writes


class Rates(Record):
    """Authorizations in a second, the median of the rounds, by who made them."""

    engine: int
    engine_embedded: int
    http: int
    http_embedded: int
    plain: int

    @property
    def http_percent(self) -> int:
        """Our HTTP interface on PostgreSQL, as a share of the same on the embedded store."""
        return self.http * 100 // max(self.http_embedded, 1)

    @property
    def plain_percent(self) -> int:
        """Our HTTP interface, as a share of plain transactions on the same server."""
        return self.http * 100 // max(self.plain, 1)


class Sides:
    """Everything that takes a turn."""

    def __init__(
        self, cluster: Cluster, folder: Path, server: Target, embedded: Target, seconds: int
    ) -> None:
        self._cluster = cluster
        self._folder = folder
        self._server = server
        self._embedded = embedded
        self._seconds = seconds
        self._engine = cluster.make("engine")
        self._plain = cluster.make("plain")
        self._script = folder / "plain.sql"
        self._script.write_text(plain.script(engine.changes(folder)), encoding="utf-8")
        engine.rate(self._plain, folder, 0)  # makes the schema
        self._round = 0

    def round(self) -> Rates:
        """Each once."""
        self._round += 1
        seconds, folder = self._seconds, self._folder
        file = f"sqlite:///{folder}/engine.db"
        begin = self._round * PLAIN_ROUND
        return Rates(
            engine=engine.rate(self._engine, folder, seconds),
            engine_embedded=engine.rate(file, folder, seconds),
            http=self._server.measure(AUTHORIZE, GOAL_CONNECTIONS, seconds).rate,
            http_embedded=self._embedded.measure(AUTHORIZE, GOAL_CONNECTIONS, seconds).rate,
            plain=plain.run(self._cluster, "plain", self._script, seconds, begin),
        )


def measure(tool: str, folder: Path, rounds: int, seconds: int, console: Console) -> Rates:
    """The medians of so many rounds; raises `LoadError`."""
    with contextlib.ExitStack() as stack:
        cluster = stack.enter_context(Cluster(within=folder.parent))
        server = stack.enter_context(_serving("server", cluster.make("served"), folder))
        embedded = stack.enter_context(_serving("file", f"sqlite:///{folder}/embedded.db", folder))
        targets = [Target(each, tool, folder) for each in (server, embedded)]
        for target in targets:
            target.learn()
        sides = Sides(cluster, folder, targets[0], targets[1], seconds)
        with console.status("PostgreSQL"):
            found = [sides.round() for _ in range(rounds)]
    middle = {
        name: median_low(getattr(each, name) for each in found) for name in Rates.__struct_fields__
    }
    return Rates(**middle)


def goals(found: Rates) -> tuple[Goal, ...]:
    """What is wanted of them."""
    return (
        Goal(
            name=f"engine alone on PostgreSQL, {engine.CALLERS} callers",
            wanted=f">= {ENGINE_GOAL:,}/s",
            found=f"{found.engine:,}/s",
            met=found.engine >= ENGINE_GOAL,
        ),
        Goal(
            name="HTTP on PostgreSQL, of HTTP on the embedded store",
            wanted=f">= {HTTP_GOAL_PERCENT} %",
            found=f"{found.http_percent} %",
            met=found.http_percent >= HTTP_GOAL_PERCENT,
        ),
        Goal(
            name=f"HTTP on PostgreSQL, of pgbench with {plain.CLIENTS} clients",
            wanted=f"> {PLAIN_GOAL_PERCENT} %",
            found=f"{found.plain_percent} %",
            met=found.plain_percent > PLAIN_GOAL_PERCENT,
        ),
    )


def lines(found: Rates) -> Iterator[tuple[str, str]]:
    """What was measured, for people."""
    yield f"engine alone, PostgreSQL, {engine.CALLERS} callers", f"{found.engine:,}"
    yield f"engine alone, embedded, {engine.CALLERS} callers", f"{found.engine_embedded:,}"
    yield f"HTTP, PostgreSQL, {GOAL_CONNECTIONS} connections", f"{found.http:,}"
    yield f"HTTP, embedded, {GOAL_CONNECTIONS} connections", f"{found.http_embedded:,}"
    yield f"pgbench, the same rows, {plain.CLIENTS} clients", f"{found.plain:,}"


def _serving(name: str, database: str, folder: Path) -> Server:
    command = serve_command((), free_port(), database)
    return Server(command, name, folder, folder=str(folder))
