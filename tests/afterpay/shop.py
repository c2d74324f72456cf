"""A shop that speaks the AfterPay wire to a gateway in memory."""

import json
from decimal import Decimal
from typing import Any, Final

import msgspec
from httpx2 import Response
from tests.contract.wires import Desk, open_desk

from counterfoil.demo import AUTH_KEY

encode: Final = msgspec.json.Encoder(decimal_format="number").encode
Body = object  # what JSON can hold; bytes go as they are
API: Final = "/api/v3"
JSON: Final = "application/json; charset=utf-8"
BASKET: Final = (("jacket", 100, 1), ("socks", 10, 5), ("hat", 30, 1), ("shipping", 5, 1))


def item(product: str, price: object, quantity: object = 1, **more: object) -> dict[str, object]:
    """A row with what is really needed."""
    row = {"productId": product, "description": product, "grossUnitPrice": price}
    return {**row, "quantity": quantity, **more}


def basket(*products: str) -> list[dict[str, object]]:
    """The rows of the worked figures: all of them, or those named."""
    return [item(*row) for row in BASKET if not products or row[0] in products]


class Shop:
    """One merchant's client. `key` is sent as X-Idempotency-Key where it is given."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    async def ask(
        self,
        method: str,
        path: str,
        body: Body | None = None,
        *,
        headers: dict[str, str] | None = None,
        key: str | None = None,
    ) -> Response:
        """The answer to a request, a second after the last."""
        self.desk.clock.advance(1)
        sent = {"X-Auth-Key": AUTH_KEY, **({"Content-Type": JSON} if body is not None else {})}
        sent |= {} if key is None else {"X-Idempotency-Key": key}
        content = body if isinstance(body, bytes) else encode(body)
        return await self.desk.client.request(
            method,
            API + path,
            headers=[
                (name.encode(), value.encode("latin-1"))
                for name, value in {**sent, **(headers or {})}.items()
                if value
            ],
            content=None if body is None else content,
        )

    async def post(self, path: str, body: Body | None = None, key: str | None = None) -> Response:
        """The answer to a POST."""
        return await self.ask("POST", path, body, key=key)

    async def good(self, path: str, body: Body | None = None, key: str | None = None) -> "Answer":
        """The answer to a POST that must be 200."""
        return said(await self.post(path, body, key))

    async def get(self, path: str) -> "Answer":
        """The answer to a GET that must be 200."""
        return said(await self.ask("GET", path))

    async def refused(self, path: str, body: Body | None = None, key: str | None = None) -> str:
        """The code of the first message of a POST that must be 400."""
        return code(await self.post(path, body, key))

    async def order(
        self, number: str = "1001", items: list[dict[str, object]] | None = None, **order: object
    ) -> "Answer":
        """An order, as authorize answers it."""
        rows = basket() if items is None else items
        return await self.good(
            "/checkout/authorize",
            {
                "payment": {"type": "Invoice"},
                "customer": {"firstName": "Ada", "lastName": "Lovelace"},
                "order": {"number": number, "items": rows, "currency": "EUR", **order},
            },
        )


Answer = dict[str, Any]


async def open_shop() -> Shop:
    """A shop of a gateway of its own."""
    return Shop(await open_desk())


def said(answer: Response) -> Answer:
    """The body of a 200, its numbers exact; `application/json`, or some clients read nothing."""
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == JSON
    body = json.loads(answer.content, parse_float=Decimal)
    assert isinstance(body, dict)
    return body


def code(answer: Response) -> str:
    """The code of the first message of a 400; there is a list of them, each with all its texts."""
    assert answer.status_code == 400, answer.text
    assert answer.headers["content-type"] == JSON
    messages = json.loads(answer.content)
    assert isinstance(messages, list)
    for each in messages:
        assert each["type"] == "BusinessError"
        assert each["customerFacingMessage"]
        assert each["message"]
        assert each["actionCode"]
    first = messages[0]["code"]
    assert isinstance(first, str)
    return first


def figures(answer: Answer, *names: str) -> tuple[object, ...]:
    """Those amounts of an answer."""
    return tuple(Decimal(str(answer[name])) for name in names)
