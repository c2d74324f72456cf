"""Payments of a series: who began them, and the network's id of the first, reach the acquirer."""

from typing import Final

import pytest
from msgspec.structs import replace
from tests.engine.desk import CARD, Desk, open_desk

from counterfoil.core.answers import Approved
from counterfoil.core.later import LIFE_UNATTENDED_DAYS, life_days
from counterfoil.core.money import Money
from counterfoil.core.order import Kind, Order, Recurring
from counterfoil.core.ports import Instruction
from counterfoil.core.rules import Standing
from counterfoil.engine.orders import Draft
from counterfoil.testing.acquirer import decline

pytestmark = pytest.mark.anyio

AGAIN: Final = Draft(amount=Money(minor=2_500, currency="EUR"))
ANY: Final = frozenset(Standing)


def traced(instruction: Instruction) -> Approved:
    """Yes, with an id of the network's that says which authorization it was."""
    trace_id = f"MCC{instruction.amount.minor:06}1120" if instruction.card else None
    return Approved(reference=instruction.reference, amount=instruction.amount, trace_id=trace_id)


FIRST: Final = "MCC0100001120"


async def opened() -> Desk:
    """A gateway whose acquirer gives networks' ids."""
    desk = await open_desk()
    desk.host.otherwise = traced
    return desk


async def rebill(
    desk: Desk, source: Order, said: Recurring | None = None, *, cvv: bool = True
) -> Order:
    desk.clock.advance(1)
    draft = replace(AGAIN, recurring=said)
    done = await desk.orders.rebill(
        desk.merchant, source.id, draft, cvv=CARD.cvv if cvv else None, allowed=ANY
    )
    return done.order


def sent(desk: Desk) -> Recurring | None:
    """What the acquirer was told last."""
    return desk.host.instructions[-1].recurring


async def test_a_rebill_carries_the_network_s_id_of_the_first_payment() -> None:
    desk = await opened()
    source = (await desk.authorize(recurring=Recurring(first=True))).order
    assert sent(desk) == Recurring(first=True)
    await rebill(desk, source, cvv=False)
    assert sent(desk) == Recurring(parent=str(source.id), trace_id=FIRST)


async def test_a_rebill_of_a_rebill_still_carries_that_of_the_first() -> None:
    desk = await opened()
    source = (await desk.authorize()).order
    second = await rebill(desk, source, cvv=False)
    assert second.operations[-1].trace_id == "MCC0025001120"
    await rebill(desk, second, cvv=False)
    assert sent(desk) == Recurring(parent=str(second.id), trace_id=FIRST)


async def test_where_no_network_has_given_an_id_none_is_sent() -> None:
    desk = await open_desk(decline())
    source = (await desk.authorize()).order
    await rebill(desk, source, cvv=False)
    assert sent(desk) == Recurring(parent=str(source.id))


async def test_what_the_merchant_says_of_a_rebill_is_sent() -> None:
    desk = await opened()
    source = (await desk.authorize()).order
    await rebill(desk, source, Recurring(first=True, trace_id="T", parent="7", indicator="m101"))
    assert sent(desk) == Recurring(trace_id="T", parent="7", indicator="m101")


@pytest.mark.parametrize(
    ("said", "cvv", "attended"),
    [
        (None, True, True),
        (None, False, False),
        (Recurring(first=True), True, False),
        (Recurring(indicator="C101"), False, True),
        (Recurring(indicator="m103"), True, False),
    ],
)
async def test_who_began_a_rebill_decides_how_long_it_can_be_charged(
    said: Recurring | None, *, cvv: bool, attended: bool
) -> None:
    desk = await opened()
    source = (await desk.authorize()).order
    payment = (await rebill(desk, source, said, cvv=cvv)).payments[0]
    assert payment.recurring is not None
    assert payment.recurring.attended is attended
    lives = life_days(replace(desk.merchant, authorization_days=None), payment)
    assert (lives == LIFE_UNATTENDED_DAYS) is not attended


@pytest.mark.parametrize("first", [True, False])
async def test_a_payment_with_a_card_that_names_its_parent_carries_that_one_s_id(
    *, first: bool
) -> None:
    desk = await opened()
    source = (await desk.authorize()).order
    await desk.authorize(recurring=Recurring(first=first, parent=str(source.id), indicator="m101"))
    assert sent(desk) == Recurring(parent=str(source.id), trace_id=FIRST, indicator="m101")


@pytest.mark.parametrize(
    "said",
    [
        Recurring(parent="74615664219665657"),
        Recurring(parent="elsewhere-1"),
        Recurring(parent=str(10**18)),
        Recurring(parent="9" * 40),
        Recurring(parent="7", trace_id="MCC8454300719", indicator="c101", attended=True),
    ],
)
async def test_a_parent_that_is_not_ours_is_sent_as_it_was_named(said: Recurring) -> None:
    desk = await opened()
    await desk.authorize(recurring=replace(said, first=True, attended=False))
    assert sent(desk) == said


async def test_an_indicator_alone_leaves_the_first_the_first() -> None:
    desk = await opened()
    await desk.authorize(recurring=Recurring(first=True, indicator="c101"))
    assert sent(desk) == Recurring(first=True, indicator="c101")


async def test_a_parent_that_nobody_has_paid_has_no_id_to_give() -> None:
    desk = await opened()
    made = await desk.orders.create(desk.merchant, AGAIN)
    await desk.authorize(recurring=Recurring(parent=str(made.order.id)))
    assert sent(desk) == Recurring(parent=str(made.order.id))


async def test_what_follows_is_told_of_the_series_too() -> None:
    desk = await opened()
    source = (await desk.authorize(recurring=Recurring(first=True))).order
    await desk.act(source, Kind.CHARGE)
    assert sent(desk) == Recurring(first=True)
