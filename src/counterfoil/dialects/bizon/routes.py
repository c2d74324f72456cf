"""One handler a call: decode, ask the engine, render."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

import msgspec
import structlog

from counterfoil.core.declines import REASONS, Nature
from counterfoil.core.errors import Code, Refused
from counterfoil.core.order import Kind, Order, Outcome
from counterfoil.core.rates import Rate, shown
from counterfoil.core.rules import Command, Standing
from counterfoil.dialects.bizon import queries, schema, secure, threeds, tokens
from counterfoil.dialects.bizon.auth import caller
from counterfoil.dialects.bizon.call import NOT_FOUND, Call, order_id
from counterfoil.dialects.bizon.create import opened
from counterfoil.dialects.bizon.errors import ERRORS, Failure, refused
from counterfoil.dialects.bizon.lists import list_operations, list_orders
from counterfoil.dialects.bizon.render import (
    BASE,
    FULL,
    NUMBERED,
    STATUS,
    encode,
    message,
    render_order,
    stamp,
)
from counterfoil.dialects.bizon.shapes import OrdersOut
from counterfoil.engine import wallets
from counterfoil.engine.awaiting import form_of
from counterfoil.engine.gateway import Gateway
from counterfoil.engine.pages import Pages
from counterfoil.engine.perform import Done
from counterfoil.exchange import Exchange, NoRouteError, Reply, Routes
from counterfoil.exchange import Handler as Serve

UNADDRESSED: Final = {401, NOT_FOUND}  # failures that name no order
UNANSWERED: Final = "No answer from the acquirer yet: read the order later for its outcome"

# The standings in which this wire lets an order be ... (its public status table).
CHARGEABLE: Final = frozenset({Standing.AUTHORIZED})
CHARGEABLE_AGAIN: Final = frozenset({Standing.AUTHORIZED, Standing.CHARGED})
REVERSIBLE: Final = frozenset({Standing.AUTHORIZED})
REFUNDABLE: Final = frozenset({Standing.CHARGED, Standing.REFUNDED})
CREDITABLE: Final = frozenset({Standing.CHARGED, Standing.REFUNDED})
REBILLABLE: Final = frozenset(Standing) - {Standing.NEW, Standing.WAITING}


Handler = Callable[[Call], Awaitable[Reply]]


async def ping(call: Call) -> Reply:
    """GET /ping."""
    now = stamp(call.gateway.clock.now(), call.merchant.zone)
    return answer({"date": now, "message": "PONG!"})


async def show(call: Call) -> Reply:
    """GET /orders/:id."""
    order = await Pages(call.gateway.orders).seen(call.merchant.id, call.order())
    return orders([order], call, call.blocks())


async def exchange_rates(call: Call) -> Reply:
    """GET /exchange_rates/: today's, a day's, or those of a period."""
    fields = queries.Fields(call.exchange.query, call.merchant)
    day, first, last = (fields.day(name) for name in ("date", "date_from", "date_to"))
    if day and (first or last):
        fields.fault("date", "cannot be used together with date_from or date_to")
    fields.finish()
    today = stamp(call.gateway.clock.now(), call.merchant.zone)[:10]
    store = call.gateway.store
    if first or last:
        rates = await store.rates(first or "0000-00-00", last or today)
        rows = [{"date": rate.day} | _rate(rate) for rate in rates]
    else:
        rows = [_rate(rate) for rate in await store.rates_on(day or today)]
    return answer({"exchange_rates": rows})


def _rate(rate: Rate) -> dict[str, str]:
    return {"from": rate.source, "rate": shown(rate.rate), "to": rate.target}


async def authorize(call: Call) -> Reply:
    """POST /orders/authorize."""
    reader = await call.read()
    once = call.once()
    if once is not None and (earlier := await call.earlier(once)) is not None:
        return done(earlier, call)
    draft = schema.draft(reader, call.merchant)
    card = schema.new_card(reader, call.merchant, call.gateway.clock)
    if (demanded := threeds.demand(reader, draft, call)) is not None:
        draft = msgspec.structs.replace(draft, demand=demanded)
    if draft.location is None or draft.location.ip is None:
        reader.inner("location").required("ip")
    reader.finish()
    assert card is not None
    return done(await call.gateway.orders.authorize(call.merchant, draft, card, once), call)


async def create(call: Call) -> Reply:
    """POST /orders/create: the order, and where its customer pays."""
    made, where = await opened(call)
    if made.order.closed is Code.CURRENCY_NOT_ENABLED:
        return done(made, call)
    return orders([made.order], call, FULL, headers={"Location": where})._replace(status=201)


async def token_pay(call: Call) -> Reply:
    """POST /orders/token_pay."""
    reader = await call.read()
    once = call.once()
    if once is not None and (earlier := await call.earlier(once)) is not None:
        return done(earlier, call, NUMBERED, expiration=True)
    draft, token = tokens.payment(reader, call.merchant)
    reader.finish()
    assert token is not None
    made = await wallets.authorize(
        call.gateway.orders, call.gateway.wallets, call.merchant, draft, token, once
    )
    return done(made, call, NUMBERED, expiration=True)


async def charge(call: Call) -> Reply:
    """PUT /orders/:id/charge: once, the rest let go; again and again where the project may."""
    several = call.merchant.multiple_charges
    return await follow_up(
        call,
        Command(
            kind=Kind.CHARGE,
            allowed=CHARGEABLE_AGAIN if several else CHARGEABLE,
            final=not several,
        ),
    )


async def reverse(call: Call) -> Reply:
    """PUT /orders/:id/reverse: the whole authorization; an amount means nothing here."""
    await call.read(empty=True)
    command, orders = Command(kind=Kind.REVERSE, allowed=REVERSIBLE), call.gateway.orders
    return done(await orders.follow_up(call.merchant, call.order(), command, call.once()), call)


async def refund(call: Call) -> Reply:
    """PUT /orders/:id/refund."""
    return await follow_up(call, Command(kind=Kind.REFUND, allowed=REFUNDABLE))


async def cancel(call: Call) -> Reply:
    """PUT /orders/:id/cancel: reverse or refund, by the order's state."""
    number, minor = await call.amount()
    try:
        made = await call.gateway.orders.cancel(call.merchant, number, minor, call.once())
    except Refused as refusal:
        if "operation" in refusal.facts:
            refusal.facts["operation"] = "cancel"
        raise
    return done(made, call)


async def rebill(call: Call) -> Reply:
    """POST /orders/:id/rebill."""
    reader = await call.read()
    source = await call.gateway.store.load(call.merchant.id, call.order())
    draft = schema.draft(reader, call.merchant, default_currency=source.amount.currency)
    given = reader if reader.given.get("cvv") is not None else reader.inner("card")
    if call.merchant.cvv_required and given.given.get("cvv") in (None, ""):
        reader.required("cvv")
    cvv = schema.check_digits(given)
    reader.finish()
    made = await call.gateway.orders.rebill(
        call.merchant, source.id, draft, cvv=cvv, allowed=REBILLABLE, once=call.once()
    )
    return done(made, call)


async def credit_linked(call: Call) -> Reply:
    """POST /orders/:id/credit."""
    reader = await call.read()
    source = await call.gateway.store.load(call.merchant.id, call.order())
    draft = schema.draft(reader, call.merchant, default_currency=source.amount.currency)
    reader.finish()
    made = await call.gateway.orders.credit_linked(
        call.merchant, source.id, draft, allowed=CREDITABLE, once=call.once()
    )
    return done(made, call)


async def credit(call: Call) -> Reply:
    """POST /orders/credit."""
    reader = await call.read()
    once = call.once()
    if once is not None and (earlier := await call.earlier(once)) is not None:
        return done(earlier, call, expiration=True)
    draft = schema.draft(reader, call.merchant)
    card = schema.credit_card(reader, call.gateway.clock)
    reader.finish()
    assert card is not None
    made = await call.gateway.orders.credit(call.merchant, draft, card, once)
    return done(made, call, expiration=True)


async def complete(call: Call) -> Reply:
    """POST /orders/:id/complete: 3-D Secure 1 is over."""
    return done(await threeds.finish_first(call), call, blocks=call.blocks())


async def complete3d20(call: Call) -> Reply:
    """POST /orders/:id/complete3d20: 3-D Secure 2 is over."""
    return done(await threeds.finish_second(call), call, expiration=True)


async def resume(call: Call) -> Reply:
    """POST /orders/:id/resume: the method step is over."""
    return done(await threeds.go_on(call), call, expiration=True)


async def follow_up(call: Call, command: Command) -> Reply:
    """An operation on a stored order, of the amount given or of all there is."""
    number, minor = await call.amount()
    command = msgspec.structs.replace(command, minor=minor)
    made = await call.gateway.orders.follow_up(call.merchant, number, command, call.once())
    return done(made, call)


def done(
    made: Done, call: Call, blocks: frozenset[str] = FULL, *, expiration: bool = False
) -> Reply:
    """The order in full; or the form by which it goes on; or, where the last operation failed, why.

    201: the order waits for its cardholder.
    """
    order, operation = made.order, made.operation
    if order.closed is not None:
        raise Failure(402, "rejected", ERRORS[order.closed].message, order=order.id)
    if (form := form_of(order)) is not None:
        shown = render_order(order, call.merchant, blocks, expiration=expiration)
        shown.form3d, shown.form3d_html = secure.form3d(form), secure.form3d_html(form)
        return Reply(201, encode(OrdersOut([shown])))
    if operation is None:
        return orders([order], call, blocks, expiration=expiration)
    if operation.outcome is Outcome.PENDING:
        structlog.get_logger().warning("no answer from the acquirer", order=order.id)
        raise Failure(500, "error", UNANSWERED, order=order.id)
    if operation.decline is not None:
        nature = REASONS[operation.decline].nature
        status, kind = NATURES[nature]
        raise Failure(status, kind, message(operation), order=order.id)
    return orders([order], call, blocks, expiration=expiration)


NATURES: Final = {
    Nature.DECLINED: (402, "declined"),
    Nature.FRAUD: (402, "fraud"),
    Nature.FAULT: (500, "error"),
}


def orders(
    found: Sequence[Order],
    call: Call,
    blocks: frozenset[str] = BASE,
    *,
    expiration: bool = False,
    headers: Mapping[str, str] | None = None,
) -> Reply:
    """Orders in their envelope."""
    merchant = call.merchant
    rendered = [render_order(order, merchant, blocks, expiration=expiration) for order in found]
    return answer(OrdersOut(rendered), headers)


def answer(body: object, headers: Mapping[str, str] | None = None) -> Reply:
    """A 200."""
    return Reply(200, encode(body), headers or {})


# fmt: off
ROUTES: Final[Routes[Handler]] = Routes((
    ("POST",     "/orders/create",           create),
    ("POST",     "/orders/authorize",        authorize),
    ("POST",     "/orders/credit",           credit),
    ("POST",     "/orders/token_pay",        token_pay),
    ("PUT POST", "/orders/{order}/charge",   charge),
    ("PUT POST", "/orders/{order}/refund",   refund),
    ("PUT POST", "/orders/{order}/reverse",  reverse),
    ("PUT POST", "/orders/{order}/cancel",   cancel),
    ("POST",     "/orders/{order}/rebill",   rebill),
    ("POST",     "/orders/{order}/credit",   credit_linked),
    ("POST",     "/orders/{order}/complete", complete),
    ("POST",     "/orders/{order}/complete3d20", complete3d20),
    ("POST",     "/orders/{order}/resume",   resume),
    ("GET HEAD", "/orders/{order}",          show),
    ("GET HEAD", "/orders/",                 list_orders),
    ("GET HEAD", "/orders",                  list_orders),
    ("GET HEAD", "/operations/",             list_operations),
    ("GET HEAD", "/operations",              list_operations),
    ("GET HEAD", "/exchange_rates/",         exchange_rates),
    ("GET HEAD", "/exchange_rates",          exchange_rates),
    ("GET HEAD", "/ping",                    ping),
))
# fmt: on


def serve(gateway: Gateway) -> Serve:
    """The wire, served: every failure, an unknown path too, in this wire's form."""

    async def run(exchange: Exchange) -> Reply:
        named = ""
        try:
            handler, named = ROUTES.find(exchange.method, exchange.path)
            header = exchange.header(b"authorization")
            merchant = await caller(gateway.directory, header)
            return echoed(await handler(Call(exchange, gateway, merchant, named)), exchange)
        except NoRouteError as error:
            failure = no_route(error)
        except Refused as refusal:
            failure = refused(refusal, order_id(named), STATUS)
        except Failure as flawed:
            failure = flawed
            if failure.order is None and failure.status not in UNADDRESSED:
                failure.order = order_id(named)
        except asyncio.CancelledError:  # we are being stopped at once: it goes on after the start
            failure = Failure(500, "error", UNANSWERED, order=order_id(named))
        except Exception:  # noqa: BLE001 (an edge: the caller gets a failure, the log its cause)
            structlog.get_logger().exception("request failed", wire="bizon")
            failure = Failure(500, "error", "System malfunction", order=order_id(named))
        return echoed(Reply(failure.status, failure.body(), failure.headers), exchange)

    return run


def no_route(error: NoRouteError) -> Failure:
    """404, or 405 where another method would do."""
    if not error.allowed:
        return Failure(NOT_FOUND, "validation", "Not found")
    headers = {"Allow": ", ".join(error.allowed)}
    return Failure(405, "validation", "Method not allowed", headers=headers)


def echoed(reply: Reply, exchange: Exchange) -> Reply:
    """The answer with the caller's own request id."""
    given = exchange.header(b"x-request-id")
    if given is None:
        return reply
    return reply._replace(headers={**reply.headers, "X-Request-Id": given})
