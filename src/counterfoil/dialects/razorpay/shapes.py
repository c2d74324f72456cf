"""What the wire shows that our own code looks at, too; the rest is written where it is made."""

from collections.abc import Sequence

import msgspec
from msgspec import UNSET, UnsetType

Text = str | None
Shown = dict[str, object]  # members in the order of the vendor's reference


class CollectionOut(msgspec.Struct):
    """A collection as it goes over the wire."""

    entity: str
    count: int
    items: Sequence[object]


class OrderOut(msgspec.Struct, kw_only=True):
    """An order; what is not expanded is UNSET."""

    id: str
    entity: str = "order"
    amount: int
    amount_paid: int
    amount_due: int
    currency: str
    receipt: Text
    offer_id: None = None
    status: str
    attempts: int
    notes: msgspec.Raw
    created_at: int
    payments: CollectionOut | UnsetType = UNSET
    transfers: CollectionOut | UnsetType = UNSET
    virtual_account: UnsetType | None = UNSET
    offers: CollectionOut | UnsetType = UNSET
