"""Whatever is said to the Bizon wire: it answers in its own form, and a refusal changes nothing."""

import json
from collections.abc import Iterator
from typing import Final

import pytest
from hypothesis import given
from msgspec.structs import replace
from tests.fuzz.effort import LONG, SLICE
from tests.fuzz.room import Answer, Request, Room, opened
from tests.fuzz.speech import BODY, NEEDED, SECRETS, reads, writes

KEEPS_AN_ORDER: Final = 402  # the acquirer's no, and a currency's: the order stays
FAILURE: Final = ["errors", "failure_message", "failure_type", "order_id"]
KINDS: Final = {"declined", "fraud", "rejected", "validation"}


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    """One gateway for all that is said."""
    with opened(tmp_path_factory.mktemp("fuzz")) as made:
        yield made


def survives(room: Room, request: Request) -> None:
    """Send it, to an order that can be charged where it names one, and look at the answer."""
    if "{order}" in request.path:
        request = replace(request, path=request.path.replace("{order}", authorized(room)))
    before = room.changes()
    answer = room.ask(request)
    changed = room.changes() != before
    assert answer.status < 500, answer
    if answer.status < 300:
        json.loads(answer.body)
        assert not changed or request.method in {"POST", "PUT"}
        return
    assert failed(answer), answer
    assert answer.status == KEEPS_AN_ORDER or not changed, answer
    assert not repeated(answer), answer


def authorized(room: Room) -> str:
    """An order of 9.99, authorized."""
    members = {name: BODY[name] for name in NEEDED}
    body = json.dumps(members).encode()
    answer = room.ask(Request(method="POST", path="/orders/authorize", body=body))
    number = json.loads(answer.body)["orders"][0]["id"]
    assert isinstance(number, str)
    return number


def failed(answer: Answer) -> bool:
    """Whether it is the wire's failure body."""
    said = json.loads(answer.body)
    return sorted(said) == FAILURE and said["failure_type"] in KINDS


def repeated(answer: Answer) -> list[str]:
    """Tell-tales that a failure repeats; an order's number may look like one."""
    said = json.loads(answer.body)
    told = json.dumps({**said, "order_id": None}, ensure_ascii=False)
    return [secret for secret in SECRETS if secret in told]


@SLICE
@given(request=writes())
def test_what_moves_money(room: Room, request: Request) -> None:
    survives(room, request)


@SLICE
@given(request=reads())
def test_what_only_looks(room: Room, request: Request) -> None:
    survives(room, request)


@pytest.mark.fuzz
@LONG
@given(request=writes())
def test_what_moves_money_for_long(room: Room, request: Request) -> None:
    survives(room, request)


@pytest.mark.fuzz
@LONG
@given(request=reads())
def test_what_only_looks_for_long(room: Room, request: Request) -> None:
    survives(room, request)
