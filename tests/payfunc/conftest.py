"""A gateway that really runs (timers, callbacks, a clock that can be moved), and its demo keys."""

import json
from base64 import urlsafe_b64decode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, Literal

import pytest
from httpx2 import ASGITransport, AsyncClient, Response

from counterfoil import issuing, wiring
from counterfoil.config import Settings
from counterfoil.core.order import Settlement
from counterfoil.dialects.payfunc.identifiers import number
from counterfoil.engine.settle import settle
from counterfoil.world import SystemClock

BASE: Final = "http://127.0.0.1:8080"
GOOD: Final = "4111111111111111"
POOR: Final = "4000000000009995"
Json = dict[str, object]


class Shop:
    """A client with the demo merchant's keys."""

    def __init__(self, client: AsyncClient, keys: dict[str, str], database: Path) -> None:
        self.client = client
        self.keys = keys
        self.database = database

    async def ask(
        self, method: str, path: str, body: object = None, *, key: str = "private", **more: str
    ) -> Response:
        """The answer; JSON unless `accept` says otherwise."""
        accept = more.pop("accept", "application/json")
        headers = {"Accept": accept, **more}
        if key:
            headers["Authorization"] = f"Bearer {self.keys[key]}"
        content = None if body is None else json.dumps(body).encode()
        return await self.client.request(method, path, headers=headers, content=content)

    async def card(self, pan: str = GOOD, **more: object) -> str:
        """The token of a card."""
        asked = {"pan": pan, "expires": [2, 39], "csc": "987", **more}
        answer = await self.ask("POST", "/card", asked, key="public")
        assert answer.status_code == 201, answer.text
        return answer.text

    async def order(self, items: object, token: str | None = None, **more: object) -> Json:
        """An order that was made, paid with a card unless `more` says how."""
        payment = more.pop("payment", None) or {"type": "card", "card": token or await self.card()}
        asked = {"items": items, "currency": "EUR", "payment": payment, **more}
        answer = await self.ask("POST", "/order", asked)
        assert answer.status_code == 201, answer.text
        found: Json = answer.json()
        return found

    async def account(self, *pans: str) -> str:
        """The id of an account with such cards."""
        methods = [{"type": "token", "card": await self.card(pan)} for pan in pans]
        answer = await self.ask("POST", "/account", {"method": methods})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    async def event(self, order: object, **event: object) -> Response:
        """The answer to an event."""
        return await self.ask("POST", f"/order/{order}/event", event)

    async def shown(self, order: object) -> Json:
        """The order as it is."""
        answer = await self.ask("GET", f"/order/{order}")
        assert answer.status_code == 200, answer.text
        found: Json = answer.json()
        return found

    async def status(self, account: str) -> object:
        """An account's status."""
        return (await self.ask("GET", f"/account/{account}")).json()["status"]

    async def foreign(self) -> str:
        """The private key of another merchant."""
        async with wiring.parts(Settings(database=f"sqlite:///{self.database}")) as parts:
            return (await issuing.keys(parts, 2, BASE))["payfunc"]["private"]

    async def settle(
        self, order: str, *, reference: str, gross: int, fee: int = 0, pays: bool = False
    ) -> None:
        """Have an operator book what was paid out of an order, in minor units."""
        known = number(order)
        assert known is not None
        clock = SystemClock(wiring.clock_file(self.database))
        settings = Settings(database=f"sqlite:///{self.database}")
        async with wiring.parts(settings, clock) as parts:
            settlement = Settlement(
                at=clock.now(),
                reference=reference,
                gross=gross,
                fee=fee,
                start="2026-11-01",
                end="2026-11-30",
            )
            await settle(parts.engine, 1, known, settlement, pays=pays)

    async def walk(self, hours: int) -> None:
        """Let that time pass, timer by timer."""
        body = json.dumps({"advance": f"{hours}h"})
        answer = await self.client.post("/sandbox/clock", content=body.encode())
        assert answer.status_code == 200, answer.text


def claims(token: str) -> Json:
    """What a token says; nothing is checked."""
    part = token.split(".")[1]
    found: Json = json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return found


@asynccontextmanager
async def opened(
    folder: Path, timeout_ms: int = 20_000, signed_for: Literal["production"] | None = None
) -> AsyncIterator[Shop]:
    """A shop of a gateway whose database is in that folder."""
    path = folder / "gateway.db"
    settings = Settings(
        database=f"sqlite:///{path}",
        demo=True,
        acquirer_timeout_ms=timeout_ms,
        signed_for=signed_for or "development",
    )
    clock = SystemClock(wiring.clock_file(path))
    async with wiring.parts(settings, clock) as parts:
        keys = (await issuing.keys(parts, 1, BASE))["payfunc"]
    async with (
        wiring.assembled(settings, clock) as app,
        AsyncClient(transport=ASGITransport(app=app), base_url=BASE, timeout=30) as client,
    ):
        yield Shop(client, keys, path)


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    """A shop of a gateway of the test's own."""
    async with opened(tmp_path) as found:
        yield found
