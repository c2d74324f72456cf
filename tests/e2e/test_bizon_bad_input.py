"""Hostile input to every Bizon call that writes: refused in the wire's own words, nothing changed.

Each call is sent every input below. The answer has the wire's failure body, names the attribute at
fault and repeats nothing of what was sent; afterwards the lists read as they did before.
"""

import asyncio
import base64
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import pytest
from httpx2 import AsyncClient, Response
from tests.conformance.conftest import gateway
from tests.conformance.exchange import calendar, canonical

from counterfoil.core.record import Record

PAN: Final = "4111111111111111"
CVV: Final = "987"
TOLD: Final = "tell-tale"  # stands in every body; no answer may repeat it
TOO_LARGE: Final = 10_000_000  # bytes
DEEP: Final = 10_000  # brackets
FOREIGN: Final = ("project_reserve", "password")
OWN: Final = ("project", "password")


class Call(Record):
    """A call that writes. `scene`: what is done to the order it addresses; None: it has no order.

    `knows` are the members it reads, top level ones only.
    """

    name: str
    method: str
    path: str
    knows: frozenset[str]
    scene: str | None = None


class Input(Record):
    """Something to send, and the attribute that the answer must name."""

    label: str
    body: bytes
    attribute: str
    status: int = 422


def wide(digits: str) -> str:
    """The digits in their full-width form, as JSON escapes them: digits to Unicode, not to us."""
    return "".join(f"\\uff1{digit}" for digit in digits)


AMOUNT: Final = frozenset({"amount"})
TEXTS: Final = ("description", "merchant_order_id", "segment")
CLIENT: Final = (
    *("address", "city", "country", "email", "login", "name"),
    *("phone", "state", "zip"),
)
NEW_ORDER: Final = AMOUNT | {*TEXTS, "currency", "client", "custom_fields", "location", "options"}
CALLS: Final = (
    Call(
        name="authorize", method="POST", path="/orders/authorize", knows=NEW_ORDER | {"pan", "card"}
    ),
    Call(name="credit", method="POST", path="/orders/credit", knows=NEW_ORDER | {"pan"}),
    Call(name="rebill", method="POST", path="/rebill", knows=NEW_ORDER | {"cvv"}, scene="charge"),
    Call(name="linked credit", method="POST", path="/credit", knows=NEW_ORDER, scene="charge"),
    *(
        Call(name=f"{method} {verb}", method=method, path=f"/{verb}", knows=knows, scene=scene)
        for verb, knows, scene in (
            ("reverse", frozenset[str](), "authorize"),
            ("charge", AMOUNT, "authorize"),
            ("refund", AMOUNT, "charge"),
            ("cancel", AMOUNT, "charge"),
        )
        for method in ("PUT", "POST")
    ),
)

BROKEN: Final[Mapping[str, bytes]] = {
    "nothing but a bracket": b"{",
    "cut off": b'{"amount": 9.99, "description": "tell-ta',
    "no colon": b'{"amount" 9.99}',
    "comma at the end": b'{"amount": 9.99,}',
    "single quotes": b"{'amount': 9.99}",
    "a form": b"amount=9.99&description=tell-tale",
    "two documents": b'{"amount": 9.99}{"amount": 9.99}',
    "array": b'[{"amount": 9.99}]',
    "text": b'"tell-tale"',
    "number": b"9.99",
    "null": b"null",
    "NaN": b'{"amount": NaN}',
    "Infinity": b'{"amount": Infinity}',
    "minus Infinity": b'{"amount": -Infinity}',
    "leading zero": b'{"amount": 09.99}',
    "invalid UTF-8": b'{"amount": 9.99, "description": "\xff\xfe"}',
    "UTF-16": '{"amount": 9.99}'.encode("utf-16"),
    "NUL": b"\x00",
    "NUL in a text": b'{"amount": 9.99, "description": "tell\x00tale"}',
    "member twice": b'{"amount": 9.99, "amount": 1.00}',
    "member twice, once escaped": b'{"amount": 9.99, "\\u0061mount": 1.00}',
    "member of an object twice": b'{"amount": 9.99, "client": {"name": "a", "name": "b"}}',
    "deep arrays": b'{"amount": 9.99, "x": ' + b"[" * DEEP + b"]" * DEEP + b"}",
    "deep objects": b'{"x":' * DEEP + b"1" + b"}" * DEEP,
    "deep and cut off": b"[" * DEEP,
}
# Written as they stand in the body, so that text and number are told apart.
AMOUNTS: Final = (
    *("0", "0.00", "-1", "-0.01", "1.999", "9.990", "1e2", "1E-2", "1000000000000", "9" * 40),
    *('"0"', '"0.00"', '"-1"', '"abc"', '""', '" 1"', '"1 "', '"+1"', '"1,00"', '"1_000"'),
    *('"1.999"', '"9.990"', '"1e2"', '"NaN"', '"Infinity"', '"0x10"', '".5"', '"5."', '"٣"'),
    *('"1000000000000.00"', "true", "false", "[]", "{}", '["9.99"]', '"9.99\\u0000"'),
)
OBJECT: Final = ("1", "true", '"tell-tale"', '["tell-tale"]')  # [] is how some write {}
TEXT: Final = ("true", "[]", '["tell-tale"]', "{}")
CODE: Final = (
    *('"12"', '"12345"', '"12a"', '"1 3"', "-12", "1.5", "true", "[]", "{}"),
    f'"{wide(CVV)}"',
)
LONG: Final = json.dumps("x" * 256)
MEMBERS: Final[Mapping[str, tuple[str, ...]]] = {
    "amount": AMOUNTS,
    "currency": ('"usd"', '"US"', '"USDX"', '"XXA"', '"UBT"', '"XAU"', '"US$"', "840", "[]", "{}"),
    **dict.fromkeys(TEXTS, (*TEXT, '"tell\\u0000tale"', LONG)),
    **{f"client.{name}": (*TEXT, LONG) for name in CLIENT},
    "client": OBJECT,
    "custom_fields": (
        *OBJECT,
        json.dumps({f"tell-tale {n}": "" for n in range(11)}),
        '{"tell-tale": []}',
        '{"tell-tale": "\\u0000"}',
        f'{{"tell-tale": {LONG}}}',
    ),
    "location": OBJECT,
    "location.ip": (
        *('"6.6.6.256"', '"6.6.6"', '"::g"', '"localhost"', '"6.6.6.6/24"', '"6.6.6.6\\n"'),
        *("6", "true", "[]", "{}"),
    ),
    "options": OBJECT,
    "options.auto_charge": ("2", "-1", '"yes"', '"01"', "[]", "{}"),
    "options.terminal": ('"tell-tale"', "true", "[]", "{}"),
    "options.return_url": ('"javascript:alert(1)"', '"/tell-tale"', '"http://"', "true", "[]"),
    "pan": (
        *('"4111111111111112"', '"4111"', '"42424242424242424242"', '"abcd"', '""', "null"),
        *('"4111111111111111\\u0000"', "-4111", "true", "[]", "{}"),
        f'"{wide(PAN)}"',
    ),
    "card": OBJECT,
    "card.cvv": (*CODE, "null"),
    "card.holder": ('""', '"J"', json.dumps("J" * 41), "true", "[]", "{}", "null"),
    "card.expiration_month": (
        *("0", "13", "-1", "1.5", "1e1"),
        *('"1e1"', '"abc"', "true", "[]", "null"),
    ),
    "card.expiration_year": (
        *("2020", "29", "99999", "0", "-2029"),
        *("2e3", '"abc"', "true", "[]", "null"),
    ),
    "cvv": (*CODE, "null"),
}
# A reader may refuse these as JSON or as a member: either will do.
ODDITIES: Final = (
    ("description", '"\\ud800"'),
    ("description", '"\\udfff\\ud800"'),
    ("amount", "9" * 5_000),
    ("amount", "1e999999999"),
)
IDS: Final = (
    *("abc", "10000000000000001", "0", "-1", "1.5", "1e3", "12345678901234567890"),
    *("9999999999999999999", "%00", "%D9%A1%D9%A2", "1%20", "%2B1", "'"),
)


def basic(credentials: bytes) -> str:
    return f"Basic {base64.b64encode(credentials).decode()}"


STRANGERS: Final = (
    *("", "Basic", "Basic ", "Basic ***", "Bearer tell-tale"),
    *(basic(each) for each in (b"project", b"project:", b":password", b":", b"\xff:\xfe")),
    *(basic(each) for each in (b"project:wrong", b"PROJECT:password", b"project:password\x00")),
    basic(b"project:" + b"p" * 100_000),
)


def good(call: Call, year: str) -> dict[str, object]:
    """A body that the call would obey."""
    card = {"cvv": CVV, "expiration_month": 12, "expiration_year": year, "holder": "John Smith"}
    members: dict[str, object] = {
        "amount": 1.23,
        "card": card,
        "client": {"name": TOLD},
        "custom_fields": {TOLD: TOLD},
        "cvv": CVV,
        "description": TOLD,
        "location": {"ip": "6.6.6.6"},
        "options": {},
        "pan": PAN,
    }
    return {name: value for name, value in members.items() if name in call.knows}


def changed(members: Mapping[str, object], path: str, literal: str) -> bytes:
    """The body with one member replaced by what is written in `literal`."""
    text = json.dumps(_put(members, path.split(".")), ensure_ascii=False)
    return text.replace('"@"', literal).encode()


def _put(members: Mapping[str, object], path: list[str]) -> dict[str, object]:
    inner = members.get(path[0])
    if len(path) == 1:
        return {**members, path[0]: "@"}
    return {**members, path[0]: _put(inner if isinstance(inner, dict) else {}, path[1:])}


def inputs(call: Call, year: str) -> Iterator[Input]:
    """Every input for the body of a call."""
    for label, body in BROKEN.items():
        yield Input(label=label, body=body, attribute="body")
    padding = b'{"description": "' + b"x" * TOO_LARGE + b'"}'
    yield Input(label="too large", body=padding, attribute="body", status=413)
    members = good(call, year)
    for path, literals in MEMBERS.items():
        if path.partition(".")[0] in call.knows:
            for literal in literals:
                body = changed(members, path, literal)
                yield Input(label=f"{path} {literal[:40]}", body=body, attribute=path)


def flaws(answer: Response, status: int, attributes: list[str], order: str | None) -> list[str]:
    """What is wrong with an answer that should be the wire's own failure."""
    if answer.status_code != status:
        return [f"expected {status}, got {answer.status_code}: {answer.text[:300]}"]
    failure = json.loads(answer.content)
    found = []
    if canonical(failure) != answer.content:
        found.append("not compact sorted JSON")
    if sorted(failure) != ["errors", "failure_message", "failure_type", "order_id"]:
        return [*found, f"not the failure body: {answer.text[:300]}"]
    if any(sorted(each) != ["attribute", "details", "message"] for each in failure["errors"]):
        return [*found, f"not a list of errors: {answer.text[:300]}"]
    named = [each["attribute"] for each in failure["errors"]]
    if attributes and named != attributes:
        found.append(f"expected {attributes} to be named, got {named}")
    if failure["failure_type"] != ("rejected" if status == 401 else "validation"):
        found.append(f"failure_type is {failure['failure_type']}")
    if failure["order_id"] not in {None, order}:
        found.append("order_id is of no order we asked about")
    told = canonical({**failure, "order_id": None}).decode()
    found += [f"repeats {secret}" for secret in (PAN, CVV, TOLD, "xxxx") if secret in told]
    return found


class World(Record):
    """A client of a gateway with an order of its own and one of another project."""

    client: AsyncClient
    order: str
    foreign: str
    year: str

    async def send(self, call: Call, body: bytes, **changes: str) -> Response:
        """What the gateway answers; `order` and `authorization` may be changed."""
        path = call.path
        if call.scene is not None:
            path = f"/orders/{changes.get('order', self.order)}{call.path}"
        authorization = changes.get("authorization", basic(":".join(OWN).encode()))
        headers = {"Content-Type": "application/json", "Authorization": authorization}
        sent = {name: value for name, value in headers.items() if value}
        return await self.client.request(call.method, path, content=body, headers=sent)

    async def lists(self) -> list[bytes]:
        """All that both projects have, as the lists show it."""
        everything = "card,client,location,custom_fields,issuer,secure3d,operations.cashflow"
        return [
            (await self.client.get(path, auth=who)).content
            for who in (OWN, FOREIGN)
            for path in (f"/orders/?expand={everything}", "/operations/?expand=cashflow")
        ]


async def opened(client: AsyncClient, scene: str | None, year: str) -> World:
    """The world in which a call is made: orders authorized, and charged where the scene is that."""
    body = json.dumps(good(CALLS[0], year))
    made = []
    for who in (OWN, FOREIGN):
        answer = await client.post("/orders/authorize", content=body, auth=who)
        assert answer.status_code == 200, answer.text
        made.append(str(answer.json()["orders"][0]["id"]))
        if scene == "charge":
            answer = await client.put(f"/orders/{made[-1]}/charge", auth=who)
            assert answer.status_code == 200, answer.text
    return World(client=client, order=made[0], foreign=made[1], year=year)


async def bodies(call: Call, world: World) -> list[str]:
    """What is wrong with the answers to bad bodies."""
    found = []
    order = world.order if call.scene else None
    for each in inputs(call, world.year):
        answer = await world.send(call, each.body)
        wrong = flaws(answer, each.status, [each.attribute], order)
        found += [f"{each.label}: {line}" for line in wrong]
    for path, literal in ODDITIES:
        if path in call.knows:
            answer = await world.send(call, changed(good(call, world.year), path, literal))
            wrong = flaws(answer, 422, [], order)
            found += [f"{path} {literal[:40]}: {line}" for line in wrong]
    return found


async def ids(call: Call, world: World) -> list[str]:
    """What is wrong with the answers to ids that are not of an order of ours."""
    found = []
    body = json.dumps(good(call, world.year)).encode()
    for each in (*IDS, world.foreign) if call.scene else ():
        answer = await world.send(call, body, order=each)
        found += [f"id {each}: {line}" for line in flaws(answer, 404, [], None)]
    return found


async def strangers(call: Call, world: World) -> list[str]:
    """What is wrong with the answers to callers who are nobody."""
    found = []
    body = json.dumps(good(call, world.year)).encode()
    for each in STRANGERS:
        answer = await world.send(call, body, authorization=each)
        found += [f"authorization {each[:40]}: {line}" for line in flaws(answer, 401, [], None)]
        if not answer.headers.get("WWW-Authenticate", "").startswith("Basic realm="):
            found.append(f"authorization {each[:40]}: no WWW-Authenticate")
    return found


async def attacked(call: Call, folder: Path) -> list[str]:
    """Everything wrong with how a call takes hostile input."""
    async with gateway(folder) as fresh:
        world = await opened(fresh.client, call.scene, calendar(fresh.clock.today())["year"])
        before = await world.lists()
        found: list[str] = []
        for attack in (bodies, ids, strangers):
            found += await attack(call, world)
            after = await world.lists()
            if after != before:
                found.append(f"{attack.__name__}: the lists have changed")
            before = after
        return found


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.name.replace(" ", "_"))
def test_hostile_input_is_refused_and_changes_nothing(call: Call, tmp_path: Path) -> None:
    found = asyncio.run(attacked(call, tmp_path))
    assert not found, "\n".join([f"{len(found)} flaws", *found[:40]])
