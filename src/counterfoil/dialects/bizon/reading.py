"""JSON bodies, member by member, with all their faults.

A reader takes one member out of an object, notes what is wrong with it and goes on, so that all
faults of a request are answered together. Numbers keep their literal text (`Literal`): an amount
never passes through a binary float. `null` means absent; members that nobody asks for are ignored.
"""

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

import msgspec

from counterfoil.dialects import Literal
from counterfoil.dialects.bizon.errors import Flaw, invalid

TEXT_MAX: Final = 255
AMOUNT: Final = re.compile(r"[0-9]{1,12}(\.[0-9]{1,2})?", re.ASCII)
FLAGS: Final[Mapping[object, bool]] = {"0": False, "1": True, "false": False, "true": True}
MEMBER: Final = re.compile(rb'"(?:[^"\\]|\\.)*"\s*(:)?')

NUMERALS: Final = frozenset((int, str, Literal))  # a bool is none of them
Given = Mapping[str, object]
_decode: Final = msgspec.json.Decoder(float_hook=Literal).decode


def read_body(body: bytes, *, empty: bool = False) -> Given:
    """The members of a request's body; raises `Failure` where it is not a JSON object.

    `empty`: this call may come without one. Two members of one name are a fault: which one counts
    is not for us to choose where money moves (RFC 8259, section 4).
    """
    if empty and not body.strip():
        return {}
    try:
        given = _decode(body)
        dropped = isinstance(given, dict) and _dropped(body, given)
    except (ValueError, RecursionError):
        raise invalid([Flaw("body", "body must be JSON")]) from None
    if not isinstance(given, dict):
        raise invalid([Flaw("body", "body must be a JSON object")])
    if dropped:
        raise invalid([Flaw("body", "body must not name a member twice")])
    return given


def _dropped(body: bytes, given: Given) -> bool:
    """Whether the decoder dropped a member, because another has its name."""
    # No more colons than members two deep: none. Else some stand in texts, or we look deeper.
    near = len(given) + sum([len(each) for each in given.values() if isinstance(each, dict)])
    return body.count(b":") != near and sum(map(bool, MEMBER.findall(body))) != _members(given)


def _members(inside: object) -> int:
    """How many members the decoder kept, however deep."""
    if isinstance(inside, dict):
        return len(inside) + sum(map(_members, inside.values()))
    return sum(map(_members, inside)) if isinstance(inside, list) else 0


class Reader:
    """An object's members, read one by one; `flaws` is shared by the readers of inner objects."""

    __slots__ = ("flaws", "given", "path")

    def __init__(self, given: Given, path: str = "", flaws: list[Flaw] | None = None) -> None:
        self.given = given
        self.path = path
        self.flaws: list[Flaw] = [] if flaws is None else flaws

    def fault(self, name: str, message: str) -> None:
        """Note what is wrong with a member; the message continues its path."""
        self.flaws.append(Flaw(self.path + name, f"{self.path}{name} {message}"))

    def finish(self, order: int | None = None) -> None:
        """Raise `Failure` if anything was wrong."""
        if self.flaws:
            raise invalid(self.flaws, order)

    def inner(self, name: str) -> "Reader":
        """The reader of an object inside this one; of an empty one where it is absent."""
        given = self.given.get(name)
        if given is None or given == []:  # some clients write an empty object as an empty list
            return Reader({}, f"{self.path}{name}.", self.flaws)
        if not isinstance(given, dict):
            self.fault(name, "must be an object")
            return Reader({}, f"{self.path}{name}.", [])  # what is missing inside is no news
        return Reader(given, f"{self.path}{name}.", self.flaws)

    def block(self, name: str) -> "Reader | None":
        """The reader of an optional object inside this one, or None."""
        return self.inner(name) if self.given.get(name) else None

    def scalar(self, name: str) -> str | None:
        """A member as text; numbers as their decimal text."""
        if self.given.get(name) is None:
            return None
        value = self.quietly(name)
        if value is None:
            self.fault(name, "must be text")
        return value

    def quietly(self, name: str) -> str | None:
        """A member as text, or None where it is none; the caller says what is wrong with that."""
        value = self.given.get(name)
        if type(value) is str:
            return None if "\0" in value else value
        return str(value) if type(value) in NUMERALS else None

    def text(self, name: str, longest: int = TEXT_MAX) -> str | None:
        """A text of so many characters at most."""
        value = self.given.get(name)
        if value is None:
            return None
        if type(value) is not str or "\0" in value:
            value = self.scalar(name)
        if value is not None and len(value) > longest:
            self.fault(name, f"may have at most {longest} characters")
            return None
        return value

    def required(self, name: str) -> bool:
        """Whether the member is there; if not, that is noted."""
        if self.given.get(name) not in (None, ""):
            return True
        self.fault(name, "is required")
        return False

    def flag(self, name: str) -> bool | None:
        """A flag in any of its forms: 0, 1, true, false, and the same as text."""
        value = self.given.get(name)
        if value is None or value == "":
            return None
        found = FLAGS.get(str(value).lower())
        if found is None:
            self.fault(name, "must be 0 or 1")
        return found

    def address(self, name: str) -> str | None:
        """An absolute http or https address."""
        value = self.text(name, 2048)
        if not value:
            return None
        try:
            parts = urlsplit(value)
            good = parts.scheme in {"http", "https"} and bool(parts.hostname)
        except ValueError:
            good = False
        if not good:
            self.fault(name, "must be an absolute http or https address")
            return None
        return value

    def amount(self, name: str = "amount", *, required: bool = True) -> str | None:
        """An amount's decimal text, above zero; what its currency makes of it comes later."""
        value = self.given.get(name)
        if value is None and not required:
            return None
        if not self.required(name):
            return None
        written = str(value) if type(value) in NUMERALS else ""
        if AMOUNT.fullmatch(written) is None or not written.strip("0."):
            self.fault(
                name,
                "must be a number above zero, with at most two decimals "
                "and twelve digits before them",
            )
            return None
        return written
