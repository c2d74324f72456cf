"""The messages of version 2: what each must have, how each is refused, how a form carries them."""

import base64
import json

import pytest

from counterfoil.threeds import messages
from counterfoil.threeds.messages import (
    ALLOWED,
    FORMATS,
    REQUIRED,
    Kind,
    MessageError,
    decode,
    encode,
    erro,
    from_browser,
    to_browser,
)

UUID = "8a880dc0-d2d2-4067-bcb1-b08d1690b26e"
GOOD = {
    "messageVersion": "2.2.0", "threeDSServerTransID": UUID, "acsTransID": UUID, "dsTransID": UUID,
    "threeDSServerRefNumber": "REF", "threeDSServerURL": "https://pay.example/r",
    "threeDSServerOperatorID": "OP", "threeDSRequestorID": "1", "threeDSRequestorName": "Müller",
    "threeDSRequestorURL": "https://pay.example", "threeDSRequestorAuthenticationInd": "01",
    "threeDSRequestorChallengeInd": "01", "threeDSCompInd": "U", "deviceChannel": "02",
    "messageCategory": "01", "acctNumber": "4111111111111111", "cardExpiryDate": "3012",
    "cardholderName": "Ж Ю", "acquirerBIN": "400000", "acquirerMerchantID": "1/TERM", "mcc": "5999",
    "merchantCountryCode": "840", "merchantName": "Магазин", "purchaseAmount": "999",
    "purchaseCurrency": "840", "purchaseExponent": "2", "purchaseDate": "20260115120000",
    "transType": "01", "notificationURL": "https://pay.example/n",
    "browserAcceptHeader": "text/html", "browserIP": "::1", "browserJavascriptEnabled": "true",
    "browserJavaEnabled": "false", "browserLanguage": "en-US", "browserColorDepth": "24",
    "browserScreenHeight": "1080", "browserScreenWidth": "1920", "browserTZ": "-180",
    "browserUserAgent": "Mozilla/5.0", "dsReferenceNumber": "DS", "acsReferenceNumber": "ACS",
    "acsOperatorID": "OP", "acsURL": "https://acs.example/c", "acsChallengeMandated": "Y",
    "authenticationType": "01", "authenticationMethod": "02",
    "authenticationValue": "A" * 27 + "=", "eci": "05", "transStatus": "Y",
    "transStatusReason": "01", "challengeWindowSize": "05", "challengeCancel": "01",
    "interactionCounter": "01", "challengeCompletionInd": "Y", "resultsStatus": "01",
    "errorCode": "101", "errorComponent": "S", "errorDescription": "no", "errorDetail": "no",
    "errorMessageType": "AReq",
}  # fmt: skip


def members(kind: Kind) -> dict[str, str]:
    """Every member that a message may have."""
    return {name: GOOD[name] for name in ("messageVersion", *REQUIRED[kind], *ALLOWED[kind])}


def code(text: bytes | str, *kinds: Kind) -> str:
    with pytest.raises(MessageError) as caught:
        decode(text, *kinds)
    return caught.value.code


def test_every_member_of_a_message_has_a_format() -> None:
    named = {name for table in (REQUIRED, ALLOWED) for each in table.values() for name in each}
    assert named | {"messageVersion"} == set(FORMATS) == set(GOOD)


@pytest.mark.parametrize("kind", Kind)
def test_a_message_reads_as_it_was_written(kind: Kind) -> None:
    written = encode(kind, members(kind))
    assert json.loads(written)["messageType"] == kind
    assert decode(written, kind) == (kind, members(kind))


@pytest.mark.parametrize("kind", Kind)
def test_each_required_member_is_required(kind: Kind) -> None:
    for name in ("messageVersion", *REQUIRED[kind]):
        given = {each: text for each, text in members(kind).items() if each != name}
        with pytest.raises(MessageError, match=f"201: {name}"):
            encode(kind, given)
        assert code(json.dumps({**given, "messageType": kind}), kind) == messages.MISSING


@pytest.mark.parametrize("kind", Kind)
def test_no_member_may_be_malformed(kind: Kind) -> None:
    for name in members(kind):
        given = {**members(kind), name: "\x00"}
        with pytest.raises(MessageError, match=f"203: {name}"):
            encode(kind, given)


def test_what_is_no_message() -> None:
    creq = members(Kind.CREQ)
    for text in ("", "[]", "{", "null", "[" * 50_000, "{}", json.dumps(creq), " " * 70_000):
        assert code(text, Kind.CREQ) == messages.NO_MESSAGE
    assert code(encode(Kind.CREQ, creq), Kind.CRES) == messages.NO_MESSAGE
    assert code(b"\xff", Kind.CREQ) == messages.NO_MESSAGE


def test_a_member_given_twice_is_refused() -> None:
    text = encode(Kind.CREQ, members(Kind.CREQ)).decode()
    assert code(text[:-1] + f',"acsTransID":"{UUID}"}}', Kind.CREQ) == messages.TWICE


def test_a_member_that_is_no_text_is_refused_and_one_that_is_not_known_ignored() -> None:
    given = {**members(Kind.CREQ), "messageType": "CReq"}
    assert code(json.dumps({**given, "acsTransID": 7}), Kind.CREQ) == messages.MALFORMED
    _, read = decode(json.dumps({**given, "sdkTransID": {"a": []}}), Kind.CREQ)
    assert read == members(Kind.CREQ)


def test_a_flag_may_be_json_s_own() -> None:
    given: dict[str, object] = {**members(Kind.AREQ), "messageType": "AReq"}
    given |= {"browserJavascriptEnabled": True, "browserJavaEnabled": False}
    assert decode(json.dumps(given), Kind.AREQ)[1] == members(Kind.AREQ)


@pytest.mark.parametrize("version", ["2.0.1", "2.3.1", "1.0.2", ""])
def test_a_version_that_we_do_not_speak_is_refused(version: str) -> None:
    given = {**members(Kind.CREQ), "messageVersion": version, "messageType": "CReq"}
    assert code(json.dumps(given), Kind.CREQ) == messages.MALFORMED


def test_a_challenge_needs_an_address_and_a_pass_its_proof() -> None:
    ares = members(Kind.ARES)
    for status, name in (("C", "acsURL"), ("Y", "eci"), ("A", "authenticationValue")):
        given = {**ares, "transStatus": status}
        del given[name]
        with pytest.raises(MessageError, match=f"201: {name}"):
            encode(Kind.ARES, given)
        encode(Kind.ARES, {**given, "transStatus": "N"})


def test_a_browser_without_scripts_need_not_say_more() -> None:
    given = members(Kind.AREQ)
    del given["browserTZ"]
    with pytest.raises(MessageError, match="201: browserTZ"):
        encode(Kind.AREQ, given)
    encode(Kind.AREQ, {**given, "browserJavascriptEnabled": "false"})


def test_an_error_names_what_is_known_of_the_transaction() -> None:
    answer = erro(MessageError(messages.MISMATCH, "acsTransID"), "S", members(Kind.RREQ))
    _, given = decode(answer, Kind.ERRO)
    assert given["errorCode"] == "305"
    assert (given["acsTransID"], given["messageVersion"]) == (UUID, "2.2.0")
    _, bare = decode(erro(MessageError(messages.NO_MESSAGE, "not JSON"), "D", {}), Kind.ERRO)
    assert "acsTransID" not in bare


def test_a_form_carries_it_in_either_alphabet_padded_or_not() -> None:
    text = bytes(range(250, 256)) + b">>>???"
    plain, web = base64.b64encode(text).decode(), to_browser(text)
    assert "+" in plain
    assert "/" in plain
    assert not set("+/=") & set(web)
    for each in (plain, web, plain.rstrip("="), web + "=", plain.replace("+", " "), plain + "\r\n"):
        assert from_browser(each) == text


@pytest.mark.parametrize("text", ["*", "A", "AAAAA", "AB", "é", "A" * 70_000])
def test_what_is_no_base64(text: str) -> None:
    with pytest.raises(MessageError, match=r"101"):
        from_browser(text)
