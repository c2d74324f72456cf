"""Wallet tokens over HTTP: every form pays, every broken one changes nothing, nothing leaks.

A real process, its logs at their most talkative; afterwards every byte that was left is searched
for the numbers and the cryptograms that were in the tokens.
"""

import base64
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Final, NamedTuple

import pytest
import uvloop
from msgspec import json
from msgspec.structs import replace
from tests.e2e.client import Answer, Client
from tests.e2e.server import Server, serving
from tests.e2e.test_secrets import files, numbers_in

from counterfoil.connectors.sandbox.table import card_for
from counterfoil.core.declines import Decline
from counterfoil.core.wallets import Form, Reason, Wallet
from counterfoil.testing.tokens import BREAKS, FORMS, Broken, Mint, Wanted, make_token, mint_at

AMOUNT: Final = "100.00"
DECLINED: Final = card_for(Decline.INSUFFICIENT_FUNDS)
PANS: Final = ("4109370000044320", "5555555555554444", "378282246310005", DECLINED)
FORM_OF: Final = {form: wallet for wallet, forms in FORMS.items() for form in forms}
NUMBERS: Final = count(1)


class Sent(NamedTuple):
    """A token that was sent, and what came back."""

    wanted: Wanted
    answer: Answer


class Session:
    """A merchant who takes wallets."""

    def __init__(self, client: Client, mint: Mint) -> None:
        self._client = client
        self._mint = mint
        self.sent: list[Sent] = []
        self.cryptograms: list[bytes] = []

    async def pay(self, wanted: Wanted, text: str | None = None, key: str | None = None) -> Answer:
        """Pay with a token that is made now."""
        now = time.time_ns() // 1000
        token = text or make_token(self._mint, replace(wanted, now=now))
        body = {
            "amount": AMOUNT,
            "dsrp": {"type": FORM_OF[wanted.form], "token": token},
            "location": {"ip": "6.6.6.6"},
        }
        answer = await self._client.post("/orders/token_pay", body, key)
        self.sent.append(Sent(wanted, answer))
        return answer

    def wanted(self, form: Form, pan: str = PANS[0], broken: Broken | None = None) -> Wanted:
        """A token with a cryptogram that no other has."""
        cryptogram = b"\xc0\xff\xee proof of %09d" % next(NUMBERS)
        self.cryptograms.append(cryptogram)
        text = base64.b64encode(cryptogram).decode()
        return Wanted(
            form=form, pan=pan, month=12, year=2039, now=0, cryptogram=text, eci="05",
            minor=10_000, broken=broken,
        )  # fmt: skip

    async def orders(self) -> int:
        """How many orders there are."""
        return len((await self._client.get("/orders/")).orders)


async def run(server: Server, mint: Mint) -> Session:
    """Every form with every card, every broken token, a few that come twice."""
    async with Client(server.port) as client:
        session = Session(client, mint)
        for form in FORM_OF:
            for pan in PANS:
                await session.pay(session.wanted(form, pan))
        paid = await session.orders()
        for broken, forms in BREAKS.items():
            for form in forms:
                if broken is not Broken.REPLAYED:
                    await session.pay(session.wanted(form, broken=broken))
        assert await session.orders() == paid, "a refused token made an order"
        await replay(session)
        return session


async def replay(session: Session) -> None:
    """One token twice; two of one identity; one again under its key."""
    for wallet, forms in FORMS.items():
        twice = session.wanted(forms[0], broken=Broken.REPLAYED)
        assert (await session.pay(twice)).order.status == "authorized"
        for form in forms:
            again = session.wanted(form, broken=Broken.REPLAYED)
            assert refused(await session.pay(again)) == Reason.REPLAYED, wallet
        wanted = replace(session.wanted(forms[0]), now=time.time_ns() // 1000)
        text = make_token(session._mint, wanted)
        first = await session.pay(wanted, text, f"key-{wallet}")
        assert first.order.status == "authorized"
        assert (await session.pay(wanted, text, f"key-{wallet}")).body == first.body
        assert refused(await session.pay(wanted, text, f"other-{wallet}")) == Reason.REPLAYED


def refused(answer: Answer) -> str:
    """The reason."""
    assert answer.status == 422, answer.body
    failure = answer.failure
    assert failure.order_id is None
    (flaw,) = failure.errors
    assert flaw.attribute == "dsrp.token"
    return flaw.message.removeprefix("dsrp.token is refused: ")


class Left(NamedTuple):
    """What a session sent, and all the bytes that it left, by where."""

    session: Session
    found: dict[str, bytes]


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Left:
    folder = tmp_path_factory.mktemp("tokens")
    with serving(folder, acquirer_timeout_ms="500", log_level="debug") as server:
        session = uvloop.run(run(server, mint_at(folder / "gateway.wallets.json")))
        found = {f"{name} while serving": content for name, content in files(folder)}
        server.verify()
    found |= dict(files(folder))
    listed = server.command("sandbox", "book")
    found["commands"] = f"{listed.out}{listed.err}".encode()
    found["answers"] = b"\n".join(sent.answer.head + sent.answer.body for sent in session.sent)
    return Left(session, found)


@pytest.mark.parametrize("form", FORM_OF)
def test_every_form_pays(left: Left, form: Form) -> None:
    found = [
        each for each in left.session.sent if each.wanted.form is form and not each.wanted.broken
    ]
    assert len(found) >= len(PANS)
    for wanted, answer in found:
        if answer.status == 422:
            continue  # the one that came twice
        if wanted.pan == DECLINED:
            assert (answer.status, answer.failure.failure_message) == (402, "Insufficient funds")
        else:
            assert answer.order.status == "authorized"
            assert b'"dsrp_type":"%b"' % FORM_OF[form].encode() in answer.body


def test_every_broken_token_is_refused_for_its_reason(left: Left) -> None:
    checked = 0
    for wanted, answer in left.session.sent:
        if wanted.broken is not None and wanted.broken is not Broken.REPLAYED:
            assert refused(answer) == BREAKS[wanted.broken][wanted.form]
            checked += 1
    assert checked == sum(map(len, BREAKS.values())) - len(FORM_OF)


def leaks(found: dict[str, bytes], cryptograms: list[bytes]) -> Iterator[str]:
    """Where a number or a cryptogram stands."""
    for name, content in found.items():
        yield from (f"{name}: {each}" for each in numbers_in(content, PANS))
        for cryptogram in cryptograms:
            for spelled in (cryptogram, base64.b64encode(cryptogram), cryptogram.hex().encode()):
                if spelled in content:
                    yield f"{name}: a cryptogram"


def test_no_number_and_no_cryptogram_is_left(left: Left) -> None:
    names = {"answers", "gateway.db", "gateway.db-wal while serving", "gateway.1.err"}
    assert names <= left.found.keys()
    assert b"410937****4320" in left.found["answers"]
    assert not list(leaks(left.found, left.session.cryptograms))


def test_the_search_finds_what_is_there(left: Left) -> None:
    first = left.session.cryptograms[0]
    there = {"a": b"..." + base64.b64encode(first) + b"...", "b": PANS[0].encode()}
    assert len(list(leaks(there, [first]))) >= 2


def test_the_log_has_no_fault(left: Left) -> None:
    assert b"Traceback" not in left.found["gateway.1.err"]
    assert b"request failed" not in left.found["gateway.1.err"]


def test_the_command_s_token_pays(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        made = {
            wallet: server.command("sandbox", "token", "--type", wallet, "--json")
            for wallet in Wallet
        }

        async def act() -> None:
            async with Client(server.port) as client:
                for done in made.values():
                    dsrp = json.decode(done.out, type=dict[str, str])
                    body = {"amount": AMOUNT, "dsrp": dsrp, "location": {"ip": "6.6.6.6"}}
                    paid = (await client.post("/orders/token_pay", body)).order
                    assert (await client.put(f"/orders/{paid.id}/charge")).order.done == [
                        "authorize",
                        "charge",
                    ]

        uvloop.run(act())
        server.verify()
