"""The hosted checkout of the Razorpay wire, without a browser: what it shows, takes and refuses."""

import html
import json
import re
from typing import Final

import pytest
from httpx2 import Response
from msgspec.structs import replace
from tests.razorpay.shop import AMOUNT, CARD, PAYER, Shop, open_shop
from tests.web.browser import Page, submit
from tests.web.shop import Inputs

from counterfoil import demo
from counterfoil.connectors.sandbox.table import Authentication as How
from counterfoil.connectors.sandbox.table import card_authenticated
from counterfoil.engine.directory import FRESH_US

pytestmark = pytest.mark.anyio
INDIAN: Final = "4100280000001007"  # its issuer takes no part in 3-D Secure
CHALLENGED: Final = "4111111111111111"
FRICTIONLESS: Final = "5555555555554444"
EMBEDDED, PAY = "/v1/checkout/embedded", "/v1/checkout/pay"
BACK: Final = "https://shop.example/paid?basket=7"
BROWSER: Final = {"browser_color_depth": "24", "browser_language": "en"}
WAYS: Final = re.compile(r'id="way-(\w+)"')
OUTCOME: Final = re.compile(r'data-outcome="([^"]*)"')


async def opened(shop: Shop, order: str, **more: str) -> Response:
    """The page, as a shop's form opens it."""
    fields = {"key_id": demo.KEY_ID, "order_id": order, **more}
    return await shop.desk.client.post(EMBEDDED, data=fields)


def hidden(page: Response) -> dict[str, str]:
    """What its form brings along."""
    inputs = Inputs()
    inputs.feed(page.text)
    return inputs.hidden


async def sent(shop: Shop, page: Response, method: str = "card", **more: str) -> Response:
    """The page's form, filled in and sent; followed as far as the payment's own page."""
    given = {
        "pan": INDIAN, "holder": "Gaurav Kumar", "expiration_month": "12", "expiration_year": "39",
        "cvv": "9173", "vpa": "success@razorpay", "bank": "HDFC", "purse": "payzapp",
        **PAYER, **hidden(page), "method": method, **more,
    }  # fmt: skip
    shop.desk.clock.advance(1)
    answer = await shop.desk.client.post(PAY, data=given)
    if answer.status_code == 303:
        return await shop.desk.client.get(answer.headers["location"])
    return answer


async def attempts(shop: Shop, order: str) -> list[dict[str, object]]:
    """The order's payments."""
    found: list[dict[str, object]] = (await shop.ok("GET", f"/v1/orders/{order}/payments"))["items"]
    return found


def outcome(page: Response) -> dict[str, object]:
    """What the page tells the shop's script."""
    found = OUTCOME.search(page.text)
    assert found is not None, page.text
    told: dict[str, object] = json.loads(html.unescape(found.group(1)))
    return told


async def pressed(shop: Shop, page: Response, *names: str) -> Response:
    """The page after forms of those names were sent, one after the other."""
    for name in names:
        page = await submit(shop.desk.client, Page(page.text).forms[name])
        while page.status_code == 303:
            page = await shop.desk.client.get(page.headers["location"])
    return page


async def decided(shop: Shop, page: Response, outcome: str = "success") -> Response:
    """What comes after a button of the test bank."""
    action = Page(page.text).forms["decision"].action
    return await shop.desk.client.post(action, data={"outcome": outcome})


async def test_the_page_shows_the_order_and_fits_a_shops_frame() -> None:
    shop = await open_shop()
    order = await shop.order()
    page = await opened(shop, order, name="<Books>", description="Two & more")
    for text in ("&lt;Books&gt;", "Two &amp; more", "₹500.00", order):
        assert text in page.text
    assert WAYS.findall(page.text) == ["card", "upi", "netbanking", "wallet"]
    assert page.headers["cache-control"] == "no-store"
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'; script-src 'self'" in policy
    assert "frame-ancestors" not in policy
    assert "x-frame-options" not in page.headers


@pytest.mark.parametrize(
    ("more", "ways"),
    [
        ({"method": "netbanking", "bank_account": {
            "account_number": "765432123456789", "name": "G", "ifsc": "HDFC0000053"}},
         ["netbanking"]),
        ({"bank_account": {
            "account_number": "765432123456789", "name": "G", "ifsc": "HDFC0000053"}},
         ["upi", "netbanking"]),
    ],
)  # fmt: skip
async def test_only_what_the_order_may_be_paid_with_is_offered(
    more: dict[str, object], ways: list[str]
) -> None:
    shop = await open_shop()
    page = await opened(shop, await shop.order(**more))
    assert WAYS.findall(page.text) == ways
    refused = await sent(shop, page, "wallet")
    assert WAYS.findall(refused.text) == ways


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"key_id": "rzp_test_00000000000000"}, "Authentication failed"),
        ({"order_id": "order_00000000000000"}, "The id provided does not exist"),
        ({"cancel_url": "javascript:alert(1)"}, "The cancel url must be a valid URL."),
        ({"callback_url": "javascript:alert(1)"}, "The callback url must be a valid URL."),
    ],
)
@pytest.mark.parametrize("language", ["en", "ar"])
async def test_what_cannot_be_paid_is_a_page_that_says_why(
    fields: dict[str, str], said: str, language: str
) -> None:
    shop = await open_shop()
    shop.desk.client.headers["Accept-Language"] = language
    order = await shop.order()
    for path in {EMBEDDED} if "callback_url" in fields else {EMBEDDED, PAY}:
        given = {"key_id": demo.KEY_ID, "order_id": order, **fields}
        page = await shop.desk.client.post(path, data=given)
        assert page.status_code == 400
        assert page.headers["content-language"] == language
        assert said in page.text


async def test_a_paid_order_is_not_paid_again() -> None:
    shop = await open_shop()
    order = await shop.order()
    page = await opened(shop, order)
    await shop.pay(order)
    for answer in (await opened(shop, order), await sent(shop, page)):
        assert answer.status_code == 400
        assert "This payment is finished already." in answer.text
    assert len(await attempts(shop, order)) == 1


async def test_a_form_of_somebody_else_pays_nothing() -> None:
    shop = await open_shop()
    order = await shop.order()
    page, other = await opened(shop, order), await opened(shop, await shop.order())
    before = shop.desk.done()
    for wrong in ({"key": ""}, {"key": hidden(other)["key"]}, {"form": "x"}, {"key": "ä"}):
        answer = await sent(shop, page, **wrong)
        assert (answer.status_code, "out of date" in answer.text) == (403, True)
    assert shop.desk.done() == before


@pytest.mark.parametrize(
    ("method", "wrong", "said"),
    [
        ("card", {"pan": "4100280000001008"}, "This card number is not valid."),
        ("card", {"expiration_year": "20"}, "This card has expired."),
        ("card", {"cvv": "1"}, "Enter the security code"),
        ("upi", {"vpa": "nobody"}, "Enter your UPI address"),
        ("netbanking", {"email": "a"}, "Enter your email address."),
        ("wallet", {"contact": "12"}, "Enter your phone number"),
        ("netbanking", {"bank": "NONE"}, "How do you want to pay?"),
        ("emi", {}, "How do you want to pay?"),
    ],
)
async def test_what_is_wrong_stands_beside_it_and_no_card_comes_back(
    method: str, wrong: dict[str, str], said: str
) -> None:
    shop = await open_shop()
    order = await shop.order()
    answer = await sent(shop, await opened(shop, order), method, **wrong)
    assert answer.status_code == (200 if said.startswith("How") else 422)
    assert said in answer.text
    assert INDIAN not in answer.text
    assert 'value="9173"' not in answer.text
    assert await attempts(shop, order) == []
    paid = await sent(shop, answer, "netbanking")
    assert "razorpay_signature" in outcome(await decided(shop, paid))


async def test_a_form_that_is_sent_twice_is_one_attempt() -> None:
    shop = await open_shop()
    order = await shop.order()
    page = await opened(shop, order, callback_url=BACK)
    for method in ("upi", "card"):
        first = await sent(shop, page, method)
        again = await sent(shop, page, method)
        assert again.text == first.text
    (known,) = shop.desk.store._orders.values()
    assert len(known.payments) == 1


@pytest.mark.parametrize(("choice", "status"), [("approve", "captured"), ("decline", "failed")])
async def test_an_issuer_that_asks_is_asked_first(choice: str, status: str) -> None:
    shop = await open_shop()
    order = await shop.order()
    page = await sent(shop, await opened(shop, order, callback_url=BACK), pan=CHALLENGED)
    assert "PaReq" in dict(Page(page.text).forms["form3d"].fields)  # no script: version 1
    assert await attempts(shop, order) == []  # who waits is on no list
    back = Page((await pressed(shop, page, "form3d", choice, "paresform")).text).forms["onward"]
    assert back.action == BACK
    fields = dict(back.fields)
    (tried,) = await attempts(shop, order)
    assert tried["status"] == status
    if choice == "approve":
        assert fields["razorpay_order_id"] == order
    else:
        assert fields["error[reason]"] == "authentication_failed"


async def test_where_a_script_ran_it_is_version_2_and_some_issuers_need_no_answer() -> None:
    shop = await open_shop()
    order = await shop.order()
    page = await sent(shop, await opened(shop, order), pan=CHALLENGED, **BROWSER)
    assert "creq" in dict(Page(page.text).forms["form3d"].fields)
    told = outcome(await pressed(shop, page, "form3d", "approve", "cresform"))
    assert told["razorpay_order_id"] == order
    other = await shop.order()
    page = await sent(shop, await opened(shop, other), pan=FRICTIONLESS, **BROWSER)
    assert outcome(page)["razorpay_order_id"] == other
    number = str(outcome(page)["razorpay_payment_id"])
    assert (await shop.payment(number))["status"] == "captured"


async def test_nobody_talks_the_test_bank_into_a_card_that_is_challenged() -> None:
    shop = await open_shop()
    order = await shop.order()
    for number, form in ((CHALLENGED, "form3d"), (card_authenticated(How.METHOD), "form3d")):
        begun = await shop.begin(order, "card", card={**CARD, "number": number})
        for _ in range(2):
            page = await shop.decide(begun)
            assert form in Page(page.text).forms
        assert (await shop.payment(begun["razorpay_payment_id"]))["status"] == "created"
        paths = begun["next"][1]["url"].partition("?")[0]
        otp = paths.replace("otp_generate", "otp/submit")
        await shop.ok("POST", paths, {})
        error = await shop.no("POST", otp, {"otp": "1234"})
        assert error["description"] == "The payer has not been authenticated yet."


async def test_a_server_that_describes_the_browser_gets_version_2() -> None:
    shop = await open_shop()
    known = {"color_depth": 24, "java_enabled": False, "screen_width": 800, "timezone_offset": -330}
    for browser, field in (({"browser": known, "user_agent": "Mozilla"}, "creq"), ({}, "PaReq")):
        card = {**CARD, "number": CHALLENGED}
        begun = await shop.begin(await shop.order(), "card", card=card, **browser)
        address = begun["next"][0]["url"]
        head = await shop.desk.client.head(address)
        assert (head.status_code, head.content) == (200, b"")
        page = await shop.desk.client.get(address)
        assert field in dict(Page(page.text).forms["form3d"].fields)
        again = await shop.desk.client.get(address)
        assert Page(again.text).forms["form3d"] == Page(page.text).forms["form3d"]


async def test_a_browser_that_comes_back_for_a_paid_order_is_told() -> None:
    shop = await open_shop()
    order = await shop.order()
    page = await sent(shop, await opened(shop, order, callback_url=BACK), pan=CHALLENGED)
    await shop.pay(order)
    back = Page((await pressed(shop, page, "form3d", "approve", "paresform")).text).forms["onward"]
    assert dict(back.fields)["error[reason]"] == "order_already_paid"
    assert (await shop.ok("GET", f"/v1/orders/{order}"))["amount_paid"] == AMOUNT


async def test_a_payer_who_is_too_late_for_the_issuer_has_failed() -> None:
    shop = await open_shop()
    order = await shop.order()
    page = await sent(shop, await opened(shop, order, callback_url=BACK), pan=CHALLENGED)
    await shop.later(601)
    back = Page((await pressed(shop, page, "form3d", "approve", "paresform")).text).forms["onward"]
    assert dict(back.fields)["error[reason]"] == "payment_timed_out"
    (failed,) = await attempts(shop, order)
    assert failed["status"] == "failed"


async def test_after_a_failure_the_page_says_what_can_be_mended() -> None:
    shop = await open_shop()
    order = await shop.order()
    page = await opened(shop, order)
    for method, number, said in (
        ("card", "4100280000080001", "The card does not hold enough money."),
        ("card", "4100280000060003", "Your bank declined the payment."),
        ("netbanking", INDIAN, "The payment could not be made."),
    ):
        bank = await sent(shop, page, method, pan=number)
        outcome = "failure" if method == "netbanking" else "success"
        assert "razorpay_payment_id" not in (await decided(shop, bank, outcome)).text
        page = await opened(shop, order)
        assert said in page.text


async def other(shop: Shop, **more: object) -> None:
    """The demo merchant behind an acquirer that is no test bank, with those settings."""
    known = await shop.desk.store.merchant(1)
    assert known is not None
    shop.desk.engine.acquirers = {**shop.desk.engine.acquirers, "host": shop.desk.bank}
    terminals = tuple(replace(each, connector="host") for each in known.terminals)
    await shop.desk.store.save_merchant(replace(known, terminals=terminals, **more))
    shop.desk.clock.advance(0, microseconds=FRESH_US + 1)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({}, None),
        ({"secure3d": True}, "authentication_failed"),
        ({"secure3d": True, "unproved": True}, None),
    ],
)
async def test_behind_a_real_acquirer_no_test_bank_decides(
    settings: dict[str, bool], reason: str | None
) -> None:
    shop = await open_shop()
    await other(shop, **settings)
    page = await sent(shop, await opened(shop, await shop.order()))
    assert "Test mode" not in page.text
    told = outcome(page)
    assert told.get("reason") == reason
    assert ("razorpay_signature" in told) is (reason is None)


async def test_behind_a_real_acquirer_nobody_is_asked_for_a_password() -> None:
    shop = await open_shop()
    await other(shop)
    begun = await shop.begin(await shop.order(), "card")
    assert [each["action"] for each in begun["next"]] == ["redirect"]
    path = f"/v1/payments/{begun['razorpay_payment_id']}/otp"
    for call, body in (("_generate", {}), ("/submit", {"otp": "1234"})):
        error = await shop.no("POST", path + call, body)
        assert error["description"] == "The payment is not waiting for an OTP."


async def test_the_page_may_be_used_where_servers_may_not_pay() -> None:
    shop = await open_shop()
    order = await shop.order()
    known = await shop.desk.store.merchant(1)
    assert known is not None
    await shop.desk.store.save_merchant(replace(known, settings=("razorpay.no_server_payments",)))
    shop.desk.clock.advance(0, microseconds=FRESH_US + 1)
    page = await sent(shop, await opened(shop, order), "netbanking")
    assert "razorpay_signature" in outcome(await decided(shop, page))


async def test_what_the_engine_refuses_is_said_on_the_page() -> None:
    shop = await open_shop()
    order = await shop.order(partial_payment=True, first_payment_min_amount=20_000)
    page = await opened(shop, order, amount="10000")
    answer = await sent(shop, page, "netbanking")
    assert answer.status_code == 400
    assert "The payment could not be made." in answer.text
    page = await opened(shop, order, amount="20000")
    assert "razorpay_signature" in outcome(
        await decided(shop, await sent(shop, page, "netbanking"))
    )
    assert (await shop.ok("GET", f"/v1/orders/{order}"))["amount_paid"] == 20_000


async def test_a_browser_that_comes_back_for_more_than_is_due_is_told() -> None:
    shop = await open_shop()
    order = await shop.order(partial_payment=True)
    whole = await opened(shop, order, callback_url=BACK)
    page = await sent(shop, whole, pan=CHALLENGED)
    part = await sent(shop, await opened(shop, order, amount="20000"), "netbanking")
    await decided(shop, part)
    back = Page((await pressed(shop, page, "form3d", "approve", "paresform")).text).forms["onward"]
    assert dict(back.fields)["error[field]"] == "amount"
    assert (await shop.ok("GET", f"/v1/orders/{order}"))["amount_paid"] == 20_000
