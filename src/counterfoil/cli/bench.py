"""bench: this machine's Counterfoil against this machine's floor."""

from pathlib import Path

from cyclopts import App
from msgspec.structs import replace

from counterfoil.bench.suite import Options, run
from counterfoil.cli.serving import Json


def register(app: App) -> None:
    """Add these commands."""
    app.command(bench)


def bench(  # noqa: PLR0913 (each is a documented option)
    *,
    call: list[str] | None = None,
    connections: list[int] | None = None,
    rounds: int = 3,
    seconds: int = 4,
    folder: Path | None = None,
    memory: bool = False,
    scale: int = 0,
    callbacks: bool = False,
    postgres: bool = False,
    json: Json = False,
) -> int:
    """Load a real server over loopback, and a bare one that does the same work on disk.

    Example: counterfoil bench --call authorize --connections 64 --rounds 5

    Parameters
    ----------
    call
        Only authorize, create, signed, order, charge, refund, get, list or filter (repeatable).
    connections
        How many connections at once (may be repeated; default 1, 8 and 64).
    rounds
        Each figure is the median of so many, the two servers in turn.
    seconds
        How long each of them lasts.
    folder
        Where the databases are made; on a disk, not in memory.
    memory
        Measure resident memory over 200,000 orders instead.
    scale
        Compare rates with so many orders stored with those at 10,000 instead.
    callbacks
        Measure what hanging addresses cost the others, and callbacks the payments, instead.
    postgres
        Measure on a PostgreSQL of its own instead, beside plain transactions of pgbench.
    """
    wanted = Options(rounds=rounds, seconds=seconds, folder=folder, as_json=json)
    return run(
        replace(
            wanted,
            calls=tuple(call or ()),
            connections=tuple(connections or wanted.connections),
            memory=memory,
            scale=scale,
            callbacks=callbacks,
            postgres=postgres,
        )
    )
