"""BER, as far as signed messages need it: elements one after another, definite or indefinite.

Apple writes its signatures with indefinite lengths, so a strict DER reader would not do. Nothing is
copied into types: an element is its tag, its content, and the bytes that it came from.
Source: ITU-T X.690, section 8.1.
"""

from typing import Final, NamedTuple

INTEGER: Final = 0x02
OCTETS: Final = 0x04
OID: Final = 0x06
UTC_TIME: Final = 0x17
GENERALIZED_TIME: Final = 0x18
SEQUENCE: Final = 0x30
SET: Final = 0x31
CONTEXT_0: Final = 0xA0
CONTEXT_1: Final = 0xA1

CONSTRUCTED: Final = 0x20
LONG_TAG: Final = 0x1F
LONG_FORM: Final = 0x80
LENGTH_BYTES_MAX: Final = 4
DEPTH_MAX: Final = 16
END: Final = b"\0\0"


class BerError(Exception):
    """The bytes are not an element."""


class Element(NamedTuple):
    """One element. `raw` is all of it; `definite`: its length was said in front."""

    tag: int
    content: bytes
    raw: bytes
    definite: bool

    def inner(self) -> list["Element"]:
        """The elements inside a constructed one; raises `BerError`."""
        if not self.tag & CONSTRUCTED:
            raise BerError
        return elements(self.content)

    def octets(self) -> bytes:
        """An octet string in one piece or several; raises `BerError`."""
        if self.tag == OCTETS:
            return self.content
        pieces = self.inner()
        if self.tag != OCTETS | CONSTRUCTED or any(piece.tag != OCTETS for piece in pieces):
            raise BerError
        return b"".join(piece.content for piece in pieces)


def element(encoded: bytes) -> Element:
    """The one element that the bytes are; raises `BerError`."""
    found, rest = _take(encoded, 0)
    if rest:
        raise BerError
    return found


def elements(encoded: bytes) -> list[Element]:
    """The elements that the bytes are, in order; raises `BerError`."""
    found = []
    while encoded:
        each, encoded = _take(encoded, 0)
        found.append(each)
    return found


def _take(encoded: bytes, depth: int) -> tuple[Element, bytes]:
    """The first element, and what comes after it."""
    if len(encoded) < len(END) or encoded[0] & LONG_TAG == LONG_TAG or depth > DEPTH_MAX:
        raise BerError
    tag, said, start = encoded[0], encoded[1], 2
    if said == LONG_FORM:
        return _take_indefinite(encoded, depth)
    if said > LONG_FORM:
        more = said - LONG_FORM
        if more > LENGTH_BYTES_MAX or len(encoded) < start + more:
            raise BerError
        said, start = int.from_bytes(encoded[start : start + more]), start + more
    stop = start + said
    if stop > len(encoded):
        raise BerError
    return Element(tag, encoded[start:stop], encoded[:stop], definite=True), encoded[stop:]


def _take_indefinite(encoded: bytes, depth: int) -> tuple[Element, bytes]:
    """The same for one that goes on until two zero bytes."""
    if not encoded[0] & CONSTRUCTED:
        raise BerError
    rest = encoded[2:]
    while not rest.startswith(END):
        _, rest = _take(rest, depth + 1)
    content = encoded[2 : len(encoded) - len(rest)]
    rest = rest[len(END) :]
    raw = encoded[: len(encoded) - len(rest)]
    return Element(encoded[0], content, raw, definite=False), rest
