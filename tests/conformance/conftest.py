"""A fresh gateway in this process: the demo merchants, an empty database, a clock that moves."""

import importlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from httpx2 import ASGITransport, AsyncClient

from counterfoil.core.record import Record
from counterfoil.testing.world import FakeClock

BASE: Final = "http://127.0.0.1:8080"


class Gateway(Record):
    """A client of a gateway, the gateway's clock, and the demo merchant's keys by wire and name."""

    client: AsyncClient
    clock: FakeClock
    names: dict[str, str]


@asynccontextmanager
async def gateway(folder: Path) -> AsyncIterator[Gateway]:
    """A gateway with demo data whose database is a new file in the folder."""
    settings = importlib.import_module("counterfoil.config").Settings
    assembled = importlib.import_module("counterfoil.wiring").assembled
    clock = FakeClock()
    database = f"sqlite:///{folder / 'gateway.db'}"
    async with (
        assembled(settings(database=database, demo=True), clock=clock) as app,
        AsyncClient(transport=ASGITransport(app=app), base_url=BASE) as client,
    ):
        yield Gateway(client=client, clock=clock, names=await credentials(folder, clock))


async def credentials(folder: Path, clock: FakeClock) -> dict[str, str]:
    """What the demo merchant calls the wires with that have keys: `payfunc_private` and so on."""
    settings = importlib.import_module("counterfoil.config").Settings
    wiring = importlib.import_module("counterfoil.wiring")
    database = f"sqlite:///{folder / 'gateway.db'}"
    async with wiring.parts(settings(database=database), clock) as parts:
        found = await importlib.import_module("counterfoil.issuing").keys(parts, 1, BASE)
    return {f"{wire}_{name}": value for wire, own in found.items() for name, value in own.items()}
