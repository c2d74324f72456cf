"""Which call is answered by what, and how every failure leaves in this wire's form."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import structlog

from counterfoil.core.errors import Refused
from counterfoil.dialects.razorpay import (
    checkout,
    explaining,
    orders,
    pages,
    passwords,
    paying,
    payments,
    refunds,
    small,
    webhooks,
)
from counterfoil.dialects.razorpay.auth import caller
from counterfoil.dialects.razorpay.call import Call, body_of
from counterfoil.dialects.razorpay.errors import (
    BROKEN,
    GATEWAY,
    NO_URL,
    NOWHERE,
    OURS,
    SERVER,
    Failure,
    refused,
)
from counterfoil.dialects.razorpay.payments import NO_ANSWER, NO_GATEWAY, TIMED_OUT
from counterfoil.engine.gateway import Gateway
from counterfoil.exchange import Exchange, NoRouteError, Reply, Routes, again
from counterfoil.exchange import Handler as Serve

Handler = Callable[[Call], Awaitable[Reply]]
Page = Callable[[Gateway, Exchange], Awaitable[Reply]]
There = TypeVar("There")

# fmt: off
ROUTES: Final[Routes[Handler]] = Routes((
    ("POST",     "/v1/orders",                            orders.create),
    ("GET HEAD", "/v1/orders",                            orders.list_orders),
    ("GET HEAD", "/v1/orders/{order}",                    orders.fetch),
    ("PATCH",    "/v1/orders/{order}",                    orders.update),
    ("GET HEAD", "/v1/orders/{order}/payments",           orders.payments),
    ("POST",     "/v1/payments",                          pages.pay),
    ("GET HEAD", "/v1/payments",                          payments.list_payments),
    ("POST",     "/v1/payments/create/json",              paying.create_json),
    ("POST",     "/v1/payments/create/redirect",          pages.create_redirect),
    ("POST",     "/v1/payments/create/upi",               paying.create_upi),
    ("POST",     "/v1/payments/validate/vpa",             paying.validate_vpa),
    ("GET HEAD", "/v1/payments/downtimes",                payments.nothing),
    ("GET HEAD", "/v1/payments/downtimes/{id}",           payments.no_downtime),
    ("GET HEAD", "/v1/payments/{payment}",                payments.fetch),
    ("PATCH",    "/v1/payments/{payment}",                payments.update),
    ("POST",     "/v1/payments/{payment}/capture",        payments.capture),
    ("GET HEAD", "/v1/payments/{payment}/card",           payments.card),
    ("POST",     "/v1/payments/{payment}/refund",         refunds.refund),
    ("GET HEAD", "/v1/payments/{payment}/refunds",        refunds.list_of_payment),
    ("GET HEAD", "/v1/payments/{payment}/refunds/{id}",   refunds.fetch_of_payment),
    ("POST",     "/v1/payments/{payment}/otp_generate",   passwords.generate),
    ("POST",     "/v1/payments/{payment}/otp/submit",     passwords.submit),
    ("POST",     "/v1/payments/{payment}/otp/resend",     passwords.resend),
    ("POST",     "/v1/payments/{payment}/otp_submit/{token}", passwords.submit_to),
    ("POST",     "/v1/payments/{payment}/otp_resend/json", passwords.resend),
    ("GET HEAD", "/v1/cards/{card}",                      payments.card_by_id),
    ("POST",     "/v1/refunds",                           refunds.create),
    ("GET HEAD", "/v1/refunds",                           refunds.list_refunds),
    ("GET HEAD", "/v1/refunds/{refund}",                  refunds.fetch),
    ("PATCH",    "/v1/refunds/{refund}",                  refunds.update),
    ("POST",     "/v1/webhooks",                          webhooks.create),
    ("GET HEAD", "/v1/webhooks",                          webhooks.list_webhooks),
    ("GET HEAD", "/v1/webhooks/{webhook}",                webhooks.fetch),
    ("PUT",      "/v1/webhooks/{webhook}",                webhooks.update),
    ("POST",     "/v2/accounts/{account}/webhooks",       webhooks.create),
    ("GET HEAD", "/v2/accounts/{account}/webhooks",       webhooks.list_webhooks),
    ("GET HEAD", "/v2/accounts/{account}/webhooks/{id}",  webhooks.fetch),
    ("PATCH",    "/v2/accounts/{account}/webhooks/{id}",  webhooks.update),
    ("DELETE",   "/v2/accounts/{account}/webhooks/{id}",  webhooks.remove),
    ("POST",     "/v1/signatures/explain",                explaining.explain),
    ("GET HEAD", "/v1/methods",                           small.methods),
    ("GET HEAD", "/methods",                              small.methods),
))
# What a payer's browser asks for: no key pair, an address that nobody can guess.
PAGES: Final[Routes[Page]] = Routes((
    ("GET HEAD", "/v1/checkout.js",                       checkout.script),
    ("POST",     "/v1/checkout/embedded",                 checkout.embedded),
    ("POST",     "/v1/checkout/pay",                      checkout.chosen),
    ("GET HEAD", "/v1/payments/{payment}/authenticate",   pages.show),
    ("GET HEAD", "/v1/payments/{payment}/authorize",      pages.show),
    ("POST",     "/v1/payments/{payment}/authenticate",   pages.decide),
    ("POST",     "/v1/payments/{payment}/authorize",      pages.decide),
))
# Calls for which the key id is enough, in `key_id`.
PUBLIC: Final[frozenset[Handler]] = frozenset(
    {pages.pay, passwords.generate, passwords.submit_to, passwords.resend, small.methods}
)
# fmt: on


def serve(gateway: Gateway) -> Serve:
    """The wire, served: every failure, an unknown path too, in this wire's form."""

    async def run(exchange: Exchange) -> Reply:
        try:
            return await answered(gateway, exchange)
        except Refused as refusal:
            failure = refused(refusal)
        except Failure as flawed:
            failure = flawed
        except asyncio.CancelledError:  # we are being stopped at once: it goes on after the start
            failure = Failure(NO_ANSWER, status=NO_GATEWAY, code=GATEWAY, why=TIMED_OUT)
        except Exception:  # noqa: BLE001 (an edge: the caller gets a failure, the log its cause)
            structlog.get_logger().exception("request failed", wire="razorpay")
            failure = Failure(BROKEN, status=500, code=SERVER, why=OURS)
        return Reply(failure.status, failure.body(), again(failure.status))

    return run


async def answered(gateway: Gateway, exchange: Exchange) -> Reply:
    """The answer; a trailing slash means nothing."""
    path = exchange.path.rstrip("/")
    shown = found(PAGES, exchange.method, path)
    if shown is not None:
        return await shown(gateway, exchange)
    handler = found(ROUTES, exchange.method, path)
    named, given = exchange.query.get("key_id"), None
    if handler is pages.pay:
        given = await body_of(exchange)
        named = str(given["key_id"]) if given.get("key_id") else None
    header, public = exchange.header(b"authorization"), handler in PUBLIC
    known = await caller(gateway.directory, header, public=public, named=named)
    if handler is None:
        raise Failure(NO_URL, why=NOWHERE)
    call = Call(exchange, gateway, known)
    if given is not None:
        call.given = given
    return await handler(call)


def found(table: Routes[There], method: str, path: str) -> There | None:
    """What is at a path, if anything."""
    try:
        return table.find(method, path)[0]
    except NoRouteError:
        return None
