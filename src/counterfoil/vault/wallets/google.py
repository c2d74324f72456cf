"""Google Pay payment method tokens: ECv1, ECv2 and ECv2SigningOnly, verified first, then opened.

What is signed is taken as the bytes that came, never written anew. Lengths are of bytes and not of
characters, four of them, the least significant first.
Source: Google Pay API, "Payment data cryptography for merchants".
"""

import hmac
import re
from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Final

import msgspec
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import load_der_public_key

from counterfoil.core.wallets import Form, Opened, Reason, TokenError, Wallet, WalletUse
from counterfoil.vault.wallets.keys import GoogleKeys, GoogleRoot
from counterfoil.vault.wallets.reading import (
    Plain,
    checked_cryptogram,
    checked_pan,
    from_base64,
    read,
)

SENDER: Final = "Google"
KEY_BYTES: Final = {Form.ECV1: 16, Form.ECV2: 32}  # of the cipher, and again of the MAC
COUNTER: Final = bytes(16)
MS_US: Final = 1000
INSTANT: Final = re.compile(r"[0-9]{1,15}", re.ASCII)
ECI: Final = re.compile(r"[0-9]{0,2}", re.ASCII)
MONTHS: Final = range(1, 13)
YEARS: Final = range(2000, 2100)
SIGNATURES_MAX: Final = 8
ID_MAX: Final = 500
CRYPTOGRAM: Final = "CRYPTOGRAM_3DS"
METHODS: Final = {"PAN_ONLY", CRYPTOGRAM}


class SigningKey(msgspec.Struct, rename="camel"):
    """A key that Google signs with for a while; `signed_key` is JSON, signed by a root."""

    signed_key: str
    signatures: list[str]


class Envelope(msgspec.Struct, rename="camel"):
    """The token itself; `signed_message` is JSON."""

    protocol_version: str
    signature: str
    signed_message: Plain
    intermediate_signing_key: SigningKey | None = None


class SignedKey(msgspec.Struct, rename="camel"):
    """What a root says of the key it signed."""

    key_value: str
    key_expiration: str


class Sealed(msgspec.Struct, rename="camel"):
    """The sealed payload, and what its key is made from."""

    encrypted_message: str
    ephemeral_public_key: str
    tag: str


class Details(msgspec.Struct, rename="camel"):
    """The card."""

    pan: Plain
    expiration_month: int
    expiration_year: int
    auth_method: str = "PAN_ONLY"
    cryptogram: Plain | None = None
    eci_indicator: str | None = None


class Payload(msgspec.Struct, rename="camel"):
    """What is sealed."""

    message_id: str
    message_expiration: str
    payment_method: str
    payment_method_details: Details
    gateway_merchant_id: str | None = None


def open_token(token: Envelope, keys: GoogleKeys, now: int) -> Opened:
    """The card in a token that Google signed for this merchant and that still lives.

    Raises `TokenError`.
    """
    if token.protocol_version not in {Form.ECV1, Form.ECV2, Form.ECV2_SIGNING_ONLY}:
        raise TokenError(Reason.UNSUPPORTED)
    form = Form(token.protocol_version)
    signers = _signers(token, form, keys.roots, now)
    message = token.signed_message.reveal()
    signed = _joined(SENDER, keys.recipient, form, message)
    if not _verified(signers, [token.signature], signed):
        raise TokenError(Reason.SIGNATURE)
    if form is Form.ECV2_SIGNING_ONLY:
        payload = read(message, Payload, Reason.PAYLOAD)
    else:
        sealed = read(message, Sealed)
        payload = read(_unsealed(sealed, form, keys.keys), Payload, Reason.PAYLOAD)
    return _card(payload, form, keys.gateway_merchant, now)


def _signers(
    token: Envelope, form: Form, roots: Sequence[GoogleRoot], now: int
) -> list[ec.EllipticCurvePublicKey]:
    """The keys that may have signed the message: roots, or one that a root vouches for."""
    ours = [root for root in roots if root.version == form]
    if not ours:
        raise TokenError(Reason.CHAIN)
    trusted = [root.key for root in ours if root.until is None or now < root.until]
    if not trusted:
        raise TokenError(Reason.KEY_EXPIRED)
    if form is Form.ECV1:
        return trusted
    between = token.intermediate_signing_key
    if between is None or len(between.signatures) > SIGNATURES_MAX:
        raise TokenError(Reason.MALFORMED)
    if not _verified(trusted, between.signatures, _joined(SENDER, form, between.signed_key)):
        raise TokenError(Reason.CHAIN)
    vouched = read(between.signed_key, SignedKey)
    if now >= _instant(vouched.key_expiration):
        raise TokenError(Reason.KEY_EXPIRED)
    try:
        key = load_der_public_key(from_base64(vouched.key_value))
    except (ValueError, UnsupportedAlgorithm):
        raise TokenError(Reason.MALFORMED) from None
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise TokenError(Reason.MALFORMED)
    return [key]


def _joined(*texts: str) -> bytes:
    """The texts, each behind its length."""
    encoded = [text.encode() for text in texts]
    return b"".join(len(each).to_bytes(4, "little") + each for each in encoded)


def _verified(
    keys: Iterable[ec.EllipticCurvePublicKey], signatures: Iterable[str], signed: bytes
) -> bool:
    """Whether one of the signatures is by one of the keys."""
    found = [from_base64(each) for each in signatures]
    return any(_valid(key, each, signed) for key in keys for each in found)


def _valid(key: ec.EllipticCurvePublicKey, signature: bytes, signed: bytes) -> bool:
    try:
        key.verify(signature, signed, ec.ECDSA(SHA256()))
    except InvalidSignature:
        return False
    return True


def _unsealed(sealed: Sealed, form: Form, keys: Sequence[ec.EllipticCurvePrivateKey]) -> bytes:
    """The payload under the first key whose tag is right; the tag is looked at before anything."""
    point, message = from_base64(sealed.ephemeral_public_key), from_base64(sealed.encrypted_message)
    tag = from_base64(sealed.tag)
    try:
        public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    except ValueError:
        raise TokenError(Reason.MALFORMED) from None
    size = KEY_BYTES[form]
    for key in keys:
        secret = point + key.exchange(ec.ECDH(), public)
        hkdf = HKDF(algorithm=SHA256(), length=2 * size, salt=None, info=SENDER.encode())
        derived = hkdf.derive(secret)
        if hmac.compare_digest(hmac.digest(derived[size:], message, "sha256"), tag):
            opening = Cipher(AES(derived[:size]), CTR(COUNTER)).decryptor()
            return opening.update(message) + opening.finalize()
    raise TokenError(Reason.UNKNOWN_KEY)


def _card(payload: Payload, form: Form, merchant: str | None, now: int) -> Opened:
    """The card, where the token is for this merchant and lives."""
    until = _instant(payload.message_expiration)
    if now >= until:
        raise TokenError(Reason.EXPIRED)
    if merchant is not None and payload.gateway_merchant_id != merchant:
        raise TokenError(Reason.OTHER_MERCHANT)
    details = payload.payment_method_details
    if payload.payment_method != "CARD" or details.auth_method not in METHODS:
        raise TokenError(Reason.UNSUPPORTED)
    proven = details.auth_method == CRYPTOGRAM
    cryptogram = checked_cryptogram(details.cryptogram) if proven else None
    eci = details.eci_indicator or ""
    if (
        details.expiration_month not in MONTHS
        or details.expiration_year not in YEARS
        or (proven and cryptogram is None)
        or ECI.fullmatch(eci) is None
        or not 0 < len(payload.message_id) <= ID_MAX
    ):
        raise TokenError(Reason.PAYLOAD)
    return Opened(
        use=WalletUse(
            wallet=Wallet.GOOGLE_PAY,
            form=form,
            id=sha256(payload.message_id.encode()).hexdigest(),
            until=until,
            eci=eci.zfill(2) if eci else None,
        ),
        pan=checked_pan(details.pan),
        month=details.expiration_month,
        year=details.expiration_year,
        cryptogram=cryptogram,
    )


def _instant(written: str) -> int:
    """Milliseconds since 1970, as text, in microseconds."""
    if INSTANT.fullmatch(written) is None:
        raise TokenError(Reason.MALFORMED)
    return int(written) * MS_US
