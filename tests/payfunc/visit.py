"""A customer whose bank wants to ask: what a shop's page and a browser do with the errors."""

import json
from base64 import urlsafe_b64encode

from httpx2 import Response
from tests.payfunc.conftest import BASE, Json, Shop, claims
from tests.web.browser import Page, submit

from counterfoil.connectors.sandbox.table import Authentication as How
from counterfoil.connectors.sandbox.table import card_authenticated

PARENT = "https://shop.example"
BROWSER: Json = {
    "colorDepth": 24,
    "java": False,
    "javascript": True,
    "locale": "sv-SE",
    "parent": PARENT,
    "resolution": [2560, 1440],
    "timezone": -60,
}


class Visit:
    """A customer who pays 7.42 with one card, and what the shop's page knows."""

    def __init__(self, shop: Shop, token: str, browser: Json | None = BROWSER) -> None:
        self.shop = shop
        self.token = token
        self.browser = browser
        self.merchant = str(claims(shop.keys["public"])["sub"])

    async def order(self, **more: object) -> Response:
        """The answer to the order; `verification` belongs to the payment, `key` says which."""
        key = str(more.pop("key", "public"))
        payment: Json = {"type": "card", "card": self.token}
        if self.browser is not None:
            payment["client"] = {"browser": self.browser, "ip": "6.6.6.6"}
        if "verification" in more:
            payment["verification"] = more.pop("verification")
        asked = {"items": 7.42, "currency": "EUR", "payment": payment, **more}
        return await self.shop.ask("POST", "/order", asked, key=key)

    async def asked(self, **more: object) -> Json:
        """The error of an order that is answered with `verification required`."""
        answer = await self.order(**more)
        error: Json = answer.json()
        assert answer.status_code == 400, answer.text
        content = error["content"]
        assert isinstance(content, dict)
        assert content["description"] == "verification required", error
        return error

    def address(self, mode: str = "show") -> str:
        """Where the bank's page is to come back to."""
        return (
            f"{BASE}/card/{claims(self.token)['card']}/verification"
            f"?mode={mode}&merchant={self.merchant}"
        )

    async def back(self, address: str | None = None, **fields: str) -> Response:
        """The answer to what the bank's page brings."""
        return await self.shop.client.post(address or self.address(), data=fields)


async def visit(shop: Shop, how: How, *, old: bool = False) -> Visit:
    """A customer whose issuer demands to be asked and then does that; `old`: version 1."""
    pan = card_authenticated(how, asks=True)
    return Visit(shop, await shop.card(pan), None if old else BROWSER)


def details(error: Json) -> Json:
    """What the error says that is to be done."""
    content = error["content"]
    assert isinstance(content, dict)
    found: Json = content["details"]
    return found


def packed(value: object) -> str:
    """As a browser carries it."""
    return urlsafe_b64encode(json.dumps(value).encode()).decode()


def creq(error: Json) -> str:
    """The CReq that a client makes of the error."""
    data = details(error)["data"]
    assert isinstance(data, dict)
    return packed({name: text for name, text in data.items() if name != "type"})


async def challenged(here: Visit, error: Json, choice: str = "approve") -> str:
    """What the cardholder brings back from the issuer's page."""
    url = str(details(error)["url"])
    page = Page(await here.shop.client.post(url, data={"creq": creq(error)}))
    page = Page(await submit(here.shop.client, page.forms[choice]))
    return dict(page.forms["cresform"].fields)["cres"]


async def paid(here: Visit, shop: Shop, error: Json, **more: object) -> None:
    """The order is made under the id that the error promised, and its token is used up."""
    answer = await here.order(**more)
    assert answer.status_code == 201, answer.text
    assert answer.json()["id"] == error["id"]
    assert answer.json()["status"] == {"ordered": 7.42}
    assert [each["id"] for each in (await shop.ask("GET", "/order")).json()] == [error["id"]]
    again = await here.order(**more)
    assert (again.status_code, again.json()["content"]["type"]) == (400, "model.Card")
