"""`/metrics` says what waits, and how long it has."""

import re
from collections.abc import Sequence
from typing import Final

import pytest
from httpx2 import ASGITransport, AsyncClient

from counterfoil.core.errors import Code, Refused
from counterfoil.core.merchant import Merchant
from counterfoil.core.order import id_at
from counterfoil.core.timers import Due, Timer
from counterfoil.engine.backlog import Watch
from counterfoil.testing import FakeClock, MemoryStore, demo_merchant
from counterfoil.web.app import Served

pytestmark = pytest.mark.anyio

MERCHANT: Final = demo_merchant()


class Away(MemoryStore):
    """Cannot be reached."""

    async def merchants(self) -> Sequence[Merchant]:
        """Refuse."""
        raise Refused(Code.STORE_UNAVAILABLE)


async def read(store: MemoryStore, clock: FakeClock) -> dict[str, float]:
    """The gauges of what waits, by name and what."""
    await store.save_merchant(MERCHANT)
    app = Served({}, store, Watch(store, clock))
    async with AsyncClient(transport=ASGITransport(app), base_url="http://here") as client:
        answer = await client.get("/metrics")
    assert answer.status_code == 200
    found = re.findall(r'^counterfoil_(\w+){what="(\w+)"} (\S+)$', answer.text, re.MULTILINE)
    return {f"{name} {what}": float(value) for name, what, value in found}


async def test_what_waits_is_told_with_its_age() -> None:
    store, clock = MemoryStore(), FakeClock()
    due = clock.now() - 2_500_000
    await store.plant(MERCHANT.id, [Timer(kind=Due.DELIVER, subject=id_at(due), due=due, lane=9)])
    assert await read(store, clock) == {
        "waiting operations": 0,
        "waiting timers": 0,
        "waiting callbacks": 1,
        "late_seconds operations": 0,
        "late_seconds timers": 0,
        "late_seconds callbacks": 2.5,
        "parked operations": 0,
        "parked timers": 0,
        "parked callbacks": 0,
    }


async def test_without_its_database_it_still_answers() -> None:
    assert await read(Away(), FakeClock()) == {}
