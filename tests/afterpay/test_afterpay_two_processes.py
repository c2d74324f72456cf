"""Two processes that serve one merchant on PostgreSQL: no number is given or taken twice."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from httpx2 import ASGITransport, AsyncClient, Response
from tests.afterpay.shop import item
from tests.cluster import url_of

from counterfoil.config import Settings
from counterfoil.demo import AUTH_KEY
from counterfoil.wiring import assembled

pytestmark = pytest.mark.anyio

Ask = Callable[[int, str, object], Awaitable[Response]]


def order(number: str) -> dict[str, object]:
    return {
        "payment": {"type": "Invoice"},
        "customer": {"firstName": "Ada"},
        "order": {"number": number, "currency": "EUR", "items": [item("x", 185)]},
    }


async def test_numbers_hold_between_processes(tmp_path: Path) -> None:
    settings = Settings(database=await url_of(tmp_path), demo=True, folder=str(tmp_path))
    async with assembled(settings) as one, assembled(settings) as other:
        clients = [
            AsyncClient(transport=ASGITransport(app=app), base_url="http://127.0.0.1")
            for app in (one, other)
        ]

        async def ask(turn: int, path: str, body: object) -> Response:
            headers = {"X-Auth-Key": AUTH_KEY, "Content-Type": "application/json"}
            content = json.dumps(body).encode()
            client = clients[turn % 2]
            return await client.post(f"/api/v3{path}", headers=headers, content=content)

        await told(ask)


async def told(ask: Ask) -> None:
    same = [ask(turn, "/checkout/authorize", order("N1")) for turn in range(10)]
    assert sorted(each.status_code for each in await asyncio.gather(*same)) == [200] + [400] * 9
    made = await asyncio.gather(
        *(ask(turn, "/checkout/authorize", order(f"M{turn}")) for turn in range(10))
    )
    customers = {json.loads(each.content)["customer"]["customerNumber"] for each in made}
    assert len(customers) == 10
    assert (await ask(0, "/orders/n1/captures", {"invoiceNumber": "I"})).status_code == 200
    back = {"captureNumber": "I", "items": [item("x", 10)]}
    answers = await asyncio.gather(*(ask(turn, "/orders/N1/refunds", back) for turn in range(24)))
    good = [json.loads(each.content) for each in answers if each.status_code == 200]
    assert len({number for each in good for number in each["refundNumbers"]}) == len(good) == 18
