"""Moving house and backups: everything arrives, once, and an interrupted copy goes on."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import apsw
import pytest
from tests.cli.conftest import Run
from tests.cluster import fresh_url
from tests.contract.stores import Till, named, sealed, use

from counterfoil.config import Settings
from counterfoil.core.callbacks import Endpoint
from counterfoil.core.keeping import Kept
from counterfoil.core.merchant import Credential
from counterfoil.core.order import Kind
from counterfoil.core.ports import DataKey, OrderQuery, Store
from counterfoil.core.timers import Due, Timer
from counterfoil.database import open_house, open_store
from counterfoil.store import moving
from counterfoil.testing import demo_merchant

ORDERS = 40


def within(url: str, act: Callable[[Store], Awaitable[None]]) -> None:
    """Do it with the store of that address open."""

    async def run() -> None:
        store = await open_store(Settings(database=url), create=True)
        try:
            await act(store)
        finally:
            await store.close()

    asyncio.run(run())


async def fill(store: Store) -> None:
    """Something in every table, of two merchants."""
    till = Till(store)
    for number in (1, 2):
        await store.save_merchant(demo_merchant(number))
        login = f"Ünal {number} \x1a"
        await store.save_credential(
            Credential(wire="bizon", login=login, merchant=number, secret_hash=b"\x00\xff")
        )
        await store.plant(number, [Timer(kind=Due.EXPIRE, subject=each, due=9) for each in (1, 2)])
        await store.save_endpoint(
            Endpoint(merchant=number, id=7, wire="standard", url="https://a.example", created=1)
        )
        assert await store.keep(Kept(merchant=number, kind="account", id=7, body="{}"))
        for turn in range(ORDERS):
            order = till.order(number, client=named(f"Ünal {turn}"), reference=f"R\x00{turn}")
            order = await till.put(order, key=use(order, f"k{turn}"))
            if turn % 2:
                await till.charged(order)
    await till.begin(await till.put(till.full(), cards=(sealed(5),)), Kind.AUTHORIZE)
    await store.save_data_key(DataKey(id=5, wrapped=b"\x01\x00", active=False))


async def nothing(_: Store) -> None:
    """Only the schema."""


@pytest.fixture
def urls(tmp_path: Path) -> dict[str, str]:
    """An address of each kind, and a second file."""
    return {
        "file": f"sqlite:///{tmp_path}/a.db",
        "server": fresh_url(tmp_path),
        "other": f"sqlite:///{tmp_path}/b.db",
    }


def same(left: str, right: str) -> bool:
    """Whether both hold the same."""

    async def held(url: str) -> list[moving.Counted]:
        house = await open_house(Settings(database=url))
        try:
            return await moving.digests(house, lambda _: None)
        finally:
            await house.close()

    ours, theirs = asyncio.run(held(left)), asyncio.run(held(right))
    empty = {each.table for each in ours} - {each.table for each in ours if each.rows}
    assert empty <= {"issuers", "attempts", "rates"}
    return ours == theirs


def test_there_and_back(anywhere: Run, urls: dict[str, str]) -> None:
    within(urls["file"], fill)
    for old, new in (("file", "server"), ("server", "other")):
        done = anywhere("copy", "--from", urls[old], "--to", urls[new])
        assert done.status == 0, done.err
        assert f"{2 * ORDERS + 1} orders proved" in done.err
        assert same(urls[old], urls[new])

    async def look(store: Store) -> None:
        found = await store.orders(OrderQuery(merchant=2, limit=100, name_part="ünal 1"))
        assert len(found) == 11
        assert await store.orders(OrderQuery(merchant=1, limit=9, references=("R\x003",)))
        assert await store.credential("bizon", "Ünal 2 \x1a") is not None

    for url in urls.values():
        within(url, look)


@pytest.mark.parametrize(("source", "target"), [("file", "server"), ("server", "other")])
def test_a_copy_goes_on_where_it_stopped(
    anywhere: Run, urls: dict[str, str], source: str, target: str
) -> None:
    within(urls[source], fill)
    within(urls[target], nothing)

    async def half() -> None:
        old = await open_house(Settings(database=urls[source]))
        new = await open_house(Settings(database=urls[target]))
        left = 150

        def told(rows: int) -> None:
            nonlocal left
            left -= rows
            if left < 0:
                raise KeyboardInterrupt

        try:
            await moving.copy(old, new, told)
        finally:
            await old.close()
            await new.close()

    with pytest.raises(KeyboardInterrupt):
        asyncio.run(half())
    for _ in range(2):
        done = anywhere("copy", "--from", urls[source], "--to", urls[target])
        assert done.status == 0, done.err
        assert same(urls[source], urls[target])


def test_a_house_with_other_tenants_is_refused(anywhere: Run, urls: dict[str, str]) -> None:
    within(urls["file"], fill)

    async def tenant(store: Store) -> None:
        await store.save_merchant(demo_merchant(9))

    within(urls["server"], tenant)
    done = anywhere("copy", "--from", urls["file"], "--to", urls["server"])
    assert "the target holds merchant 9" in done.fault


def test_another_order_of_the_same_number_is_told(anywhere: Run, urls: dict[str, str]) -> None:
    within(urls["file"], fill)

    async def strange(store: Store) -> None:
        await store.save_merchant(demo_merchant(1))
        await Till(store).put(Till(store).order(description="only here"))

    within(urls["other"], strange)
    done = anywhere("copy", "--from", urls["file"], "--to", urls["other"])
    assert done.status == 1
    assert "orders of merchant 1" in done.err


def test_a_backup_is_the_database_of_one_moment(anywhere: Run, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/a.db"
    within(url, fill)
    kept = tmp_path / "kept.db"
    other = apsw.Connection(str(tmp_path / "a.db"))  # somebody serves it
    assert anywhere("backup", str(kept), "--database", url).status == 0
    other.close()
    assert kept.stat().st_mode & 0o777 == 0o600
    assert same(url, f"sqlite:///{kept}")
    assert anywhere("verify", "--database", f"sqlite:///{kept}").status == 0
    assert "is there already" in anywhere("backup", str(kept), "--database", url).fault
    nowhere = anywhere("backup", str(tmp_path / "x"), "--database", f"sqlite:///{tmp_path}/no.db")
    assert "there is no database" in nowhere.fault
    server = anywhere("backup", str(tmp_path / "x"), "--database", "postgresql://127.0.0.1:1/x")
    assert "pg_dump" in server.fault
