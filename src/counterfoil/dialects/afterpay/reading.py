"""JSON bodies as clients of this wire write them, member by member, with all their faults.

Many forms mean that nothing was sent: no bytes, `{}`, `null`, `[]`, `""`; for a member also an
empty object, list or text. Numbers may come as text, and with the noise of binary floats: they are
read as decimals (never through a float) and rounded, not refused. Enumerations come in any letter
case. What nobody asks for is ignored, because clients send back what they have read.
"""

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import date
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Final

import msgspec

from counterfoil.dialects import Literal
from counterfoil.dialects.afterpay.errors import (
    BAD,
    FORMAT,
    LONG,
    MALFORMED,
    RANGE,
    REQUIRED,
    Failure,
    Message,
    invalid,
    message,
)

NUMBER: Final = re.compile(r"-?[0-9]{1,30}(\.[0-9]{1,40})?([eE][-+]?[0-9]{1,2})?", re.ASCII)
DATE: Final = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})([T ].{0,40})?", re.ASCII)
MEMBER: Final = re.compile(rb'"(?:[^"\\]|\\.)*"\s*(:)?')
EXACT: Final = Context(prec=60, rounding=ROUND_HALF_UP)
PLACES: Final = Decimal("0.0001")  # unit prices, quantities and rates keep four decimals
WHOLE_MAX: Final = Decimal(10) ** 12
ROWS_MAX: Final = 500
TEXT_MAX: Final = 255
NOTHING: Final[tuple[object, ...]] = (None, "", {}, [])


Given = Mapping[str, object]
_decode: Final = msgspec.json.Decoder(float_hook=Literal).decode


def read_body(body: bytes) -> Given:
    """The members of a body; raises `Failure` (400.001) where it is no JSON object.

    Two members of one name are a fault: which one counts is not for us to choose where money moves.
    """
    if not body.strip():
        return {}
    try:
        given = _decode(body)
        kept = members(given)
    except (ValueError, RecursionError):
        raise invalid(MALFORMED, "The body must be JSON", "request") from None
    if given in NOTHING:
        return {}
    if not isinstance(given, dict):
        raise invalid(MALFORMED, "The body must be a JSON object", "request")
    if body.count(b":") != kept and sum(map(bool, MEMBER.findall(body))) != kept:
        raise invalid(MALFORMED, "The body must not name a member twice", "request")
    return given


def members(value: object) -> int:
    """How many members the decoder kept; where more were written, one was named twice."""
    if isinstance(value, dict):
        inner = [each for each in value.values() if isinstance(each, dict | list)]
        return len(value) + sum(map(members, inner))
    return sum(map(members, value)) if isinstance(value, list) else 0


class Reader:
    """An object's members, read one by one; `flaws` is shared by the readers of inner objects."""

    def __init__(self, given: Given, path: str = "", flaws: list[Message] | None = None) -> None:
        self.given = given
        self.path = path
        self.flaws: list[Message] = [] if flaws is None else flaws

    def fault(self, code: str, name: str, text: str) -> None:
        """Note what is wrong with a member; the text continues its path."""
        path = self.path + name
        self.flaws.append(message(code, f"{path} {text}", path))

    def finish(self) -> None:
        """Raise `Failure` if anything was wrong."""
        if self.flaws:
            raise Failure(BAD, dict.fromkeys(self.flaws))

    def value(self, name: str) -> object:
        """The member, or None where it is absent in any of the forms of that."""
        value = self.given.get(name)
        return None if value in NOTHING else value

    def required(self, name: str) -> bool:
        """Whether the member is there; if not, that is noted."""
        if self.value(name) is not None:
            return True
        self.fault(REQUIRED, name, "is required")
        return False

    def text(self, name: str, longest: int = TEXT_MAX, *, cut: bool = False) -> str | None:
        """A text of so many characters at most; with `cut` the rest is dropped silently."""
        value = self.value(name)
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        if value is None:
            return None
        if not isinstance(value, str) or "\0" in value:
            self.fault(FORMAT, name, "must be text")
            return None
        if len(value) > longest and not cut:
            self.fault(LONG, name, f"is longer than {longest} characters")
            return None
        return str(value[:longest])

    def texts(self, names: Mapping[str, int]) -> dict[str, str]:
        """The texts that are there, of those names and lengths."""
        found = {name: self.text(name, longest) for name, longest in names.items()}
        return {name: text for name, text in found.items() if text is not None}

    def number(self, name: str) -> Decimal | None:
        """A number, also as text, rounded half up to four decimals."""
        value = self.value(name)
        if value is None:
            return None
        written = isinstance(value, int | str) and not isinstance(value, bool)
        text = str(value).strip() if written else ""
        if NUMBER.fullmatch(text) is None:
            self.fault(FORMAT, name, "must be a number")
            return None
        number = EXACT.create_decimal(text)
        if abs(number) >= WHOLE_MAX:
            self.fault(RANGE, name, "is too large")
            return None
        return EXACT.quantize(number, PLACES)

    def choice(self, name: str, words: Iterable[str], code: str = FORMAT) -> str | None:
        """One of those words, whatever the case of its letters, as it is published."""
        value = self.value(name)
        if value is None:
            return None
        known = {word.casefold(): word for word in words}
        found = known.get(value.casefold()) if isinstance(value, str) else None
        if found is None:
            self.fault(code, name, "is not one of the known values")
        return found

    def day(self, name: str) -> str | None:
        """A date, with or without a time behind it, as ISO 8601 text."""
        value = self.text(name)
        if value is None:
            return None
        found = DATE.fullmatch(value)
        with suppress(ValueError):
            if found is not None:
                return date.fromisoformat(found[1]).isoformat()
        self.fault(FORMAT, name, "must be a date")
        return None

    def inner(self, name: str) -> "Reader | None":
        """The reader of an object inside this one, or None where it is absent."""
        value = self.value(name)
        if value is None:
            return None
        if not isinstance(value, dict):
            self.fault(MALFORMED, name, "must be an object")
            return None
        return Reader(value, f"{self.path}{name}.", self.flaws)

    def rows(self, *names: str) -> "list[Reader]":
        """The readers of a list's objects; of several names the first that is there counts."""
        name = next((each for each in names if self.value(each) is not None), names[0])
        value = self.value(name)
        if value is None:
            return []
        if not isinstance(value, list):
            self.fault(MALFORMED, name, "must be a list")
            return []
        if len(value) > ROWS_MAX:
            self.fault(RANGE, name, f"may have at most {ROWS_MAX} entries")
            return []
        found: list[Reader] = []
        for at, each in enumerate(value):
            if isinstance(each, dict):
                found.append(Reader(each, f"{self.path}{name}[{at}].", self.flaws))
            else:
                self.fault(MALFORMED, f"{name}[{at}]", "must be an object")
        return found
