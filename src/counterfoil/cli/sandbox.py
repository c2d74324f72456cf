"""sandbox: the test bank's book, and the clock of a deployment that tests with it."""

from datetime import timedelta
from typing import Final

from cyclopts import App

from counterfoil.cli import tokens
from counterfoil.cli.opening import within
from counterfoil.cli.output import print_json, say, show
from counterfoil.cli.serving import Json
from counterfoil.config import SettingsError, from_environment
from counterfoil.connectors.sandbox.book import Book, BookError, open_book
from counterfoil.core.ports import Store
from counterfoil.wiring import book_file, clock_file
from counterfoil.world import EPOCH, SystemClock, seconds

BANK: Final = "sandbox"  # the connector of the test bank
sandbox = App(name="sandbox", help="The test bank: its clock and its book.")


def register(app: App) -> None:
    """Add these commands."""
    app.command(sandbox)
    tokens.register(sandbox)


@sandbox.command
def clock(*, database: str | None = None) -> None:
    """Print the deployment's time.

    Example: counterfoil sandbox clock

    Parameters
    ----------
    database
        sqlite:///path or postgresql://user@host/name.
    """
    settings = from_environment(database=database)
    print(_now(SystemClock(clock_file(settings.beside))))


@sandbox.command
def advance(by: str, *, database: str | None = None) -> None:
    """Move the deployment's clock forward; a running gateway follows within a second.

    It stops on the way wherever something falls due: charges, retries, ends of sessions. Where a
    merchant has a terminal at a real acquirer it is refused.

    Example: counterfoil sandbox advance 48h

    Parameters
    ----------
    by
        90, 30m, 48h or 2d.
    database
        sqlite:///path or postgresql://user@host/name.
    """
    settings = from_environment(database=database)
    if not settings.embedded or settings.path.exists():
        within(database, _refuse_real)
    clock = SystemClock(clock_file(settings.beside))
    clock.advance(seconds(by))
    clock.look()
    print(_now(clock))


@sandbox.command
def book(
    *, last: int = 0, totals: bool = False, database: str | None = None, json: Json = False
) -> None:
    """Print what the test bank has booked.

    Example: counterfoil sandbox book --last 20
    Example: counterfoil sandbox book --totals --json

    Parameters
    ----------
    last
        So many of the newest entries (default all).
    totals
        Approved minor units by the reference they go back to, and kind.
    database
        sqlite:///path or postgresql://user@host/name.
    """
    if last < 0:
        raise SettingsError(f"--last {last}: so many of the newest entries, not less than 0")
    settings = from_environment(database=database)
    if settings.embedded and not settings.path.exists():
        raise SettingsError(f"there is no database {settings.path}; counterfoil migrate makes one")
    path = book_file(settings.beside)
    if not path.exists():
        say(f"nothing is booked yet: there is no {path}")
        return
    kept = open_book(path)
    try:
        _print(kept, last, totals=totals, as_json=json)
    except BookError as error:
        raise SettingsError(f"{path}: {error}") from error
    finally:
        kept.close()


def _print(kept: Book, last: int, *, totals: bool, as_json: bool) -> None:
    if totals:
        print_json({str(key): value for key, value in kept.totals().items()})
        return
    rows = [
        {
            "reference": each.reference,
            "kind": each.kind,
            "order": each.order,
            "minor": each.minor,
            "currency": each.currency,
            "original": each.original,
            "outcome": each.outcome,
            "code": each.code,
        }
        for each in kept.entries()
    ]
    show(rows[-last:], as_json=as_json)


async def _refuse_real(store: Store) -> None:
    """Raise `SettingsError` where anybody's money could move before its time."""
    merchants = await store.merchants()
    named = {terminal.connector for each in merchants for terminal in each.terminals} - {BANK}
    if named:
        raise SettingsError(f"no sandbox: terminals use {', '.join(sorted(named))}")


def _now(clock: SystemClock) -> str:
    moment = EPOCH + timedelta(microseconds=clock.now())
    return moment.isoformat(timespec="seconds")
