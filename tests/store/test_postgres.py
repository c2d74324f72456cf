"""What only a database at the other end of a line can do: go away, come back, be shared."""

import asyncio
import signal
import socket
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest
from msgspec.structs import replace
from tests.cluster import FAST, url_of
from tests.contract.stores import Till, next_step, use
from tests.store.relay import relayed

from counterfoil.bench.cluster import Cluster
from counterfoil.core.change import change
from counterfoil.core.errors import Code, Refused
from counterfoil.core.ports import Committed, OrderQuery
from counterfoil.core.timers import Due, Timer, Want
from counterfoil.store.link import escaped, plain
from counterfoil.store.migrate import StoreError
from counterfoil.store.options import Options
from counterfoil.store.postgres import PostgresStore, migrate_database, open_store
from counterfoil.store.tables import HEAD

pytestmark = pytest.mark.anyio
QUICK = Options(timeout_ms=500)
BACK_S = 5  # until a database that came back is used again
SEEN_S = 0.5  # until a setting is read by all, or a commit shows


@pytest.fixture
def own() -> Iterator[Cluster]:
    """A cluster that a test may stop."""
    cluster = Cluster(*FAST)
    yield cluster
    cluster.remove()


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[tuple[PostgresStore, PostgresStore]]:
    """Two processes' stores over one database."""
    url = await url_of(tmp_path)
    stores = (await open_store(url), await open_store(url))
    yield stores
    for store in stores:
        await store.close()


async def unavailable(work: object) -> bool:
    assert asyncio.iscoroutine(work)
    with pytest.raises(Refused) as found:
        await work
    return found.value.code is Code.STORE_UNAVAILABLE


async def again(till: Till) -> float:
    """How long it takes until a commit succeeds, in seconds."""
    began = time.monotonic()
    while True:
        try:
            await till.put(till.order())
        except Refused:
            assert time.monotonic() - began < BACK_S
            await asyncio.sleep(0.05)
        else:
            return time.monotonic() - began


@pytest.mark.parametrize("how", [signal.SIGQUIT, signal.SIGINT], ids=["crash", "restart"])
async def test_a_database_that_goes_and_comes_back(own: Cluster, how: int) -> None:
    store = await open_store(own.url(), QUICK)
    till = Till(store)
    kept = [await till.put(till.order()) for _ in range(3)]
    tasks = [asyncio.create_task(store.commit(change(till.order()))) for _ in range(500)]
    await asyncio.sleep(0.005)
    await asyncio.to_thread(own.stop, how)
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(
        outcome is Committed.DONE
        or (isinstance(outcome, Refused) and outcome.code is Code.STORE_UNAVAILABLE)
        for outcome in outcomes
    )
    assert await unavailable(store.commit(change(till.order())))
    assert await unavailable(store.load(1, kept[0].id))
    assert await unavailable(store.orders(OrderQuery(merchant=1, limit=1)))
    assert not await store.ready()
    await asyncio.to_thread(own.start)
    assert await again(till) < BACK_S
    assert await store.ready()
    found = {order.id for order in await store.orders(OrderQuery(merchant=1, limit=600))}
    assert found >= {order.id for order in kept}
    assert len(found) >= outcomes.count(Committed.DONE) + len(kept)
    await store.close()


async def test_what_was_acknowledged_before_a_crash_is_there_after_it(own: Cluster) -> None:
    store = await open_store(own.url(), QUICK)
    till = Till(store)
    done: list[int] = []

    async def caller() -> None:
        while True:
            order = till.order()
            try:
                await store.commit(change(order))
            except Refused:
                return
            done.append(order.id)

    callers = [asyncio.create_task(caller()) for _ in range(50)]
    await asyncio.sleep(0.5)
    await asyncio.to_thread(own.stop, signal.SIGQUIT)
    await asyncio.gather(*callers)
    await asyncio.to_thread(own.start)
    await again(till)
    assert done
    for number in done:
        assert (await store.load(1, number)).version == 1
    await store.close()


async def test_connections_that_are_ended_are_replaced(tmp_path: Path) -> None:
    url = await url_of(tmp_path)
    store = await open_store(url)
    till = Till(store)
    await asyncio.gather(*(till.put(till.order()) for _ in range(50)))
    other = await asyncpg.connect(url)
    ending = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
    await other.execute(f"{ending} AND datname = current_database()")
    assert await again(till) < BACK_S
    await other.close()
    await store.close()


async def test_a_statement_that_takes_too_long_is_given_up(tmp_path: Path) -> None:
    url = await url_of(tmp_path)
    store = await open_store(url, Options(timeout_ms=300))
    till = Till(store)
    order = await till.put(till.order())
    other = await asyncpg.connect(url)
    async with other.transaction():
        await other.execute("LOCK TABLE orders IN ACCESS EXCLUSIVE MODE")
        began = time.monotonic()
        assert await unavailable(store.commit(next_step(order, "late")))
        assert await unavailable(store.load(1, order.id))
        assert time.monotonic() - began < BACK_S
    assert await again(till) < BACK_S
    assert (await store.load(1, order.id)).version == 1
    await other.close()
    await store.close()


async def test_of_two_processes_one_moves_the_order(
    pair: tuple[PostgresStore, PostgresStore],
) -> None:
    till = Till(pair[0])
    orders = [await till.put(till.order()) for _ in range(20)]
    for order in orders:
        steps = [next_step(order, name) for name in ("left", "right")]
        commits = [store.commit(step) for store, step in zip(pair, steps, strict=True)]
        outcomes = await asyncio.gather(*commits)
        assert sorted(outcomes) == [Committed.DONE, Committed.STALE]
        winner = steps[outcomes.index(Committed.DONE)]
        assert await pair[1].load(1, order.id) == winner.order


async def test_of_two_processes_one_uses_the_key(pair: tuple[PostgresStore, PostgresStore]) -> None:
    till = Till(pair[0])
    for turn in range(20):
        orders = [till.order(), till.order()]
        changes = [replace(change(order), key=use(order, f"k{turn}")) for order in orders]
        commits = [store.commit(each) for store, each in zip(pair, changes, strict=True)]
        outcomes = await asyncio.gather(*commits)
        assert sorted(outcomes) == [Committed.DONE, Committed.DUPLICATE]
        used = await pair[0].key_use(1, f"k{turn}")
        assert used is not None
        assert used.order == orders[outcomes.index(Committed.DONE)].id


async def test_batches_of_two_processes_in_each_others_way(
    pair: tuple[PostgresStore, PostgresStore],
) -> None:
    till = Till(pair[0])
    orders = list(await asyncio.gather(*(till.put(till.order()) for _ in range(60))))
    both = [(pair[0], order) for order in orders] + [(pair[1], each) for each in reversed(orders)]
    outcomes = await asyncio.gather(*(store.commit(next_step(each, "x")) for store, each in both))
    assert outcomes.count(Committed.DONE) == outcomes.count(Committed.STALE) == 60


async def test_two_processes_share_the_timers(pair: tuple[PostgresStore, PostgresStore]) -> None:
    timers = [Timer(kind=Due.RELEASE, subject=number, due=1) for number in range(200)]
    await pair[0].plant(1, timers)
    want = [Want(merchant=1, lane=0, limit=60)]
    taken = await asyncio.gather(
        *(store.claim(want, now=2, holder=9, until=10**6) for store in (*pair, *pair))
    )
    subjects = [errand.timer.subject for errands in taken for errand in errands]
    assert len(subjects) == len(set(subjects))
    assert len(subjects) >= 60


async def test_worker_numbers_are_ones_own(pair: tuple[PostgresStore, PostgresStore]) -> None:
    leases = await asyncio.gather(*(store.lease() for store in (*pair, *pair)))
    assert sorted(lease.number for lease in leases) == [0, 1, 2, 3]
    assert [await lease.renew() for lease in leases] == [lease.number for lease in leases]
    await leases[0].release()
    freed = leases[0].number
    assert (await pair[1].lease()).number == freed
    assert await leases[0].renew() not in {freed, *(lease.number for lease in leases[1:])}


async def test_two_that_migrate_at_once(tmp_path: Path) -> None:
    url = await url_of(tmp_path)
    connection = await asyncpg.connect(url)
    await connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    with pytest.raises(StoreError, match="no schema in it"):
        await open_store(url, create=False)
    steps = await asyncio.gather(*(migrate_database(url) for _ in range(4)))
    assert {after for _, after in steps} == {HEAD}
    assert await migrate_database(url) == (HEAD, HEAD)
    await connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StoreError, match="step 9999, made by a newer version"):
        await migrate_database(url)
    await connection.close()


async def test_a_commit_that_waits_for_its_standby_is_not_seen_before(own: Cluster) -> None:
    store = await open_store(own.url(), QUICK)
    till = Till(store)
    other = await asyncpg.connect(own.url())
    await other.execute("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
    await other.execute("SELECT pg_reload_conf()")
    await asyncio.sleep(SEEN_S)
    order = till.order()
    assert await unavailable(store.commit(change(order)))
    await asyncio.sleep(SEEN_S)  # the driver would have the server stop waiting: then it is there
    assert not await other.fetch("SELECT FROM orders WHERE id = $1", order.id)
    await other.execute("ALTER SYSTEM RESET synchronous_standby_names")
    await other.execute("SELECT pg_reload_conf()")
    assert await again(till) < BACK_S
    assert await other.fetch("SELECT FROM orders WHERE id = $1", order.id)
    await other.close()
    await store.close()


async def test_a_host_that_is_frozen_hides_no_other(tmp_path: Path) -> None:
    whole = await url_of(tmp_path)
    port = whole.partition("127.0.0.1:")[2].partition("/")[0]
    with socket.create_server(("127.0.0.1", 0)) as frozen:  # takes connections, and says nothing
        both = f"127.0.0.1:{frozen.getsockname()[1]},127.0.0.1:{port}"
        url = whole.replace(f"127.0.0.1:{port}", both) + "?target_session_attrs=read-write"
        store = await open_store(url, Options(timeout_ms=1_000))
        till = Till(store)
        try:
            assert await again(till) < BACK_S
            began = time.monotonic()
            await asyncio.gather(*(till.put(till.order()) for _ in range(100)))
            assert time.monotonic() - began < BACK_S
        finally:
            await store.close()


async def test_of_many_frozen_connections_one_is_found_out(tmp_path: Path) -> None:
    async with relayed(await url_of(tmp_path)) as (url, line):
        store = await open_store(url, QUICK)
        till = Till(store)
        await asyncio.gather(*(till.put(till.order()) for _ in range(300)))
        assert len(store._link._pool._holders) > 1
        line.freeze()
        began = time.monotonic()
        assert await unavailable(store.commit(change(till.order())))
        took_s = time.monotonic() - began
        for _ in range(2 * Options().connections):
            await till.put(till.order())
        assert time.monotonic() - began < 2 * took_s
        await store.close()


async def test_an_address_that_does_not_answer_is_named_without_its_password() -> None:
    for address in (
        "postgresql://me:hush@127.0.0.1:1/x",
        "postgresql://127.0.0.1:1/x?password=hush",
    ):
        with pytest.raises(StoreError, match=r"127\.0\.0\.1:1") as found:
            await open_store(address)
        assert "hush" not in str(found.value)


def test_texts_that_postgresql_cannot_hold_come_back_as_they_were() -> None:
    for text in ("", "a", "\0", "\x1a", "\x1a0", "\x1a\0", "\0\x1a\x1a0\0\0", "x\x1a\x1ay"):
        assert "\0" not in escaped(text)
        assert plain(escaped(text)) == text
    assert len({escaped(text) for text in ("\0", "\x1a0", "\x1a", "0")}) == 4
