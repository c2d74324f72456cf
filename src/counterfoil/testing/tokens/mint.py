"""The keys that tokens for tests are made with: roots, signers, and a merchant's own.

They are made at random for one deployment and rest in a file beside its database that its owner
alone may read. A gateway that finds the file trusts those roots at the test bank's terminals only.
"""

import os
from base64 import b64encode
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256, SHA384
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

MERCHANT: Final = "merchant.counterfoil.sandbox"
RECIPIENT: Final = "gateway:counterfoil"
GATEWAY_MERCHANT: Final = "sandbox"
LEAF_MARK: Final = "1.2.840.113635.100.6.29"
INTERMEDIATE_MARK: Final = "1.2.840.113635.100.6.2.14"
FIRST: Final = datetime(2020, 1, 1, tzinfo=UTC)
LAST: Final = datetime(2201, 1, 1, tzinfo=UTC)  # later than any clock of ours goes
SERIALS: Final = {"root": 1, "intermediate": 2, "leaf": 3}
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


class Kept(msgspec.Struct):
    """The file: what tokens are signed with, and what opens them (`vault/wallets/keys.py`)."""

    signing: dict[str, str]
    keys: dict[str, dict[str, object]]


class Chain(NamedTuple):
    """Who signs Apple Pay tokens: the leaf's key, and the certificates that go along."""

    key: Key
    leaf: x509.Certificate
    intermediate: x509.Certificate


class Mint:
    """Keys by name: those that sign (`root`, `intermediate`, `leaf`…), and the merchant's own."""

    def __init__(self, keys: Mapping[str, Key]) -> None:
        self._keys = keys

    @classmethod
    def create(cls) -> "Mint":
        """New keys; takes some tenths of a second."""
        return cls(
            {
                "root": ec.generate_private_key(ec.SECP384R1()),
                **{
                    name: elliptic()
                    for name in ("intermediate", "leaf", "google", "apple_merchant")
                },
                "google_merchant": elliptic(),
                "rsa_leaf": rsa.generate_private_key(65537, 2048),
                "rsa_merchant": rsa.generate_private_key(65537, 2048),
            }
        )

    def elliptic(self, name: str) -> ec.EllipticCurvePrivateKey:
        """The elliptic key of that name."""
        key = self._keys[name]
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        return key

    def rsa(self, name: str) -> rsa.RSAPrivateKey:
        """The RSA key of that name."""
        key = self._keys[name]
        assert isinstance(key, rsa.RSAPrivateKey)
        return key

    def chain(
        self, *, by_rsa: bool, marked: bool = True, last: datetime = LAST, own_root: bool = True
    ) -> Chain:
        """Certificates for a leaf; those for broken tokens differ in one point."""
        root = self.elliptic("root") if own_root else ec.generate_private_key(ec.SECP384R1())
        middle, key = self._keys["intermediate"], self._keys["rsa_leaf" if by_rsa else "leaf"]
        leaf = _certificate("leaf", key, "intermediate", last)
        between = _certificate("intermediate", middle, "root", LAST)
        if marked:
            leaf = leaf.add_extension(_mark(LEAF_MARK), critical=False)
        between = between.add_extension(_mark(INTERMEDIATE_MARK), critical=False)
        return Chain(
            key=key,
            leaf=leaf.sign(_elliptic(middle), SHA256()),
            intermediate=_authority(between).sign(root, SHA384()),
        )

    def keys(self) -> dict[str, dict[str, object]]:
        """What opens the tokens, as `counterfoil.vault.wallets.read_keys` reads it."""
        root = self.elliptic("root")
        builder = _authority(_certificate("root", root, "root", LAST))
        certificate = builder.sign(root, SHA384()).public_bytes(Encoding.PEM).decode()
        public = b64encode(spki(self.elliptic("google"))).decode()
        return {
            "apple_pay": {
                "merchant": MERCHANT,
                "keys": [_pem(self._keys[name]) for name in ("apple_merchant", "rsa_merchant")],
                "roots": [certificate],
            },
            "google_pay": {
                "recipient": RECIPIENT,
                "gateway_merchant": GATEWAY_MERCHANT,
                "keys": [_pem(self._keys["google_merchant"])],
                "roots": {
                    "keys": [
                        {"keyValue": public, "protocolVersion": version}
                        for version in ("ECv1", "ECv2", "ECv2SigningOnly")
                    ]
                },
            },
        }

    def text(self) -> bytes:
        """The file's content."""
        signing = {name: _pem(key) for name, key in self._keys.items()}
        return msgspec.json.encode(Kept(signing=signing, keys=self.keys()))

    @classmethod
    def read(cls, text: bytes) -> "Mint":
        """The keys in a file; raises `msgspec.MsgspecError`, `ValueError` or `TypeError`."""
        found: dict[str, Key] = {}
        for name, pem in msgspec.json.decode(text, type=Kept).signing.items():
            key = load_pem_private_key(pem.encode(), password=None)
            if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
                raise TypeError(f"the key {name} is of another kind")
            found[name] = key
        return cls(found)


def mint_at(path: Path) -> Mint:
    """The keys in that file, made if it is not there: with mode 0600, whole or not at all.

    Raises `OSError`, and what `Mint.read` raises.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(Mint.create().text())
            os.link(draft, path)
        except FileExistsError:
            pass  # another process was quicker: its keys count
        finally:
            draft.unlink()
    return Mint.read(path.read_bytes())


def elliptic() -> ec.EllipticCurvePrivateKey:
    """A new key of P-256."""
    return ec.generate_private_key(ec.SECP256R1())


def spki(key: Key) -> bytes:
    """A key's public half as certificates have it."""
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _certificate(name: str, key: Key, issuer: str, last: datetime) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(_named(name))
        .issuer_name(_named(issuer))
        .serial_number(SERIALS[name])
        .public_key(key.public_key())
        .not_valid_before(FIRST)
        .not_valid_after(last)
    )


def _authority(builder: x509.CertificateBuilder) -> x509.CertificateBuilder:
    return builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)


def _mark(oid: str) -> x509.UnrecognizedExtension:
    return x509.UnrecognizedExtension(x509.ObjectIdentifier(oid), b"\x05\x00")


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Counterfoil sandbox {name}")])


def _elliptic(key: Key) -> ec.EllipticCurvePrivateKey:
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return key


def _pem(key: Key) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
