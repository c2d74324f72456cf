"""Orders: create, list, fetch, their payments, update."""

from collections.abc import Sequence
from typing import Final

from msgspec.structs import replace

from counterfoil.core.order import Order
from counterfoil.core.ports import OrderQuery
from counterfoil.core.rules import Standing
from counterfoil.dialects.razorpay import facts, ordering, parts, queries, reading, render
from counterfoil.dialects.razorpay.call import Call, answer
from counterfoil.dialects.razorpay.errors import DUPLICATE, USED, Failure
from counterfoil.engine.collect import Extras
from counterfoil.exchange import Reply

EXPANDS: Final = ("payments", "payments.card", "transfers", "virtual_account")
EXPANDS_ONE: Final = (*EXPANDS, "offers")
# Standings in which an order can have that status: what the index narrows a list to.
STANDINGS: Final = {
    "created": (Standing.NEW, Standing.WAITING, Standing.CREDITED, Standing.REJECTED),
    "attempted": tuple(set(Standing) - {Standing.NEW}),
    "paid": (Standing.CHARGED, Standing.REFUNDED, Standing.DISPUTED, Standing.CREDITED),
}


async def create(call: Call) -> Reply:
    """POST /v1/orders."""
    given = await call.read()
    draft = ordering.draft(given, call.merchant, call.key, call.now)
    once = call.once()
    extras = None
    if draft.reference and "razorpay.unique_receipts" in call.merchant.settings:
        query = OrderQuery(merchant=call.merchant.id, limit=1, references=(draft.reference,))
        if once is None and await call.gateway.store.orders(query):
            raise Failure(USED, "receipt", why=DUPLICATE)
        extras = Extras(names=(f"razorpay.order/{draft.reference}",))
    order = call.collection.order(call.merchant, draft)
    made = await call.collection.keep(call.merchant, order, once, extras=extras)
    assert made.at is not None
    return answer(render.order(made.order, made.at))


async def fetch(call: Call) -> Reply:
    """GET /v1/orders/{id}."""
    expand = reading.expands(call.exchange.pairs, EXPANDS_ONE)
    return answer(render.order(await call.order(), expand=expand))


async def list_orders(call: Call) -> Reply:
    """GET /v1/orders."""
    given = call.exchange.query
    page = queries.page(given)
    authorized = reading.flag(given, "authorized")
    receipt, status = given.get("receipt"), given.get("status")
    expand = reading.expands(call.exchange.pairs, EXPANDS)
    if status and status not in STANDINGS:
        return answer(render.collection(()))
    standings = STANDINGS[status] if status else ()
    noted = await parts.noted(call) if authorized else set()
    if authorized:
        standings = (Standing.AUTHORIZED,)

    async def fetch(before: int, limit: int) -> Sequence[Order]:
        query = OrderQuery(
            merchant=call.merchant.id,
            limit=limit,
            first=page.first,
            last=page.last,
            before=before,
            references=(receipt,) if receipt else (),
            standings=standings,
        )
        found = list(await call.gateway.store.orders(query))
        end = found[-1].id if len(found) == limit else page.first - 1
        known = {order.id for order in found}
        more = {number for number in noted - known if end < number < before}
        found += [await call.load(number) for number in more if number <= page.last]
        return sorted(found, key=lambda order: -order.id)[:limit]

    async def keep(order: Order) -> bool:
        if facts.of_order(order).bare or (receipt and order.reference != receipt):
            return False
        if authorized is not None and authorized != _authorized(order):
            return False
        return not status or render.order(order).status == status

    found = await queries.walk(page, fetch, lambda order: order.id, keep)
    return answer(render.collection(render.order(each, expand=expand) for each in found))


def _authorized(order: Order) -> bool:
    """Whether a payment of the order is authorized at this moment."""
    return any(sums.status == "authorized" for _, _, sums in render.shown(order))


async def payments(call: Call) -> Reply:
    """GET /v1/orders/{id}/payments."""
    expand = reading.expands(call.exchange.pairs, ("card",))
    return answer(render.payments(await call.order(), card="card" in expand))


async def update(call: Call) -> Reply:
    """PATCH /v1/orders/{id}: other notes."""
    given = await call.read()
    order = await call.order()
    notes, now = new_notes(given), call.now

    def alter(order: Order) -> Order:
        kept = facts.of_order(order)
        before = kept.notes or ((order.created, bytes(render.order_notes(order)).decode()),)
        kept = replace(kept, notes=facts.edited(before, notes, now))
        return replace(facts.with_order(order, kept), custom=ordering.custom(notes))

    made = await call.collection.alter(call.merchant, order.id, alter, call.once())
    assert made.at is not None
    return answer(render.order(made.order, made.at))


def new_notes(given: reading.Given) -> str:
    """The notes that an update sets; raises `Failure` where there are none, or more than them."""
    reading.only(given, ("notes",))
    found = reading.notes(given)
    if found is None:
        raise Failure("The notes field is required", "notes")
    return found
