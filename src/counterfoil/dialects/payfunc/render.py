"""Records to this wire: orders with a status for every unit, their history, the map of amounts.

STATUS is the wire's word for each standing. What has no answer yet is shown as if it had not been
begun. Where money stands is read off the buckets (`core/rules.py`); what is disputed still stands
charged here, for this wire has no word for it. Amounts are numbers in major units.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from operator import itemgetter
from typing import Final

import msgspec
from msgspec.structs import replace

from counterfoil.core.card import Brand, Card
from counterfoil.core.declines import Decline
from counterfoil.core.errors import Code
from counterfoil.core.order import Kind, Operation, Order, Outcome, Payment, Settlement, instant_of
from counterfoil.core.payouts import paid as paid_out
from counterfoil.core.payouts import paid_units
from counterfoil.core.rules import Bucket, Standing, position, standing
from counterfoil.core.units import Place, UnitState, states
from counterfoil.dialects.payfunc.errors import declined
from counterfoil.dialects.payfunc.identifiers import identifier, reference
from counterfoil.dialects.payfunc.items import amount, shown
from counterfoil.dialects.payfunc.kept import facts
from counterfoil.engine.accounts import FIRST, owed

# fmt: off
STATUS: Final[Mapping[Standing, str]] = {
    Standing.NEW:        "created",
    Standing.WAITING:    "created",
    Standing.AUTHORIZED: "ordered",
    Standing.CHARGED:    "charged",
    Standing.REVERSED:   "cancelled",
    Standing.REFUNDED:   "refunded",
    Standing.CREDITED:   "paid",
    Standing.DECLINED:   "denied",
    Standing.REJECTED:   "denied",
    Standing.FRAUD:      "denied",
    Standing.DISPUTED:   "charged",
    Standing.FAULTY:     "denied",
}
OUTCOMES: Final[Mapping[Outcome, str]] = {
    Outcome.APPROVED: "order",
    Outcome.DECLINED: "fail",
    Outcome.FAILED:   "fail",
}
BUCKETS: Final[Mapping[Bucket, str]] = {
    Bucket.AUTHORIZED: "ordered",
    Bucket.CHARGED:    "charged",
    Bucket.REFUNDED:   "refunded",
    Bucket.DISPUTED:   "charged",
    Bucket.CREDITED:   "paid",
    Bucket.REVERSED:   "cancelled",
}
UNITS: Final[Mapping[UnitState, str]] = {
    UnitState.AUTHORIZED: "ordered",
    UnitState.CHARGED:    "charged",
    UnitState.REVERSED:   "cancelled",
    UnitState.REFUNDED:   "refunded",
    UnitState.DISPUTED:   "charged",
    UnitState.WAIVED:     "cancelled",
}
EVENTS: Final[Mapping[Kind, tuple[str, str]]] = {  # the event, and the status that it leads to
    Kind.AUTHORIZE: ("order",  "ordered"),
    Kind.CHARGE:    ("charge", "charged"),
    Kind.REVERSE:   ("cancel", "cancelled"),
    Kind.REFUND:    ("refund", "refunded"),
    Kind.CREDIT:    ("pay",    "paid"),
}
SCHEMES: Final[Mapping[Brand, str]] = {
    Brand.VISA: "visa", Brand.MASTERCARD: "mastercard", Brand.AMEX: "amex", Brand.JCB: "jcb",
    Brand.DANKORT: "dankort", Brand.DINERS: "diners", Brand.DISCOVER: "discover",
    Brand.MAESTRO: "maestro", Brand.UNIONPAY: "unionpay",
}
# fmt: on
MADE: Final = frozenset({Outcome.APPROVED, Outcome.PENDING})
REFERRED: Final = frozenset({Kind.CHARGE, Kind.REFUND})
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MS_US: Final = 1000
SECOND_US: Final = 1_000_000
SECONDS_MAX: Final = 256  # whose text is remembered: what happens now is most of what is shown
Object = dict[str, object]
_said: Final = msgspec.json.Decoder(dict[str, str]).decode


def chosen(order: Order) -> str:
    """The id that its client gave the order, else its number's."""
    return str(facts(order).order.get("id") or identifier(order.id))


def named(order: Order) -> str:
    """Its id; what nothing came of has left a chosen one to another try."""
    made = order.retries is not None or any(each.outcome in MADE for each in order.operations)
    return chosen(order) if made else identifier(order.id)


def stamp(instant: int) -> str:
    """An instant as this wire writes it: milliseconds, UTC."""
    second, rest = divmod(instant, SECOND_US)
    return f"{_second(second)}.{rest // MS_US:03d}Z"


@lru_cache(maxsize=SECONDS_MAX)
def _second(second: int) -> str:
    return f"{EPOCH + timedelta(seconds=second):%Y-%m-%dT%H:%M:%S}"


def firm(order: Order) -> Order:
    """The order without what has no answer."""
    if all(each.outcome is not Outcome.PENDING for each in order.operations):
        return order
    payments = tuple(
        replace(payment, log=tuple(e for e in payment.log if e.outcome is not Outcome.PENDING))
        for payment in order.payments
    )
    return replace(order, payments=payments)


def rest(order: Order) -> str:
    """The status of what nobody has paid, holds or gave back."""
    if order.closed is Code.ORDER_CLOSED:
        return "cancelled"
    if order.closed is not None:
        return "denied"
    if order.retries is not None and owed(order):
        return "pending"
    return "denied" if standing(order) in {Standing.DECLINED, Standing.FRAUD} else "created"


def parts(order: Order) -> dict[str, int]:
    """Minor units by status; the first event that led to a status gives its place."""
    sums: dict[str, int] = {}
    for payment in order.payments:
        stands = position(payment)
        for bucket, status in BUCKETS.items():
            if stands[bucket]:
                sums[status] = sums.get(status, 0) + stands[bucket]
    out = min(paid_out(order), sums.get("charged", 0))
    if out:
        after = {"charged": sums["charged"] - out, "paid": sums.get("paid", 0) + out}
        sums = {status: minor for status, minor in (sums | after).items() if minor}
    given_back = sums.pop("cancelled", 0) + sum(each.minor for each in order.waived)
    left = order.amount.minor - sum(sums.values())
    cancelled = min(given_back, left)
    if cancelled:
        sums["cancelled"] = cancelled
    if left > cancelled:
        status = rest(order)
        sums[status] = sums.get(status, 0) + left - cancelled
    if len(sums) == 1:
        return sums
    waived = ["cancelled"] if order.waived else []
    led = [(operation.closed or 0, status) for status, operation in _led(order)]
    led += [(each.at, "paid") for each in order.settlements]
    words = [status for _, status in sorted(led, key=itemgetter(0))]
    seen = ["created", "denied", "pending", *waived, *words, "cancelled"]
    return {status: sums[status] for status in sorted(sums, key=seen.index)}


def _led(order: Order) -> Iterator[tuple[str, Operation]]:
    for operation in order.operations:
        if operation.outcome is Outcome.APPROVED and operation.kind in EVENTS:
            yield EVENTS[operation.kind][1], operation
            if operation.released:
                yield "cancelled", operation


def items(order: Order, sums: Mapping[str, int]) -> object:
    """Lines with a status for each unit; or a total, in as many parts as it has statuses."""
    currency = order.amount.currency
    if order.lines:
        open_as, out = rest(order), paid_units(order)
        found = [
            shown(
                row,
                currency,
                [
                    "paid" if (at, unit) in out else UNITS.get(state, open_as)
                    for unit, state in enumerate(states(order)[at])
                ],
            )
            for at, row in enumerate(order.lines)
        ]
    else:
        found = [
            {"price": amount(minor, currency), "status": [status]} for status, minor in sums.items()
        ]
    return found[0] if len(found) == 1 else found


def events(order: Order) -> list[Object]:
    """The history, oldest first; it begins with how the order was made."""
    found: list[Object] = []
    first = [each for each in order.operations if order.retries and each.number == FIRST]
    if order.retries is not None and all(each.decline is not None for each in first):
        made = max((each.closed or 0 for each in first), default=order.created)
        found.append({"type": "pend", "date": stamp(made)})
    for operation in order.operations:
        if not (order.retries and operation.number == FIRST and operation.decline):
            found += _told(order, operation)
    if order.closed is not None:
        kind = "cancel" if order.closed is Code.ORDER_CLOSED else "deny"
        found.append({"type": kind, "date": stamp(order.closed_at or order.created)})
    if order.waived or order.settlements:
        for each in order.waived:
            items = moved(order, each.minor, each.places)
            found.append({"type": "cancel", "date": stamp(each.at), "items": items})
        for booked in order.settlements:
            found += settled(order, booked)
        found.sort(key=lambda event: str(event["date"]))
    return found


def settled(order: Order, known: Settlement) -> Iterator[Object]:
    """A settlement in the history, and what was paid by it."""
    currency, date = order.amount.currency, stamp(known.at)
    if known.paid:
        part = known.paid < order.amount.minor
        items = {"items": moved(order, known.paid, known.places)} if part else {}
        yield {"type": "pay", "date": date, "reference": known.reference, **items}
    yield {
        "type": "settle",
        "date": date,
        "period": {"start": known.start, "end": known.end},
        "gross": amount(known.gross, currency),
        "fee": amount(-known.fee, currency),
        "net": amount(known.net, currency),
        "currency": currency,
        "reference": known.reference,
        **({"payout": known.payout} if known.payout else {}),
    }


def _told(order: Order, operation: Operation) -> Iterator[Object]:
    """What an operation is in the history."""
    if operation.kind not in EVENTS or operation.closed is None:
        return
    kind = EVENTS[operation.kind][0]
    told: Object = {"date": stamp(operation.closed), "type": kind}
    if operation.kind is not Kind.AUTHORIZE and operation.amount.minor < order.amount.minor:
        told["items"] = moved(order, operation.amount.minor, operation.places)
    if operation.facts is not None and operation.facts.startswith('{"descriptor":'):
        told |= _said(operation.facts)
    if operation.decline is not None:
        told |= {"type": "fail", "original": kind, "error": declined(operation.decline).members}
    elif operation.kind in REFERRED:
        told["reference"] = reference(operation.id)
    yield told
    if operation.released and operation.outcome is Outcome.APPROVED:
        let_go = amount(operation.released, order.amount.currency)
        yield {"type": "cancel", "date": stamp(operation.closed), "items": let_go}


def moved(order: Order, minor: int, places: Sequence[Place]) -> object:
    """What an event moves: an amount, or lines with so many pieces."""
    currency = order.amount.currency
    if not order.lines:
        return amount(minor, currency)
    counts: dict[int, int] = {}
    for at, _ in places:
        counts[at] = counts.get(at, 0) + 1
    found = [shown(order.lines[at], currency) | {"quantity": count} for at, count in counts.items()]
    return found[0] if len(found) == 1 else found


def paid(order: Order) -> bool:
    """Whether a payment of the order was ever authorized."""
    return any(each.outcome is Outcome.APPROVED for each in order.operations)


def hidden(order: Order) -> bool:
    """Whether nobody is shown it: it waited for a cardholder, or was declined for want of that."""
    declines = [each.decline for each in order.operations]
    if not declines:
        return bool(order.payments) and order.payments[-1].authentication is not None
    asked = order.retries is None and order.payments[-1].recurring is None
    return asked and set(declines) == {Decline.AUTHENTICATION_REQUIRED}


def payer(order: Order) -> Payment | None:
    """The payment that was authorized, else the latest."""
    for payment in order.payments:
        if any(each.outcome is Outcome.APPROVED for each in payment.log):
            return payment
    return order.payments[-1] if order.payments else None


def payment(order: Order, now: int, recurring: str | None) -> Object:
    """The payment: of a card, or of an account that has not paid yet.

    `recurring` is the token by which the same card may be charged again.
    """
    known, said = payer(order), facts(order)
    currency = order.amount.currency
    found: Object = {
        **said.payment,
        "status": "created",
        "amount": amount(order.amount.minor, currency),
        "currency": currency,
        "created": stamp(instant_of(known.id) if known else order.created),
    }
    if order.retries is not None:
        found.setdefault("account", identifier(order.retries.account))
    if order.retries is not None and not paid(order):
        found |= {"type": "account", "service": "PayFunc", "created": stamp(order.created)}
        found["schedule"] = [stamp(each) for each in order.retries.at]
        due = order.retries.due(now) if owed(order) else None
        return found | ({"due": stamp(due)} if due is not None else {})
    found |= {"type": "card", "service": "cardfunc"}
    if known is not None:
        tried = known.log[0].id if known.log else known.id
        found["reference"] = reference(tried)
        if known.card is not None:
            found |= card(known.card)
    return found | ({"card": recurring} if recurring else {})


def card(known: Card) -> Object:
    """What is shown of a card."""
    found: Object = {
        "scheme": SCHEMES.get(known.brand, "unknown"),
        "iin": known.first6,
        "last4": known.last4,
    }
    return found | ({"expires": [known.month, known.year % 100]} if known.has_expiry else {})


def status(known: Order, sums: Mapping[str, int]) -> Object:
    """The map of amounts; what was paid out stands in it besides."""
    paid_out = sum(each.net for each in known.settlements)
    whole = {**sums, **({"settled": paid_out} if paid_out else {})}
    return {word: amount(minor, known.amount.currency) for word, minor in whole.items()}


def order(known: Order, now: int, recurring: str | None = None) -> Object:
    """The order; `now` in microseconds since 1970 UTC."""
    stands = firm(known)
    sums = parts(stands)
    return {
        **facts(known).order,
        **({"number": known.reference} if known.reference is not None else {}),
        "id": named(known),
        "created": stamp(known.created),
        "items": items(stands, sums),
        "currency": known.amount.currency,
        "payment": payment(stands, now, recurring),
        "event": events(stands),
        "status": status(known, sums),
    }
