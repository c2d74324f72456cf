"""Webhooks: events with their entities as they stood, signed over the bytes that are sent.

A notice of ours may be several events of this wire (a charge that completes an order is told as
`payment.captured` and `order.paid`); an address gets those it has asked for, one after another.
Source: the vendor's webhook pages; the times between repetitions are measured ones.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from msgspec.structs import replace

from counterfoil.core.callbacks import Callback, Told
from counterfoil.core.events import Event
from counterfoil.core.order import Kind, Operation, Order, Outcome, Payment
from counterfoil.core.rules import find
from counterfoil.core.schedule import Schedule
from counterfoil.dialects.razorpay import facts, ids, render, signatures, subscriptions

SECOND_US: Final = 1_000_000
TIMEOUT_S: Final = 5
CARD: Final = frozenset({"card"})
# 6, 13, 20, 43, 82 seconds after the event, then twice the time each: 16 posts in 22.8 hours.
PAUSES_S: Final = (6, 7, 7, 23, 39, *(82 << step for step in range(10)))
EVENTS: Final[Mapping[Event, tuple[str, ...]]] = {
    Event.PAYMENT_AUTHORIZED: ("payment.authorized",),
    Event.PAYMENT_FAILED: ("payment.failed",),
    Event.ORDER_CHARGED: ("payment.captured", "order.paid"),
    Event.ORDER_REFUNDED: ("refund.created", "refund.speed_changed", "refund.processed"),
    Event.ORDER_REVERSED: ("refund.created", "refund.processed"),
    Event.REFUND_FAILED: ("refund.created", "refund.failed"),
}


class Webhook:
    """Implements `core.callbacks.Form`."""

    schedule = Schedule(pauses_s=PAUSES_S, spread_percent=0, switches_off=True)
    events = frozenset(EVENTS)

    def callback(self, told: Told) -> Callback | None:
        """The first of the notice's events that the address wants, and with it the others."""
        wanted = [
            _callback(told, part, name)
            for part, name in enumerate(EVENTS[told.notice.event])
            if subscriptions.wants(told.endpoint, name)
        ]
        posts = [each for each in wanted if each is not None]
        return replace(posts[0], then=tuple(posts[1:])) if posts else None


def _callback(told: Told, part: int, name: str) -> Callback | None:
    """One event; None where it did not happen."""
    notice, order = told.notice, told.order
    if notice.operation is None or notice.operation not in {each.id for each in order.operations}:
        return None
    payment, operation = find(order, notice.operation)
    if not _happened(name, order, payment, operation):
        return None
    payload = dict(_payload(name, order, payment, operation, notice.at))
    body = render.encode(
        {
            "entity": "event",
            "account_id": ids.written("acc_", order.merchant),
            "event": name,
            "contains": list(payload),
            "payload": {kind: {"entity": entity} for kind, entity in payload.items()},
            "created_at": notice.at // SECOND_US,
        }
    )
    number = ids.event_id(order.id, notice.sequence, part)
    headers = [
        ("User-Agent", "Razorpay-Webhook/v1"),
        ("X-Razorpay-Event-Id", number),
        ("Request-Id", number),
    ]
    if told.secrets:
        headers.append(("X-Razorpay-Signature", signatures.of(told.secrets[0], body)))
    return Callback(body=body, headers=tuple(headers), timeout_s=TIMEOUT_S)


def _happened(name: str, order: Order, payment: Payment, operation: Operation) -> bool:
    if name == "order.paid":
        return render.order(order).status == "paid"
    if name == "refund.speed_changed":
        pending = operation.outcome is Outcome.PENDING
        asked = facts.of_refund(operation).optimum and not pending
        return asked and render.speed(payment, operation) == "normal"
    if operation.kind is Kind.REVERSE:
        return render.gives_back(payment, operation)
    return operation.outcome is not Outcome.PENDING


def _number(order: Order, payment: Payment) -> int:
    return order.payments.index(payment) + 1


def _payload(
    name: str, order: Order, payment: Payment, operation: Operation, at: int
) -> Iterator[tuple[str, object]]:
    number = _number(order, payment)
    if name.startswith("refund."):
        yield "refund", render.refund(order, number, operation, at)
    yield "payment", render.payment(order, number, at, CARD)
    if name == "order.paid":
        yield "order", render.order(order, at)
