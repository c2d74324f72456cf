"""What the world is told: one event for each thing that becomes true, in the same commit."""

from enum import StrEnum
from typing import Final

from counterfoil.core.order import Kind, Operation, Outcome
from counterfoil.core.record import Record


class Event(StrEnum):
    """Something that happened to an order, in the past tense."""

    ORDER_CREATED = "order.created"
    ORDER_REJECTED = "order.rejected"
    PAYMENT_PENDING = "payment.pending"
    PAYMENT_AUTHORIZED = "payment.authorized"
    PAYMENT_FAILED = "payment.failed"
    ORDER_CHARGED = "order.charged"
    CHARGE_FAILED = "charge.failed"
    ORDER_REVERSED = "order.reversed"
    REVERSE_FAILED = "reverse.failed"
    ORDER_REFUNDED = "order.refunded"
    REFUND_FAILED = "refund.failed"
    ORDER_CREDITED = "order.credited"
    CREDIT_FAILED = "credit.failed"
    ORDER_DISPUTED = "order.disputed"
    ORDER_RECOVERED = "order.recovered"
    INVOICE_PAID = "invoice.paid"  # by its customer: no money of the merchant moves


_EVENTS: Final = {
    Kind.AUTHORIZE: (Event.PAYMENT_AUTHORIZED, Event.PAYMENT_FAILED),
    Kind.CHARGE: (Event.ORDER_CHARGED, Event.CHARGE_FAILED),
    Kind.REVERSE: (Event.ORDER_REVERSED, Event.REVERSE_FAILED),
    Kind.REFUND: (Event.ORDER_REFUNDED, Event.REFUND_FAILED),
    Kind.CREDIT: (Event.ORDER_CREDITED, Event.CREDIT_FAILED),
    Kind.DISPUTE: (Event.ORDER_DISPUTED, Event.ORDER_RECOVERED),
    Kind.RECOVER: (Event.ORDER_RECOVERED, Event.ORDER_DISPUTED),
}


class Notice(Record):
    """An event on its way to whoever wants to know; `sequence` counts the notices of one order.

    `at` is when it happened, in microseconds since 1970 UTC.
    """

    order: int
    sequence: int
    event: Event
    at: int
    operation: int | None = None


def event_of(operation: Operation) -> Event:
    """What a closed operation tells the world."""
    assert operation.outcome is not Outcome.PENDING
    approved, failed = _EVENTS[operation.kind]
    return approved if operation.outcome is Outcome.APPROVED else failed
