"""Apple Pay tokens as a phone makes them, signed as Apple signs them: in BER.

Source: Apple, "Payment token format reference"; RFC 5652 for the signature.
"""

import secrets
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Final

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from counterfoil.core.currencies import CURRENT
from counterfoil.core.wallets import Form
from counterfoil.testing.tokens.mint import MERCHANT, Chain, Mint, elliptic, spki
from counterfoil.testing.tokens.wanted import Broken, Wanted

UNIX: Final = datetime(1970, 1, 1, tzinfo=UTC)
HOUR: Final = timedelta(hours=1)
GENERALIZED_FROM: Final = 2050  # RFC 5652, section 11.3
REPLAYED: Final = sha256(b"counterfoil sandbox replayed").digest()
OTHER: Final = {"USD": "EUR"}
# The verifier has its own (`vault/wallets/cms.py`): a number that is wrong in one of them shows.
SIGNED_DATA: Final = bytes.fromhex("06092a864886f70d010702")
DATA: Final = bytes.fromhex("06092a864886f70d010701")
CONTENT_TYPE: Final = bytes.fromhex("06092a864886f70d010903")
MESSAGE_DIGEST: Final = bytes.fromhex("06092a864886f70d010904")
SIGNING_TIME: Final = bytes.fromhex("06092a864886f70d010905")
SHA_256: Final = bytes.fromhex("300d06096086480165030402010500")
ECDSA: Final = bytes.fromhex("300a06082a8648ce3d040302")
RSA: Final = bytes.fromhex("300d06092a864886f70d0101010500")


def apple_token(mint: Mint, wanted: Wanted) -> dict[str, object]:
    """The token's JSON members."""
    plain = msgspec.json.encode(_payload(wanted))
    header, key_part, sealed = (_for_rsa if wanted.form is Form.RSA_V1 else _for_ec)(
        mint, wanted, plain
    )
    identity = REPLAYED if wanted.broken is Broken.REPLAYED else secrets.token_bytes(32)
    header["transactionId"] = identity.hex()
    if wanted.broken is Broken.OTHER_KEY:
        header["publicKeyHash"] = _text(sha256(spki(elliptic())).digest())
    signature = sign(_chain(mint, wanted), key_part + sealed + identity, _signed_at(wanted))
    if wanted.broken is Broken.SIGNATURE:
        signature = flipped(signature, -16)
    if wanted.broken is Broken.DATA:
        sealed = flipped(sealed, 0)
    data = {
        "version": "EC_v0" if wanted.broken is Broken.VERSION else wanted.form.value,
        "data": _text(sealed),
        "signature": _text(signature),
        "header": header,
    }
    if wanted.broken is Broken.MALFORMED:
        del data["signature"]
    return {"paymentData": data, "transactionIdentifier": header["transactionId"]}


def _payload(wanted: Wanted) -> dict[str, object]:
    if wanted.cryptogram is None:
        raise ValueError("an Apple Pay token has a cryptogram")
    currency = wanted.currency
    if wanted.broken is Broken.CURRENCY:
        currency = OTHER.get(currency, "USD")
    proof = {"onlinePaymentCryptogram": wanted.cryptogram}
    return {
        "applicationPrimaryAccountNumber": "" if wanted.broken is Broken.PAYLOAD else wanted.pan,
        "applicationExpirationDate": f"{wanted.year % 100:02}{wanted.month:02}31",
        "currencyCode": CURRENT[currency][0],
        "transactionAmount": wanted.minor - (wanted.broken is Broken.AMOUNT),
        "deviceManufacturerIdentifier": "040010030273",
        "paymentDataType": "3DSecure",
        "paymentData": proof | ({"eciIndicator": wanted.eci} if wanted.eci else {}),
    }


def _for_ec(mint: Mint, wanted: Wanted, plain: bytes) -> tuple[dict[str, str], bytes, bytes]:
    """Header, the bytes of it that are signed, the sealed payload."""
    merchant = "merchant.of.another" if wanted.broken is Broken.OTHER_MERCHANT else MERCHANT
    ephemeral, own = elliptic(), mint.elliptic("apple_merchant")
    secret = ephemeral.exchange(ec.ECDH(), own.public_key())
    parts = (
        b"\0\0\0\1",
        secret,
        b"\x0did-aes256-GCM",
        b"Apple",
        sha256(merchant.encode()).digest(),
    )
    key = sha256(b"".join(parts)).digest()
    public = spki(ephemeral)
    header = {
        "ephemeralPublicKey": _text(public),
        "publicKeyHash": _text(sha256(spki(own)).digest()),
    }
    return header, public, AESGCM(key).encrypt(bytes(16), plain, None)


def _for_rsa(mint: Mint, wanted: Wanted, plain: bytes) -> tuple[dict[str, str], bytes, bytes]:
    """The same for a wrapped key; here another merchant is another key."""
    own, key = mint.rsa("rsa_merchant"), AESGCM.generate_key(128)
    there = mint.rsa("rsa_leaf") if wanted.broken is Broken.OTHER_MERCHANT else own
    oaep = padding.OAEP(mgf=padding.MGF1(SHA256()), algorithm=SHA256(), label=None)
    wrapped = there.public_key().encrypt(key, oaep)
    header = {"wrappedKey": _text(wrapped), "publicKeyHash": _text(sha256(spki(own)).digest())}
    return header, wrapped, AESGCM(key).encrypt(bytes(16), plain, None)


def _signed_at(wanted: Wanted) -> datetime:
    now = UNIX + timedelta(microseconds=wanted.now)
    return now + {Broken.EXPIRED: -HOUR, Broken.FUTURE: HOUR}.get(
        wanted.broken or Broken.DATA, timedelta()
    )


def _chain(mint: Mint, wanted: Wanted) -> Chain:
    by_rsa, broken = wanted.form is Form.RSA_V1, wanted.broken
    if broken is Broken.KEY_EXPIRED:
        return mint.chain(by_rsa=by_rsa, last=_signed_at(wanted) - HOUR)
    return mint.chain(
        by_rsa=by_rsa, marked=broken is not Broken.UNMARKED, own_root=broken is not Broken.ROOT
    )


def sign(chain: Chain, content: bytes, at: datetime) -> bytes:
    """A detached CMS signature with the time in it."""
    form, tag = ("%Y%m%d%H%M%SZ", 0x18) if at.year >= GENERALIZED_FROM else ("%y%m%d%H%M%SZ", 0x17)
    attributes = sorted(
        (
            _der(0x30, CONTENT_TYPE, _der(0x31, DATA)),
            _der(0x30, SIGNING_TIME, _der(0x31, _der(tag, at.strftime(form).encode()))),
            _der(0x30, MESSAGE_DIGEST, _der(0x31, _der(0x04, sha256(content).digest()))),
        )
    )
    signed = _der(0x31, *attributes)
    if isinstance(chain.key, rsa.RSAPrivateKey):
        algorithm, value = RSA, chain.key.sign(signed, padding.PKCS1v15(), SHA256())
    else:
        algorithm, value = ECDSA, chain.key.sign(signed, ec.ECDSA(SHA256()))
    serial = _der(0x02, bytes([chain.leaf.serial_number]))
    name = _der(0x30, chain.leaf.issuer.public_bytes(), serial)
    signer = _der(
        0x30, VERSION_1, name, SHA_256, _der(0xA0, *attributes), algorithm, _der(0x04, value)
    )
    certificates = [each.public_bytes(Encoding.DER) for each in (chain.leaf, chain.intermediate)]
    inside = (
        VERSION_1,
        _der(0x31, SHA_256),
        _ber(0x30, DATA),
        _ber(0xA0, *certificates),
        _der(0x31, signer),
    )
    return _ber(0x30, SIGNED_DATA, _ber(0xA0, _ber(0x30, *inside)))


def flipped(content: bytes, at: int) -> bytes:
    """The same with one bit another."""
    changed = bytearray(content)
    changed[at] ^= 1
    return bytes(changed)


def _der(tag: int, *parts: bytes) -> bytes:
    """An element whose length is said in front."""
    content = b"".join(parts)
    size = len(content)
    if size < 0x80:  # noqa: PLR2004 (X.690, 8.1.3.4: the short form)
        return bytes([tag, size]) + content
    said = size.to_bytes((size.bit_length() + 7) // 8)
    return bytes([tag, 0x80 | len(said)]) + said + content


def _ber(tag: int, *parts: bytes) -> bytes:
    """An element that ends with two zero bytes."""
    return bytes([tag, 0x80]) + b"".join(parts) + b"\0\0"


def _text(content: bytes) -> str:
    return b64encode(content).decode()


VERSION_1: Final = _der(0x02, b"\1")
