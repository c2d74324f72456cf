"""What an operator books as paid to the merchant: the event `pay` and the status `paid`."""

import pytest
from tests.payfunc.conftest import Shop
from tests.payfunc.test_payfunc_orders import listed

from counterfoil.core.errors import Code, Refused

pytestmark = pytest.mark.anyio

LINE = {"name": "sock", "price": 10, "quantity": 3}


async def kinds(shop: Shop, order: str) -> list[object]:
    """The types of the events in an order's history."""
    return [each["type"] for each in listed((await shop.shown(order))["event"])]


async def test_what_was_paid_to_the_merchant_is_paid(shop: Shop) -> None:
    order = str((await shop.order(500))["id"])
    await shop.event(order, type="charge", items=400)
    for _ in range(2):
        await shop.settle(order, reference="P-1", gross=40_000, fee=1_200, pays=True)
    shown = await shop.shown(order)
    assert shown["status"] == {"ordered": 100, "paid": 400, "settled": 388}
    assert shown["items"] == [
        {"price": 100, "status": ["ordered"]},
        {"price": 400, "status": ["paid"]},
    ]
    pay = listed(shown["event"])[-2]
    assert {**pay, "date": ""} == {"type": "pay", "date": "", "items": 400, "reference": "P-1"}
    assert await kinds(shop, order) == ["order", "charge", "pay", "settle"]
    for pays, reference in ((True, "P-2"), (False, "P-1")):
        with pytest.raises(Refused) as refusal:
            await shop.settle(order, reference=reference, gross=40_000, fee=1_200, pays=pays)
        assert refusal.value.code is (Code.WRONG_STATE if pays else Code.NAME_TAKEN)


async def test_one_part_covers_a_refund(shop: Shop) -> None:
    order = str((await shop.order(500))["id"])
    await shop.event(order, type="charge", items=200)
    await shop.settle(order, reference="P-1", gross=20_000, pays=True)
    await shop.event(order, type="charge", items=150)
    assert (await shop.shown(order))["status"] == {
        "ordered": 150,
        "charged": 150,
        "paid": 200,
        "settled": 200,
    }
    too_much = await shop.event(order, type="refund", items=250)
    assert (too_much.status_code, too_much.json()["content"]["property"]) == (400, "items")
    assert (await shop.event(order, type="refund", items=180)).is_success
    status = {"ordered": 150, "charged": 150, "paid": 20, "refunded": 180, "settled": 200}
    assert (await shop.shown(order))["status"] == status
    assert (await shop.event(order, type="refund")).is_success
    status = {"ordered": 150, "paid": 20, "refunded": 330, "settled": 200}
    assert (await shop.shown(order))["status"] == status
    assert (await shop.event(order, type="refund")).is_success
    assert (await shop.shown(order))["status"] == {"ordered": 150, "refunded": 350, "settled": 200}
    assert (await shop.event(order, type="refund")).status_code == 400


async def test_pieces_are_paid(shop: Shop) -> None:
    order = str((await shop.order(LINE))["id"])
    await shop.event(order, type="charge", items={**LINE, "quantity": 2})
    await shop.settle(order, reference="P-1", gross=2_000, pays=True)
    assert listed((await shop.shown(order))["event"])[-2]["items"] == {**LINE, "quantity": 2}
    await shop.event(order, type="charge")
    shown = await shop.shown(order)
    assert shown["items"] == {**LINE, "status": ["paid", "paid", "charged"]}
    assert shown["status"] == {"charged": 10, "paid": 20, "settled": 20}
    assert (await shop.event(order, type="refund", items={**LINE, "quantity": 1})).is_success
    shown = await shop.shown(order)
    assert shown["items"] == {**LINE, "status": ["refunded", "paid", "charged"]}
    assert shown["status"] == {"charged": 10, "paid": 10, "refunded": 10, "settled": 20}
    assert (await shop.event(order, type="refund")).is_success
    assert (await shop.shown(order))["status"] == {"refunded": 30, "settled": 20}


async def test_a_merchant_books_no_payout(shop: Shop) -> None:
    order = str((await shop.order(500))["id"])
    await shop.event(order, type="charge")
    for kind in ("pay", "settle", "order"):
        answer = await shop.event(order, type=kind)
        assert answer.json()["content"]["type"] == "model.Event.Creatable"
