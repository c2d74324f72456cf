"""Bodies and queries as clients really send them; the first fault of a value is named.

JSON, or forms with bracketed names; either may be labelled as the other. Source: what the official
clients were seen to send (specification, sections 1.2 and 1.3).
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final
from urllib.parse import parse_qsl

import msgspec

from counterfoil.dialects import Literal
from counterfoil.dialects.razorpay.errors import Failure, required, spoken

Given = dict[str, object]
LOOKS_LIKE_FORM: Final = re.compile(rb"[\w.\-%\[\]]+=", re.ASCII)
BRACKETS: Final = re.compile(r"\[([^\[\]]*)\]")
INTEGER: Final = re.compile(r"[+-]?[0-9]{1,40}", re.ASCII)
BOOLEANS: Final[Mapping[object, bool]] = {
    "1": True, "0": False, "true": True, "false": False, "True": True, "False": False
}  # fmt: skip
UNREADABLE: Final = "The request body could not be read."
FIELDS_MAX: Final = 1_000  # names of a form
DEPTH_MAX: Final = 6  # brackets of a name
NOTES_MAX: Final = 15
NOTE_KEY_MAX: Final = 255
NOTE_MAX: Final = 512
COUNT_MAX: Final = 100
FROM_S: Final = 946_684_800
TO_S: Final = 4_765_046_400


_decode: Final = msgspec.json.Decoder(float_hook=Literal).decode


def read_body(body: bytes, content_type: str) -> Given:
    """What was sent, whatever it was labelled; raises `Failure`."""
    text = body.strip()
    if not text:
        return {}
    kind = content_type.partition(";")[0].strip().lower()
    if kind != "application/json" and text[:1] not in b"{[":
        return read_form(text)
    try:
        given = _decode(text)
    except (ValueError, RecursionError):
        if text[:1] not in b"{[" and LOOKS_LIKE_FORM.match(text):
            return read_form(text)
        raise Failure(UNREADABLE) from None
    if given == []:
        return {}
    if not isinstance(given, dict) or _named_twice(text, given):
        raise Failure(UNREADABLE)
    return given


def _named_twice(text: bytes, given: Given) -> bool:
    """Whether a member is there twice: which one counts is not for us to choose."""
    # No more colons than members two deep: none is. Else some stand in texts, or we look deeper.
    near = len(given) + sum([len(each) for each in given.values() if isinstance(each, dict)])
    if text.count(b":") == near:
        return False

    def once(members: list[tuple[str, object]]) -> dict[str, object]:
        found = dict(members)
        if len(found) != len(members):
            raise ValueError
        return found

    try:
        json.loads(text, object_pairs_hook=once)
    except (ValueError, RecursionError):
        return True
    return False


def read_form(text: bytes) -> Given:
    """A form; bracketed names build objects, `[]` and `[0]` lists."""
    try:
        pairs = parse_qsl(
            text.decode(), keep_blank_values=True, max_num_fields=FIELDS_MAX, errors="strict"
        )
        root: Given = {}
        for name, value in pairs:
            head, *rest = _parts(name)
            _put(root, [head, *rest], value)
    except (ValueError, TypeError):
        raise Failure(UNREADABLE) from None
    return {name: _listed(value) for name, value in root.items()}


def _parts(name: str) -> list[str]:
    head, bracket, _ = name.partition("[")
    found = BRACKETS.findall(name[len(head) :])
    if bracket and "".join(f"[{each}]" for each in found) != name[len(head) :]:
        raise ValueError
    if len(found) > DEPTH_MAX:
        raise ValueError
    return [head, *found]


def _put(into: Given, path: Sequence[str], value: str) -> None:
    for step in path[:-1]:
        inner = into.setdefault(step or str(len(into)), {})
        if not isinstance(inner, dict):
            raise TypeError
        into = inner
    into[path[-1] or str(len(into))] = value


def _listed(value: object) -> object:
    """Objects whose names are 0, 1, 2 … are lists."""
    if not isinstance(value, dict):
        return value
    inner = {name: _listed(each) for name, each in value.items()}
    if list(inner) == [str(place) for place in range(len(inner))]:
        return list(inner.values())
    return inner


def absent(given: Mapping[str, object], name: str) -> bool:
    """Whether a field is not there, null or empty."""
    return given.get(name) in (None, "")


def only(given: Given, known: Iterable[str], prefix: str = "") -> None:
    """Refuse what is not known, by name."""
    unknown = [prefix + name for name in given if name not in known]
    if unknown:
        raise Failure(f"{', '.join(unknown)} is/are not required and should not be sent")


def need(given: Given, *names: str, within: str = "") -> None:
    """Refuse what lacks one of these; `within` is the path of the object they stand in."""
    for name in names:
        if absent(given, name):
            raise required(within + name)


def integer(given: Mapping[str, object], name: str) -> int | None:
    """A whole number, or digits; None where it is absent."""
    value = given.get(name)
    if type(value) is int:
        return value
    if value is None or value == "":
        return None
    if type(value) is str and INTEGER.fullmatch(value):
        return int(value)
    raise Failure(f"The {spoken(name)} must be an integer.", name)


def flag(given: Mapping[str, object], name: str) -> bool | None:
    """A boolean in any of its spellings; None where it is absent."""
    value = given.get(name)
    if value is None or value == "":
        return None
    found = BOOLEANS.get(str(value)) if type(value) in {str, int, bool} else None
    if found is None:
        raise Failure(f"The {spoken(name)} field must be true or false.", name)
    return found


def text(given: Mapping[str, object], name: str, longest: int = 255) -> str | None:
    """A text of so many characters at most; numbers become text."""
    value = given.get(name)
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, str | int) or "\0" in str(value):
        raise Failure(f"The {spoken(name)} must be a string.", name)
    if len(str(value)) > longest:
        raise Failure(f"{name}: the length must be no more than {longest}.", name)
    return str(value)


def inner(given: Given, name: str) -> Given:
    """An object inside; empty where it is absent."""
    value = given.get(name)
    if value is None or value in ("", []):
        return {}
    if not isinstance(value, dict):
        raise Failure(f"The {spoken(name)} must be an object.", name)
    return value


def notes(given: Given) -> str | None:
    """Notes as JSON text, each value with the type it had; None where there are none."""
    value = given.get("notes")
    if value is None or value in ("", []):
        return None
    if not isinstance(value, dict):
        raise Failure("Notes should be provided as a dictionary", "notes")
    if len(value) > NOTES_MAX:
        raise Failure("Number of fields in notes should be less than or equal to 15", "notes")
    for key, each in value.items():
        _check_note(key, each)
    shown = {
        key: msgspec.Raw(each.encode()) if isinstance(each, Literal) else each
        for key, each in value.items()
    }
    return msgspec.json.encode(shown).decode() if value else None


def _check_note(key: str, value: object) -> None:
    if len(key) > NOTE_KEY_MAX:
        raise Failure("Notes key cannot be greater than 255 characters", "notes")
    if isinstance(value, dict | list):
        raise Failure("Notes values themselves should not be an array", "notes")
    if len(str(value)) > NOTE_MAX:
        raise Failure("Notes value cannot be greater than 512 characters", "notes")
    if "\0" in key or "\0" in str(value):
        raise Failure("Notes must not hold the character NUL", "notes")


Pairs = Sequence[tuple[str, str]]


def expands(pairs: Pairs, known: Sequence[str]) -> frozenset[str]:
    """What is to be expanded, however the client spelt the parameter."""
    wanted = [value for name, value in pairs if name == "expand" or name.startswith("expand[")]
    for value in wanted:
        if value not in known:
            types = ", ".join(known)
            raise Failure(
                f"Value of each expand must be one of following types: {types}", "expand.0"
            )
    return frozenset(wanted)
