"""Records to this wire: an order with its captures, refunds and cancellations.

STATUS is the wire's word for each standing, OUTCOMES for what became of an operation. Amounts are
JSON numbers of major units; a refund's are negative. An operation without an answer is not shown.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final
from uuid import NAMESPACE_URL, UUID, uuid5

import msgspec

from counterfoil.core.declines import Decline
from counterfoil.core.errors import Code
from counterfoil.core.later import DAY_S, life_days
from counterfoil.core.merchant import Merchant
from counterfoil.core.minor import digits
from counterfoil.core.order import Kind, Operation, Order, Outcome
from counterfoil.core.rules import Standing, standing
from counterfoil.core.schedule import SECOND_US
from counterfoil.dialects.afterpay import amounts, facts
from counterfoil.dialects.afterpay.facts import Item, Shipping

# fmt: off
STATUS: Final[Mapping[Standing, str]] = {
    Standing.NEW: "Pending",
    Standing.WAITING: "Pending",
    Standing.AUTHORIZED: "Accepted",
    Standing.CHARGED: "Accepted",
    Standing.REVERSED: "Cancelled",
    Standing.REFUNDED: "Accepted",
    Standing.CREDITED: "Accepted",
    Standing.DECLINED: "Rejected",
    Standing.REJECTED: "Rejected",
    Standing.FRAUD: "Rejected",
    Standing.DISPUTED: "Accepted",
    Standing.FAULTY: "Rejected",
}
OUTCOMES: Final[Mapping[Outcome, str]] = {
    Outcome.PENDING: "Pending",
    Outcome.APPROVED: "Accepted",
    Outcome.DECLINED: "Rejected",
    Outcome.FAILED: "NotEvaluated",
}
# fmt: on
PENDING: Final = "Pending"
EXPIRED: Final = "Expired"
CANCELLED: Final = "Cancelled"
LIFE_US: Final = DAY_S * SECOND_US  # how long an order waits for its customer's login
PRICES: Final = ("grossUnitPrice", "netUnitPrice", "vatAmount")
ROUNDED: Final = (*PRICES, "vatPercent")  # to cents
CENTS: Final = 2
NOTHING: Final[Mapping[str, object]] = {}
View = dict[str, object]
encode: Final = msgspec.json.Encoder(decimal_format="number", order="sorted").encode


def stamp(instant: int) -> str:
    """An instant, UTC, in whole seconds: some clients parse it by an exact pattern."""
    return datetime.fromtimestamp(instant // SECOND_US, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def uuid(what: str, merchant: int, number: int) -> str:
    """A UUID for one of our ids: the same whenever it is shown."""
    return str(uuid5(_SPACE, f"{what} {merchant} {number}"))


_SPACE: Final[UUID] = uuid5(NAMESPACE_URL, "counterfoil:afterpay")


def tidy(number: Decimal, least: int) -> Decimal:
    """The number without zeros at its end, but with so many decimals at least."""
    whole, _, fraction = f"{number:f}".partition(".")
    fraction = fraction.rstrip("0").ljust(least, "0")
    return Decimal(f"{whole}.{fraction}" if fraction else whole)


def money(order: Order, minor: int) -> Decimal:
    """Minor units of the order's currency as the wire shows them."""
    return amounts.decimal(minor, digits(order.amount.currency))


def row(item: Item, more: Mapping[str, object] = NOTHING, *, sign: int = 1) -> View:
    """A row of an order, capture, refund or void; a refund's prices have the opposite sign."""
    figures = {
        "lineNumber": Decimal(0),
        "quantity": item.quantity,
        "grossUnitPrice": item.gross_unit_price,
        **({} if item.net_unit_price is None else {"netUnitPrice": item.net_unit_price}),
        **item.figures,
    }
    view: View = {"groupId": "", **item.words, **more}
    for name, value in figures.items():
        signed = value * sign if name in PRICES else value
        view[name] = tidy(signed, CENTS if name in ROUNDED else 0)
    return view | {"productId": item.product_id, "description": item.description}


def present(view: Mapping[str, object]) -> View:
    """The members that have a value: this wire shows no null."""
    return {name: value for name, value in view.items() if value is not None}


# What is about the order as a whole.


def number_of(order: Order) -> str:
    """The merchant's own number; of an order made on another wire its reference, or its digits."""
    return facts.of_order(order).number or order.reference or str(order.id)


def customer_number(order: Order) -> str | None:
    """The customer's number."""
    number = facts.of_order(order).customer.get("customerNumber")
    return number if isinstance(number, str) else None


def authorized_at(order: Order) -> int | None:
    """When the order was first authorized."""
    found = [each for each in amounts.approved(order) if each.kind is Kind.AUTHORIZE]
    return found[0].closed if found else None


def expires(order: Order, merchant: Merchant) -> int | None:
    """When what remains of the authorization lapses; None: never, or it is not authorized."""
    at = authorized_at(order)
    days = life_days(merchant, order.payments[-1]) if order.payments else 0
    return None if at is None or not days else at + days * DAY_S * SECOND_US


def expiration_date(order: Order, merchant: Merchant) -> str | None:
    """The same as a date."""
    at = expires(order, merchant)
    return None if at is None else stamp(at)[:10]


def awaited(order: Order) -> bool:
    """Whether the customer is to prove who it is before the order can be authorized."""
    return asked_who(order) and order.closed is None


def asked_who(order: Order) -> bool:
    """Whether its last operation ended with that."""
    operations = order.operations
    if not operations or order.payments[-1].method is None:
        return False
    return operations[-1].decline is Decline.AUTHENTICATION_REQUIRED


def rejected(order: Order) -> bool:
    """Whether it was never authorized and never will be: on this wire there is no such order."""
    known = {Outcome.APPROVED, Outcome.PENDING}
    if asked_who(order) or any(each.outcome in known for each in order.operations):
        return False
    return bool(order.operations) or order.closed is not None


def status(order: Order, merchant: Merchant, now: int) -> str:
    """The order's status."""
    if asked_who(order):
        over = order.closed is Code.SESSION_EXPIRED or now - order.created > LIFE_US
        if over:
            return EXPIRED
        return PENDING if order.closed is None else CANCELLED
    at, found = expires(order, merchant), amounts.sums(order)
    if at is not None and at <= now and not found.captured:
        lapsed = [
            each
            for each in amounts.approved(order)
            if each.kind is Kind.REVERSE and each.created >= at
        ]
        if found.remaining or lapsed:
            return EXPIRED
    return STATUS[standing(order)]


def order_view(order: Order, merchant: Merchant, now: int) -> View:
    """GET of an order: everything there is."""
    known = facts.of_order(order)
    view = {
        "orderDetails": details(order, merchant, now),
        "captures": [view for _, view in capture_views(order)],
        "refunds": [view for _, view in refunds(order)],
        "cancellations": [view for _, view in cancellations(order)],
        "payment": known.payment or None,
    }
    return present(view)


def details(order: Order, merchant: Merchant, now: int) -> View:
    """The order itself; its rows show what was ordered, not what remains."""
    known = facts.of_order(order)
    since, summary = amounts.edition(order)
    inserted, updated = stamp(order.created), stamp(max(order.updated, since))
    identifier = uuid("order", order.merchant, order.id)
    own = {"orderId": identifier, "insertedAt": inserted, "updatedAt": updated}
    gross = order.amount.minor if summary is None else summary.gross
    net = summary.net if summary else None
    view: View = {
        **own,
        **(summary.extras if summary else {}),
        "orderNumber": number_of(order),
        "status": status(order, merchant, now),
        "totalGrossAmount": money(order, gross),
        "totalNetAmount": None if net is None else tidy(net, CENTS),
        "currency": order.amount.currency,
        "expirationDate": expiration_date(order, merchant),
        "hasSeparateDeliveryAddress": known.delivery is not None,
        "customer": known.customer or None,
        "orderItems": [row(each, own) for each in (summary.items if summary else ())],
    }
    return present(view)


# Captures.


def captures(order: Order) -> list[Operation]:
    """The captures so far, oldest first."""
    return [each for each in amounts.approved(order) if each.kind is Kind.CHARGE]


def capture_views(order: Order) -> list[tuple[str, View]]:
    """The same, each with its number."""
    return [(number_of_act(each), capture(order, each)) for each in captures(order)]


def number_of_act(operation: Operation) -> str:
    """A capture's, refund's or void's number; where another wire asked for it, its digits."""
    prefix = "C" if operation.kind is Kind.REVERSE else ""
    return operation.number or f"{prefix}{operation.id}"


def reservation(order: Order) -> str:
    """The reservation's UUID."""
    return uuid("reservation", order.merchant, order.id)


def capture(order: Order, operation: Operation) -> View:
    """A capture."""
    act, number = facts.of_act(operation), number_of_act(operation)
    given, back = amounts.refunded(order).get(operation.id, (0, 0))
    tracked = [each for each in facts.of_order(order).shipping if each.capture == number]
    changed = max((each.at for each in tracked if each.at > (operation.closed or 0)), default=back)
    at = authorized_at(order)
    return present(
        {
            **act.references,
            **_whose(order, operation),
            "captureNumber": number,
            "amount": money(order, operation.amount.minor),
            "balance": money(order, operation.amount.minor - given),
            "totalRefundedAmount": money(order, given),
            "updatedAt": stamp(max(changed, back)) if changed else None,
            "orderDate": None if at is None else stamp(at),
            "captureItems": [row(each) for each in act.items],
            "shippingDetails": [tracking(each) for each in tracked],
        }
    )


def _whose(order: Order, operation: Operation) -> View:
    return {
        "reservationId": reservation(order),
        "customerNumber": customer_number(order),
        "orderNumber": number_of(order),
        "currency": order.amount.currency,
        "insertedAt": stamp(operation.closed or operation.created),
    }


def tracking(shipping: Shipping) -> View:
    """Tracking of a capture."""
    return present(
        {
            "shippingNumber": shipping.number,
            "type": shipping.type,
            "shippingCompany": shipping.shipping_company,
            "trackingId": shipping.tracking_id,
            "trackingUrl": shipping.tracking_url,
        }
    )


# Refunds and cancellations: each with the number that finds it.


def refunds(order: Order) -> list[tuple[str, View]]:
    """The refunds; one that another wire took from several captures is one of each."""
    numbers = {each.id: number_of_act(each) for each in captures(order)}
    found: list[tuple[str, View]] = []
    for operation in amounts.approved(order):
        if operation.kind is not Kind.REFUND:
            continue
        for at, part in enumerate(operation.parts):
            own = number_of_act(operation)
            number = own if at == 0 else f"{own}-{at + 1}"
            view = _refund(order, operation, number, part.minor)
            found.append((number, {**view, "captureNumber": numbers[part.charge]}))
    return found


def _refund(order: Order, operation: Operation, number: str, minor: int) -> View:
    act, back = facts.of_act(operation), money(order, -minor)
    identifier = uuid("refund", order.merchant, operation.id)
    return present(
        {
            **act.references,
            **_whose(order, operation),
            "refundId": identifier,
            "refundNumber": number,
            "refundType": act.refund_type,
            "amount": back,
            "balance": back,
            "refundItems": [row(each, {"refundId": identifier}, sign=-1) for each in act.items],
        }
    )


def cancellations(order: Order) -> list[tuple[str, View]]:
    """The voids since the order is as it is; what a final charge let go of is one, too."""
    since, _ = amounts.edition(order)
    found: list[tuple[str, View]] = []
    for operation in amounts.approved(order):
        void = operation.kind is Kind.REVERSE
        minor = operation.amount.minor if void else operation.released
        if minor and (operation.closed or 0) > since:
            number = number_of_act(operation) if void else f"C{operation.id}"
            found.append((number, _cancellation(order, operation, number, minor)))
    return found


def _cancellation(order: Order, operation: Operation, number: str, minor: int) -> View:
    act = facts.of_act(operation)
    rows = act.items if operation.kind is Kind.REVERSE else ()
    return {
        **act.references,
        "cancellationNo": number,
        "cancellationAmount": money(order, minor),
        "cancellationItems": [row(each, {"cancellationNumber": number}) for each in rows],
    }


# Answers to calls.


def capture_answer(order: Order, operation: Operation) -> View:
    """What a capture answers."""
    found = amounts.sums(order, operation.closed or 0)
    return {
        "capturedAmount": money(order, operation.amount.minor),
        "authorizedAmount": money(order, found.authorized),
        "remainingAuthorizedAmount": money(order, found.remaining),
        "captureNumber": number_of_act(operation),
        "totalCapturedAmount": money(order, found.captured),
        "totalRefundedAmount": money(order, found.refunded),
    }


def refund_answer(order: Order, operations: Sequence[Operation]) -> View:
    """What a refund answers: the refunds that it made."""
    numbers = [number_of_act(each) for each in operations]
    return {**_totals(order, operations), "refundNumbers": numbers}


def void_answer(order: Order, operations: Sequence[Operation]) -> View:
    """What a void answers."""
    voided = sum(each.amount.minor for each in operations)
    return {**_totals(order, operations), "voidedAmount": money(order, voided)}


def _totals(order: Order, operations: Iterable[Operation]) -> View:
    found = amounts.sums(order, max(each.closed or 0 for each in operations))
    return {
        "totalCapturedAmount": money(order, found.captured),
        "totalAuthorizedAmount": money(order, found.authorized),
        "totalRefundedAmount": money(order, found.refunded),
        "remainingAuthorizedAmount": money(order, found.remaining),
    }


def customer_view(described: Mapping[str, object] | None) -> View | None:
    """A CustomerResponse."""
    if described is None:
        return None
    address = described.get("address")
    names = ("customerNumber", "firstName", "lastName")
    view = {name: described.get(name) for name in names}
    return present({**view, "addressList": [address] if address else []})
