"""A shop with a gateway in memory: it makes orders, and its customers pay them from their pages."""

import re
from collections.abc import Mapping
from html.parser import HTMLParser
from typing import Final
from urllib.parse import urlencode

from httpx2 import ASGITransport, AsyncClient, Response
from msgspec import json
from msgspec.structs import replace

from counterfoil import connectors, demo
from counterfoil.connectors import Place
from counterfoil.core.order import Order
from counterfoil.dialects.bizon import dialect
from counterfoil.engine.directory import Directory
from counterfoil.engine.gateway import Gateway
from counterfoil.engine.orders import Orders
from counterfoil.engine.pages import Guide
from counterfoil.engine.perform import Engine, Limits
from counterfoil.testing import FakeClock, MemoryStore, MemoryVault, SerialIds
from counterfoil.web.app import Served
from counterfoil.web.checkout import routes

BASE: Final = "http://127.0.0.1:8080"
LIMITS: Final = Limits(acquirer_ms=200, replay_ms=2_000, replay_poll_ms=5)
PAN: Final = "4111111111111111"
CARD: Final = {
    "pan": "4111 1111 1111 1111",
    "holder": "Ada Lovelace",
    "expiration_month": "12",
    "expiration_year": "39",
    "cvv": "9173",
}
ADDRESS: Final = re.compile(r"http://127\.0\.0\.1:8080(/pay/[0-9]{17}\.[0-9A-Za-z_-]{32})")


class Inputs(HTMLParser):
    """The hidden inputs of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep a hidden input."""
        known = dict(attrs)
        if tag == "input" and known.get("type") == "hidden":
            self.hidden[known["name"] or ""] = known["value"] or ""


class Shop:
    """The demo merchant's shop."""

    def __init__(self, store: MemoryStore, orders: Orders, clock: FakeClock, app: Served) -> None:
        self.store = store
        self.orders = orders
        self.clock = clock
        transport = ASGITransport(app=app, client=("9.9.9.9", 1234))
        self.client = AsyncClient(transport=transport, base_url=BASE)

    async def create(self, amount: str = "9.99", **more: object) -> str:
        """The path of a new order's page; `more` are options, but for those of the order itself."""
        order = {"description": "A book", "merchant_order_id": "A-1"}
        own = {name: more.pop(name) for name in ("client", "location", "currency") if name in more}
        body = json.encode({"amount": amount, "options": more, **order, **own})
        auth = (demo.LOGIN, demo.PASSWORD)
        made = await self.client.post("/orders/create", content=body, auth=auth)
        assert made.status_code == 201, made.text
        found = ADDRESS.fullmatch(made.headers["location"])
        assert found is not None
        return found.group(1)

    async def form(self, path: str) -> dict[str, str]:
        """The hidden inputs of an order's page."""
        shown = await self.client.get(path)
        assert shown.status_code == 200, shown.text
        inputs = Inputs()
        inputs.feed(shown.text)
        return inputs.hidden

    async def submit(self, path: str, given: Mapping[str, str]) -> Response:
        """The answer to a form."""
        self.clock.advance(1)
        form = "application/x-www-form-urlencoded"
        return await self.client.post(
            path, content=urlencode(given).encode(), headers={"Content-Type": form}
        )

    async def pay(self, path: str, **card: str) -> Response:
        """The answer to a card, typed into the order's page."""
        return await self.submit(path, {**await self.form(path), **CARD, **card})

    async def order(self, path: str) -> Order:
        """The order of a page, as it rests."""
        return await self.store.load(1, number(path))

    async def set(self, **settings: object) -> None:
        """Change the merchant's settings."""
        merchant = await self.store.merchant(1)
        assert merchant is not None
        await self.store.save_merchant(replace(merchant, **settings))
        self.clock.advance(2)


def number(path: str) -> int:
    """The order's number in the path of its page."""
    return int(path.removeprefix("/pay/").partition(".")[0])


async def open_shop(guide: Guide | None = None) -> Shop:
    """A shop that has just opened."""
    store, vault, clock = MemoryStore(), MemoryVault(), FakeClock()
    await demo.seed(store, vault, clock)
    bank = next(each for each in connectors.found() if each.name == "sandbox").open(Place())
    engine = Engine(
        store=store,
        vault=vault,
        acquirers={"sandbox": bank},
        clock=clock,
        ids=SerialIds(clock),
        limits=LIMITS,
    )
    bank.listen(engine.receive)
    directory = Directory(store, vault, clock)
    orders = Orders(engine)
    gateway = Gateway(orders=orders, directory=directory, store=store, clock=clock)
    wires = {
        "orders": ("bizon", dialect.serve(gateway)),
        "pay": ("checkout", routes.serve(gateway, guide)),
    }
    return Shop(store, orders, clock, Served(wires, store))
