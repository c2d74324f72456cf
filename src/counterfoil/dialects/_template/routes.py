"""One handler a call: decode, ask the engine, render."""

from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

import msgspec
import structlog

from counterfoil import dialects
from counterfoil.core.declines import REASONS
from counterfoil.core.errors import Code, Refused
from counterfoil.core.merchant import Merchant
from counterfoil.core.order import Kind, Outcome
from counterfoil.core.ports import OrderQuery
from counterfoil.core.rules import Command, Standing
from counterfoil.dialects._template import render, schema
from counterfoil.dialects._template.auth import WIRE, caller
from counterfoil.dialects._template.errors import (
    Failure,
    invalid,
    refused,
)
from counterfoil.engine.gateway import Gateway
from counterfoil.engine.perform import Done, Once
from counterfoil.exchange import (
    CutShortError,
    Exchange,
    NoRouteError,
    Reply,
    Routes,
    TooLargeError,
)
from counterfoil.exchange import Handler as Serve

REFUNDABLE: Final = frozenset({Standing.CHARGED, Standing.REFUNDED})
PAGE: Final = 20
PAGE_MAX: Final = 100
ID_MAX: Final = 2**63 - 1
ID_DIGITS_MAX: Final = 19


class Call(NamedTuple):
    """One request of a known merchant; `named` is the id in its path, as text."""

    exchange: Exchange
    gateway: Gateway
    merchant: Merchant
    named: str

    def once(self, body: msgspec.Struct) -> Once | None:
        """The idempotency key, if the caller gave one."""
        asked = {"body": msgspec.to_builtins(body)}
        try:
            return dialects.once(self.exchange, self.gateway.orders, asked)
        except dialects.BadKeyError:
            raise invalid("Idempotency-Key", "1 to 255 printable characters") from None

    def payment(self) -> int:
        """The id in the path; what cannot be one is an unknown payment."""
        number = whole(self.named)
        if number is None:
            raise Refused(Code.ORDER_NOT_FOUND)
        return number


Handler = Callable[[Call], Awaitable[Reply]]


async def pay(call: Call) -> Reply:
    """POST …/payments: authorize, and charge if that is asked for."""
    asked = schema.read(await call.exchange.body(), schema.PaymentIn)
    draft, card = schema.draft(asked), schema.card(asked.card)
    orders = call.gateway.orders
    return done(await orders.authorize(call.merchant, draft, card, call.once(asked)), 201)


async def refund(call: Call) -> Reply:
    """POST …/payments/{id}/refunds: of the amount given, or of all there is."""
    asked = schema.read(await call.exchange.body() or b"{}", schema.RefundIn)
    command = Command(kind=Kind.REFUND, minor=asked.amount, allowed=REFUNDABLE)
    orders, number = call.gateway.orders, call.payment()
    return done(await orders.follow_up(call.merchant, number, command, call.once(asked)), 201)


async def show(call: Call) -> Reply:
    """GET …/payments/{id}."""
    order = await call.gateway.store.load(call.merchant.id, call.payment())
    return Reply(200, render.encode(render.payment(order)))


async def list_payments(call: Call) -> Reply:
    """GET …/payments: newest first, `limit` of them, `before` an id."""
    given = call.exchange.query
    limit, before = whole(given.get("limit", str(PAGE))), whole(given.get("before", str(ID_MAX)))
    if limit is None or not 0 < limit <= PAGE_MAX:
        raise invalid("limit", f"a whole number from 1 to {PAGE_MAX}")
    if before is None:
        raise invalid("before", "the id of a payment")
    query = OrderQuery(merchant=call.merchant.id, limit=limit + 1, before=before)
    found = await call.gateway.store.orders(query)
    return Reply(200, render.encode(render.page(found, limit)))


def done(made: Done, status: int) -> Reply:
    """The payment as it stands, 202 while there is no answer; or why the last step failed."""
    order, operation = made.order, made.operation
    if operation is None:
        assert order.closed is not None
        raise refused(Refused(order.closed), order.id)
    if operation.decline is not None:
        reason = REASONS[operation.decline]
        raise Failure(402, operation.decline, reason.text, payment=order.id)
    waiting = operation.outcome is Outcome.PENDING
    return Reply(202 if waiting else status, render.encode(render.payment(order)))


def whole(text: str) -> int | None:
    """A whole number that an id could be, or None."""
    if text.isascii() and text.isdigit() and len(text) <= ID_DIGITS_MAX:
        number = int(text)
        return number if number <= ID_MAX else None
    return None


ROUTES: Final[Routes[Handler]] = Routes(
    (
        ("POST", "/template/payments", pay),
        ("GET HEAD", "/template/payments", list_payments),
        ("GET HEAD", "/template/payments/{payment}", show),
        ("POST", "/template/payments/{payment}/refunds", refund),
    )
)


def serve(gateway: Gateway) -> Serve:
    """The wire, served: every failure leaves in this wire's form."""

    async def run(exchange: Exchange) -> Reply:
        number: int | None = None
        try:
            handler, named = ROUTES.find(exchange.method, exchange.path)
            merchant = await caller(gateway.directory, exchange.header(b"authorization"))
            number = whole(named)
            return await handler(Call(exchange, gateway, merchant, named))
        except NoRouteError as error:
            failure = no_route(error)
        except Refused as refusal:
            failure = refused(refusal, number)
        except Failure as flawed:
            failure = flawed
        except (CutShortError, TooLargeError):
            failure = Failure(413, "invalid", "the body is too large")
        except Exception:  # noqa: BLE001 (an edge: the caller gets a failure, the log its cause)
            structlog.get_logger().exception("request failed", wire=WIRE)
            failure = Failure(500, "malfunction", "something is broken here", payment=number)
        return Reply(failure.status, failure.body(), failure.headers)

    return run


def no_route(error: NoRouteError) -> Failure:
    """404, or 405 where another method would do."""
    if not error.allowed:
        return Failure(404, "not_found", "there is nothing at this path")
    headers = {"Allow": ", ".join(error.allowed)}
    return Failure(405, "not_allowed", "not with this method", headers=headers)
