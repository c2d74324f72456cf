"""verify finds what was tampered with; sandbox shows the bank's book and moves the clock."""

import shutil
from datetime import datetime, timedelta
from pathlib import Path

import apsw
import pytest
import uvloop
from msgspec import json
from tests.cli.conftest import Run, left_in
from tests.e2e.client import Client
from tests.e2e.server import Server, serving


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> Server:
    """A gateway that has served three orders and is stopped."""

    async def act(server: Server) -> None:
        async with Client(server.port) as client:
            for _ in range(3):
                number = (await client.charged()).id
                assert (await client.put(f"/orders/{number}/refund", {"amount": "1.00"})).order

    with serving(tmp_path_factory.mktemp("proof")) as server:
        uvloop.run(act(server))
    return server


@pytest.fixture
def copied(used: Server, run: Run, tmp_path: Path) -> Run:
    """Commands over a copy of its files."""
    for file in used.folder.iterdir():
        shutil.copy(file, tmp_path / file.name)
    return run


def execute(database: Path, statement: str) -> None:
    connection = apsw.Connection(str(database))
    connection.execute(statement)
    assert connection.changes() > 0, "it changes nothing, so it proves nothing"
    connection.close()


def test_verify_prints_the_counts_and_the_accounts(copied: Run) -> None:
    done = copied("verify")
    lines = dict(line.split("\t", 1) for line in done.out.splitlines() if line.count("\t") == 1)
    assert (done.status, done.err) == (0, "everything agrees\n")
    assert {name: lines[name] for name in ("merchants", "orders", "operations", "pending")} == {
        "merchants": "2",
        "orders": "3",
        "operations": "9",
        "pending": "0",
    }
    accounts = [line.split("\t") for line in done.out.splitlines() if line.count("\t") == 3]
    assert sum(round(float(row[2]) * 100) for row in accounts) == 0
    told = json.decode(copied("verify", "--json").out)
    assert (told["orders"], told["operations"]) == (3, 9)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE orders SET body = replace(body, '10000', '20000')",
        "UPDATE orders SET body = replace(body, '\"approved\"', '\"declined\"')",
        "UPDATE orders SET version = version + 1",
        "UPDATE orders SET standing = 'new'",
        "UPDATE orders SET bin = '555555'",
        "UPDATE orders SET reference = 'x'",
        "UPDATE operations SET body = replace(body, '10000', '1') WHERE kind = 'charge'",
        "UPDATE operations SET outcome = 'declined' WHERE kind = 'refund'",
        "UPDATE operations SET kind = 'charge' WHERE kind = 'refund'",
        "UPDATE operations SET id = id + 1 WHERE kind = 'refund'",
        "UPDATE orders SET id = id + 1",
        "UPDATE orders SET body = replace(body, '10000', '5000')",
        "UPDATE postings SET currency = 'QQQ' WHERE account = 'fee'",
        "UPDATE operations SET order_id = (SELECT max(id) FROM orders) WHERE kind = 'refund'",
        "DELETE FROM operations WHERE kind = 'refund'",
        "UPDATE postings SET minor = minor + 1",
        "UPDATE postings SET minor = minor * 2",
        "DELETE FROM postings WHERE operation_id = (SELECT max(operation_id) FROM postings)",
        "INSERT INTO postings VALUES (1, 1, 'fee', 'USD', 5)",
        "UPDATE postings SET currency = 'EUR'",
        "UPDATE postings SET account = 'reserve' WHERE account = 'fee'",
        "DELETE FROM orders WHERE id = (SELECT max(id) FROM orders)",
        "DELETE FROM merchants WHERE id = 1",
    ],
    ids=lambda statement: statement.lower(),
)
def test_verify_finds_what_was_tampered_with(copied: Run, database: Path, statement: str) -> None:
    execute(database, statement)
    done = copied("verify")
    assert done.status == 1, done.out
    assert "merchant 1 order " in done.err
    assert "Traceback" not in done.err
    told = json.decode(copied("verify", "--json").out)
    assert told["differences"]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE orders SET body = 'no order'",
        "UPDATE operations SET body = '{}'",
        "UPDATE postings SET account = 'nosuch' WHERE account = 'fee'",
    ],
    ids=lambda statement: statement.lower(),
)
def test_what_can_no_longer_be_read_is_named_in_a_line(
    copied: Run, database: Path, statement: str
) -> None:
    execute(database, statement)
    assert "of merchant 1 is damaged" in copied("verify").fault


def test_verify_needs_no_key(copied: Run, tmp_path: Path) -> None:
    (tmp_path / "gateway.key").unlink()
    assert copied("verify").status == 0


def test_verify_changes_nothing(copied: Run, tmp_path: Path) -> None:
    before = left_in(tmp_path)
    assert copied("verify").status == 0
    assert left_in(tmp_path) == before


def test_the_book_is_printed(copied: Run) -> None:
    rows = copied("sandbox", "book", "--json").rows
    assert [row["kind"] for row in rows] == ["authorize", "charge", "refund"] * 3
    assert rows[0]["outcome"] == "approved"
    plain = copied("sandbox", "book", "--last", "2").out.splitlines()
    assert [line.split("\t")[1] for line in plain] == ["charge", "refund"]
    totals = json.decode(copied("sandbox", "book", "--totals").out)
    assert sorted(map(str, totals.values())) == [
        *["{'authorize': 10000, 'charge': 10000}"] * 3,
        *["{'refund': 100}"] * 3,
    ]


def test_before_the_first_entry_there_is_no_book(run: Run, tmp_path: Path) -> None:
    assert run("migrate").status == 0
    before = left_in(tmp_path)
    done = run("sandbox", "book")
    assert (done.status, done.out) == (0, "")
    assert "nothing is booked yet" in done.err
    assert left_in(tmp_path) == before


def test_a_damaged_book_is_one_line(copied: Run, tmp_path: Path) -> None:
    (tmp_path / "gateway.sandbox.jsonl").write_text("no book at all\n")
    assert "gateway.sandbox.jsonl" in copied("sandbox", "book").fault
    assert (tmp_path / "gateway.sandbox.jsonl").read_text() == "no book at all\n"


def test_the_clock_is_moved_forward_for_good(run: Run) -> None:
    began = datetime.fromisoformat(run("sandbox", "clock").out.strip())
    for words in ("48h", "30m", "90", "1d"):
        assert run("sandbox", "advance", words).status == 0
    moved = datetime.fromisoformat(run("sandbox", "clock").out.strip())
    due = timedelta(hours=72, minutes=30, seconds=90)
    assert due <= moved - began < due + timedelta(minutes=1)


def test_a_damaged_clock_is_one_line(run: Run, tmp_path: Path) -> None:
    (tmp_path / "gateway.clock").write_text("soon\n")
    assert "gateway.clock" in run("sandbox", "clock").fault


def test_a_clock_that_is_beyond_what_can_be_told_is_damaged(run: Run, tmp_path: Path) -> None:
    (tmp_path / "gateway.clock").write_text("9" * 19)
    assert "gateway.clock" in run("sandbox", "clock").fault


@pytest.mark.parametrize("by", ["", "soon", "5x", "-5", "+5", "1.5h", "1e3", "٣", "9999999999"])
def test_what_is_no_duration_moves_nothing(run: Run, tmp_path: Path, by: str) -> None:
    done = run("sandbox", "advance", by)
    assert done.status == 2
    assert left_in(tmp_path) == {}


def test_a_clock_is_not_moved_beyond_what_can_be_told(run: Run, tmp_path: Path) -> None:
    done = run("sandbox", "advance", "999999999d")
    assert "duration" in done.fault
    assert left_in(tmp_path) == {}
