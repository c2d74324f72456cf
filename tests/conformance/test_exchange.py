"""The replaying of exchanges itself: what it accepts, what it catches, how it explains."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec
import pytest
from httpx2 import ASGITransport, AsyncClient, Response
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response as Answer
from starlette.routing import Route
from tests.conformance.exchange import (
    Exchange,
    ExchangeError,
    Expected,
    Names,
    Shared,
    Step,
    calendar,
    compare,
    examples,
    fill,
    find,
    read,
    replay,
    shared,
)

KINDS: Final = {"id": "[0-9]+", "page": "[a-z]+"}

COMMON: Final = Shared(wildcards=KINDS)


def differences(expected: str, actual: str) -> list[str]:
    return compare(Expected(status=200, body=expected), Response(200, text=actual), {}, COMMON)


def headers_differ(expected: Expected, headers: dict[str, str]) -> list[str]:
    return compare(expected, Response(200, text="{}", headers=headers), {}, COMMON)


def test_layout_of_the_expectation_does_not_matter() -> None:
    assert differences('{\n  "b": ["x", null],\n  "a": "1"\n}', '{"a":"1","b":["x",null]}') == []


@pytest.mark.parametrize(
    ("expected", "actual", "line"),
    [
        ('{"a": "1"}', '{"a":"2"}', 'a: expected "1", got "2"'),
        ('{"a": "1"}', '{"a":1}', 'a: expected "1", got 1'),
        ('{"a": 1}', '{"a":true}', "a: expected 1, got true"),
        ('{"a": 1}', '{"a":1.0}', 'a: expected 1, got "1.0"'),
        ('{"a": null}', "{}", "a: missing, expected null"),
        ("{}", '{"a":"1"}', 'a: not expected, got "1"'),
        ('{"a": [{"b": "1"}]}', '{"a":[{"b":"2"}]}', 'a[0].b: expected "1", got "2"'),
        ('{"a": ["1"]}', '{"a":[]}', "a: expected 1 elements, got 0"),
        ("[]", "{}", "body: expected [], got {}"),
    ],
)
def test_every_value_is_compared(expected: str, actual: str, line: str) -> None:
    assert differences(expected, actual) == [line]


@pytest.mark.parametrize(
    "actual", ['{"b":"2","a":"1"}', '{"a": "1","b":"2"}', '{"a":"1","b":"2"}\n']
)
def test_bytes_are_compared_too(actual: str) -> None:
    (line,) = differences('{"a": "1", "b": "2"}', actual)
    assert line.startswith("body: not compact sorted JSON from byte ")


def test_body_that_is_no_json_is_explained() -> None:
    (line,) = differences("{}", "<html>")
    assert line.startswith("body: not JSON: ")


def test_body_that_should_be_empty() -> None:
    assert differences("", "") == []
    assert differences("", "{}") == ["body: expected none, got 2 bytes"]


def test_status_and_length_are_compared() -> None:
    expected = Expected(status=201, body="{}", length=3)
    assert compare(expected, Response(200, text="{}"), {}, COMMON) == [
        "status: expected 201, got 200",
        "length: expected 3 bytes, got 2",
    ]


def test_wildcard_stands_for_its_kind_only() -> None:
    assert differences('{"a": "<id>"}', '{"a":"17"}') == []
    assert differences('{"a": "<id>"}', '{"a":"x"}') == ['a: expected "<id>", got "x"']
    assert differences('{"a": "<html>"}', '{"a":"<html>"}') == []


def test_equal_wildcards_stand_for_equal_text() -> None:
    assert differences('{"a": "<id>", "b": "<id>"}', '{"a":"1","b":"1"}') == []
    assert differences('{"a": "<id>", "b": "<id>"}', '{"a":"1","b":"2"}') == [
        'b: expected "<id>" (<id> is 1), got "2"'
    ]
    assert differences('{"a": "<id:one>", "b": "<id:two>"}', '{"a":"1","b":"2"}') == []
    assert differences('{"a": "<id>-<id>"}', '{"a":"1-2"}') == [
        'a: expected "<id>-<id>", got "1-2"'
    ]


def test_headers_are_compared() -> None:
    expected = Expected(status=200, body="{}", headers={"X-Order": "<id>"}, absent=("Link",))
    assert headers_differ(expected, {"x-order": "17"}) == []
    assert headers_differ(expected, {"X-Order": "a", "Link": "b"}) == [
        "header Link: not expected",
        'header X-Order: expected "<id>", got "a"',
    ]
    assert headers_differ(expected, {}) == ["header X-Order: missing, expected <id>"]


def test_order_of_allowed_methods_means_nothing() -> None:
    expected = Expected(status=200, body="{}", headers={"Allow": "GET, HEAD"})
    assert headers_differ(expected, {"Allow": "HEAD,GET"}) == []
    assert headers_differ(expected, {"Allow": "GET"}) == [
        "header Allow: expected GET, HEAD, got GET"
    ]


def test_links_are_compared_by_relation() -> None:
    wanted = {"next": "http://h/?a=x,y&page=<page>"}
    expected = Expected(status=200, body="{}", links=wanted, unlinked=("prev",))
    there = '<http://h/?page=abc&a=x%2Cy>; rel="next"'
    assert headers_differ(expected, {"Link": there}) == []
    assert headers_differ(expected, {"Link": f'{there}, <http://h/>; rel="prev"'}) == [
        "link prev: not expected"
    ]
    assert headers_differ(expected, {}) == ["link next: missing"]


def test_names_are_filled_in() -> None:
    names = {"order": "17"}
    assert fill('/orders/{order}/charge {} {"a": 1}', names) == '/orders/17/charge {} {"a": 1}'
    with pytest.raises(ExchangeError, match="nothing was saved as other"):
        fill("{other}", names)


def test_calendar_knows_the_days_around() -> None:
    names = calendar(datetime(2026, 12, 31, 23, 59, tzinfo=UTC))
    assert (names["yesterday"], names["today"], names["tomorrow"]) == (
        "2026-12-30",
        "2026-12-31",
        "2027-01-01",
    )
    assert (names["year"], names["yy"], names["this_month"]) == ("2029", "29", "12")


def test_values_are_found_in_an_answer() -> None:
    link = {"Link": '<http://h/?page=b>; rel="next"'}
    answer = Response(200, text='{"orders":[{"id":"17","n":1}]}', headers=link)
    assert find(answer, "orders.0.id") == "17"
    assert find(answer, "link:next") == "http://h/?page=b"
    for place in ("orders.1.id", "orders.id", "orders.0.n"):
        with pytest.raises(ExchangeError):
            find(answer, place)


def played(exchange: Exchange, common: Shared, moved: list[int]) -> list[str]:
    """Replay against a server that answers the path and what it was sent."""

    async def echo(request: Request) -> Answer:
        told = request.headers.get("x-told", "-")
        body = f'{{"body":"{(await request.body()).decode()}","path":"{request.url.path}"}}'
        return Answer(body, headers={"X-Told": told}, status_code=201)

    async def run() -> list[str]:
        app = Starlette(routes=[Route("/{rest:path}", echo, methods=["GET", "PUT"])])
        async with AsyncClient(transport=ASGITransport(app=app), base_url="http://h") as client:
            names: Names = {"year": "2029"}
            return await replay(exchange, common, client, moved.append, names)

    return asyncio.run(run())


def exchange(first: Step, last: Expected) -> Exchange:
    request = Step(method="PUT", path="/b{saved}", headers={"X-Told": "yes"}, body="{year}")
    return Exchange(
        source="a test", covers=(), setup=("known", first), request=request, response=last
    )


KNOWN: Final = {"known": Step(method="GET", path="/known", status=201, advance_days=2)}
FIRST: Final = Step(method="PUT", path="/a", body="17", status=201, save={"saved": "body"})


def test_replay_saves_fills_and_moves_the_clock() -> None:
    moved: list[int] = []
    last = Expected(status=201, body='{"body": "2029", "path": "/b17"}', headers={"X-Told": "yes"})
    assert played(exchange(FIRST, last), Shared(steps=KNOWN), moved) == []
    assert moved == [2 * 86_400]


def test_replay_explains_a_difference() -> None:
    last = Expected(status=201, body='{"body": "2030", "path": "/b17"}')
    assert played(exchange(FIRST, last), Shared(steps=KNOWN), []) == [
        "PUT /b17",
        '  body: expected "2030", got "2029"',
        '  answer: {"body":"2029","path":"/b17"}',
    ]


def test_setup_that_fails_is_not_a_difference() -> None:
    first = Step(method="GET", path="/a")
    with pytest.raises(ExchangeError, match="setup: GET /a was answered 201, not 200"):
        played(exchange(first, Expected(status=201, body="{}")), Shared(steps=KNOWN), [])


def test_default_header_may_be_left_out() -> None:
    common = Shared(steps=KNOWN, headers={"X-Told": "always"})
    request = Step(method="GET", path="/a", headers={"X-Told": ""})
    told = Expected(status=201, body='{"body": "", "path": "/a"}', headers={"X-Told": "-"})
    silent = Exchange(source="a test", covers=(), request=request, response=told)
    assert played(silent, common, []) == []


WRITTEN: Final = """
source = "a test"
covers = ["reading"]
setup = ["known", { method = "GET", path = "/" }]

[request]
method = "GET"
path = "/"

[response]
status = 200
body = "{}"
"""


@pytest.fixture
def written(tmp_path: Path) -> Callable[[str, str], Path]:
    def write(name: str, text: str) -> Path:
        path = tmp_path / "examples" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_file_is_read(written: Callable[[str, str], Path]) -> None:
    path = written("charge/full.toml", WRITTEN)
    written("shared.toml", "[wildcards]\nid = '[0-9]+'\n")
    assert read(path).setup == ("known", Step(method="GET", path="/"))
    assert shared(path).wildcards == {"id": "[0-9]+"}
    assert examples(path.parent.parent) == [path]


def test_folder_need_not_share_anything(written: Callable[[str, str], Path]) -> None:
    assert shared(written("full.toml", WRITTEN)) == Shared()


def test_unknown_member_of_a_file_is_an_error(written: Callable[[str, str], Path]) -> None:
    path = written("full.toml", WRITTEN.replace("covers", "coverage"))
    with pytest.raises(msgspec.ValidationError):
        read(path)


def test_keys_may_have_to_come_as_the_file_has_them() -> None:
    common = Shared(sorted_keys=False)
    expected = Expected(status=200, body='{"b": 1, "a": [{"d": 1, "c": 2}]}')
    right = Response(200, text='{"b":1,"a":[{"d":1,"c":2}]}')
    assert compare(expected, right, {}, common) == []
    wrong = Response(200, text='{"b":1,"a":[{"c":2,"d":1}]}')
    assert len(compare(expected, wrong, {}, common)) == 1


def test_a_whole_wildcard_stands_for_a_number_too() -> None:
    assert differences('{"a": "<id>"}', '{"a":12}') == []
    assert differences('{"a": "<id>"}', '{"a":true}') != []
    assert differences('{"a": "x<id>"}', '{"a":12}') != []


def test_what_is_no_json_is_compared_by_what_it_contains() -> None:
    expected = Expected(status=200, contains=("<b>{name}</b>",))
    assert compare(expected, Response(200, text="<p><b>Ann</b></p>"), {"name": "Ann"}, COMMON) == []
    assert compare(expected, Response(200, text="<p>"), {"name": "Ann"}, COMMON) == [
        "body: lacks <b>{name}</b>"
    ]
