"""The four wires as clients drive and read them: each verb asks, each view reads everything back.

A verb says what it moves where its wire allows that, and nothing where it must be refused.
"""

import base64
import json
from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal
from random import Random
from typing import Any, Final, NamedTuple

from httpx2 import Response
from tests.contract.wires import MERCHANT, Desk
from tests.four.tally import Move, Tally, View

from counterfoil import demo
from counterfoil.core.minor import digits, major
from counterfoil.core.order import Kind, Order, Outcome
from counterfoil.core.units import UnitState, states
from counterfoil.dialects.razorpay import ids

PAN: Final = "4111111111111111"
Amount = int | None  # None: all there is


def basic(login: str, password: str) -> str:
    """The header of HTTP Basic."""
    return "Basic " + base64.b64encode(f"{login}:{password}".encode()).decode()


class Case:
    """One order, its wire, its tally, and a client of all four wires."""

    def __init__(self, desk: Desk, random: Random, *, currency: str, several: bool) -> None:
        self.desk = desk
        self.random = random
        self.currency = currency
        self.several = several
        self.tally = Tally(0)
        self.order = 0
        self.name = f"N{random.getrandbits(60)}"
        self.lines: list[tuple[int, int]] = []  # of a PayFunc order: price and quantity
        self.by_units = False  # every move so far was one of whole units
        self.begun = ""
        self.at_once = False  # it is charged with its authorization
        self.headers: Mapping[str, dict[str, str]] = {
            "bizon": {"Authorization": basic(demo.LOGIN, demo.PASSWORD)},
            "razorpay": {"Authorization": basic(demo.KEY_ID, demo.KEY_SECRET)},
            "payfunc": {"Authorization": f"Bearer {desk.keys['payfunc_private']}",
                        "Accept": "application/json"},
            "afterpay": {"X-Auth-Key": demo.AUTH_KEY},
        }  # fmt: skip

    async def ask(self, wire: str, method: str, path: str, body: object = None) -> Response:
        """The answer, a second later."""
        self.desk.clock.advance(1)
        content = None if body is None else json.dumps(body, default=float).encode()
        headers = self.headers[wire] | ({"Content-Type": "application/json"} if content else {})
        return await self.desk.client.request(method, path, headers=headers, content=content)

    async def read(self, wire: str, path: str) -> Any:
        """What is read, its numbers exact."""
        answer = await self.ask(wire, "GET", path)
        assert answer.status_code == 200, answer.text
        return json.loads(answer.content, parse_float=Decimal)

    def text(self, minor: int) -> str:
        """An amount in major units, of two decimals at most: Bizon takes no more."""
        places = digits(self.currency)
        return major(minor, places) if places < 3 else major(minor // 10, 2)

    def minor(self, amount: object) -> int:
        """The same as minor units."""
        found = Decimal(str(amount)).scaleb(digits(self.currency))
        assert found == int(found), amount
        return int(found)

    def rows(self, minor: int) -> list[View]:
        """Rows of the AfterPay wire that come to so much, in several pieces and with a discount."""
        one = {"productId": "x", "description": "x", "quantity": 1}
        off = self.random.choice([0, 0, 10])
        rows = [{**one, "grossUnitPrice": self.text(minor + off)}]
        return rows + [{**one, "productId": "d", "grossUnitPrice": self.text(-off)}] * bool(off)

    def stored(self) -> Order:
        """The order as it rests."""
        return self.desk.store._orders[MERCHANT, self.order]

    def numbers(self) -> list[str]:
        """Its captures, as the AfterPay wire names them."""
        done = [each for each in self.stored().operations if each.outcome is Outcome.APPROVED]
        return [each.number or str(each.id) for each in done if each.kind is Kind.CHARGE]


Makes = Callable[[Case, int], Awaitable[Response]]


# The order is made.


async def make_bizon(case: Case, minor: int) -> Response:
    """An authorization by card."""
    card = {"cvv": "333", "holder": "Ada", "expiration_month": 12, "expiration_year": 2039}
    body = {"amount": case.text(minor), "currency": case.currency, "pan": PAN, "card": card}
    body |= {"location": {"ip": "6.6.6.6"}, "merchant_order_id": case.name}
    body |= {"options": {"auto_charge": 1}} if case.at_once else {}
    return await case.ask("bizon", "POST", "/orders/authorize", body)


async def make_razorpay(case: Case, minor: int) -> Response:
    """An order, and a payment whose payer agrees."""
    given: View = {"amount": minor, "currency": case.currency}
    if not case.begun:
        asked = {**given, "receipt": case.name, "payment_capture": int(case.at_once)}
        made = await case.ask("razorpay", "POST", "/v1/orders", asked)
        assert made.status_code == 200, made.text
        case.begun = made.json()["id"]
    given |= {"order_id": case.begun, "email": "ada@example.com", "contact": "9999999988"}
    given |= {"method": "netbanking", "bank": "HDFC"}
    begun = await case.ask("razorpay", "POST", "/v1/payments/create/json", given)
    assert begun.status_code == 200, begun.text
    page = begun.json()["next"][0]["url"]
    await case.desk.client.post(page, data={"outcome": "success"})
    return await case.ask("razorpay", "GET", f"/v1/payments/{begun.json()['razorpay_payment_id']}")


async def make_payfunc(case: Case, minor: int) -> Response:
    """An order on a card's token: a bare total, or lines."""
    card = {"pan": PAN, "expires": [2, 39], "csc": "987"}
    token = await case.ask("payfunc", "POST", "/card", card)
    assert token.status_code == 201, token.text
    items: object = Decimal(case.text(minor))
    if case.lines:
        items = [line(case, at, quantity) for at, (_, quantity) in enumerate(case.lines)]
    body = {"items": items, "currency": case.currency, "number": case.name}
    payment: View = {"type": "card", "card": token.text}
    body |= {"payment": payment | ({"charge": "auto"} if case.at_once else {})}
    return await case.ask("payfunc", "POST", "/order", body)


def line(case: Case, at: int, quantity: int) -> View:
    """So many pieces of a line."""
    price = Decimal(case.text(case.lines[at][0]))
    return {"name": f"line {at}", "price": price, "quantity": quantity}


async def make_afterpay(case: Case, minor: int) -> Response:
    """An invoice."""
    order = {"number": case.name, "items": case.rows(minor), "currency": case.currency}
    body = {"payment": {"type": "Invoice"}, "customer": {"firstName": "Ada"}, "order": order}
    return await case.ask("afterpay", "POST", "/api/v3/checkout/authorize", body)


def succeeded(answer: Response) -> bool:
    """Whether it was done; two wires say 200 also where it was not."""
    if not answer.is_success:
        return False
    said = answer.json()
    undone = said.get("outcome") in {"Rejected", "Pending"}
    waits = said.get("entity") in {"payment", "refund"}
    return not undone and not (waits and said["status"] in {"created", "failed", "pending"})


MAKES: Final[Mapping[str, Makes]] = {
    "bizon": make_bizon,
    "razorpay": make_razorpay,
    "payfunc": make_payfunc,
    "afterpay": make_afterpay,
}


# What is done to it.


class Asked(NamedTuple):
    """A request, and what it moves if nothing forbids it; nothing: it must be refused."""

    method: str
    path: str
    body: object
    moves: tuple[Move, ...]

    @property
    def name(self) -> str:
        """What it is, where it is the same for every order."""
        body = self.body if isinstance(self.body, dict) else {}
        return str(body.get("type") or self.path.rpartition("/")[2])


Verb = Callable[[Case, Amount], Asked]


def fits(kind: Kind, minor: Amount, there: int, **more: int) -> tuple[Move, ...]:
    """The move of an amount, or of all there is; none where there is not so much."""
    wanted = there if minor is None else minor
    return (Move(kind, wanted, **more),) if 0 < wanted <= there else ()


def bizon_charge(case: Case, minor: Amount) -> Asked:
    """Once, and the rest is let go; again and again where the project may."""
    tally = case.tally
    moves = fits(Kind.CHARGE, minor, tally.remaining)
    if moves and not case.several:
        moves = (moves[0]._replace(released=tally.remaining - moves[0].minor),)
    may = tally.standing == "authorized" or (case.several and tally.standing == "charged")
    return bizon(case, "charge", minor, moves if may else ())


def bizon_reverse(case: Case, minor: Amount) -> Asked:
    """Whole, before anything is charged; an amount means nothing."""
    may = case.tally.standing == "authorized"
    return bizon(
        case, "reverse", minor, fits(Kind.REVERSE, None, case.tally.remaining) if may else ()
    )


def bizon_refund(case: Case, minor: Amount) -> Asked:
    """Whatever is charged, oldest charge first."""
    return bizon(case, "refund", minor, fits(Kind.REFUND, minor, left(case)))


def bizon_cancel(case: Case, minor: Amount) -> Asked:
    """One or the other, by state."""
    verb = bizon_reverse if case.tally.standing == "authorized" else bizon_refund
    return verb(case, minor)._replace(path=f"/orders/{case.order}/cancel")


def bizon(case: Case, verb: str, minor: Amount, moves: tuple[Move, ...]) -> Asked:
    """A follow-up call."""
    body = None if minor is None else {"amount": case.text(minor)}
    return Asked("PUT", f"/orders/{case.order}/{verb}", body, moves)


def left(case: Case) -> int:
    """What is charged and not given back."""
    return case.tally.charged - case.tally.refunded


def razorpay_capture(case: Case, minor: Amount) -> Asked:
    """All that is reserved, once."""
    tally = case.tally
    whole = tally.remaining if minor is None else minor
    may = not tally.charged and whole == tally.remaining
    body = {"amount": whole, "currency": case.currency}
    moves = fits(Kind.CHARGE, whole, tally.remaining) if may else ()
    return Asked("POST", f"/v1/payments/{payment(case)}/capture", body, moves)


def razorpay_refund(case: Case, minor: Amount) -> Asked:
    """What is left, or a part."""
    body = {} if minor is None else {"amount": minor}
    moves = fits(Kind.REFUND, minor, left(case))
    return Asked("POST", f"/v1/payments/{payment(case)}/refund", body, moves)


def payment(case: Case) -> str:
    """The payment that was authorized, as the Razorpay wire names it."""
    return ids.written("pay_", case.order, len(case.tally.failed) + 1)


def payfunc_event(kind: Kind, word: str) -> Verb:
    """All there is, or an amount, which an order with lines does not take."""

    def verb(case: Case, minor: Amount) -> Asked:
        there = left(case) if kind is Kind.REFUND else case.tally.remaining
        body: View = {"type": word}
        if minor is not None:
            body["items"] = Decimal(case.text(minor))
        moves = () if minor is not None and case.lines else fits(kind, minor, there)
        return Asked("POST", f"/order/{case.order}/event", body, moves)

    return verb


def afterpay_capture(case: Case, minor: Amount) -> Asked:
    """Rows, or all that remains."""
    body = {} if minor is None else {"orderDetails": {"items": case.rows(minor)}}
    moves = fits(Kind.CHARGE, minor, case.tally.remaining)
    return Asked("POST", f"/api/v3/orders/{case.order}/captures", body, moves)


def afterpay_void(case: Case, minor: Amount) -> Asked:
    """Rows, or all that remains."""
    body = {} if minor is None else {"cancellationDetails": {"items": case.rows(minor)}}
    moves = fits(Kind.REVERSE, minor, case.tally.remaining)
    return Asked("POST", f"/api/v3/orders/{case.order}/voids", body, moves)


def afterpay_refund(case: Case, minor: Amount) -> Asked:
    """Rows of one capture; or all of them, each of what is left of it."""
    captures = case.tally.captures
    path = f"/api/v3/orders/{case.order}/refunds"
    if minor is None or not captures:
        every = [Move(Kind.REFUND, e.left, capture=at) for at, e in enumerate(captures) if e.left]
        return Asked("POST", path, None, tuple(every))
    at = case.random.randrange(len(captures))
    body = {"captureNumber": case.numbers()[at], "orderItems": case.rows(minor)}
    return Asked("POST", path, body, fits(Kind.REFUND, minor, captures[at].left, capture=at))


def afterpay_update(case: Case, minor: Amount) -> Asked:
    """Rows replaced: more is authorized, or some of it given back."""
    tally = case.tally
    total = tally.total if minor is None else minor
    more = total - tally.charged - tally.remaining
    kind = Kind.AUTHORIZE if more > 0 else Kind.REVERSE
    may = tally.remaining > 0 and total >= tally.charged
    body = {"updateOrderSummary": {"items": case.rows(total)}}
    moves = (Move(kind, abs(more), total=total),) if may else ()
    return Asked("POST", f"/api/v3/orders/{case.order}/updateOrder", body, moves)


def payfunc_units(kind: Kind, word: str, source: str) -> Verb:
    """Pieces of one line, as many as there are or one more."""

    def verb(case: Case, _: Amount) -> Asked:
        at = case.random.randrange(len(case.lines))
        there = [state for state in states(case.stored())[at] if state == source]
        count = case.random.randint(1, len(there) + 1)
        minor = case.lines[at][0] * count
        held = left(case) if kind is Kind.REFUND else case.tally.remaining
        moves = fits(kind, minor, held) if count <= len(there) else ()
        body = {"type": word, "items": line(case, at, count)}
        return Asked("POST", f"/order/{case.order}/event", body, moves)

    return verb


VERBS: Final[Mapping[str, tuple[Verb, ...]]] = {
    "bizon": (bizon_charge, bizon_charge, bizon_reverse, bizon_refund, bizon_cancel),
    "razorpay": (razorpay_capture, razorpay_refund),
    "payfunc": (
        payfunc_event(Kind.CHARGE, "charge"),
        payfunc_event(Kind.REVERSE, "cancel"),
        payfunc_event(Kind.REFUND, "refund"),
    ),
    "afterpay": (
        afterpay_capture, afterpay_capture, afterpay_void, afterpay_refund, afterpay_update
    ),
}  # fmt: skip
UNITS: Final[Mapping[str, tuple[Verb, ...]]] = dict.fromkeys(VERBS, ()) | {
    "payfunc": (
        payfunc_units(Kind.CHARGE, "charge", UnitState.AUTHORIZED),
        payfunc_units(Kind.CHARGE, "charge", UnitState.AUTHORIZED),
        payfunc_units(Kind.REVERSE, "cancel", UnitState.AUTHORIZED),
        payfunc_units(Kind.REFUND, "refund", UnitState.CHARGED),
        payfunc_units(Kind.REFUND, "refund", UnitState.CHARGED),
    )
}
