"""No card number, check digit, password or key is left anywhere: files, logs, answers.

One session uses many cards in every way there is, also in the wrong places, with logs at their most
talkative. Then every byte that was left is searched.

Card numbers are 16 digits and more: they are looked for as they are, grouped by blanks or hyphens,
in base64, hexadecimal and UTF-16. Check digits are three or four, which stand by chance in ids,
times and sizes. So each of the session's is a number that nothing else of it is (amounts, counts,
the ends of cards), and counts as found only where it stands alone, with no letter or digit beside
it; before that the one place where sizes stand, `content-length`, is taken out of the answers.

What is sealed, fingerprints and checksums are bytes like dice, in which digits stand by chance too.
So a find that stands with both its neighbours in such a value is none; and of those values no more
than chance allows may hold check digits.
"""

import asyncio
import base64
import re
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest
import uvloop
from msgspec import json
from sqlalchemy import LargeBinary, select
from tests.e2e.client import Client, LostError, Request, payment
from tests.e2e.server import Server

from counterfoil.connectors.sandbox.table import BY_CARD
from counterfoil.core.card import mask
from counterfoil.store.tables import metadata

CARDS: Final = tuple(sorted(BY_CARD))
CHECK_DIGITS: Final = ("9374", "9476", "8359", "8461", "7583", "937", "859", "794")
HOLDERS: Final = ("Ada Holder", "Grace Bearer", "Alan Keeper")
WRONG: Final = "4111111111111112"  # its check digit is wrong
LONG: Final = "41111111111111110000"  # too long for a card number
assert not {card[-4:] for card in CARDS} & set(CHECK_DIGITS), "the end of a card may be shown"
LOCKED: Final = ("project", "not-the-pass-word-9Xq")
OURS: Final = {"password", "key", "dice"}  # what is known of a session, not left by it
TYPED: Final = (*CARDS, WRONG, LONG)


def spellings(number: str) -> Iterator[bytes]:
    """A card number in every form in which it might have been written."""
    groups = [number[start : start + 4] for start in range(0, len(number), 4)]
    yield number.encode()
    yield " ".join(groups).encode()
    yield "-".join(groups).encode()
    yield number.encode().hex().encode()
    yield number.encode("utf-16-le")
    for shift in range(3):  # the three ways to stand in base64; its ends depend on the neighbours
        encoded = base64.b64encode(b"\0" * shift + number.encode())
        yield encoded[4 if shift else 0 : -4]


def numbers_in(where: bytes, numbers: Iterable[str] = TYPED) -> list[str]:
    """The card numbers that stand in those bytes, masked."""
    return [
        f"{mask(number[:6], number[-4:])} in ...{where[max(at - 60, 0) : at]!r}"
        for number in numbers
        for spelling in spellings(number)
        if (at := where.find(spelling)) >= 0
    ]


def check_digits_in(where: bytes, dice: bytes = b"") -> list[bytes]:
    """The check digits that stand alone in those bytes and not in the dice, with what is around."""
    either = b"|".join(digits.encode() for digits in CHECK_DIGITS)
    alone = rb"(?<![0-9A-Za-z+/_.-])(?:%b)(?![0-9A-Za-z+/_.-])" % either
    return [
        where[max(found.start() - 20, 0) : found.end() + 20]
        for found in re.finditer(alone, where)
        if where[max(found.start() - 1, 0) : found.end() + 1] not in dice
    ]


def without_checksums(log: bytes) -> bytes:
    """The pages of a write-ahead log without their frames (sqlite.org/fileformat2.html, 4.1)."""
    page = int.from_bytes(log[8:12])
    return b"".join(log[at + 24 : at + 24 + page] for at in range(32, len(log), 24 + page))


class Session:
    """What a busy and sometimes careless merchant does; `answers` is all that came back."""

    def __init__(self, client: Client) -> None:
        self.answers: list[bytes] = []
        self.orders: list[str] = []
        self._client = client

    async def run(self) -> None:
        """All of it."""
        await asyncio.gather(*(self._pay(place, card) for place, card in enumerate(CARDS)))
        await self._follow_up()
        await self._blunder()
        await self._list()

    async def _ask(self, method: str, path: str, body: bytes = b"", key: str | None = None) -> int:
        request = Request(method=method, path=path, body=body, key=key)
        try:
            answer = await self._client.ask(request)
        except LostError:
            return 0
        head = re.sub(rb"content-length: \d+", b"", answer.head)
        self.answers.append(head + answer.body)
        if answer.status == 200 and path == "/orders/authorize":
            self.orders.append(answer.order.id)
        return answer.status

    async def _pay(self, place: int, card: str) -> None:
        cvv = CHECK_DIGITS[place % len(CHECK_DIGITS)]
        body = payment(card, cvv, client={"name": HOLDERS[place % 3], "email": "a@example.com"})
        await self._ask("POST", "/orders/authorize", json.encode(body), f"key of {place}")
        await self._ask("POST", "/orders/authorize", json.encode(body), f"key of {place}")
        credit = {"amount": "5.00", "pan": " ".join((card[:4], card[4:8], card[8:]))}
        await self._ask("POST", "/orders/credit", json.encode(credit))

    async def _follow_up(self) -> None:
        for place, number in enumerate(self.orders):
            cvv = CHECK_DIGITS[place % len(CHECK_DIGITS)]
            await self._ask("PUT", f"/orders/{number}/charge")
            again = json.encode({"amount": "7.00", "cvv": cvv})
            await self._ask("POST", f"/orders/{number}/rebill", again, f"again {place}")
            await self._ask("PUT", f"/orders/{number}/refund", b'{"amount": 1.00}')
            await self._ask("GET", f"/orders/{number}?expand=card,client,issuer,operations")

    async def _blunder(self) -> None:
        """Card data where it does not belong, and requests that fail in every way."""
        for place, card in enumerate((*CARDS[:12], WRONG, LONG)):
            cvv = CHECK_DIGITS[place % len(CHECK_DIGITS)]
            good = json.encode(payment(card, cvv))
            for body in (
                good[:-1],
                good + b"}",
                good.replace(b'"pan":', b'"pan" '),
                good.replace(b'{"amount"', b'{"amount":1,"amount"'),
                good.replace(b'"333"', b"333") + b"\xff",
                json.encode(payment(cvv, card)),
                json.encode(payment(card, card)),
                json.encode(payment(f"{card}x", f"{cvv}x")),
                json.encode(payment(card, cvv) | {"amount": card}),
                json.encode(payment(card, cvv) | {"currency": "JPY"}),
                json.encode(payment(card, cvv) | {"amount": "0.001"}),
                json.encode(payment(card, cvv) | {"card": [card, cvv]}),
                json.encode(payment(card, cvv) | {"pan": [card]}),
                json.encode(payment(card, cvv) | {"pan": int(card)}),
                json.encode([payment(card, cvv)]),
                f"pan={card}&cvv={cvv}".encode(),
            ):
                await self._ask("POST", "/orders/authorize", body)
            await self._ask("GET", f"/orders/{card}")
            await self._ask("GET", f"/orders/?pan={card}&bin={card}&limit={card}")
            await self._ask("PUT", f"/orders/{card}/charge", b'{"amount": 1.00}')
            await self._ask("GET", f"/{card}")

    async def _list(self) -> None:
        for path in ("/orders/?expand=card,client,operations", "/operations/?expand=extra"):
            await self._ask("GET", path)
        for path in ("/ping", "/metrics", "/health/ready"):
            await self._ask("GET", path)


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Everything that a session left, by where it was left; also while it was still serving."""
    folder = tmp_path_factory.mktemp("secrets")
    found: dict[str, bytes] = {}
    server = Server(folder, acquirer_timeout_ms="200", log_level="debug")
    made = server.command("merchant", "add", "Shop", "--login", "shop", "--json")
    (row,) = json.decode(made.out, type=list[dict[str, str | int]])
    password = str(row["password"])
    server.start()
    try:
        found["answers"] = uvloop.run(session(server, password))
        found |= {f"{name} while serving": content for name, content in files(folder)}
        server.stop()
    finally:
        server.kill()
    verified = server.command("verify")
    listed = server.command("sandbox", "book")
    found |= dict(files(folder))
    said = (verified.out, verified.err, listed.out, listed.err)
    found["commands"] = "\n".join(said).encode()
    found["password"] = password.encode()
    found["key"] = (folder / "gateway.key").read_bytes().strip()
    found["dice"] = b"\n".join(dice(folder))
    return found


def dice(folder: Path) -> Iterator[bytes]:
    """The values in the database that are bytes: sealed, wrapped, hashes and fingerprints."""
    with closing(sqlite3.connect(folder / "gateway.db")) as database:
        for table in metadata.sorted_tables:
            for column in table.columns:
                if isinstance(column.type, LargeBinary):
                    rows = database.execute(str(select(column)))
                    yield from (value for (value,) in rows)


async def session(server: Server, password: str) -> bytes:
    """All answers of a session, of callers known and unknown."""
    answers: list[bytes] = []
    for login in (("shop", password), LOCKED):
        async with Client(server.port, login) as client:
            session = Session(client)
            await session.run()
            answers += session.answers
    assert len(answers) > 500
    return b"\n".join(answers)


def files(folder: Path) -> Iterator[tuple[str, bytes]]:
    """What stands in the folder, the key aside."""
    for file in sorted(folder.iterdir()):
        if file.suffix != ".key":
            content = file.read_bytes()
            wal = file.suffix == ".db-wal" and content
            yield file.name, without_checksums(content) if wal else content


def left_behind(left: dict[str, bytes]) -> Iterator[tuple[str, bytes]]:
    return ((name, content) for name, content in left.items() if name not in OURS)


def test_the_search_finds_what_is_there() -> None:
    for card in CARDS:
        for spelling in spellings(card):
            assert numbers_in(b"\0" + spelling + b"\n", [card]) != [], spelling
        encoded = base64.b64encode(b'{"a": 1, "pan": "%b"}' % card.encode())
        assert numbers_in(encoded, [card]) != []
    assert numbers_in(b"411111****1111") == []
    for place in (b'"cvv":"937"', b"cvv=937&", b"\x00\x03937\x00", b"{'cvv': 937}", b"[card] 937"):
        assert check_digits_in(place) != [], place
    assert check_digits_in(b"a\x00937\x01", b"\x00937\x02") != []
    assert check_digits_in(b"a\x00937\x01", b"b\x00937\x01c") == []
    for other in (b"19370", b"2026-11-20T06:00:00.937", b"x937", b"937.00"):
        assert check_digits_in(other) == [], other


def test_everything_was_looked_at(left: dict[str, bytes]) -> None:
    assert {
        "answers",
        "commands",
        "gateway.db",
        "gateway.db while serving",
        "gateway.db-wal while serving",
        "gateway.db-shm while serving",
        "gateway.sandbox.jsonl",
        "gateway.1.err",
        "gateway.1.out",
    } <= left.keys()
    assert b"411111****1111" in left["answers"]
    assert b'"first6":"411111"' in left["gateway.db"]


def test_no_card_number_is_left(left: dict[str, bytes]) -> None:
    found = {
        name: numbers for name, content in left_behind(left) if (numbers := numbers_in(content))
    }
    assert not found


def test_no_check_digits_are_left(left: dict[str, bytes]) -> None:
    found = {
        name: each
        for name, content in left_behind(left)
        if (each := check_digits_in(content, left["dice"]))
    }
    assert not found


def test_what_is_sealed_or_hashed_holds_check_digits_by_chance_only(left: dict[str, bytes]) -> None:
    cards = left["dice"].count(b"\n")
    assert cards > 100
    assert len(check_digits_in(left["dice"])) <= 3, "of as many cards each would hold some"


def test_no_password_or_key_is_left(left: dict[str, bytes]) -> None:
    key = left["key"]
    secrets = (
        left["password"],
        base64.b64encode(b"shop:" + left["password"])[:-4],
        LOCKED[1].encode(),
        base64.b64encode(":".join(LOCKED).encode())[:-4],
        key.rstrip(b"="),
        base64.urlsafe_b64decode(key),
    )
    found = [name for name, content in left_behind(left) for each in secrets if each in content]
    assert not found


def test_a_request_that_fails_is_not_shown_in_the_log(left: dict[str, bytes]) -> None:
    assert b"Traceback" not in left["gateway.1.err"]
    assert b"request failed" not in left["gateway.1.err"]
