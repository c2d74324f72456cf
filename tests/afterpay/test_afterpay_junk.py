"""Whatever JSON is sent to whichever call: an answer in the wire's words, and nothing breaks."""

import asyncio

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from tests.afterpay.shop import Shop, item, open_shop
from tests.property.steady import STEADY

NAMES = st.sampled_from(
    (
        "payment", "type", "customer", "address", "firstName", "birthDate", "deliveryCustomer",
        "order", "number", "items", "orderItems", "totalGrossAmount", "totalNetAmount", "currency",
        "productId", "description", "quantity", "grossUnitPrice", "netUnitPrice", "vatPercent",
        "lineNumber", "orderDetails", "cancellationDetails", "updateOrderSummary", "invoiceNumber",
        "captureNumber", "creditNoteNumber", "refundType", "shippingDetails", "trackingId",
        "references", "yourReference", "campaignNumber", "directDebit", "account", "profileNo",
        "riskData", "ipAddress", "amount",
    )
)  # fmt: skip
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 400),
    st.decimals(-5, 400, places=3).map(str),
    st.sampled_from(["", "Invoice", "EUR", "I", "1", "1e999", "NaN", "\0", "Ünal", "x" * 5_000]),
    st.sampled_from(["Return", "Shipment", "2026-02-31", "1985-12-10T00:00", "9" * 40, " 1 "]),
)
JSON = st.recursive(
    LEAVES,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(NAMES, inner, max_size=6)),
    max_leaves=25,
)
ROW = st.fixed_dictionaries(
    {"productId": LEAVES, "description": LEAVES, "quantity": LEAVES, "grossUnitPrice": LEAVES},
    optional={"netUnitPrice": LEAVES, "vatCategory": LEAVES, "refundType": LEAVES},
)
SUMMARY = st.fixed_dictionaries({"items": st.lists(ROW, max_size=3)}, optional={
    "totalGrossAmount": LEAVES, "totalNetAmount": LEAVES, "currency": LEAVES,
})  # fmt: skip
BODIES = st.one_of(
    JSON,
    st.dictionaries(NAMES, JSON, max_size=8),
    st.fixed_dictionaries(
        {},
        optional={
            "orderDetails": SUMMARY,
            "cancellationDetails": SUMMARY,
            "updateOrderSummary": SUMMARY,
            "orderItems": st.lists(ROW, max_size=3),
            "captureNumber": st.sampled_from(["I", "J", ""]),
            "invoiceNumber": LEAVES,
        },
    ),
)
PATHS = st.sampled_from(
    (
        "/checkout/payment-methods", "/checkout/authorize", "/orders/1/updateOrder",
        "/orders/1/captures", "/orders/1/refunds", "/orders/1/voids",
        "/orders/1/captures/I/shipping-details",
        "/orders/1/captures/I/payments",
    )
)  # fmt: skip


@STEADY
@given(st.lists(st.tuples(PATHS, BODIES), min_size=1, max_size=8))
def test_any_json_is_answered(calls: list[tuple[str, object]]) -> None:
    asyncio.run(answered(calls))


async def answered(calls: list[tuple[str, object]]) -> None:
    shop = await open_shop()
    await shop.order("1", [item("x", 100)])
    part = {"invoiceNumber": "I", "orderDetails": {"items": [item("x", 40)]}}
    await shop.good("/orders/1/captures", part)
    for path, body in calls:
        before = shop.desk.done()
        answer = await shop.post(path, body)
        assert answer.status_code in {200, 400}, (path, body, answer.text)
        if answer.status_code == 400:
            assert msgspec.json.decode(answer.content, type=list[dict[str, str]])
            assert shop.desk.done() == before
        await sound(shop)


async def sound(shop: Shop) -> None:
    shown = await shop.get("/orders/1")
    for capture in shown["captures"]:
        assert 0 <= capture["totalRefundedAmount"] <= capture["amount"]
