"""Amounts of rows, their totals, and where the money of an order stands, as this wire counts it.

A row is rounded half up to the currency's cents once, by magnitude, so that a discount and its
refund cancel out. Totals may differ from the rows by what rounded unit prices can cause; within
that the total as sent is the amount. VAT is never computed. Source: specification, section 2.

Authorized (A) is what was captured (C), voided (V) and remains: captures and refunds never lower
it, and an update of the order begins V anew. An operation without an answer counts as nothing.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Final, NamedTuple

from msgspec.structs import replace

from counterfoil.core import claims, rules
from counterfoil.core.change import FOREVER
from counterfoil.core.minor import major
from counterfoil.core.order import Kind, Operation, Order, Outcome, Payment
from counterfoil.core.remember import remembered
from counterfoil.dialects.afterpay import facts
from counterfoil.dialects.afterpay.facts import Item, Summary
from counterfoil.dialects.afterpay.reading import EXACT

CENT: Final = Decimal("0.01")
HALF_CENT: Final = Decimal("0.005")


def minor(amount: Decimal, places: int) -> int:
    """An amount of major units in minor units, rounded half up."""
    return int(EXACT.quantize(amount.scaleb(places, EXACT), Decimal(1)))


def decimal(amount: int, places: int) -> Decimal:
    """Minor units as major units, with the currency's decimals."""
    return Decimal(major(amount, places))


def total(items: Iterable[Item], places: int) -> int:
    """What the rows come to, in minor units."""
    return sum(
        minor(EXACT.multiply(each.gross_unit_price, each.quantity), places) for each in items
    )


def total_net(items: Iterable[Item], places: int) -> int | None:
    """What the rows come to without VAT; None where a row does not say."""
    found = 0
    for each in items:
        if each.net_unit_price is None:
            return None
        found += minor(EXACT.multiply(each.net_unit_price, each.quantity), places)
    return found


def agree(sent: int, found: int, items: Iterable[Item], places: int) -> bool:
    """Whether a total agrees with its rows, as far as rounded unit prices let it."""
    pieces = sum((abs(each.quantity) for each in items), Decimal(0))
    allowance = EXACT.add(CENT, EXACT.multiply(HALF_CENT, pieces))
    return decimal(abs(sent - found), places) <= allowance


def left(items: Iterable[Item], *taken: Iterable[Item]) -> tuple[Item, ...]:
    """The rows less the quantities that others took of equal products, first rows first."""
    gone: dict[str, Decimal] = {}
    for rows in taken:
        for row in rows:
            gone[row.product_id] = gone.get(row.product_id, Decimal(0)) + row.quantity
    found: list[Item] = []
    for row in items:
        less = min(gone.get(row.product_id, Decimal(0)), row.quantity)
        gone[row.product_id] = gone.get(row.product_id, Decimal(0)) - less
        if row.quantity > less:
            found.append(replace(row, quantity=row.quantity - less))
    return tuple(found)


class Sums(NamedTuple):
    """Minor units of an order, at some instant."""

    captured: int
    voided: int
    refunded: int
    remaining: int

    @property
    def authorized(self) -> int:
        """A."""
        return self.captured + self.voided + self.remaining


def sums(order: Order, at: int = FOREVER) -> Sums:
    """Where the order's money stood right after that instant."""
    done = approved_by(order, at)
    of = {
        kind: sum(each.amount.minor for each in done if each.kind is kind)
        for kind in (Kind.AUTHORIZE, Kind.CHARGE, Kind.REVERSE, Kind.REFUND)
    }
    released = sum(each.released for each in done)
    since, _ = edition(order, at)
    voids = [each for each in done if (each.closed or 0) > since]
    return Sums(
        captured=of[Kind.CHARGE],
        voided=sum(
            each.released + (each.amount.minor if each.kind is Kind.REVERSE else 0)
            for each in voids
        ),
        refunded=of[Kind.REFUND],
        remaining=of[Kind.AUTHORIZE] - of[Kind.CHARGE] - of[Kind.REVERSE] - released,
    )


@remembered
def approved(order: Order) -> list[Operation]:
    """The operations approved so far, oldest first."""
    return [each for each in order.operations if each.outcome is Outcome.APPROVED]


def approved_by(order: Order, at: int) -> list[Operation]:
    """The same, of those that were approved by that instant."""
    return [each for each in approved(order) if (each.closed or 0) <= at]


def edition(order: Order, at: int = FOREVER) -> tuple[int, Summary | None]:
    """Since when the order is as it was last made, and what it is for."""
    known = facts.of_order(order)
    found = [(0, known.summary)]
    found += [(each.since, each.summary) for each in known.editions if each.since <= at]
    for each in approved_by(order, at):
        update = facts.of_act(each).update
        if update is not None:
            found.append((each.closed or 0, update))
    return max(found, key=lambda row: row[0])


def available(order: Order) -> int:
    """Minor units that one capture can take now: those of one payment, and not under way."""
    return rules.position(live(order))[rules.Bucket.AUTHORIZED] if order.payments else 0


def balances(order: Order) -> dict[int, int]:
    """Minor units that can still be refunded of each capture, oldest first."""
    return {
        charge: balance
        for payment in order.payments
        for charge, balance in claims.balances(payment).items()
    }


@remembered
def refunded(order: Order) -> Mapping[int, tuple[int, int]]:
    """Minor units refunded of each capture, and when it was last."""
    found: dict[int, tuple[int, int]] = {}
    for each in approved(order):
        for part in each.parts if each.kind is Kind.REFUND else ():
            before, _ = found.get(part.charge, (0, 0))
            found[part.charge] = (before + part.minor, each.closed or 0)
    return found


def live(order: Order) -> Payment:
    """The payment that captures, voids and updates are about: the latest that was authorized."""
    holding = [
        payment
        for payment in order.payments
        if rules.position(payment)[rules.Bucket.AUTHORIZED] > 0
    ]
    return (holding or order.payments)[-1]
