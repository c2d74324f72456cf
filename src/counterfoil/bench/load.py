"""The load: wrk, one thread, keep-alive connections; a run counts only if every answer was 2xx."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

import msgspec

from counterfoil.bench.calls import Call
from counterfoil.bench.lua import Slice, script
from counterfoil.core.record import Record

TIMEOUT: Final = "10s"  # of one request; a slower one is broken
GRACE_S: Final = 60  # how much longer than asked a run may take before it is given up


class LoadError(Exception):
    """A run that proves nothing; the text says why."""


class Sample(Record):
    """What one run of wrk found; times in microseconds."""

    requests: int
    elapsed_us: int
    p50_us: int
    p99_us: int
    refused: int = 0
    broken: int = 0

    @property
    def rate(self) -> int:
        """Requests in a second."""
        return self.requests * 1_000_000 // max(self.elapsed_us, 1)


class Plan(Record):
    """One run: the call, over which ids, on how many connections, for how long."""

    call: Call
    connections: int
    seconds: int
    ids: Slice | None = None
    collect: Path | None = None


def find_tool() -> str:
    """The path of wrk, installed from Debian first where we may; raises `LoadError`."""
    found = shutil.which("wrk")
    apt = shutil.which("apt-get")
    if found is None and apt is not None and os.geteuid() == 0:
        subprocess.run([apt, "install", "-y", "-q", "wrk"], check=False, capture_output=True)  # noqa: S603 (a path found by us)
        found = shutil.which("wrk")
    if found is None:
        raise LoadError("wrk is missing; it generates the load: apt-get install wrk")
    return found


def drive(tool: str, base: str, plan: Plan, folder: Path) -> Sample:
    """Put that load on the server at `base`; raises `LoadError`."""
    path = folder / "load.lua"
    path.write_text(script(plan.call, plan.ids, plan.collect), encoding="utf-8")
    url = base if plan.ids is not None else base + plan.call.path
    command = [tool, "-t1", f"-c{plan.connections}", f"-d{plan.seconds}s", "--timeout", TIMEOUT]
    try:
        ended = subprocess.run(  # noqa: S603 (a path found by us, numbers and our own file)
            [*command, "-s", str(path), url],
            capture_output=True,
            text=True,
            check=False,
            timeout=plan.seconds + GRACE_S,
        )
    except subprocess.TimeoutExpired:
        raise LoadError(f"{plan.call.name}: wrk did not end") from None
    return read(plan.call, ended.stdout, ended.stderr)


def read(call: Call, output: str, errors: str) -> Sample:
    """The sample in wrk's output; raises `LoadError` where an answer was no success."""
    lines = [line for line in output.splitlines() if line.startswith('{"requests"')]
    if not lines:
        raise LoadError(f"{call.name}: wrk said {(errors or output).strip()[-300:]!r}")
    sample = msgspec.json.decode(lines[-1], type=Sample)
    if sample.refused or sample.broken:
        raise LoadError(
            f"{call.name}: {sample.refused} of {sample.requests} answers were no success, "
            f"{sample.broken} connections broke"
        )
    if not sample.requests:
        raise LoadError(f"{call.name}: no answer came")
    return sample
