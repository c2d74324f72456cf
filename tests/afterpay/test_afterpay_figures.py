"""The worked figures of the documents, and what every call makes of an order's money."""

import json
from decimal import Decimal

import pytest
from tests.afterpay.shop import Shop, basket, code, figures, item, open_shop

pytestmark = pytest.mark.anyio

TOTALS = (
    "totalAuthorizedAmount",
    "totalCapturedAmount",
    "totalRefundedAmount",
    "remainingAuthorizedAmount",
)


@pytest.fixture
async def shop() -> Shop:
    return await open_shop()


async def test_the_worked_figures(shop: Shop) -> None:
    await shop.order()
    voided = await shop.good(
        "/orders/1001/voids", {"cancellationDetails": {"items": basket("socks")}}
    )
    assert figures(voided, "voidedAmount", *TOTALS) == (50, 185, 0, 0, 135)
    part = {"totalGrossAmount": 35, "items": basket("hat", "shipping")}
    first = await shop.good("/orders/1001/captures", {"orderDetails": part})
    assert figures(first, "capturedAmount", "remainingAuthorizedAmount") == (35, 100)
    second = await shop.good("/orders/1001/captures")
    names = ("capturedAmount", "authorizedAmount", "remainingAuthorizedAmount")
    assert figures(second, *names, "totalCapturedAmount") == (100, 185, 0, 135)
    back = {"captureNumber": first["captureNumber"], "items": [*basket("hat"), item("return", -5)]}
    refunded = await shop.good("/orders/1001/refunds", back)
    assert figures(refunded, *TOTALS) == (185, 135, 25, 0)
    captures = (await shop.get("/orders/1001/captures"))["captures"]
    assert [each["balance"] for each in captures] == [Decimal(10), Decimal(100)]
    assert [[row["productId"] for row in each["captureItems"]] for each in captures] == [
        ["hat", "shipping"],
        ["jacket"],
    ]
    rest = await shop.good("/orders/1001/refunds")
    assert figures(rest, *TOTALS) == (185, 135, 135, 0)
    assert len(rest["refundNumbers"]) == 2
    refunds = (await shop.get("/orders/1001/refunds"))["refunds"]
    assert [each["amount"] for each in refunds] == [-25, -10, -100]
    assert (await shop.refused("/orders/1001/refunds")) == "400.951"


async def test_rows_of_a_refund_have_the_opposite_sign(shop: Shop) -> None:
    await shop.order()
    await shop.good("/orders/1001/captures", {"invoiceNumber": "I1"})
    rows = [item("hat", 30, 1, netUnitPrice=24, vatAmount=6, vatPercent=25), item("return", -5)]
    await shop.good("/orders/1001/refunds", {"captureNumber": "I1", "orderItems": rows})
    (refund,) = (await shop.get("/orders/1001/refunds"))["refunds"]
    prices = [(row["grossUnitPrice"], row["quantity"]) for row in refund["refundItems"]]
    assert prices == [(-30, 1), (5, 1)]
    hat = refund["refundItems"][0]
    assert (hat["netUnitPrice"], hat["vatAmount"], hat["vatPercent"]) == (-24, -6, 25)
    assert (refund["amount"], refund["balance"]) == (-25, -25)


@pytest.mark.parametrize(
    ("rows", "total", "verdict"),
    [
        ([item("a", "0.30000000000000004")], "0.30", None),
        ([item("a", "1.005")], None, "1.01"),
        ([item("a", 2), item("b", "-0.995")], None, "1.00"),
        ([item("a", "33.33", 3)], "100.00", None),
        ([item("a", "33.33", 3)], "100.02", "400.102"),
        ([item("kilo", "1.99", "2.5")], None, "4.98"),
        ([item("a", "1e2")], None, "100.00"),
        ([item("a", 0), item("b", 1)], None, "1.00"),
        ([item("a", -1)], None, "400.003"),
        ([item("a", "1000000000000")], None, "400.003"),
        ([item("a", "\u0661")], None, "400.004"),
        ([item("a", "NaN")], None, "400.004"),
        ([item("a", price=True)], None, "400.004"),
        ([item("a", "1,5")], None, "400.004"),
        ([item("a", 1, "-1")], None, "400.003"),
    ],
)
async def test_rows_are_rounded_once_and_totals_may_differ_a_little(
    rows: list[dict[str, object]], total: str | None, verdict: str | None, shop: Shop
) -> None:
    order = {"number": "1", "items": rows, "currency": "EUR"}
    asked = {
        "payment": {"type": "Invoice"},
        "customer": {"firstName": "Ada"},
        "order": order | ({} if total is None else {"totalGrossAmount": total}),
    }
    answer = await shop.post("/checkout/authorize", asked)
    if verdict is not None and verdict.startswith("400"):
        assert code(answer) == verdict
        return
    details = (await shop.get("/orders/1"))["orderDetails"]
    assert details["totalGrossAmount"] == Decimal(verdict or total or 0)


async def test_what_an_update_makes_of_an_order(shop: Shop) -> None:
    await shop.order()
    await shop.good("/orders/1001/voids", {"cancellationDetails": {"items": basket("socks")}})
    await shop.good("/orders/1001/captures", {"orderDetails": {"items": basket("hat")}})
    for total, remaining in ((200, 170), (200, 170), (90, 60), (300, 270), (30, 0)):
        rows = [item("new", total)]
        answer = await shop.good(
            "/orders/1001/updateOrder", {"updateOrderSummary": {"items": rows}}
        )
        assert answer["outcome"] == "Accepted"
        shown = await shop.get("/orders/1001")
        details = shown["orderDetails"]
        assert details["totalGrossAmount"] == total
        assert [row["productId"] for row in details["orderItems"]] == ["new"]
        assert shown["cancellations"] == []
        if remaining > 1:
            void = {"cancellationDetails": {"items": [item("x", 1)]}}
            voided = await shop.good("/orders/1001/voids", void)
            assert figures(voided, *TOTALS) == (total, 30, 0, remaining - 1)
    again = {"updateOrderSummary": {"items": [item("x", 40)]}}
    assert await shop.refused("/orders/1001/updateOrder", again) == "400.954"


async def test_an_update_that_the_risk_check_rejects_changes_nothing(shop: Shop) -> None:
    poor = {
        "payment": {"type": "Invoice"},
        "customer": {"firstName": "200"},
        "order": {"number": "1001", "items": basket(), "currency": "EUR"},
    }
    await shop.good("/checkout/authorize", poor)
    before = await shop.get("/orders/1001")
    higher = {"updateOrderSummary": {"items": [item("x", 201)]}}
    assert (await shop.good("/orders/1001/updateOrder", higher))["outcome"] == "Rejected"
    after = await shop.get("/orders/1001")
    for each in (before["orderDetails"], after["orderDetails"]):
        each.pop("updatedAt")
        for row in each["orderItems"]:
            row.pop("updatedAt")
    assert before == after
    possible = {"updateOrderSummary": {"items": [item("x", 200)]}}
    assert (await shop.good("/orders/1001/updateOrder", possible))["outcome"] == "Accepted"
    captured = await shop.good("/orders/1001/captures")
    assert figures(captured, "capturedAmount", "authorizedAmount") == (200, 200)


async def test_all_faults_of_a_row_are_told(shop: Shop) -> None:
    await shop.order()
    row = {"productId": "1", "netUnitPrice": True, "vatPercent": "x", "quantity": 0}
    answer = await shop.post("/orders/1001/refunds", {"captureNumber": "1", "orderItems": [row]})
    told = {each["fieldReference"].rpartition(".")[2] for each in json.loads(answer.content)}
    assert told == {"description", "quantity", "grossUnitPrice", "netUnitPrice", "vatPercent"}


async def test_a_row_is_shown_with_all_that_was_sent(shop: Shop) -> None:
    sent = {"specification": "blue", "serviceStart": "2026-01-01", "unitCode": "C62"}
    await shop.order(items=[item("x", 10, **sent)])
    (row,) = (await shop.get("/orders/1001"))["orderDetails"]["orderItems"]
    assert {name: row[name] for name in sent} == sent


async def test_what_remains_lapses_after_thirty_days(shop: Shop) -> None:
    await shop.order()
    shop.desk.clock.advance(30 * 24 * 3600 + 60)
    shown = (await shop.get("/orders/1001"))["orderDetails"]
    assert shown["status"] == "Expired"
    more = {"updateOrderSummary": {"items": basket()}}
    for path, body in (("captures", None), ("voids", None), ("updateOrder", more)):
        assert await shop.refused(f"/orders/1001/{path}", body) == "400.115"


async def test_captures_made_in_time_can_be_refunded_after_it(shop: Shop) -> None:
    await shop.order()
    await shop.good("/orders/1001/captures", {"orderDetails": {"items": basket("hat")}})
    shop.desk.clock.advance(40 * 24 * 3600)
    shown = (await shop.get("/orders/1001"))["orderDetails"]
    assert shown["status"] == "Accepted"
    assert figures(await shop.good("/orders/1001/refunds"), "totalRefundedAmount") == (30,)
