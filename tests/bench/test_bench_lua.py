"""What wrk is told to send."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from counterfoil.bench.calls import AUTHORIZE, CALLS, CHARGE, GET, LIST, ORDER, SIGNED, Uses
from counterfoil.bench.lua import Slice, quoted, script

IDS = Slice(file=Path("ids"), start=10, end=20)


def test_a_fixed_request_is_left_to_wrk() -> None:
    text = script(AUTHORIZE)
    assert 'wrk.method = "POST"' in text
    assert 'wrk.headers["Authorization"] = "Basic cHJvamVjdDpwYXNzd29yZA=="' in text
    assert '\\"pan\\":\\"4111111111111111\\"' in text
    assert "function request" not in text
    assert "function response" not in text


def test_a_token_goes_before_a_login() -> None:
    text = script(replace(ORDER, token="a.b.c"))
    assert 'wrk.headers["Authorization"] = "Bearer a.b.c"' in text
    assert 'wrk.headers["Accept"] = "application/json"' in text
    assert 'wrk.headers["Accept"] = "*/*"' in script(SIGNED)


def test_a_call_without_a_body_sends_none() -> None:
    assert "wrk.body" not in script(LIST)


def test_each_id_is_used_once() -> None:
    text = script(CHARGE, IDS)
    assert '"/orders/" .. ids[at] .. "/charge"' in text
    assert "local ids, at, last, started = {}, 10, 20, nil" in text
    assert "if false then" in text
    assert "wrk.thread:stop()" in text


def test_known_ids_come_again() -> None:
    assert "if true then" in script(GET, IDS)


def test_ids_are_collected_where_asked() -> None:
    assert 'io.open("some\\"where", "a")' in script(AUTHORIZE, None, Path('some"where'))


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.name)
def test_braces_and_ends_balance(call: object) -> None:
    found = next(each for each in CALLS if each is call)
    ids = None if found.uses is Uses.NONE else IDS
    text = script(found, ids, Path("found"))
    assert text.count("(") == text.count(")")
    words = text.replace("(", " ").replace(")", " ").split()
    opened = sum(words.count(word) for word in ("function", "then", "do"))
    assert opened == words.count("end")


def test_text_is_quoted() -> None:
    assert quoted('a"b\\c\n') == '"a\\"b\\\\c\\n"'
