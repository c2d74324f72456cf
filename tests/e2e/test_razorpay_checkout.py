"""Checkout of the Razorpay wire in a real browser: a shop's page that loads our `checkout.js`."""

import base64
import json
import threading
from collections.abc import Iterator
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qs

import pytest
from playwright.sync_api import Browser, FrameLocator, Page
from tests.e2e.browser import chromium
from tests.e2e.server import Server, serving

from counterfoil import demo
from counterfoil.core.card import Secret
from counterfoil.dialects.razorpay.call import signed

KEYS: Final = base64.b64encode(f"{demo.KEY_ID}:{demo.KEY_SECRET}".encode()).decode()
PAGE: Final = """<!doctype html><html lang="en"><title>Shop</title><h1>Shop</h1>
<script src="%(base)s/v1/checkout.js"></script><script>
window.told = [];
var options = Object.assign(%(options)s, {
  handler: function (told) { window.told.push(["paid", told]); },
  modal: { ondismiss: function () { window.told.push(["closed", null]); } }
});
var checkout = new Razorpay(options);
checkout.on("payment.failed", function (told) { window.told.push(["failed", told.error]); });
</script><button onclick="checkout.open()">Buy</button></html>"""


class Shop:
    """A shop's server: one page, and the address that payers come back to."""

    def __init__(self, port: int) -> None:
        self.base = f"http://127.0.0.1:{port}"
        self.page = ""
        self.posted: list[dict[str, str]] = []


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("checkout")) as server:
        yield server


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def shop() -> Iterator[Shop]:
    """A shop that is open."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.said(there.page)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            there.posted.append({name: values[0] for name, values in parse_qs(body).items()})
            self.said("<!doctype html><title>Thanks</title><h1>Thank you</h1>")

        def said(self, text: str) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    there = Shop(listening.server_port)
    thread = threading.Thread(target=listening.serve_forever, daemon=True)
    thread.start()
    yield there
    listening.shutdown()
    listening.server_close()
    thread.join()


def ask(server: Server, method: str, path: str, body: object = None) -> Any:
    """What the gateway answers the shop's own server."""
    connection = HTTPConnection("127.0.0.1", server.port)
    given = None if body is None else json.dumps(body)
    headers = {"Authorization": f"Basic {KEYS}", "Content-Type": "application/json"}
    connection.request(method, path, given, headers)
    answer = json.loads(connection.getresponse().read())
    connection.close()
    return answer


def opened(server: Server, shop: Shop, browser: Browser, **more: object) -> tuple[str, Page]:
    """An order, and the shop's page on which its payer has pressed the button."""
    order = ask(server, "POST", "/v1/orders", {"amount": 50000, "currency": "INR"})["id"]
    base = f"http://127.0.0.1:{server.port}"
    options = {
        "key": demo.KEY_ID, "order_id": order, "amount": 50000, "currency": "INR",
        "name": "Book <shop>", "prefill": {"email": "a@example.com", "contact": "9999999988"},
        "notes": {"shelf": "B7"}, **more,
    }  # fmt: skip
    shop.page = PAGE % {"base": base, "options": json.dumps(options)}
    page = browser.new_page()
    page.goto(shop.base)
    page.get_by_role("button", name="Buy").click()
    return order, page


def frame(page: Page) -> FrameLocator:
    return page.frame_locator("iframe.razorpay-checkout-frame")


def choose(page: Page, method: str) -> None:
    """Open a way of paying and send its form."""
    inside = frame(page)
    inside.locator("summary", has_text=method).click()
    inside.locator("details[open]").get_by_role("button", name="Pay").click()


def told(page: Page, count: int) -> Any:
    """What the shop's script was told, once it was told so often."""
    page.wait_for_function(f"window.told.length >= {count}")
    return page.evaluate("window.told")


def test_a_payment_is_handed_over_to_the_shops_script(
    server: Server, shop: Shop, browser: Browser
) -> None:
    order, page = opened(server, shop, browser)
    choose(page, "Netbanking")
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
    frame(page).locator("summary", has_text="Card").click()
    card = frame(page).locator("details[open]")
    typed = {
        "Card number": "4100 2800 0000 1007", "Name on card": "G Kumar", "Month": "12",
        "Year": "39", "CVV": "123",
    }  # fmt: skip
    for label, text in typed.items():
        card.get_by_label(label).fill(text)
    card.get_by_role("button", name="Pay").click()
    frame(page).get_by_role("button", name="Success").click()
    assert [what for what, _ in told(page, 2)] == ["failed", "paid"]
    shown = ask(server, "GET", f"/v1/orders/{order}")
    assert (shown["status"], shown["attempts"]) == ("paid", 2)
    page.close()


def test_upi_is_waited_for(server: Server, shop: Shop, browser: Browser) -> None:
    order, page = opened(server, shop, browser)
    frame(page).locator("summary", has_text="UPI").click()
    frame(page).get_by_label("UPI address").fill("success@razorpay")
    frame(page).locator("details[open]").get_by_role("button", name="Pay").click()
    ((what, handed),) = told(page, 1)
    assert (what, handed["razorpay_order_id"]) == ("paid", order)
    page.close()


def test_an_address_of_the_shop_gets_the_form(server: Server, shop: Shop, browser: Browser) -> None:
    order, page = opened(server, shop, browser, callback_url=f"{shop.base}/paid?basket=7")
    choose(page, "Netbanking")
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
    choose(page, "Netbanking")
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
    page.locator("summary", has_text="Netbanking").click()
    page.locator("details[open]").get_by_label("Email").fill("a@example.com")
    page.locator("details[open]").get_by_label("Telephone").fill("9999999988")
    page.locator("details[open]").get_by_role("button", name="Pay").click()
    page.get_by_role("button", name="Success").click()
    page.get_by_role("heading", name="Thank you").wait_for()
    assert shop.posted[0]["razorpay_order_id"] == order
    page.close()
