"""The Razorpay wire at its edges: paths, ids, last parts, receipts, old payments, filters."""

import asyncio
from base64 import b64encode
from typing import Any, Final

import pytest
from msgspec.structs import replace
from tests.razorpay.shop import AMOUNT, CARD, KEYS, Shop, open_shop

from counterfoil.connectors.sandbox.table import card_for
from counterfoil.core.card import Secret
from counterfoil.core.change import change
from counterfoil.core.declines import Decline
from counterfoil.core.merchant import Terminal
from counterfoil.core.order import Kind
from counterfoil.demo import signing
from counterfoil.dialects.razorpay import ids
from counterfoil.dialects.razorpay.call import signed

pytestmark = pytest.mark.anyio
DAY_S: Final = 24 * 3600
USED: Final = "Duplicate receipt found for this refund request."


async def test_a_slash_at_the_end_means_nothing_on_any_path() -> None:
    shop = await open_shop()
    order = await shop.order()
    number = await shop.pay(order, "card")
    refund = await shop.ok("POST", f"/v1/payments/{number}/refund/", {"amount": 100})
    body = {"url": "https://shop.example/hook", "events": ["order.paid"]}
    hook = await shop.ok("POST", "/v1/webhooks/", body)
    account = "acc_" + hook["owner_id"]
    notes = {"notes": {"a": "b"}}
    changed = await shop.ok("PATCH", f"/v1/refunds/{refund['id']}/", notes)
    assert await shop.ok("GET", f"/v1/refunds/{refund['id']}/") == changed
    assert await shop.ok("GET", f"/v1/payments/{number}/refunds/{refund['id']}/") == changed
    card = (await shop.payment(number))["card_id"]
    assert (await shop.ok("GET", f"/v1/cards/{card}/"))["id"] == card
    assert (await shop.ok("PUT", f"/v1/webhooks/{hook['id']}/", {"active": False}))["id"]
    assert (await shop.ok("GET", f"/v2/accounts/{account}/webhooks/"))["count"] == 1
    assert await shop.ok("DELETE", f"/v2/accounts/{account}/webhooks/{hook['id']}/") == []
    assert (await shop.ok("PATCH", f"/v1/payments/{number}/", notes))["notes"] == {"a": "b"}


async def test_the_last_part_of_an_order_may_be_smaller_than_any_other() -> None:
    shop = await open_shop()
    order = await shop.order(partial_payment=True)
    await shop.pay(order, amount=AMOUNT - 50)
    given = {"currency": "INR", "order_id": order, "email": "a@b.c", "contact": "9999999999"}
    given |= {"method": "netbanking", "bank": "HDFC"}
    small = await shop.no("POST", "/v1/payments/create/json", {**given, "amount": 49})
    assert small["description"] == "The amount must be at least INR 1.00"
    await shop.pay(order, amount=50)
    assert (await shop.ok("GET", f"/v1/orders/{order}"))["status"] == "paid"
    alone = {**given, "amount": 99}
    del alone["order_id"]
    small = await shop.no("POST", "/v1/payments/create/json", alone)
    assert small["field"] == "amount"


async def test_a_customer_that_was_named_is_shown() -> None:
    shop = await open_shop()
    number = await shop.pay(await shop.order(), customer_id="cust_Ab1Cd2Ef3Gh4Ij")
    assert (await shop.payment(number))["customer_id"] == "cust_Ab1Cd2Ef3Gh4Ij"
    assert "customer_id" not in await shop.payment(await shop.pay(await shop.order()))


async def test_a_receipt_is_good_for_one_refund_of_the_account() -> None:
    shop = await open_shop()
    first, second = [await shop.pay(await shop.order()) for _ in range(2)]
    body = {"amount": 100, "receipt": "R-1"}
    made = await shop.ok("POST", f"/v1/payments/{first}/refund", body)
    for number in (first, second):
        refused = await shop.no("POST", f"/v1/payments/{number}/refund", body)
        assert (refused["description"], refused["field"]) == (USED, "receipt")
    assert (await shop.payment(second))["amount_refunded"] == 0
    assert (await shop.ok("GET", f"/v1/refunds/{made['id']}"))["receipt"] == "R-1"


async def test_of_two_refunds_at_once_one_gets_the_receipt() -> None:
    shop = await open_shop()
    numbers = [await shop.pay(await shop.order()) for _ in range(2)]
    body = {"amount": 100, "receipt": "R-2"}
    answers = await asyncio.gather(
        *(shop.ask("POST", f"/v1/payments/{number}/refund", body) for number in numbers)
    )
    assert sorted(each.status_code for each in answers) == [200, 400]


async def test_a_refund_with_a_receipt_is_repeated_under_its_key() -> None:
    shop = await open_shop()
    number = await shop.pay(await shop.order())
    path, body = f"/v1/payments/{number}/refund", {"amount": 100, "receipt": "R-3"}
    for key in ({"X-Refund-Idempotency": "0123456789"}, {"Idempotency-Key": "another"}):
        body = {**body, "receipt": f"R-{len(key)}-{next(iter(key))}"}
        made = await shop.ok("POST", path, body, **key)
        assert await shop.ok("POST", path, body, **key) == made


async def test_a_payment_older_than_six_months_is_not_refunded() -> None:
    shop = await open_shop()
    number = await shop.pay(await shop.order())
    shop.desk.clock.advance(180 * DAY_S)
    await shop.ok("POST", f"/v1/payments/{number}/refund", {"amount": 100})
    shop.desk.clock.advance(5 * DAY_S)
    refused = await shop.no("POST", f"/v1/payments/{number}/refund", {"amount": 100})
    assert "more than 6 months old" in refused["description"]


async def test_who_says_who_captures_may_take_five_days() -> None:
    shop = await open_shop()
    number = await shop.pay(await shop.order(payment={"capture": "manual"}))
    await shop.later(5 * DAY_S - 60)
    assert (await shop.payment(number))["status"] == "authorized"
    await shop.later(120)
    assert (await shop.payment(number))["status"] == "refunded"


async def test_a_merchant_may_say_how_long_what_is_authorized_waits() -> None:
    shop = await open_shop()
    known = await shop.desk.store.merchant(1)
    assert known is not None
    await shop.desk.store.save_merchant(replace(known, authorization_days=1))
    shop.desk.clock.advance(2)
    number = await shop.pay(await shop.order(payment_capture=0))
    await shop.later(DAY_S - 60)
    assert (await shop.payment(number))["status"] == "authorized"
    await shop.later(120)
    assert (await shop.payment(number))["status"] == "refunded"


async def test_three_decimals_end_in_nought() -> None:
    shop = await open_shop()
    known = await shop.desk.store.merchant(1)
    assert known is not None
    terminals = (*known.terminals, Terminal(name="KW", accounting="KWD"))
    made = replace(known, currencies=("INR", "KWD"), terminals=terminals)
    await shop.desk.store.save_merchant(made)
    shop.desk.clock.advance(2)
    body = {"amount": 10_001, "currency": "KWD"}
    refused = await shop.no("POST", "/v1/orders", body)
    assert refused["description"] == "The amount must end in 0 in this currency."
    order = await shop.order(currency="KWD")
    number = await shop.pay(order, currency="KWD")
    path = f"/v1/payments/{number}/refund"
    assert (await shop.no("POST", path, {"amount": 101}))["field"] == "amount"
    assert (await shop.ok("POST", path, {"amount": 110}))["currency"] == "KWD"


async def test_a_body_is_read_before_the_id_in_the_path() -> None:
    shop = await open_shop()
    shop.desk.clock.advance(1)
    known = {"Authorization": f"Basic {KEYS}", "Content-Type": "application/json"}
    for path in ("otp/submit", "otp_generate", "capture", "refund"):
        address = f"/v1/payments/pay_1/{path}"
        broken = await shop.desk.client.request("POST", address, content=b"{", headers=known)
        assert "could not be read" in broken.text
        unknown = await shop.no("POST", address, {"odd": 1})
        assert unknown["description"] == "1 is not a valid id"


async def handed_over(shop: Shop, order: str) -> Any:
    """What a shop gets for a card that is authorized, and whose capture the bank declines."""
    card = {**CARD, "number": card_for(Decline.DO_NOT_HONOR, Kind.CHARGE)}
    number = (await shop.begin(order, "card", card=card))["razorpay_payment_id"]
    await shop.ok("POST", f"/v1/payments/{number}/otp_generate", {})
    return await shop.ok("POST", f"/v1/payments/{number}/otp/submit", {"otp": "1234"})


async def test_a_capture_that_the_bank_declines_has_a_reason_of_its_own() -> None:
    shop = await open_shop()
    order = await shop.order(payment_capture=0)
    number = (await handed_over(shop, order))["razorpay_payment_id"]
    refused = await shop.no("POST", f"/v1/payments/{number}/capture", {"amount": AMOUNT})
    assert (refused["step"], refused["reason"]) == ("payment_capture", "capture_failed")
    assert (await shop.payment(number))["status"] == "authorized"


async def test_a_payer_is_through_although_the_capture_that_follows_fails() -> None:
    shop = await open_shop()
    handed = await handed_over(shop, await shop.order())
    assert set(handed) == {"razorpay_payment_id", "razorpay_order_id", "razorpay_signature"}
    assert (await shop.payment(handed["razorpay_payment_id"]))["status"] == "authorized"


async def test_a_payment_of_another_wires_order_is_signed_for_who_asks() -> None:
    shop = await open_shop()
    vault, store = shop.desk.engine.vault, shop.desk.store
    made = signing("razorpay", "rzp_test_Ab1Cd2Ef3Gh4Ij", 1, Secret("mine"), vault)
    await store.save_credential(made)
    number = (await shop.ok("POST", "/v1/orders", {"amount": AMOUNT, "currency": "INR"}))["id"]
    order = await store.load(1, ids.place(number, "order_").order)
    await store.commit(change(replace(order, facts=None)))
    begun = await shop.begin(number, "card")
    payment = begun["razorpay_payment_id"]
    mine = {"Authorization": "Basic " + b64encode(f"{made.login}:mine".encode()).decode()}
    await shop.ok("POST", f"/v1/payments/{payment}/otp_generate", {}, **mine)
    path = f"/v1/payments/{payment}/otp/submit"
    handed = await shop.ok("POST", path, {"otp": "1234"}, **mine)
    assert handed["razorpay_signature"] == signed(Secret("mine"), number, payment)


async def orders(shop: Shop, query: str) -> list[str]:
    return [each["id"] for each in (await shop.ok("GET", f"/v1/orders?{query}"))["items"]]


async def test_an_order_is_authorized_while_any_payment_of_it_is() -> None:
    shop = await open_shop()
    paid = await shop.order()
    await shop.pay(paid)
    mixed = await shop.order(payment_capture=0, partial_payment=True)
    first = await shop.pay(mixed, amount=20_000)
    waiting = await shop.pay(mixed, amount=10_000)
    whole = await shop.order(payment_capture=0)
    await shop.pay(whole)
    await shop.ok("POST", f"/v1/payments/{first}/capture", {"amount": 20_000})
    assert await orders(shop, "authorized=1") == [whole, mixed]
    assert await orders(shop, "authorized=0") == [paid]
    assert await orders(shop, "authorized=1&count=1&skip=1") == [mixed]
    assert await orders(shop, "authorized=1&status=paid") == []
    assert await orders(shop, "authorized=1&receipt=none") == []
    assert await orders(shop, "authorized=1&count=1") == [whole]
    shown = await shop.ok("GET", f"/v1/orders/{mixed}")
    made = shown["created_at"]
    assert await orders(shop, f"authorized=1&from={made}&to={made}") == [mixed]
    assert await orders(shop, f"authorized=1&to={made - 1}") == []
    await shop.ok("POST", f"/v1/payments/{first}/refund", {"amount": 100})
    assert await orders(shop, "authorized=1") == [whole, mixed]
    await shop.ok("POST", f"/v1/payments/{waiting}/capture", {"amount": 10_000})
    assert await orders(shop, "authorized=1") == [whole]


async def test_what_is_authorized_may_be_cut_anywhere() -> None:
    shop = await open_shop()
    expected: list[str] = []
    for place in range(8):
        order = await shop.order(payment_capture=0, partial_payment=place % 2 == 0)
        number = await shop.pay(order, amount=20_000 if place % 2 == 0 else AMOUNT)
        if place % 2 == 0:
            await shop.pay(order, amount=10_000)
            await shop.ok("POST", f"/v1/payments/{number}/capture", {"amount": 20_000})
        elif place % 3 == 0:
            await shop.ok("POST", f"/v1/payments/{number}/capture", {"amount": AMOUNT})
            continue
        expected.insert(0, order)
    for size in (1, 2, 3, 10):
        found: list[str] = []
        while page := await orders(shop, f"authorized=1&count={size}&skip={len(found)}"):
            found += page
        assert found == expected
