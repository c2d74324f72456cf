"""Hanging addresses delay no others, and what callbacks cost is measured with nobody in the way."""

import asyncio
from pathlib import Path

import pytest
from msgspec.structs import replace
from rich.console import Console
from tests.bench.fakes import fake_product, fake_wrk

from counterfoil.bench import callbacks
from counterfoil.bench.__main__ import options
from counterfoil.bench.callbacks import Fan, Receiver, drain, fan_rate, listen_to
from counterfoil.bench.load import LoadError
from counterfoil.bench.suite import Bench, Options
from counterfoil.core.timers import Due, Timer
from counterfoil.store.sqlite import open_store

SMALL = Fan(orders=20, addresses=12, hanging=2)
TRIES = 8  # another program may be in the way of one of them, and of the next
LEAST_PERCENT = 50  # the goal is for the benchmark; a tenth of a second is too short for it
POST = b"POST /%d HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc"


def test_hanging_addresses_delay_no_others(tmp_path: Path) -> None:
    """Waiting for one that hangs takes ten seconds, and would show in each of the tries."""
    best = 0
    for _ in range(TRIES):
        some, none = (fan_rate(SMALL, hanging, tmp_path) for hanging in (SMALL.hanging, 0))
        best = max(best, some * 100 // none)
        if best >= LEAST_PERCENT:
            break
    assert best >= LEAST_PERCENT
    assert list(tmp_path.iterdir()) == []


def test_the_runner_measures_both_and_holds_them_to_their_goals(tmp_path: Path) -> None:
    given = Options(
        rounds=1,
        seconds=1,
        callbacks=True,
        fan=Fan(orders=3, addresses=3, hanging=1),
        command=fake_product(tmp_path),
    )
    found = Bench(given, fake_wrk(tmp_path), tmp_path, Console(quiet=True)).findings()
    assert found.table == ()
    assert found.fanned is not None
    assert (found.fanned.hanging, found.fanned.addresses) == (1, 3)
    assert found.told is not None
    assert found.told.percent == 100
    assert [goal.name for goal in found.goals] == [
        "callbacks, 1 of 3 addresses hang",
        "authorize, 64 connections, one address told",
    ]


def test_the_silent_one_waits_till_the_other_has_told_all(tmp_path: Path) -> None:
    path = tmp_path / "told.db"

    async def owe() -> None:
        store = await open_store(path)
        await store.plant(1, [Timer(kind=Due.DELIVER, subject=1, due=0)])
        await store.close()

    asyncio.run(owe())
    with pytest.raises(LoadError, match="some still wait"):
        drain(path, patience_s=0)


def test_a_receiver_answers_whole_requests_and_hangs_where_it_should() -> None:
    class Wire(asyncio.Transport):
        def __init__(self) -> None:
            super().__init__()
            self.wrote: list[bytes | bytearray | memoryview] = []

        def write(self, data: bytes | bytearray | memoryview) -> None:
            self.wrote.append(data)

    wire, receiver = Wire(), Receiver(hanging=1)
    receiver.connection_made(wire)
    receiver.data_received((POST % 1)[:9])
    receiver.data_received((POST % 1)[9:-1])
    assert wire.wrote == []
    receiver.data_received((POST % 1)[-1:] + POST % 0 + POST % 7)
    assert wire.wrote == [callbacks.ANSWER] * 2


def test_an_endpoint_that_cannot_be_added_fails_the_run(tmp_path: Path) -> None:
    with pytest.raises(LoadError, match="there is no database"):
        listen_to(9999, tmp_path / "empty.db")


def test_the_option() -> None:
    assert options(["--callbacks"]).callbacks
    assert replace(options([]), callbacks=True) == options(["--callbacks"])
