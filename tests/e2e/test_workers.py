"""Several processes on one port: all serve, one that dies is replaced, none outlives its parent."""

import asyncio
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest
import uvloop
from tests.cluster import fresh_url
from tests.e2e.client import Client, payment
from tests.e2e.server import Server, assert_books_agree, serving

WORKERS = 3
WITHIN_S = 30
HELD = """SELECT number FROM workers
WHERE held_until > extract(epoch FROM clock_timestamp()) * 1000000"""
FOLLOWED_S = 5  # a second, on a busy machine


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with serving(tmp_path, "--workers", str(WORKERS), url=fresh_url(tmp_path)) as server:
        yield server
    server.verify()
    assert_books_agree(server)


def children(server: Server) -> list[int]:
    """The processes that serve."""
    found = subprocess.run(
        ["pgrep", "-P", str(server.process.pid)], check=False, capture_output=True, text=True
    )
    return [int(each) for each in found.stdout.split()]


def numbers(server: Server) -> set[int]:
    """The worker numbers that are held."""

    async def ask() -> set[int]:
        connection = await asyncpg.connect(server.url)
        rows = await connection.fetch(HELD)
        await connection.close()
        return {row["number"] for row in rows}

    return asyncio.run(ask())


async def authorize(server: Server, callers: int) -> set[int]:
    """The worker numbers in the ids of so many new orders, each on a connection of its own."""

    async def one() -> int:
        async with Client(server.port) as client:
            answer = await client.post("/orders/authorize", payment())
        return int(answer.order.id) & 0xFF

    return set(await asyncio.gather(*(one() for _ in range(callers))))


def test_all_of_them_serve_and_make_ids_of_their_own(server: Server) -> None:
    assert len(children(server)) == WORKERS
    held = numbers(server)
    assert len(held) == WORKERS
    assert uvloop.run(authorize(server, 60)) == held


def test_one_that_dies_is_replaced(server: Server) -> None:
    before = children(server)
    subprocess.run(["kill", "-KILL", str(before[0])], check=True)
    began = time.monotonic()
    while len(set(children(server)) - {before[0]}) < WORKERS:
        assert time.monotonic() - began < WITHIN_S
        time.sleep(0.1)
    while len(numbers(server)) < WORKERS:
        assert time.monotonic() - began < WITHIN_S
        time.sleep(0.1)
    assert "another one takes its place" in server.errors()


def test_new_credentials_and_terms_are_seen_by_all(server: Server) -> None:
    done = server.command("merchant", "add", "Shop", "--login", "shop", "--json")
    assert done.status == 0, done.err
    password = done.out.partition('"password"')[2].split('"')[1]

    async def all_know() -> bool:
        answers = []
        for _ in range(20):
            async with Client(server.port, ("shop", password)) as client:
                answers.append(await client.get("/ping"))
        return all(answer.status == 200 for answer in answers)

    began = time.monotonic()
    while not uvloop.run(all_know()):
        assert time.monotonic() - began < FOLLOWED_S
        time.sleep(0.2)


def test_none_outlives_its_parent(tmp_path: Path) -> None:
    server = Server(tmp_path, "--demo", "--workers", "2", url=fresh_url(tmp_path))
    server.start()
    orphans = children(server)
    assert len(orphans) == 2
    server.process.send_signal(signal.SIGKILL)
    server.process.wait()
    began = time.monotonic()
    while any(Path(f"/proc/{each}").exists() for each in orphans):
        assert time.monotonic() - began < WITHIN_S
        time.sleep(0.1)


def test_what_cannot_start_says_so_once(tmp_path: Path) -> None:
    with serving(tmp_path, url=fresh_url(tmp_path)) as first:
        second = Server(tmp_path, "--workers", "2", url=first.url)
        done = second.command("serve", "--workers", "2", "--port", str(first.port))
    assert done.status == 2
    assert done.err.startswith("counterfoil: cannot listen on")
