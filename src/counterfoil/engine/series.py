"""Payments of a series: a card is stored by the first, and later ones say so and prove it.

Schemes want to know of a payment on a stored card who began it, and the network's id of the one by
which its holder agreed. Source: their frameworks for stored credentials (specification "standards",
7.1 and 7.2).
"""

from typing import Final, Protocol

from msgspec.structs import replace

from counterfoil.core.errors import Refused
from counterfoil.core.order import Kind, Order, Outcome, Recurring
from counterfoil.core.ports import ID_MAX

CUSTOMER: Final = "c"  # indicators of payments that the customer begins: c101 and so on
ID_DIGITS_MAX: Final = 19


class Loads(Protocol):
    """Where orders are found."""

    async def load(self, merchant: int, order: int) -> Order:
        """The order; raises `Refused(ORDER_NOT_FOUND)`."""
        ...


def network_id(order: Order) -> str | None:
    """The network's id of the payment by which the holder agreed, as far as the order knows it."""
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
    indicator = said.indicator or ""
    return replace(
        said,
        first=False,
        parent=said.parent or str(source.id),
        trace_id=said.trace_id or network_id(source),
        attended=indicator.lower().startswith(CUSTOMER) if indicator else cvv and given is None,
    )


async def joined(store: Loads, merchant: int, given: Recurring | None) -> Recurring | None:
    """What the merchant says of a payment with a card, with the network's id if we know its parent.

    One that names a parent or a network's id is not the first. A parent that is not ours stays as
    it was named.
    """
    if given is None or not (given.parent or given.trace_id or given.indicator):
        return given
    known = given
    if given.trace_id is None and given.parent is not None:
        known = replace(given, trace_id=await _known(store, merchant, given.parent))
    later = bool(known.parent or known.trace_id)
    attended = (known.indicator or "").lower().startswith(CUSTOMER)
    return replace(known, first=known.first and not later, attended=later and attended)


async def _known(store: Loads, merchant: int, parent: str) -> str | None:
    digits = parent.isascii() and parent.isdigit() and len(parent) <= ID_DIGITS_MAX
    if not digits or int(parent) > ID_MAX:
        return None
    try:
        order = await store.load(merchant, int(parent))
    except Refused:
        return None
    return network_id(order) if order.payments else None
