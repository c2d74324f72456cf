"""Documented exchanges as files: read one, replay it, compare, explain what differs.

An exchange is a TOML file: `source`, `covers`, perhaps a `note`, `setup` (earlier requests, or
names of such in the folder's `shared.toml`), `[request]` and `[response]`. In requests and
expectations `{name}` stands for a value saved by an earlier request or for one of `calendar`. In
expectations `<kind>` and `<kind:name>` stand for any text of that kind (`shared.toml` says what a
kind looks like); equal wildcards stand for equal text, and a whole one also for a number. All else
is compared value by value, and a JSON answer must be compact with its keys sorted (or, where
`shared.toml` says so, as the file has them), byte for byte.
"""

import json
import re
import tomllib
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, unquote, urlsplit

import msgspec
from httpx2 import AsyncClient, Response

from counterfoil.core.record import Record

SHARED: Final = "shared.toml"
NAME: Final = re.compile(r"\{([a-z][a-z0-9_]*)\}", re.ASCII)
WILDCARD: Final = re.compile(r"<([a-z]+)(?::([a-z0-9_]+))?>", re.ASCII)
LINK: Final = re.compile(r'<([^>]*)>\s*;\s*rel="([a-z ]+)"', re.ASCII)
EXCERPT, AROUND = 2_000, 40  # characters quoted of an answer; around the first byte that differs
DAY_S: Final = 86_400

Names = dict[str, str]
Kinds = Mapping[str, str]
Advance = Callable[[int], None]


class ExchangeError(Exception):
    """The file is wrong, or an earlier request was not answered as it says."""


class Step(Record, forbid_unknown_fields=True):
    """A request. `save` puts values of its answer into names: `orders.0.id`, or `link:next`.

    `advance_days` moves the gateway's clock before it is sent; a header set to "" is not sent.
    """

    method: str
    path: str
    headers: dict[str, str] = msgspec.field(default_factory=dict)
    body: str | None = None
    advance_days: int = 0
    status: int = 200
    save: dict[str, str] = msgspec.field(default_factory=dict)


class Expected(Record, forbid_unknown_fields=True):
    """The answer. `absent` headers; `links` of the Link header; `contains`: what is no JSON."""

    status: int
    body: str = ""
    contains: tuple[str, ...] = ()
    headers: dict[str, str] = msgspec.field(default_factory=dict)
    absent: tuple[str, ...] = ()
    links: dict[str, str] = msgspec.field(default_factory=dict)
    unlinked: tuple[str, ...] = ()
    length: int | None = None


class Exchange(Record, forbid_unknown_fields=True):
    """One documented exchange; `covers` names what it is an example of."""

    source: str
    covers: tuple[str, ...]
    request: Step
    response: Expected
    note: str | None = None
    setup: tuple[str | Step, ...] = ()


class Shared(Record, forbid_unknown_fields=True):
    """What the exchanges of a folder have in common: headers, kinds of wildcard, named steps."""

    sorted_keys: bool = True
    headers: dict[str, str] = msgspec.field(default_factory=dict)
    wildcards: dict[str, str] = msgspec.field(default_factory=dict)
    steps: dict[str, Step] = msgspec.field(default_factory=dict)


def examples(root: Path) -> list[Path]:
    """Every exchange below a folder, in order of name."""
    return sorted(path for path in root.rglob("*.toml") if path.name != SHARED)


def read(path: Path) -> Exchange:
    """The exchange in a file; raises `msgspec.ValidationError` where a member is unknown."""
    return msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), Exchange)


def shared(path: Path) -> Shared:
    """The nearest `shared.toml` above an exchange."""
    for folder in path.parents:
        if (folder / SHARED).is_file():
            text = (folder / SHARED).read_text(encoding="utf-8")
            return msgspec.convert(tomllib.loads(text), Shared)
        if folder.name == "examples":
            break
    return Shared()


def calendar(now: datetime) -> Names:
    """Names that depend on the day: a card's year to come, this month, the days around.

    `serial` tells scenes apart that are played on one gateway.
    """
    day = timedelta(days=1)
    year = now.year + 3
    return {
        "year": str(year),
        "yy": f"{year % 100:02}",
        "this_month": str(now.month),
        "this_year": str(now.year),
        "yesterday": f"{now - day:%Y-%m-%d}",
        "today": f"{now:%Y-%m-%d}",
        "tomorrow": f"{now + day:%Y-%m-%d}",
        "serial": "1",
    }


def fill(text: str, names: Names) -> str:
    """The text with every `{name}` replaced; raises `ExchangeError` for a name nobody saved."""

    def value(found: re.Match[str]) -> str:
        if found.group(1) not in names:
            raise ExchangeError(f"nothing was saved as {found.group(1)}")
        return names[found.group(1)]

    return NAME.sub(value, text)


async def replay(
    exchange: Exchange, common: Shared, client: AsyncClient, advance: Advance, names: Names
) -> list[str]:
    """What differs from the documented answer, a line each; empty where nothing does."""
    for item in exchange.setup:
        step = common.steps[item] if isinstance(item, str) else item
        answer = await send(step, common, client, advance, names)
        if answer.status_code != step.status:
            raise ExchangeError(
                f"setup: {step.method} {fill(step.path, names)} was answered"
                f" {answer.status_code}, not {step.status}: {answer.text[:EXCERPT]}"
            )
        for name, place in step.save.items():
            names[name] = find(answer, place)
    answer = await send(exchange.request, common, client, advance, names)
    found = compare(exchange.response, answer, names, common)
    if not found:
        return []
    asked = f"{exchange.request.method} {fill(exchange.request.path, names)}"
    return [asked, *(f"  {line}" for line in found), f"  answer: {answer.text[:EXCERPT]}"]


async def send(
    step: Step, common: Shared, client: AsyncClient, advance: Advance, names: Names
) -> Response:
    """The answer to a request, sent as the file says."""
    if step.advance_days:
        advance(step.advance_days * DAY_S)
    headers = {**common.headers, **step.headers}
    body = None if step.body is None else fill(step.body, names).encode()
    return await client.request(
        step.method,
        fill(step.path, names),
        headers={name: fill(value, names) for name, value in headers.items() if value},
        content=body,
    )


def find(answer: Response, place: str) -> str:
    """The text at a place of an answer: `orders.0.id` in its body, `link:next` in its headers.

    `place?name` is the parameter of that name in the query of the address there, and
    `place ~ token=(.*)` what that group finds.
    `place?name` is the parameter of that name in the query of the address there. `*` is all of a
    body that is no JSON.
    """
    place, _, pattern = place.partition(" ~ ")
    found = re.search(pattern or "(.*)", _at(answer, place), re.DOTALL)
    assert found is not None, f"{pattern} is not in {place}"
    return found.group(1)


def _at(answer: Response, place: str) -> str:
    place, _, parameter = place.partition("?")
    if place == "*":
        return answer.text
    if place.startswith("link:"):
        return links(answer)[place.removeprefix("link:")]
    value: object = json.loads(answer.content)
    for key in place.split("."):
        if isinstance(value, list) and key.isdigit() and int(key) < len(value):
            value = value[int(key)]
        elif isinstance(value, dict) and key in value:
            value = value[key]
        else:
            raise ExchangeError(f"there is no {place} in {answer.text[:EXCERPT]}")
    if not isinstance(value, str):
        raise ExchangeError(f"{place} is not a string in {answer.text[:EXCERPT]}")
    return parse_qs(urlsplit(value).query)[parameter][0] if parameter else value


def links(answer: Response) -> Names:
    """The targets of the answer's Link header by relation. Source: RFC 8288, section 3."""
    return {
        relation: target
        for target, relations in LINK.findall(answer.headers.get("link", ""))
        for relation in relations.split()
    }


def compare(expected: Expected, answer: Response, names: Names, common: Shared) -> list[str]:
    """What differs, a line each: status, headers, links, body, and the bytes of the body."""
    bound: Names = {}
    found, kinds = [], common.wildcards
    if answer.status_code != expected.status:
        found.append(f"status: expected {expected.status}, got {answer.status_code}")
    found += _headers(expected, answer, names, bound, kinds)
    found += _links(expected, answer, names, bound, kinds)
    if expected.contains:
        lacks = [each for each in expected.contains if fill(each, names) not in answer.text]
        return found + [f"body: lacks {each}" for each in lacks]
    found += _body(wanted := fill(expected.body, names), raw := answer.content, bound, kinds)
    if wanted.lstrip().startswith(("{", "[")) and not found:
        order = None if common.sorted_keys else json.loads(wanted)
        found += _bytes(canonical(json.loads(raw, parse_float=Decimal), order), raw)
    if expected.length is not None and len(answer.content) != expected.length:
        found.append(f"length: expected {expected.length} bytes, got {len(answer.content)}")
    return found


def _headers(
    expected: Expected, answer: Response, names: Names, bound: Names, kinds: Kinds
) -> list[str]:
    found = [f"header {name}: not expected" for name in expected.absent if name in answer.headers]
    for name, text in expected.headers.items():
        value = answer.headers.get(name)
        wanted = fill(text, names)
        if value is None:
            found.append(f"header {name}: missing, expected {wanted}")
        elif name.lower() == "allow":
            if _tokens(value) != _tokens(wanted):  # its order means nothing: RFC 9110, 10.2.1
                found.append(f"header {name}: expected {wanted}, got {value}")
        else:
            found += match_text(wanted, value, f"header {name}", bound, kinds)
    return found


def _tokens(value: str) -> set[str]:
    return {token.strip() for token in value.split(",")}


def _links(
    expected: Expected, answer: Response, names: Names, bound: Names, kinds: Kinds
) -> list[str]:
    there = links(answer)
    found = [f"link {name}: not expected" for name in expected.unlinked if name in there]
    for relation, text in expected.links.items():
        if relation not in there:
            found.append(f"link {relation}: missing")
            continue
        wanted, target = _ordered(fill(text, names)), _ordered(there[relation])
        found += match_text(wanted, target, f"link {relation}", bound, kinds)
    return found


def _ordered(url: str) -> str:
    """The URL with its query in one order and one spelling, which a server may choose freely."""
    path, _, query = url.partition("?")
    return f"{path}?{'&'.join(sorted(unquote(part) for part in query.split('&')))}"


def _body(expected: str, raw: bytes, bound: Names, kinds: Kinds) -> list[str]:
    if not expected:
        return [f"body: expected none, got {len(raw)} bytes"] if raw else []
    if not expected.lstrip().startswith(("{", "[")):
        return match_text(expected.strip(), raw.decode(), "body", bound, kinds)
    try:
        actual = json.loads(raw, parse_float=Decimal)
    except ValueError as error:
        return [f"body: not JSON: {error}"]
    return match(json.loads(expected, parse_float=Decimal), actual, "", bound, kinds)


def _bytes(wanted: bytes, raw: bytes) -> list[str]:
    if wanted == raw:
        return []
    pairs = enumerate(zip(wanted, raw, strict=False))
    at = next((at for at, (one, two) in pairs if one != two), min(len(wanted), len(raw)))
    ours, theirs = (text[max(0, at - AROUND) : at + AROUND] for text in (wanted, raw))
    return [f"body: not compact sorted JSON from byte {at}: expected {ours!r}, got {theirs!r}"]


def canonical(value: object, order: object = None) -> bytes:
    """The value as compact JSON in UTF-8: keys sorted, or in the order of another value's."""
    if order is not None:
        return msgspec.json.Encoder(decimal_format="number").encode(_ordered_as(order, value))
    return msgspec.json.Encoder(decimal_format="number", order="sorted").encode(value)


def _ordered_as(order: object, value: object) -> object:
    if isinstance(order, dict) and isinstance(value, dict):
        return {key: _ordered_as(order[key], value[key]) for key in order}
    if isinstance(order, list) and isinstance(value, list):
        return [_ordered_as(*pair) for pair in zip(order, value, strict=True)]
    return value


def match(expected: object, actual: object, place: str, bound: Names, kinds: Kinds) -> list[str]:
    """How a value differs from the expected one, a line each; wildcards are bound on the way."""
    match expected, actual:
        case dict(), dict():
            return _match_object(expected, actual, place, bound, kinds)
        case list(), list():
            return _match_array(expected, actual, place, bound, kinds)
        case str(), str():
            return match_text(expected, actual, place, bound, kinds)
        case str(), int() if WILDCARD.fullmatch(expected) and not isinstance(actual, bool):
            return match_text(expected, str(actual), place, bound, kinds)
    if type(expected) is type(actual) and expected == actual:
        return []
    return [f"{place or 'body'}: expected {_shown(expected)}, got {_shown(actual)}"]


def _match_object(
    expected: dict[str, object],
    actual: dict[str, object],
    place: str,
    bound: Names,
    kinds: Kinds,
) -> list[str]:
    found: list[str] = []
    for key in sorted(expected.keys() | actual.keys()):
        there = f"{place}.{key}" if place else key
        if key not in actual:
            found.append(f"{there}: missing, expected {_shown(expected[key])}")
        elif key not in expected:
            found.append(f"{there}: not expected, got {_shown(actual[key])}")
        else:
            found += match(expected[key], actual[key], there, bound, kinds)
    return found


def _match_array(
    expected: list[object], actual: list[object], place: str, bound: Names, kinds: Kinds
) -> list[str]:
    if len(expected) != len(actual):
        return [f"{place}: expected {len(expected)} elements, got {len(actual)}"]
    found: list[str] = []
    for at, (ours, theirs) in enumerate(zip(expected, actual, strict=True)):
        found += match(ours, theirs, f"{place}[{at}]", bound, kinds)
    return found


def match_text(expected: str, actual: str, place: str, bound: Names, kinds: Kinds) -> list[str]:
    """How a text differs from one that may hold wildcards."""
    found = re.fullmatch(_pattern(expected, bound, kinds), actual)
    if found is None:
        known = "".join(f" ({name} is {text})" for name, text in bound.items() if name in expected)
        return [f"{place}: expected {_shown(expected)}{known}, got {_shown(actual)}"]
    for group, text in found.groupdict().items():
        kind, _, name = group.partition("__")
        bound[f"<{kind}:{name}>" if name else f"<{kind}>"] = text
    return []


def _pattern(expected: str, bound: Names, kinds: Kinds) -> str:
    """A regular expression: a wildcard met before stands for the same text again."""
    parts: list[str] = []
    groups: set[str] = set()
    at = 0
    for found in WILDCARD.finditer(expected):
        kind, name = found.group(1), found.group(2)
        if kind not in kinds:
            continue  # an angle bracket of the text itself
        parts.append(re.escape(expected[at : found.start()]))
        at = found.end()
        group = f"{kind}__{name}" if name else kind
        if found.group() in bound:
            parts.append(re.escape(bound[found.group()]))
        elif group in groups:
            parts.append(f"(?P={group})")
        else:
            groups.add(group)
            parts.append(f"(?P<{group}>{kinds[kind]})")
    return "".join([*parts, re.escape(expected[at:])])


def _shown(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
