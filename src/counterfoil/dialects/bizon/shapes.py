"""The shapes of this wire's answers; members in the order of the alphabet, absent where unset."""

import msgspec
from msgspec import UNSET, UnsetType

from counterfoil.core.order import Client, Location

Text = str | UnsetType


class Cashflow(msgspec.Struct):
    """What an operation means for the merchant's money."""

    amount: str
    currency: str
    fee: str
    incoming: str
    receivable: str
    reserve: str


class OperationOut(msgspec.Struct, kw_only=True):
    """An operation."""

    amount: str
    arn: Text = UNSET
    auth_code: Text = UNSET
    cashflow: Cashflow | UnsetType = UNSET
    created: str
    currency: str
    extra: dict[str, str] | UnsetType = UNSET
    id: Text = UNSET
    iso_message: str
    iso_response_code: str
    order_id: Text = UNSET
    status: str
    trace_id: Text = UNSET
    type: str


class CardOut(msgspec.Struct, kw_only=True):
    """A card; nothing to pay with."""

    expiration: Text = UNSET
    holder: Text = UNSET
    subtype: Text = UNSET
    type: Text = UNSET


class IssuerOut(msgspec.Struct, kw_only=True):
    """The card's issuer, as far as the BIN table knows it."""

    bin: Text = UNSET
    country: Text = UNSET
    title: Text = UNSET


class Secure3dOut(msgspec.Struct, kw_only=True):
    """The cardholder's authentication."""

    authorization_status: Text = UNSET
    cavv: Text = UNSET
    ds_trans_id: Text = UNSET
    dsrp: Text = UNSET
    dsrp_type: Text = UNSET
    eci: Text = UNSET
    reason: Text = UNSET
    scenario: Text = UNSET
    version: Text = UNSET
    xid: Text = UNSET


class OrderOut(msgspec.Struct, kw_only=True):
    """An order: the base form, and the blocks that were asked for."""

    amount: str
    amount_charged: str
    amount_refunded: str
    auth_code: Text = UNSET
    card: CardOut | UnsetType = UNSET
    client: Client | UnsetType = UNSET
    created: str
    currency: str
    custom_fields: dict[str, str] | UnsetType = UNSET
    description: str | None
    descriptor: Text = UNSET
    failure_message: Text = UNSET
    failure_type: Text = UNSET
    form3d: dict[str, str] | UnsetType = UNSET
    form3d_html: Text = UNSET
    id: str
    issuer: IssuerOut | UnsetType = UNSET
    location: Location | UnsetType = UNSET
    merchant_order_id: str | None
    operations: list[OperationOut] | UnsetType = UNSET
    pan: Text = UNSET
    rrn: Text = UNSET
    secure3d: Secure3dOut | UnsetType = UNSET
    segment: Text = UNSET
    status: str
    updated: str


class OrdersOut(msgspec.Struct):
    """The envelope of orders."""

    orders: list[OrderOut]
