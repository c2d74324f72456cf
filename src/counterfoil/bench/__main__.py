"""The benchmark's own command line: `python -m counterfoil.bench`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from counterfoil.bench.calls import CALLS
from counterfoil.bench.suite import Options, run


def options(arguments: Sequence[str] | None) -> Options:
    """The options in these arguments, or in the process's own."""
    usual = Options()
    parser = argparse.ArgumentParser(
        prog="python -m counterfoil.bench",
        description="Measure this machine's Counterfoil against this machine's floor.",
    )
    add = parser.add_argument
    add("--calls", nargs="+", default=(), choices=[call.name for call in CALLS], help="only these")
    add("--connections", nargs="+", type=int, default=usual.connections, help="how many at once")
    add("--rounds", type=int, default=usual.rounds, help="a figure is the median of so many")
    add("--seconds", type=int, default=usual.seconds, help="how long each of them lasts")
    add("--folder", type=Path, help="where the databases are made; on a disk")
    add("--json", action="store_true", help="for machines")
    add("--memory", action="store_true", help="resident memory over 200,000 orders instead")
    add("--scale", type=int, default=0, metavar="N", help="rates with N orders stored instead")
    add("--callbacks", action="store_true", help="what callbacks cost instead")
    given = parser.parse_args(arguments)
    return Options(
        calls=tuple(given.calls),
        connections=tuple(given.connections),
        rounds=given.rounds,
        seconds=given.seconds,
        folder=given.folder,
        as_json=given.json,
        memory=given.memory,
        scale=given.scale,
        callbacks=given.callbacks,
    )


if __name__ == "__main__":
    sys.exit(run(options(None)))
