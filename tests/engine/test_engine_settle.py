"""What is booked of an order: once by its reference, and never of what was not charged."""

import pytest
from msgspec.structs import replace
from tests.engine.desk import EUR, open_desk, refusal

from counterfoil.core.card import Cvv, Pan
from counterfoil.core.errors import Code
from counterfoil.core.history import as_of
from counterfoil.core.order import Settlement
from counterfoil.engine.orders import Draft, NewCard
from counterfoil.engine.settle import SETTLEMENTS_MAX, settle

pytestmark = pytest.mark.anyio
CARD = NewCard(pan=Pan("4111111111111111"), cvv=Cvv("123"), month=12, year=2030)
BOOKED = Settlement(at=1, reference="P-0", gross=1000, start="2026-01-01", end="2026-01-31", fee=30)


async def test_so_many_settlements_and_each_once() -> None:
    desk = await open_desk()
    draft = Draft(amount=EUR, auto_charge=True)
    order = (await desk.orders.authorize(desk.merchant, draft, CARD)).order
    for each in range(SETTLEMENTS_MAX):
        one = replace(BOOKED, at=order.updated + each, reference=f"P-{each}")
        order = await settle(desk.engine, 1, order.id, one)
    assert sum(each.net for each in order.settlements) == 970 * SETTLEMENTS_MAX
    assert await settle(desk.engine, 1, order.id, BOOKED) == order
    assert order.updated == order.settlements[-1].at
    earlier = as_of(order, order.updated - 1)
    assert len(earlier.settlements) == SETTLEMENTS_MAX - 1
    more = replace(BOOKED, reference="P-X")
    refused = await refusal(settle(desk.engine, 1, order.id, more))
    assert refused.code is Code.TOO_MANY_OPERATIONS
    other = replace(BOOKED, fee=31)
    assert (await refusal(settle(desk.engine, 1, order.id, other))).code is Code.NAME_TAKEN


async def test_what_was_not_charged_is_not_paid_out() -> None:
    desk = await open_desk()
    order = (await desk.orders.authorize(desk.merchant, Draft(amount=EUR), CARD)).order
    refused = await refusal(settle(desk.engine, 1, order.id, BOOKED))
    assert refused.code is Code.WRONG_STATE
