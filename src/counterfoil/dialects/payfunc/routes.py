"""One handler a call: decode, ask the engine, render. TO says which keys a call takes."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

import structlog

from counterfoil.core.errors import Refused
from counterfoil.dialects.payfunc import (
    cards,
    changing,
    methods,
    paying,
    queries,
    render,
    returning,
    schema,
)
from counterfoil.dialects.payfunc.auth import ACCOUNT, ANYBODY, PRIVATE, PUBLIC, Caller, Keys
from counterfoil.dialects.payfunc.call import JWT, Call, Desk, Kind, answer, preferred
from counterfoil.dialects.payfunc.cards import Cards
from counterfoil.dialects.payfunc.errors import (
    CARD_CREATABLE,
    EVENT,
    ORDER,
    UNAVAILABLE,
    Failure,
    invalid,
    not_authorized,
    not_found,
    refused,
    unanswered,
)
from counterfoil.dialects.payfunc.kept import JSON
from counterfoil.dialects.payfunc.render import STATUS
from counterfoil.dialects.payfunc.signing import Signing
from counterfoil.engine.accounts import Accounts, Tried
from counterfoil.engine.gateway import Gateway
from counterfoil.exchange import Exchange, NoRouteError, Reply, Routes, again
from counterfoil.exchange import Handler as Serve

A_CARD: Final = Kind(CARD_CREATABLE, cards.NOT_A_CARD)
PEM: Final = "application/x-pem-file"
CACHED: Final = {"Cache-Control": "public, max-age=3600"}
SHARED: Final = {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": "Link"}
ALLOWED: Final = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, POST, PUT, PATCH, DELETE, OPTIONS",
    "Access-Control-Allow-Headers": "authorization, authentication, content-type, accept, "
    "idempotency-key",
    "Access-Control-Max-Age": "86400",
}
RENAMED: Final = "/customer"
COUNTERS: Final = {Tried.PAID: "paid", Tried.UNPAID: "unpaid", Tried.ERROR: "errors"}
Handler = Callable[[Call], Awaitable[Reply]]
Work = Callable[[Call, object], Awaitable[object]]


class Row(NamedTuple):
    """What answers a call, and the keys that it takes."""

    handler: Handler
    to: frozenset[str]


async def create_order(call: Call) -> Reply:
    """POST /order."""
    asked = await call.read(schema.A_ORDER)
    done = await call.earlier()
    if done is not None and done.order.closed is not None:
        raise Refused(done.order.closed)
    if done is None or render.hidden(done.order):
        done = await paying.pay(call, schema.order(asked))
    return await call.signed(paying.checked(done).order, status=201, default=JWT)


async def show_order(call: Call) -> Reply:
    """GET /order/{order}."""
    order = await call.order(call.addressed())
    if not call.sees(order):
        raise not_found()
    if preferred(call.exchange.header(b"accept"), JSON) == JWT:
        return await call.signed(order, status=200, default=JWT)
    return answer(await call.shown(order))


async def list_orders(call: Call) -> Reply:
    """GET /order: the newest, made on the days that the query names."""
    page = await queries.orders(call)
    reply = answer([await call.shown(order) for order in page.rows])
    return reply._replace(headers=queries.linked(call, "before", page))


async def create_event(call: Call) -> Reply:
    """POST /order/{order}/event."""
    event = schema.event(await call.read(schema.AN_EVENT))
    if event is None:
        raise invalid(schema.AN_EVENT.named, schema.AN_EVENT.description)
    return answer(await changing.apply(call, call.addressed(), event, call.once()), 201)


async def change_orders(call: Call) -> Reply:
    """PATCH /order: many orders, each for itself."""
    asked = schema.changes(await call.read(schema.A_CHANGE))

    async def act() -> Reply:
        made = [
            await changing.change(call, named, events, at)
            for at, (named, events) in enumerate(asked)
        ]
        if len(made) == 1:
            changing.single(made[0][1])
        return answer([changed for changed, _ in made])

    return await call.kept(act)


async def retry(call: Call) -> Reply:
    """PUT /retry: every unpaid order of the merchant or the account, once, now, oldest first."""
    await call.read(schema.A_ORDER, empty={})

    async def act() -> Reply:
        counts = dict.fromkeys(COUNTERS.values(), 0)
        for order, number in await queries.unpaid(call):
            account = await call.desk.accounts.find(call.merchant, number)
            assert account is not None
            tried = await call.desk.accounts.retry(call.caller.merchant, order, account)
            if tried in COUNTERS:
                counts[COUNTERS[tried]] += 1
        return answer(counts)

    return await call.kept(act)


async def list_accounts(call: Call) -> Reply:
    """GET /account."""
    page = await queries.accounts(call)
    reply = answer([await methods.shown(call, each) for each in page.rows])
    return reply._replace(headers=queries.linked(call, "after", page))


async def show_account(call: Call) -> Reply:
    """GET /account/{account}."""
    return answer(await methods.shown(call, await methods.find(call)))


def once(kind: Kind, work: Work, status: int = 201, empty: object = None) -> Handler:
    """What makes or changes anything but an order: its answer is kept for its key."""

    async def handler(call: Call) -> Reply:
        asked = await call.read(kind, empty=empty)

        async def act() -> Reply:
            made = await work(call, asked)
            if isinstance(made, str):
                return Reply(status, made.encode(), content_type=JWT)
            return answer(made, status)

        return await call.kept(act)

    return handler


async def create_card(call: Call, given: object) -> str:
    """POST /card."""
    return await call.desk.cards.create(call.merchant, cards.read(given))


async def show_card(call: Call) -> Reply:
    """GET /card/{token}."""
    return answer(await call.desk.cards.show(call.merchant, call.named))


async def replace_card(call: Call, given: object) -> str:
    """PUT /card/{token}: another card in its place."""
    return await call.desk.cards.change(call.merchant, call.named, cards.read(given))


async def change_card(call: Call, given: object) -> str:
    """PATCH /card/{token}: any part of it."""
    return await call.desk.cards.change(call.merchant, call.named, cards.read(given, whole=False))


async def show_key(desk: Desk, path: str) -> Reply:
    """GET /key: what checks our tokens, as PEM; GET /.well-known/jwks.json: as a JWK set."""
    key = await desk.signing.key()
    if path == "/key":
        return Reply(200, key.public_pem.encode(), CACHED, PEM)
    return Reply(200, key.jwks, CACHED, JSON)


OPEN: Final = dict.fromkeys(("/key", "/.well-known/jwks.json"), show_key)
BY_BROWSER: Final = frozenset[str]()  # without a key: what is brought proves itself
BY_SERVER: Final = frozenset({PRIVATE})
BY_OWNER: Final = frozenset({PRIVATE, ACCOUNT})
BY_SHOP: Final = frozenset({PUBLIC, PRIVATE})


def renamed(path: str) -> str:
    """The same by its later name: from mid 2021 an account is a customer, and that a contact."""
    return path.replace("/customer", "/contact").replace("/account", RENAMED, 1)


# fmt: off
CREATE: Final = once(methods.AN_ACCOUNT, methods.create)
CHANGE: Final = once(methods.AN_ACCOUNT, methods.alter, 200)
ISSUE: Final = once(methods.AN_ACCOUNT, methods.key, empty={})
ADD: Final = once(methods.A_METHOD, methods.add)
RENAME: Final = once(methods.A_CONTACT, methods.rename, 200)
ACCOUNTS: Final = (
    ("POST",       "/account",                    Row(CREATE,          BY_SHOP)),
    ("GET",        "/account",                    Row(list_accounts,   BY_SERVER)),
    ("GET",        "/account/{account}",          Row(show_account,    BY_OWNER)),
    ("PATCH",      "/account/{account}",          Row(CHANGE,          BY_OWNER)),
    ("POST",       "/account/{account}",          Row(ISSUE,           BY_SERVER)),
    ("POST",       "/account/{account}/method",   Row(ADD,             BY_OWNER)),
    ("PUT",        "/account/{account}/customer", Row(RENAME,          BY_OWNER)),
)
ROUTES: Final[Routes[Row]] = Routes((
    ("POST",       "/order",                      Row(create_order,    ANYBODY)),
    ("GET",        "/order",                      Row(list_orders,     BY_OWNER)),
    ("PATCH",      "/order",                      Row(change_orders,   BY_SERVER)),
    ("GET",        "/order/{order}",              Row(show_order,      BY_OWNER)),
    ("POST PATCH", "/order/{order}/event",        Row(create_event,    BY_SERVER)),
    ("PUT",        "/retry",                      Row(retry,           BY_OWNER)),
    *ACCOUNTS,
    *((methods, renamed(path), row) for methods, path, row in ACCOUNTS),
    ("POST",       "/card",                       Row(once(A_CARD, create_card), ANYBODY)),
    ("GET",        "/card/{token}",               Row(show_card,       ANYBODY)),
    ("PUT",        "/card/{token}",               Row(once(A_CARD, replace_card, 200), ANYBODY)),
    ("PATCH",      "/card/{token}",               Row(once(A_CARD, change_card, 200), ANYBODY)),
    ("POST",       "/card/{card}/verification",   Row(returning.take,     BY_BROWSER)),
))
# fmt: on


def serve(gateway: Gateway) -> Serve:
    """The wire, served: every failure, an unknown path too, as an error object."""
    engine = gateway.orders.engine
    signing = Signing(gateway.store, engine.vault, gateway.clock)
    tokens = Cards(gateway, signing, gateway.signed_for)
    desk = Desk(gateway, signing, tokens, Accounts(gateway.orders), gateway.signed_for)
    keys = Keys(gateway.directory)

    async def answered(exchange: Exchange) -> Reply:
        path = exchange.path.rstrip("/") or "/"
        if path in OPEN and exchange.method in {"GET", "HEAD"}:
            return await OPEN[path](desk, path)
        row, named = ROUTES.find(exchange.method, path)
        caller = await (
            returning.visitor(desk, exchange)
            if row.to is BY_BROWSER
            else keys.caller(exchange, gateway.clock.now())
        )
        call = Call(exchange, desk, allowed(caller, row), named)
        call.renamed = path.startswith(RENAMED)
        return await row.handler(call)

    async def run(exchange: Exchange) -> Reply:
        if exchange.method == "OPTIONS":
            return Reply(204, b"", ALLOWED, JSON)
        try:
            return shared(await answered(exchange))
        except NoRouteError as error:
            failure = no_route(error)
        except Refused as refusal:
            making = exchange.method == "POST" and exchange.path.rstrip("/") == "/order"
            failure = refused(refusal, STATUS, ORDER if making else EVENT)
        except Failure as failed:
            failure = failed
        except asyncio.CancelledError:  # we are being stopped at once: it goes on after the start
            failure = unanswered()
        except Exception:  # noqa: BLE001 (an edge: the caller gets a failure, the log its cause)
            structlog.get_logger().exception("request failed", wire="payfunc")
            failure = Failure(500, "unknown error")
        headers = again(failure.status) if failure.members["type"] == UNAVAILABLE else {}
        return shared(Reply(failure.status, failure.body(), headers, JSON))

    return run


def allowed(caller: Caller, row: Row) -> Caller:
    """The caller, where its key may make the call; there is no 403 here. Raises `Failure`."""
    if row.to is not BY_BROWSER and caller.audience.isdisjoint(row.to):
        raise not_authorized()
    return caller


def shared(reply: Reply) -> Reply:
    """The answer, open to pages from anywhere: a public key sits in web pages."""
    return reply._replace(headers={**reply.headers, **SHARED})


def no_route(error: NoRouteError) -> Failure:
    """404, or 405 where another method would do."""
    if not error.allowed:
        return not_found()
    return Failure(405, "method not allowed", {"header": {"allow": list(error.allowed)}})
