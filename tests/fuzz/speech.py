"""Requests to the Bizon wire: good ones with a few things wrong, and any bytes at all.

Bodies begin as what a call takes; then members are replaced, left out, doubled and added, and the
text is cut or bent. What is put in holds the tell-tales, which no failure may repeat.
"""

import json
from typing import Final, TypeAlias
from urllib.parse import urlencode

from hypothesis import strategies as st
from tests.fuzz.room import AUTHORIZATION, Request

PAN: Final = "4111111111111111"
CVV: Final = "9876"
TOLD: Final = "tell-tale"
SECRETS: Final = (PAN, CVV, TOLD)
UNKNOWN: Final = "9999999999999999"
Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
Path: TypeAlias = tuple[str, ...]

BODY: Final[dict[str, Json]] = {
    "amount": 9.99,
    "card": {"cvv": CVV, "expiration_month": 12, "expiration_year": 2030, "holder": TOLD},
    "client": {"name": TOLD, "email": TOLD, "phone": PAN},
    "currency": "USD",
    "custom_fields": {TOLD: TOLD},
    "cvv": CVV,
    "description": TOLD,
    "dsrp": {"type": "apple_pay", "token": "eyJwYXltZW50RGF0YSI6"},
    "extra_fields": {"dynamic_descriptor": {"merchant": TOLD, "city": TOLD, "country": "GB"}},
    "location": {"ip": "6.6.6.6"},
    "merchant_order_id": TOLD,
    "options": {
        "auto_charge": 0,
        "force3d": "0",
        "recurring": False,
        "return_url": "https://127.0.0.1/a",
        "terminal": "TERM",
    },
    "pan": PAN,
    "recurring_details": {"trace_id": TOLD},
    "secure3d": {"xid": TOLD, "cavv": TOLD, "eci": "05"},
    "segment": TOLD,
}
NEEDED: Final = ("amount", "card", "dsrp", "location", "pan", "cvv")
DEEP: Final = 400
WORDS: Final[tuple[Json, ...]] = (
    *(None, True, False, 0, 1, -1, 10**12, 2**63, 2**64, 10**30),
    *(
        "",
        " ",
        "0",
        "1",
        "9.99",
        "1e2",
        "٣",
        "NaN",
        PAN,
        CVV,
        TOLD,
        "\0",
        "😀",
        "a" * 256,
        "a" * 41,
    ),
    *("USD", "JPY", "KWD", "XAU", "usd", "::1", "6.6.6.6", "true", "12", "2030", "http://[", "é"),
    *list[Json](([], {}, [PAN], {TOLD: PAN}, {"": ""})),
)
# As they stand in the body: JSON's own writer would not say them.
NUMBERS: Final = ("1e400", "-1e400", "0.10", "9.990", "1E+2", "-0.0", "12.0")
LITERALS: Final = (
    *NUMBERS,
    *("9" * 400, "9" * 5_000, "NaN", "Infinity", "01", "-", '"\\ud800"', '"\\u0000"', '"\\uff14"'),
    *('"' + "a" * 70_000 + '"', "[" * DEEP + "]" * DEEP),
)
MARK: Final = "\ue000"

texts: Final = st.text(max_size=30) | st.sampled_from(
    [word for word in WORDS if isinstance(word, str)]
)
anything: Final = st.recursive(
    st.sampled_from(WORDS) | st.integers() | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=8,
)


def places(value: Json, path: Path = ()) -> list[Path]:
    """The path of every member."""
    if not isinstance(value, dict):
        return []
    inner = [each for name, member in value.items() for each in places(member, (*path, name))]
    return [(*path, name) for name in value] + inner


PLACES: Final = places(BODY)


def put(value: Json, path: Path, new: Json) -> Json:
    """The value with one member replaced, or added."""
    given = value if isinstance(value, dict) else {}
    inner = new if len(path) == 1 else put(given.get(path[0]), path[1:], new)
    return {**given, path[0]: inner}


def without(value: Json, path: Path) -> Json:
    """The value without one member."""
    if not isinstance(value, dict):
        return value
    if len(path) == 1:
        return {name: member for name, member in value.items() if name != path[0]}
    return {**value, path[0]: without(value.get(path[0]), path[1:])}


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """A body: good, with a few members wrong, or bent."""
    kept = draw(st.sets(st.sampled_from(sorted(BODY))))
    value: Json = {name: member for name, member in BODY.items() if name in {*NEEDED, *kept}}
    for _ in range(draw(st.integers(0, 3))):
        path = draw(st.sampled_from(PLACES))
        replaced = draw(st.booleans())
        value = put(value, path, draw(anything)) if replaced else without(value, path)
    odd = draw(st.sampled_from(("", "", *LITERALS)))
    if odd:
        value = put(value, draw(st.sampled_from(PLACES)), MARK)
    text = json.dumps(value, ensure_ascii=draw(st.booleans()))
    text = text.replace(json.dumps(MARK), odd).replace(f'"{MARK}"', odd)
    return bent(draw, text.encode("utf-8", "surrogatepass"))


def bent(draw: st.DrawFn, body: bytes) -> bytes:
    """The body as it is, mostly; else cut, with bytes put in, or one member given twice."""
    match draw(st.integers(0, 9)):
        case 0:
            return body[: draw(st.integers(0, len(body)))]
        case 1:
            at = draw(st.integers(0, len(body)))
            return body[:at] + draw(st.binary(max_size=5)) + body[at:]
        case 2:
            return b'{"amount": 1, ' + body[1:]
        case 3:
            return draw(st.binary(max_size=50))
        case 4:
            return json.dumps(draw(anything)).encode("utf-8", "surrogatepass")
        case _:
            return body


CREATES: Final = ("/orders/authorize", "/orders/credit", "/orders/token_pay")
FOLLOWS: Final = ("charge", "refund", "reverse", "cancel", "rebill", "credit")
numbers: Final = (
    st.sampled_from(("{order}",) * 8)
    | st.sampled_from(("{order}", UNKNOWN, "0", "00", "-1", "", "authorize"))
    | st.integers(0, 10**20).map(str)
    | st.text(max_size=20)
)
calls: Final = st.sampled_from(CREATES) | st.builds(
    lambda number, verb: f"/orders/{number}/{verb}", numbers, st.sampled_from(FOLLOWS)
)
keys: Final = st.sampled_from((b"k", b'"k"', b"", b'""', b"k" * 300, b"\xff")) | st.binary(
    max_size=12
)
names: Final = st.sampled_from(
    (b"idempotency-key", b"x-request-id", b"content-type", b"accept", b"authorization")
)
extras: Final = st.lists(st.tuples(names, keys), max_size=2).map(tuple)


def writes() -> st.SearchStrategy[Request]:
    """Requests that would move money; most of them by somebody we know."""
    return st.builds(
        lambda method, path, extra, body: Request(
            method=method, path=path, headers=(AUTHORIZATION, *extra), body=body
        ),
        st.sampled_from(("POST", "POST", "POST", "PUT", "GET")),
        calls,
        extras,
        bodies(),
    )


MOMENTS: Final = (
    *("2026-01-15", "2026-01-15 12:00:00", "2026-01-15T12:00:00", "0001-01-01", "3000-12-31"),
    "9999-12-31",
    *("2026-02-30", "2026-01-15 24:00:00", "0000-00-00", "2026-1-1", "٢٠٢٦-01-15"),
)
TOKENS: Final = ("1", "0", "2", "a0", "b0", "a" + "z" * 12, "b" + "z" * 13, "A1", "b", "-1")
FILTERS: Final = (
    *("status", "merchant_order_id", "card.type", "card.subtype", "location.ip", "issuer.bin"),
    *("issuer.country", "client.name", "client.email", "issuer.title", "type", "expand"),
)
patterns: Final = texts | st.sampled_from(
    ('"', "'", "%", "_", "*", "a AND b", "NEAR(a b)", "^a", "a*", ",", ", ,", "a," * 101, "charged")
)
parameters: Final = st.lists(
    st.tuples(st.sampled_from(FILTERS), patterns)
    | st.tuples(
        st.sampled_from(("created_from", "created_to", "date", "date_from", "date_to")),
        st.sampled_from(MOMENTS) | texts,
    )
    | st.tuples(st.just("page"), st.sampled_from(TOKENS) | texts)
    | st.tuples(st.just("per_page"), st.sampled_from(("1", "0", "2000", "9" * 20)) | texts)
    | st.tuples(texts, texts),
    max_size=4,
)
queries: Final = parameters.map(
    lambda pairs: urlencode(pairs, errors="replace").encode()
) | st.binary(max_size=40)


def reads() -> st.SearchStrategy[Request]:
    """Requests that only look."""
    return st.builds(
        lambda method, path, query, extra: Request(
            method=method, path=path, query=query, headers=(AUTHORIZATION, *extra)
        ),
        st.sampled_from(("GET", "GET", "GET", "HEAD", "POST")),
        st.sampled_from(("/orders/", "/orders", "/operations/", "/exchange_rates/", "/ping"))
        | numbers.map(lambda number: f"/orders/{number}"),
        queries,
        extras,
    )
