"""Checkout: the hosted page, where a payer chooses how to pay, and the script that opens it.

No key pair is needed: the key id says whose order it is. The amount is the order's, whatever was
posted. What follows is the payment's own page (`pages.py`), and from there the way back to the
shop. A form of the page carries a key that nobody else can make, and is carried out once.
"""

import hmac
import secrets
from pathlib import Path
from typing import Final, NamedTuple

from msgspec.structs import replace

from counterfoil.core.declines import REASONS, Decline, Nature
from counterfoil.core.errors import Refused
from counterfoil.core.money import Money
from counterfoil.core.order import Kind, Order
from counterfoil.dialects.razorpay import facts, ids, paying, reading, render
from counterfoil.dialects.razorpay.auth import caller
from counterfoil.dialects.razorpay.call import SANDBOX, Call, body_of
from counterfoil.dialects.razorpay.errors import ALREADY_PAID, PAID, Failure
from counterfoil.dialects.razorpay.methods import Method
from counterfoil.dialects.razorpay.pages import secured
from counterfoil.dialects.razorpay.paying import Instrument
from counterfoil.dialects.razorpay.reading import Given
from counterfoil.dialects.razorpay.small import BANKS, WALLETS
from counterfoil.engine.gateway import Gateway
from counterfoil.engine.pages import form_key
from counterfoil.engine.perform import Once
from counterfoil.engine.session import Place, keyed
from counterfoil.exchange import Exchange, Reply
from counterfoil.slip import page
from counterfoil.slip.form import Posted, payer_flaws, read
from counterfoil.slip.view import Choice, Look, Message, News, Typed
from counterfoil.slip.words import chosen as language_of

SCRIPT: Final = (Path(__file__).parent / "checkout.js").read_bytes()
KEPT: Final = ("key_id", "order_id", "description", "callback_url", "cancel_url", "name")
NAME_BYTES: Final = 12
WAYS: Final = ("card", "upi", "netbanking", "wallet")


class Visit(NamedTuple):
    """A payer who looks at an order: what the shop said, and what is to be paid now."""

    call: Call
    given: Given
    order: Order
    amount: Money


async def script(_: Gateway, __: Exchange) -> Reply:
    """GET /v1/checkout.js, where clients load it from."""
    headers = {"Cache-Control": "public, max-age=300", "X-Content-Type-Options": "nosniff"}
    return Reply(200, SCRIPT, headers, "text/javascript; charset=utf-8")


async def embedded(gateway: Gateway, exchange: Exchange) -> Reply:
    """POST /v1/checkout/embedded: the choice of how to pay."""
    try:
        visit = await _visit(gateway, exchange)
        paying.checked_address(visit.given, "callback_url")
        return choice(visit, _prefilled(visit.given), notice=_said(visit.order))
    except Failure as failure:
        return refused(exchange, failure)


async def chosen(gateway: Gateway, exchange: Exchange) -> Reply:
    """POST /v1/checkout/pay: the payer has chosen; the payment's own page comes next."""
    try:
        visit = await _visit(gateway, exchange)
    except Failure as failure:
        return refused(exchange, failure)
    call, order = visit.call, visit.order
    sent = {name: text for name, text in visit.given.items() if isinstance(text, str)}
    posted = read(sent, exchange, call.merchant, gateway.clock.today())
    known = form_key(gateway.orders.engine.vault, order, posted.name)
    if not hmac.compare_digest(known.encode(), posted.key.encode()):
        view = Message(look=_look(visit), news=News.OUTDATED)
        return page.framed(page.message(view))
    way = posted.typed.way
    flaws = posted.flaws if way == Method.CARD else ()
    flaws += payer_flaws(posted.typed, vpa=way == Method.UPI)
    offered = {"netbanking": tuple(BANKS), "wallet": WALLETS}.get(way)
    strange = offered is not None and _account(posted.typed) not in offered
    if way not in _ways(order) or flaws or strange:
        return choice(visit, posted.typed, posted=replace(posted, flaws=flaws))
    place = Place(order.merchant, order.id)
    once = keyed(gateway.orders.engine.vault, "attempt", place, posted.name)
    call.form = Once(key=f"page-{once.hex()}", fingerprint=once)
    try:
        meant = await paying.begin(call, _asked(visit, posted), _instrument(posted))
        cvv = posted.card.cvv if posted.card else None
        meant = await secured(call, meant, cvv, posted.browser)
    except (Failure, Refused):
        return choice(visit, posted.typed, notice=page.FAILED)._replace(status=400)
    verb = "authenticate" if way == Method.CARD else "authorize"
    address = f"{paying.page_address(call, meant, verb)}&language={_look(visit).language}"
    return Reply(303, b"", {**page.GUARDS, "Location": address}, page.HTML)


async def _visit(gateway: Gateway, exchange: Exchange) -> Visit:
    """The account's order that is to be paid, and how much; raises `Failure`."""
    given = await body_of(exchange)
    reading.need(given, "key_id", "order_id")
    key, named = reading.text(given, "key_id"), reading.text(given, "order_id")
    known = await caller(gateway.directory, None, public=True, named=key)
    call = Call(exchange, gateway, known)
    order = await call.order(named)
    shown = render.order(order)
    if shown.status == "paid":
        raise Failure(PAID, why=ALREADY_PAID)
    paying.checked_address(given, "cancel_url")
    asked = reading.integer(given, "amount")
    part = facts.of_order(order).partial and asked is not None
    minor = asked if part and asked is not None else shown.amount_due
    return Visit(call, given, order, Money(minor=minor, currency=shown.currency))


def refused(exchange: Exchange, failure: Failure) -> Reply:
    """A page of status 400; to the shop's engineer it says why."""
    look = Look(language=language_of(None, exchange.header(b"accept-language")))
    news = News.CLOSED if failure.why == ALREADY_PAID else News.MISSING
    view = Message(look=look, news=news, detail=failure.message)
    return page.framed(page.message(view))._replace(status=400)


def choice(
    visit: Visit, typed: Typed, *, posted: Posted | None = None, notice: str | None = None
) -> Reply:
    """The page; what the shop posted comes back with the payer's choice."""
    call, order = visit.call, visit.order
    name = secrets.token_urlsafe(NAME_BYTES)
    view = Choice(
        look=_look(visit),
        name=name,
        key=form_key(call.gateway.orders.engine.vault, order, name),
        typed=typed,
        flaws=posted.flaws if posted else (),
        notice=notice,
        cvv_required=call.merchant.cvv_required,
        holder_required=call.merchant.holder_required,
        action=f"{call.base}/v1/checkout/pay",
        again=f"{call.base}/v1/checkout/embedded",
        kept=tuple(_kept(visit).items()),
        ways=_ways(order),
        banks=tuple(BANKS.items()),
        purses=tuple((each, each) for each in WALLETS),
        cancel=reading.text(visit.given, "cancel_url", 2048),
    )
    return page.framed(page.choice(view))


def _kept(visit: Visit) -> dict[str, str]:
    """What the shop said, by the names of its own form."""
    given = visit.given
    kept = {name: str(given[name]) for name in KEPT if not reading.absent(given, name)}
    kept["amount"] = str(visit.amount.minor)
    for name in ("notes", "prefill"):
        inner = given.get(name)
        if isinstance(inner, dict):
            kept |= {f"{name}[{key}]": str(value) for key, value in inner.items()}
    return kept


def _look(visit: Visit) -> Look:
    call, given = visit.call, visit.given
    terminal = call.merchant.terminal(None, visit.amount.currency)
    wanted = str(given.get("language") or "")
    return Look(
        language=language_of(wanted, call.exchange.header(b"accept-language")),
        merchant=reading.text(given, "name") or call.merchant.name,
        amount=visit.amount,
        description=str(given.get("description") or "") or None,
        order=ids.written("order_", visit.order.id),
        test=terminal.connector == SANDBOX,
    )


def _prefilled(given: Given) -> Typed:
    """What the shop knows of its payer."""
    inner = given.get("prefill")
    known = inner if isinstance(inner, dict) else {}
    told = {name: str(known.get(name) or "") for name in ("name", "email", "contact", "method")}
    return Typed(
        holder=told["name"],
        email=told["email"],
        contact=told["contact"].replace(" ", ""),
        way=told["method"],
    )


def _ways(order: Order) -> tuple[str, ...]:
    """How the order may be paid."""
    kept = facts.of_order(order)
    if kept.method in WAYS:
        return (kept.method,)
    if kept.ifsc is not None:
        return (Method.UPI.value, Method.BANK.value)
    return WAYS


def _said(order: Order) -> str | None:
    """What came of the attempt before, as far as a payer can do something about it."""
    tried = [each for each in order.operations if each.kind is Kind.AUTHORIZE]
    decline = tried[-1].decline if tried else None
    if decline is None:
        return None
    failed = REASONS[decline].nature is Nature.FAULT or decline is Decline.REENTER_TRANSACTION
    return page.NOTICES.get(decline, page.FAILED if failed else page.DECLINED)


def _asked(visit: Visit, posted: Posted) -> Given:
    """The attempt, as a server would ask for it."""
    asked: Given = {
        name: visit.given[name]
        for name in ("order_id", "description", "callback_url", "notes")
        if not reading.absent(visit.given, name)
    }
    typed, amount = posted.typed, visit.amount
    payer: Given = {"email": typed.email, "contact": typed.contact, "method": typed.way}
    return asked | payer | {"amount": amount.minor, "currency": amount.currency}


def _instrument(posted: Posted) -> Instrument:
    method = Method(posted.typed.way)
    flow = "collect" if method is Method.UPI else None
    return Instrument(method, _account(posted.typed), card=posted.card, flow=flow)


def _account(typed: Typed) -> str | None:
    """What is paid from, where it is no card."""
    accounts = {"upi": typed.vpa, "netbanking": typed.bank, "wallet": typed.purse}
    return accounts.get(typed.way)
