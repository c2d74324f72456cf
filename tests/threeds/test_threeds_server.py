"""The 3DS Server against a directory that says what a test wants."""

import json
from collections.abc import Callable
from typing import Final

import pytest
from msgspec.structs import replace
from tests.threeds.test_messages import UUID, members

from counterfoil.core.authenticator import Delivered, Request
from counterfoil.core.card import Pan
from counterfoil.core.errors import Code, Refused
from counterfoil.core.money import Money
from counterfoil.core.pan import describe
from counterfoil.core.ports import CardData
from counterfoil.core.threeds import Authentication, Browser, Result, Status, Step, Version
from counterfoil.testing import demo_merchant
from counterfoil.threeds import messages, payer
from counterfoil.threeds.messages import Kind, MessageError
from counterfoil.threeds.server import Route, Server, Take

pytestmark = pytest.mark.anyio

PAN: Final = Pan("5555555555554444")
BROWSER: Final = Browser(
    accept="*/*", language="en", user_agent="Mozilla", color_depth=30, timezone=-180
)
REQUEST: Final = Request(
    merchant=demo_merchant(1),
    terminal="TERM",
    amount=Money(minor=1050, currency="KWD"),
    card=CardData(pan=PAN, card=describe(PAN, 1, month=3, year=2031)),
    session="token",
    number="bnVtYmVy",
    seeds=bytes(range(36)),
    base="https://pay.example",
    at=1_768_478_400_000_000,
)
MODERN: Final = replace(REQUEST, browser=BROWSER)
Said = Callable[[dict[str, str]], bytes]


class Directory:
    """A directory that signs with the letters `good` and answers by a function."""

    def __init__(self, said: Said | None = None, route: Route | None = None) -> None:
        self.said = said
        self.route = route or Route(acs_url="https://acs.example/1", account="account")
        self.asked: list[dict[str, str]] = []
        self.take: Take | None = None

    async def look_up(self, pan: Pan, base: str) -> Route:
        """What it knows."""
        assert (pan, base) == (PAN, REQUEST.base)
        return self.route

    async def authenticate(self, areq: bytes) -> bytes:
        """What the test wants, to what was asked."""
        _, given = messages.decode(areq, Kind.AREQ)
        self.asked.append(given)
        assert self.said is not None
        return self.said(given)

    def signed(self, element: bytes, signature: str) -> bool:
        """Whether it is `good`."""
        assert element.startswith(b"<PARes")
        return signature == "good"

    def spoken(self, text: str) -> Result | None:
        """One word."""
        return Result(status=Status.DENIED) if text == "NO" else None

    def deliver(self, take: Take) -> None:
        """Keep it."""
        self.take = take


def ares(**changes: str) -> Said:
    def said(given: dict[str, str]) -> bytes:
        same = {name: given[name] for name in ("messageVersion", "threeDSServerTransID")}
        return messages.encode(Kind.ARES, {**members(Kind.ARES), **same, **changes})

    return said


async def known(directory: Directory, request: Request = REQUEST) -> Authentication:
    """The authentication that began."""
    verdict = await Server(directory).begin(request)
    return Authentication(
        version=verdict.version,
        reason="force3d",
        step=Step.CHALLENGE,
        transaction=verdict.transaction,
        begun=0,
        changed=0,
        expires=1,
        base=REQUEST.base,
        form=verdict.form,
        acs=verdict.acs,
        directory=verdict.directory,
    )


def pares(known: Authentication, signature: str = "good", **changes: str) -> str:
    """A PaRes to what was asked; `changes` by the last part of a path."""
    assert known.form is not None
    asked = payer.read_request(dict(known.form.fields)["PaReq"])
    flat = {
        **{name.rpartition("/")[2]: text for name, text in asked.items()},
        "pan": "0" * 12 + "4444",
        "status": "Y",
        "cavv": "A" * 27 + "=",
        "eci": "02",
        **changes,
    }
    content = {
        "version": flat["version"],
        "Merchant": {name: flat[name] for name in ("acqBIN", "merID")},
        "Purchase": {
            name: flat[name] for name in ("xid", "date", "purchAmount", "currency", "exponent")
        },
        "pan": flat["pan"],
        "TX": {name: flat[name] for name in ("status", "cavv", "eci")},
    }
    return payer.sealed(payer.response(content), signature)


async def test_version_1_asks_with_a_pareq() -> None:
    verdict = await Server(Directory()).begin(REQUEST)
    assert verdict.version is Version.ONE
    assert verdict.form is not None
    fields = dict(verdict.form.fields)
    assert (verdict.form.url, verdict.form.method) == ("https://acs.example/1", "POST")
    assert fields["MD"] == REQUEST.number
    assert fields["TermUrl"] == "https://pay.example/complete/secure3d?session=token"
    asked = payer.read_request(fields["PaReq"])
    assert asked["Purchase/xid"] == verdict.transaction
    assert len(verdict.transaction) == 28
    assert (asked["Purchase/amount"], asked["Purchase/purchAmount"]) == ("1.050", "1050")
    assert (asked["Purchase/currency"], asked["Purchase/exponent"]) == ("414", "3")
    assert asked["Purchase/date"] == "20260115 12:00:00"
    assert (asked["CH/acctID"], asked["CH/expiry"]) == ("account", "3103")
    assert PAN.reveal() not in str(asked)


async def test_a_signed_answer_that_repeats_what_was_asked_is_believed() -> None:
    directory = Directory()
    found = Server(directory).payer_answer(
        pares(await known(directory)), REQUEST, await known(directory)
    )
    assert (found.status, found.eci) == (Status.AUTHENTICATED, "02")


@pytest.mark.parametrize(
    "changes",
    [
        {"signature": "bad"},
        {"xid": "A" * 27 + "="},
        {"merID": "2/TERM"},
        {"acqBIN": "1"},
        {"purchAmount": "1"},
        {"currency": "840"},
        {"exponent": "2"},
        {"pan": "0" * 12 + "1111"},
        {"status": "C"},
        {"status": "?"},
    ],
    ids=lambda changes: next(iter(changes)),
)
async def test_any_other_answer_is_refused(changes: dict[str, str]) -> None:
    directory = Directory()
    asked = await known(directory)
    with pytest.raises(Refused) as caught:
        Server(directory).payer_answer(pares(asked, **changes), REQUEST, asked)
    assert caught.value.code is Code.BAD_PAYER_ANSWER


async def test_a_directory_may_know_words() -> None:
    directory = Directory()
    found = Server(directory).payer_answer("NO", REQUEST, await known(directory))
    assert found.status is Status.DENIED


async def test_a_card_that_takes_no_part_has_no_status() -> None:
    for request in (REQUEST, MODERN):
        verdict = await Server(Directory(route=Route(enrolled=False))).begin(request)
        assert verdict.result == Result(status=None)


async def test_version_2_asks_by_an_areq() -> None:
    directory = Directory(ares())
    verdict = await Server(directory).begin(MODERN)
    (asked,) = directory.asked
    assert asked["threeDSServerTransID"] == verdict.transaction
    assert (asked["messageVersion"], asked["threeDSCompInd"]) == ("2.2.0", "U")
    assert (asked["purchaseAmount"], asked["purchaseExponent"]) == ("1050", "3")
    assert (asked["browserColorDepth"], asked["browserTZ"]) == ("24", "-180")
    assert asked["notificationURL"] == "https://pay.example/complete/secure3d20?session=token"
    assert "browserIP" not in asked
    assert verdict.result is not None
    assert (verdict.result.status, verdict.result.eci) == (Status.AUTHENTICATED, "05")
    assert (verdict.result.transaction, verdict.acs) == (UUID, UUID)


async def test_what_is_known_besides_is_said() -> None:
    directory = Directory(ares())
    browser = replace(BROWSER, ip="6.6.6.6")
    asked = replace(
        MODERN, browser=browser, notify_url="https://shop.example/n", first_of_series=True
    )
    bare = replace(asked, card=CardData(pan=PAN, card=describe(PAN, 1)))
    for request in (asked, bare):
        await Server(directory).begin(request)
    first, second = directory.asked
    assert first["cardExpiryDate"] == "3103"
    assert "cardExpiryDate" not in second
    assert (first["browserIP"], first["notificationURL"]) == ("6.6.6.6", "https://shop.example/n")
    assert first["threeDSRequestorAuthenticationInd"] == "02"


async def test_a_challenge_is_a_form_to_the_issuer() -> None:
    verdict = await Server(Directory(ares(transStatus="C"))).begin(MODERN)
    assert verdict.form is not None
    fields = dict(verdict.form.fields)
    _, creq = messages.decode(messages.from_browser(fields["creq"]), Kind.CREQ)
    assert (verdict.form.url, fields["threeDSSessionData"]) == ("https://acs.example/c", "bnVtYmVy")
    assert creq["threeDSServerTransID"] == verdict.transaction


async def test_the_method_step_comes_before_the_areq() -> None:
    directory = Directory(ares(), Route(method_url="https://acs.example/m"))
    server = Server(directory)
    verdict = await server.begin(MODERN)
    assert verdict.method
    assert verdict.form is not None
    data = json.loads(messages.from_browser(dict(verdict.form.fields)["threeDSMethodData"]))
    assert data["threeDSServerTransID"] == verdict.transaction
    assert not directory.asked
    asked = await known(directory, MODERN)
    for seen, said in ((True, "Y"), (False, "N")):
        await server.proceed(MODERN, replace(asked, seen=seen))
        assert directory.asked[-1]["threeDSCompInd"] == said
        assert directory.asked[-1]["threeDSServerTransID"] == verdict.transaction


@pytest.mark.parametrize(
    "said",
    [
        lambda _: b"junk",
        lambda _: messages.erro(MessageError("301", "no"), "D", {}),
        ares(threeDSServerTransID=UUID),
        ares(messageVersion="2.1.0"),
        ares(transStatus="D"),
    ],
    ids=["junk", "erro", "another", "version", "decoupled"],
)
async def test_an_answer_that_cannot_be_used_is_an_error(said: Said) -> None:
    with pytest.raises(MessageError):
        await Server(Directory(said)).begin(MODERN)


async def test_a_cres_must_be_of_the_transaction() -> None:
    directory = Directory(ares(transStatus="C"))
    asked = await known(directory, MODERN)
    server = Server(directory)
    same = {"messageVersion": "2.2.0", "threeDSServerTransID": asked.transaction}
    good = {**members(Kind.CRES), **same}
    server.challenge_answer(messages.to_browser(messages.encode(Kind.CRES, good)), asked)
    for wrong in (
        {"threeDSServerTransID": UUID},
        {"acsTransID": asked.transaction},
        {"messageVersion": "2.1.0"},
    ):
        text = messages.to_browser(messages.encode(Kind.CRES, {**good, **wrong}))
        with pytest.raises(Refused):
            server.challenge_answer(text, asked)
    with pytest.raises(Refused):
        server.challenge_answer("junk", asked)


async def test_a_result_is_passed_on_and_answered() -> None:
    directory, taken = Directory(), list[Delivered]()
    server = Server(directory)
    assert directory.take is not None
    url = "https://pay.example/complete/result?session=token"
    rreq = messages.encode(Kind.RREQ, members(Kind.RREQ))

    async def answer(text: bytes, url: str = url) -> dict[str, str]:
        assert directory.take is not None
        return messages.decode(await directory.take(url, text), Kind.RRES, Kind.ERRO)[1]

    assert (await answer(rreq))["errorCode"] == messages.UNKNOWN_ID  # nobody listens yet

    async def receive(delivered: Delivered) -> bool:
        taken.append(delivered)
        return delivered.session == "token"

    server.listen(receive)
    assert (await answer(rreq))["resultsStatus"] == "01"
    assert (taken[0].transaction, taken[0].acs, taken[0].directory) == (UUID, UUID, UUID)
    assert taken[0].result.value == "A" * 27 + "="
    assert (await answer(rreq, "https://pay.example/"))["errorCode"] == messages.UNKNOWN_ID
    assert (await answer(b"junk"))["errorCode"] == messages.NO_MESSAGE
    waiting = messages.encode(Kind.RREQ, {**members(Kind.RREQ), "transStatus": "C"})
    assert (await answer(waiting))["errorCode"] == messages.MALFORMED
