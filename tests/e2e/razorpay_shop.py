"""A shop whose page loads our `checkout.js`, and payers who press its button, in a real browser."""

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qs

from playwright.sync_api import Browser, FrameLocator, Page
from tests.e2e.server import Server

from counterfoil import demo
from counterfoil.connectors.sandbox.table import Authentication as How
from counterfoil.connectors.sandbox.table import card_authenticated

INDIAN: Final = "4100280000001007"  # its issuer takes no part in 3-D Secure
CHALLENGED: Final = "4111111111111111"
FRICTIONLESS: Final = "5555555555554444"
METHOD: Final = card_authenticated(How.METHOD_CHALLENGE)
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


@contextmanager
def open_shop() -> Iterator[Shop]:
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
    try:
        yield there
    finally:
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


def choose(page: Page, way: str) -> None:
    """Choose a way of paying and send the form."""
    inside = frame(page)
    inside.get_by_role("radio", name=way).check()
    inside.locator("#pay .pay").click()


def pay_by_card(page: Page | FrameLocator, number: str) -> None:
    """Type a card and send the form."""
    page.get_by_role("radio", name="Card").check()
    page.get_by_label("Card number").press_sequentially(number)
    page.get_by_label("Month").fill("12")
    page.get_by_label("Year").fill("39")
    page.get_by_label("Security code").fill("123")
    page.get_by_label("Name on card").fill("G Kumar")
    page.locator("#pay .pay").click()


def told(page: Page, count: int) -> Any:
    """What the shop's script was told, once it was told so often."""
    page.wait_for_function(f"window.told.length >= {count}")
    return page.evaluate("window.told")
