"""On a link for many, few attempts of a minute may come to nothing."""

import asyncio

import pytest
from tests.web.shop import open_shop

from counterfoil.web.checkout.brake import FAILURES_MAX, LINKS_MAX, MINUTE_US, Brake, BrakedError

DECLINED = "4000000000000002"


def test_a_minute_later_it_is_let_go() -> None:
    brake = Brake()
    for at in range(FAILURES_MAX):
        brake.begin(1, at)
    with pytest.raises(BrakedError):
        brake.begin(1, MINUTE_US - 1)
    brake.begin(2, MINUTE_US - 1)
    brake.begin(1, MINUTE_US)
    with pytest.raises(BrakedError):
        brake.begin(1, MINUTE_US)


def test_what_ends_well_does_not_count() -> None:
    brake = Brake()
    brake.well(1, 5)
    for _ in range(3 * FAILURES_MAX):
        brake.begin(1, 5)
        brake.well(1, 5)
        brake.well(1, 4)


def test_no_more_links_are_remembered_than_there_is_room_for() -> None:
    brake = Brake()
    for link in range(LINKS_MAX):
        brake.begin(link, 1)
    brake.begin(0, 1)
    brake.begin(LINKS_MAX, 1)
    assert set(brake._tried) == {0, *range(2, LINKS_MAX + 1)}


@pytest.mark.anyio
async def test_a_link_for_many_is_no_place_to_try_cards() -> None:
    shop = await open_shop()
    await shop.set(settings=("bizon.static_link",))
    path = await shop.create(static_link=1)
    answers = await asyncio.gather(*[shop.pay(path, pan=DECLINED) for _ in range(FAILURES_MAX + 5)])
    assert sorted(each.status_code for each in answers) == [303] * FAILURES_MAX + [429] * 5
    (braked, *_) = [each for each in answers if each.status_code == 429]
    assert "No money was taken. Try again." in braked.text
    assert (await shop.pay(path)).status_code == 429
    shop.clock.advance(61)
    for _ in range(2 * FAILURES_MAX):  # honest customers do not wait for one another
        assert (await shop.pay(path)).status_code == 303
