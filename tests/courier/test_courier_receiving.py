"""What a receiver is told of a callback that it should not believe: what is wrong, in words."""

import hashlib
import hmac
import json
from base64 import b64encode
from collections.abc import Mapping
from typing import Final

import pytest

from counterfoil.core.card import Secret
from counterfoil.courier import new_secret, sign
from counterfoil.courier.receiving import Finding, Known, Received, findings

NOW_S: Final = 1_768_478_400
SECRET: Final = new_secret(b"k" * 32)
OTHER: Final = new_secret(b"o" * 32)
PLAIN: Final = Secret("webhook password")
BASIC: Final = Secret("shop:päss:word")
BODY: Final = '{"type":"order.charged","data":{"note":"é"}}'.encode()


def ours(body: bytes = BODY, *, at: int = NOW_S, secret: Secret = SECRET) -> dict[str, str]:
    return {
        "webhook-id": "msg_1_2",
        "webhook-timestamp": str(at),
        "webhook-signature": sign(secret, identifier="msg_1_2", timestamp=at, body=body),
    }


def razorpay(body: bytes = BODY, *, secret: Secret = PLAIN) -> dict[str, str]:
    key = secret.reveal().encode()
    return {"x-razorpay-signature": hmac.new(key, body, hashlib.sha256).hexdigest()}


def basic(text: str) -> dict[str, str]:
    return {"authorization": f"Basic {b64encode(text.encode()).decode()}"}


def found(
    headers: Mapping[str, str], body: bytes = BODY, *secrets: Secret, of: Secret | None = None
) -> tuple[Finding, ...]:
    received = Received(headers=headers, body=body, now_s=NOW_S)
    return findings(received, Known(secrets=secrets, basic=of))


def only(finds: tuple[Finding, ...]) -> Finding:
    (one,) = finds
    return one


def test_nothing_known_nothing_said() -> None:
    assert found({}) == ()


def test_what_is_right_is_said_to_be() -> None:
    assert only(found(ours(), BODY, PLAIN, OTHER, SECRET)) == Finding(scheme="standard")
    assert only(found(razorpay(), BODY, OTHER, PLAIN)) == Finding(scheme="razorpay")
    assert only(found(basic("shop:päss:word"), of=BASIC)) == Finding(scheme="basic")


def test_every_scheme_that_shows_is_looked_at() -> None:
    headers = ours() | razorpay() | basic("shop:päss:word")
    finds = found(headers, BODY, SECRET, PLAIN, of=BASIC)
    assert [(each.scheme, each.why) for each in finds] == [
        ("standard", None),
        ("razorpay", None),
        ("basic", None),
    ]


@pytest.mark.parametrize(
    ("headers", "why"),
    [
        (ours(at=NOW_S - 301), "the timestamp is too old: 301 s from now, 300 s are allowed"),
        (ours(at=NOW_S + 900), "the timestamp lies in the future: 900 s from now, 300 s are"),
        (ours(secret=OTHER), "no signature fits: the secret is another one, or the body was"),
        (ours() | {"webhook-id": "msg_1_3"}, "no signature fits"),
        (ours() | {"webhook-timestamp": "soon"}, "a header cannot be read"),
        ({"webhook-id": "msg_1_2"}, "a header is missing: webhook-timestamp, webhook-signature"),
        (ours(BODY + b"\n"), "the body was altered, the line end after it was taken off"),
        (ours(json.dumps(json.loads(BODY)).encode()), "altered, it was read and written again"),
    ],
)
def test_what_is_wrong_with_ours_is_said(headers: dict[str, str], why: str) -> None:
    one = only(found(headers, BODY, SECRET))
    assert one.why is not None
    assert why in one.why


def test_a_body_with_something_around_it_is_known() -> None:
    one = only(found(ours(), BODY + b"\r\n", SECRET))
    assert one.why == "no signature fits: the body was altered, something was put around it"


def test_a_key_that_is_the_secrets_text_is_known() -> None:
    content = b"msg_1_2." + str(NOW_S).encode() + b"." + BODY
    made = hmac.digest(SECRET.reveal().encode(), content, "sha256")
    headers = ours() | {"webhook-signature": f"v1,{b64encode(made).decode()}"}
    one = only(found(headers, BODY, SECRET))
    assert one.why is not None
    assert "signed with the secret's text" in one.why


def test_what_should_have_come_is_shown() -> None:
    one = only(found(ours(secret=OTHER), BODY, SECRET))
    assert one.signed == b"msg_1_2." + str(NOW_S).encode() + b"." + BODY
    assert one.expected == (ours()["webhook-signature"],)
    assert one.came == ours(secret=OTHER)["webhook-signature"]
    one = only(found(razorpay(secret=OTHER), BODY, PLAIN))
    assert (one.signed, one.expected) == (BODY, (razorpay()["x-razorpay-signature"],))
    assert one.why == "no signature fits: the secret is another one, or the body was altered"


def test_an_altered_body_is_known_on_the_razorpay_wire() -> None:
    one = only(found(razorpay(BODY + b"\n"), BODY, PLAIN))
    assert one.why is not None
    assert one.why.endswith("the line end after it was taken off")


@pytest.mark.parametrize("body", [b"", b"\xff", b"[" * 100_000, b'"\\ud800"'])
def test_any_body_is_looked_at(body: bytes) -> None:
    for headers in (ours(secret=OTHER), razorpay(secret=OTHER)):
        one = only(found(headers, body, SECRET))
        assert one.why is not None
        assert "no signature fits" in one.why


def test_without_a_secret_that_is_said() -> None:
    for headers, secrets in ((ours(), ()), (ours(), (PLAIN,)), (razorpay(), ())):
        one = only(found(headers, BODY, *secrets))
        assert one.why is not None
        assert one.why.startswith("no secret was given")


def test_a_signature_that_is_expected_is_missed() -> None:
    one = only(found({}, BODY, SECRET))
    names = "webhook-signature or x-razorpay-signature"
    assert (one.scheme, one.why) == ("signature", f"a header is missing: {names}")


@pytest.mark.parametrize(
    ("headers", "why"),
    [
        ({}, "a header is missing: authorization"),
        ({"authorization": "Bearer abc"}, "a header cannot be read: it is not Basic"),
        (basic("shop:other"), "login or password is another one"),
        ({"authorization": "Basic é"}, "login or password is another one"),
    ],
)
def test_what_is_wrong_with_basic_is_said_without_the_password(
    headers: dict[str, str], why: str
) -> None:
    assert only(found(headers, of=BASIC)) == Finding(scheme="basic", why=why)
