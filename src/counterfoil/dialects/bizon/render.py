"""Records to this wire: orders, operations, money and time; members in the order of the alphabet.

STATUS is the wire's word for each standing. An operation without an answer is not shown: this wire
has no word for it, and it may yet become either.
"""

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

import msgspec
from msgspec import UNSET

from counterfoil.core.card import Brand, Card, mask
from counterfoil.core.declines import BY_CODE, REASONS
from counterfoil.core.merchant import Merchant
from counterfoil.core.minor import digits, major
from counterfoil.core.order import (
    Client,
    Kind,
    Location,
    Operation,
    Order,
    Outcome,
    Payment,
    Statement,
)
from counterfoil.core.rules import Standing, standing
from counterfoil.dialects.bizon import secure, tokens
from counterfoil.dialects.bizon.errors import ERRORS
from counterfoil.dialects.bizon.shapes import (
    CardOut,
    Cashflow,
    IssuerOut,
    OperationOut,
    OrderOut,
    Secure3dOut,
    Text,
)

# fmt: off
STATUS: Final[Mapping[Standing, str]] = {
    Standing.NEW: "new",
    Standing.WAITING: "prepared",
    Standing.AUTHORIZED: "authorized",
    Standing.CHARGED: "charged",
    Standing.REVERSED: "reversed",
    Standing.REFUNDED: "refunded",
    Standing.CREDITED: "credited",
    Standing.DECLINED: "declined",
    Standing.REJECTED: "rejected",
    Standing.FRAUD: "fraud",
    Standing.DISPUTED: "chargedback",
    Standing.FAULTY: "error",
}
FAILURES: Final[Mapping[Standing, str]] = {
    Standing.DECLINED: "declined",
    Standing.REJECTED: "rejected",
    Standing.FRAUD: "fraud",
    Standing.FAULTY: "error",
}
OUTCOMES: Final[Mapping[Outcome, str]] = {
    Outcome.APPROVED: "success",
    Outcome.DECLINED: "failure",
    Outcome.FAILED: "error",
}
KINDS: Final[Mapping[Kind, str]] = {
    Kind.AUTHORIZE: "authorize",
    Kind.CHARGE: "charge",
    Kind.REVERSE: "reverse",
    Kind.REFUND: "refund",
    Kind.CREDIT: "credit",
    Kind.DISPUTE: "chargeback",
    Kind.RECOVER: "representment",
}
# fmt: on
# This wire counts Maestro as Mastercard's; every other scheme has its own name.
BRANDS: Final[Mapping[Brand, str]] = {
    brand: "mastercard" if brand is Brand.MAESTRO else brand.value for brand in Brand
}
UNROUTED: Final = frozenset({Standing.NEW, Standing.WAITING})  # no terminal is named yet
DECIMALS: Final = 2
SECOND_US: Final = 1_000_000
BLOCKS: Final = frozenset(
    {"card", "client", "custom_fields", "issuer", "location", "operations", "cashflow", "secure3d"}
)
FULL: Final = BLOCKS
NUMBERED: Final = FULL | {"rrn", "id"}  # of a token's order; no expand has them
BASE: Final[frozenset[str]] = frozenset()
encode: Final = msgspec.json.Encoder().encode
NO_CLIENT: Final = Client()
NO_LOCATION: Final = Location()


def expands(text: str) -> frozenset[str]:
    """The blocks that an `expand` names; what it misspells is ignored, as clients expect.

    `operations.cashflow` and, on orders, `cashflow` mean the operations with their cashflow.
    """
    wanted = {part.strip() for part in text.split(",")}
    if {"operations.cashflow", "cashflow"} & wanted:
        wanted |= {"operations", "cashflow"}
    return BLOCKS & wanted


def render_order(
    order: Order, merchant: Merchant, blocks: frozenset[str], *, expiration: bool = False
) -> OrderOut:
    """The order with those blocks; `expiration` shows the card's date, as some answers do."""
    payment = order.payments[-1] if order.payments else None
    card = payment.card if payment else None
    now = standing(order)
    places = digits(order.amount.currency)
    charged = refunded = 0
    auth_code: Text = UNSET
    for operation in order.operations:
        if operation.outcome is Outcome.APPROVED:
            if operation.kind is Kind.CHARGE:
                charged += operation.amount.minor
            elif operation.kind is Kind.REFUND:
                refunded += operation.amount.minor
            elif operation.kind is Kind.AUTHORIZE or operation.kind is Kind.CREDIT:
                auth_code = operation.auth_code or UNSET
    show_date = expiration or "bizon.card_expiration" in merchant.settings
    return OrderOut(
        amount=money(order.amount.minor, places),
        amount_charged=money(charged, places),
        amount_refunded=money(refunded, places),
        auth_code=auth_code,
        card=_card(card, date=show_date) if "card" in blocks else UNSET,
        client=(order.client or NO_CLIENT) if "client" in blocks else UNSET,
        created=stamp(order.created, merchant.zone),
        currency=order.amount.currency,
        custom_fields=dict(order.custom) if "custom_fields" in blocks else UNSET,
        description=order.description,
        descriptor=_descriptor(payment, now) or UNSET,
        failure_message=_failure(order, now) if now in FAILURES else UNSET,
        failure_type=FAILURES.get(now, UNSET),
        id=str(order.id),
        issuer=_issuer(card) if "issuer" in blocks else UNSET,
        location=(order.location or NO_LOCATION) if "location" in blocks else UNSET,
        merchant_order_id=order.reference,
        operations=_operations(order, merchant, blocks) if "operations" in blocks else UNSET,
        pan=mask(card.first6, card.last4) if card else UNSET,
        rrn=(order.operations[0].rrn or UNSET) if "rrn" in blocks else UNSET,
        secure3d=_secure3d(order) if "secure3d" in blocks else UNSET,
        segment=UNSET if order.segment is None else order.segment,
        status=STATUS[now],
        updated=stamp(order.updated, merchant.zone),
    )


def render_operation(
    operation: Operation,
    merchant: Merchant,
    *,
    cashflow: bool,
    order: int | None = None,
    extra: bool = False,
    numbered: bool = False,
) -> OperationOut:
    """A closed operation; `order` and `extra` are shown in lists of operations."""
    settings = merchant.settings
    currency = operation.amount.currency
    return OperationOut(
        amount=money(operation.amount.minor, digits(currency)),
        arn=(operation.arn or UNSET) if "bizon.arn" in settings else UNSET,
        auth_code=operation.auth_code or UNSET,
        cashflow=_cashflow(operation) if cashflow else UNSET,
        created=stamp(operation.created, merchant.zone),
        currency=currency,
        extra=_extra(operation) if extra else UNSET,
        id=str(operation.ordinal) if numbered else UNSET,
        iso_message=message(operation),
        iso_response_code=operation.code or "",
        order_id=UNSET if order is None else str(order),
        status=OUTCOMES[operation.outcome],
        trace_id=(operation.trace_id or UNSET) if "bizon.trace_id" in settings else UNSET,
        type=KINDS[operation.kind],
    )


def message(operation: Operation) -> str:
    """The ISO text of an operation's response code."""
    if operation.outcome is Outcome.APPROVED:
        return "Approved"
    decline = BY_CODE.get(operation.code or "") or operation.decline
    return REASONS[decline].text if decline else "Unknown"


@lru_cache(maxsize=8192)
def money(minor: int, places: int) -> str:
    """An amount: two decimals, whatever its currency has; three where cents would lie."""
    if places < DECIMALS:
        return major(minor * 10 ** (DECIMALS - places), DECIMALS)
    while places > DECIMALS and minor % 10 == 0:
        minor, places = minor // 10, places - 1
    return major(minor, places)


def stamp(instant: int, zone: str) -> str:
    """An instant as date and time in the project's zone, whole seconds."""
    return _second(instant // SECOND_US, zone)


@lru_cache(maxsize=4096)
def _second(second: int, zone: str) -> str:
    return datetime.fromtimestamp(second, ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M:%S")


def _operations(order: Order, merchant: Merchant, blocks: frozenset[str]) -> list[OperationOut]:
    cashflow = "cashflow" in blocks
    return [
        render_operation(operation, merchant, cashflow=cashflow, numbered="id" in blocks)
        for operation in order.operations
        if operation.outcome is not Outcome.PENDING
    ]


def _cashflow(operation: Operation) -> Cashflow:
    if operation.outcome is not Outcome.APPROVED:
        return _flow(Statement(currency=operation.statement.currency))
    return _flow(operation.statement)


@lru_cache(maxsize=4096)
def _flow(statement: Statement) -> Cashflow:
    places = digits(statement.currency)
    return Cashflow(
        amount=money(statement.amount, places),
        currency=statement.currency,
        fee=money(statement.fee, places),
        incoming=money(statement.incoming, places),
        receivable=money(statement.receivable, places),
        reserve=money(statement.reserve, places),
    )


def _extra(operation: Operation) -> dict[str, str]:
    shown = {"id": str(operation.ordinal)}
    if operation.rrn:
        shown["rrn"] = operation.rrn
    return shown


def _card(card: Card | None, *, date: bool) -> CardOut:
    if card is None:
        return CardOut()
    return CardOut(
        expiration=f"{card.month}/{card.year % 100:02d}" if date and card.year else _none(date),
        holder=card.holder or UNSET,
        subtype=card.subtype,
        type=BRANDS[card.brand],
    )


def _none(date: bool) -> Text:
    return "0/0" if date else UNSET


def _issuer(card: Card | None) -> IssuerOut:
    if card is None:
        return IssuerOut()
    return IssuerOut(
        bin=card.first6,
        country=card.issuer_country or UNSET,
        title=card.issuer_title or UNSET,
    )


def _secure3d(order: Order) -> Secure3dOut:
    wallet = order.payments[-1].wallet if order.payments else None
    return Secure3dOut(**(secure.shown(order) if wallet is None else tokens.members(wallet)))


def _descriptor(payment: Payment | None, now: Standing) -> str | None:
    """What the statement shows, once a terminal was asked."""
    return payment.descriptor if payment and payment.log and now not in UNROUTED else None


def _failure(order: Order, now: Standing) -> str:
    if now is Standing.REJECTED:
        return ERRORS[order.closed].message if order.closed else ""
    return message(order.operations[-1])
