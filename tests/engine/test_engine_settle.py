"""What is booked of an order: once by its reference, and never of what was not charged."""

import pytest
from msgspec.structs import replace
from tests.engine.desk import EUR, open_desk, refusal

from counterfoil.core.card import Cvv, Pan
from counterfoil.core.errors import Code
from counterfoil.core.history import as_of
from counterfoil.core.order import Kind, Line, Order, Settlement
from counterfoil.core.payouts import paid, unpaid
from counterfoil.core.rules import Command
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
    by_units = replace(order, lines=(Line(product="tea", quantity=2, minor=EUR.minor),))
    assert paid(order) == paid(by_units) == 0


async def test_units_that_were_paid_count_with_their_price() -> None:
    desk = await open_desk()
    lines = (Line(product="tea", quantity=2, minor=EUR.minor),)
    draft = Draft(amount=EUR, lines=lines, auto_charge=True)
    order = (await desk.orders.authorize(desk.merchant, draft, CARD)).order
    booked = replace(order, settlements=(replace(BOOKED, places=((0, 1),)),))
    assert paid(booked) == EUR.minor - EUR.minor // 2


async def test_a_refund_takes_what_was_paid_last() -> None:
    desk = await open_desk()
    order = (await desk.orders.authorize(desk.merchant, Draft(amount=EUR), CARD)).order

    async def move(kind: Kind, minor: int) -> Order:
        command = Command(kind=kind, minor=minor)
        return (await desk.orders.follow_up(desk.merchant, order.id, command)).order

    whole, third = order.amount.minor, order.amount.minor // 3
    await move(Kind.CHARGE, 2 * third)
    now = replace(BOOKED, at=(await desk.store.load(1, order.id)).updated)
    booked = await settle(desk.engine, 1, order.id, now, pays=True)
    assert booked.settlements[0].paid == paid(booked) == 2 * third
    assert await settle(desk.engine, 1, order.id, now, pays=True) == booked
    assert (await refusal(settle(desk.engine, 1, order.id, now))).code is Code.NAME_TAKEN
    again = replace(now, reference="P-1")
    refused = await refusal(settle(desk.engine, 1, order.id, again, pays=True))
    assert refused.code is Code.WRONG_STATE
    charged = await move(Kind.CHARGE, whole - 2 * third)
    assert (paid(charged), unpaid(charged)) == (2 * third, (whole - 2 * third, ()))
    from_charged = await move(Kind.REFUND, 1)
    assert (paid(from_charged), unpaid(from_charged)[0]) == (2 * third, whole - 2 * third - 1)
    from_paid = await move(Kind.REFUND, whole - 2 * third)
    assert unpaid(from_paid)[0] == whole - 2 * third - 1
    of_both = await move(Kind.REFUND, 2 * third - 1)
    assert (paid(of_both), unpaid(of_both)[0]) == (0, 0)
