"""Orders of the Razorpay wire: what adds up, who wins, pages cut anywhere, the other wire."""

import asyncio
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.razorpay.shop import AMOUNT, Shop, open_shop

from counterfoil.core.order import Kind, Outcome

pytestmark = pytest.mark.anyio
ACTIONS: Final = ("pay", "fail", "begin", "capture", "refund", "refund_all", "bizon_refund")


async def act(shop: Shop, order: str, known: list[str], action: str, chance: int) -> None:
    """One thing that a shop or its payer may do; refusals are as good as anything."""
    part = 100 * (1 + chance % 300)
    if action in {"pay", "fail", "begin"}:
        method = ("netbanking", "card", "wallet")[chance % 3]
        asked = {
            "amount": part, "currency": "INR", "order_id": order, "email": "a@b.c",
            "contact": "9999999999", "method": "netbanking", "bank": "HDFC",
        }  # fmt: skip
        if method == "wallet":
            asked |= {"method": "wallet", "wallet": "payzapp"}
        answer = await shop.ask("POST", "/v1/payments/create/json", asked)
        if answer.status_code == 200:
            known.append(answer.json()["razorpay_payment_id"])
            if action != "begin":
                outcome = "success" if action == "pay" else "failure"
                await shop.decide(answer.json(), outcome)
    elif known:
        number = known[chance % len(known)]
        amount = (await shop.payment(number))["amount"]
        if action == "capture":
            await shop.ask("POST", f"/v1/payments/{number}/capture", {"amount": amount})
        elif action == "refund":
            body = {"amount": 1 + chance % amount}
            await shop.ask("POST", f"/v1/payments/{number}/refund", body)
        elif action == "refund_all":
            await shop.ask("POST", f"/v1/payments/{number}/refund", {})
        else:
            await by_bizon(shop, order, chance)


async def by_bizon(shop: Shop, order: str, chance: int) -> None:
    """A refund on the other wire, of the same order."""
    (number,) = {each for _, each in shop.desk.store._orders}
    assert order
    auth = {"Authorization": "Basic cHJvamVjdDpwYXNzd29yZA=="}
    await shop.ask("PUT", f"/orders/{number}/refund", {"amount": f"{1 + chance % 9}.00"}, **auth)


async def check(shop: Shop, order: str) -> None:
    """What must hold of an order and its payments, and between the wires."""
    shown = await shop.ok("GET", f"/v1/orders/{order}?expand[]=payments")
    payments = shown["payments"]["items"]
    assert shown["amount_paid"] + shown["amount_due"] == shown["amount"] == AMOUNT
    assert shown["amount_due"] >= 0
    captured = [each for each in payments if each["captured"]]
    assert shown["amount_paid"] == sum(each["amount"] for each in captured)
    assert (shown["status"] == "paid") == (shown["amount_due"] == 0)
    assert shown["attempts"] == len(payments)
    assert (shown["status"] == "created") == (not payments)
    for each in payments:
        refunds = await shop.ok("GET", f"/v1/payments/{each['id']}/refunds?count=100")
        standing = [refund for refund in refunds["items"] if refund["status"] != "failed"]
        assert each["amount_refunded"] == sum(refund["amount"] for refund in standing)
        assert each["amount_refunded"] <= each["amount"]
        full = each["amount_refunded"] == each["amount"]
        assert (each["status"] == "refunded") == full
    await agreed(shop, shown)


async def agreed(shop: Shop, shown: Any) -> None:
    """The other wire's sums of the same order."""
    (number,) = {each for _, each in shop.desk.store._orders}
    other = await shop.bizon("GET", f"/orders/{number}")
    paid = f"{shown['amount_paid'] // 100}.{shown['amount_paid'] % 100:02}"
    back = sum(each["amount_refunded"] for each in shown["payments"]["items"] if each["captured"])
    assert other["amount_charged"] == paid
    assert other["amount_refunded"] == f"{back // 100}.{back % 100:02}"


@settings(max_examples=40, deadline=None)
@given(
    st.booleans(),
    st.lists(st.tuples(st.sampled_from(ACTIONS), st.integers(0, 10_000)), max_size=12),
)
def test_whatever_is_asked_the_sums_hold(manual: bool, asked: list[tuple[str, int]]) -> None:
    async def run() -> None:
        shop = await open_shop()
        order = await shop.order(partial_payment=True, payment_capture=not manual)
        known: list[str] = []
        for action, chance in asked:
            await act(shop, order, known, action, chance)
            await check(shop, order)

    asyncio.run(run())


async def test_of_two_racing_captures_one_wins() -> None:
    shop = await open_shop()
    number = await shop.pay(await shop.order(payment_capture=0))
    path, body = f"/v1/payments/{number}/capture", {"amount": AMOUNT}
    answers = await asyncio.gather(*(shop.ask("POST", path, body) for _ in range(20)))
    assert sorted(answer.status_code for answer in answers) == [200, *[400] * 19]
    (order,) = shop.desk.store._orders.values()
    charges = [each for each in order.operations if each.kind is Kind.CHARGE]
    assert [each.outcome for each in charges] == [Outcome.APPROVED]


async def test_of_two_payers_at_once_one_pays() -> None:
    shop = await open_shop()
    order = await shop.order()
    begun = [await shop.begin(order) for _ in range(5)]
    await asyncio.gather(*(shop.decide(each) for each in begun))
    shown = await shop.ok("GET", f"/v1/orders/{order}?expand[]=payments")
    assert (shown["status"], shown["amount_paid"]) == ("paid", AMOUNT)
    assert [each["status"] for each in shown["payments"]["items"]] == ["captured"]


async def test_refunds_at_once_never_exceed_the_payment() -> None:
    shop = await open_shop()
    number = await shop.pay(await shop.order())
    path, body = f"/v1/payments/{number}/refund", {"amount": AMOUNT // 3}
    answers = await asyncio.gather(*(shop.ask("POST", path, body) for _ in range(8)))
    assert sum(answer.status_code == 200 for answer in answers) == 3
    assert (await shop.payment(number))["amount_refunded"] == 3 * (AMOUNT // 3)


@pytest.mark.parametrize("path", ["/v1/orders", "/v1/payments", "/v1/refunds"])
@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
async def test_a_list_cut_anywhere_is_the_whole_list(path: str, size: int) -> None:
    shop = await open_shop()
    for place in range(9):
        order = await shop.order(receipt=f"r{place}")
        if place % 2:
            number = await shop.pay(order)
            for _ in range(2):
                await shop.ok("POST", f"/v1/payments/{number}/refund", {"amount": 100})
    whole = (await shop.ok("GET", f"{path}?count=100"))["items"]
    assert [each["created_at"] for each in whole] == sorted(
        (each["created_at"] for each in whole), reverse=True
    )
    found: list[Any] = []
    while True:
        page = await shop.ok("GET", f"{path}?count={size}&skip={len(found)}")
        found += page["items"]
        assert page["count"] == len(page["items"])
        if page["count"] < size:
            break
    assert found == whole
    middle = whole[len(whole) // 2]["created_at"]
    since = await shop.ok("GET", f"{path}?count=100&from={middle}")
    until = await shop.ok("GET", f"{path}?count=100&to={middle}")
    assert since["items"] == [each for each in whole if each["created_at"] >= middle]
    assert until["items"] == [each for each in whole if each["created_at"] <= middle]


async def test_an_order_made_here_is_read_and_refunded_by_bizon() -> None:
    shop = await open_shop()
    number = await shop.pay(await shop.order(receipt="r-1", notes={"shelf": "B7"}))
    (order,) = [each for _, each in shop.desk.store._orders]
    seen = await shop.bizon("GET", f"/orders/{order}?expand=custom_fields,operations.cashflow")
    assert (seen["status"], seen["amount"], seen["currency"]) == ("charged", "500.00", "INR")
    assert (seen["merchant_order_id"], seen["custom_fields"]) == ("r-1", {"shelf": "B7"})
    assert seen["operations"][1]["cashflow"]["fee"] == "10.00"
    await shop.bizon("PUT", f"/orders/{order}/refund", {"amount": "200.00"})
    shown = await shop.payment(number)
    assert (shown["amount_refunded"], shown["refund_status"]) == (20_000, "partial")
    await shop.ok("POST", f"/v1/payments/{number}/refund", {})
    again = await shop.bizon("GET", f"/orders/{order}")
    assert (again["amount_refunded"], again["status"]) == ("500.00", "refunded")


BIZON: Final = {
    "amount": "90.00",
    "currency": "INR",
    "pan": "4111111111111111",
    "card": {
        "cvv": "333", "expiration_month": 12, "expiration_year": 2039, "holder": "John Smith"
    },
    "location": {"ip": "6.6.6.6"},
    "merchant_order_id": "b-1",
    "client": {"email": "john@example.com", "phone": "9876543210"},
    "custom_fields": {"shelf": "B7"},
}  # fmt: skip


async def test_an_order_made_by_bizon_is_read_and_refunded_here() -> None:
    shop = await open_shop()
    made = await shop.bizon("POST", "/orders/authorize", BIZON)
    (shown,) = (await shop.ok("GET", "/v1/orders?expand[]=payments.card"))["items"]
    (payment,) = shown["payments"]["items"]
    assert (shown["receipt"], shown["status"], shown["notes"]) == (
        "b-1",
        "attempted",
        {"shelf": "B7"},
    )
    assert (payment["status"], payment["card"]["last4"]) == ("authorized", "1111")
    assert (payment["email"], payment["contact"]) == ("john@example.com", "+919876543210")
    await shop.bizon("PUT", f"/orders/{made['id']}/charge", {"amount": "60.00"})
    shown = await shop.ok("GET", f"/v1/orders/{shown['id']}")
    assert (shown["amount"], shown["amount_paid"], shown["status"]) == (9_000, 6_000, "attempted")
    refund = await shop.ok("POST", f"/v1/payments/{payment['id']}/refund", {"amount": 1_000})
    assert refund["status"] == "processed"
    seen = await shop.bizon("GET", f"/orders/{made['id']}")
    assert (seen["amount_charged"], seen["amount_refunded"]) == ("60.00", "10.00")


async def test_a_reservation_given_back_by_bizon_is_a_full_refund_here() -> None:
    shop = await open_shop()
    made = await shop.bizon("POST", "/orders/authorize", BIZON)
    await shop.bizon("PUT", f"/orders/{made['id']}/reverse")
    (payment,) = (await shop.ok("GET", "/v1/payments"))["items"]
    assert (payment["status"], payment["captured"], payment["fee"]) == ("refunded", False, None)
    (refund,) = (await shop.ok("GET", "/v1/refunds"))["items"]
    assert (refund["amount"], refund["payment_id"]) == (9_000, payment["id"])


async def test_a_payout_by_bizon_is_no_payment_here() -> None:
    shop = await open_shop()
    await shop.bizon("POST", "/orders/credit", BIZON)
    (shown,) = (await shop.ok("GET", "/v1/orders?expand[]=payments"))["items"]
    assert (shown["status"], shown["amount_paid"], shown["payments"]["count"]) == ("created", 0, 0)
