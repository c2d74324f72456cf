"""The serving process: how it starts, drains and stops, what it tells of itself and follows."""

import asyncio
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import apsw
import pytest
import uvloop
from msgspec import json
from tests.e2e.client import HOST, Answer, Client, Request, payment, read
from tests.e2e.server import PROGRAM, READY, START_S, Server, program, serving, variables

from counterfoil.store.tables import HEAD

FOLLOWS_S: Final = 5  # promised is a second; the machine may be busy
SLOW_MS: Final = "1500"


@pytest.fixture
def own(tmp_path: Path) -> Server:
    """A server that has not been started; what a test starts it stops."""
    return Server(tmp_path, "--demo")


def during(server: Server, work: Callable[[Client], Awaitable[None]]) -> None:
    """Do it as the demo merchant."""

    async def act() -> None:
        async with Client(server.port) as client:
            await work(client)

    uvloop.run(act())


def ask(server: Server, method: str, path: str, body: bytes = b"") -> Answer:
    """One answer."""

    async def act() -> Answer:
        async with Client(server.port) as client:
            return await client.ask(Request(method=method, path=path, body=body))

    return uvloop.run(act())


def authorize(server: Server, **changes: object) -> Answer:
    return ask(server, "POST", "/orders/authorize", json.encode(payment() | changes))


def soon(condition: Callable[[], bool], within_s: float = FOLLOWS_S) -> bool:
    """Whether it comes true while a running gateway has to follow."""
    limit = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > limit:
            return False
        time.sleep(0.1)
    return True


def refused(server: Server, *words: str) -> str:
    """What a server that cannot start says: one line, exit status 2, nothing on standard output."""
    server.launch()
    assert server.wait() == 2, server.errors()
    (line,) = server.errors().splitlines()
    for word in words:
        assert word in line
    return line


def test_it_is_live_and_ready(server: Server) -> None:
    live, ready = ask(server, "GET", "/health/live"), ask(server, "GET", "/health/ready")
    assert (live.status, live.body) == (200, b'{"status":"live"}')
    assert (ready.status, ready.body) == (200, b'{"status":"ready"}')


def test_metrics_count_by_wire_and_status_and_name_no_order(server: Server) -> None:
    number = authorize(server).order.id
    ask(server, "GET", f"/orders/{number}")
    ask(server, "GET", "/orders/1")
    metrics = ask(server, "GET", "/metrics")
    text = metrics.body.decode()
    assert metrics.status == 200
    assert b"text/plain; version=0.0.4" in metrics.head
    assert re.search(r'counterfoil_requests_total{status="200",wire="bizon"} \d+', text)
    assert re.search(r'counterfoil_requests_total{status="404",wire="bizon"} \d+', text)
    assert 'counterfoil_request_seconds_bucket{le="0.005",wire="bizon"}' in text
    assert number not in text


@pytest.mark.parametrize("path", ["/", "/nowhere", "/health", "/health/other", "/ordersx", "//"])
def test_an_unknown_path_is_not_found(server: Server, path: str) -> None:
    answer = ask(server, "GET", path)
    assert answer.status == 404
    assert json.decode(answer.body)["message"] == "Not found"


def test_an_unknown_call_of_a_wire_is_not_found_in_its_form(server: Server) -> None:
    answer = ask(server, "GET", "/orders/1/nowhere")
    assert (answer.status, answer.failure.failure_message) == (404, "Not found")


def test_requests_sent_ahead_on_one_connection_are_answered_in_turn(server: Server) -> None:
    async def act(client: Client) -> None:
        numbers = [(await client.authorized()).id for _ in range(5)]
        requests = [Request(method="GET", path=f"/orders/{number}") for number in numbers]
        reader, writer = await asyncio.open_connection(HOST, server.port)
        writer.write(b"".join(client.encoded(each) for each in requests))
        found = [(await read(reader)).order.id for _ in requests]
        writer.close()
        await writer.wait_closed()
        assert found == numbers

    during(server, act)


def test_a_request_that_comes_in_pieces_is_answered(server: Server) -> None:
    async def act(client: Client) -> None:
        body = json.encode(payment())
        request = Request(method="POST", path="/orders/authorize", body=body)
        reader, writer = await asyncio.open_connection(HOST, server.port)
        encoded = client.encoded(request)
        for start in range(0, len(encoded), 100):
            writer.write(encoded[start : start + 100])
            await writer.drain()
            await asyncio.sleep(0.005)
        assert (await read(reader)).order.status == "authorized"
        writer.close()
        await writer.wait_closed()

    during(server, act)


def test_a_caller_who_hangs_up_leaves_the_order_whole(server: Server) -> None:
    async def act(client: Client) -> None:
        body = json.encode(payment(merchant_order_id="hung-up"))
        request = Request(method="POST", path="/orders/authorize", body=body)
        _, writer = await asyncio.open_connection(HOST, server.port)
        writer.write(client.encoded(request))
        await writer.drain()
        writer.close()
        await writer.wait_closed()
        for _ in range(100):
            path = "/orders/?merchant_order_id=hung-up&expand=operations"
            found = (await client.get(path)).orders
            if found and found[0].done:
                break
            await asyncio.sleep(0.05)
        assert [order.status for order in found] == ["authorized"]

    during(server, act)


def test_a_merchants_new_settings_are_followed_while_serving(server: Server) -> None:
    body = payment(merchant_order_id="no-digits") | {
        "card": {"holder": "John Smith", "expiration_month": 12, "expiration_year": 2039}
    }

    def status() -> int:
        return ask(server, "POST", "/orders/authorize", json.encode(body)).status

    assert status() == 422
    assert server.command("merchant", "set", "1", "cvv_required=false").status == 0
    assert soon(lambda: status() == 200)
    assert server.command("merchant", "set", "1", "cvv_required=true").status == 0
    assert soon(lambda: status() == 422)


def test_the_clock_moves_forward_while_serving(own: Server) -> None:
    def date() -> datetime:
        told: dict[str, str] = json.decode(ask(own, "GET", "/ping").body)
        return datetime.strptime(told["date"], "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)

    own.start()
    before = date()
    moved = own.command("sandbox", "advance", "48h")
    assert moved.status == 0, moved.err
    assert soon(lambda: date() - before >= timedelta(hours=48))
    assert date() - before < timedelta(hours=49)
    assert authorize(own).status == 200
    own.stop()
    own.start()
    assert date() - before >= timedelta(hours=48)
    own.stop()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_what_is_running_is_finished_before_it_stops(tmp_path: Path, number: int) -> None:
    server = Server(tmp_path, "--demo", sandbox_latency_ms=SLOW_MS)
    server.start()

    async def act(client: Client) -> None:
        asked = asyncio.create_task(client.post("/orders/authorize", payment()))
        await asyncio.sleep(0.5)
        server.process.send_signal(number)
        made = (await asked).order
        assert made.done == ["authorize"]

    during(server, act)
    assert server.wait() == 0
    server.verify()
    assert server.pending() == 0


def test_an_idle_connection_does_not_keep_it_from_stopping(own: Server) -> None:
    own.start()
    with socket.create_connection((HOST, own.port)):
        began = time.monotonic()
        own.stop()
        assert time.monotonic() - began < 10


def catches(pid: int, number: signal.Signals) -> bool:
    """Whether the process has a handler for that signal, as the system tells it."""
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"SigCgt:\s*([0-9a-f]+)", status)
    return found is not None and bool(int(found.group(1), 16) >> (number - 1) & 1)


def test_it_stops_also_while_it_is_starting(own: Server) -> None:
    own.launch()
    while not catches(own.process.pid, signal.SIGTERM):
        time.sleep(0.001)
    own.ask_to_stop()
    try:
        assert own.process.wait(10) in {0, -signal.SIGTERM}
    except subprocess.TimeoutExpired:
        raise AssertionError("a stop that comes before it is ready is forgotten") from None
    finally:
        own.kill()


def test_a_restart_keeps_orders(own: Server) -> None:
    own.start()
    made = authorize(own, merchant_order_id="kept").order
    own.stop()
    own.start()
    after = ask(own, "GET", f"/orders/{made.id}?expand=operations").order
    charged = ask(own, "PUT", f"/orders/{made.id}/charge").order
    own.stop()
    assert (after.merchant_order_id, after.operations) == ("kept", made.operations)
    assert charged.done == ["authorize", "charge"]


def test_what_was_waited_for_when_it_died_is_resolved_at_once(tmp_path: Path) -> None:
    server = Server(tmp_path, "--demo", sandbox_latency_ms=SLOW_MS)
    server.start()

    async def act(client: Client) -> None:
        asked = [asyncio.create_task(client.post("/orders/authorize", payment())) for _ in range(3)]
        await asyncio.sleep(0.5)
        server.kill()
        for each in await asyncio.gather(*asked, return_exceptions=True):
            assert isinstance(each, BaseException)

    during(server, act)
    waited = server.pending()
    server.start()
    resolved = soon(lambda: server.pending() == 0)  # an answer may take 20 s: no need to wait
    server.stop()
    assert (waited, resolved) == (3, True)
    server.verify()


def test_of_two_that_start_at_once_on_a_new_file_one_serves(tmp_path: Path) -> None:
    servers = [Server(tmp_path, "--demo"), Server(tmp_path, "--demo")]
    servers[1]._starts = 10  # its output goes elsewhere
    with ExitStack() as stack:
        for each in servers:
            each.launch()
            stack.callback(each.process.kill)  # nothing, where it has ended
        assert soon(lambda: any(each.process.poll() is not None for each in servers), START_S)
        (other,) = [each for each in servers if each.process.poll() is not None]
        (first,) = [each for each in servers if each is not other]
        assert other.wait() == 2
        (line,) = other.errors().splitlines()
        assert "is the gateway running already?" in line
        assert soon(lambda: READY in first._out().read_text(), START_S)
        first.stop()


def test_without_its_master_key_it_does_not_start(own: Server) -> None:
    own.start()
    authorize(own)
    own.stop()
    key = own.database.with_suffix(".key")
    key.unlink()
    refused(own, "master key", "missing", str(key))
    assert not key.exists()


def test_with_another_master_key_it_does_not_start(own: Server, tmp_path: Path) -> None:
    own.start()
    own.stop()
    (tmp_path / "other").mkdir()
    with serving(tmp_path / "other") as other:
        assert other.port
    shutil.copy(other.database.with_suffix(".key"), own.database.with_suffix(".key"))
    refused(own, "wrong master key")


def test_with_a_master_key_that_others_may_read_it_does_not_start(own: Server) -> None:
    own.start()
    own.stop()
    own.database.with_suffix(".key").chmod(0o644)
    refused(own, "chmod 600")


def test_a_database_of_a_newer_schema_is_refused_and_left_alone(own: Server) -> None:
    assert own.command("migrate").status == 0
    connection = apsw.Connection(str(own.database))
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    refused(own, "9999")
    connection = apsw.Connection(str(own.database))
    assert list(connection.execute("SELECT version_num FROM alembic_version")) == [("9999",)]
    connection.close()


def test_an_empty_file_is_brought_to_the_newest_schema(own: Server) -> None:
    own.database.touch()
    own.start()
    assert authorize(own).status == 200
    own.stop()


def test_what_is_no_database_is_refused_and_left_alone(own: Server) -> None:
    own.database.write_bytes(b"no database, but somebody's notes\n" * 100)
    refused(own, "gateway.db")
    assert own.database.read_bytes() == b"no database, but somebody's notes\n" * 100


def test_a_port_that_is_taken_is_one_clear_line(tmp_path: Path) -> None:
    with socket.create_server((HOST, 0)) as taken:
        port = str(taken.getsockname()[1])
        done = program("serve", "--port", port, "--database", f"sqlite:///{tmp_path}/gateway.db")
    assert done.status == 2, done.err
    (line,) = done.err.splitlines()
    assert line.startswith("counterfoil: ")
    assert port in line


def test_migrate_is_safe_twice_and_from_several_processes_at_once(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/gateway.db"
    command = [PROGRAM, "migrate", "--database", url]
    at_once = [
        subprocess.Popen(command, stderr=subprocess.PIPE, env=variables({})) for _ in range(8)
    ]
    ended = [(process.communicate()[1].decode(), process.returncode) for process in at_once]
    assert [status for _, status in ended] == [0] * 8, ended
    again = program("migrate", "--database", url)
    assert (again.status, again.err) == (0, f"at step {HEAD} already\n")


def test_its_files_are_for_its_owner_alone(server: Server) -> None:
    names = {"gateway.db", "gateway.db-wal", "gateway.db-shm", "gateway.key"}
    found = {file.name: file.stat().st_mode & 0o777 for file in server.folder.iterdir()}
    assert names | {"gateway.sandbox.jsonl"} <= found.keys()
    modes = {name: oct(mode) for name, mode in found.items() if not name.endswith(("out", "err"))}
    assert set(modes.values()) == {"0o600"}, modes
