"""The messages of version 1: packed, opened, refused."""

import base64
import zlib

import pytest

from counterfoil.threeds import payer
from counterfoil.threeds.payer import PayerError

SIGNED = payer.response({"version": "1.0.2", "TX": {"status": "Y"}})
PARES = payer.sealed(SIGNED, "signature")


def wrapped(xml: str) -> str:
    return payer.pack(xml.encode())


def test_a_pareq_says_what_was_put_in() -> None:
    text = payer.request({"Merchant": {"name": "A & <B> ü"}, "Purchase": {"xid": "x"}})
    found = payer.read_request(text)
    assert (found["Merchant/name"], found["Purchase/xid"]) == ("A & <B> ü", "x")


def test_a_pares_opens_to_the_signed_bytes() -> None:
    assert payer.opened(PARES) == (SIGNED, "signature")
    assert payer.leaves(SIGNED)["PARes/TX/status"] == "Y"


def test_a_form_may_break_lines_and_lose_its_plus() -> None:
    broken = "\r\n".join(PARES[at : at + 60] for at in range(0, len(PARES), 60))
    assert payer.opened(broken.replace("+", " ")) == (SIGNED, "signature")


@pytest.mark.parametrize(
    "text",
    [
        "", "*", "AAAA", PARES[:-8], PARES + "AAAA", PARES.replace("=", "") + "A",
        payer.pack(b"x" * 70_000), "A" * 70_000,
        base64.b64encode(zlib.compress(SIGNED) + b"more").decode(),
    ],
)  # fmt: skip
def test_what_cannot_be_unpacked(text: str) -> None:
    with pytest.raises(PayerError):
        payer.unpack(text)


def test_a_stream_that_unpacks_to_more_than_the_bound_is_not_unpacked_further() -> None:
    bomb = base64.b64encode(zlib.compress(bytes(30_000_000), 9)).decode()
    with pytest.raises(PayerError, match="too long"):
        payer.unpack(bomb)


@pytest.mark.parametrize(
    "xml",
    [
        "<a/>",
        SIGNED.decode(),
        '<ThreeDSecure><Message id="PARes"><PARes id="PARes"></PARes></Message></ThreeDSecure>',
    ],
)
def test_what_is_no_signed_pares(xml: str) -> None:
    with pytest.raises(PayerError):
        payer.opened(wrapped(xml))


def test_nothing_is_wrapped_around_or_put_beside_what_is_signed() -> None:
    body, mark = SIGNED.decode(), "<Signature>s</Signature>"
    evil = body.replace(">Y<", ">A<")
    head, tail = payer.HEAD.decode(), payer.TAIL.decode()
    for inside in (
        evil + body + mark,
        body + mark + evil,
        body + mark + mark,
        f"{evil.removesuffix('</PARes>')}{body}</PARes>{mark}",
        f"<x>{body}</x>{mark}",
    ):
        with pytest.raises(PayerError):
            payer.opened(wrapped(head + inside + tail))


@pytest.mark.parametrize(
    "xml",
    [
        "",
        "<a>",
        "<a></b>",
        "<a><b>1</b><b>2</b></a>",
        '<!DOCTYPE a [<!ENTITY e "eeee">]><a>&e;</a>',
        '<!DOCTYPE a SYSTEM "file:///etc/hostname"><a/>',
    ],
)
def test_xml_that_is_refused(xml: str) -> None:
    with pytest.raises(PayerError):
        payer.leaves(xml.encode())


def test_a_pareq_must_be_one() -> None:
    with pytest.raises(PayerError):
        payer.read_request(PARES)
