"""Checkout of the Razorpay wire in a real browser: what a shop's page and server are told."""

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect
from tests.e2e.razorpay_shop import (
    CHALLENGED,
    FRICTIONLESS,
    INDIAN,
    METHOD,
    Shop,
    ask,
    choose,
    frame,
    open_shop,
    opened,
    pay_by_card,
    told,
)  # fmt: skip
from tests.e2e.server import Server

from counterfoil import demo
from counterfoil.core.card import Secret
from counterfoil.dialects.razorpay.call import signed


@pytest.fixture
def shop() -> Iterator[Shop]:
    with open_shop() as shop:
        yield shop


def test_a_payment_is_handed_over_to_the_shops_script(
    server: Server, shop: Shop, browser: Browser
) -> None:
    order, page = opened(server, shop, browser)
    choose(page, "Net banking")
    frame(page).get_by_role("button", name="Success").click()
    ((what, handed),) = told(page, 1)
    assert what == "paid"
    expected = signed(Secret(demo.KEY_SECRET), order, handed["razorpay_payment_id"])
    assert handed == {
        "razorpay_payment_id": handed["razorpay_payment_id"],
        "razorpay_order_id": order,
        "razorpay_signature": expected,
    }
    assert page.locator("iframe").count() == 0
    assert ask(server, "GET", f"/v1/orders/{order}")["status"] == "paid"
    payment = ask(server, "GET", f"/v1/payments/{handed['razorpay_payment_id']}")
    assert (payment["notes"], payment["email"]) == ({"shelf": "B7"}, "a@example.com")
    page.close()


def test_a_failure_is_told_and_may_be_tried_again(
    server: Server, shop: Shop, browser: Browser
) -> None:
    order, page = opened(server, shop, browser)
    choose(page, "Wallet")
    frame(page).get_by_role("button", name="Failure").click()
    ((what, error),) = told(page, 1)
    assert (what, error["reason"], error["metadata"]["order_id"]) == (
        "failed",
        "payment_failed",
        order,
    )
    expect(frame(page).get_by_role("alert")).to_contain_text("The payment could not be made.")
    pay_by_card(frame(page), INDIAN)
    frame(page).get_by_role("button", name="Success").click()
    assert [what for what, _ in told(page, 2)] == ["failed", "paid"]
    shown = ask(server, "GET", f"/v1/orders/{order}")
    assert (shown["status"], shown["attempts"]) == ("paid", 2)
    page.close()


def test_upi_is_waited_for(server: Server, shop: Shop, browser: Browser) -> None:
    order, page = opened(server, shop, browser)
    frame(page).get_by_role("radio", name="UPI").check()
    frame(page).get_by_label("UPI address").fill("success@razorpay")
    frame(page).locator("#pay .pay").click()
    ((what, handed),) = told(page, 1)
    assert (what, handed["razorpay_order_id"]) == ("paid", order)
    page.close()


def test_an_address_of_the_shop_gets_the_form(server: Server, shop: Shop, browser: Browser) -> None:
    order, page = opened(server, shop, browser, callback_url=f"{shop.base}/paid?basket=7")
    choose(page, "Net banking")
    frame(page).get_by_role("button", name="Success").click()
    page.get_by_role("heading", name="Thank you").wait_for()
    (posted,) = shop.posted
    number = posted["razorpay_payment_id"]
    assert posted["razorpay_signature"] == signed(Secret(demo.KEY_SECRET), order, number)
    assert page.url.endswith("/paid?basket=7")
    page.close()


def test_a_failure_is_posted_where_the_shop_asks_for_that(
    server: Server, shop: Shop, browser: Browser
) -> None:
    address = f"{shop.base}/paid"
    _, page = opened(server, shop, browser, callback_url=address, redirect=True)
    choose(page, "Net banking")
    frame(page).get_by_role("button", name="Failure").click()
    page.get_by_role("heading", name="Thank you").wait_for()
    (posted,) = shop.posted
    assert posted["error[reason]"] == "payment_failed"
    assert set(json.loads(posted["error[metadata]"])) == {"payment_id", "order_id"}
    page.close()


def test_who_closes_it_is_told(server: Server, shop: Shop, browser: Browser) -> None:
    _, page = opened(server, shop, browser)
    page.get_by_role("button", name="Close").click()
    assert told(page, 1) == [["closed", None]]
    page.get_by_role("button", name="Buy").click()
    frame(page).get_by_label("Email address").focus()
    page.keyboard.press("Escape")
    assert told(page, 2) == [["closed", None]] * 2
    assert page.locator("dialog").count() == 0
    page.close()


def test_the_hosted_page_alone_posts_back(server: Server, shop: Shop, browser: Browser) -> None:
    order = ask(server, "POST", "/v1/orders", {"amount": 50000, "currency": "INR"})["id"]
    fields = {"key_id": demo.KEY_ID, "order_id": order, "callback_url": f"{shop.base}/paid"}
    inputs = "".join(f'<input name="{name}" value="{value}">' for name, value in fields.items())
    base = f"http://127.0.0.1:{server.port}"
    start = f'<form method="post" action="{base}/v1/checkout/embedded">'
    shop.page = f"{start}{inputs}<button>Go</button></form>"
    page = browser.new_page()
    page.goto(shop.base)
    page.get_by_role("button", name="Go").click()
    page.get_by_role("radio", name="Net banking").check()
    page.get_by_label("Email address").fill("a@example.com")
    page.get_by_label("Phone number").fill("99999 999-88")
    page.locator("#pay .pay").click()
    page.get_by_role("button", name="Success").click()
    page.get_by_role("heading", name="Thank you").wait_for()
    assert shop.posted[0]["razorpay_order_id"] == order
    page.close()


@pytest.mark.parametrize("number", [CHALLENGED, METHOD])
def test_a_challenge_that_is_passed_pays(
    server: Server, shop: Shop, browser: Browser, number: str
) -> None:
    order, page = opened(server, shop, browser)
    pay_by_card(frame(page), number)
    frame(page).get_by_role("button", name="Approve").click()
    ((what, handed),) = told(page, 1)
    paid = handed["razorpay_payment_id"]
    assert what == "paid"
    assert handed["razorpay_signature"] == signed(Secret(demo.KEY_SECRET), order, paid)
    assert ask(server, "GET", f"/v1/payments/{paid}")["status"] == "captured"
    page.close()


def test_a_challenge_that_is_failed_may_be_followed_by_another_card(
    server: Server, shop: Shop, browser: Browser
) -> None:
    order, page = opened(server, shop, browser)
    pay_by_card(frame(page), CHALLENGED)
    frame(page).get_by_role("button", name="Decline").click()
    ((what, error),) = told(page, 1)
    assert (what, error["reason"]) == ("failed", "authentication_failed")
    expect(frame(page).get_by_role("alert")).to_be_visible()
    pay_by_card(frame(page), FRICTIONLESS)
    assert [what for what, _ in told(page, 2)] == ["failed", "paid"]
    shown = ask(server, "GET", f"/v1/orders/{order}")
    assert (shown["status"], shown["attempts"]) == ("paid", 2)
    page.close()
    server.verify()


@pytest.mark.parametrize("choice", ["Approve", "Decline"])
def test_after_a_challenge_the_shops_address_gets_the_form(
    server: Server, shop: Shop, browser: Browser, choice: str
) -> None:
    address = f"{shop.base}/paid"
    order, page = opened(server, shop, browser, callback_url=address, redirect=True)
    pay_by_card(frame(page), CHALLENGED)
    frame(page).get_by_role("button", name=choice).click()
    page.get_by_role("heading", name="Thank you").wait_for()
    (posted,) = shop.posted
    if choice == "Decline":
        assert posted["error[reason]"] == "authentication_failed"
    else:
        paid = posted["razorpay_payment_id"]
        assert posted["razorpay_signature"] == signed(Secret(demo.KEY_SECRET), order, paid)
    page.close()


def test_who_leaves_in_the_middle_of_a_challenge_may_come_again(
    server: Server, shop: Shop, browser: Browser
) -> None:
    order, page = opened(server, shop, browser)
    pay_by_card(frame(page), CHALLENGED)
    frame(page).get_by_role("button", name="Approve").wait_for()
    page.get_by_role("button", name="Close").click()
    assert told(page, 1) == [["closed", None]]
    assert page.locator("dialog").count() == 0
    assert ask(server, "GET", f"/v1/orders/{order}")["status"] == "created"
    page.get_by_role("button", name="Buy").click()
    pay_by_card(frame(page), CHALLENGED)
    frame(page).get_by_role("button", name="Approve").click()
    assert [what for what, _ in told(page, 2)] == ["closed", "paid"]
    page.close()


def test_a_server_sends_its_payer_to_the_bank_and_gets_the_form(
    server: Server, shop: Shop, browser: Browser
) -> None:
    order = ask(server, "POST", "/v1/orders", {"amount": 50000, "currency": "INR"})["id"]
    card = {"number": CHALLENGED, "name": "G", "expiry_month": 12, "expiry_year": 39, "cvv": 123}
    begun = ask(server, "POST", "/v1/payments/create/json", {
        "amount": 50000, "currency": "INR", "order_id": order, "method": "card", "card": card,
        "email": "a@example.com", "contact": "9999999988", "callback_url": f"{shop.base}/paid",
        "browser": {"color_depth": 24, "screen_width": 1180, "timezone_offset": -330},
    })  # fmt: skip
    page = browser.new_page()
    page.goto(begun["next"][0]["url"])
    assert "/test/acs3d20" in page.url  # the browser was described: version 2
    page.get_by_role("button", name="Approve").click()
    page.get_by_role("heading", name="Thank you").wait_for()
    assert shop.posted[0]["razorpay_payment_id"] == begun["razorpay_payment_id"]
    page.close()


def test_a_window_that_the_shop_opened_tells_it(
    server: Server, shop: Shop, browser: Browser
) -> None:
    order = ask(server, "POST", "/v1/orders", {"amount": 50000, "currency": "INR"})["id"]
    card = {"number": CHALLENGED, "name": "G", "expiry_month": 12, "expiry_year": 39, "cvv": 123}
    begun = ask(server, "POST", "/v1/payments/create/json", {
        "amount": 50000, "currency": "INR", "order_id": order, "method": "card", "card": card,
        "email": "a@example.com", "contact": "9999999988",
    })  # fmt: skip
    shop.page = f"""<title>Shop</title>
    <button onclick="window.open('{begun["next"][0]["url"]}')">Buy</button>
    <script>window.told = []; addEventListener("message", (e) => told.push(e.data));</script>"""
    page = browser.new_page()
    page.goto(shop.base)
    with page.expect_popup() as popup:
        page.get_by_role("button", name="Buy").click()
    popup.value.get_by_role("button", name="Approve").click()
    (message,) = told(page, 1)
    assert message["counterfoil"]["razorpay_payment_id"] == begun["razorpay_payment_id"]
    assert message["counterfoil"]["razorpay_order_id"] == order
    page.context.close()
