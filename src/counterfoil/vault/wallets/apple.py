"""Apple Pay payment tokens: EC_v1 and RSA_v1, verified first, then opened.

Sources: Apple, "Payment token format reference" and "Restoring the symmetric key"; NIST SP 800-56A,
5.8.1, for the key derivation.
"""

import re
from typing import Final

import msgspec
from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.concatkdf import ConcatKDFHash
from cryptography.hazmat.primitives.serialization import load_der_public_key

from counterfoil.core.card import Brand
from counterfoil.core.currencies import CURRENT
from counterfoil.core.money import Money
from counterfoil.core.pan import brand_of
from counterfoil.core.wallets import Form, Opened, Reason, TokenError, Wallet, WalletUse
from counterfoil.vault.wallets import cms
from counterfoil.vault.wallets.keys import AppleKeys, PrivateKey
from counterfoil.vault.wallets.reading import (
    Plain,
    checked_cryptogram,
    checked_pan,
    from_base64,
    from_hex,
    read,
)

WINDOW_US: Final = 300_000_000  # how far the signing time may be from now, either way
SECOND_US: Final = 1_000_000
ID_BYTES_MAX: Final = 64
KEY_BYTES: Final = {Form.EC_V1: 32, Form.RSA_V1: 16}
ALGORITHM: Final = b"\x0did-aes256-GCM"
PARTY_U: Final = b"Apple"
NONCE: Final = bytes(16)
EXPIRY: Final = re.compile(r"([0-9]{2})(0[1-9]|1[0-2])[0-9]{2}", re.ASCII)
ECI: Final = re.compile(r"[0-9]{1,2}", re.ASCII)
SIGNED_IN: Final = "3DSecure"
# What the schemes mean by a cryptogram where the token does not say.
DEFAULT_ECI: Final = {Brand.VISA: "05", Brand.MASTERCARD: "02", Brand.MAESTRO: "02"}


class Header(msgspec.Struct, rename="camel"):
    """How to get at the key, and what is signed beside the data."""

    public_key_hash: str
    transaction_id: str
    ephemeral_public_key: str | None = None
    wrapped_key: str | None = None
    application_data: str | None = None


class PaymentData(msgspec.Struct):
    """The token itself."""

    version: str
    data: str
    signature: str
    header: Header


class Proof(msgspec.Struct, rename="camel"):
    """The cryptogram; a payload for chip terminals has other members."""

    online_payment_cryptogram: Plain | None = None
    eci_indicator: str | None = None


class Payload(msgspec.Struct, rename="camel"):
    """What is sealed."""

    application_primary_account_number: Plain
    application_expiration_date: Plain
    currency_code: str
    transaction_amount: int
    payment_data_type: str
    payment_data: Proof


def open_token(token: PaymentData, keys: AppleKeys, amount: Money, now: int) -> Opened:
    """The card in a token that Apple signed for this merchant, now and for that amount.

    Raises `TokenError`.
    """
    if token.version not in {Form.EC_V1, Form.RSA_V1}:
        raise TokenError(Reason.UNSUPPORTED)
    form, header = Form(token.version), token.header
    wrapping = header.ephemeral_public_key if form is Form.EC_V1 else header.wrapped_key
    key_part = from_base64(wrapping or "")
    sealed, identity = from_base64(token.data), from_hex(header.transaction_id, ID_BYTES_MAX)
    extra = from_hex(header.application_data, ID_BYTES_MAX) if header.application_data else b""
    signed_at = cms.verify(
        from_base64(token.signature), key_part + sealed + identity + extra, keys.roots
    )
    at = int(signed_at.timestamp()) * SECOND_US
    if abs(now - at) > WINDOW_US:
        raise TokenError(Reason.SIGNING_TIME)
    key = keys.keys.get(from_base64(header.public_key_hash))
    if key is None:
        raise TokenError(Reason.UNKNOWN_KEY)
    restored = _restored(form, key, key_part, keys.merchant_hash)
    use = WalletUse(
        wallet=Wallet.APPLE_PAY, form=form, id=identity.hex(), until=at + WINDOW_US + SECOND_US
    )
    return _card(_unsealed(restored, sealed), amount, use)


def _restored(form: Form, key: PrivateKey, key_part: bytes, merchant: bytes) -> AESGCM:
    """The key that the payload is sealed under."""
    if form is Form.EC_V1 and isinstance(key, ec.EllipticCurvePrivateKey):
        secret = key.exchange(ec.ECDH(), _ephemeral(key_part))
        derived = ConcatKDFHash(
            algorithm=SHA256(), length=KEY_BYTES[form], otherinfo=ALGORITHM + PARTY_U + merchant
        ).derive(secret)
    elif form is Form.RSA_V1 and isinstance(key, rsa.RSAPrivateKey):
        oaep = padding.OAEP(mgf=padding.MGF1(SHA256()), algorithm=SHA256(), label=None)
        try:
            derived = key.decrypt(key_part, oaep)
        except ValueError:
            raise TokenError(Reason.OTHER_MERCHANT) from None
    else:
        raise TokenError(Reason.UNKNOWN_KEY)
    if len(derived) != KEY_BYTES[form]:
        raise TokenError(Reason.MALFORMED)
    return AESGCM(derived)


def _ephemeral(encoded: bytes) -> ec.EllipticCurvePublicKey:
    try:
        key = load_der_public_key(encoded)
    except (ValueError, UnsupportedAlgorithm):
        raise TokenError(Reason.MALFORMED) from None
    if not (isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1)):
        raise TokenError(Reason.MALFORMED)
    return key


def _unsealed(key: AESGCM, sealed: bytes) -> Payload:
    """The payload; Apple signed it as it is, so a wrong tag means another merchant's identifier."""
    try:
        return read(key.decrypt(NONCE, sealed, None), Payload, Reason.PAYLOAD)
    except (InvalidTag, ValueError):
        raise TokenError(Reason.OTHER_MERCHANT) from None


def _card(payload: Payload, amount: Money, use: WalletUse) -> Opened:
    """The card, where the customer agreed to this amount."""
    if payload.payment_data_type != SIGNED_IN:
        raise TokenError(Reason.UNSUPPORTED)
    pan = checked_pan(payload.application_primary_account_number)
    expiry = EXPIRY.fullmatch(payload.application_expiration_date.reveal())
    cryptogram = checked_cryptogram(payload.payment_data.online_payment_cryptogram)
    eci = payload.payment_data.eci_indicator or DEFAULT_ECI.get(brand_of(pan.reveal()))
    if expiry is None or cryptogram is None or (eci and ECI.fullmatch(eci) is None):
        raise TokenError(Reason.PAYLOAD)
    if payload.currency_code.zfill(3) != CURRENT[amount.currency][0]:
        raise TokenError(Reason.CURRENCY)
    if payload.transaction_amount != amount.minor:
        raise TokenError(Reason.AMOUNT)
    return Opened(
        use=msgspec.structs.replace(use, eci=eci and eci.zfill(2)),
        pan=pan,
        month=int(expiry[2]),
        year=2000 + int(expiry[1]),
        cryptogram=cryptogram,
    )
