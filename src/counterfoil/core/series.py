"""Payments of a series: a card is stored by the first, and later ones say so and prove it.

Schemes want to know of a payment on a stored card who began it, and the network's id of the one by
which its holder agreed. Source: their frameworks for stored credentials (specification "standards",
7.1 and 7.2).
"""

from typing import Final

from msgspec.structs import replace

from counterfoil.core.order import Kind, Order, Outcome, Recurring

CUSTOMER: Final = "c"  # indicators of payments that the customer begins: c101 and so on


def network_id(order: Order) -> str | None:
    """The network's id of the payment by which the holder agreed, as far as the order knows it."""
    if not order.payments:
        return None
    payment = order.payments[-1]
    if payment.recurring is not None and payment.recurring.trace_id is not None:
        return payment.recurring.trace_id
    approved = (
        each.trace_id
        for each in payment.log
        if each.kind is Kind.AUTHORIZE and each.outcome is Outcome.APPROVED
    )
    return next(approved, None)


def rebilled(source: Order, given: Recurring | None, *, cvv: bool) -> Recurring:
    """What is said of a rebill; `given` is what the merchant says of it.

    With check digits the customer is there, unless the merchant says that it belongs to a series.
    """
    said = given or Recurring()
    return replace(
        said,
        first=False,
        parent=said.parent or str(source.id),
        trace_id=said.trace_id or network_id(source),
        attended=_attended(said) if said.indicator else cvv and given is None,
    )


def joined(given: Recurring, parent: Order | None) -> Recurring:
    """What is said of a payment with a card; one that names a parent or an id is not the first."""
    trace_id = given.trace_id or (network_id(parent) if parent else None)
    later = bool(given.parent or trace_id)
    return replace(
        given,
        first=given.first and not later,
        trace_id=trace_id,
        attended=later and _attended(given),
    )


def _attended(said: Recurring) -> bool:
    return (said.indicator or "").lower().startswith(CUSTOMER)
