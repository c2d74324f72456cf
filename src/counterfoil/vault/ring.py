"""The key ring: data keys unwrapped once at start, then sealing and opening without a wait.

Sealed form: version (1 byte), data key id (8), nonce (12, random), AES-256-GCM output (digits and a
tag of 16). Bound into the tag: purpose, merchant and card, so that a ciphertext moved to another
row does not open. Random nonces of 96 bits are safe for 2**32 uses of a key (NIST SP 800-38D, 8.3);
a process stops at 2**28, which leaves room for sixteen of them.
"""

import hmac
import secrets
import struct
from collections.abc import Collection, Iterable
from functools import lru_cache
from typing import Final, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from counterfoil.core.card import Pan, SealedCard, SealedSecret, Secret
from counterfoil.core.pan import NUMBER
from counterfoil.core.ports import DataKey, VaultError
from counterfoil.vault.master import KEY_BYTES, MasterKey

ROOT: Final = 0  # the reserved id of the key that seals nothing and others are derived from
NOBODY: Final = 0  # the endpoint that a merchant's own secrets are sealed for: there is none
VERSION: Final = 1
HEADER: Final = struct.Struct(">BQ")
PLACE: Final = struct.Struct(">QQ")
NONCE_BYTES: Final = 12
NONCES: Final = 1024  # fetched at once
TAG_BYTES: Final = 16
FINGERPRINT_BYTES: Final = 16
SEALS_MAX: Final = 2**28
MERCHANT_KEYS_MAX: Final = 4096  # of about 100 bytes each; one left out is derived again in 20 µs

PAN: Final = b"counterfoil pan 1"
FINGERPRINT: Final = b"counterfoil card fingerprint 1"
SECRET: Final = b"counterfoil api secret 1"
ENDPOINT: Final = b"counterfoil endpoint secret 1"


class Sealer(NamedTuple):
    """The key that seals: its id, the header that names it, and its cipher."""

    id: int
    header: bytes
    cipher: AESGCM


class KeyRing:
    """A `Vault` over the data keys of one database.

    Fingerprints and secret hashes hang on the root key (id 0), which is a wrapped data key and not
    the master: they stay the same whatever is rotated.
    """

    def __init__(
        self, master: MasterKey, data_keys: Collection[DataKey], *, seals_max: int = SEALS_MAX
    ) -> None:
        """Unwrap every key.

        Raises `VaultError`: the master is another one, or the root or an active key is missing.
        """
        keys = {key.id: key for key in data_keys}
        if ROOT not in keys:
            raise VaultError("the root data key (id 0) is missing")
        if not any(key.active for key in data_keys if key.id != ROOT):
            raise VaultError("no data key is active")
        self._master = master
        self._root = master.unwrap(keys.pop(ROOT))
        self._secret_key = _derive(self._root, SECRET)
        self._merchant_key = lru_cache(maxsize=MERCHANT_KEYS_MAX)(self._fingerprint_key)
        self._ciphers: dict[int, AESGCM] = {}
        self._nonces = b""
        self._nonces_left = 0
        self._sealer: Sealer | None = None
        self._seals_left = seals_max
        self._seals_max = seals_max
        self.learn(keys.values())

    @property
    def sealing_key(self) -> int:
        """The id of the key that new cards are sealed under."""
        assert self._sealer is not None
        return self._sealer.id

    def learn(self, data_keys: Iterable[DataKey]) -> None:
        """Take in keys that were added since, and seal under the newest that is active.

        A process that serves while keys are rotated calls this before cards are resealed.
        """
        keys = [key for key in data_keys if key.id != ROOT]
        for key in keys:
            if key.id not in self._ciphers:
                self._ciphers[key.id] = AESGCM(self._master.unwrap(key))
        newest = max((key.id for key in keys if key.active), default=ROOT)
        if newest == ROOT or (self._sealer is not None and newest <= self._sealer.id):
            return
        self._sealer = Sealer(newest, HEADER.pack(VERSION, newest), self._ciphers[newest])
        self._seals_left = self._seals_max

    def seal(self, merchant: int, card: int, pan: Pan) -> SealedCard:
        """The number as it may rest.

        Raises `VaultError` for anything but a card number, and where the key has been used 2**28
        times in this process.
        """
        if not isinstance(pan, Pan) or NUMBER.fullmatch(number := pan.reveal()) is None:
            raise VaultError("only a card number is sealed")
        plain = number.encode()
        key, sealed = self._seal(plain, PAN + PLACE.pack(merchant, card))
        fingerprint = self._fingerprint(merchant, plain)
        return SealedCard(id=card, key=key, sealed=sealed, fingerprint=fingerprint)

    def open(self, merchant: int, card: SealedCard) -> Pan:
        """The plain number.

        Raises `VaultError` where the ciphertext was changed or moved, or its key is not here.
        """
        place = PAN + PLACE.pack(merchant, card.id)
        return Pan(self._open(card.key, card.sealed, place, f"card {card.id}").decode())

    def seal_secret(self, owner: tuple[int, int], secret: Secret, since: int) -> SealedSecret:
        """A secret of a merchant's endpoint (`owner`), as it may rest; in force from an instant.

        Raises `VaultError` where the key has been used 2**28 times in this process.
        """
        place = ENDPOINT + PLACE.pack(*owner) + since.to_bytes(8)
        key, sealed = self._seal(secret.reveal().encode(), place)
        return SealedSecret(key=key, sealed=sealed, since=since)

    def open_secret(self, owner: tuple[int, int], sealed: SealedSecret) -> Secret:
        """The plain secret; raises `VaultError` as `open` does."""
        place = ENDPOINT + PLACE.pack(*owner) + sealed.since.to_bytes(8)
        what = f"a secret of endpoint {owner[1]}"
        return Secret(self._open(sealed.key, sealed.sealed, place, what).decode())

    def hash_secret(self, secret: str) -> bytes:
        """HMAC-SHA-256 of an API secret; compare with `hmac.compare_digest`."""
        return hmac.digest(self._secret_key, secret.encode(), "sha256")

    def _seal(self, plain: bytes, place: bytes) -> tuple[int, bytes]:
        """The key that seals now, and what it makes of the text at that place."""
        if self._seals_left <= 0:
            raise VaultError("the data key is used up: rotate data keys")
        self._seals_left -= 1
        sealer = self._sealer
        assert sealer is not None
        nonce = self._nonce()
        return sealer.id, sealer.header + nonce + sealer.cipher.encrypt(nonce, plain, place)

    def _open(self, named: int, sealed: bytes, place: bytes, what: str) -> bytes:
        body = HEADER.size + NONCE_BYTES
        if len(sealed) <= body + TAG_BYTES:
            raise VaultError(f"{what}: the ciphertext is cut short")
        version, key = HEADER.unpack_from(sealed)
        if version != VERSION:
            raise VaultError(f"{what}: sealed in an unknown form")
        if key != named or key not in self._ciphers:
            raise VaultError(f"{what}: its data key is not in the ring")
        try:
            return self._ciphers[key].decrypt(sealed[HEADER.size : body], sealed[body:], place)
        except InvalidTag as why:
            raise VaultError(f"{what}: the ciphertext was changed or moved") from why

    def _nonce(self) -> bytes:
        """Twelve random bytes, fetched by the thousand: each fetch lets other threads run first."""
        if self._nonces_left == 0:
            self._nonces = secrets.token_bytes(NONCE_BYTES * NONCES)
            self._nonces_left = NONCES
        self._nonces_left -= 1
        start = self._nonces_left * NONCE_BYTES
        return self._nonces[start : start + NONCE_BYTES]

    def _fingerprint(self, merchant: int, number: bytes) -> bytes:
        started = self._merchant_key(merchant).copy()
        started.update(number)
        return started.finalize()[:FINGERPRINT_BYTES]

    def _fingerprint_key(self, merchant: int) -> HMAC:
        key = _derive(self._root, FINGERPRINT + merchant.to_bytes(8))
        return HMAC(key, SHA256())


def new_data_key(master: MasterKey, identifier: int) -> DataKey:
    """A new random key that seals, wrapped; its id is greater than those of its elders."""
    assert identifier > ROOT
    wrapped = master.wrap(identifier, secrets.token_bytes(KEY_BYTES))
    return DataKey(id=identifier, wrapped=wrapped)


def first_keys(master: MasterKey, identifier: int) -> tuple[DataKey, DataKey]:
    """The root and the first data key of an empty database.

    To be saved once, by whoever creates the database: a second root would orphan every fingerprint
    and every secret hash made with the first.
    """
    wrapped = master.wrap(ROOT, secrets.token_bytes(KEY_BYTES))
    root = DataKey(id=ROOT, wrapped=wrapped, active=False)
    return root, new_data_key(master, identifier)


def rewrap(old: MasterKey, new: MasterKey, keys: Iterable[DataKey]) -> tuple[DataKey, ...]:
    """The same keys under another master; those that are under it already stay as they are.

    Raises `VaultError` where neither master opens a key.
    """
    return tuple(_rewrapped(old, new, key) for key in keys)


def _rewrapped(old: MasterKey, new: MasterKey, key: DataKey) -> DataKey:
    try:
        new.unwrap(key)
    except VaultError:
        wrapped = new.wrap(key.id, old.unwrap(key))
        return DataKey(id=key.id, wrapped=wrapped, active=key.active)
    return key


def _derive(key: bytes, purpose: bytes) -> bytes:
    """Another key for another purpose: HKDF with SHA-256 (RFC 5869)."""
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=purpose).derive(key)
