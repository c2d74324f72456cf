"""What fuzzing and the dialect contract found, each as the shortest request that showed it."""

import asyncio
import json
from collections.abc import Iterator
from typing import Final

import pytest
from starlette.types import Message, Scope
from tests.conformance import exchange as documented
from tests.contract.wires import MOVES, Desk, Example, open_desk
from tests.fuzz.room import Request, Room, asked, opened
from tests.fuzz.speech import BODY, NEEDED

from counterfoil.engine.directory import Directory
from counterfoil.testing import FakeClock, MemoryStore, MemoryVault

GOOD: Final = {name: BODY[name] for name in NEEDED}
CUT: Final = [move for move in MOVES if move.follows and move.wire.name == "bizon"]
ENDS: Final[tuple[tuple[Message, ...], ...]] = (
    ({"type": "http.disconnect"},),
    (
        {"type": "http.request", "body": b" ", "more_body": True},
        {"type": "http.disconnect"},
    ),
)


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    """One gateway for all."""
    with opened(tmp_path_factory.mktemp("found")) as made:
        yield made


def authorize(**members: str) -> bytes:
    """A good body, with members as they are written here."""
    extra = "".join(f', "{name}": {literal}' for name, literal in members.items())
    return (json.dumps(GOOD)[:-1] + extra + "}").encode()


def post(body: bytes) -> Request:
    """An authorization."""
    return Request(method="POST", path="/orders/authorize", body=body)


@pytest.mark.parametrize("ends", ENDS)
@pytest.mark.parametrize("move", CUT, ids=lambda move: move.name)
@pytest.mark.anyio
async def test_a_request_whose_body_never_came_does_nothing(
    move: Example, ends: tuple[Message, ...]
) -> None:
    desk: Desk = await open_desk()
    await desk.scene(move)
    before = desk.done()
    coming = iter(ends)

    async def receive() -> Message:
        return next(coming)

    async def send(message: Message) -> None:
        assert message

    scope: Scope = {
        "type": "http",
        "method": move.ask.method,
        "path": documented.fill(move.ask.path, desk.names),
        "query_string": b"",
        "scheme": "http",
        "headers": [(name.lower().encode(), v.encode()) for name, v in move.headers.items()],
    }
    await desk.app(scope, receive, send)
    assert desk.done() == before


@pytest.mark.parametrize("literal", ["1.5", "1e400", "-0.0"])
@pytest.mark.parametrize("name", ["merchant_order_id", "description", "segment"])
def test_a_number_with_a_point_is_text(room: Room, name: str, literal: str) -> None:
    assert room.ask(post(authorize(**{name: literal}))).status == 200


def test_a_bad_request_fails_alone(room: Room) -> None:
    bodies = [authorize(merchant_order_id="1.5" if at == 3 else '"good"') for at in range(20)]

    async def together() -> list[int]:
        found = await asyncio.gather(*(asked(room._app, post(body)) for body in bodies))
        return [answer.status for answer in found]

    statuses = room._runner.run(together())
    assert statuses[:3] + statuses[4:] == [200] * 19


@pytest.mark.parametrize("path", ["/orders/", "/operations/"])
@pytest.mark.parametrize(
    "query",
    [
        b"created_from=9999-12-31",
        b"created_to=9999-12-31",
        b"page=b" + b"z" * 13,
        b"page=a3w5e11264sgsg",
    ],
)
def test_a_place_beyond_all_ids_is_no_malfunction(room: Room, path: str, query: bytes) -> None:
    assert room.ask(Request(method="GET", path=path, query=query)).status in {200, 422}


def test_no_depth_of_objects_is_a_malfunction(room: Room) -> None:
    found = {
        room.ask(post(authorize(x='{"a":' * depth + "1" + "}" * depth))).status
        for depth in range(900, 1000)
    }
    assert found <= {200, 422}


@pytest.mark.anyio
async def test_a_stranger_does_not_fill_memory() -> None:
    clock = FakeClock()
    directory = Directory(MemoryStore(), MemoryVault(), clock)
    for at in range(20):
        assert await directory.recognise("bizon", f"{at}" + "a" * 100_000, "x") is None
    assert sum(len(login) for _, login in directory._known) < 100_000
