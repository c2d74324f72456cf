"""An order made on one wire, read and worked on from the other: the amounts agree."""

import json
from base64 import b64encode
from decimal import Decimal

import pytest
from tests.afterpay.shop import Answer, Shop, figures, item, open_shop

from counterfoil.demo import LOGIN, PASSWORD

pytestmark = pytest.mark.anyio

BASIC = "Basic " + b64encode(f"{LOGIN}:{PASSWORD}".encode()).decode()
CARD = {
    "amount": "100.00",
    "currency": "EUR",
    "pan": "4111111111111111",
    "card": {
        "cvv": "333", "holder": "John Smith", "expiration_month": 12, "expiration_year": 2030
    },
    "location": {"ip": "6.6.6.6"},
}  # fmt: skip


@pytest.fixture
async def shop() -> Shop:
    return await open_shop()


async def bizon(shop: Shop, method: str, path: str, body: object = None) -> Answer:
    """An order, as the Bizon wire answers it."""
    shop.desk.clock.advance(1)
    answer = await shop.desk.client.request(
        method,
        path,
        headers={"Authorization": BASIC},
        content=None if body is None else json.dumps(body).encode(),
    )
    assert answer.status_code == 200, answer.text
    (order,) = json.loads(answer.content)["orders"]
    assert isinstance(order, dict)
    return order


async def agreed(shop: Shop, number: str, path: str) -> tuple[object, object]:
    """What both wires say was captured and refunded."""
    ours, theirs = await shop.get(f"/orders/{number}"), await bizon(shop, "GET", path)
    captured = sum(each["amount"] for each in ours["captures"])
    refunded = sum(each["totalRefundedAmount"] for each in ours["captures"])
    assert -sum(each["amount"] for each in ours["refunds"]) == refunded
    said = Decimal(theirs["amount_charged"]), Decimal(theirs["amount_refunded"])
    assert (captured, refunded) == said
    return said


async def test_an_order_by_card_is_worked_on_from_here(shop: Shop) -> None:
    made = await bizon(shop, "POST", "/orders/authorize", {**CARD, "merchant_order_id": "R-1"})
    path = f"/orders/{made['id']}"
    await bizon(shop, "PUT", f"{path}/charge", {"amount": 60})
    shown = await shop.get(f"/orders/{made['id']}")
    assert shown["orderDetails"]["orderNumber"] == "R-1"
    assert "payment" not in shown
    (capture,) = shown["captures"]
    assert capture["captureNumber"].isdigit()
    (void,) = shown["cancellations"]  # the charge let go of the rest
    assert void["cancellationAmount"] == 40
    part = {"captureNumber": capture["captureNumber"], "items": [item("x", 10)]}
    refunded = await shop.good("/orders/R-1/refunds", part)
    names = ("totalAuthorizedAmount", "totalCapturedAmount", "totalRefundedAmount")
    assert figures(refunded, *names) == (100, 60, 10)
    assert await agreed(shop, "R-1", path) == (60, 10)
    await bizon(shop, "PUT", f"{path}/refund", {"amount": 5})
    assert await agreed(shop, "R-1", path) == (60, 15)
    numbers = [each["refundNumber"] for each in (await shop.get("/orders/R-1/refunds"))["refunds"]]
    for number in numbers:
        (one,) = (await shop.get(f"/orders/R-1/refunds/{number}"))["refunds"]
        assert one["refundNumber"] == number


async def test_a_parcel_of_an_order_by_card_is_tracked(shop: Shop) -> None:
    made = await bizon(shop, "POST", "/orders/authorize", CARD)
    await bizon(shop, "PUT", f"/orders/{made['id']}/charge")
    number = (await shop.get(f"/orders/{made['id']}"))["captures"][0]["captureNumber"]
    told = {"type": "Shipment", "shippingCompany": "DHL", "trackingId": "1"}
    await shop.good(f"/orders/{made['id']}/captures/{number}/shipping-details", told)
    (capture,) = (await shop.get(f"/orders/{made['id']}/captures"))["captures"]
    assert capture["shippingDetails"][0]["trackingId"] == "1"


async def test_an_invoice_is_worked_on_from_there(shop: Shop) -> None:
    await shop.order("I-1")
    (order,) = shop.desk.store._orders.values()
    path = f"/orders/{order.id}"
    shown = await bizon(
        shop, "GET", f"{path}?expand=card,client,issuer,secure3d,operations.cashflow"
    )
    assert (shown["status"], shown["amount"]) == ("authorized", "185.00")
    assert shown["merchant_order_id"] == "I-1"
    assert shown["client"]["name"] == "Ada Lovelace"
    await shop.good("/orders/I-1/voids", {"cancellationDetails": {"items": [item("x", 50)]}})
    await shop.good("/orders/I-1/captures", {"orderDetails": {"items": [item("x", 35)]}})
    assert await agreed(shop, "I-1", path) == (35, 0)
    await bizon(shop, "PUT", f"{path}/refund", {"amount": 20})
    assert await agreed(shop, "I-1", path) == (35, 20)
    await shop.good("/orders/I-1/captures")
    await bizon(shop, "PUT", f"{path}/refund", {"amount": 100})  # of both captures
    assert await agreed(shop, "I-1", path) == (135, 120)
    assert len((await shop.get("/orders/I-1/refunds"))["refunds"]) == 3
    rest = await shop.good("/orders/I-1/refunds")
    assert figures(rest, "totalRefundedAmount") == (135,)
    assert await agreed(shop, "I-1", path) == (135, 135)


async def test_the_merchants_number_wins_over_a_reference(shop: Shop) -> None:
    await shop.order("5678")
    for _ in range(2):
        await bizon(shop, "POST", "/orders/authorize", {**CARD, "merchant_order_id": "5678"})
    assert (await shop.get("/orders/5678"))["orderDetails"]["totalGrossAmount"] == 185


async def test_of_several_of_a_reference_the_latest_is_meant(shop: Shop) -> None:
    for amount in ("1.00", "2.00"):
        asked = {**CARD, "amount": amount, "merchant_order_id": "R"}
        await bizon(shop, "POST", "/orders/authorize", asked)
    assert (await shop.get("/orders/R"))["orderDetails"]["totalGrossAmount"] == 2


async def test_what_lapsed_and_was_given_back_is_expired(shop: Shop) -> None:
    await shop.order("1001")
    (order,) = shop.desk.store._orders.values()
    shop.desk.clock.advance(30 * 24 * 3600 + 60)
    await bizon(shop, "PUT", f"/orders/{order.id}/reverse")  # as the timer does
    shown = await shop.get("/orders/1001")
    assert shown["orderDetails"]["status"] == "Expired"
    (void,) = shown["cancellations"]
    assert void["cancellationNo"][1:].isdigit()
    assert void["cancellationAmount"] == 185
