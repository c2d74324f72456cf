"""An order that is told first and authorized by its checkout's id."""

import pytest
from tests.afterpay.shop import Answer, Shop, basket, open_shop, said

pytestmark = pytest.mark.anyio

TOLD: Answer = {
    "customer": {"firstName": "Ada", "lastName": "Lovelace"},
    "order": {"number": "1001", "items": basket(), "currency": "EUR"},
}


@pytest.fixture
async def shop() -> Shop:
    return await open_shop()


def pay(checkout: object) -> dict[str, object]:
    return {"checkoutId": checkout, "payment": {"type": "Invoice"}}


async def test_an_order_is_told_first(shop: Shop) -> None:
    offered = await shop.good("/checkout/payment-methods", TOLD)
    assert await shop.refused("/orders/1001/captures") == "400.115"
    accepted = await shop.good("/checkout/authorize", pay(offered["checkoutId"].upper()))
    assert accepted["checkoutId"] == offered["checkoutId"]
    assert accepted["customer"]["customerNumber"].startswith("AP")
    details = (await shop.get("/orders/1001"))["orderDetails"]
    assert (details["totalGrossAmount"], details["customer"]["firstName"]) == (185, "Ada")
    assert await shop.refused("/checkout/authorize", pay(offered["checkoutId"])) == "400.100"


async def test_a_repeated_key_offers_the_same_checkout(shop: Shop) -> None:
    first = await shop.good("/checkout/payment-methods", TOLD, "k")
    before = shop.desk.done()
    assert await shop.good("/checkout/payment-methods", TOLD, "k") == first
    assert shop.desk.done() == before
    assert await shop.refused("/checkout/payment-methods", {**TOLD, "country": "DE"}, "k") == (
        "400.957"
    )


@pytest.mark.parametrize("missing", ["customer", "number", "items"])
async def test_what_was_not_told_in_full_is_not_kept(missing: str, shop: Shop) -> None:
    order = {name: each for name, each in TOLD["order"].items() if name != missing}
    told: Answer = {**TOLD, "order": {**order, "totalGrossAmount": 185}}
    told = {name: each for name, each in told.items() if name != missing}
    offered = await shop.good("/checkout/payment-methods", told)
    assert await shop.refused("/checkout/authorize", pay(offered["checkoutId"])) == "400.004"
    assert shop.desk.store.commits == 0


async def test_an_order_beside_a_checkout_counts(shop: Shop) -> None:
    offered = await shop.good("/checkout/payment-methods", TOLD)
    other = {**TOLD["order"], "number": "1002"}
    both = {**TOLD, **pay(offered["checkoutId"]), "order": other}
    said(await shop.post("/checkout/authorize", both))
    assert (await shop.get("/orders/1002"))["orderDetails"]["status"] == "Accepted"
    assert await shop.refused("/checkout/authorize", {"checkoutId": "x"}) == "400.002"
