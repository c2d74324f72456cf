"""One suite for every wire: every code has words, every call answers, every key does a thing once.

Cases are made from a wire's tables and from its documented exchanges; a new wire is found by the
scan and is run through all of it. Nothing here is about one wire, but for the last part.
"""

import ast
import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from string import Formatter
from typing import Final

import pytest
from httpx2 import Response
from msgspec.structs import replace
from tests.conformance import exchange as documented
from tests.conformance.exchange import Step, compare, find
from tests.contract.wires import (
    EXAMPLES,
    KEY,
    MOVES,
    READS,
    WIRES,
    Desk,
    Example,
    Wire,
    open_desk,
    readable,
)

import counterfoil
from counterfoil.core.errors import Code
from counterfoil.core.order import Outcome
from counterfoil.core.rules import RULES, Standing

pytestmark = pytest.mark.anyio

OURS: Final = {
    "health",
    "metrics",
    "pay",
    "complete",
    "test",
    "static",
}  # the application's own paths
AT_ONCE: Final = 50
AMOUNT: Final = re.compile(r'("amount"\s*:\s*"?)(?:[0-9.]+|null)')
FORM_AMOUNT: Final = re.compile(r"\bamount=[0-9]+")
JUNK: Final = (b"", b"\x00\xff", b"[]", b"{}", b'{"amount": {}}', b"[" * 5_000, b'{"a":1,"a":2}')
PLACES: Final = ("1", "0", "abc", "9" * 19, "9" * 400, "%00", "%D9%A1", "%2e%2e", "{order}")
STRANGE: Final = ("", "Basic", "Basic ***", "Bearer ", "Bearer .", "Bearer \xff.\xff", "Basic OjpA")
BAD_KEYS: Final = ('""', '"', "k" * 256, "two words", "kéy", '"a"b"', "\t")
by_name: Final = pytest.mark.parametrize("wire", WIRES, ids=lambda wire: wire.name)
each_move: Final = pytest.mark.parametrize("move", MOVES, ids=lambda move: move.name)
FIRST: Final = list({(move.wire.name, move.call): move for move in reversed(MOVES)}.values())
FOLLOWING: Final = {
    wire.name: [
        *{
            (move.call, move.ask.body): move for move in MOVES if move.wire is wire and move.follows
        }.values()
    ]
    for wire in WIRES
}
each_call: Final = pytest.mark.parametrize("move", FIRST, ids=lambda move: move.name)


@pytest.fixture
async def desk() -> Desk:
    """A gateway of the test's own."""
    return await open_desk()


# Tables.


@by_name
def test_every_refusal_has_a_status_and_a_text(wire: Wire) -> None:
    assert set(wire.errors) == set(Code)
    for code in Code:
        status, message = wire.said(code)
        assert 400 <= status < 600, code
        assert message, code


@by_name
def test_the_texts_name_only_facts_that_every_such_refusal_brings(wire: Wire) -> None:
    known = facts()
    for code in Code:
        named = {field for _, field, _, _ in Formatter().parse(wire.said(code)[1]) if field}
        assert named <= known.get(code, named), f"{wire.name}: {code} names {named}"


def facts() -> dict[Code, set[str]]:
    """The facts that a refusal of each code has wherever it is raised in the source."""
    found = {code: set[str]() for rule in RULES.values() for code in (rule.empty, rule.exceeds)}
    for path in Path(counterfoil.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            match node:
                case ast.Call(
                    func=ast.Name("Refused"), args=[ast.Attribute(ast.Name("Code"), name)]
                ):
                    given = {each.arg for each in node.keywords if each.arg}
                    found[Code[name]] = found.get(Code[name], given) & given
    return found


@by_name
def test_every_standing_and_outcome_has_a_word(wire: Wire) -> None:
    assert set(wire.status) == set(Standing)
    assert set(Outcome) - set(wire.outcomes) <= {Outcome.PENDING}  # which a wire need not show


def test_no_two_wires_own_a_path() -> None:
    owned = [segment for wire in WIRES for segment in wire.dialect.owned]
    assert len(set(owned)) == len(owned)
    assert not OURS & set(owned)


@by_name
def test_a_wire_serves_what_it_owns_and_nothing_else(wire: Wire) -> None:
    served = [*(row.path for row in wire.rows()), *wire.open]
    assert {path.split("/")[1] for path in served} == set(wire.dialect.segments)


@by_name
def test_every_call_that_moves_money_has_an_example(wire: Wire) -> None:
    asked = {move.call for move in MOVES if move.wire is wire}
    assert {row for row in wire.rows() if row.method not in READS} <= asked


TOLD: Final = [example for example in EXAMPLES if example.wire.folder.name == "_examples"]


@pytest.mark.parametrize("example", TOLD, ids=lambda example: example.name)
async def test_the_answer_is_the_documented_one(example: Example, desk: Desk) -> None:
    await desk.scene(example)
    answer = await desk.send(example)
    assert compare(example.said.response, answer, desk.names, example.common) == []


# Strangers, junk, silence.


def addressed(wire: Wire) -> Iterator[Step]:
    """Every route of a wire, at every odd place."""
    for row in wire.rows():
        for place in PLACES if "{}" in row.path else PLACES[:1]:
            yield Step(method=row.method, path=row.path.replace("{}", place))


@by_name
async def test_no_route_answers_strangers(wire: Wire, desk: Desk) -> None:
    before = desk.done()
    for step in addressed(wire):
        for header in STRANGE:
            headers = {b"Authorization": header.encode("latin-1")} if header else {}
            answer = await desk.client.request(step.method, step.path, headers=headers)
            assert answer.status_code == 401, (step, header, answer.text)
    assert desk.done() == before


@by_name
async def test_no_route_breaks_on_junk(wire: Wire, desk: Desk) -> None:
    common = next(each for each in EXAMPLES if each.wire is wire).common
    before = desk.done()
    for step in addressed(wire):
        for body in JUNK:
            answer = await desk.client.request(
                step.method,
                f"{step.path}?a=%00&limit=&page=",
                content=body,
                headers=desk.known(common.headers),
            )
            assert answer.status_code < 500, (step, body, answer.text)
    assert desk.done() == before


@each_call
async def test_what_has_no_answer_yet_can_be_read(move: Example, desk: Desk) -> None:
    await desk.scene(move)
    desk.bank.dumb = True
    await desk.send(move)
    for asked in readable(move.wire):
        for order in desk.store._orders.values():
            desk.names = {**documented.calendar(desk.clock.today()), **move.wire.names(order)}
            desk.names |= desk.keys
            headers = {name: value for name, value in move.ask.headers.items() if value}
            if desk.knows(asked):
                steps = (replace(asked, headers=headers), replace(asked, headers={}), asked)
                found = [await desk.send(move, step) for step in steps]
                # Some keys may make orders and not read them.
                fits = {404} if move.wire.hides(order) and "{order}" in asked.path else {200}
                assert fits & {each.status_code for each in found}, (asked, found[0].text)


# Idempotency keys.


def same(first: Response, again: Response) -> None:
    """Both say the same, byte for byte."""
    assert (again.status_code, again.content) == (first.status_code, first.content)


def refused(wire: Wire, code: Code, answer: Response) -> None:
    """The answer is that refusal, in the wire's words."""
    status, message = wire.said(code)
    assert (answer.status_code, message in answer.text) == (status, True), answer.text


def other(step: Step) -> Step:
    """The same call with another amount, or with one where there was none."""
    body = step.body or "{}"
    changed = AMOUNT.sub(r"\g<1>3", body, count=1)
    if changed == body and "=" in body and not body.startswith("{"):
        changed = FORM_AMOUNT.sub("amount=300", body, count=1)
        changed = f"{body}&amount=3" if changed == body else changed
    elif changed == body:
        changed = body.replace("{", '{"amount": 3' + (", " if '"' in body else ""), 1)
    if changed == body:
        changed = '{"amount": 3}'
    return replace(step, body=changed)


@each_move
async def test_a_key_does_a_thing_once(move: Example, desk: Desk) -> None:
    await desk.scene(move)
    first = await desk.keyed(move, "key")
    assert first.status_code == move.said.response.status
    before = desk.done()
    same(first, await desk.keyed(move, "key"))
    same(first, await desk.keyed(move, '"key"'))
    assert desk.done() == before
    if desk.used("key"):
        refused(move.wire, Code.KEY_REUSED, await desk.keyed(move, "key", other(move.ask)))
        assert desk.done() == before


@each_move
async def test_a_key_gives_what_it_gave_however_the_order_went_on(
    move: Example, desk: Desk
) -> None:
    await desk.scene(move)
    first = await desk.keyed(move, "key")
    asked = desk.filled(move.ask)
    for order in list(desk.store._orders.values()):
        desk.names.update(move.wire.names(order))
        for later in FOLLOWING[move.wire.name]:
            if desk.knows(later.ask):
                await desk.send(later)
    before = desk.done()
    same(first, await desk.keyed(move, "key", asked))
    assert desk.done() == before


@each_call
async def test_a_key_sent_fifty_times_at_once_does_a_thing_once(move: Example, desk: Desk) -> None:
    alone = await open_desk()
    for each in (desk, alone):
        await each.scene(move)
    await alone.keyed(move, "key")
    first, *others = await asyncio.gather(*(desk.keyed(move, "key") for _ in range(AT_ONCE)))
    assert first.status_code == move.said.response.status
    for again in others:
        same(first, again)
    assert desk.done() == alone.done()


@each_call
async def test_a_key_belongs_to_one_path(move: Example, desk: Desk) -> None:
    await desk.scene(move)
    await desk.keyed(move, "key")
    await desk.scene(move)  # another order, to which the same may be done
    elsewhere = [each.ask.path for each in FIRST if each.wire is move.wire and not each.follows]
    paths = [move.ask.path] if move.follows else {*elsewhere} - {move.ask.path}
    paths = [path for path in paths if set(documented.NAME.findall(path)) <= set(desk.names)]
    before = desk.done()
    for path in paths:
        answer = await desk.keyed(move, "key", replace(move.ask, path=path))
        assert 400 <= answer.status_code < 500, answer.text  # what lacks a member is refused first
        assert desk.done() == before


@each_call
@pytest.mark.parametrize("key", BAD_KEYS)
async def test_a_malformed_key_is_refused(move: Example, key: str, desk: Desk) -> None:
    await desk.scene(move)
    before = desk.done()
    asked = desk.filled(move.ask)
    given = {**desk.known(move.headers), KEY: key}
    headers = {name.encode(): text.encode("latin-1") for name, text in given.items()}
    answer = await desk.client.request(
        asked.method, asked.path, headers=headers, content=(asked.body or "").encode()
    )
    assert 400 <= answer.status_code < 500, answer.text
    assert KEY in answer.text
    assert desk.done() == before


# Bizon: what its clients do.

BIZON: Final = next(wire for wire in WIRES if wire.name == "bizon")
BODY: Final = """{"amount": 9.99, "card": {"cvv": "333", "expiration_month": 12,
 "expiration_year": {year}, "holder": "John Smith"}, "location": {"ip": "6.6.6.6"},
 "pan": "4111111111111111"}"""
AUTHORIZE: Final = Step(method="POST", path="/orders/authorize", body=BODY)
CREDIT: Final = Step(method="POST", path="/orders/credit", body=BODY)


def follow(verb: str, body: str | None = None, method: str = "PUT") -> Step:
    """A call on the order at hand."""
    return Step(method=method, path=f"/orders/{{order}}/{verb}", body=body)


CHARGE, CANCEL, REVERSE, REFUND = (
    follow(verb) for verb in ("charge", "cancel", "reverse", "refund")
)
SOME: Final = '{"amount": "1.11"}'
REBILL: Final = follow("rebill", '{"amount": 1.11, "cvv": "333", "location": {}}', "POST")
LINKED: Final = follow("credit", SOME, "POST")
# What comes before, the call under a key, what comes after, and the status that GET shows then.
HISTORIES: Final = (
    ((), AUTHORIZE, (CHARGE, follow("refund", SOME)), "refunded"),
    ((), AUTHORIZE, (REVERSE,), "reversed"),
    ((), AUTHORIZE, (follow("charge", SOME), REFUND), "refunded"),
    ((AUTHORIZE,), follow("charge", SOME), (REFUND,), "refunded"),
    ((AUTHORIZE,), CHARGE, (follow("cancel", SOME),), "refunded"),
    ((AUTHORIZE, CHARGE), follow("refund", SOME), (follow("refund", SOME),), "refunded"),
    ((AUTHORIZE, CHARGE), follow("cancel", SOME), (REFUND,), "refunded"),
    ((AUTHORIZE,), CANCEL, (REBILL,), "reversed"),
    ((AUTHORIZE,), REVERSE, (REBILL,), "reversed"),
    ((AUTHORIZE,), REBILL, (CHARGE, LINKED), "charged"),
    ((AUTHORIZE, CHARGE), LINKED, (REFUND, REBILL), "refunded"),
    ((), CREDIT, (REBILL,), "credited"),
)


@pytest.mark.parametrize(("before", "keyed", "after", "status"), HISTORIES)
async def test_bizon_keys_give_the_order_as_it_was(
    before: tuple[Step, ...], keyed: Step, after: tuple[Step, ...], status: str, desk: Desk
) -> None:
    example = next(each for each in EXAMPLES if each.wire is BIZON)
    for step in before:
        await made(desk, example, step)
    first = await desk.keyed(example, "key", keyed)
    assert first.status_code == 200, first.text
    if not before:
        desk.names["order"] = find(first, "orders.0.id")
    asked = desk.filled(keyed)
    for step in after:
        answer = await desk.send(example, step)
        assert answer.status_code == 200, answer.text
    shown = await desk.send(example, Step(method="GET", path="/orders/{order}"))
    assert find(shown, "orders.0.status") == status
    before_replay = desk.done()
    same(first, await desk.keyed(example, "key", asked))
    assert desk.done() == before_replay


async def made(desk: Desk, example: Example, step: Step) -> None:
    """Send a step that makes or changes the order at hand."""
    answer = await desk.send(example, step)
    assert answer.status_code == 200, answer.text
    desk.names.setdefault("order", find(answer, "orders.0.id"))


PAIRS: Final = (
    ((), AUTHORIZE, CREDIT),
    ((), CREDIT, AUTHORIZE),
    ((AUTHORIZE,), CHARGE, REVERSE),
    ((AUTHORIZE,), REVERSE, CANCEL),
    ((AUTHORIZE, CHARGE), REFUND, CANCEL),
    ((AUTHORIZE, CHARGE), LINKED, follow("refund", SOME)),
    ((AUTHORIZE, CHARGE), follow("refund", SOME), follow("refund", SOME, "POST")),
)


@pytest.mark.parametrize(("before", "first", "second"), PAIRS)
async def test_bizon_keys_belong_to_one_call(
    before: tuple[Step, ...], first: Step, second: Step, desk: Desk
) -> None:
    example = next(each for each in EXAMPLES if each.wire is BIZON)
    for step in before:
        await made(desk, example, step)
    assert (await desk.keyed(example, "key", first)).status_code == 200
    done = desk.done()
    refused(BIZON, Code.KEY_REUSED, await desk.keyed(example, "key", second))
    assert desk.done() == done


async def test_bizon_keys_of_refused_requests_are_free(desk: Desk) -> None:
    example = next(each for each in EXAMPLES if each.wire is BIZON)
    await made(desk, example, AUTHORIZE)
    assert (await desk.keyed(example, "key", REFUND)).status_code == 422
    assert (await desk.keyed(example, "key", CHARGE)).status_code == 200
