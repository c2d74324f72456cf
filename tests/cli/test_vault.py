"""vault: keys change under stored cards, while serving and not."""

import asyncio
from pathlib import Path

import apsw
import uvloop
from tests.cli.conftest import Run
from tests.e2e.client import Client
from tests.e2e.server import Finished, Server, serving

CARDS = 40
REBILL = {"amount": "5.00", "cvv": "333"}


def keys_in_use(database: Path) -> dict[int, int]:
    """How many cards are sealed under each data key."""
    connection = apsw.Connection(str(database), flags=apsw.SQLITE_OPEN_READONLY)
    found = connection.execute("SELECT key_id, count(*) FROM cards GROUP BY key_id").fetchall()
    connection.close()
    return {int(str(key)): int(str(number)) for key, number in found}


async def rebilled(client: Client, orders: list[str]) -> None:
    for number in orders:
        answer = await client.post(f"/orders/{number}/rebill", REBILL)
        assert answer.order.done == ["authorize"]


def test_cards_are_rebilled_before_during_and_after_a_rotation(tmp_path: Path) -> None:
    async def act(server: Server) -> Finished:
        async with Client(server.port) as client:
            orders = [(await client.authorized()).id for _ in range(CARDS)]
            await rebilled(client, orders[:5])
            turning = asyncio.create_task(asyncio.to_thread(server.command, "vault", "rotate"))
            while not turning.done():
                await rebilled(client, orders[:5])
                orders.append((await client.authorized()).id)
            await rebilled(client, orders)
            orders.append((await client.authorized()).id)
            return await turning

    with serving(tmp_path) as server:
        done = uvloop.run(act(server))
    assert done.status == 0, done.err
    assert len(keys_in_use(server.database)) == 1, "every card is under the new key"
    server.verify()


def test_rotation_may_be_repeated(seeded: Run, database: Path) -> None:
    for _ in range(2):
        done = seeded("vault", "rotate")
        assert (done.status, done.out) == (0, "")
        assert "0 cards seen, 0 sealed again" in done.err
    connection = apsw.Connection(str(database))
    active = connection.execute("SELECT count(*) FROM data_keys WHERE active").fetchall()
    connection.close()
    assert active == [(1,)]


def test_a_new_master_key_opens_what_the_old_one_did(tmp_path: Path) -> None:
    server = Server(tmp_path, "--demo")
    server.start()
    number = uvloop.run(_authorized(server))
    server.stop()
    fresh = tmp_path / "next.key"
    done = server.command("vault", "rotate-master", str(fresh))
    assert done.status == 0, done.err
    assert fresh.stat().st_mode & 0o777 == 0o600
    server.launch()  # with the old one
    assert server.wait() == 2
    assert "wrong master key" in server.errors()
    fresh.replace(server.database.with_suffix(".key"))
    server.start()
    uvloop.run(_rebilled(server, number))
    server.stop()


def test_an_interrupted_change_of_the_master_is_run_again(seeded: Run, tmp_path: Path) -> None:
    fresh = str(tmp_path / "next.key")
    assert seeded("vault", "rotate-master", fresh).status == 0
    again = seeded("vault", "rotate-master", fresh)
    assert (again.status, again.out) == (0, "")


def test_without_the_old_master_nothing_is_changed(seeded: Run, tmp_path: Path) -> None:
    (tmp_path / "gateway.key").unlink()
    assert "gateway.key" in seeded("vault", "rotate-master", str(tmp_path / "next.key")).fault
    assert not (tmp_path / "next.key").exists()


def test_a_file_that_is_no_key_is_refused(seeded: Run, tmp_path: Path) -> None:
    (tmp_path / "next.key").write_text("not a key\n")
    (tmp_path / "next.key").chmod(0o600)
    assert "44 characters" in seeded("vault", "rotate-master", str(tmp_path / "next.key")).fault
    assert seeded("verify").status == 0


async def _authorized(server: Server) -> str:
    async with Client(server.port) as client:
        return (await client.authorized()).id


async def _rebilled(server: Server, number: str) -> None:
    async with Client(server.port) as client:
        await rebilled(client, [number])
