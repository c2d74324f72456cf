"""A shop shows the bank in a frame, and hears the new token from it: in a real browser."""

from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Final

from msgspec import json
from playwright.sync_api import expect
from tests.e2e.browser import chromium, shop, visit
from tests.e2e.client import HOST
from tests.e2e.server import Server, serving
from tests.payfunc.conftest import Json, claims
from tests.payfunc.visit import packed

PAN: Final = "4200000000000000"
SHOW: Final = """([url, fields]) => {
    window.heard = []
    addEventListener("message", (event) => heard.push([event.origin, event.data]))
    document.body.innerHTML =
        '<iframe name="bank" height="500"></iframe><form method="post"></form>'
    const form = document.forms[0]
    form.action = url
    form.target = "bank"
    for (const [name, value] of fields) {
        const input = document.createElement("input")
        Object.assign(input, {type: "hidden", name, value})
        form.append(input)
    }
    form.submit()
}"""


class Client:
    """What a shop's page asks of the gateway with its public key."""

    def __init__(self, server: Server) -> None:
        self.base = f"http://{HOST}:{server.port}"
        self.port = server.port
        found = server.command("keys", "--json", "--base-url", self.base).out
        self.key = str(json.decode(found)["payfunc"]["public"])

    def post(self, path: str, body: object) -> bytes:
        """The body of the answer."""
        headers = {"Authorization": f"Bearer {self.key}", "Accept": "application/json"}
        with closing(HTTPConnection(HOST, self.port)) as connection:
            connection.request("POST", path, json.encode(body), headers)
            return connection.getresponse().read()

    def card(self) -> str:
        """A card's token."""
        card = {"pan": PAN, "expires": [2, 39], "csc": "987"}
        return self.post("/card", card).decode()

    def order(self, token: str, parent: str | None = None) -> Json:
        """The answer to an order, of version 2 where a parent is named."""
        payment: Json = {"type": "card", "card": token}
        if parent is not None:
            payment["client"] = {"browser": {"parent": parent, "resolution": [1180, 760]}}
        asked = {"items": 7.42, "currency": "EUR", "payment": payment}
        return json.decode(self.post("/order", asked), type=dict[str, object])


def test_the_frame_tells_the_page_around_it(tmp_path: Path) -> None:
    with serving(tmp_path) as server, shop() as there, chromium() as browser:
        client = Client(server)
        parent = f"http://{HOST}:{there.port}"
        merchant = claims(client.key)["sub"]
        for old in (True, False):
            token = client.card()
            error = client.order(token, None if old else parent)
            content = error["content"]
            assert isinstance(content, dict)
            details = content["details"]
            where = f"{client.base}/card/{claims(token)['card']}/verification?mode=iframe"
            if old:
                fields = {
                    "PaReq": details["data"]["pareq"],
                    "TermUrl": f"{where}&merchant={merchant}&parent={parent}",
                    "MD": "1",
                }
            else:
                fields = {"creq": creq(details["data"])}
            with visit(browser, "payfunc") as customer:
                page = customer.page
                page.goto(f"{parent}/pay")
                page.evaluate(SHOW, [details["url"], list(fields.items())])
                page.frame_locator("iframe").locator("#approve button").click()
                page.wait_for_function("heard.length == 1")
                told = page.evaluate("heard[0]")
                expect(page.locator("iframe")).to_be_visible()
                assert customer.complaints == []
            assert told[0] == client.base
            assert (told[1]["destination"], told[1]["content"]["name"]) == ("parent", "card")
            made = client.order(told[1]["content"]["value"])
            assert (made["id"], made["status"]) == (error["id"], {"ordered": 7.42})
        server.verify()


def creq(given: Json) -> str:
    """The CReq that a page makes of the error."""
    return packed({name: text for name, text in given.items() if name != "type"})
