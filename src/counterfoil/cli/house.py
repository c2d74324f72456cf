"""copy, backup: a database moved to another, or kept safe."""

import asyncio
import os
import sys
from pathlib import Path
from typing import Annotated, Final

import apsw
from cyclopts import App, Parameter
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from counterfoil.cli.output import say
from counterfoil.config import Settings, SettingsError, from_environment
from counterfoil.database import open_house, open_store
from counterfoil.engine.verify import Proof, verify
from counterfoil.store import moving
from counterfoil.store.sqlite import connect

PAGES: Final = 1_000  # of the file at a time


def register(app: App) -> None:
    """Add these commands."""
    app.command(copy)
    app.command(backup)


def copy(
    *, source: Annotated[str, Parameter("--from")], target: Annotated[str, Parameter("--to")]
) -> int:
    """Copy everything that rests into another database, and prove it; stop the gateways first.

    Interrupted, run it again: it goes on where it stopped. The master key, the test bank's book
    and the clock are files; move them yourself.

    Example: counterfoil copy --from sqlite:///data/counterfoil.db --to postgresql://me@db/shop

    Parameters
    ----------
    source
        sqlite:///path or postgresql://user@host/name.
    target
        The same; its schema is made if need be.
    """
    return asyncio.run(
        _copied(from_environment(database=source), from_environment(database=target))
    )


async def _copied(source: Settings, target: Settings) -> int:
    for settings, create in ((source, False), (target, True)):  # both at the newest schema
        await (await open_store(settings, create=create)).close()
    old, new = await open_house(source), await open_house(target)
    try:
        total = sum(each.rows for each in await moving.counts(old))
        with _bar() as bar:
            task = bar.add_task("copied", total=total)
            await moving.copy(old, new, lambda rows: bar.advance(task, rows))
            task = bar.add_task("compared", total=2 * total)
            before = await moving.digests(old, lambda rows: bar.advance(task, rows))
            there = await moving.digests(new, lambda rows: bar.advance(task, rows))
    finally:
        await old.close()
        await new.close()
    wrong = [each for each in before if each not in there]
    for each in wrong:
        say(f"{each.table} of merchant {each.merchant}: the {each.rows} rows are not the same")
    proof = await _proof(target)
    for difference in proof.differences:
        say(f"merchant {difference.merchant} order {difference.order}: {difference.what}")
    if wrong or not proof.holds:
        say("the copy is not whole; was a gateway writing meanwhile?")
        return 1
    say(f"{total} rows copied and compared, {proof.orders} orders proved")
    return 0


async def _proof(settings: Settings) -> Proof:
    store = await open_store(settings, create=False)
    try:
        proofs = [proof async for proof in verify(store)]
    finally:
        await store.close()
    return proofs[-1]


def backup(file: Path, *, database: str | None = None) -> None:
    """Copy the embedded database into a file, as of one moment, while the gateway serves it.

    Example: counterfoil backup /backups/monday.db

    Parameters
    ----------
    file
        Where the copy is written; it must not be there yet.
    database
        sqlite:///path.
    """
    settings = from_environment(database=database)
    if not settings.embedded:
        raise SettingsError("back a PostgreSQL database up with its own pg_dump or pg_basebackup")
    if not settings.path.exists():
        raise SettingsError(f"there is no database {settings.path}; counterfoil migrate makes one")
    if file.exists():
        raise SettingsError(f"{file} is there already")
    part = file.with_name(f"{file.name}.part")
    part.unlink(missing_ok=True)
    part.touch(mode=0o600)
    pages = _backed_up(settings.path, part)
    with part.open("rb") as whole:
        os.fsync(whole.fileno())
    part.rename(file)
    say(f"{pages} pages; the master key is not among them, keep it elsewhere")


def _backed_up(path: Path, part: Path) -> int:
    source, target = connect(path), apsw.Connection(str(part))
    with source, _bar() as bar:  # one moment: what is written meanwhile stays out
        source.execute("SELECT count(*) FROM merchants").fetchall()
        task = bar.add_task("pages", total=None)
        with target.backup("main", source, "main") as work:
            while not work.done:
                work.step(PAGES)
                bar.update(task, total=work.page_count, completed=work.page_count - work.remaining)
            pages = work.page_count
    target.close()
    source.close()
    return int(pages)


def _bar() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    return Progress(
        *columns,
        TimeRemainingColumn(),
        console=Console(stderr=True),
        disable=not sys.stderr.isatty(),
        transient=True,
    )
