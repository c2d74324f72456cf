"""A real browser on a real gateway, and the shop that its customers come back to.

The browser is Debian's Chromium. It is watched: what it asks of whom, what scripts complain about.
Pictures of pages and what the checks of accessibility say go to a folder that is not committed.
"""

import base64
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from msgspec import json
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from tests.e2e.client import DEMO, HOST, OrdersView

CHROMIUM: Final = Path("/usr/bin/chromium")
PICTURES: Final = Path(__file__).parents[2] / "pictures"
DESKTOP: Final = {"width": 1180, "height": 760}
PHONE: Final = {"width": 390, "height": 844}
AXE: Final = files("axe_playwright_python").joinpath("axe.min.js")
RULES: Final = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")


class Shop:
    """A shop's own server, which sends customers who come back on to another address of its own."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.visits: list[str] = []

    @property
    def return_url(self) -> str:
        """Where customers are to go back to."""
        return f"http://127.0.0.1:{self.port}/back?cart=7"


@contextmanager
def shop() -> Iterator[Shop]:
    """A shop that is open."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            there.visits.append(self.path)
            if self.path.startswith("/back"):
                self.send_response(302)
                self.send_header("Location", f"http://localhost:{there.port}/thanks")
                self.end_headers()
                return
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(b'<!doctype html><title>Shop</title><h1 id="thanks">Thank you</h1>')

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("", 0), Handler)
    there = Shop(server.server_port)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield there
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser."""
    assert CHROMIUM.exists(), "the browser is missing: apt-get install chromium"
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


class Visit:
    """A customer's visit: one window with nothing remembered, and what it asked of whom."""

    def __init__(self, context: BrowserContext, name: str) -> None:
        self.context = context
        self.name = name
        self.page: Page = context.new_page()
        self.asked: list[str] = []
        self.complaints: list[str] = []
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", lambda said: self._heard(said.type, said.text))

    def _heard(self, kind: str, text: str) -> None:
        if kind == "error" and "with a status of" not in text:  # a 4xx of the page itself
            self.complaints.append(text)

    def picture(self, name: str) -> None:
        """Keep a picture of the page."""
        PICTURES.mkdir(exist_ok=True)
        self.page.screenshot(path=PICTURES / f"{self.name}-{name}.png", full_page=True)

    def hosts(self) -> set[str]:
        """Whom the browser has asked for anything."""
        return {urlsplit(url).netloc for url in self.asked}

    def barriers(self) -> list[str]:
        """What axe finds wrong with the page: the rule, and where."""
        self.page.evaluate(AXE.read_text("utf-8"))
        found = self.page.evaluate(
            "tags => axe.run(document, {runOnly: {type: 'tag', values: tags}})", list(RULES)
        )
        return [
            f"{each['id']}: {node['html'][:200]} {node['failureSummary'][:200]}"
            for each in found["violations"]
            for node in each["nodes"]
        ]


@contextmanager
def visit(browser: Browser, name: str, *, phone: bool = False, **more: object) -> Iterator[Visit]:
    """A visit; `more` are a context's settings (java_script_enabled, color_scheme, locale)."""
    settings = {"viewport": PHONE if phone else DESKTOP, "is_mobile": phone, "has_touch": phone}
    context = browser.new_context(**settings, **more)  # type: ignore[arg-type]
    try:
        yield Visit(context, name)
    finally:
        context.close()


def create(port: int, amount: str = "9.99", **options: object) -> str:
    """The address of a new order's page, made over HTTP as the demo project."""
    order = {"amount": amount, "currency": "EUR", "description": "Two tickets, 14 March"}
    body = json.encode({**order, "merchant_order_id": "A-10472", "options": options})
    code, address, answer = ask(port, "POST", "/orders/create", body)
    assert code == 201, answer
    return address


def status(port: int, address: str) -> str:
    """The order's status on the wire."""
    number = urlsplit(address).path.removeprefix("/pay/").partition(".")[0]
    _, _, answer = ask(port, "GET", f"/orders/{number}")
    return json.decode(answer, type=OrdersView).orders[0].status


def ask(port: int, method: str, path: str, body: bytes | None = None) -> tuple[int, str, bytes]:
    """Status, Location and body of the answer to a request of the demo project."""
    token = base64.b64encode(":".join(DEMO).encode()).decode()
    with closing(HTTPConnection(HOST, port)) as connection:
        connection.request(method, path, body, {"Authorization": f"Basic {token}"})
        answer = connection.getresponse()
        return answer.status, answer.headers.get("Location", ""), answer.read()
