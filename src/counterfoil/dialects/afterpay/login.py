"""Where a customer proves who it is, at the test bank: the page that `secureLoginUrl` leads to.

The shop appends the address that the browser is to come back to. The page's own address carries a
token that nobody can guess; no key goes with it. Only an order whose payment is the test bank's
has such a page, and only for a day.
"""

from hmac import compare_digest
from html import escape
from string import Template
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, unquote, urlsplit

from msgspec.structs import replace

from counterfoil.core.change import rejected
from counterfoil.core.errors import Code, Refused
from counterfoil.core.merchant import Merchant
from counterfoil.core.order import Kind, Order, Outcome, Payment, Secure3d
from counterfoil.core.rules import Command, Plan
from counterfoil.dialects.afterpay.render import LIFE_US, awaited, number_of
from counterfoil.engine.gateway import Gateway
from counterfoil.exchange import CutShortError, Exchange, Reply, TooLargeError

if TYPE_CHECKING:
    from counterfoil.dialects.afterpay.call import Call

PATH: Final = "/api/v3/secure-login/"
BANK: Final = "sandbox"
BACK: Final = "returnUrl="
ID_DIGITS_MAX: Final = 19
HTML: Final = "text/html; charset=utf-8"
HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
PAGE: Final = Template("""\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Test bank: who are you?</title>
<style>body{font:1rem/1.5 sans-serif;max-width:34rem;margin:3rem auto;padding:0 1rem}
button{font:inherit;padding:.6rem 1.2rem;margin-right:.5rem}</style>
</head>
<body>
<main>
<h1>Test bank</h1>
<p>$text</p>
$form
</main>
</body>
</html>
""")
FORM: Final = """<form method="post">
<button name="choice" value="confirm">It is me</button>
<button name="choice" value="cancel">Cancel</button>
</form>"""


def url(call: "Call", order: Order) -> str | None:
    """The page of an order that waits; None where its risk is not the test bank's."""
    if not of_test_bank(call.merchant, order.payments[-1]):
        return None
    base = call.gateway.base or call.exchange.base
    place = f"{order.merchant}.{order.id}"
    return f"{base}{PATH}{place}.{token(call.gateway, place)}?{BACK}"


def of_test_bank(merchant: Merchant, payment: Payment) -> bool:
    """Whether the test bank plays the other side."""
    return merchant.terminal(payment.terminal).connector == BANK


def token(gateway: Gateway, place: str) -> str:
    """What nobody can guess of a place."""
    return gateway.orders.fingerprint(f"afterpay login\n{place}").hex()[:32]


async def serve(gateway: Gateway, exchange: Exchange) -> Reply:
    """The page, and what its buttons do."""
    known = await find(gateway, exchange.parts[-1])
    if known is None:
        return page(404, "There is nothing here.")
    merchant, order = known
    if exchange.method == "POST":
        confirmed = await choice(exchange) == "confirm"
        order = await act(gateway, merchant, order, confirmed=confirmed)
    elif awaited(order):
        amount = f"{order.amount.text()} {order.amount.currency}"
        text = f"{merchant.name} asks {amount} for order {number_of(order)}. Are you the customer?"
        return page(200, text, FORM)
    return back(exchange, "Thank you. You may close this page.")


async def find(gateway: Gateway, named: str) -> tuple[Merchant, Order] | None:
    """The order of a page's address and its merchant; None where nobody was given it."""
    place, _, proof = named.rpartition(".")
    numbers = place.split(".")
    sound = len(numbers) == len(("merchant", "order")) and all(
        each.isascii() and each.isdigit() and len(each) <= ID_DIGITS_MAX for each in numbers
    )
    if not sound or not compare_digest(proof.encode(), token(gateway, place).encode()):
        return None
    merchant = await gateway.store.merchant(int(numbers[0]))
    if merchant is None:
        return None
    order = await gateway.store.load(merchant.id, int(numbers[1]))
    return merchant, order


async def choice(exchange: Exchange) -> str | None:
    """Which button was pressed."""
    try:
        body = await exchange.body()
    except (TooLargeError, CutShortError):
        return None
    return dict(parse_qsl(body.decode("utf-8", "replace"))).get("choice")


async def act(gateway: Gateway, merchant: Merchant, order: Order, *, confirmed: bool) -> Order:
    """Authorize with the proof, or close the order; one that no longer waits stays as it is."""

    def plan(now: Order) -> Plan:
        late = gateway.clock.now() - now.created > LIFE_US
        if not awaited(now) or any(each.outcome is Outcome.PENDING for each in now.operations):
            raise Refused(Code.SESSION_EXPIRED)
        if late or not confirmed:
            why = Code.SESSION_EXPIRED if late else Code.AUTHENTICATION_FAILED
            return Plan(order=rejected(now, why, gateway.clock.now()))
        payment = replace(now.payments[-1], secure3d=Secure3d(reason="login"))
        begun = replace(now, payments=(*now.payments[:-1], payment))
        return Plan(order=begun, commands=(Command(kind=Kind.AUTHORIZE, payment=payment.id),))

    try:
        return (await gateway.orders.carry_on(merchant, order.id, plan)).order
    except Refused:
        return await gateway.store.load(merchant.id, order.id)


def back(exchange: Exchange, text: str) -> Reply:
    """On to the shop, where its address came along; else a page."""
    query = exchange.raw_query.partition(BACK)[2]
    address = query if query.startswith("http") and "://" in query else unquote(query)
    try:
        parts = urlsplit(address)
        sound = parts.scheme in {"http", "https"} and bool(parts.hostname)
    except ValueError:
        sound = False
    if not sound or not address.isascii() or not address.isprintable():
        return page(200, text)
    return Reply(303, b"", {**HEADERS, "Location": address}, HTML)


def page(status: int, text: str, form: str = "") -> Reply:
    """A page; `form` is markup, `text` is text."""
    body = PAGE.substitute(text=escape(text), form=form)
    return Reply(status, body.encode(), HEADERS, HTML)
