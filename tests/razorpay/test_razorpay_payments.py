"""Payments of the Razorpay wire: the bank's page, late payers, one-time passwords, expiry, fees."""

import asyncio
import html
import json
import re
from base64 import b64encode
from typing import Any, Final

import pytest
from msgspec.structs import replace
from tests.razorpay.shop import AMOUNT, CARD, PAYER, Shop, open_shop

from counterfoil import demo
from counterfoil.core.card import Secret
from counterfoil.demo import signing
from counterfoil.dialects.razorpay.call import signed
from counterfoil.engine.directory import FRESH_US

pytestmark = pytest.mark.anyio
BACK: Final = "https://shop.example/paid?basket=7"
FIELD: Final = re.compile(r'name="([^"]+)" value="([^"]*)"')
DAY_S: Final = 24 * 3600


def fields(page: str) -> dict[str, str]:
    """The fields of the form that goes back to the shop."""
    return {html.unescape(name): html.unescape(value) for name, value in FIELD.findall(page)}


async def setting(shop: Shop, *names: str) -> None:
    """The demo merchant with those settings of this wire."""
    known = await shop.desk.store.merchant(1)
    assert known is not None
    await shop.desk.store.save_merchant(replace(known, settings=names))
    shop.desk.clock.advance(0, microseconds=FRESH_US + 1)


async def test_a_payer_who_agrees_is_led_back_with_a_signature() -> None:
    shop = await open_shop()
    order = await shop.order()
    begun = await shop.begin(order, callback_url=BACK)
    page = (await shop.decide(begun)).text
    assert f'action="{html.escape(BACK)}"' in page
    number = begun["razorpay_payment_id"]
    assert fields(page) == {
        "razorpay_payment_id": number,
        "razorpay_order_id": order,
        "razorpay_signature": signed(Secret(demo.KEY_SECRET), order, number),
    }


async def test_a_payer_who_refuses_is_led_back_with_the_error() -> None:
    shop = await open_shop()
    order = await shop.order()
    begun = await shop.begin(order, callback_url=BACK)
    found = fields((await shop.decide(begun, "failure")).text)
    assert (found["error[code]"], found["error[reason]"]) == ("BAD_REQUEST_ERROR", "payment_failed")
    number = begun["razorpay_payment_id"]
    assert json.loads(found["error[metadata]"]) == {"payment_id": number, "order_id": order}


async def test_a_decision_is_made_once() -> None:
    shop = await open_shop()
    begun = await shop.begin(await shop.order())
    await shop.decide(begun, "failure")
    before = shop.desk.done()
    assert "Payment failed" in (await shop.decide(begun)).text
    assert shop.desk.done() == before


async def test_pages_are_for_those_who_were_given_their_address() -> None:
    shop = await open_shop()
    begun = await shop.begin(await shop.order())
    address = begun["next"][0]["url"]
    assert (await shop.desk.client.get(address)).status_code == 200
    for wrong in ("", "?t=", "?t=zz", "?t=" + "0" * 48, "?t=" + "f" * 48, f"?t={'0' * 15}1"):
        answer = await shop.desk.client.get(address.partition("?")[0] + wrong)
        assert answer.status_code == 400, wrong
    other = (await shop.begin(await shop.order()))["next"][0]["url"]
    mixed = f"{other.partition('?')[0]}?{address.partition('?')[2]}"
    assert (await shop.desk.client.post(mixed, data={"outcome": "success"})).status_code == 400


async def test_what_anybody_said_is_escaped() -> None:
    shop = await open_shop()
    evil = 'https://shop.example/"><script>alert(1)</script>'
    begun = await shop.begin(await shop.order(), callback_url=evil, bank="<b>BANK</b>")
    shown = await shop.desk.client.get(begun["next"][0]["url"])
    assert "<b>BANK" not in shown.text
    back = (await shop.decide(begun)).text
    assert "<script>alert" not in back
    assert (await shop.no("POST", "/v1/payments/create/json", {
        "amount": AMOUNT, "currency": "INR", **PAYER, "method": "netbanking", "bank": "HDFC",
        "callback_url": "javascript:alert(1)",
    }))["field"] == "callback_url"  # fmt: skip


async def test_a_payer_who_never_comes_has_failed_and_may_come_late() -> None:
    shop = await open_shop()
    order = await shop.order()
    begun = await shop.begin(order)
    number = begun["razorpay_payment_id"]
    await shop.later(599)
    assert (await shop.payment(number))["status"] == "created"
    await shop.later(2)
    failed = await shop.payment(number)
    assert (failed["status"], failed["error_reason"]) == ("failed", "payment_timed_out")
    assert (await shop.ok("GET", f"/v1/orders/{order}"))["attempts"] == 1
    await shop.decide(begun)
    late = await shop.payment(number)
    assert (late["status"], late["error_reason"]) == ("captured", None)
    assert (await shop.ok("GET", f"/v1/orders/{order}"))["attempts"] == 1
    assert (await shop.ok("GET", "/v1/payments"))["count"] == 1


async def test_a_late_payer_of_a_paid_order_is_refused() -> None:
    shop = await open_shop()
    order = await shop.order()
    begun = await shop.begin(order, callback_url=BACK)
    await shop.pay(order)
    found = fields((await shop.decide(begun)).text)
    assert found["error[reason]"] == "order_already_paid"
    await shop.later(700)
    assert (await shop.ok("GET", f"/v1/orders/{order}"))["amount_paid"] == AMOUNT


async def test_what_nobody_captures_is_given_back_as_a_full_refund() -> None:
    shop = await open_shop()
    number = await shop.pay(await shop.order(payment_capture=0))
    await shop.later(3 * DAY_S - 60)
    assert (await shop.payment(number))["status"] == "authorized"
    await shop.later(120)
    shown = await shop.payment(number)
    assert (shown["status"], shown["captured"], shown["fee"]) == ("refunded", False, None)
    assert (shown["refund_status"], shown["amount_refunded"]) == ("full", AMOUNT)
    (refund,) = (await shop.ok("GET", f"/v1/payments/{number}/refunds"))["items"]
    assert (refund["amount"], refund["status"]) == (AMOUNT, "processed")
    assert await shop.ok("GET", f"/v1/refunds/{refund['id']}") == refund


async def test_an_order_says_how_long_a_payment_may_be_captured_and_by_whom() -> None:
    shop = await open_shop()
    options = {"automatic_expiry_period": 12, "manual_expiry_period": 20}
    payment = {"capture": "automatic", "capture_options": options}
    order = await shop.order(payment=payment, payment_capture=0)
    begun = await shop.begin(order)
    await shop.later(13 * 60)
    await shop.decide(begun)
    number = begun["razorpay_payment_id"]
    assert (await shop.payment(number))["status"] == "authorized"  # too late to be captured alone
    await shop.later(21 * 60)
    assert (await shop.payment(number))["status"] == "refunded"
    soon = await shop.pay(await shop.order(payment=payment))
    assert (await shop.payment(soon))["status"] == "captured"


@pytest.mark.parametrize(
    ("payment", "field"),
    [
        ({"capture": "never"}, "payment.capture"),
        ({"capture": "manual", "capture_options": {"manual_expiry_period": 7_201}}, "manual_"),
        ({"capture": "manual", "capture_options": {"automatic_expiry_period": 11}}, "automatic_"),
        ({"capture": "manual", "capture_options": {"refund_speed": "slow"}}, "refund_speed"),
    ],
)
async def test_capture_options_are_checked(payment: Any, field: str) -> None:
    shop = await open_shop()
    body = {"amount": 100, "currency": "INR", "payment": payment}
    assert field in (await shop.no("POST", "/v1/orders", body))["field"]


async def test_the_account_says_who_captures_where_the_order_does_not() -> None:
    shop = await open_shop()
    await setting(shop, "razorpay.manual_capture")
    number = await shop.pay(await shop.order())
    assert (await shop.payment(number))["status"] == "authorized"
    other = await shop.pay(await shop.order(payment_capture=True))
    assert (await shop.payment(other))["status"] == "captured"


async def test_server_payments_can_be_switched_off() -> None:
    shop = await open_shop()
    order = await shop.order()
    await setting(shop, "razorpay.no_server_payments")
    given = {"amount": AMOUNT, "currency": "INR", "order_id": order, **PAYER, "method": "upi"}
    error = await shop.no("POST", "/v1/payments/create/json", given)
    assert error["description"] == "The requested URL was not found on the server."


async def test_servers_make_no_payments_with_live_keys_unless_they_may() -> None:
    shop = await open_shop()
    made = signing("razorpay", "rzp_live_Ab1Cd2Ef3Gh4Ij", 1, Secret("s"), shop.desk.engine.vault)
    await shop.desk.store.save_credential(made)
    known = {"Authorization": "Basic " + b64encode(f"{made.login}:s".encode()).decode()}
    given = {"amount": AMOUNT, "currency": "INR", **PAYER, "method": "netbanking", "bank": "HDFC"}
    answer = await shop.ask("POST", "/v1/payments/create/json", given, **known)
    assert (answer.status_code, "was not found on the server" in answer.text) == (400, True)
    form = {**given, "key_id": made.login}
    assert (await shop.ask("POST", "/v1/payments", form)).status_code == 200
    await setting(shop, "razorpay.server_payments")
    answer = await shop.ask("POST", "/v1/payments/create/json", given, **known)
    assert answer.status_code == 200


async def test_receipts_can_be_made_unique() -> None:
    shop = await open_shop()
    await shop.order(receipt="r")
    await shop.order(receipt="r")
    await setting(shop, "razorpay.unique_receipts")
    body = {"amount": 100, "currency": "INR", "receipt": "r"}
    assert "Duplicate request" in (await shop.no("POST", "/v1/orders", body))["description"]
    body["receipt"] = "s"
    made = await shop.ok("POST", "/v1/orders", body, **{"Idempotency-Key": "one"})
    assert await shop.ok("POST", "/v1/orders", body, **{"Idempotency-Key": "one"}) == made
    answer = await shop.ask("POST", "/v1/orders", body, **{"Idempotency-Key": "two"})
    error = answer.json()["error"]
    assert (error["field"], error["reason"]) == ("receipt", "duplicate_request")
    body["receipt"] = "t"
    answers = await asyncio.gather(*(shop.ask("POST", "/v1/orders", body) for _ in range(3)))
    assert sorted(each.status_code for each in answers) == [200, 400, 400]


async def test_three_wrong_passwords_end_a_payment() -> None:
    shop = await open_shop()
    order = await shop.order()
    number = (await shop.begin(order, "card"))["razorpay_payment_id"]
    await shop.ok("POST", f"/v1/payments/{number}/otp_generate", {})
    path = f"/v1/payments/{number}/otp/submit"
    said = [(await shop.no("POST", path, {"otp": otp}))["reason"] for otp in ("1", "ab12", "12x")]
    assert said == ["incorrect_otp", "incorrect_otp", "otp_attempts_exceeded"]
    assert (await shop.no("POST", path, {"otp": "1234"}))["step"] == "payment_authentication"
    assert (await shop.payment(number))["error_reason"] == "otp_attempts_exceeded"
    assert (await shop.ok("GET", f"/v1/orders/{order}"))["attempts"] == 1


ERROR_CARDS: Final = {
    "4100280000090000": ("BAD_REQUEST_ERROR", "payment_timed_out", 400),
    "4100280000080001": ("BAD_REQUEST_ERROR", "insufficient_funds", 400),
    "4100280000070002": ("BAD_REQUEST_ERROR", "payment_cancelled", 400),
    "4100280000060003": ("BAD_REQUEST_ERROR", "card_declined", 400),
    "4100280000050004": ("BAD_REQUEST_ERROR", "card_declined", 400),
    "4100280000040005": ("BAD_REQUEST_ERROR", "card_declined", 400),
    "4100280000030006": ("BAD_REQUEST_ERROR", "card_disabled_for_online_payments", 400),
    "4100280000020007": ("GATEWAY_ERROR", "gateway_technical_error", 502),
    "4100280000010008": ("BAD_REQUEST_ERROR", "card_number_invalid", 400),
    "4100280000000009": ("GATEWAY_ERROR", "authentication_failed", 502),
}


@pytest.mark.parametrize("number", ERROR_CARDS)
async def test_error_cards_fail_as_the_vendor_documents(number: str) -> None:
    shop = await open_shop()
    order = await shop.order()
    begun = await shop.begin(order, "card", card={**CARD, "number": number})
    payment = begun["razorpay_payment_id"]
    await shop.ok("POST", f"/v1/payments/{payment}/otp_generate", {})
    answer = await shop.ask("POST", f"/v1/payments/{payment}/otp/submit", {"otp": "1234"})
    error = answer.json()["error"]
    assert (error["code"], error["reason"], answer.status_code) == ERROR_CARDS[number]
    assert error["metadata"] == {"payment_id": payment, "order_id": order}
    shown = await shop.payment(payment)
    assert (shown["status"], shown["error_reason"]) == ("failed", error["reason"])


@pytest.mark.parametrize(
    "number",
    [
        "4100280000001007",
        "5500670000001002",
        "6527658900001005",
        "36082800091007",
        "340256000401007",
    ],
)
async def test_test_cards_are_accepted(number: str) -> None:
    shop = await open_shop()
    paid = await shop.pay(await shop.order(), "card", card={**CARD, "number": number})
    shown = await shop.payment(paid)
    card = await shop.ok("GET", f"/v1/payments/{paid}/card")
    assert (shown["status"], card["last4"]) == ("captured", number[-4:])
    assert card["network"] in {"Visa", "MasterCard", "RuPay", "Diners Club", "American Express"}


@pytest.mark.parametrize(
    ("method", "amount", "fee", "tax"),
    [
        ("netbanking", 150_000, 3_540, 540),
        ("netbanking", 2_100, 50, 8),
        ("wallet", 1_000, 24, 4),
        ("card", 2_200, 44, 0),
        ("card", 300_000, 7_080, 1_080),
    ],
)
async def test_fees_are_those_of_the_samples(method: str, amount: int, fee: int, tax: int) -> None:
    shop = await open_shop()
    number = await shop.pay(await shop.order(amount=amount), method, amount=amount)
    shown = await shop.payment(number)
    assert (shown["fee"], shown["tax"]) == (fee, tax)


async def test_a_payment_without_an_order_has_no_order_and_no_signature() -> None:
    shop = await open_shop()
    begun = await shop.begin(None, notes={"a": 1})
    page = (await shop.decide(begun)).text
    assert "razorpay_signature" not in page
    shown = await shop.payment(begun["razorpay_payment_id"])
    assert (shown["order_id"], shown["notes"], shown["status"]) == (None, {"a": 1}, "captured")
    assert (await shop.ok("GET", "/v1/orders"))["count"] == 0


async def test_an_instant_refund_of_a_wallet_falls_back_to_normal() -> None:
    shop = await open_shop()
    number = await shop.pay(await shop.order(), "wallet")
    made = await shop.ok("POST", f"/v1/payments/{number}/refund", {"speed": "optimum"})
    assert (made["speed_requested"], made["speed_processed"]) == ("optimum", "normal")


async def test_a_refund_without_an_answer_is_pending_and_listed() -> None:
    shop = await open_shop()
    number = await shop.pay(await shop.order())
    shop.desk.bank.dumb = True
    made = await shop.ok("POST", f"/v1/payments/{number}/refund", {"amount": 100})
    assert made["status"] == "pending"
    assert (await shop.payment(number))["amount_refunded"] == 100
    assert (await shop.ok("GET", "/v1/refunds"))["items"] == [made]


async def test_a_capture_without_an_answer_is_neither() -> None:
    shop = await open_shop()
    number = await shop.pay(await shop.order(payment_capture=0))
    shop.desk.bank.dumb = True
    path, body = f"/v1/payments/{number}/capture", {"amount": AMOUNT}
    answer = await shop.ask("POST", path, body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (504, "GATEWAY_ERROR")
    assert (await shop.payment(number))["status"] == "authorized"
    assert "in progress" in (await shop.no("POST", path, body))["description"]


async def test_a_refund_is_done_once_under_the_wires_own_header() -> None:
    shop = await open_shop()
    number = await shop.pay(await shop.order())
    key = {"X-Refund-Idempotency": "0123456789"}
    path, body = f"/v1/payments/{number}/refund", {"amount": 100}
    first = await shop.ok("POST", path, body, **key)
    await shop.ok("PATCH", f"/v1/refunds/{first['id']}", {"notes": {"a": "b"}})
    again = await shop.ok("POST", "/v1/refunds", {**body, "payment_id": number}, **key)
    assert again == {**first, "notes": {"a": "b"}}
    answer = await shop.ask("POST", path, {"amount": 101}, **key)
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "BAD_REQUEST_ERROR")
    assert (await shop.payment(number))["amount_refunded"] == 100


async def test_card_numbers_and_check_digits_are_nowhere() -> None:
    shop = await open_shop()
    number = await shop.pay(await shop.order(), "card")
    shown = json.dumps(await shop.payment(number))
    (order,) = shop.desk.store._orders.values()
    for text in (shown, repr(order)):
        assert "4100280000001007" not in text
        assert '"123"' not in text
