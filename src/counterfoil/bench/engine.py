"""The engine without HTTP: callers that authorize one order after the other, on a real store.

All that a request does below its wire is done: the card is sealed, the rules decide, two changes
are committed. The acquirer says yes at once.
"""

import asyncio
import time
from pathlib import Path
from typing import Final

import uvloop

from counterfoil.config import Settings
from counterfoil.core.answers import Answer, Approved
from counterfoil.core.card import Cvv, Pan
from counterfoil.core.change import Change
from counterfoil.core.money import Money
from counterfoil.core.order import Location
from counterfoil.core.ports import Capability, Committed, Inquiry, Instruction, Receiver, Store
from counterfoil.database import open_store
from counterfoil.demo import MERCHANTS
from counterfoil.engine.orders import Draft, NewCard, Orders
from counterfoil.engine.perform import Engine, Limits
from counterfoil.testing import MemoryStore
from counterfoil.vault import KeyRing, create_master, first_keys
from counterfoil.world import SystemClock, WorkerIds

CALLERS: Final = 256
WARM_S: Final = 1
CARD: Final = NewCard(
    pan=Pan("4111111111111111"), cvv=Cvv("333"), holder="John Smith", month=12, year=2030
)
DRAFT: Final = Draft(amount=Money(minor=999, currency="USD"), location=Location(ip="6.6.6.6"))


class Willing:
    """An acquirer that approves."""

    name = "sandbox"
    supports = frozenset(Capability)

    async def send(self, instruction: Instruction) -> Answer:
        """Yes."""
        reference = f"{instruction.reference:012d}"[-12:]
        return Approved(
            reference=instruction.reference,
            amount=instruction.amount,
            auth_code="AUTH12",
            rrn=reference,
        )

    async def inquire(self, inquiry: Inquiry) -> Answer:
        """Yes."""
        return Approved(reference=inquiry.reference, amount=inquiry.amount)

    def listen(self, receive: Receiver) -> None:
        """Nothing comes late."""

    async def close(self) -> None:
        """There is nothing to let go of."""


class Recorder(MemoryStore):
    """Keeps the changes it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.given: list[Change] = []

    async def commit(self, change: Change) -> Committed:
        """Keep the change."""
        self.given.append(change)
        return await super().commit(change)


def rate(url: str, folder: Path, seconds: int) -> int:
    """Authorizations in a second on the database of that address; its schema is made."""

    async def run() -> int:
        store = await open_store(Settings(database=url), create=True, serving=True)
        try:
            orders = desk(store, folder)
            await _load(orders, WARM_S)
            return await _load(orders, seconds)
        finally:
            await store.close()

    return uvloop.run(run())


def changes(folder: Path) -> list[Change]:
    """What one authorization commits."""

    async def run() -> list[Change]:
        store = Recorder()
        await desk(store, folder).authorize(MERCHANTS[0], DRAFT, CARD)
        return store.given

    return uvloop.run(run())


def desk(store: Store, folder: Path) -> Orders:
    """The engine's use cases over a store, with a new vault of its own."""
    clock = SystemClock()
    ids = WorkerIds(clock)
    file = folder / f"engine-{time.monotonic_ns()}.key"
    master = create_master(file)
    vault = KeyRing(master, first_keys(master, ids.next()))
    acquirers = {"sandbox": Willing()}
    limits = Limits()
    return Orders(
        Engine(store=store, vault=vault, acquirers=acquirers, clock=clock, ids=ids, limits=limits)
    )


async def _load(orders: Orders, seconds: int) -> int:
    done, began = 0, time.monotonic()

    async def caller() -> None:
        nonlocal done
        while time.monotonic() - began < seconds:
            await orders.authorize(MERCHANTS[0], DRAFT, CARD)
            done += 1

    await asyncio.gather(*(caller() for _ in range(CALLERS)))
    return int(done / (time.monotonic() - began))
