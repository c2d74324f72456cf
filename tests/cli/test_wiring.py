"""Opening a gateway: ids go on where they stopped, whatever the clock says."""

from pathlib import Path

import pytest
from tests.contract.stores import Till

from counterfoil import wiring
from counterfoil.config import Settings
from counterfoil.core.order import Kind
from counterfoil.core.ports import DataKey
from counterfoil.testing import FakeClock, demo_merchant

pytestmark = pytest.mark.anyio


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(database=f"sqlite:///{tmp_path}/gateway.db")


async def test_ids_are_above_what_is_closed_and_what_waits(settings: Settings) -> None:
    async with wiring.parts(settings) as parts:
        for number in (1, 2):
            await parts.store.save_merchant(demo_merchant(number))
        till = Till(parts.store)
        till.clock.advance(50 * 365 * 24 * 3600)
        await till.charged(till.order(1))
        started = await till.authorized(till.order(2))
        waiting = await till.begin(started, Kind.CHARGE, 400)
        waiting = await till.begin(waiting, Kind.CHARGE, 100)
    async with wiring.parts(settings) as parts:
        assert parts.ids.next() > waiting.operations[-1].id


async def test_ids_are_above_every_key_and_merchant(settings: Settings) -> None:
    late = 2**61
    async with wiring.parts(settings) as parts:
        assert parts.ids.next() < late
        await parts.store.save_data_key(DataKey(id=late, wrapped=b"", active=False))
    async with wiring.opened(settings) as store:
        newest = await wiring.newest(store)
        await store.save_merchant(demo_merchant(late + 256))
        assert (newest, await wiring.newest(store)) == (late, late + 256)


async def test_a_clock_that_was_set_back_repeats_no_id(settings: Settings) -> None:
    async with wiring.parts(settings) as parts:
        await parts.store.save_merchant(demo_merchant(parts.ids.next()))
        (merchant,) = await parts.store.merchants()
    clock = FakeClock()
    async with wiring.parts(settings, clock) as parts:
        assert parts.ids.next() > merchant.id
