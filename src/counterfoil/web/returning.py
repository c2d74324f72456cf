"""Where a cardholder's browser comes back to after 3-D Secure: the order is finished, once.

The token in the address says whose payment it is; what the browser brings besides is checked by the
engine. However often it comes, it is sent on the same way. The redirect proves nothing: a merchant
reads the order.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final, NamedTuple

import structlog

from counterfoil.core.errors import Code, Refused
from counterfoil.core.merchant import Merchant
from counterfoil.core.order import Order, Payment
from counterfoil.core.rules import standing
from counterfoil.core.threeds import Step
from counterfoil.engine.authenticate import Answer, ChallengeAnswer, PayerAnswer, complete, resume
from counterfoil.engine.awaiting import asked, form_of, locate, seen
from counterfoil.engine.perform import Engine
from counterfoil.exchange import Exchange, NoRouteError, Reply, Routes
from counterfoil.exchange import Handler as Serve
from counterfoil.slip import page as checkout
from counterfoil.slip.view import Detour, Look, Message, News
from counterfoil.slip.words import chosen
from counterfoil.web.checkout.routes import NEWS, SANDBOX, alone, no_route
from counterfoil.web.html import HEADERS, UnreadableError, given, page, with_order

TITLE: Final = "Your payment"
# Sent on like the first time: it is over, or another payment of the order was quicker.
OVER: Final = {
    *(Code.ALREADY_COMPLETED, Code.SESSION_EXPIRED),
    *(Code.ALREADY_AUTHORIZED, Code.EXCEEDS_ORDER),
}
Fields = dict[str, str]
Handler = Callable[[Engine, Exchange], Awaitable[Reply]]


async def first(engine: Engine, exchange: Exchange) -> Reply:
    """/complete/secure3d: MD and PaRes."""
    fields = await given(exchange)
    answer = PayerAnswer(text=fields.get("PaRes", ""), number=brought(fields, "MD"))
    return await _finish(engine, exchange, fields, answer)


async def second(engine: Engine, exchange: Exchange) -> Reply:
    """/complete/secure3d20: threeDSSessionData, and a CRes where there was a challenge."""
    fields = await given(exchange)
    number = brought(fields, "threeDSSessionData")
    answer = ChallengeAnswer(text=fields.get("cres") or None, number=number)
    return await _finish(engine, exchange, fields, answer)


async def method(engine: Engine, exchange: Exchange) -> Reply:
    """/complete/method: the issuer has seen the browser; where our own pages lead it, go on."""
    token = (await given(exchange)).get("session", "")
    await seen(engine, token)
    found = await locate(engine, token)
    payment = None if found is None else asked(found[1])
    known = None if payment is None else payment.authentication
    if found is None or payment is None or known is None or not known.guided:
        return page(200, TITLE, "")
    merchant, order = found
    if known.step is Step.METHOD:
        with suppress(Refused):  # somebody was quicker, or it is too late
            await resume(engine, merchant, order.id)
        order = await engine.store.load(merchant.id, order.id)
    payment = next(each for each in order.payments if each.id == payment.id)
    return onward(Return(exchange, merchant, order, payment))


async def _finish(engine: Engine, exchange: Exchange, fields: Fields, answer: Answer) -> Reply:
    found = await locate(engine, fields.get("session", ""))
    if found is None:
        return alone(exchange, News.MISSING)
    merchant, order = found
    usable = True
    try:
        order = (await complete(engine, merchant, order.id, answer)).order
    except Refused as refusal:
        usable = refusal.code in OVER
        order = await engine.store.load(merchant.id, order.id)
    payment = asked(order, answer.number) or order.payments[-1]
    there = Return(exchange, merchant, order, payment)
    return back(there) if usable else told(there, News.UNUSABLE)


class Return(NamedTuple):
    """A browser that comes back: whose payment of which order it is about."""

    exchange: Exchange
    merchant: Merchant
    order: Order
    payment: Payment

    @property
    def shop(self) -> str | None:
        """Where the merchant wants its customer, if it said so."""
        known = self.payment.authentication
        if known is None or known.return_url is None:
            return None
        return with_order(known.return_url, self.order.id)

    @property
    def look(self) -> Look:
        """What every page of the order shows."""
        order = self.order
        return Look(
            language=chosen(None, self.exchange.header(b"accept-language")),
            merchant=self.merchant.name,
            amount=self.payment.amount,
            description=order.description,
            order=order.reference or str(order.id),
            test=self.merchant.terminal(self.payment.terminal).connector == SANDBOX,
        )


def onward(there: Return) -> Reply:
    """On to the issuer, if it has not heard enough yet."""
    form = form_of(there.order, there.payment)
    if form is None:
        return back(there)
    view = Detour(look=there.look, action=form.url, method=form.method, fields=form.fields)
    return checkout.framed(checkout.detour(view))


def back(there: Return) -> Reply:
    """To the merchant's page with the order's number; without one, how it ended."""
    if there.shop is None:
        return told(there, NEWS[standing(there.order)])
    return Reply(303, b"", {**HEADERS, "Location": there.shop}, "text/plain")


def told(there: Return, news: News) -> Reply:
    """A page that tells something of the order, with the way back to the shop."""
    return checkout.framed(checkout.message(Message(look=there.look, news=news, back=there.shop)))


def brought(fields: Fields, name: str) -> str | None:
    """The number that came back; a blank of a query was a plus."""
    number = fields.get(name)
    return None if number is None else number.replace(" ", "+")


# fmt: off
ROUTES: Final[Routes[Handler]] = Routes((
    ("GET POST", "/complete/secure3d",   first),
    ("GET POST", "/complete/secure3d20", second),
    ("POST",     "/complete/method",     method),
))
# fmt: on


def serve(engine: Engine) -> Serve:
    """The addresses that browsers come back to."""

    async def run(exchange: Exchange) -> Reply:
        try:
            handler, _ = ROUTES.find(exchange.method, exchange.path)
            return await handler(engine, exchange)
        except NoRouteError as error:
            return no_route(exchange, error)
        except UnreadableError:
            return checkout.framed(alone(exchange, News.UNUSABLE))
        except Refused:  # a token of an order that is gone
            return alone(exchange, News.MISSING)
        except Exception:  # noqa: BLE001 (an edge: the browser gets a page, the log the cause)
            structlog.get_logger().exception("a browser's return failed")
            return alone(exchange, News.TROUBLE)

    return run
