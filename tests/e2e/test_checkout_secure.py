"""A cardholder is sent to the card's bank and comes back: from our own page, in a real browser."""

from collections.abc import Iterator
from typing import Final

import pytest
from msgspec import json
from playwright.sync_api import Browser, Page, expect
from tests.e2e.browser import Shop, ask, create, shop, status, visit
from tests.e2e.server import Server

from counterfoil.slip.words import words

CHALLENGED: Final = "4111111111111111"
FRICTIONLESS: Final = "5555555555554444"
METHOD: Final = "2201380000040013"


@pytest.fixture(scope="module")
def there() -> Iterator[Shop]:
    with shop() as found:
        yield found


def pay(page: Page, pan: str) -> None:
    page.locator("#pan").press_sequentially(pan)
    page.locator("#expiration_month").press_sequentially("12")
    page.locator("#expiration_year").press_sequentially("39")
    page.locator("#cvv").press_sequentially("333")
    page.locator("#holder").fill("Ada Lovelace")
    page.locator(".pay").click()


@pytest.mark.parametrize("scripts", [True, False])
@pytest.mark.parametrize(("button", "word"), [("#approve", "charged"), ("#decline", "rejected")])
def test_the_bank_asks_and_the_browser_is_back_at_the_shop(
    server: Server, browser: Browser, there: Shop, *, scripts: bool, button: str, word: str
) -> None:
    address = create(server.port, return_url=there.return_url, force3d=1, auto_charge=1)
    name = f"secure-{word}{'' if scripts else '-plain'}"
    with visit(browser, name, phone=True, java_script_enabled=scripts) as customer:
        page = customer.page
        page.goto(address)
        pay(page, CHALLENGED)
        if not scripts:
            expect(page.locator("#form3d")).to_be_visible()
            customer.picture("detour")
            page.locator("#form3d .pay").click()
        expect(page.locator(button)).to_be_visible()
        assert status(server.port, address) == "prepared"
        customer.picture("bank")
        if scripts:
            assert customer.barriers() == []
        page.locator(f"{button} button, {button} input[type=submit]").click()
        if not scripts:
            for _ in range(2):
                if page.locator("#thanks").count():
                    break
                again = page.locator("form button, form input[type=submit]")
                if again.count():
                    again.first.click()
        expect(page.locator("#thanks")).to_be_visible()
    assert status(server.port, address) == word


@pytest.mark.parametrize("pan", [FRICTIONLESS, METHOD])
def test_nobody_is_asked_where_the_bank_knows_enough(
    server: Server, browser: Browser, there: Shop, pan: str
) -> None:
    address = create(server.port, return_url=there.return_url, force3d=1)
    with visit(browser, "secure") as customer:
        customer.page.goto(address)
        pay(customer.page, pan)
        expect(customer.page.locator("#thanks")).to_be_visible()
    assert status(server.port, address) == "authorized"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_shop_without_a_page_of_its_own_leaves_its_customer_on_ours(
    server: Server, browser: Browser, scheme: str
) -> None:
    card = {"cvv": "333", "holder": "A B", "expiration_month": 12, "expiration_year": 2039}
    order = {"amount": "9.99", "pan": CHALLENGED, "card": card, "location": {"ip": "6.6.6.6"}}
    body = json.encode(order | {"options": {"force3d": 1}})
    _, _, answer = ask(server.port, "POST", "/orders/authorize", body)
    form = json.decode(answer)["orders"][0]["form3d_html"]
    with visit(browser, f"shop-{scheme}", color_scheme=scheme, locale="fr-FR") as customer:
        page = customer.page
        page.set_content(form)
        page.locator("#approve button").click()
        expect(page.locator("h1")).to_have_text("Paiement accepté")
        customer.picture("result")
        assert customer.barriers() == []
        assert customer.complaints == []


def test_a_challenge_that_was_left_is_shown_again(server: Server, browser: Browser) -> None:
    address = create(server.port, force3d=1)
    with visit(browser, "left") as customer:
        page = customer.page
        page.goto(address)
        pay(page, CHALLENGED)
        expect(page.locator("#approve")).to_be_visible()
        page.goto(address)
        expect(page.locator("#approve")).to_be_visible()
        page.locator("#approve button, #approve input[type=submit]").click()
        expect(page.locator("h1")).to_have_text("Payment accepted")
    assert status(server.port, address) == "authorized"
    server.verify()


@pytest.mark.parametrize(
    ("phone", "scheme", "language"), [(True, "dark", "ar"), (False, "light", "de")]
)
def test_a_forged_answer_is_told_and_the_customer_may_be_asked_again(
    server: Server, browser: Browser, *, phone: bool, scheme: str, language: str
) -> None:
    address = create(server.port, force3d=1)
    settings = {"color_scheme": scheme, "locale": language}
    with visit(browser, f"forged-{language}", phone=phone, **settings) as customer:
        page = customer.page
        page.goto(address)
        pay(page, CHALLENGED)
        back = "**/complete/secure3d20*"
        page.route(back, lambda route: route.continue_(post_data="cres=forged"))
        page.locator("#approve button").click()
        expect(page.locator("h1")).to_have_text(
            words(language).say("Your bank's answer cannot be used")
        )
        assert status(server.port, address) == "prepared"
        customer.picture("unusable")
        assert customer.barriers() == []
        assert customer.complaints == []
        page.unroute(back)
        page.locator("a.button").click()
        page.locator("#approve button").click()
        expect(page.locator("h1")).to_have_text(words(language).say("Payment accepted"))
    assert status(server.port, address) == "authorized"
