"""Where a cardholder's browser comes back to after 3-D Secure: the order is finished, once.

The token in the address says whose payment it is; what the browser brings besides is checked by the
engine. However often it comes, it is sent on the same way. The redirect proves nothing: a merchant
reads the order.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

import structlog

from counterfoil.core.errors import Code, Refused
from counterfoil.core.merchant import Merchant
from counterfoil.core.order import Order
from counterfoil.core.rules import standing
from counterfoil.core.threeds import Step
from counterfoil.engine.authenticate import Answer, ChallengeAnswer, PayerAnswer, complete, resume
from counterfoil.engine.awaiting import form_of, locate, number_of, seen
from counterfoil.engine.perform import Engine
from counterfoil.exchange import Exchange, NoRouteError, Reply, Routes
from counterfoil.exchange import Handler as Serve
from counterfoil.web.checkout import page as checkout
from counterfoil.web.checkout.routes import NEWS, SANDBOX, alone, no_route
from counterfoil.web.checkout.view import Detour, Look, Message, News
from counterfoil.web.checkout.words import chosen
from counterfoil.web.html import HEADERS, UnreadableError, given, page, with_order

TITLE: Final = "Your payment"
OVER: Final = {Code.ALREADY_COMPLETED, Code.SESSION_EXPIRED}  # sent on like the first time
Fields = dict[str, str]
Handler = Callable[[Engine, Exchange], Awaitable[Reply]]


async def first(engine: Engine, exchange: Exchange) -> Reply:
    """/complete/secure3d: MD and PaRes."""
    fields = await given(exchange)
    answer = PayerAnswer(text=fields.get("PaRes", ""))
    return await _finish(engine, exchange, fields, answer)


async def second(engine: Engine, exchange: Exchange) -> Reply:
    """/complete/secure3d20: threeDSSessionData, and a CRes where there was a challenge."""
    fields = await given(exchange)
    answer = ChallengeAnswer(text=fields.get("cres") or None)
    return await _finish(engine, exchange, fields, answer)


async def method(engine: Engine, exchange: Exchange) -> Reply:
    """/complete/method: the issuer has seen the browser; where our own pages lead it, go on."""
    token = (await given(exchange)).get("session", "")
    await seen(engine, token)
    found = await locate(engine, token)
    known = None if found is None else found[1].payments[-1].authentication
    if found is None or known is None or not known.guided:
        return page(200, TITLE, "")
    merchant, order = found
    if known.step is Step.METHOD:
        with suppress(Refused):  # somebody was quicker, or it is too late
            await resume(engine, merchant, order.id)
        order = await engine.store.load(merchant.id, order.id)
    onward = form_of(order)
    if onward is None:
        return back(exchange, merchant, order)
    return framed(
        checkout.detour(
            Detour(
                look=look(exchange, merchant, order),
                action=onward.url,
                method=onward.method,
                fields=onward.fields,
            )
        )
    )


async def _finish(engine: Engine, exchange: Exchange, fields: Fields, answer: Answer) -> Reply:
    found = await locate(engine, fields.get("session", ""))
    if found is None:
        return alone(exchange, News.MISSING)
    merchant, order = found
    brought = fields.get("MD" if isinstance(answer, PayerAnswer) else "threeDSSessionData")
    if brought is not None and brought.replace(" ", "+") != number_of(order):
        return told(exchange, merchant, order, News.UNUSABLE)
    try:
        order = (await complete(engine, merchant, order.id, answer)).order
    except Refused as refusal:
        if refusal.code not in OVER:
            return told(exchange, merchant, order, News.UNUSABLE)
        order = await engine.store.load(merchant.id, order.id)
    return back(exchange, merchant, order)


def back(exchange: Exchange, merchant: Merchant, order: Order) -> Reply:
    """To the merchant's page with the order's number; without one, how it ended."""
    url = shop(order)
    if url is None:
        return told(exchange, merchant, order, NEWS[standing(order)])
    return Reply(303, b"", {**HEADERS, "Location": url}, "text/plain")


def shop(order: Order) -> str | None:
    """Where the merchant wants its customer, if it said so."""
    known = order.payments[-1].authentication
    if known is None or known.return_url is None:
        return None
    return with_order(known.return_url, order.id)


def told(exchange: Exchange, merchant: Merchant, order: Order, news: News) -> Reply:
    """A page that tells something of the order, with the way back to the shop."""
    view = Message(look=look(exchange, merchant, order), news=news, back=shop(order))
    return framed(checkout.message(view))


def look(exchange: Exchange, merchant: Merchant, order: Order) -> Look:
    """What every page of the order shows."""
    return Look(
        language=chosen(None, exchange.header(b"accept-language")),
        merchant=merchant.name,
        amount=order.amount,
        description=order.description,
        order=order.reference or str(order.id),
        test=merchant.terminal(order.payments[-1].terminal).connector == SANDBOX,
    )


def framed(reply: Reply) -> Reply:
    """The page, fit for a frame: many shops show the bank in one, and nothing is to press here."""
    headers = {name: text for name, text in reply.headers.items() if name != "X-Frame-Options"}
    policy = headers["Content-Security-Policy"].replace(" frame-ancestors 'none';", "")
    return reply._replace(headers={**headers, "Content-Security-Policy": policy})


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
            return framed(alone(exchange, News.UNUSABLE))
        except Refused:  # a token of an order that is gone
            return alone(exchange, News.MISSING)
        except Exception:  # noqa: BLE001 (an edge: the browser gets a page, the log the cause)
            structlog.get_logger().exception("a browser's return failed")
            return alone(exchange, News.TROUBLE)

    return run
