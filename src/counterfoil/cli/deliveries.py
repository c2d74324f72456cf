"""webhooks deliveries: what was sent, what waits, and sending it again."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated, Final

from cyclopts import App, Parameter

from counterfoil.cli.opening import among
from counterfoil.cli.output import Cell, print_json, say, show
from counterfoil.cli.serving import Json
from counterfoil.config import SettingsError
from counterfoil.core.callbacks import Attempt, AttemptQuery
from counterfoil.core.order import instant_of
from counterfoil.core.timers import Due, Timer
from counterfoil.wiring import Parts
from counterfoil.world import EPOCH

ID_MAX: Final = 2**63 - 1
deliveries = App(name="deliveries", help="What was sent: list, waiting, show, resend.")
Database = Annotated[str | None, Parameter(help="sqlite:///path.")]
Whose = Annotated[int, Parameter(help="The merchant's id.")]


@deliveries.command(name="list")
def attempts(  # noqa: PLR0913 (each is a documented option)
    *,
    merchant: Whose,
    endpoint: int | None = None,
    order: int | None = None,
    failed: bool = False,
    last: int = 20,
    database: Database = None,
    json: Json = False,
) -> None:
    """List attempts, the newest first.

    Example: counterfoil webhooks deliveries list --merchant 1 --failed

    Parameters
    ----------
    endpoint
        Only to this endpoint.
    order
        Only of this order.
    failed
        Only those that were not taken.
    last
        So many of the newest.
    """
    query = AttemptQuery(
        merchant=merchant,
        limit=max(0, last),
        endpoint=endpoint,
        order=order,
        delivered=False if failed else None,
    )

    async def act(parts: Parts) -> Sequence[Attempt]:
        await check_merchant(parts, merchant)
        return await parts.store.attempts(query)

    show([_line(each) for each in among(database, act)], as_json=json)


@deliveries.command
def waiting(*, merchant: Whose, database: Database = None, json: Json = False) -> None:
    """List what waits to be told, and what was given up (parked).

    Example: counterfoil webhooks deliveries waiting --merchant 1
    """

    async def act(parts: Parts) -> list[dict[str, Cell]]:
        await check_merchant(parts, merchant)
        return [
            {
                "order": each.timer.subject,
                "endpoint": each.timer.lane,
                "from": each.timer.since,
                "due": instant(each.timer.due),
                "tries": each.tries,
                "parked": each.parked,
                "why": each.why,
            }
            for each in await parts.store.timers(merchant, ID_MAX)
            if each.timer.kind is Due.DELIVER
        ]

    show(among(database, act), as_json=json)


@deliveries.command(name="show")
def show_(attempt: int, *, merchant: Whose, database: Database = None) -> None:
    """Show one attempt, with the first bytes of its answer.

    Example: counterfoil webhooks deliveries show 16435814400000000 --merchant 1

    Parameters
    ----------
    attempt
        The attempt's id.
    """
    print_json(full(among(database, lambda parts: _attempt(parts, merchant, attempt))))


@deliveries.command
def resend(attempt: int, *, merchant: Whose, database: Database = None) -> None:
    """Have an attempt made again, with the same id; a running gateway does so within a second.

    Example: counterfoil webhooks deliveries resend 16435814400000000 --merchant 1

    Parameters
    ----------
    attempt
        The attempt's id.
    """

    async def act(parts: Parts) -> None:
        made = await _attempt(parts, merchant, attempt)
        await check_endpoint(parts, made)
        now = parts.clock.now()
        timer = Timer(kind=Due.RESEND, subject=made.id, lane=made.endpoint, due=now)
        await parts.store.plant(merchant, [timer])

    among(database, act)
    say("it will be sent again")


async def check_merchant(parts: Parts, merchant: int) -> None:
    """Raise `SettingsError` where there is no such merchant."""
    if not 0 <= merchant <= ID_MAX or await parts.store.merchant(merchant) is None:
        raise SettingsError(f"there is no merchant {merchant}")


async def check_endpoint(parts: Parts, made: Attempt) -> None:
    """Raise `SettingsError` where the attempt's endpoint is gone."""
    if all(each.id != made.endpoint for each in await parts.store.endpoints(made.merchant)):
        raise SettingsError(f"merchant {made.merchant} has no endpoint {made.endpoint}")


async def _attempt(parts: Parts, merchant: int, attempt: int) -> Attempt:
    await check_merchant(parts, merchant)
    found = await parts.store.attempt(merchant, min(attempt, ID_MAX))
    if found is None:
        raise SettingsError(f"merchant {merchant} has no attempt {attempt}")
    return found


def _line(attempt: Attempt) -> dict[str, Cell]:
    receipt = attempt.receipt
    return {
        "id": attempt.id,
        "at": instant(instant_of(attempt.id)),
        "endpoint": attempt.endpoint,
        "order": attempt.order,
        "sequence": attempt.sequence,
        "event": attempt.event,
        "status": receipt.why if receipt.status is None else receipt.status,
        "ms": receipt.took_us // 1000,
    }


def full(attempt: Attempt) -> dict[str, object]:
    """All that is known of an attempt."""
    return {**_line(attempt), "answer": attempt.receipt.answer}


def instant(moment: int) -> str:
    """Microseconds since 1970 as ISO 8601, in UTC."""
    return (EPOCH + timedelta(microseconds=moment)).isoformat(timespec="milliseconds")
