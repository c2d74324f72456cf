"""The master key: 32 bytes that live outside the database and wrap data keys.

As text it is urlsafe base64 (44 characters), in a file that its owner alone may read. It masks
itself wherever it is printed. Wrapping is AES key wrap with padding (RFC 5649); what is wrapped is
the key's id and the key, so that no key can be passed off as another.
"""

import base64
import os
import re
import secrets
import stat
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.keywrap import (
    InvalidUnwrap,
    aes_key_unwrap_with_padding,
    aes_key_wrap_with_padding,
)

from counterfoil.core.card import Masked
from counterfoil.core.ports import DataKey, VaultError

KEY_BYTES: Final = 32
ID_BYTES: Final = 8
FILE_BYTES_MAX: Final = 1024  # a key file holds one line
TEXT: Final = re.compile(r"[A-Za-z0-9_-]{43}=?", re.ASCII)
OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


class MasterKey(Masked):
    """The master key as text; prints as a mask. Made by the functions of this module."""

    __slots__ = ()

    def wrap(self, identifier: int, key: bytes) -> bytes:
        """The data key of that id as it may rest."""
        named = identifier.to_bytes(ID_BYTES) + key
        return aes_key_wrap_with_padding(self._plain_bytes(), named)

    def unwrap(self, key: DataKey) -> bytes:
        """The plain data key; raises `VaultError` where another master wrapped it."""
        try:
            named = aes_key_unwrap_with_padding(self._plain_bytes(), key.wrapped)
        except (InvalidUnwrap, ValueError) as why:
            raise VaultError(
                f"wrong master key: it did not wrap data key {key.id} of this database"
            ) from why
        if named[:ID_BYTES] != key.id.to_bytes(ID_BYTES) or len(named) != ID_BYTES + KEY_BYTES:
            raise VaultError(f"data key {key.id} was exchanged for another one")
        return named[ID_BYTES:]

    def _plain_bytes(self) -> bytes:
        return base64.urlsafe_b64decode(self.reveal())


def master_from_text(text: str) -> MasterKey:
    """The master key from a setting; blanks around it do not matter. Raises `VaultError`."""
    line = text.strip()
    if TEXT.fullmatch(line) is None:
        raise VaultError("a master key is 32 bytes in urlsafe base64: 44 characters on one line")
    return MasterKey(line.rstrip("=") + "=")


def master_from_file(path: Path) -> MasterKey:
    """The master key from a file.

    Raises `VaultError` where it cannot be read, holds no key, or anybody but its owner may use it.
    """
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            content = file.read(FILE_BYTES_MAX)
    except OSError as why:
        raise VaultError(f"the master key file {path} cannot be read: {why.strerror}") from why
    if mode & OTHERS:
        raise VaultError(f"others may read the master key file {path}: run chmod 600 on it")
    return master_from_text(content.decode("ascii", "replace"))


def create_master(path: Path) -> MasterKey:
    """A new master key, in a new file of mode 0600 that is there whole or not at all.

    Raises `VaultError` where the file exists (it may be all that opens a database) or cannot be
    written.
    """
    text = base64.urlsafe_b64encode(secrets.token_bytes(KEY_BYTES)).decode()
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        _write(draft, text)
        try:
            os.link(draft, path)  # refuses an existing file, which a rename would replace
        finally:
            draft.unlink()
        _sync_folder(path.parent)
    except FileExistsError as why:
        raise VaultError(f"{path} exists: a master key file is never overwritten") from why
    except OSError as why:
        raise VaultError(f"the master key file {path} cannot be written: {why.strerror}") from why
    return MasterKey(text)


def _write(path: Path, text: str) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(handle)


def _sync_folder(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
