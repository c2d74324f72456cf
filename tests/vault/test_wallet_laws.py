"""Wallet tokens, whatever is in them and whatever becomes of their bits."""

import traceback
from base64 import b64decode, b64encode

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.vault.tokens import (
    AMOUNT,
    CRYPTOGRAM,
    EVERY,
    KINDS,
    PAN,
    WALLETS,
    WANTED,
    changed,
    keys,
    mint,
    opened,
    refused,
    vault,
)

from counterfoil.connectors.sandbox.numbers import check_digit
from counterfoil.core.card import Masked, Pan
from counterfoil.core.currencies import CURRENT
from counterfoil.core.wallets import Form, Reason, Token, TokenError, Wallet
from counterfoil.testing import demo_merchant
from counterfoil.testing.tokens import Broken, make_token
from counterfoil.testing.world import START_US
from counterfoil.vault.wallets import cms

IGNORED = pytest.mark.filterwarnings(
    "ignore::cryptography.utils.CryptographyDeprecationWarning"  # a certificate's bits are flipped
)


def digits(count: int) -> st.SearchStrategy[str]:
    return st.text("0123456789", min_size=count, max_size=count)


PANS = st.integers(11, 18).flatmap(digits).map(lambda body: body + check_digit(body))


@settings(max_examples=60, deadline=None)
@given(
    form=st.sampled_from(EVERY),
    pan=PANS,
    month=st.integers(1, 12),
    year=st.integers(2000, 2099),
    cryptogram=st.binary(min_size=1, max_size=60),
    minor=st.integers(1, 10**12),
    currency=st.sampled_from(sorted(CURRENT)),
)
def test_whatever_is_put_in_comes_out(  # noqa: PLR0913 (one argument is one thing drawn)
    *,
    form: Form,
    pan: str,
    month: int,
    year: int,
    cryptogram: bytes,
    minor: int,
    currency: str,
) -> None:
    text = b64encode(cryptogram).decode()
    wanted = replace(
        WANTED,
        form=form,
        pan=pan,
        month=month,
        year=year,
        cryptogram=text,
        minor=minor,
        currency=currency,
    )
    found = opened(wanted)
    assert found.pan == Pan(pan)
    assert (found.month, found.year) == (month, year)
    assert found.cryptogram is not None
    assert found.cryptogram.reveal() == text


@IGNORED
@settings(max_examples=300, deadline=None)
@given(form=st.sampled_from(EVERY), place=st.integers(0, 2**32), bit=st.integers(0, 7))
@example(form=Form.EC_V1, place=0, bit=0)
def test_a_flipped_bit_changes_no_card(form: Form, place: int, bit: int) -> None:
    """Somewhere in the JSON: refused, or of no meaning; and no other exception ever."""
    wanted = replace(WANTED, form=form)
    plain = bytearray(b64decode(make_token(mint(), wanted)))
    plain[place % len(plain)] ^= 1 << bit
    try:
        found = opened(wanted, b64encode(plain).decode())
    except TokenError:
        return
    assert found.pan == Pan(PAN)
    assert found.cryptogram is not None
    assert found.cryptogram.reveal() == CRYPTOGRAM


SIGNED = [("data",), ("signature",), ("header", "transactionId"), ("header", "ephemeralPublicKey")]


@IGNORED
@settings(max_examples=200, deadline=None)
@given(path=st.sampled_from(SIGNED), place=st.integers(0, 2**32), bit=st.integers(0, 7))
def test_a_flipped_bit_of_what_apple_signed_is_refused(
    path: tuple[str, ...], place: int, bit: int
) -> None:
    def flip(members: dict[str, object]) -> None:
        inner = members["paymentData"]
        for name in path[:-1]:
            assert isinstance(inner, dict)
            inner = inner[name]
        assert isinstance(inner, dict)
        written = str(inner[path[-1]])
        hexadecimal = path[-1] == "transactionId"
        plain = bytearray(bytes.fromhex(written) if hexadecimal else b64decode(written))
        plain[place % len(plain)] ^= 1 << bit
        inner[path[-1]] = plain.hex() if hexadecimal else b64encode(plain).decode()

    text = changed(WANTED, flip)
    if path == ("signature",):  # a name or a certificate's spare bit may not matter
        try:
            assert opened(WANTED, text).pan == Pan(PAN)
        except TokenError:
            return
    else:
        assert refused(lambda: opened(WANTED, text)) in {Reason.DIGEST, Reason.MALFORMED}


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.text(), st.binary().map(lambda raw: b64encode(raw).decode())))
@example("{}")
@example("e30=")
@example('{"paymentData": 1}')
@example('{"paymentData": {"version": "EC_v1", "data": "", "signature": "", "header": {}}}')
@example("[" * 5000)
@example('{"a":' * 5000)
def test_any_text_is_refused_in_order(text: str) -> None:
    for wallet in Wallet:
        token = Token(wallet=wallet, text=Masked(text))
        with pytest.raises(TokenError):
            vault(keys()).open(demo_merchant(), token, AMOUNT, START_US, samples=False)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=80))
@example(b"\x30\x80" * 5000)
@example(b"\x24\x80" * 5000)
@example(b"\x30\x84\xff\xff\xff\xff")
@example(b"\x30\x85\0\0\0\0\1\0")
@example(b"\x04\x80\0\0")
def test_any_signature_is_refused_in_order(signature: bytes) -> None:
    apple = keys().apple_pay
    assert apple is not None
    with pytest.raises(TokenError):
        cms.verify(signature, b"content", apple.roots)


def test_a_fault_tells_nothing_of_what_was_inside() -> None:
    for form, broken in KINDS:
        wanted = replace(WANTED, form=form, broken=broken)
        if broken is Broken.REPLAYED or form is Form.ECV2_SIGNING_ONLY:
            continue  # opens; its text is plain to begin with
        token = Token(wallet=WALLETS[form], text=Masked(make_token(mint(), wanted)))
        with pytest.raises(TokenError) as caught:
            vault(keys()).open(demo_merchant(), token, AMOUNT, START_US, samples=False)
        told = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
        mine = [frame for frame in told.stack if "/vault/wallets/" in frame.filename]
        assert mine
        written = str(caught.value) + repr(caught.value)
        written += "".join(str(frame.locals) for frame in mine)
        assert PAN not in written
        assert CRYPTOGRAM not in written
