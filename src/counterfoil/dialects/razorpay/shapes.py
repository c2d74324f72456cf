"""The objects of this wire: members in the order of its reference; what is left out is UNSET."""

from collections.abc import Sequence

import msgspec
from msgspec import UNSET, UnsetType

Text = str | None


class Upi(msgspec.Struct):
    """Of a UPI payment."""

    payer_account_type: str
    vpa: Text
    flow: str


class CardOut(msgspec.Struct, kw_only=True):
    """A card; nothing to pay with."""

    id: str
    entity: str = "card"
    name: str
    last4: str
    network: str
    type: str
    issuer: None = None
    international: bool = False
    emi: bool = False
    sub_type: str = "consumer"
    token_iin: None = None


class CollectionOut(msgspec.Struct):
    """A collection as it goes over the wire."""

    entity: str
    count: int
    items: Sequence[object]


class PaymentOut(msgspec.Struct, kw_only=True):
    """A payment."""

    id: str
    entity: str = "payment"
    amount: int
    currency: str
    status: str
    order_id: Text
    invoice_id: None = None
    international: bool = False
    method: str
    amount_refunded: int
    refund_status: Text
    captured: bool
    description: Text
    card_id: Text
    card: CardOut | UnsetType = UNSET
    bank: Text
    wallet: Text
    vpa: Text
    email: str
    contact: Text
    notes: msgspec.Raw
    fee: int | None
    tax: int | None
    error_code: Text
    error_description: Text
    error_source: Text
    error_step: Text
    error_reason: Text
    acquirer_data: dict[str, Text]
    upi: Upi | UnsetType = UNSET
    created_at: int
    customer_id: str | UnsetType = UNSET
    refunds: CollectionOut | UnsetType = UNSET
    emi: UnsetType | None = UNSET
    offers: UnsetType | None = UNSET
    token: UnsetType | None = UNSET
    transaction: UnsetType | None = UNSET


class OrderOut(msgspec.Struct, kw_only=True):
    """An order."""

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


class RefundOut(msgspec.Struct, kw_only=True):
    """A refund."""

    id: str
    entity: str = "refund"
    amount: int
    currency: str
    payment_id: str
    notes: msgspec.Raw
    receipt: Text
    acquirer_data: dict[str, Text]
    created_at: int
    batch_id: None = None
    status: str
    speed_processed: Text
    speed_requested: str
