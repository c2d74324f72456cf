"""POST /v1/payments/create/…: an attempt to pay, made by a server; what may follow it is answered.

Card, bank and wallet wait for the payer at the test bank's page (or for a one-time password); a UPI
request goes out at once and is answered later. An attempt nobody finishes ends by itself.
"""

import re
from collections.abc import Mapping
from typing import Final, NamedTuple
from urllib.parse import urlencode

from msgspec.structs import replace

from counterfoil.core.card import Cvv
from counterfoil.core.merchant import Merchant
from counterfoil.core.money import Money
from counterfoil.core.order import Kind, Order, Payment, instant_of
from counterfoil.core.pan import expired, parse_pan
from counterfoil.core.rules import Command
from counterfoil.core.threeds import Browser
from counterfoil.dialects.razorpay import facts, ids, ordering, reading, render
from counterfoil.dialects.razorpay.call import Call, Meant, answer, proof
from counterfoil.dialects.razorpay.errors import (
    ALREADY_PAID,
    INITIATION,
    INVALID,
    NO_URL,
    NOWHERE,
    PAID,
    TOO_MUCH,
    Failure,
    Why,
)
from counterfoil.dialects.razorpay.facts import PaymentFacts
from counterfoil.dialects.razorpay.methods import Method, method_of
from counterfoil.dialects.razorpay.parts import note
from counterfoil.dialects.razorpay.reading import Given
from counterfoil.engine.collect import Extras
from counterfoil.engine.guide import browser
from counterfoil.engine.orders import Draft, NewCard
from counterfoil.exchange import Reply, is_web_address

METHODS: Final[Mapping[str, Method]] = {
    each.value: each for each in Method if each is not Method.LATER
}
UNSERVED: Final = ("emi", "paylater", "cardless_emi")
WAIT_S: Final = 600  # about ten minutes, then the attempt has failed
LIFE_S: Final = 3 * 24 * 3600  # what nobody captures is given back
MINUTE_S: Final = 60
SECOND_US: Final = 1_000_000
CENTURY: Final = 2000
YEARS: Final = re.compile(r"[0-9]{2}|[0-9]{4}", re.ASCII)
VPA: Final = re.compile(r"[\w.\-]{1,250}@[\w.\-]{1,64}", re.ASCII)
CVV: Final = re.compile(r"[0-9]{3,4}", re.ASCII)
# The vendor's words for what 3-D Secure 2 asks of a browser, and ours.
BROWSER: Final = {
    "color_depth": "browser_color_depth",
    "java_enabled": "browser_java_enabled",
    "language": "browser_language",
    "screen_height": "browser_screen_height",
    "screen_width": "browser_screen_width",
    "timezone_offset": "browser_timezone",
}
FLOWS: Final = ("collect", "intent")
KNOWN: Final = frozenset((
    "amount", "currency", "order_id", "email", "contact", "method", "card", "bank", "wallet",
    "vpa", "upi", "ip", "referer", "user_agent", "authentication", "browser", "notes",
    "description", "callback_url", "customer_id", "save", "key_id",
))  # fmt: skip
NOT_EQUAL: Final = (
    "Your payment amount is different from your order amount. "
    "To pay successfully, please try using right amount."
)
DONE_ALREADY: Final = "Payment already done for this order."


class Instrument(NamedTuple):
    """What is paid with."""

    method: Method
    account: str | None = None
    card: NewCard | None = None
    flow: str | None = None


def _initiation(reason: str) -> Why:
    return Why("business", INITIATION, reason)


async def create_json(call: Call) -> Reply:
    """POST /v1/payments/create/json."""
    return answer(following(call, await begin(call, await call.read())))


async def create_upi(call: Call) -> Reply:
    """POST /v1/payments/create/upi."""
    given = await call.read()
    if given.setdefault("method", "upi") != "upi":
        raise Failure(f"Invalid payment method given: {given['method']}", "method")
    meant = await begin(call, given)
    shown: dict[str, str] = {"razorpay_payment_id": meant.id}
    if facts.of_payment(meant.payment).flow == "intent":
        shown["link"] = link(meant)
    return answer(shown)


async def validate_vpa(call: Call) -> Reply:
    """POST /v1/payments/validate/vpa."""
    given = await call.read()
    call.once()
    reading.only(given, ("vpa",))
    reading.need(given, "vpa")
    vpa = _vpa(reading.text(given, "vpa"))
    return answer({"vpa": vpa, "success": True, "customer_name": "Test Customer"})


async def begin(call: Call, given: Given, paid: Instrument | None = None) -> Meant:
    """The attempt, made; a UPI request is on its way. Raises `Failure`.

    `paid`: what our own page has read already, whatever servers may do.
    """
    if paid is None and call.parts[3:4] == ["create"] and not call.serves:
        raise Failure(NO_URL, why=NOWHERE)
    reading.only(given, KNOWN)
    reading.need(given, "amount", "currency", "email", "contact", "method")
    amount = ordering.money(given, call.merchant)
    made = _payment(call, given, amount, paid or instrument(given, call))
    payment, extras = made
    once = call.once()
    named = reading.text(given, "order_id")
    if named is None:
        order = call.collection.order(call.merchant, _bare(given, ordering.enough(amount), call))
        order = replace(order, payments=(_ready(payment, order, call),))
        waiting = call.collection.waiting(order, payment, WAIT_S)
        extras = replace(extras, timers=(waiting,))
        done = await call.collection.keep(call.merchant, order, once, extras=extras)
    else:
        order = await _named(call, named)
        await note(call, order, payment)
        waiting = call.collection.waiting(order, payment, WAIT_S)
        extras = replace(extras, timers=(waiting,))
        done = await call.collection.alter(
            call.merchant,
            order.id,
            lambda order: attach(order, payment, call),
            once,
            extras=extras,
        )
    number = _number(done.order, payment, once.key if once else None)
    meant = Meant(done.order, number)
    if method_of(payment) is Method.UPI and meant.payment.id == payment.id:
        await authorize(call, meant)
    return meant


async def _named(call: Call, text: str) -> Order:
    try:
        return await call.order(text)
    except Failure as failure:
        failure.why = _initiation("invalid_order_id")
        raise


def _number(order: Order, payment: Payment, key: str | None) -> int:
    """The number of the payment that was made; under a key used before, of that time's."""
    for number, each in enumerate(order.payments, start=1):
        if each.id == payment.id or (key and facts.of_payment(each).once == key):
            return number
    raise AssertionError("what was made is there")


async def authorize(call: Call, meant: Meant) -> None:
    """Ask the acquirer, now; what it answers is read off the payment."""
    command = authorization(call.merchant, meant, call.now)
    await call.gateway.orders.follow_up(call.merchant, meant.order.id, command)


def authorization(merchant: Merchant, meant: Meant, now: int) -> Command:
    """The authorization of a payment, charged at once where order or account say so."""
    return Command(
        kind=Kind.AUTHORIZE,
        payment=meant.payment.id,
        charge_next=automatic(merchant, meant, now),
        facts=facts.LATE if meant.payment.log else None,
    )


def automatic(merchant: Merchant, meant: Meant, now: int) -> bool:
    """Whether the payment is captured by itself, first by the order's word, then the account's.

    One that comes after its order's period for that is left to the merchant.
    """
    kept = facts.of_order(meant.order)
    minutes = kept.automatic_expiry
    passed_us = now - instant_of(meant.payment.id)
    if minutes is not None and passed_us > minutes * MINUTE_S * SECOND_US:
        return False
    if kept.capture is None:
        return "razorpay.manual_capture" not in merchant.settings
    return kept.capture


def attach(order: Order, payment: Payment, call: Call) -> Order:
    """The order with that attempt; raises `Failure` where it cannot be paid so."""
    check(order, payment)
    return replace(order, payments=(*order.payments, _ready(payment, order, call)))


def check(order: Order, payment: Payment) -> None:
    """Raise `Failure` where the order cannot be paid by such a payment."""
    kept, shown = facts.of_order(order), render.order(order)
    minor, due = payment.amount.minor, shown.amount_due
    if shown.status == "paid" or order.closed is not None:
        raise Failure(PAID, why=ALREADY_PAID)
    held = sum(sums.amount for _, _, sums in render.shown(order) if sums.status == "authorized")
    if held and not kept.partial:
        raise Failure(DONE_ALREADY, why=ALREADY_PAID)
    if payment.amount.currency != order.amount.currency:
        raise Failure("Payment currency must be the order's.", "currency")
    if not kept.partial and minor != order.amount.minor:
        raise Failure(NOT_EQUAL, "amount", why=_initiation("order_amount_mismatch"))
    if minor != due:  # the last part may be as small as it is
        ordering.enough(payment.amount)
    if minor > due - held:
        raise Failure(TOO_MUCH, "amount")
    first = kept.first_minor or 0
    if not shown.amount_paid and not held and minor < min(first, due):
        raise Failure(f"The first payment must be at least {first}.", "amount")
    _method(kept, method_of(payment))


def _method(kept: facts.OrderFacts, method: Method) -> None:
    wrong = kept.method is not None and kept.method != method
    if kept.ifsc is not None and kept.method is None:
        wrong = method not in {Method.BANK, Method.UPI}
    if wrong:
        why = _initiation("order_payment_method_mismatch")
        raise Failure("The order must be paid by the method it was made for.", "method", why=why)


def _ready(payment: Payment, order: Order, call: Call) -> Payment:
    """The payment with what the order says of it: how long it may be captured, its notes."""
    kept, mine = facts.of_order(order), facts.of_payment(payment)
    minutes = kept.manual_expiry
    if not mine.notes:
        known = bytes(render.order_notes(order)).decode()
        mine = replace(mine, notes=((call.now, known),))
    own = None if call.merchant.authorization_days is not None else LIFE_S
    life_s = own if minutes is None else minutes * MINUTE_S
    return replace(payment, life_s=life_s, facts=facts.text(mine))


def _bare(given: Given, amount: Money, call: Call) -> Draft:
    """The order behind a payment without one."""
    notes = reading.notes(given) or facts.NOTHING
    kept = facts.OrderFacts(key=call.key, bare=True, notes=((call.now, notes),))
    return Draft(amount=amount, facts=facts.text(kept))


def _payment(call: Call, given: Given, amount: Money, paid: Instrument) -> tuple[Payment, Extras]:
    notes = reading.notes(given)
    once = call.once()
    kept = PaymentFacts(
        notes=((call.now, notes),) if notes else (),
        email=reading.text(given, "email", 40),
        contact=reading.text(given, "contact", 15),
        description=reading.text(given, "description"),
        callback_url=checked_address(given, "callback_url"),
        browser=_browser(given),
        flow=paid.flow,
        once=once.key if once else None,
        customer=reading.text(given, "customer_id"),
    )
    terminal = call.merchant.terminal(None, amount.currency)
    payment = Payment(
        id=call.gateway.orders.engine.ids.next(),
        amount=amount,
        terminal=terminal.name,
        descriptor=terminal.descriptor,
        method=None if paid.method is Method.CARD else paid.method.value,
        account=paid.account,
        facts=facts.text(kept),
    )
    if paid.card is None:
        return payment, Extras()
    known, sealed = call.gateway.orders.card(call.merchant, paid.card)
    return replace(payment, card=known.card), Extras(cards=(sealed,))


def _browser(given: Given) -> Browser | None:
    """The payer's browser as the shop's server describes it. Source: the vendor's S2S guide."""
    told = reading.inner(given, "browser") if isinstance(given.get("browser"), dict) else {}
    pairs = [(BROWSER[name], str(told[name]).lower()) for name in BROWSER if name in told]
    agent = given.get("user_agent")
    if pairs and isinstance(agent, str):
        pairs.append(("browser_user_agent", agent))
    return browser(tuple(pairs))


def checked_address(given: Given, name: str) -> str | None:
    """An address of the shop; raises `Failure` where it is none."""
    address = reading.text(given, name, 2048)
    if address is not None and not is_web_address(address):
        raise Failure(f"The {name.replace('_', ' ')} must be a valid URL.", name)
    return address


def instrument(given: Given, call: Call) -> Instrument:
    """What is paid with; raises `Failure`."""
    word = reading.text(given, "method") or ""
    method = METHODS.get(word)
    if method is None:
        why = _initiation("payment_method_not_enabled" if word in UNSERVED else INVALID)
        raise Failure(f"Invalid payment method given: {word}", "method", why=why)
    if method is Method.CARD:
        return Instrument(method, card=_card(given, call))
    if method is Method.UPI:
        upi = reading.inner(given, "upi")
        flow = reading.text(upi, "flow") or "collect"
        if flow not in FLOWS:
            raise Failure("The selected flow is invalid.", "upi.flow")
        vpa = reading.text(given, "vpa") or reading.text(upi, "vpa")
        account = _vpa(vpa) if vpa or flow == "collect" else None
        return Instrument(method, account, flow=flow)
    name = "bank" if method is Method.BANK else "wallet"
    reading.need(given, name)
    return Instrument(method, reading.text(given, name, 40))


def _vpa(vpa: str | None) -> str:
    if vpa is None or VPA.fullmatch(vpa) is None:
        why = Why("customer", INITIATION, "invalid_vpa")
        raise Failure("Invalid VPA. Please enter a valid Virtual Payment Address", "vpa", why=why)
    return vpa


def _card(given: Given, call: Call) -> NewCard:
    """A card as it was typed in. No failure repeats anything of it."""
    card = reading.inner(given, "card")
    reading.need(card, "number", "name", "expiry_month", "expiry_year", "cvv", within="card.")
    pan = parse_pan(str(card["number"]))
    if pan is None:
        why = Why("customer", INITIATION, "card_number_invalid")
        raise Failure("The card number is not valid.", "card.number", why=why)
    month, year = _expiry(card)
    if expired(month, year, call.gateway.clock.today()) and not call.exchange.header(
        b"idempotency-key"
    ):
        why = Why("customer", INITIATION, "card_expired")
        raise Failure("Your card has expired.", "card.expiry_year", why=why)
    cvv = str(card["cvv"])
    if CVV.fullmatch(cvv) is None:
        raise Failure("The card.cvv must have 3 or 4 digits.", "card.cvv")
    holder = reading.text(card, "name", 100)
    return NewCard(pan=pan, cvv=Cvv(cvv), holder=holder, month=month, year=year)


def _expiry(card: Given) -> tuple[int, int]:
    month, year = str(card["expiry_month"]), str(card["expiry_year"])
    good = month.isascii() and month.isdigit() and len(month) <= 2 and 1 <= int(month) <= 12  # noqa: PLR2004
    if not good:
        raise Failure("The card.expiry month is invalid.", "card.expiry_month")
    if YEARS.fullmatch(year) is None:
        raise Failure("The card.expiry year is invalid.", "card.expiry_year")
    return int(month), int(year) + (CENTURY if len(year) == 2 else 0)  # noqa: PLR2004


def following(call: Call, meant: Meant) -> dict[str, object]:
    """The attempt's id, and what may follow it."""
    payment, address = meant.payment, f"{call.base}/v1/payments/{meant.id}"
    match method_of(payment):
        case Method.CARD:
            steps = [{"action": "redirect", "url": page_address(call, meant, "authenticate")}]
            if call.tested(payment):
                url = f"{address}/otp_generate?key_id={call.key}"
                steps.append({"action": "otp_generate", "url": url})
        case Method.UPI:
            steps = [{"action": "poll", "url": address}]
            if facts.of_payment(payment).flow == "intent":
                steps.insert(0, {"action": "intent", "url": link(meant)})
        case _:
            steps = [{"action": "redirect", "url": page_address(call, meant, "authorize")}]
    return {"razorpay_payment_id": meant.id, "next": steps}


def page_address(call: Call, meant: Meant, verb: str) -> str:
    """The test bank's page for the payment: who knows it may decide."""
    merchant = call.merchant.id
    known = merchant.to_bytes(8) + proof(call.gateway, "page", merchant, meant.id)
    return f"{call.base}/v1/payments/{meant.id}/{verb}?{urlencode({'t': known.hex()})}"


def link(meant: Meant) -> str:
    """What a UPI application opens. Source: NPCI, UPI linking specification."""
    amount = meant.payment.amount
    given = {"pa": "counterfoil@razorpay", "am": amount.text(), "cu": amount.currency}
    return f"upi://pay?{urlencode({**given, 'tr': ids.written('', meant.order.id, meant.number)})}"
