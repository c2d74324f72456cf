"""A merchant's wallet keys: JSON as an operator writes it, and as it rests once sealed.

    {"apple_pay": {"merchant": "merchant.com.example", "keys": ["PEM"], "roots": ["PEM"]},
     "google_pay": {"recipient": "gateway:example", "gateway_merchant": "shop", "keys": ["PEM"],
                    "roots": {"keys": [{"keyValue": "…", "protocolVersion": "ECv2"}]}}}

`keys` are private keys, newest first: elliptic ones of P-256, for Apple RSA ones as well. Apple's
`merchant` may be the SHA-256 of the identifier in hexadecimal, as the payment processing
certificate has it in extension 1.2.840.113635.100.6.32. Google's `roots` are its keys.json.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

import msgspec
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
    load_pem_private_key,
)

from counterfoil.core.card import SealedSecret, Secret
from counterfoil.core.merchant import Merchant
from counterfoil.core.ports import Vault, VaultError
from counterfoil.core.wallets import TokenError
from counterfoil.vault.ring import NOBODY
from counterfoil.vault.wallets.reading import from_base64

HASHED: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)
RECIPIENT: Final = re.compile(r"(?:merchant|gateway):.+")
GATEWAY: Final = "gateway:"
RSA_BITS_MIN: Final = 2048
MERCHANTS: Final = 256  # whose keys are kept open
MS_US: Final = 1000
Item = TypeVar("Item")
PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


class AppleKeys(NamedTuple):
    """What opens Apple Pay tokens: private keys by the hash of their public half, trusted roots."""

    merchant_hash: bytes
    keys: Mapping[bytes, PrivateKey]
    roots: tuple[x509.Certificate, ...]


class GoogleRoot(NamedTuple):
    """A key that Google signs with, for one version; `until` in microseconds since 1970 UTC."""

    version: str
    key: ec.EllipticCurvePublicKey
    until: int | None = None


class GoogleKeys(NamedTuple):
    """What opens Google Pay tokens."""

    recipient: str
    keys: tuple[ec.EllipticCurvePrivateKey, ...]
    roots: tuple[GoogleRoot, ...]
    gateway_merchant: str | None = None


class Keys(NamedTuple):
    """A merchant's keys, for the wallets that it takes."""

    apple_pay: AppleKeys | None = None
    google_pay: GoogleKeys | None = None


class KeysFile:
    """The keys in a file that may come later; once it was read it is not read again."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._found: Keys | None = None

    def __call__(self) -> Keys | None:
        """The keys; None where there is no file. Raises `VaultError`, `OSError`."""
        if self._found is None and self._path.exists():
            try:
                kept = msgspec.json.decode(self._path.read_bytes(), type=_File)
            except msgspec.MsgspecError:
                raise VaultError(f"{self._path} is damaged: it holds no wallet keys") from None
            self._found = read_keys(kept.keys)
        return self._found


class SealedKeys:
    """The keys that rest sealed with a merchant; opened once for each that was saved."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._read = lru_cache(maxsize=MERCHANTS)(self._opened)

    def __call__(self, merchant: Merchant) -> Keys | None:
        """The keys; None where the merchant has none. Raises `VaultError`."""
        sealed = merchant.wallet_keys
        return None if sealed is None else self._read(merchant.id, sealed)

    def _opened(self, merchant: int, sealed: SealedSecret) -> Keys:
        return read_keys(self._vault.open_secret((merchant, NOBODY), sealed).reveal())


def seal_keys(vault: Vault, merchant: int, text: str, since: int) -> SealedSecret:
    """The keys as they may rest with the merchant; raises `VaultError` where they are no keys."""
    read_keys(text)
    return vault.seal_secret((merchant, NOBODY), Secret(text), since)


class _File(msgspec.Struct):
    keys: msgspec.Raw


class _Apple(msgspec.Struct, forbid_unknown_fields=True):
    merchant: str
    keys: list[str]
    roots: list[str]


class _Root(msgspec.Struct, rename="camel"):
    key_value: str
    protocol_version: str
    key_expiration: str | None = None


class _Roots(msgspec.Struct):
    keys: list[_Root]


class _Google(msgspec.Struct, forbid_unknown_fields=True):
    recipient: str
    keys: list[str]
    roots: _Roots
    gateway_merchant: str | None = None


class _Keys(msgspec.Struct, forbid_unknown_fields=True):
    apple_pay: _Apple | None = None
    google_pay: _Google | None = None


def read_keys(text: str | bytes | msgspec.Raw) -> Keys:
    """The keys; raises `VaultError`, which names the member at fault and shows no key."""
    try:
        written = msgspec.json.decode(text, type=_Keys)
    except (msgspec.MsgspecError, UnicodeDecodeError) as why:
        raise VaultError(f"the wallet keys cannot be read: {why}") from None
    apple, google = written.apple_pay, written.google_pay
    return Keys(
        apple_pay=None if apple is None else _apple(apple),
        google_pay=None if google is None else _google(google),
    )


def public_hash(key: PrivateKey) -> bytes:
    """SHA-256 of a key's public half as a certificate has it: how Apple names the key."""
    spki = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return sha256(spki).digest()


def _apple(written: _Apple) -> AppleKeys:
    keys = [_private("apple_pay.keys", pem) for pem in written.keys]
    merchant = written.merchant
    hashed = HASHED.fullmatch(merchant.lower()) is not None
    return AppleKeys(
        merchant_hash=bytes.fromhex(merchant) if hashed else sha256(merchant.encode()).digest(),
        keys={public_hash(key): key for key in _some("apple_pay.keys", keys)},
        roots=tuple(_some("apple_pay.roots", [_certificate(pem) for pem in written.roots])),
    )


def _google(written: _Google) -> GoogleKeys:
    if RECIPIENT.fullmatch(written.recipient) is None:
        raise VaultError("google_pay.recipient is merchant:ID or gateway:ID")
    if written.recipient.startswith(GATEWAY) and not written.gateway_merchant:
        raise VaultError(
            "google_pay.gateway_merchant is needed: a gateway's merchants share its key"
        )
    keys = [_private("google_pay.keys", pem) for pem in written.keys]
    elliptic = [key for key in keys if isinstance(key, ec.EllipticCurvePrivateKey)]
    if len(elliptic) != len(keys):
        raise VaultError("google_pay.keys: a Google Pay key is an elliptic one of P-256")
    return GoogleKeys(
        recipient=written.recipient,
        keys=tuple(_some("google_pay.keys", elliptic)),
        roots=tuple(_some("google_pay.roots", [_root(each) for each in written.roots.keys])),
        gateway_merchant=written.gateway_merchant,
    )


def _some(name: str, found: list[Item]) -> list[Item]:
    if not found:
        raise VaultError(f"{name}: at least one is needed")
    return found


def _private(name: str, pem: str) -> PrivateKey:
    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise VaultError(f"{name}: a private key is PEM without a password") from None
    if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1):
        return key
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size >= RSA_BITS_MIN:
        return key
    raise VaultError(f"{name}: a key is of P-256, or RSA of {RSA_BITS_MIN} bits or more")


def _certificate(pem: str) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(pem.encode())
    except ValueError:
        raise VaultError("apple_pay.roots: a root is a certificate in PEM") from None


def _root(written: _Root) -> GoogleRoot:
    until = written.key_expiration
    try:
        key = load_der_public_key(from_base64(written.key_value))
        expires = None if until is None else int(until) * MS_US
    except (ValueError, UnsupportedAlgorithm, TokenError):
        raise VaultError("google_pay.roots: a key cannot be read") from None
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise VaultError("google_pay.roots: a key is an elliptic one")
    return GoogleRoot(version=written.protocol_version, key=key, until=expires)
