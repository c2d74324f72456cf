"""Lists: a page of orders or operations, and the links to its neighbours.

A page may hold 2,000 orders, each as large as its history: it is put into form a slice at a time,
and others are served in between.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from counterfoil.core.merchant import Merchant
from counterfoil.core.ports import Listed
from counterfoil.dialects.bizon import queries
from counterfoil.dialects.bizon.call import Call
from counterfoil.dialects.bizon.render import encode, render_operation, render_order
from counterfoil.dialects.bizon.shapes import OperationOut
from counterfoil.exchange import Reply

SLICE: Final = 10  # rows put into form at once
Row = TypeVar("Row")


async def list_orders(call: Call) -> Reply:
    """GET /orders/."""
    fields = queries.Fields(call.exchange.query, call.merchant)
    query = queries.order_query(fields, call.merchant)
    found = [] if query is None else list(await call.gateway.store.orders(query))
    page, header = paged(call, fields.page(), found, lambda order: order.id)
    merchant, blocks = call.merchant, call.blocks()
    body = await enveloped(b"orders", page, lambda order: render_order(order, merchant, blocks))
    return Reply(200, body, header)


async def list_operations(call: Call) -> Reply:
    """GET /operations/."""
    fields = queries.Fields(call.exchange.query, call.merchant)
    query = queries.operation_query(fields, call.merchant)
    found = [] if query is None else list(await call.gateway.store.operations(query))
    page, header = paged(call, fields.page(), found, lambda listed: listed.operation.id)
    wanted = {part.strip() for part in call.exchange.query.get("expand", "").split(",")}
    body = await enveloped(
        b"operations", page, lambda listed: _listed(listed, call.merchant, wanted)
    )
    return Reply(200, body, header)


def _listed(listed: Listed, merchant: Merchant, wanted: set[str]) -> OperationOut:
    return render_operation(
        listed.operation,
        merchant,
        cashflow="cashflow" in wanted,
        order=listed.order,
        extra="extra" in wanted,
    )


async def enveloped(name: bytes, found: Sequence[Row], shown: Callable[[Row], object]) -> bytes:
    """The rows as JSON, in their envelope."""
    parts: list[bytes] = []
    for start in range(0, len(found), SLICE):
        parts += [encode(shown(row)) for row in found[start : start + SLICE]]
        await asyncio.sleep(0)
    return b'{"%s":[%s]}' % (name, b",".join(parts))


def paged(
    call: Call, page: queries.Page, found: list[Row], key: Callable[[Row], int]
) -> tuple[list[Row], dict[str, str]]:
    """The rows of a page without the one that shows there are more, and the Link header."""
    more = len(found) > page.size
    rows = found[: page.size] if page.after is None else found[-page.size :]
    base = (call.gateway.base or call.exchange.base) + call.exchange.path
    link = queries.links(base, call.exchange.query, page, [key(row) for row in rows], more=more)
    return rows, {"Link": link} if link else {}
