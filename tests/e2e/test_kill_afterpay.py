"""A gateway killed again and again while shops of the AfterPay wire work on their orders.

What was answered is there afterwards, under the number that was answered; what was not is done once
when it is asked again under its key, and answered the same from then on; no number is given twice.
"""

from collections import Counter
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any, Final

from msgspec import json
from tests.e2e import killing
from tests.e2e.client import Answer, Client, LostError, Request
from tests.e2e.killing import ACQUIRER_TIMEOUT_MS, survive
from tests.e2e.server import Server

from counterfoil.demo import AUTH_KEY

KILLS: Final = 3
SHOPS: Final = 12
API: Final = "/api/v3/orders"
ROW: Final = {"productId": "x", "description": "x", "quantity": 1}


class Shop(Client):
    """A client of the AfterPay wire."""

    def encoded(self, request: Request) -> bytes:
        """The request with this wire's own headers."""
        sent = super().encoded(request)
        sent = sent.replace(b"\r\nidempotency-key:", b"\r\nx-idempotency-key:", 1)
        return sent.replace(b"\r\n", f"\r\nx-auth-key: {AUTH_KEY}\r\n".encode(), 1)


class Load(killing.Load):
    """Shops of the AfterPay wire."""

    client = Shop
    callers = SHOPS

    def __init__(self, server: Server, random: Random) -> None:
        super().__init__(server, random)
        self.given: list[tuple[Request, bytes]] = []  # what was answered with 200

    async def order(self, client: Client) -> None:
        """An order of 100: two captures, a void of the rest, a refund of a part, one of all."""
        number = f"N{next(self.serial)}"
        order = {"number": number, "items": rows(100)}
        made = {"payment": {"type": "Invoice"}, "customer": {"firstName": "Ada"}, "order": order}
        await self._ask(client, "/api/v3/checkout/authorize", made)
        own = {"invoiceNumber": f"I-{number}", "orderDetails": {"items": rows(40)}}
        await self._ask(client, f"{API}/{number}/captures", own)
        await self._ask(client, f"{API}/{number}/captures", {"orderDetails": {"items": rows(20)}})
        await self._ask(client, f"{API}/{number}/voids", {})
        part = {"captureNumber": f"I-{number}", "orderItems": rows(15)}
        await self._ask(client, f"{API}/{number}/refunds", part)
        await self._ask(client, f"{API}/{number}/refunds", {})

    async def _ask(self, client: Client, path: str, body: object) -> None:
        key = f"key-{next(self.serial)}"
        request = Request(method="POST", path=path, body=json.encode(body), key=key)
        try:
            answer = await client.ask(request)
        except LostError:
            self.lost.append(request)
            raise
        assert answer.status == 200, answer.body
        self.given.append((request, answer.body))


def rows(amount: int) -> list[dict[str, object]]:
    """Rows that come to so much."""
    return [{**ROW, "grossUnitPrice": amount}]


async def look(server: Server, load: Load) -> None:
    """What shops that kept every answer find."""
    assert load.given
    async with Shop(server.port) as shop:
        for request in load.lost:
            first, again = [await shop.ask(request) for _ in range(2)]
            assert first.status in {200, 400}, first.body  # an order that was never made
            assert (first.status, again.status) == (again.status, first.status)
            assert first.status == 400 or first.body == again.body
        for request, body in load.given:
            assert (await shop.ask(request)).body == body
        names = Counter[str]()
        for request, _ in load.given:
            if request.path.endswith("authorize"):
                made: Any = json.decode(request.body)
                names.update(numbers(await shop.get(f"{API}/{made['order']['number']}")))
        assert set(names.values()) == {1}, names.most_common(3)


def numbers(answer: Answer) -> list[str]:
    """Every number of an order, whose sums keep to their limits."""
    assert answer.status == 200, answer.body
    shown = json.decode(answer.body)
    captures, refunds, voids = shown["captures"], shown["refunds"], shown["cancellations"]
    assert total(captures, "amount") + total(voids, "cancellationAmount") <= 100
    assert total(captures, "totalRefundedAmount") == -total(refunds, "amount")
    return [
        *(f"capture {each['captureNumber']}" for each in captures),
        *(f"refund {each['refundNumber']}" for each in refunds),
        *(f"void {each['cancellationNo']}" for each in voids),
    ]


def total(found: list[dict[str, object]], name: str) -> Decimal:
    """The sum of an amount of each."""
    return sum((Decimal(str(each[name])) for each in found), Decimal(0))


def test_nothing_is_lost_or_numbered_twice_by_a_kill(tmp_path: Path) -> None:
    server = Server(tmp_path, "--demo", acquirer_timeout_ms=ACQUIRER_TIMEOUT_MS)
    survive(server, KILLS, Load, look)
