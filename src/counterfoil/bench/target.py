"""A server under load, with the order ids that its next runs go over.

Ids are made by the server itself, through the same calls: a run of `authorize` that writes down
each id it was answered, and for refunds a run of `charge` over those.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from counterfoil.bench.calls import AUTHORIZE, CHARGE, Call, Uses
from counterfoil.bench.load import LoadError, Plan, Sample, drive
from counterfoil.bench.lua import Slice
from counterfoil.bench.server import Server

KNOWN: Final = 1000
WARM_SECONDS: Final = 2
PREPARE_CONNECTIONS: Final = 64
PREPARE_SECONDS_MAX: Final = 20  # of one run; there are as many runs as it takes
SPARE_PERCENT: Final = 130  # ids for a run: more than the last rate would use up
SPARE: Final = 500  # and at least so many more, because what is in flight at the end is lost
RUN_MAX: Final = 40_000  # ids for a run; enough to know a p99 by


class Target:
    """The product or the floor."""

    def __init__(self, server: Server, tool: str, folder: Path) -> None:
        self.server = server
        self._tool = tool
        self._folder = folder / server.name
        self._folder.mkdir()
        self._used = {Uses.AUTHORIZED: 0, Uses.CHARGED: 0}
        self._count = dict.fromkeys(Uses, 0)
        self._allotted = 0
        self.rate = 1

    def learn(self) -> None:
        """Warm the server up, and note ids to read; raises `LoadError`."""
        sample = self._collect(AUTHORIZE, Uses.KNOWN, None, WARM_SECONDS)
        self.rate = max(sample.rate, 1)
        if self._count[Uses.KNOWN] < KNOWN:
            raise LoadError(f"the {self.server.name} server made fewer than {KNOWN} orders")

    def know(self, ids: Sequence[str]) -> None:
        """Read these orders from now on."""
        self._file(Uses.KNOWN).write_text("\n".join(ids) + "\n", encoding="ascii")
        self._count[Uses.KNOWN] = len(ids)

    def ready(self, call: Call, rate: int, seconds: int, rounds: int) -> None:
        """Have ids for so many runs of that call, should they reach about that rate."""
        if call.uses in self._used:
            self._allotted = min(rate * seconds * SPARE_PERCENT // 100 + SPARE, RUN_MAX)
            self._prepare(call.uses, self._allotted * rounds)

    def measure(self, call: Call, connections: int, seconds: int) -> Sample:
        """One run; raises `LoadError`."""
        plan = Plan(call=call, connections=connections, seconds=seconds, ids=self._ids(call))
        return self._drive(plan)

    def _prepare(self, uses: Uses, count: int) -> None:
        while (missing := count - self._left(uses)) > 0:
            seconds = min(missing // self.rate + 1, PREPARE_SECONDS_MAX)
            if uses is Uses.AUTHORIZED:
                self._collect(AUTHORIZE, uses, None, seconds)
            else:
                self._prepare(Uses.AUTHORIZED, missing + SPARE)
                source = self._take(Uses.AUTHORIZED, missing + SPARE)
                self._collect(CHARGE, uses, source, seconds + 1)

    def _ids(self, call: Call) -> Slice | None:
        if call.uses is Uses.NONE:
            return None
        if call.uses is Uses.KNOWN:
            return Slice(
                file=self._file(Uses.KNOWN), start=0, end=min(KNOWN, self._count[Uses.KNOWN])
            )
        return self._take(call.uses, self._allotted)

    def _collect(self, call: Call, uses: Uses, ids: Slice | None, seconds: int) -> Sample:
        file = self._file(uses)
        plan = Plan(
            call=call, connections=PREPARE_CONNECTIONS, seconds=seconds, ids=ids, collect=file
        )
        sample = self._drive(plan)
        self._count[uses] = len(file.read_bytes().splitlines())
        return sample

    def _drive(self, plan: Plan) -> Sample:
        return drive(self._tool, self.server.base, plan, self._folder)

    def _file(self, uses: Uses) -> Path:
        return self._folder / f"{uses}.ids"

    def _left(self, uses: Uses) -> int:
        return self._count[uses] - self._used[uses]

    def _take(self, uses: Uses, count: int) -> Slice:
        start = self._used[uses]
        end = min(start + count, self._count[uses])
        if start == end:
            raise LoadError(f"no {uses} orders are left for the {self.server.name} server")
        self._used[uses] = end
        return Slice(file=self._file(uses), start=start, end=end)
