"""settle: book what an acquirer has paid out of an order."""

from collections.abc import Sequence
from datetime import date
from functools import partial
from typing import Final

from cyclopts import App

from counterfoil.cli.opening import among
from counterfoil.cli.output import Cell, show
from counterfoil.cli.serving import Json
from counterfoil.config import SettingsError
from counterfoil.core.errors import Refused
from counterfoil.core.money import Money
from counterfoil.core.order import Settlement
from counterfoil.dialects.payfunc.items import amount
from counterfoil.dialects.payfunc.naming import find
from counterfoil.engine.settle import settle as book
from counterfoil.wiring import Parts

REFERENCE_MAX: Final = 200


def register(app: App) -> None:
    """Add these commands."""
    app.command(settle)


def settle(  # noqa: PLR0913 (each is a documented option)
    order: str,
    *,
    reference: str,
    gross: str,
    fee: str = "0",
    start: str,
    end: str,
    payout: str | None = None,
    paid: bool = False,
    merchant: int = 1,
    database: str | None = None,
    json: Json = False,
) -> None:
    """Book what an acquirer has paid out of an order; merchants see it, no money moves.

    Example: counterfoil settle AFLc84nq_AA3LdNY --reference P-7 --gross 500 --fee 15
    --start 2026-11-01 --end 2026-11-07

    Parameters
    ----------
    order
        Its id: 16 characters of the PayFunc wire, or digits.
    reference
        The payout's; booked again with the same figures it counts once.
    gross
        What was paid out before the fee; below zero where refunds were taken.
    fee
        What was kept of it.
    start
        The first day that it is for, as 2026-11-01.
    end
        The last.
    payout
        The day the money came.
    paid
        It pays all that stands charged: merchants see that as paid.
    merchant
        Whose order it is.
    database
        sqlite:///path or postgresql://user@host/name.
    """
    days = [start, end, *([payout] if payout else [])]
    act = partial(_booked, (merchant, order), (reference, *days), (gross, fee), pays=paid)
    show([among(database, act)], as_json=json)


async def _booked(
    place: tuple[int, str],
    named: Sequence[str],
    amounts: Sequence[str],
    parts: Parts,
    *,
    pays: bool,
) -> dict[str, Cell]:
    """A row about what was booked; raises `SettingsError`, `Refused`."""
    reference, *days = named
    known = await find(parts.engine, *place)
    if known is None:
        raise SettingsError(f"{place[1]!r} is no order's id")
    if not 0 < len(reference) <= REFERENCE_MAX:
        raise SettingsError(f"a reference is 1 to {REFERENCE_MAX} characters")
    start, end, *payout = [_day(each) for each in days]
    currency = known.amount.currency
    gross, fee = (_minor(text, currency) for text in amounts)
    settlement = Settlement(
        at=parts.clock.now(),
        reference=reference,
        gross=gross,
        fee=fee,
        start=start,
        end=end,
        payout=payout[0] if payout else None,
    )
    made = await book(parts.engine, place[0], known.id, settlement, pays=pays)
    net = str(amount(settlement.net, currency))
    return {"order": place[1], "reference": reference, "net": net, "times": len(made.settlements)}


def _day(text: str) -> str:
    try:
        if date.fromisoformat(text).isoformat() == text:
            return text
    except ValueError:
        pass
    raise SettingsError(f"{text!r} is no day such as 2026-11-01")


def _minor(text: str, currency: str) -> int:
    """Minor units of an amount that may be below zero; raises `SettingsError`."""
    try:
        minor = Money.parse(text.removeprefix("-"), currency).minor
    except Refused as refusal:
        raise SettingsError(f"{text!r} is no amount in {currency}") from refusal
    return -minor if text.startswith("-") else minor
