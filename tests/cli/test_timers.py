"""timers: what was given up is in sight, whatever kind it is, and can be tried again."""

import asyncio
from pathlib import Path

from msgspec.structs import replace
from tests.cli.conftest import Run

from counterfoil.config import Settings
from counterfoil.core.merchant import Terminal
from counterfoil.core.timers import Due, Settled, Timer, Want
from counterfoil.wiring import parts


def give_up(database: Path) -> None:
    """A charge that nobody tries any more, and a lapse that lies ahead."""

    async def act() -> None:
        async with parts(Settings(database=f"sqlite:///{database}")) as made:
            now = made.clock.now()
            await made.store.plant(1, [Timer(kind=Due.CHARGE, subject=7, due=now)])
            wants = [Want(merchant=1, lane=0, limit=1)]
            (errand,) = await made.store.claim(wants, now=now, holder=256, until=now + 1)
            why = "no_exchange_rate"
            await made.store.settle([Settled(errand=errand, parked=True, tries=9, why=why)], [])
            await made.store.plant(1, [Timer(kind=Due.RELEASE, subject=8, due=now + 10**12)])

    asyncio.run(act())


def test_what_was_given_up_is_listed_and_tried_again(seeded: Run, database: Path) -> None:
    give_up(database)
    (row,) = seeded("timers", "list", "--merchant", "1", "--parked", "--json").rows
    assert (row["kind"], row["subject"], row["endpoint"]) == ("charge", 7, None)
    assert (row["parked"], row["tries"], row["why"]) == (True, 9, "no_exchange_rate")
    assert seeded("timers", "again", "8", "--merchant", "1").err == "0 tried again\n"
    assert seeded("timers", "again", "7", "--merchant", "1").err == "1 tried again\n"
    assert seeded("timers", "list", "--merchant", "1", "--parked", "--json").rows == []
    rows = seeded("timers", "list", "--merchant", "1", "--json").rows
    assert [(each["kind"], each["tries"]) for each in rows] == [("charge", 0), ("release", 0)]
    assert seeded("timers", "list", "--merchant", "1", "--first", "1", "--json").rows == rows[:1]
    assert seeded("timers", "list", "--merchant", "9").fault.endswith("there is no merchant 9")


def test_the_clock_of_real_terminals_is_not_moved(seeded: Run, database: Path) -> None:
    assert seeded("sandbox", "advance", "1h").status == 0

    async def act() -> None:
        async with parts(Settings(database=f"sqlite:///{database}")) as made:
            merchant = await made.store.merchant(1)
            assert merchant is not None
            terminals = (Terminal(name="REAL", connector="iso8583"), *merchant.terminals)
            await made.store.save_merchant(replace(merchant, terminals=terminals))

    asyncio.run(act())
    before = seeded("sandbox", "clock").out[:13]
    assert seeded("sandbox", "advance", "99h").fault.endswith("no sandbox: terminals use iso8583")
    assert seeded("sandbox", "clock").out[:13] == before
