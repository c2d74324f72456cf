"""Checkout: the hosted page, where a payer chooses how to pay, and the script that opens it.

No key pair is needed: the key id says whose order it is. The amount is the order's, whatever was
posted. What follows is the test bank's page (`pages.py`), and from there the way back to the shop.
"""

from html import escape
from pathlib import Path
from typing import Final

from counterfoil.core.money import Money
from counterfoil.dialects.razorpay import facts, paying, reading, render
from counterfoil.dialects.razorpay.auth import caller
from counterfoil.dialects.razorpay.call import Call, body_of
from counterfoil.dialects.razorpay.errors import PAID, Failure
from counterfoil.dialects.razorpay.methods import Method, method_of
from counterfoil.dialects.razorpay.pages import bank, hidden, over, page
from counterfoil.dialects.razorpay.reading import Given
from counterfoil.dialects.razorpay.small import BANKS, WALLETS
from counterfoil.engine.gateway import Gateway
from counterfoil.exchange import Exchange, Reply

SCRIPT: Final = (Path(__file__).parent / "checkout.js").read_bytes()
KEPT: Final = ("key_id", "order_id", "description", "callback_url", "cancel_url", "name")
MEANS: Final = ("method", "bank", "wallet", "vpa", "email", "contact")


async def script(_: Gateway, __: Exchange) -> Reply:
    """GET /v1/checkout.js, where clients load it from."""
    headers = {"Cache-Control": "public, max-age=300", "X-Content-Type-Options": "nosniff"}
    return Reply(200, SCRIPT, headers, "text/javascript; charset=utf-8")


async def embedded(gateway: Gateway, exchange: Exchange) -> Reply:
    """POST /v1/checkout/embedded: the choice of how to pay."""
    try:
        given = await body_of(exchange)
        call, minor, currency = await _order(gateway, exchange, given)
        paying.checked_address(given, "cancel_url")
        paying.checked_address(given, "callback_url")
    except Failure as failure:
        return _refused(failure)
    return _choice(call, given, minor, currency)


async def chosen(gateway: Gateway, exchange: Exchange) -> Reply:
    """POST /v1/checkout/pay: the payer has chosen; the bank's page comes next."""
    try:
        given = await body_of(exchange)
        call, minor, currency = await _order(gateway, exchange, given)
    except Failure as failure:
        return _refused(failure)
    asked: Given = {name: given[name] for name in MEANS if not reading.absent(given, name)}
    asked |= {name: given[name] for name in ("order_id", "description", "callback_url", "notes")
              if not reading.absent(given, name)}  # fmt: skip
    asked |= {"amount": minor, "currency": currency, "card": reading.inner(given, "card")}
    try:
        meant = await paying.begin(call, asked)
    except Failure as failure:
        return _choice(call, given, minor, currency, failure.message)
    if method_of(meant.payment) is Method.UPI:
        return await over(call, await call.payment(meant.id))
    return bank(call, meant, "authorize")


async def _order(gateway: Gateway, exchange: Exchange, given: Given) -> tuple[Call, int, str]:
    """The account's order that is to be paid, and how much; raises `Failure`."""
    reading.need(given, "key_id", "order_id")
    key, named = reading.text(given, "key_id"), reading.text(given, "order_id")
    known = await caller(gateway.directory, None, public=True, named=key)
    call = Call(exchange, gateway, known)
    shown = render.order(await call.order(named))
    if shown.status == "paid":
        raise Failure(PAID)
    asked = reading.integer(given, "amount")
    order = await call.order(named)
    part = facts.of_order(order).partial and asked is not None
    return call, asked if part and asked is not None else shown.amount_due, shown.currency


def _refused(failure: Failure) -> Reply:
    return page("Payment not possible", f"<p>{escape(failure.message)}</p>", status=400)


def _choice(call: Call, given: Given, minor: int, currency: str, fault: str | None = None) -> Reply:
    """The page; what was posted comes back with the payer's choice."""
    kept = {name: str(given[name]) for name in KEPT if not reading.absent(given, name)}
    kept["amount"] = str(minor)
    notes = given.get("notes")
    if isinstance(notes, dict):
        kept |= {f"notes[{name}]": str(value) for name, value in notes.items()}
    prefill = given.get("prefill")
    known = prefill if isinstance(prefill, dict) else given
    amount = f"{currency} {Money(minor=minor, currency=currency).text()}"
    title = reading.text(given, "name") or call.merchant.name
    inside = (
        f"<p><b>{escape(amount)}</b></p><p>{escape(str(given.get('description') or ''))}</p>"
        + (f'<p role="alert">{escape(fault)}</p>' if fault else "")
        + "".join(_form(call, kept, known, word, fields) for word, fields in FORMS.items())
        + _cancel(given)
    )
    return page(title, inside, status=200 if fault is None else 400)


def _form(call: Call, kept: dict[str, str], known: Given, word: str, fields: str) -> str:
    payer = "".join(
        _input(name, label, str(known.get(name) or ""), kind)
        for name, label, kind in (("email", "Email", "email"), ("contact", "Telephone", "tel"))
    )
    return (
        f'<details name="method"><summary>{LABELS[word]}</summary>'
        f'<form method="post" action="{escape(call.base)}/v1/checkout/pay">'
        f"{hidden({**kept, 'method': word})}{payer}{fields}<button>Pay</button></form></details>"
    )


def _cancel(given: Given) -> str:
    address = reading.text(given, "cancel_url", 2048)
    return f'<p><a href="{escape(address)}">Cancel</a></p>' if address else ""


def _input(name: str, label: str, value: str = "", kind: str = "text", more: str = "") -> str:
    return (
        f'<p><label>{label}<br><input name="{name}" type="{kind}" value="{escape(value)}" '
        f"required{more}></label></p>"
    )


def _select(name: str, label: str, options: dict[str, str]) -> str:
    shown = "".join(f'<option value="{value}">{text}</option>' for value, text in options.items())
    return f'<p><label>{label}<br><select name="{name}">{shown}</select></label></p>'


LABELS: Final = {"card": "Card", "netbanking": "Netbanking", "upi": "UPI", "wallet": "Wallet"}
FORMS: Final = {
    "card": _input(
        "card[number]", "Card number", more=' inputmode="numeric" autocomplete="cc-number"'
    )
    + _input("card[name]", "Name on card", more=' autocomplete="cc-name"')
    + _input("card[expiry_month]", "Month", more=' inputmode="numeric" autocomplete="cc-exp-month"')
    + _input("card[expiry_year]", "Year", more=' inputmode="numeric" autocomplete="cc-exp-year"')
    + _input("card[cvv]", "CVV", kind="password", more=' autocomplete="cc-csc"'),
    "netbanking": _select("bank", "Bank", BANKS),
    "upi": _input("vpa", "UPI address"),
    "wallet": _select("wallet", "Wallet", {name: name for name in WALLETS}),
}
