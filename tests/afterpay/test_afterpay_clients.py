"""What real clients send, row by row of the checklist, as raw requests.

Source: specification, section 14; each test is a client and its habits.
"""

import json
import re
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from httpx2 import Response
from msgspec.structs import replace
from tests.afterpay.shop import Shop, code, figures, item, open_shop, said

pytestmark = pytest.mark.anyio

TEXTS = b"""{"payment": {"type": "Invoice"},
 "customer": {"customerCategory": "Person", "salutation": "Mr", "firstName": "Ada",
  "lastName": "Lovelace", "email": "ada@example.com", "birthDate": "1985-12-10T00:00:00+01:00",
  "conversationLanguage": "NL",
  "riskData": {"ipAddress": "::1", "existingCustomer": false, "score": [1]},
  "address": {"street": "Kade", "streetNumber": "1", "postalCode": "8017JX",
   "postalPlace": "Zwolle", "countryCode": "nl"}},
 "order": {"number": "%s", "totalGrossAmount": "38.00", "totalNetAmount": "31.40", "items": [
  {"productId": "1", "description": "One", "grossUnitPrice": "12.5000", "netUnitPrice": "10.00",
   "quantity": "1.0000", "vatPercent": "21", "vatAmount": "2.50", "vatCategory": "HighCategory"},
  {"productId": "2", "description": "Two", "grossUnitPrice": "8.5", "netUnitPrice": "7.1333",
   "quantity": "3", "vatPercent": "6", "vatAmount": "3"}]}}"""


@pytest.fixture
async def shop() -> Shop:
    return await open_shop()


LACKS = {
    "AT": {"birthDate", "email"},
    "DE": {"email"},
    "NL": {"birthDate", "email", "riskData", "salutation"},
    "NO": {"identificationNumber"},
    "SE": {"email", "identificationNumber"},
}


@pytest.mark.parametrize("country", LACKS)
async def test_a_country_demands_its_own_of_a_customer(country: str, shop: Shop) -> None:
    async def lacks(category: str | None) -> set[str]:
        customer = {"customerCategory": category, "address": {"countryCode": country}}
        order = {"number": f"{country}{category}", "items": [item("x", 1)], "currency": "EUR"}
        body = {"payment": {"type": "Invoice"}, "customer": customer, "order": order}
        answer = await shop.post("/checkout/authorize", body)
        if answer.status_code == 200:
            return set()
        assert code(answer) == "400.002"
        said = json.loads(answer.content)
        assert {each["actionCode"] for each in said} == {"AskConsumerToReEnterData"}
        return {each["fieldReference"].removeprefix("customer.") for each in said}

    assert not await lacks("Person")  # unless the merchant wants it
    merchant = await shop.desk.store.merchant(1)
    assert merchant is not None
    strict = replace(merchant, settings=("afterpay.customer_fields",))
    await shop.desk.store.save_merchant(strict)
    shop.desk.clock.advance(60)
    assert await lacks(None) == {"customerCategory", *LACKS[country]}
    assert await lacks("Company") == LACKS[country] - {"birthDate", "salutation"}


async def bought(shop: Shop, number: str = "W1") -> Response:
    return await shop.post("/checkout/authorize", TEXTS.replace(b"%s", number.encode()))


async def test_etrias(shop: Shop) -> None:
    accepted = said(await bought(shop))
    customer = accepted["customer"]
    assert customer["customerNumber"]
    assert accepted["outcome"] == "Accepted"
    shown = await shop.get("/orders/W1")
    details = shown["orderDetails"]
    exact = datetime.strptime(details["insertedAt"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    assert exact.year == 2026
    assert details["updatedAt"]
    assert details["currency"] == "EUR"
    assert details["customer"]["birthDate"] == "1985-12-10T00:00:00Z"
    assert details["customer"]["address"]["countryCode"] == "NL"
    assert details["customer"]["riskData"] == {"ipAddress": "::1", "existingCustomer": False}
    assert [type(row["quantity"]) for row in details["orderItems"]] == [int, int]
    captured = await shop.good("/orders/W1/captures", {"orderDetails": {"totalGrossAmount": "38"}})
    back = {"captureNumber": captured["captureNumber"], "items": details["orderItems"][:1]}
    refunded = await shop.good("/orders/W1/refunds", back)
    names = ("totalCapturedAmount", "totalRefundedAmount")
    assert figures(refunded, *names) == (38, Decimal("12.5"))
    for path in ("X", "W1/captures/X", "W1/refunds/X", "W1/voids/X"):
        assert code(await shop.ask("GET", f"/orders/{path}"))


async def test_the_vendors_own_library_and_its_shop(shop: Shop) -> None:
    payx = TEXTS.replace(b"%s", b"77").replace(b'"Invoice"', b'"payInX"')
    said(await shop.post("/checkout/authorize", payx))
    full = {
        "orderDetails": {"totalGrossAmount": "38.00", "totalNetAmount": "31.40", "items": []},
        "invoiceNumber": "77",
    }
    captured = await shop.good("/orders/77/captures", full)
    assert captured["captureNumber"] == "77"
    line = {
        "productId": "REFUND",
        "description": "Refund",
        "grossUnitPrice": "10",
        "netUnitPrice": "10",
        "quantity": "1",
        "vatPercent": 0,
        "vatAmount": "0",
    }
    part = {"captureNumber": "77", "orderItems": [line]}
    assert figures(await shop.good("/orders/77/refunds", part), "totalRefundedAmount") == (10,)
    rest = await shop.good("/orders/77/refunds", b'""')
    assert figures(rest, "totalRefundedAmount") == (38,)
    said(await bought(shop, "78"))
    voided = await shop.good("/orders/78/voids", b'""')
    assert figures(voided, "voidedAmount") == (38,)


async def test_oxid(shop: Shop) -> None:
    discount = {"productId": "v", "description": "Voucher", "grossUnitPrice": -3.1, "quantity": 1}
    noise = {
        "productId": "1", "description": "One", "grossUnitPrice": 13.100000000000001,
        "netUnitPrice": 11.008403361344538, "vatAmount": 2.0915966386554622, "quantity": 1,
    }  # fmt: skip
    answer = await shop.order("O1", [noise, discount])
    assert isinstance(answer, dict)  # it takes an object as success and a list as failure
    refused = await shop.post("/orders/none/captures")
    assert isinstance(json.loads(refused.content), list)
    shown = await shop.get("/orders/O1")
    details = shown["orderDetails"]
    rows = [{**row, "oxArticle": {"id": None}} for row in details["orderItems"]]
    echoed = {"orderDetails": {**details, "items": rows}}
    captured = await shop.good("/orders/O1/captures", echoed)
    number = captured["captureNumber"]
    tracking = {"type": "Shipment", "shippingCompany": "DHL", "trackingId": "1"}
    told = await shop.good(f"/orders/O1/captures/{number}/shipping-details", tracking)
    assert isinstance(told["shippingNumber"], int)
    assert told["shippingNumber"] > 0
    line = {
        "productId": "1", "description": "One", "grossUnitPrice": 10, "netUnitPrice": 0,
        "vatAmount": 10, "quantity": 1, "refundId": "x",
    }  # fmt: skip
    back = {"captureNumber": number, "orderItems": [line]}
    assert figures(await shop.good("/orders/O1/refunds", back), "totalRefundedAmount") == (10,)


async def test_shopware(shop: Shop) -> None:
    said(await bought(shop))
    rows = [{"productId": "1", "description": "1", "quantity": "1", "grossUnitPrice": "38.00"}]
    body = {
        "orderDetails": {"totalGrossAmount": "38.00", "items": rows},
        "invoiceNumber": "INV-1",
        "references": {"contractDate": "2026-01-15 12:00:00", "yourReference": "7"},
    }
    captured = await shop.good("/orders/W1/captures", body)
    assert captured["captureNumber"] == "INV-1"
    (shown,) = (await shop.get("/orders/W1/captures/INV-1"))["captures"]
    assert (shown["contractDate"], shown["yourReference"]) == ("2026-01-15 12:00:00", "7")
    back = [{**rows[0], "refundType": "Refund"}]
    refunded = await shop.good("/orders/W1/refunds", {"captureNumber": "INV-1", "orderItems": back})
    assert refunded["refundNumbers"]


async def test_epinova(shop: Shop) -> None:
    nulls = TEXTS.replace(b"%s", b"E1").replace(
        b'"order": {', b'"deliveryCustomer": null, "checkoutId": null, "order": {"risk": null, '
    )
    said(await shop.post("/checkout/authorize", nulls))
    key = "E1"  # one key for three different calls
    captured = await shop.good("/orders/E1/captures", {"campaignNumber": 0, "items": []}, key)
    assert figures(captured, "capturedAmount") == (38,)
    refunded = await shop.good("/orders/E1/refunds", None, key)
    assert figures(refunded, "totalRefundedAmount") == (38,)
    assert await shop.refused("/orders/E1/voids", None, key) == "400.953"
    assert (
        await shop.good("/orders/e1/captures", {"campaignNumber": 0, "items": []}, key) == captured
    )
    assert await shop.good("/orders/E1/refunds", b"{}", key) == refunded
    version = (await shop.get("/version"))["version"]
    assert re.fullmatch(r"\d+(\.\d+){1,3}", str(version))


async def test_krokedil(shop: Shop) -> None:
    said(await bought(shop))
    row = {"productId": "ref1", "description": "Refund", "quantity": 1, "grossUnitPrice": 38}
    typed = {"Content-Type": "application/json"}
    voided = said(await shop.ask("POST", "/orders/W1/voids", b"", headers=typed))
    assert figures(voided, "voidedAmount") == (38,)
    said(await bought(shop, "W2"))
    captured = await shop.good("/orders/W2/captures")
    back = {"captureNumber": captured["captureNumber"], "orderItems": [{**row, "vatRate": 2500}]}
    assert figures(await shop.good("/orders/W2/refunds", back), "totalRefundedAmount") == (38,)


async def test_spryker(shop: Shop) -> None:
    said(await bought(shop))
    shipping = {"productId": "ship", "description": "Shipping", "quantity": 1, "grossUnitPrice": 3}
    part = {"orderDetails": {"totalGrossAmount": 3, "items": [shipping]}}
    captured = await shop.good("/orders/W1/captures", part)
    assert figures(captured, "capturedAmount", "remainingAuthorizedAmount") == (3, 35)


@pytest.mark.parametrize("body", [None, b"", b"{}", b"null", b"[]", b'""', b" \n", b' "" '])
@pytest.mark.parametrize("kind", ["", "application/json", "text/json; charset=utf-8"])
async def test_empty_bodies_ask_for_everything(body: bytes | None, kind: str, shop: Shop) -> None:
    said(await bought(shop))
    for path, name in (("captures", "capturedAmount"), ("refunds", "totalRefundedAmount")):
        headers = {"Content-Type": kind}
        done = said(await shop.ask("POST", f"/orders/W1/{path}", body, headers=headers))
        assert figures(done, name) == (38,)
