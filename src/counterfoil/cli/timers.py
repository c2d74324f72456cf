"""timers: what is to happen later, what was given up, and having it tried again."""

from collections.abc import Sequence
from typing import Final

from cyclopts import App
from msgspec.structs import replace

from counterfoil.cli.deliveries import Database, Whose, check_merchant, instant
from counterfoil.cli.opening import among
from counterfoil.cli.output import Cell, say, show
from counterfoil.cli.serving import Json
from counterfoil.core.timers import Errand
from counterfoil.wiring import ID_MAX, Parts

LAST: Final = 100
timers = App(name="timers", help="What is to happen later, and what was given up.")


def register(app: App) -> None:
    """Add these commands."""
    app.command(timers)


@timers.command(name="list")
def list_(
    *,
    merchant: Whose,
    parked: bool = False,
    first: int = LAST,
    database: Database = None,
    json: Json = False,
) -> None:
    """List a merchant's timers, those due first first.

    Example: counterfoil timers list --merchant 1 --parked

    Parameters
    ----------
    parked
        Only those given up.
    first
        So many of the first due.
    """

    async def act(parts: Parts) -> Sequence[Errand]:
        await check_merchant(parts, merchant)
        return await parts.store.timers(merchant, max(0, first), parked=parked)

    show([_row(each) for each in among(database, act)], as_json=json)


@timers.command
def again(subject: int, *, merchant: Whose, database: Database = None) -> None:
    """Have what was given up of a subject tried again; a running gateway does so within seconds.

    Example: counterfoil timers again 16435814400000000 --merchant 1

    Parameters
    ----------
    subject
        What the timer is about, as `list` shows it.
    """

    async def act(parts: Parts) -> int:
        await check_merchant(parts, merchant)
        now = parts.clock.now()
        found = [
            replace(each.timer, due=now)
            for each in await parts.store.timers(merchant, ID_MAX, parked=True)
            if each.timer.subject == subject
        ]
        await parts.store.plant(merchant, found)
        return len(found)

    say(f"{among(database, act)} tried again")


def _row(errand: Errand) -> dict[str, Cell]:
    timer = errand.timer
    return {
        "kind": timer.kind,
        "subject": timer.subject,
        "endpoint": timer.lane or None,
        "due": instant(timer.due),
        "tries": errand.tries,
        "parked": errand.parked,
        "why": errand.why,
    }
