"""One handler a call: decode, ask the engine, render."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import structlog

from counterfoil.core.errors import Refused
from counterfoil.core.order import Operation, Order, Outcome
from counterfoil.dialects.afterpay import asking, checkout, facts, login, render
from counterfoil.dialects.afterpay.auth import caller
from counterfoil.dialects.afterpay.call import ACT_AT, SHIPPING_AT, Call
from counterfoil.dialects.afterpay.errors import (
    NO_CAPTURE,
    NO_REFUND,
    NO_VOID,
    Failure,
    declined,
    invalid,
    refused,
)
from counterfoil.dialects.afterpay.numbers import Numbers
from counterfoil.engine.gateway import Gateway
from counterfoil.engine.perform import Done
from counterfoil.exchange import Exchange, NoRouteError, Reply, Routes
from counterfoil.exchange import Handler as Serve

Handler = Callable[[Call], Awaitable[Reply]]
Views = Callable[[Order], Sequence[tuple[str, render.View]]]
CONTENT_TYPE: Final = "application/json; charset=utf-8"
VERSION: Final = "3.0.0.0"
VOIDS: Final = "voids"


async def version(_: Call) -> Reply:
    """GET /version."""
    return answer({"version": VERSION})


async def status(_: Call) -> Reply:
    """GET /status."""
    return answer({"status": "OK"})


async def payment_methods(call: Call) -> Reply:
    """POST /checkout/payment-methods."""
    await call.read()
    await call.earlier()
    return answer(await checkout.offers(call))


async def authorize(call: Call) -> Reply:
    """POST /checkout/authorize."""
    await call.read()
    made = await call.earlier() or await checkout.authorize(call)
    return answer(checkout.answer(made, call))


async def show(call: Call) -> Reply:
    """GET /orders/{order}."""
    order = await call.order()
    return answer(render.order_view(order, call.merchant, call.gateway.clock.now()))


async def update(call: Call) -> Reply:
    """POST /orders/{order}/updateOrder."""
    await call.read()
    made = await call.earlier()
    if made is None:
        order = await call.order()
        made = await call.carry_on(order, asking.update(call, order).plan, 0)
    return answer(checkout.updated(made, call))


async def capture(call: Call) -> Reply:
    """POST /orders/{order}/captures."""
    await call.read()
    made = await call.earlier()
    if made is None:
        order = await call.order()
        asked = await asking.capture(call, order)
        made = await call.carry_on(order, asked.plan, asked.needs, asked.name)
    (operation,) = approved(made)
    return answer(render.capture_answer(made.order, operation))


async def refund(call: Call) -> Reply:
    """POST /orders/{order}/refunds."""
    await call.read()
    made = await call.earlier()
    if made is None:
        order = await call.order()
        asked = await asking.refund(call, order)
        made = await call.carry_on(order, asked.plan, asked.needs(order), asked.name)
    return answer(render.refund_answer(made.order, approved(made)))


async def void(call: Call) -> Reply:
    """POST /orders/{order}/voids."""
    await call.read()
    made = await call.earlier()
    if made is None:
        order = await call.order()
        made = await call.carry_on(order, asking.void(call, order).plan)
    return answer(render.void_answer(made.order, approved(made)))


async def track(call: Call) -> Reply:
    """POST /orders/{order}/captures/{capture}/shipping-details."""
    await call.read()
    made, mark = await call.earlier(), call.mark()
    if made is None:
        order = await call.order()
        made = await call.carry_on(order, asking.tracking(call, order, mark).plan)
    (number,) = (each.number for each in facts.of_order(made.order).shipping if each.key == mark)
    return answer({"shippingNumber": number})


async def track_again(call: Call) -> Reply:
    """PATCH /orders/{order}/captures/{capture}/shipping-details/{shipping}."""
    await call.read()
    if await call.earlier() is None:
        order = await call.order()
        asked = asking.tracking(call, order, "", call.parts[SHIPPING_AT])
        await call.carry_on(order, asked.plan, 0)
    return answer({})


async def pay(call: Call) -> Reply:
    """POST /orders/{order}/captures/{capture}/payments: ours, the test bank's customer pays."""
    await call.read()
    made, mark = await call.earlier(), call.mark()
    if made is None:
        order = await call.order()
        made = await call.carry_on(order, asking.receipt(call, order, mark).plan, 0)
    (paid,) = (each for each in facts.of_order(made.order).paid if each.key == mark)
    shown = {
        "captureNumber": call.parts[ACT_AT],
        "paidAmount": render.money(made.order, paid.minor),
    }
    return answer(shown)


def approved(made: Done) -> Sequence[Operation]:
    """What was done of what was asked; raises `Failure` where that is nothing, or not yet known."""
    found = [each for each in made.operations if each.outcome is Outcome.APPROVED]
    waits = [each for each in made.operations if each.outcome is Outcome.PENDING]
    if waits or not found:
        raise declined((waits or made.operations)[-1])
    return found


def listing(name: str, views: Views, code: str) -> Handler:
    """GET of what an order has of a kind: all, or the one whose number is in the path."""

    async def read(call: Call) -> Reply:
        found = views(await call.order())
        if len(call.parts) > ACT_AT:
            found = [each for each in found if each[0] == call.parts[ACT_AT]]
            if not found:
                raise invalid(code, f"The order has no such {name.removesuffix('s')}")
        return answer({name: [view for _, view in found]})

    return read


# fmt: off
CAPTURES: Final = listing("captures", render.capture_views, NO_CAPTURE)
REFUNDS: Final = listing("refunds", render.refunds, NO_REFUND)
CANCELLATIONS: Final = listing("cancellations", render.cancellations, NO_VOID)
ORDER: Final = "/api/v3/orders/{order}"
ROUTES: Final[Routes[Handler]] = Routes((
    ("GET HEAD", "/api/v3/version",                                        version),
    ("GET HEAD", "/api/v3/status",                                         status),
    ("POST",     "/api/v3/checkout/payment-methods",                       payment_methods),
    ("POST",     "/api/v3/checkout/authorize",                             authorize),
    ("GET HEAD", "/api/v3/orders/{order}",                                 show),
    ("POST",     "/api/v3/orders/{order}/updateOrder",                     update),
    ("POST",     "/api/v3/orders/{order}/captures",                        capture),
    ("GET HEAD", "/api/v3/orders/{order}/captures",                        CAPTURES),
    ("GET HEAD", "/api/v3/orders/{order}/captures/{capture}",              CAPTURES),
    ("POST",     "/api/v3/orders/{order}/captures/{capture}/shipping-details", track),
    ("PATCH",    "/api/v3/orders/{order}/captures/{capture}/shipping-details/{shipping}",
                 track_again),
    ("POST",     "/api/v3/orders/{order}/captures/{capture}/payments",     pay),
    ("POST",     "/api/v3/orders/{order}/refunds",                         refund),
    ("GET HEAD", "/api/v3/orders/{order}/refunds",                         REFUNDS),
    ("GET HEAD", "/api/v3/orders/{order}/refunds/{refund}",                REFUNDS),
    ("POST",     "/api/v3/orders/{order}/voids",                           void),
    ("GET HEAD", "/api/v3/orders/{order}/voids",                           CANCELLATIONS),
    ("GET HEAD", "/api/v3/orders/{order}/voids/{void}",                    CANCELLATIONS),
))
# fmt: on


def answer(body: object) -> Reply:
    """A 200."""
    return Reply(200, render.encode(body), {}, CONTENT_TYPE)


def serve(gateway: Gateway) -> Serve:
    """The wire, served: every failure, an unknown path too, in this wire's form."""
    counter = Numbers(gateway.orders.engine)

    async def run(exchange: Exchange) -> Reply:
        try:
            if exchange.path.startswith(login.PATH) and exchange.method in {"GET", "POST"}:
                return await login.serve(gateway, exchange)
            merchant = await caller(gateway.directory, exchange.header(b"x-auth-key"))
            handler, _ = ROUTES.find_parts(exchange.method, exchange.parts)
            return await handler(Call(exchange, gateway, merchant, counter=counter))
        except NoRouteError as error:
            failure = no_route(exchange.method, error)
        except Refused as refusal:
            voiding = exchange.path.endswith(VOIDS)
            failure = refused(refusal, render.STATUS, void=voiding)
        except Failure as flawed:
            failure = flawed
        except asyncio.CancelledError:  # we are being stopped at once: it goes on after the start
            failure = Failure(500, "No answer yet: read the order before you try again")
        except Exception:  # noqa: BLE001 (an edge: the caller gets a failure, the log its cause)
            structlog.get_logger().exception("request failed", wire="afterpay")
            failure = Failure(500, "An error has occurred.")
        return Reply(failure.status, failure.body(), failure.headers, CONTENT_TYPE)

    return run


def no_route(method: str, error: NoRouteError) -> Failure:
    """404, or 405 where another method would do."""
    if not error.allowed:
        return Failure(404, "No HTTP resource was found that matches the request.")
    text = f"The requested resource does not support http method '{method}'."
    return Failure(405, text, {"Allow": ", ".join(error.allowed)})
