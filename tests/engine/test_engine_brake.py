"""On a link for many, few attempts of a minute may come to nothing."""

import asyncio

import pytest
from tests.engine.desk import EUR, Desk, open_desk
from tests.engine.test_engine_pages import attempt, made

from counterfoil.core.order import Order
from counterfoil.core.rules import Standing, standing
from counterfoil.engine.brake import FAILURES_MAX, MINUTE_US, PLACES_MAX, Brake, BrakedError
from counterfoil.engine.orders import Draft
from counterfoil.engine.pages import Pages
from counterfoil.testing import decline

pytestmark = pytest.mark.anyio


def test_a_minute_later_it_is_let_go() -> None:
    brake: Brake[str] = Brake()
    for at in range(FAILURES_MAX):
        brake.begin("a", at)
    with pytest.raises(BrakedError):
        brake.begin("a", MINUTE_US - 1)
    brake.begin("b", MINUTE_US - 1)
    brake.begin("a", MINUTE_US)
    with pytest.raises(BrakedError):
        brake.begin("a", MINUTE_US)


def test_what_ends_well_does_not_count() -> None:
    brake: Brake[str] = Brake()
    brake.well("a", 5)
    for _ in range(3 * FAILURES_MAX):
        brake.begin("a", 5)
        brake.well("a", 5)
        brake.well("a", 4)


def test_no_more_places_are_remembered_than_there_is_room_for() -> None:
    brake: Brake[int] = Brake()
    for place in range(PLACES_MAX):
        brake.begin(place, 1)
    brake.begin(0, 1)
    brake.begin(PLACES_MAX, 1)
    assert set(brake._tried) == {0, *range(2, PLACES_MAX + 1)}


async def tried(pages: Pages, desk: Desk, link: Order, form: str) -> Order:
    return await pages.pay(desk.merchant, link, attempt(form))


async def test_a_link_for_many_is_no_place_to_try_cards() -> None:
    desk = await open_desk()
    desk.host.otherwise = decline()
    pages, link = Pages(desk.orders), await made(desk, shared=True)
    rushed = [tried(pages, desk, link, f"form-{n}") for n in range(FAILURES_MAX + 5)]
    done = await asyncio.gather(*rushed, return_exceptions=True)
    assert sum(isinstance(each, BrakedError) for each in done) == 5
    assert len(desk.host.instructions) == FAILURES_MAX
    desk.host.otherwise = lambda asked: desk.host.lose(asked)
    desk.clock.advance(61)
    for n in range(3):
        order = await tried(pages, desk, link, f"late-{n}")
        assert standing(order) is Standing.WAITING


async def test_honest_customers_do_not_wait_for_one_another() -> None:
    desk = await open_desk()
    pages, link = Pages(desk.orders), await made(desk, shared=True)
    for n in range(3 * FAILURES_MAX):
        order = await tried(pages, desk, link, f"form-{n}")
        assert standing(order) is Standing.AUTHORIZED
    assert (await desk.orders.create(desk.merchant, Draft(amount=EUR))).order.version == 1
