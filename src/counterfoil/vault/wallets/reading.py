"""What tokens are written in: base64 in any of its spellings, hexadecimal, JSON into records.

A fault is a `TokenError` and carries nothing of what was read, nor what came before it.
"""

import base64
import re
from typing import Final, TypeVar

import msgspec

from counterfoil.core.card import Masked, Pan
from counterfoil.core.pan import parse_pan
from counterfoil.core.wallets import Cryptogram, Reason, TokenError

BASE64: Final = re.compile(r"[A-Za-z0-9+/]*={0,2}", re.ASCII)
STANDARD: Final = str.maketrans("-_", "+/", " \t\r\n")
CRYPTOGRAM_MAX: Final = 100  # characters of base64; the schemes' are 28 to 56
Read = TypeVar("Read")


class Plain(Masked):
    """A text out of an opened token; no printing, traceback or log shows it."""

    __slots__ = ()


def from_base64(text: str) -> bytes:
    """The bytes; standard or urlsafe letters, with or without padding, blanks anywhere."""
    found = text.translate(STANDARD)
    if BASE64.fullmatch(found) is None:
        raise TokenError(Reason.MALFORMED)
    found = found.rstrip("=")
    try:
        return base64.b64decode(found + "=" * (-len(found) % 4), validate=True)
    except ValueError:
        raise TokenError(Reason.MALFORMED) from None


def from_hex(text: str, longest: int) -> bytes:
    """So many bytes at most, at least one."""
    try:
        found = bytes.fromhex(text)
    except ValueError:
        raise TokenError(Reason.MALFORMED) from None
    if not 0 < len(found) <= longest:
        raise TokenError(Reason.MALFORMED)
    return found


def read(encoded: bytes | str, into: type[Read], why: Reason = Reason.MALFORMED) -> Read:
    """The JSON text as a record of that type; members that it does not name are ignored."""
    try:
        return msgspec.json.decode(encoded, type=into, dec_hook=_plain)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        del encoded  # a traceback may be printed with its variables
    raise TokenError(why)


def checked_pan(written: Plain) -> Pan:
    """A card number whose check digit is right."""
    pan = parse_pan(written.reveal())
    if pan is None:
        raise TokenError(Reason.PAYLOAD)
    return pan


def checked_cryptogram(written: Plain | None) -> Cryptogram | None:
    """The cryptogram, which is base64; None where there is none."""
    if written is None or not (text := written.reveal()):
        return None
    if len(text) > CRYPTOGRAM_MAX or BASE64.fullmatch(text) is None:
        raise TokenError(Reason.PAYLOAD)
    return Cryptogram(text)


def _plain(kind: type, value: object) -> object:
    if kind is not Plain or not isinstance(value, str):
        raise TypeError  # which msgspec takes for a fault of the text
    return Plain(value)
