"""Bodies: JSON read exactly, member by member, with all their faults.

Numbers stay decimals, a member that is named twice is refused, and nothing that was sent is
repeated in a fault.
"""

import json
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Final

import msgspec

from counterfoil.dialects.payfunc.errors import Members

TEXT_MAX: Final = 1024
URL: Final = re.compile(r"https?://[!-~]{1,2000}", re.ASCII)
Given = Mapping[str, object]


class UnreadableError(Exception):
    """The body is no JSON."""


def decode(body: bytes) -> object:
    """The body's value; raises `UnreadableError`."""
    try:
        found: object = _decode(body)
        near = [found, *found.values()] if isinstance(found, dict) else []
        if body.count(b":") != sum([len(each) for each in near if isinstance(each, dict)]):
            json.loads(body, object_pairs_hook=_once)  # a member may have been dropped for another
    except (ValueError, RecursionError):
        raise UnreadableError from None
    return found


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError
    return found


_decode: Final = msgspec.json.Decoder(float_hook=Decimal).decode


class Reader:
    """The members of an object; a fault is noted with its path and read as absent."""

    def __init__(self, given: object, path: str = "", flaws: list[Members] | None = None) -> None:
        self.flaws: list[Members] = [] if flaws is None else flaws
        self.path = path
        self.given: Given = {}
        if isinstance(given, dict):
            self.given = given
        else:
            self.fault("", "object")

    def fault(self, name: str, named: str, condition: str | None = None) -> None:
        """Note that a member is not what it should be."""
        place = ".".join(part for part in (self.path, name) if part)
        flaw: dict[str, object] = {"property": place, "type": named}
        self.flaws.append(flaw | ({"condition": condition} if condition else {}))

    def has(self, name: str) -> bool:
        """Whether the member is there."""
        return self.given.get(name) is not None

    def text(self, name: str, *, required: bool = False, longest: int = TEXT_MAX) -> str | None:
        """A text."""
        value = self.given.get(name)
        if value is None and not required:
            return None
        if not isinstance(value, str) or len(value) > longest or "\0" in value:
            self.fault(name, "string", f"at most {longest} characters")
            return None
        return value

    def number(self, name: str) -> Decimal | None:
        """A number, exactly."""
        value = self.given.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | Decimal):
            self.fault(name, "number")
            return None
        return Decimal(value)

    def flag(self, name: str) -> bool:
        """A member that is `true` or absent."""
        if self.given.get(name) not in (None, True, False):
            self.fault(name, "boolean")
        return self.given.get(name) is True

    def fitting(
        self, name: str, named: str, fits: Callable[[str], object], *, required: bool = False
    ) -> str | None:
        """A text that fits."""
        value = self.text(name, required=required)
        if value is not None and not fits(value):
            self.fault(name, named)
            return None
        return value

    def inner(self, name: str) -> "Reader | None":
        """The reader of an object."""
        value = self.given.get(name)
        if value is None:
            return None
        return Reader(value, f"{self.path}.{name}" if self.path else name, self.flaws)
