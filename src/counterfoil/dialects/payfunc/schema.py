"""Requests: what an order may be made of, and what may be done to it."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Final, NamedTuple

from counterfoil.core.minor import payable
from counterfoil.core.money import Money
from counterfoil.core.order import Kind, Line, Location
from counterfoil.dialects.payfunc.call import Kind as Named
from counterfoil.dialects.payfunc.errors import (
    CHANGE,
    EVENT,
    ORDER,
    PAYMENT,
    Members,
    invalid,
    malformed,
)
from counterfoil.dialects.payfunc.identifiers import LONG, formed
from counterfoil.dialects.payfunc.identifiers import account as numbered
from counterfoil.dialects.payfunc.items import Item, items, line, money
from counterfoil.dialects.payfunc.kept import Facts, kept
from counterfoil.dialects.payfunc.proofs import Proof, proof
from counterfoil.dialects.payfunc.reading import URL, Reader
from counterfoil.engine.orders import Draft

A_ORDER: Final = Named(ORDER, "A valid order to be created.")
A_CHANGE: Final = Named(CHANGE, "A list of orders, each with events to be created.")
AN_EVENT: Final = Named(EVENT, "A valid event to be created.")
A_PAYMENT: Final = Named(PAYMENT, "A payment of a type that can be created.")
ECHOED: Final = ("client", "theme", "language", "category", "callback")
GIVEN: Final = ("id", "customer", "meta")
CATEGORIES: Final = frozenset({"purchase", "withdrawal"})
EVENTS: Final[Mapping[str, Kind]] = {
    "charge": Kind.CHARGE,
    "cancel": Kind.REVERSE,
    "refund": Kind.REFUND,
}
TOKEN_MAX: Final = 8192
SCHEDULE: Final = (Decimal(24), Decimal(48))
SCHEDULE_MAX: Final = 50
HOURS_MAX: Final = 24 * 366
HOUR_US: Final = 3_600_000_000
CHANGES_MAX: Final = 500
EVENTS_MAX: Final = 50
REFERENCE_MAX: Final = 255


class Paid(NamedTuple):
    """What an order is to be paid with: a card's token; an account by its id, or by a method."""

    card: str | None = None
    account: int | None = None
    token: str | None = None
    waits_us: tuple[int, ...] = ()
    proof: Proof | None = None
    browser: Members | None = None


class Asked(NamedTuple):
    """An order to be made."""

    draft: Draft
    paid: Paid
    id: str | None = None


class Event(NamedTuple):
    """Something to be done to an order, and the event as it was given."""

    kind: Kind
    given: Members
    amount: Decimal | None = None
    items: tuple[Item, ...] = ()


def order(given: object) -> Asked:
    """The order in a body; raises `Failure` with all its faults."""
    reader = Reader(given)
    chosen = reader.fitting("id", "authly.Identifier", LONG.fullmatch)
    reference = reader.text("number", longest=REFERENCE_MAX)
    echoed = {name: text for name in ECHOED if (text := reader.text(name, longest=2048))}
    if echoed.get("category", "purchase") not in CATEGORIES:
        reader.fault("category", "OrderCategory")
    if "callback" in echoed and URL.fullmatch(echoed["callback"]) is None:
        reader.fault("callback", "string", "an address of http or https")
    customer = reader.given.get("customer")
    if customer is not None and not isinstance(customer, dict | str):
        reader.fault("customer", "Contact")
    currency = reader.fitting("currency", "isoly.Currency", payable, required=True)
    amount, lines = total(reader, currency)
    payment = reader.inner("payment")
    if payment is None:
        reader.fault("payment", "Payment.Creatable")
    if reader.flaws or payment is None or amount is None:
        raise invalid(A_ORDER.named, A_ORDER.description, reader.flaws)
    paid, said = pay(payment, reader, amount)
    members: dict[str, object] = dict(echoed)
    members |= {name: reader.given[name] for name in GIVEN if reader.has(name)}
    draft = Draft(
        amount=amount,
        lines=lines,
        reference=reference,
        location=address(payment),
        facts=kept(Facts(order=members, payment=said)),
        callback=echoed.get("callback"),
        auto_charge=payment.given.get("charge") == "auto",
    )
    return Asked(draft, paid, chosen)


def total(reader: Reader, currency: str | None) -> tuple[Money | None, tuple[Line, ...]]:
    """The order's amount, and its lines if it has any; look at the reader's flaws before use."""
    given = reader.given.get("items")
    if isinstance(given, int | Decimal) and not isinstance(given, bool):
        found = None if currency is None else money(Decimal(given), currency)
        if found is None and currency is not None:
            reader.fault("items", "number", "above 0, with the decimals of its currency")
        return found, ()
    if not isinstance(given, dict | list):
        reader.fault("items", "number | Item | Item[]")
        return None, ()
    read = items(given, reader)
    if reader.flaws or currency is None:
        return None, ()
    lines = [line(each, currency) for each in read]
    known = tuple(each for each in lines if each is not None)
    minor = sum(each.minor for each in known)
    if len(known) < len(lines) or minor <= 0 or minor >= 10**14:
        reader.fault("items", "Item[]", "in all above 0, with the decimals of its currency")
        return None, ()
    return Money(minor=minor, currency=currency), known


def pay(payment: Reader, whole: Reader, amount: Money) -> tuple[Paid, dict[str, object]]:
    """What the order is paid with, and what is given back of it; raises `Failure`."""
    flaws = payment.flaws
    kind = payment.given.get("type")
    said = {name: text for name in ("descriptor", "charge") if (text := payment.text(name))}
    found: dict[str, object] = dict(said)
    if payment.flag("scheduled"):
        found["scheduled"] = True
    named = payment.given.get("account")
    by_account = kind in {"account", "customer"} or (kind == "card" and named is not None)
    if kind not in {"card", "account", "customer"} or payment.has("reference"):
        raise invalid(A_PAYMENT.named, A_PAYMENT.description)
    if said.get("charge", "auto") != "auto":
        raise invalid(A_PAYMENT.named, A_PAYMENT.description)
    paid = _account(payment, whole) if by_account else _card(payment, amount)
    if flaws:
        raise invalid(A_ORDER.named, A_ORDER.description, flaws)
    return paid, found


def _card(payment: Reader, amount: Money) -> Paid:
    given, currency = payment.number("amount"), payment.text("currency")
    if (given is None) != (currency is None):
        payment.fault("amount", "number", "with a currency, or neither")
    elif currency is not None and given is not None and currency != amount.currency:
        payment.fault("currency", "isoly.Currency", "that of the order")
    elif given is not None and money(given, amount.currency) != amount:
        payment.fault("amount", "number", "that of the order")
    client = payment.given.get("client")
    browser = client.get("browser") if isinstance(client, dict) else None
    return Paid(
        card=payment.text("card", required=True, longest=TOKEN_MAX),
        proof=proof(payment),
        browser=browser if isinstance(browser, dict) else None,
    )


def _account(payment: Reader, whole: Reader) -> Paid:
    named = payment.given.get("account")
    if named is None and isinstance(whole.given.get("customer"), str):
        named = whole.given["customer"]
    if named is not None and not isinstance(named, str):
        payment.fault("account", "authly.Identifier")
    account = numbered(named) if isinstance(named, str) else None
    if isinstance(named, str) and account is None:
        raise malformed("payment.account", "authly.Identifier", "There is no such account.")
    return Paid(
        account=account,
        token=payment.text("token", longest=TOKEN_MAX),
        waits_us=schedule(payment),
    )


def schedule(payment: Reader) -> tuple[int, ...]:
    """The pauses between tries in microseconds, given in hours."""
    given = payment.given.get("schedule")
    hours = list(SCHEDULE) if given is None else given
    if not isinstance(hours, list) or len(hours) > SCHEDULE_MAX:
        payment.fault("schedule", "number[]", f"at most {SCHEDULE_MAX} pauses in hours")
        return ()
    found = [
        int(each * HOUR_US)
        for each in hours
        if isinstance(each, int | Decimal) and not isinstance(each, bool) and 0 < each <= HOURS_MAX
    ]
    if len(found) < len(hours):
        payment.fault("schedule", "number[]", f"hours above 0, at most {HOURS_MAX}")
    return tuple(found)


def address(payment: Reader) -> Location | None:
    """Where the customer is, as the merchant says."""
    client = payment.given.get("client")
    ip = client.get("ip") if isinstance(client, dict) else None
    return Location(ip=ip[:45]) if isinstance(ip, str) else None


def event(given: object) -> Event | None:
    """An event that a merchant may create; None where it is none."""
    reader = Reader(given)
    kind = EVENTS.get(str(reader.given.get("type")))
    if kind is None:
        return None
    named = "items" if reader.has("items") else "amount"
    wanted = reader.given.get(named)
    descriptor = reader.text("descriptor")
    said = {"type": reader.given["type"], "items": wanted, "descriptor": descriptor}
    found = Event(kind, {name: value for name, value in said.items() if value is not None})
    if isinstance(wanted, int | Decimal) and not isinstance(wanted, bool):
        found = found._replace(amount=Decimal(wanted))
    elif isinstance(wanted, dict | list):
        found = found._replace(items=items(wanted, reader))
    elif wanted is not None:
        return None
    return None if reader.flaws else found


def changes(given: object) -> list[tuple[str, list[Event]]]:
    """Orders and what is to be done to each; raises `Failure` where any of it is malformed."""
    found = given if isinstance(given, list) else [given]
    read: list[tuple[str, list[Event]]] = []
    for each in found[: CHANGES_MAX + 1]:
        named = each.get("id") if isinstance(each, dict) else None
        asked = each.get("event") if isinstance(each, dict) else None
        events = [event(one) for one in asked] if isinstance(asked, list) else []
        known = [one for one in events if one is not None]
        if not isinstance(named, str) or not formed(named) or len(known) < len(events):
            raise invalid(A_CHANGE.named, A_CHANGE.description)
        if not 0 < len(events) <= EVENTS_MAX:
            raise invalid(A_CHANGE.named, A_CHANGE.description)
        read.append((named, known))
    if not 0 < len(found) <= CHANGES_MAX:
        raise invalid(A_CHANGE.named, A_CHANGE.description)
    return read
