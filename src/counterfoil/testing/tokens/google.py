"""Google Pay tokens as Google makes them.

Source: Google Pay API, "Payment data cryptography for merchants".
"""

import hmac
import secrets
from base64 import b64encode
from typing import Final

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from counterfoil.core.wallets import Form
from counterfoil.testing.tokens.mint import GATEWAY_MERCHANT, RECIPIENT, Mint, elliptic, spki
from counterfoil.testing.tokens.wanted import Broken, Wanted

LIFE_MS: Final = 3_600_000
KEY_LIFE_MS: Final = 14 * 86_400_000
MS_US: Final = 1000
POINT: Final = (Encoding.X962, PublicFormat.UncompressedPoint)


def google_token(mint: Mint, wanted: Wanted) -> dict[str, object]:
    """The token's JSON members."""
    plain = msgspec.json.encode(_payload(wanted))
    message = plain if wanted.form is Form.ECV2_SIGNING_ONLY else _sealed(mint, wanted, plain)
    root = elliptic() if wanted.broken is Broken.ROOT else mint.elliptic("google")
    version = wanted.form.value
    token: dict[str, object] = {}
    signer = root
    if wanted.form is not Form.ECV1:
        signer = elliptic()
        token["intermediateSigningKey"] = _vouched(root, signer, wanted)
    recipient = "gateway:other" if wanted.broken is Broken.OTHER_RECIPIENT else RECIPIENT
    signature = _signature(signer, b"Google", recipient.encode(), version.encode(), message)
    if wanted.broken is Broken.SIGNATURE:
        signature = signature[:-1] + bytes([signature[-1] ^ 1])
    if wanted.broken is Broken.DATA:
        message = message.replace(b"{", b"{ ", 1)
    token["protocolVersion"] = "ECv0" if wanted.broken is Broken.VERSION else version
    token["signedMessage"] = message.decode()
    if wanted.broken is not Broken.MALFORMED:
        token["signature"] = _text(signature)
    return token


def _payload(wanted: Wanted) -> dict[str, object]:
    now = wanted.now // MS_US
    expires = now - LIFE_MS if wanted.broken is Broken.EXPIRED else now + LIFE_MS
    details: dict[str, object] = {
        "pan": "" if wanted.broken is Broken.PAYLOAD else wanted.pan,
        "expirationMonth": wanted.month,
        "expirationYear": wanted.year,
        "authMethod": "PAN_ONLY" if wanted.cryptogram is None else "CRYPTOGRAM_3DS",
    }
    if wanted.cryptogram is not None:
        details |= {"cryptogram": wanted.cryptogram, "eciIndicator": wanted.eci or ""}
    merchant = "other" if wanted.broken is Broken.OTHER_MERCHANT else GATEWAY_MERCHANT
    replayed = wanted.broken is Broken.REPLAYED
    return {
        "messageId": "replayed" if replayed else secrets.token_urlsafe(24),
        "messageExpiration": str(expires),
        "gatewayMerchantId": merchant,
        "paymentMethod": "CARD",
        "paymentMethodDetails": details,
    }


def _sealed(mint: Mint, wanted: Wanted, plain: bytes) -> bytes:
    size = 16 if wanted.form is Form.ECV1 else 32
    there = elliptic() if wanted.broken is Broken.OTHER_KEY else mint.elliptic("google_merchant")
    ephemeral = elliptic()
    point = ephemeral.public_key().public_bytes(*POINT)
    secret = point + ephemeral.exchange(ec.ECDH(), there.public_key())
    hkdf = HKDF(algorithm=SHA256(), length=2 * size, salt=None, info=b"Google")
    derived = hkdf.derive(secret)
    closing = Cipher(AES(derived[:size]), CTR(bytes(16))).encryptor()
    message = closing.update(plain) + closing.finalize()
    tag = hmac.digest(derived[size:], message, "sha256")
    if wanted.broken is Broken.TAG:
        tag = bytes([tag[0] ^ 1]) + tag[1:]
    parts = {"encryptedMessage": message, "ephemeralPublicKey": point, "tag": tag}
    encoded = msgspec.json.encode({name: _text(part) for name, part in parts.items()})
    return encoded.replace(b"=", b"\\u003d")  # as Google writes it


def _vouched(
    root: ec.EllipticCurvePrivateKey, signer: ec.EllipticCurvePrivateKey, wanted: Wanted
) -> dict[str, object]:
    """The intermediate key, signed by a root."""
    now = wanted.now // MS_US
    expires = now - LIFE_MS if wanted.broken is Broken.KEY_EXPIRED else now + KEY_LIFE_MS
    key = msgspec.json.encode({"keyValue": _text(spki(signer)), "keyExpiration": str(expires)})
    signature = _signature(root, b"Google", wanted.form.value.encode(), key)
    return {"signedKey": key.decode(), "signatures": [_text(signature)]}


def _signature(key: ec.EllipticCurvePrivateKey, *parts: bytes) -> bytes:
    """Over the parts, each behind its length."""
    signed = b"".join(len(part).to_bytes(4, "little") + part for part in parts)
    return key.sign(signed, ec.ECDSA(SHA256()))


def _text(content: bytes) -> str:
    return b64encode(content).decode()
