"""The payment page served: GET shows what there is to do or what came of it, POST pays.

A page's address is `/pay/{order}.{token}`. Every POST ends in a redirect, so that going back or
loading a page again sends nothing twice: to the shop where the payment is settled and the shop gave
an address, else to the page itself.
"""

import asyncio
import hmac
import secrets
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple
from urllib.parse import urlencode

import structlog

from counterfoil.core.card import Masked
from counterfoil.core.errors import Code, Refused
from counterfoil.core.merchant import Merchant
from counterfoil.core.order import Order
from counterfoil.core.rules import Standing, standing
from counterfoil.core.wallets import Opened, Token, Wallet
from counterfoil.engine.gateway import Gateway
from counterfoil.engine.pages import (
    Attempt,
    Guide,
    Pages,
    form_key,
    path_of,
    payable,
    place_of,
)
from counterfoil.engine.wallets import card_of
from counterfoil.exchange import (
    CutShortError,
    Exchange,
    Handler,
    NoRouteError,
    Reply,
    Routes,
    TooLargeError,
)
from counterfoil.slip import page
from counterfoil.slip.form import posted
from counterfoil.slip.view import (
    LAYOUTS,
    CardForm,
    Detour,
    Flaw,
    Look,
    Message,
    News,
    Typed,
)
from counterfoil.slip.words import chosen, mark
from counterfoil.web.checkout.brake import Brake, BrakedError
from counterfoil.web.html import with_order

SANDBOX: Final = "sandbox"  # the connector behind which no money moves
NAME_BYTES: Final = 12
SAMPLE_BYTES: Final = 24
LOOKS: Final = 30  # times a page looks for an answer before it is shown without one
LOOK_S: Final = 0.1
# Another form was first, or the time is over: the page says what is so now.
OVERTAKEN: Final = frozenset(
    {Code.WRONG_STATE, Code.SESSION_EXPIRED, Code.ALREADY_AUTHORIZED, Code.BUSY}
)

NEWS: Final = {
    Standing.AUTHORIZED: News.PAID,
    Standing.CHARGED: News.PAID,
    Standing.DECLINED: News.DECLINED,
    Standing.FRAUD: News.DECLINED,
    Standing.FAULTY: News.FAILED,
    Standing.REJECTED: News.FAILED,
    Standing.WAITING: News.WAITING,
    Standing.REVERSED: News.CLOSED,
    Standing.REFUNDED: News.CLOSED,
    Standing.CREDITED: News.CLOSED,
    Standing.DISPUTED: News.CLOSED,
    Standing.NEW: News.CLOSED,
}
NO_WALLET: Final = mark("This way of paying is not available here. Pay by card.")


class Till(NamedTuple):
    """What all visits share; `base` is the public address of pages, where one is configured."""

    pages: Pages
    brake: Brake
    base: str | None


class Visit:
    """One request for the page of an order."""

    __slots__ = ("base", "brake", "exchange", "language", "merchant", "order", "pages")

    def __init__(self, exchange: Exchange, till: Till, merchant: Merchant, order: Order) -> None:
        session = order.session
        assert session is not None
        self.base = till.base or exchange.base
        self.brake = till.brake
        self.exchange = exchange
        self.pages = till.pages
        self.merchant = merchant
        self.order = order
        wanted = exchange.query.get("language") or session.language
        self.language = chosen(wanted, exchange.header(b"accept-language"))

    @property
    def here(self) -> str:
        """The path of the order's page."""
        return path_of(self.pages.engine.vault, self.order)

    @property
    def back(self) -> str | None:
        """Where the customer goes at the end, if the merchant said so."""
        session = self.order.session
        url = session.return_url if session else None
        return None if url is None else with_order(url, self.order.id)

    def look(self) -> Look:
        """What every page of the order shows."""
        session = self.order.session
        assert session is not None
        return Look(
            language=self.language,
            here=self.here,
            merchant=self.merchant.name,
            amount=self.order.amount,
            description=self.order.description,
            order=self.order.reference or str(self.order.id),
            layout=layout(session.template),
            mobile=session.mobile,
            test=self.merchant.terminal(session.terminal).connector == SANDBOX,
            return_url=session.return_url,
        )

    def now(self) -> int:
        """The instant."""
        return self.pages.engine.clock.now()


async def show(visit: Visit) -> Reply:
    """GET: the form, the detour to the card's issuer, or what came of it."""
    if payable(visit.order, visit.now()):
        return form(visit)
    return await outcome(visit)


async def pay(visit: Visit) -> Reply:
    """POST: the card."""
    pages = visit.pages
    try:
        given = await posted(visit.exchange, visit.merchant, pages.engine.clock.today())
    except ValueError:
        return message(visit, News.OUTDATED)
    known = form_key(pages.engine.vault, visit.order, given.name)
    if not hmac.compare_digest(known.encode(), given.key.encode()):
        return message(visit, News.OUTDATED)
    if not payable(visit.order, visit.now()):
        return await outcome(visit)
    opened = tapped(visit, given.wallet) if given.wallet else None
    card = card_of(opened) if opened else None if given.wallet else given.card
    if card is None:
        return form(visit, given.typed, given.flaws, NO_WALLET if given.wallet else None)
    attempt = Attempt(
        card=card,
        wallet=opened.use if opened else None,
        form=given.name,
        base=visit.base,
        ip=visit.exchange.client,
        browser=given.browser,
    )
    try:
        return await attempted(visit, attempt)
    except BrakedError:
        return form(visit, given.typed, notice=page.FAILED)._replace(status=429)


async def attempted(visit: Visit, attempt: Attempt) -> Reply:
    """What came of an attempt; raises `BrakedError` on a link where too many came to nothing."""
    link, now = visit.order, visit.now()
    session = link.session
    shared = session is not None and session.shared
    if shared:
        visit.brake.begin(link.id, now)
    try:
        visit.order = await visit.pages.pay(visit.merchant, link, attempt)
    except Refused as refusal:
        if refusal.code not in OVERTAKEN:
            raise
        visit.order = await visit.pages.seen(link.merchant, link.id)  # another was first
    if shared and NEWS[standing(visit.order)] in {News.PAID, News.WAITING}:
        visit.brake.well(link.id, now)
    return done(visit)


def tapped(visit: Visit, name: str) -> Opened | None:
    """What a customer's test wallet gives at once; None where the page offers no such wallet."""
    if name not in visit.pages.offers(visit.merchant, visit.order):
        return None
    sample = Masked(secrets.token_urlsafe(SAMPLE_BYTES))
    token = Token(wallet=Wallet(name), text=sample)
    try:
        return visit.pages.tapped(visit.merchant, visit.order, token)
    except Refused:  # the merchant has keys of its own, and a sample is not made with them
        return None


def done(visit: Visit) -> Reply:
    """Where a browser goes from a form: back to the shop, or to what the order's page says now."""
    settled = standing(visit.order) is not Standing.WAITING
    expired = visit.order.closed is Code.SESSION_EXPIRED
    if visit.back and settled and not expired and not payable(visit.order, visit.now()):
        return see(visit.back)
    return see(f"{visit.here}?{urlencode({'language': visit.language})}")


async def outcome(visit: Visit) -> Reply:
    """What came of an order that takes no card any more."""
    visit.order = await answered(visit)
    if visit.order.closed is Code.SESSION_EXPIRED:
        return message(visit, News.EXPIRED)
    if payable(visit.order, visit.now()):  # declined meanwhile, and there are tries left
        return form(visit)
    challenge = await visit.pages.challenge(visit.merchant, visit.order)
    if challenge is not None:
        return page.detour(
            Detour(
                look=visit.look(),
                action=challenge.action,
                method=challenge.method,
                fields=challenge.fields,
            )
        )
    now = standing(visit.order)
    if visit.back and now is not Standing.WAITING:
        return see(visit.back)
    return message(visit, NEWS[now])


async def answered(visit: Visit) -> Order:
    """The order once its operation has an answer, or as it is after a while."""
    order = visit.order
    for _ in range(LOOKS):
        if standing(order) is not Standing.WAITING or not order.payments[-1].log:
            break
        await asyncio.sleep(LOOK_S)
        order = await visit.pages.seen(order.merchant, order.id)
    return order


def form(
    visit: Visit,
    typed: Typed | None = None,
    flaws: tuple[Flaw, ...] = (),
    notice: str | None = None,
) -> Reply:
    """The page that asks for a card, with a name of its own."""
    merchant, order, session = visit.merchant, visit.order, visit.order.session
    assert session is not None
    name = secrets.token_urlsafe(NAME_BYTES)
    client = order.client.name if order.client else None
    return page.card_form(
        CardForm(
            look=visit.look(),
            name=name,
            key=form_key(visit.pages.engine.vault, order, name),
            typed=typed or Typed(holder=client or ""),
            flaws=flaws,
            notice=notice or said(order),
            expires=order.expires,
            zone=merchant.zone,
            cvv_required=merchant.cvv_required,
            holder_required=merchant.holder_required,
            wallets=visit.pages.offers(merchant, order),
        )
    )


def said(order: Order) -> str | None:
    """What came of the attempt before, as far as a customer can do something about it."""
    if not order.operations:
        return None
    decline = order.operations[-1].decline
    if standing(order) is Standing.FAULTY or decline is None:
        return page.FAILED
    return page.NOTICES.get(decline, page.DECLINED)


def message(visit: Visit, news: News) -> Reply:
    """A page that tells something of the order."""
    away = news not in {News.WAITING, News.OUTDATED, News.TROUBLE}
    return page.message(Message(look=visit.look(), news=news, back=visit.back if away else None))


def see(address: str) -> Reply:
    """Go there with a GET."""
    return Reply(303, b"", {**page.GUARDS, "Location": address}, content_type=page.HTML)


def layout(template: str | None) -> str:
    """The layout of a number from 1, or of its name; anything else is the first."""
    numbers = {str(number): name for number, name in enumerate(LAYOUTS, start=1)}
    return numbers.get(template or "", template if template in LAYOUTS else LAYOUTS[0])


def static(exchange: Exchange) -> Reply:
    """GET /pay/static/…: a file that pages name."""
    return page.file(exchange.path) or alone(exchange, News.MISSING)


def alone(exchange: Exchange, news: News) -> Reply:
    """A page that belongs to no order."""
    language = chosen(exchange.query.get("language"), exchange.header(b"accept-language"))
    return page.message(Message(look=Look(language=language), news=news))


Step = Callable[[Visit], Awaitable[Reply]]
# fmt: off
ROUTES: Final[Routes[Step]] = Routes((
    ("GET HEAD", "/pay/{place}", show),
    ("POST",     "/pay/{place}", pay),
))
# fmt: on


def serve(gateway: Gateway, guide: Guide | None = None) -> Handler:
    """The payment page, served: every failure too is a page."""
    pages = Pages(gateway.orders, guide, wallets=gateway.wallets)
    till = Till(pages=pages, brake=Brake(), base=gateway.checkout or gateway.base)

    async def run(exchange: Exchange) -> Reply:
        try:
            if exchange.path.startswith(page.STATIC):
                return static(exchange)
            step, named = ROUTES.find(exchange.method, exchange.path)
            return await step(await visited(exchange, till, named))
        except NoRouteError as error:
            return no_route(exchange, error)
        except (TooLargeError, CutShortError):
            return alone(exchange, News.OUTDATED)._replace(status=400)
        except Refused as refusal:
            missing = refusal.code is Code.ORDER_NOT_FOUND
            if not missing:
                structlog.get_logger().warning("a page could not be paid", code=refusal.code)
        except Exception:  # noqa: BLE001 (an edge: the customer gets a page, the log its cause)
            structlog.get_logger().exception("request failed", wire="checkout")
            missing = False
        return alone(exchange, News.MISSING if missing else News.TROUBLE)

    return run


def no_route(exchange: Exchange, error: NoRouteError) -> Reply:
    """404, or 405 where another method would do."""
    reply = alone(exchange, News.MISSING)
    if not error.allowed:
        return reply
    headers = {**reply.headers, "Allow": ", ".join(error.allowed)}
    return reply._replace(status=405, headers=headers)


async def visited(exchange: Exchange, till: Till, named: str) -> Visit:
    """The visit of a page; raises `Refused(ORDER_NOT_FOUND)` where its address leads nowhere."""
    place = place_of(till.pages.engine.vault, named)
    if place is None:
        raise Refused(Code.ORDER_NOT_FOUND)
    merchant, order = await till.pages.find(place)
    return Visit(exchange, till, merchant, order)
