"""What lists filter orders by."""

from typing import Final

from counterfoil.core.order import Order
from counterfoil.core.rules import standing

_FILTERS: Final = "reference ip bin issuer_title issuer_country subtype brand standing"
FILTERS: Final = tuple(_FILTERS.split())


def projection(order: Order) -> tuple[str | None, ...]:
    """What lists filter the order by, in the order of FILTERS; the card is the last payment's."""
    card = order.payments[-1].card if order.payments else None
    return (
        order.reference,
        order.location.ip if order.location else None,
        card.first6 if card else None,
        card.issuer_title if card else None,
        card.issuer_country if card else None,
        card.subtype if card else None,
        card.brand._value_ if card else None,
        standing(order)._value_,
    )
