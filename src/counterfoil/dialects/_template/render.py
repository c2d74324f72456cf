"""Records to this wire: a payment and its operations; amounts are whole minor units.

STATUS is the wire's word for each standing, OUTCOMES for what became of an operation.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec

from counterfoil.core.card import mask
from counterfoil.core.order import Kind, Order, Outcome
from counterfoil.core.rules import Standing, standing

# fmt: off
STATUS: Final[Mapping[Standing, str]] = {
    Standing.NEW:        "new",
    Standing.WAITING:    "pending",
    Standing.AUTHORIZED: "authorized",
    Standing.CHARGED:    "charged",
    Standing.REVERSED:   "reversed",
    Standing.REFUNDED:   "refunded",
    Standing.CREDITED:   "credited",
    Standing.DECLINED:   "declined",
    Standing.REJECTED:   "rejected",
    Standing.FRAUD:      "declined",
    Standing.DISPUTED:   "disputed",
    Standing.FAULTY:     "failed",
}
OUTCOMES: Final[Mapping[Outcome, str]] = {
    Outcome.PENDING:  "pending",
    Outcome.APPROVED: "approved",
    Outcome.DECLINED: "declined",
    Outcome.FAILED:   "failed",
}
# fmt: on
SECOND_US: Final = 1_000_000


class OperationOut(msgspec.Struct, kw_only=True):
    """One thing that was done, or tried."""

    amount: int
    outcome: str
    type: str


class PaymentOut(msgspec.Struct, kw_only=True):
    """A payment; members in the order of the alphabet."""

    amount: int
    amount_charged: int
    amount_refunded: int
    card: str | None
    created: str
    currency: str
    id: str
    operations: list[OperationOut]
    reference: str | None
    status: str


class PageOut(msgspec.Struct, kw_only=True):
    """A page of payments, newest first; `next` is the `before` of the page below."""

    next: str | None
    payments: list[PaymentOut]


encode: Final = msgspec.json.Encoder().encode


def payment(order: Order) -> PaymentOut:
    """The order as this wire's payment."""
    known = order.payments[-1].card if order.payments else None
    return PaymentOut(
        amount=order.amount.minor,
        amount_charged=approved(order, Kind.CHARGE),
        amount_refunded=approved(order, Kind.REFUND),
        card=mask(known.first6, known.last4) if known else None,
        created=stamp(order.created),
        currency=order.amount.currency,
        id=str(order.id),
        operations=[
            OperationOut(
                amount=each.amount.minor, outcome=OUTCOMES[each.outcome], type=each.kind.value
            )
            for each in order.operations
        ],
        reference=order.reference,
        status=STATUS[standing(order)],
    )


def page(orders: Sequence[Order], limit: int) -> PageOut:
    """The first `limit` orders; whether there is one more says whether there is a next page."""
    shown = orders[:limit]
    return PageOut(
        next=str(shown[-1].id) if len(orders) > limit else None,
        payments=[payment(order) for order in shown],
    )


def approved(order: Order, kind: Kind) -> int:
    """Minor units that operations of that kind moved; what has no answer yet is not counted."""
    return sum(
        each.amount.minor
        for each in order.operations
        if each.kind is kind and each.outcome is Outcome.APPROVED
    )


def stamp(instant: int) -> str:
    """An instant as RFC 3339 text, whole seconds, UTC."""
    return f"{datetime.fromtimestamp(instant // SECOND_US, UTC):%Y-%m-%dT%H:%M:%SZ}"
