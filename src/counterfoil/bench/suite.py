"""One run of the benchmark: start the servers, load them in turn, hold the figures to the goals.

Product and floor take turns within each figure, so that whatever else the machine does disturbs
both; they are never under load together.
"""

import asyncio
import contextlib
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median_low
from typing import Final

import msgspec
from msgspec.structs import replace
from rich.console import Console

from counterfoil.bench import figures, report, wire
from counterfoil.bench.callbacks import Fan, drain, fan_rate, listen_to, receive_command
from counterfoil.bench.calls import AUTHORIZE, CALLS, FILTER, GET, Call
from counterfoil.bench.cluster import Cluster, free_port
from counterfoil.bench.figures import GOAL_CONNECTIONS, Fanned, Findings, Resident, Row
from counterfoil.bench.fill import fill_database
from counterfoil.bench.load import LoadError, find_tool
from counterfoil.bench.server import (
    Server,
    ask,
    disk_folder,
    floor_command,
    serve_command,
)
from counterfoil.bench.target import Target
from counterfoil.core.record import Record
from counterfoil.version import compiled

MEMORY_ORDERS: Final = 200_000
MEMORY_SECONDS: Final = 5  # between two samples of the memory
NAMES: Final = frozenset(call.name for call in CALLS)
SCALE_CALLS: Final = (GET, FILTER, AUTHORIZE)  # what adds orders comes last


class Options(Record):
    """What to measure. Without `memory`, `scale`, `callbacks` and `postgres` it is the table.

    With `postgres` the `scale` is that of databases there.
    `calls` are names, none is all; `few` are the stored orders that `scale` is compared with; `fan`
    says how many callbacks go to how many addresses.
    """

    calls: tuple[str, ...] = ()
    connections: tuple[int, ...] = (1, 8, GOAL_CONNECTIONS)
    rounds: int = 3
    seconds: int = 4
    folder: Path | None = None
    as_json: bool = False
    memory: bool = False
    scale: int = 0
    few: int = 10_000
    callbacks: bool = False
    fan: Fan = Fan()
    command: tuple[str, ...] = ()
    postgres: bool = False


class Identified(Record):
    """An order in an answer: all we want of it is its id."""

    id: str


class Answered(Record):
    """The envelope of answers about orders."""

    orders: tuple[Identified, ...]


def run(options: Options) -> int:
    """Measure and report: 0 when everything was measured, 1 when a run failed.

    A missed goal is a finding, not a failure.
    """
    console = Console(stderr=True)
    try:
        tool = find_tool()
        with _folder(options.folder) as folder:
            bench = Bench(options, tool, folder, console)
            findings = bench.findings()
    except LoadError as error:
        console.print(f"bench: {error}", style="red", markup=False, highlight=False)
        return 1
    report.show(findings, sys.stdout, as_json=options.as_json)
    return 0


class Bench:
    """The parts of one run; each starts the servers it needs and ends them."""

    def __init__(self, options: Options, tool: str, folder: Path, console: Console) -> None:
        self._options = options
        self._tool = tool
        self._folder = folder
        self._console = console

    def findings(self) -> Findings:
        """Measure what was asked for; raises `LoadError`."""
        found = Findings(compiled=compiled())
        options = self._options
        if not (options.memory or options.scale or options.callbacks or options.postgres):
            found = self._table(found)
        if self._options.memory:
            found = self._memory(found)
        if self._options.scale:
            found = self._scale(found)
        if self._options.callbacks:
            found = self._callbacks(found)
        if options.postgres and not options.scale:
            found = self._postgres(found)
        return found

    def _postgres(self, found: Findings) -> Findings:
        from counterfoil.bench import servers  # noqa: PLC0415 (an extra brings the driver)

        options = self._options
        rates = servers.measure(
            self._tool, self._folder, options.rounds, options.seconds, self._console
        )
        shared = tuple(servers.lines(rates))
        return replace(found, postgres=shared, goals=(*found.goals, *servers.goals(rates)))

    def _table(self, found: Findings) -> Findings:
        with contextlib.ExitStack() as stack:
            ours = self._target(stack, self._product("product"))
            ours.learn()
            base = ours.server.base
            calls = wire.ready(CALLS, f"sqlite:///{self._database('product')}", base)
            floor = self._target(stack, self._floor(sizes(base, calls)))
            floor.learn()
            wanted = [call for call in calls if call.name in (self._options.calls or NAMES)]
            rows = tuple(self._rows(wanted, ours, floor))
            memory = ours.server.memory_kb()
        goals = (*found.goals, *figures.table_goals(rows))
        return replace(found, table=rows, memory_kb=memory, goals=goals)

    def _rows(self, calls: Sequence[Call], ours: Target, floor: Target) -> Iterator[Row]:
        rates: dict[int, tuple[int, int]] = {}
        for call in calls:
            for connections in self._options.connections:
                guess = rates.get(connections, (ours.rate, floor.rate))
                row = self._row(call, connections, (ours, floor), guess)
                rates.setdefault(connections, (row.rate, row.reference))
                yield row

    def _row(
        self, call: Call, connections: int, pair: tuple[Target, Target], rates: tuple[int, int]
    ) -> Row:
        options = self._options
        for target, rate in zip(pair, rates, strict=True):
            target.ready(call, rate, options.seconds, options.rounds)
        ours, theirs = [], []
        with self._console.status(f"{call.title}, {connections} connections"):
            for _ in range(options.rounds):
                ours.append(pair[0].measure(call, connections, options.seconds))
                theirs.append(pair[1].measure(call, connections, options.seconds))
        return figures.row(call, connections, ours, theirs)

    def _memory(self, found: Findings) -> Findings:
        resident: list[Resident] = []
        orders = 0
        with contextlib.ExitStack() as stack:
            target = self._target(stack, self._product("memory"))
            while orders < MEMORY_ORDERS:
                with self._console.status(f"{orders:,} orders"):
                    sample = target.measure(AUTHORIZE, GOAL_CONNECTIONS, MEMORY_SECONDS)
                orders += sample.requests
                resident.append(Resident(orders=orders, kb=target.server.memory_kb()))
        goals = (*found.goals, *figures.memory_goals(resident))
        return replace(found, resident=tuple(resident), goals=goals)

    def _scale(self, found: Findings) -> Findings:
        orders = self._options.scale
        with contextlib.ExitStack() as stack:
            cluster = None
            if self._options.postgres:
                cluster = stack.enter_context(Cluster(within=self._folder.parent))
            few, many = (
                self._filled(stack, name, count, cluster)
                for name, count in (("few", self._options.few), ("many", orders))
            )
            rows = tuple(
                self._row(call, GOAL_CONNECTIONS, (many, few), (0, 0)) for call in SCALE_CALLS
            )
        goals = (*found.goals, *figures.scale_goals(rows, orders))
        return replace(
            found, scale=rows, scale_orders=orders, few_orders=self._options.few, goals=goals
        )

    def _callbacks(self, found: Findings) -> Findings:
        fanned, told = self._fanned(self._options.fan), self._told()
        goals = (*found.goals, *figures.callback_goals(fanned, told))
        return replace(found, fanned=fanned, told=told, goals=goals)

    def _fanned(self, fan: Fan) -> Fanned:
        some, none = [], []
        with self._console.status("callbacks to many addresses"):
            for _ in range(self._options.rounds):
                some.append(fan_rate(fan, fan.hanging, self._folder))
                none.append(fan_rate(fan, 0, self._folder))
        return Fanned(
            hanging=fan.hanging,
            addresses=fan.addresses,
            rate=median_low(some),
            reference=median_low(none),
        )

    def _told(self) -> Row:
        """Authorizations, where one address is told of each and where nobody is."""
        told, untold = [], []
        with contextlib.ExitStack() as stack:
            loud, silent = (self._target(stack, self._product(name)) for name in ("told", "untold"))
            port = free_port()
            stack.enter_context(Server(receive_command(port), "receiver", self._folder))
            listen_to(port, self._database("told"))
            for target in (loud, silent):
                target.learn()
            for _ in range(self._options.rounds):
                drain(self._database("told"))
                untold.append(silent.measure(AUTHORIZE, GOAL_CONNECTIONS, self._options.seconds))
                told.append(loud.measure(AUTHORIZE, GOAL_CONNECTIONS, self._options.seconds))
        return figures.row(AUTHORIZE, GOAL_CONNECTIONS, told, untold)

    def _filled(
        self, stack: contextlib.ExitStack, name: str, count: int, cluster: Cluster | None
    ) -> Target:
        """A server of a database with so many orders; it seeds the database before."""
        url = cluster.make(name) if cluster else f"sqlite:///{self._database(name)}"
        with self._serving(name, url):
            pass
        ids = asyncio.run(fill_database(url, count, self._console))
        if cluster:
            cluster.rest(name)
        target = self._target(stack, self._serving(name, url))
        target.know(ids)
        return target

    def _target(self, stack: contextlib.ExitStack, server: Server) -> Target:
        return Target(stack.enter_context(server), self._tool, self._folder)

    def _product(self, name: str) -> Server:
        return self._serving(name, f"sqlite:///{self._database(name)}")

    def _serving(self, name: str, database: str) -> Server:
        command = serve_command(self._options.command, free_port(), database)
        beside = {} if database.startswith("sqlite:") else {"folder": str(self._folder)}
        return Server(command, name, self._folder, **beside)

    def _floor(self, answers: dict[str, int]) -> Server:
        command = floor_command(free_port(), self._folder / "floor.db", answers)
        return Server(command, "floor", self._folder)

    def _database(self, name: str) -> Path:
        """Each in a folder of its own, because its master key rests beside it."""
        folder = self._folder / f"{name}-store"
        folder.mkdir(exist_ok=True)
        return folder / "bench.db"


def sizes(base: str, calls: Sequence[Call]) -> dict[str, int]:
    """How many bytes the product answers each call with; asked once, on one order.

    `calls` begin with the one that makes the order.
    """
    answer = ask(base, calls[0])
    order = msgspec.json.decode(answer, type=Answered).orders[0].id
    found = {calls[0].name: len(answer)}
    for call in calls[1:]:
        found[call.name] = len(ask(base, call, order))
    return found


@contextlib.contextmanager
def _folder(given: Path | None) -> Iterator[Path]:
    """A new folder on a disk, removed afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="counterfoil-bench-", dir=disk_folder(given)))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
