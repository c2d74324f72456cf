"""The Razorpay checkout's page: any language, any device, with and without scripts."""

from collections.abc import Iterator
from typing import Final

import pytest
from playwright.sync_api import Browser, expect
from tests.e2e.browser import visit
from tests.e2e.razorpay_shop import (
    CHALLENGED,
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
from counterfoil.slip.words import words


@pytest.fixture
def shop() -> Iterator[Shop]:
    with open_shop() as shop:
        yield shop


TYPED: Final = {
    "#pan": CHALLENGED,
    "#expiration_month": "12",
    "#expiration_year": "39",
    "#cvv": "123",
    "#holder": "G Kumar",
    "#email": "a@example.com",
    "#contact": "+91 99999 99988",
}
WAYS: Final = [
    (phone, language, scripts)
    for phone in (False, True)
    for language in ("en", "ar")
    for scripts in (True, False)
]


@pytest.mark.parametrize(("phone", "language", "scripts"), WAYS)
def test_the_hosted_page_stands_in_nobody_s_way(
    server: Server, shop: Shop, browser: Browser, *, phone: bool, language: str, scripts: bool
) -> None:
    order = ask(server, "POST", "/v1/orders", {"amount": 50000, "currency": "INR"})["id"]
    spoken = words(language)
    fields = {"key_id": demo.KEY_ID, "order_id": order, "callback_url": f"{shop.base}/paid"}
    inputs = "".join(f'<input name="{name}" value="{value}">' for name, value in fields.items())
    start = f'<form method="post" action="http://127.0.0.1:{server.port}/v1/checkout/embedded">'
    shop.page = f"{start}{inputs}<button>Go</button></form>"
    settings = {
        "java_script_enabled": scripts, "locale": language,
        "color_scheme": "dark" if phone else "light",
    }  # fmt: skip
    name = f"razorpay-{language}{'' if scripts else '-plain'}{'-phone' if phone else ''}"
    with visit(browser, name, phone=phone, **settings) as customer:
        page = customer.page
        page.goto(shop.base)
        page.get_by_role("button", name="Go").click()
        expect(page.locator("html")).to_have_attribute("dir", spoken.direction)
        for way in page.get_by_role("radio").all():
            way.check()
            customer.picture(str(way.get_attribute("value")))
            if scripts:
                assert customer.barriers() == []
        page.locator("#way-card").check()
        page.locator("#pan").press_sequentially("4111 1111 1111 1112")
        page.locator("#pay .pay").click()
        fault = page.locator("#pan-fault")
        expect(fault).to_have_text(spoken.say("This card number is not valid. Check its digits."))
        expect(page.locator("#email-fault")).to_have_text(spoken.say("Enter your email address."))
        if not scripts:
            expect(page.locator("#pan")).to_have_value("")
            expect(page.locator("#pan")).to_be_focused()
        customer.picture("flaws")
        for place, text in TYPED.items():
            page.locator(place).fill(text)
        page.locator("#pay .pay").click()
        if not scripts:
            page.locator("#form3d .pay").click()
        page.locator("#approve button").click()
        if not scripts:
            page.locator("#paresform button").click()
            page.locator("#onward .pay").click()
        page.get_by_role("heading", name="Thank you").wait_for()
        assert customer.complaints == []
    assert shop.posted[0]["razorpay_order_id"] == order


def test_another_language_may_be_chosen(server: Server, shop: Shop, browser: Browser) -> None:
    display = {"display": {"language": "hi"}}
    _, page = opened(server, shop, browser, config=display)
    inside = frame(page)
    expect(inside.locator("html")).to_have_attribute("lang", "hi")
    inside.locator(".languages summary").click()
    inside.get_by_role("button", name="Deutsch").click()
    expect(inside.locator("legend").first).to_have_text("Wie möchten Sie zahlen?")
    expect(inside.locator("#email")).to_have_value("a@example.com")
    inside.get_by_role("radio", name="Online-Banking").check()
    inside.locator("#pay .pay").click()
    inside.get_by_role("button", name="Erfolg").click()
    assert [what for what, _ in told(page, 1)] == ["paid"]
    page.close()


def test_the_keyboard_alone_will_do(server: Server, shop: Shop, browser: Browser) -> None:
    _, page = opened(server, shop, browser)
    frame(page).locator("#way-card").focus()
    for text in ("Tab", "4100280000001007", "Tab", "12", "Tab", "39", "Tab", "123", "Tab", "G K"):
        if text == "Tab":
            page.keyboard.press("Tab")
        else:
            page.keyboard.type(text)
    page.keyboard.press("Enter")
    frame(page).get_by_role("button", name="Success").focus()
    page.keyboard.press("Enter")
    assert [what for what, _ in told(page, 1)] == ["paid"]
    page.close()


def test_retries_end_where_the_shop_says(server: Server, shop: Shop, browser: Browser) -> None:
    _, page = opened(server, shop, browser, retry={"enabled": True, "max_count": 1})
    for _ in range(2):
        choose(page, "Digital wallet")
        frame(page).get_by_role("button", name="Failure").click()
    assert [what for what, _ in told(page, 3)] == ["failed", "failed", "closed"]
    assert page.locator("dialog").count() == 0
    page.close()


def test_no_card_is_left_anywhere(server: Server, shop: Shop, browser: Browser) -> None:
    secret = "4012888888881881"
    _, page = opened(server, shop, browser)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    pay_by_card(frame(page), secret)
    frame(page).get_by_role("button", name="Approve").click()
    told(page, 1)
    page.close()
    assert not any(secret in url for url in asked)
    assert secret.encode() not in server.written()
