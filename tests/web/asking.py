"""A shop that asks for 3-D Secure, and its customers: what a merchant's programme does."""

from typing import Final

from httpx2 import AsyncClient, Response
from tests.web.browser import Form, Page, submit

CREDENTIALS: Final = ("project", "password")
CHALLENGED, FRICTIONLESS = "5100330000070101", "5555555555554444"
ASKED, METHOD = "4111111111111111", "2201380000040013"
DETAILS: Final = {
    "browser_accept_header": "text/html",
    "browser_color_depth": 24,
    "browser_language": "en",
    "browser_screen_height": 1080,
    "browser_screen_width": 1920,
    "browser_timezone": -180,
    "browser_user_agent": "Mozilla/5.0",
}
RETURN: Final = "http://shop.example/thanks?cart=7"


class Shop:
    """Its orders, by HTTP."""

    def __init__(self, client: AsyncClient, year: int = 2030) -> None:
        self.client = client
        self.year = year

    async def order(self, pan: str, *, modern: bool = False, **options: object) -> Response:
        """An order of 9.99 that demands 3-D Secure."""
        asked: dict[str, object] = {
            "amount": 9.99,
            "card": {
                "cvv": "333",
                "expiration_month": 12,
                "expiration_year": self.year,
                "holder": "John Smith",
            },
            "location": {"ip": "6.6.6.6"},
            "options": {"force3d": 1, **options},
            "pan": pan,
        }
        if modern:
            asked["secure3d"] = {"browser_details": DETAILS}
        return await self.client.post("/orders/authorize", json=asked, auth=CREDENTIALS)

    async def post(self, order: str, verb: str, **body: str) -> Response:
        """A call on an order."""
        return await self.client.post(f"/orders/{order}/{verb}", json=body, auth=CREDENTIALS)

    async def status(self, order: str) -> str:
        """Its status."""
        answer = await self.client.get(f"/orders/{order}", auth=CREDENTIALS)
        status: str = answer.json()["orders"][0]["status"]
        return status

    async def held(self, pan: str, *, modern: bool = False, **options: object) -> tuple[str, Form]:
        """An order that waits for its cardholder: its number, and the form as members."""
        answer = await self.order(pan, modern=modern, **options)
        assert answer.status_code == 201, answer.text
        made = answer.json()["orders"][0]
        members = dict(made["form3d"])
        form = Form(
            action=members.pop("action"),
            method=members.pop("method"),
            fields=tuple(members.items()),
        )
        return made["id"], form

    async def pressed(self, form: Form, *names: str) -> Response:
        """Submit a form, then the forms of those names on the pages that follow.

        The bank's page that brings a PaRes back submits itself.
        """
        answer = await submit(self.client, form)
        for name in names:
            answer = await submit(self.client, Page(answer).forms[name])
        while "paresform" in Page(answer).forms:
            answer = await submit(self.client, Page(answer).forms["paresform"])
        return answer

    async def brought(self, form: Form, choice: str = "approve") -> Form:
        """What the browser brings back with a PaRes, after that choice at the bank."""
        page = Page(await submit(self.client, form))
        return Page(await submit(self.client, page.forms[choice])).forms["paresform"]
