"""The floor does what the yardstick must: decode, commit the rows, answer the bytes."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import apsw
import msgspec
import pytest

from counterfoil.bench.calls import BODY, ORDER, SIGNED
from counterfoil.bench.floor import SIZES, Floor, Message, Scope, parse_sizes
from counterfoil.bench.writer import ORDERS, Writer, chunks, statement

Asked = tuple[str, str, bytes]


async def exchange(floor: Floor, asked: Asked, *, pieces: int = 1) -> bytes:
    method, target, body = asked
    path, _, query = target.partition("?")
    size = len(body) // pieces + 1
    parts = [body[at : at + size] for at in range(0, len(body), size)] or [b""]
    told: list[Message] = []

    async def receive() -> Message:
        part = parts.pop(0)
        return {"type": "http.request", "body": part, "more_body": bool(parts)}

    async def send(message: Message) -> None:
        told.append(message)

    await floor(Scope(method=method, path=path, query_string=query.encode()), receive, send)
    start, end = told
    assert start["status"] == 200
    answer = end["body"]
    assert isinstance(answer, bytes)
    assert start["headers"] == [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(answer)).encode()),
    ]
    return answer


def converse(path: Path, asked: Sequence[Asked], *, pieces: int = 1) -> list[bytes]:
    async def run() -> list[bytes]:
        floor = Floor(path, SIZES)
        try:
            return [await exchange(floor, each, pieces=pieces) for each in asked]
        finally:
            floor.close()

    return asyncio.run(run())


def counts(path: Path) -> tuple[int, ...]:
    """How many orders, operations, cards, postings, notices and timers there are."""
    connection = apsw.Connection(str(path))
    tables = ("orders", "operations", "cards", "postings", "notices", "timers")
    return tuple(len(connection.execute(f"select 1 from {each}").fetchall()) for each in tables)  # noqa: S608


AUTHORIZE: Asked = ("POST", "/orders/authorize", BODY.encode())


@pytest.mark.parametrize("pieces", [1, 3])
def test_authorize_leaves_its_rows_and_answers_its_bytes(tmp_path: Path, pieces: int) -> None:
    path = tmp_path / "floor.db"
    (answer,) = converse(path, [AUTHORIZE], pieces=pieces)
    assert len(answer) == SIZES["authorize"]
    order = msgspec.json.decode(answer)["orders"][0]["id"]
    assert int(order) > 0
    assert counts(path) == (1, 1, 1, 0, 1, 1)


def test_an_order_on_a_known_card_leaves_no_card(tmp_path: Path) -> None:
    path = tmp_path / "floor.db"
    asked = [("POST", call.path, (call.body or "").encode()) for call in (SIGNED, ORDER)]
    answers = converse(path, asked)
    assert [len(each) for each in answers] == [SIZES["signed"], SIZES["order"]]
    assert counts(path) == (2, 2, 0, 0, 2, 2)


def test_charge_and_refund_post_and_keep_the_order_one_row(tmp_path: Path) -> None:
    path = tmp_path / "floor.db"
    answers = converse(
        path, [AUTHORIZE, ("PUT", "/orders/7/charge", b""), ("PUT", "/orders/7/refund", b"")]
    )
    assert [len(answer) for answer in answers] == [
        SIZES["authorize"],
        SIZES["charge"],
        SIZES["refund"],
    ]
    assert counts(path) == (2, 3, 1, 5, 3, 1)


def test_reads_answer_their_bytes(tmp_path: Path) -> None:
    answers = converse(
        tmp_path / "floor.db",
        [
            AUTHORIZE,
            ("GET", "/orders/7", b""),
            ("GET", "/orders/?per_page=100", b""),
            ("GET", "/orders/?status=authorized&card.type=visa&per_page=100", b""),
        ],
    )
    names = ("authorize", "get", "list", "filter")
    assert [len(answer) for answer in answers] == [SIZES[name] for name in names]


def test_the_body_is_really_decoded(tmp_path: Path) -> None:
    with pytest.raises(msgspec.ValidationError):
        converse(tmp_path / "floor.db", [("POST", "/orders/authorize", b'{"amount":"x"}')])


def test_sizes_are_given_over_the_usual_ones() -> None:
    assert parse_sizes("") == SIZES
    assert parse_sizes("get=999,list=5") == {**SIZES, "get": 999, "list": 5}


def test_rows_fall_into_few_statements() -> None:
    assert list(chunks(150)) == [64, 64, 16, 4, 1, 1]
    assert list(chunks(0)) == []
    assert statement(ORDERS, 2).count("(?, ?, ?, ?)") == 2


def test_what_waits_is_written_before_the_writer_ends(tmp_path: Path) -> None:
    path = tmp_path / "floor.db"

    async def run() -> None:
        writer = Writer(path)
        waiting = [writer.commit(((ORDERS, (key, 1, 1, b"-")),)) for key in range(700)]
        await asyncio.to_thread(writer.close)
        await asyncio.gather(*waiting)

    asyncio.run(run())
    assert counts(path)[0] == 700
