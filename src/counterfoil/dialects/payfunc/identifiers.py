"""Identifiers as this wire writes them: letters, digits, `-` and `_`, of one length a kind.

An order's or account's has 16 characters: our number in eight bytes and a check of four, in base64.
It is a bijection, so nothing has to be looked up, and what was mistyped is nobody's. An order is
found by the plain digits of its number as well, as other wires print them. Any other 16 characters
may be what a client calls an order (`naming.py`) or an account.
"""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha1, sha256
from typing import Final
from uuid import UUID
from zlib import crc32

from counterfoil.core.ports import ID_MAX

LONG: Final = re.compile(r"[A-Za-z0-9_-]{16}", re.ASCII)
DIGITS: Final = re.compile(r"[1-9][0-9]{16,18}", re.ASCII)
HANDLE: Final = re.compile(r"[A-Za-z0-9_-]{8}", re.ASCII)
HANDLE_BYTES: Final = 6
CHOSEN: Final = 1 << 62  # microseconds run that far in 570 years
REFERENCES: Final = UUID("6d1f1b52-7c52-4c6e-9c0a-3d8f0a4b7e11")  # any one, for ever the same


def identifier(number: int) -> str:
    """An order's or account's number as 16 characters."""
    written = number.to_bytes(8)
    return urlsafe_b64encode(written + crc32(written).to_bytes(4)).decode()


def number(text: str) -> int | None:
    """The number that 16 characters, or plain digits, stand for; None where they are not ours."""
    if DIGITS.fullmatch(text):
        found = int(text)
    elif LONG.fullmatch(text):
        raw = urlsafe_b64decode(text)
        found = int.from_bytes(raw[:8])
        if crc32(raw[:8]) != int.from_bytes(raw[8:]):
            return None
    else:
        return None
    return found if found <= ID_MAX else None


def account(text: str) -> int | None:
    """The number of an account with that id; a client's own choice has one beyond all of ours."""
    if LONG.fullmatch(text) is None or number(text) is not None:
        return number(text)
    return CHOSEN | int.from_bytes(sha256(text.encode()).digest()[:8]) >> 2


def formed(text: str) -> bool:
    """Whether it looks like an identifier, ours or not."""
    return LONG.fullmatch(text) is not None or DIGITS.fullmatch(text) is not None


def handle(number: int) -> str:
    """A card's number of 48 bits as eight characters."""
    return urlsafe_b64encode(number.to_bytes(HANDLE_BYTES)).decode()


def handled(text: str) -> int | None:
    """The number that eight characters stand for."""
    if HANDLE.fullmatch(text) is None:
        return None
    return int.from_bytes(urlsafe_b64decode(text))


def reference(operation: int) -> str:
    """An operation's number as a UUID (version 5), as acquirers' references look here.

    Source: RFC 9562, section 5.5; the library's own takes five times as long.
    """
    text = sha1(REFERENCES.bytes + b"%d" % operation, usedforsecurity=False).hexdigest()
    variant = "89ab"[int(text[16], 16) & 3]
    return f"{text[:8]}-{text[8:12]}-5{text[13:16]}-{variant}{text[17:20]}-{text[20:32]}"
