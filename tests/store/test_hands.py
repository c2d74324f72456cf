"""Whoever writes the embedded database: whole transactions in order, and what if it dies."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import apsw
import pytest
from tests.contract.stores import Till, next_step

from counterfoil.core.change import change
from counterfoil.core.errors import Code, Refused
from counterfoil.core.ports import Committed
from counterfoil.store import scribe
from counterfoil.store.hands import Far, Hand, Near
from counterfoil.store.queries import WHOLLY
from counterfoil.store.scribe import ANY, ROWS, Step
from counterfoil.store.sqlite import open_store

pytestmark = pytest.mark.anyio

MAKE: Step = ("CREATE TABLE t (n INTEGER PRIMARY KEY, said TEXT)", [], ANY)
COUNT: Step = ("SELECT count(*) FROM t", [], ROWS)
MANY = 40


def add(number: int, wanted: int = 1, way: str = "") -> Step:
    return (f"INSERT {way} INTO t VALUES (?, ?)", [number, f"ü{number}"], wanted)  # noqa: S608 (ours)


@pytest.fixture(params=(Near, Far.opened), ids=("near", "far"))
async def hand(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Hand]:
    opened = request.param(tmp_path / "t.db")
    made: Hand = opened if isinstance(opened, Near) else await opened
    assert (await made.write([MAKE])).done
    yield made
    await made.close()


async def counted(hand: Hand) -> int:
    told = await hand.write([COUNT], kept=False)
    return int(told.rows[0][0][0])


async def test_a_transaction_tells_the_rows_that_were_wanted(hand: Hand) -> None:
    assert (await hand.write([add(1), add(2)])).done
    told = await hand.write([("SELECT * FROM t ORDER BY n", [], ROWS), COUNT])
    assert [list(map(tuple, each)) for each in told.rows] == [[(1, "ü1"), (2, "ü2")], [(2,)]]


async def test_what_changes_other_than_it_should_is_undone_whole(hand: Hand) -> None:
    told = await hand.write([add(1), ("UPDATE t SET said = 'x' WHERE n = 7", [], 1)])
    assert not told.done
    assert not told.error
    assert await counted(hand) == 0


@pytest.mark.parametrize("way", ["", WHOLLY])  # alone, or with the transaction
async def test_an_error_undoes_the_whole_and_is_told(hand: Hand, way: str) -> None:
    broken = await hand.write([add(1), add(1, way=way)])
    assert (broken.done, broken.broken) == (False, True)
    failed = await hand.write([add(2), ("SELECT nothing", [], ROWS)])
    assert (failed.done, failed.broken) == (False, False)
    assert "nothing" in failed.error
    assert await counted(hand) == 0


async def test_what_is_not_to_be_kept_is_undone(hand: Hand) -> None:
    told = await hand.write([add(1), COUNT], kept=False)
    assert [tuple(row) for row in told.rows[0]] == [(1,)]
    assert await counted(hand) == 0


async def test_transactions_keep_their_order(hand: Hand) -> None:
    steps: Step = ("INSERT INTO t (said) SELECT ? || count(*) FROM t", ["p"], 1)
    told = await asyncio.gather(*(hand.write([steps, COUNT]) for _ in range(MANY)))
    assert [each.rows[0][0][0] for each in told] == [*range(1, MANY + 1)]


async def test_other_work_goes_alone_between_transactions(hand: Hand) -> None:
    def work(connection: apsw.Connection) -> int:
        found = connection.execute("SELECT count(*) FROM t").fetchone()
        connection.execute("INSERT INTO t (said) VALUES ('alone')")
        return int(found[0]) if found else 0

    before = [asyncio.create_task(hand.write([add(each)])) for each in range(MANY)]
    await asyncio.sleep(0)
    alone = asyncio.create_task(hand.alone(work))
    await asyncio.sleep(0)
    after = [asyncio.create_task(hand.write([add(each + 1000)])) for each in range(MANY)]
    assert await alone == MANY
    assert all(each.done for each in await asyncio.gather(*before, *after))
    assert await counted(hand) == 2 * MANY + 1


async def test_other_work_that_fails_is_undone(hand: Hand) -> None:
    def work(connection: apsw.Connection) -> None:
        connection.execute("INSERT INTO t (said) VALUES ('alone')")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await hand.alone(work)
    assert await counted(hand) == 0
    assert (await hand.write([add(1)])).done


async def test_what_cannot_be_sent_is_nobody_else_s_trouble(tmp_path: Path) -> None:
    hand = await Far.opened(tmp_path / "t.db")
    with pytest.raises(ValueError, match="unmarshallable"):
        await hand.write([("SELECT ?", [object()], ROWS)])
    assert (await hand.write([MAKE, add(1)])).done
    assert await asyncio.wait_for(hand.alone(lambda _: 7), 10) == 7
    await hand.close()


async def test_it_takes_its_time_to_close(tmp_path: Path) -> None:
    hand = await Far.opened(tmp_path / "t.db")
    given = [asyncio.create_task(hand.write(each)) for each in ([MAKE], [add(1)], [COUNT])]
    await asyncio.sleep(0)
    await hand.close()
    assert all(each.done for each in await asyncio.gather(*given))


def killed(hand: Far) -> None:
    assert hand.process is not None
    hand.process.kill()
    hand.process.wait()


async def test_one_that_was_killed_is_begun_anew(tmp_path: Path) -> None:
    hand = await Far.opened(tmp_path / "t.db")
    assert (await hand.write([MAKE, add(1)])).done
    killed(hand)
    told = None
    while told is None:  # the first may be given before the loss is known
        with suppress(Refused):
            told = await hand.write([add(2)])
    assert told.done
    assert await counted(hand) == 2
    killed(hand)
    assert await hand.alive()
    await hand.close()


async def test_what_was_under_way_when_it_died_is_in_doubt_and_whole(tmp_path: Path) -> None:
    """Nobody is told that anything was done, or not done; what is there is there in whole."""
    store = await open_store(tmp_path / "c.db", apart=True)
    till = Till(store)
    orders = [await till.put(till.order()) for _ in range(MANY)]
    assert isinstance(store.hand, Far)
    assert store.hand.process is not None
    os.kill(store.hand.process.pid, signal.SIGSTOP)
    moves = [asyncio.create_task(store.commit(next_step(each, "moved"))) for each in orders]
    await asyncio.sleep(0.05)
    killed(store.hand)
    said = await asyncio.gather(*moves, return_exceptions=True)
    doubted = [each for each in said if isinstance(each, Refused)]
    assert doubted
    assert {each.code for each in doubted} == {Code.STORE_UNAVAILABLE}
    assert set(said) - set(doubted) <= {Committed.DONE}
    for order, verdict in zip(orders, said, strict=True):
        now = await store.load(order.merchant, order.id)
        assert now.description == ("moved" if verdict is Committed.DONE else None)
    assert await store.commit(next_step(orders[0], "again")) in {Committed.DONE, Committed.STALE}
    await store.close()


async def test_it_ends_with_who_started_it(tmp_path: Path) -> None:
    """The end of the line is its only sign: no signal to a group of processes ends it before."""
    hand = await Far.opened(tmp_path / "t.db")
    assert hand.process is not None
    assert (await hand.write([MAKE])).done
    for each in (signal.SIGINT, signal.SIGTERM):
        hand.process.send_signal(each)
    assert (await hand.write([add(1)])).done
    await hand.close()
    assert hand.process.wait() == 0


STARTS = """
import asyncio, sys, pathlib
from counterfoil.store.hands import Far

async def main():
    hand = await Far.opened(pathlib.Path(sys.argv[1]))
    print(hand.process.pid, flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


async def test_it_ends_when_who_started_it_is_killed(tmp_path: Path) -> None:
    made = subprocess.Popen(  # noqa: ASYNC220 (a moment)
        [sys.executable, "-c", STARTS, str(tmp_path / "t.db")], stdout=subprocess.PIPE
    )
    with made:
        assert made.stdout is not None
        number = int(await asyncio.to_thread(made.stdout.readline))
        made.kill()
    for _ in range(500):
        if not await asyncio.to_thread(_runs, number):
            return
        await asyncio.sleep(0.02)
    pytest.fail("it goes on alone")


def _runs(process: int) -> bool:
    """Whether it is there, and not only to be waited for."""
    try:
        state = Path(f"/proc/{process}/stat").read_text("ascii").rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


async def test_a_database_that_cannot_be_opened_is_no_hang(tmp_path: Path) -> None:
    hand = await Far.opened(tmp_path / "t.db")
    killed(hand)
    (tmp_path / "t.db").unlink()
    (tmp_path / "t.db").mkdir()
    with pytest.raises(Refused):
        await asyncio.wait_for(_written(hand), 10)
    await hand.close()


async def _written(hand: Far) -> None:
    await asyncio.sleep(0.1)  # the loss is known
    await hand.write([COUNT])


def test_messages_are_found_wherever_they_are_cut() -> None:
    sent = b"".join(scribe.framed(each) for each in ((1, "ä"), [b"\x00", None], ()))
    for cut in range(len(sent)):
        incoming = scribe.Incoming()
        found = [*incoming.messages(sent[:cut]), *incoming.messages(sent[cut:])]
        assert found == [(1, "ä"), [b"\x00", None], ()]


async def test_batches_that_clash_fall_out_alone(tmp_path: Path) -> None:
    """Stale and new changes side by side: only the stale fall out, though all went together."""
    store = await open_store(tmp_path / "c.db", apart=True)
    till = Till(store)
    orders = [await till.put(till.order()) for _ in range(4)]
    stale = [next_step(each, "late") for each in orders]
    for order in orders[:2]:
        assert await store.commit(next_step(order, "first")) is Committed.DONE
    fresh = [change(till.order()) for _ in range(4)]
    said = await asyncio.gather(*(store.commit(each) for each in (*stale, *fresh)))
    assert said == [Committed.STALE] * 2 + [Committed.DONE] * 6
    await store.close()
