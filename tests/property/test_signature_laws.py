"""What is signed is believed; with one bit another it is not. And no two readers see two hosts."""

from contextlib import suppress
from typing import Final

from hypothesis import given
from hypothesis import strategies as st
from tests.property.steady import STEADY
from yarl import URL

from counterfoil.core.card import Secret
from counterfoil.courier import Forbidden, Guard, new_secret, sign, verify
from counterfoil.courier.standard import Mismatch

KEYS: Final = st.binary(min_size=24, max_size=64)
BODIES: Final = st.binary(max_size=200)
IDS: Final = st.from_regex(r"msg_[0-9]{1,19}_[0-9]{1,4}", fullmatch=True)
INSTANTS: Final = st.integers(0, 10**11)
HOSTS: Final = st.one_of(
    st.text(alphabet="aA0x1.7-:[]@%/\\?#_é", max_size=16),
    st.from_regex(r"[0-9a-z.-]{1,12}\.(example|com|1|0x7f)", fullmatch=True),
    st.ip_addresses().map(str),
    st.ip_addresses(v=6).map(lambda address: f"[{address}]"),
)
TAILS: Final = st.text(alphabet="/?a:@[]#%2f\\.&=;\t ", max_size=8)


def headers(identifier: str, at: int, signature: str) -> dict[str, str]:
    return {
        "webhook-id": identifier,
        "webhook-timestamp": str(at),
        "webhook-signature": signature,
    }


@STEADY
@given(KEYS, IDS, INSTANTS, BODIES, st.integers(-300, 300))
def test_what_is_signed_is_believed(
    key: bytes, identifier: str, at: int, body: bytes, away_s: int
) -> None:
    secret = new_secret(key)
    signature = sign(secret, identifier=identifier, timestamp=at, body=body)
    assert verify([secret], headers(identifier, at, signature), body, now_s=at + away_s) is None


def flipped(content: bytes, bit: int) -> bytes:
    at = bit // 8 % len(content)
    return content[:at] + bytes([content[at] ^ 1 << bit % 8]) + content[at + 1 :]


@STEADY
@given(KEYS, IDS, INSTANTS, BODIES.filter(bool), st.integers(0, 2**12))
def test_one_bit_of_body_key_or_signature_is_noticed(
    key: bytes, identifier: str, at: int, body: bytes, bit: int
) -> None:
    secret = new_secret(key)
    signature = sign(secret, identifier=identifier, timestamp=at, body=body)
    sent = headers(identifier, at, signature)
    assert verify([secret], sent, flipped(body, bit), now_s=at) is Mismatch.WRONG
    assert verify([new_secret(flipped(key, bit))], sent, body, now_s=at) is Mismatch.WRONG
    other = "v1," + flipped(signature.removeprefix("v1,").encode(), bit).decode("latin-1")
    assert verify([secret], sent | {"webhook-signature": other}, body, now_s=at) is not None
    for name, text in (("webhook-id", identifier + "0"), ("webhook-timestamp", str(at + 1))):
        assert verify([secret], sent | {name: text}, body, now_s=at) is Mismatch.WRONG


@STEADY
@given(st.sampled_from(["http", "https", "HTTPS"]), HOSTS, st.sampled_from(["", ":8443"]), TAILS)
def test_what_is_read_of_an_address_is_what_is_called(
    scheme: str, host: str, port: str, tail: str
) -> None:
    url = f"{scheme}://{host}{port}{tail}"
    with suppress(Forbidden):
        target = Guard(plain=True).target(url)
        called = URL(url, encoded=True)
        assert (called.raw_host, called.port) == (target.host, target.port)
        assert called.raw_user is None
        assert called.raw_password is None


def test_a_secret_does_not_show() -> None:
    assert "****" in repr(new_secret(b"k" * 32))
    assert isinstance(new_secret(b"k" * 32), Secret)
