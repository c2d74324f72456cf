"""The test bank's directory and issuer: what a card chooses, and what is not the bank's."""

from typing import Final

import pytest
from tests.threeds.test_messages import members

from counterfoil.connectors import found
from counterfoil.connectors.sandbox.acs import Acs
from counterfoil.connectors.sandbox.table import (
    AUTHENTICATIONS,
    ISSUERS,
    Authentication,
    card_authenticated,
)
from counterfoil.core.bank import BadQuestionError, Choice
from counterfoil.core.card import Pan
from counterfoil.core.pan import luhn
from counterfoil.core.threeds import Status
from counterfoil.threeds import messages
from counterfoil.threeds.messages import Kind

pytestmark = pytest.mark.anyio

BANK: Final = Acs(b"key")
BASE: Final = "https://pay.example"


def areq(how: Authentication, **changes: str) -> bytes:
    given = {**members(Kind.AREQ), "acctNumber": card_authenticated(how), **changes}
    return messages.encode(Kind.AREQ, given)


@pytest.mark.parametrize("how", ISSUERS)
def test_every_way_has_a_card(how: Authentication) -> None:
    number = card_authenticated(how)
    assert luhn(number)
    assert AUTHENTICATIONS[number] is how
    assert set(ISSUERS) == set(Authentication)


@pytest.mark.parametrize(
    ("how", "status"),
    [
        (Authentication.CHALLENGE, "C"), (Authentication.FRICTIONLESS, "Y"),
        (Authentication.METHOD, "Y"), (Authentication.METHOD_CHALLENGE, "C"),
        (Authentication.ATTEMPT, "A"), (Authentication.DENIED, "N"),
        (Authentication.REJECTED, "R"), (Authentication.UNAVAILABLE, "U"),
        (Authentication.LOST, "C"), (Authentication.GARBLED, "C"),
    ],
)  # fmt: skip
async def test_the_directory_says_what_the_card_chooses(how: Authentication, status: str) -> None:
    answer = await BANK.authenticate(areq(how))
    _, ares = messages.decode(answer, Kind.ARES)
    assert ares["transStatus"] == status
    assert ("authenticationValue" in ares) == (status in "YA")
    assert await BANK.authenticate(areq(how)) == answer  # the same again


async def test_a_bad_areq_is_answered_by_an_error() -> None:
    for text in (b"junk", messages.encode(Kind.CREQ, members(Kind.CREQ))):
        _, erro = messages.decode(await BANK.authenticate(text), Kind.ERRO)
        assert (erro["errorComponent"], erro["errorCode"]) == ("D", messages.NO_MESSAGE)


async def test_only_some_cards_have_a_method_page_and_one_takes_no_part() -> None:
    for how in set(Authentication) - {Authentication.SILENT}:
        route = await BANK.look_up(Pan(card_authenticated(how)), BASE)
        assert (route.method_url is not None) == how.startswith("method")
        assert route.enrolled == (how is not Authentication.NOT_ENROLLED)
        assert (route.acs_url, route.acs_method) == (f"{BASE}/test/bank", "GET")


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("YAED53A345D", Status.AUTHENTICATED), ("424EF64895CAE9797497F", Status.AUTHENTICATED),
        ("N", Status.DENIED), ("A1", Status.ATTEMPTED), ("U", Status.UNAVAILABLE),
        ("yes", Status.AUTHENTICATED),
    ],
)  # fmt: skip
def test_the_documented_words(text: str, status: Status) -> None:
    spoken = BANK.spoken(text)
    assert spoken is not None
    assert spoken.status is status
    assert (spoken.value is not None) == (status in {Status.AUTHENTICATED, Status.ATTEMPTED})


@pytest.mark.parametrize("text", ["", "eNqzCckoSk11", "a" * 65, "Y Y", "Y=", "é", "{}"])
def test_what_is_no_word(text: str) -> None:
    assert BANK.spoken(text) is None


def test_a_signature_is_of_the_same_bytes_and_bank() -> None:
    mark = BANK._mark(b"bytes").decode()
    assert BANK.signed(b"bytes", mark)
    assert not BANK.signed(b"Bytes", mark)
    assert not BANK.signed(b"bytes", "é")
    assert not Acs(b"another").signed(b"bytes", mark)


async def test_what_is_not_the_banks_is_not_asked() -> None:
    for pareq in ("", "junk"):
        with pytest.raises(BadQuestionError):
            BANK.payer(pareq)
        with pytest.raises(BadQuestionError):
            BANK.payer_answer(pareq, Choice.APPROVE)
    creq = messages.to_browser(messages.encode(Kind.CREQ, members(Kind.CREQ)))
    for state in ("", ".", "eyJ9.x", "é.é"):
        with pytest.raises(BadQuestionError):
            BANK.challenge(creq, state)
        with pytest.raises(BadQuestionError):
            await BANK.challenge_answer(state, Choice.APPROVE)


async def test_a_creq_must_be_of_the_address_it_comes_to() -> None:
    states = []
    for server in ("8a880dc0-d2d2-4067-bcb1-b08d1690b260", "8a880dc0-d2d2-4067-bcb1-b08d1690b261"):
        answer = await BANK.authenticate(
            areq(Authentication.CHALLENGE, threeDSServerTransID=server)
        )
        _, ares = messages.decode(answer, Kind.ARES)
        given = {**members(Kind.CREQ), "threeDSServerTransID": server}
        given["acsTransID"] = ares["acsTransID"]
        creq = messages.to_browser(messages.encode(Kind.CREQ, given))
        states.append((creq, ares["acsURL"].partition("state=")[2]))
    (one, here), (other, _) = states
    assert BANK.challenge(one, here).amount.minor == 999
    with pytest.raises(BadQuestionError):
        BANK.challenge(other, here)
    back = await BANK.challenge_answer(here, Choice.APPROVE)  # nobody takes its result
    assert back.url == members(Kind.AREQ)["notificationURL"]


@pytest.mark.parametrize(
    "data",
    ["", "junk", '{"threeDSServerTransID": "x"}', "[]", '{"threeDSMethodNotificationURL": 1}'],
)
def test_a_method_page_needs_to_know_where_to_report(data: str) -> None:
    with pytest.raises(BadQuestionError):
        BANK.method(messages.to_browser(data.encode()))


def test_a_method_page_reports_to_web_addresses_only() -> None:
    bad = b'{"threeDSMethodNotificationURL":"javascript:x","threeDSServerTransID":"x"}'
    with pytest.raises(BadQuestionError):
        BANK.method(messages.to_browser(bad))


def test_the_sandbox_has_a_way_to_issuers_and_pages() -> None:
    sandbox = next(each for each in found() if each.name == "sandbox")
    assert sandbox.issuers is not None
    assert isinstance(sandbox.issuers(b"key").bank, Acs)
