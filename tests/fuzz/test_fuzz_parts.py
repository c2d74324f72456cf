"""The gates that text comes through, one by one: routes, queries, amounts, filters, bodies."""

from decimal import Decimal
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Message
from tests.fuzz.effort import LONG, SLICE
from tests.fuzz.speech import MOMENTS, bodies, parameters, texts

from counterfoil.core.currencies import CURRENT, HISTORIC
from counterfoil.core.errors import Code, Refused
from counterfoil.core.minor import digits
from counterfoil.core.money import WHOLE_DIGITS_MAX, Money
from counterfoil.dialects.bizon.errors import Failure
from counterfoil.dialects.bizon.queries import PAGE_MAX, Fields, operation_query, order_query
from counterfoil.dialects.bizon.reading import read_body
from counterfoil.exchange import Exchange, NoRouteError, Routes
from counterfoil.testing import demo_merchant

ID_MAX: Final = 2**63
ROWS: Final = (
    ("GET HEAD", "/a", "list"),
    ("GET HEAD", "/a/", "list"),
    ("POST", "/a/new", "new"),
    ("GET", "/a/{id}", "one"),
    ("PUT POST", "/a/{id}/b", "act"),
)
ROUTES: Final = Routes(ROWS)
MERCHANT: Final = demo_merchant(zone="America/St_Johns")
methods: Final = st.sampled_from(("GET", "HEAD", "POST", "PUT", "DELETE", "", "get")) | st.text()
steps: Final = st.sampled_from(("a", "new", "b", "", "{id}", "..", "%2f")) | st.text(max_size=5)
paths: Final = st.lists(steps, max_size=6).map(lambda parts: "/" + "/".join(parts)) | st.text()
amounts: Final = (
    st.from_regex(r"-?[0-9]{1,14}(\.[0-9]{0,5})?([eE]-?[0-9]{1,3})?\n?", fullmatch=True)
    | st.decimals().map(str)
    | st.text(max_size=20)
)
currencies: Final = st.sampled_from(sorted({*CURRENT, *HISTORIC})) | st.text(max_size=4)


async def receive() -> Message:
    """No body."""
    return {"type": "http.request"}


def exchange(query: bytes) -> Exchange:
    """A request of that query."""
    scope = {"method": "GET", "path": "/", "query_string": query, "headers": []}
    return Exchange(scope, receive)


def told(rightly: bool) -> None:
    """A refusal says what it should."""
    assert rightly


def flawed(failure: Failure) -> set[str]:
    """The attributes that a failure names."""
    return {flaw.attribute for flaw in failure.flaws}


def one_way(method: str, path: str) -> None:
    """A path leads to one row, whose methods it is one of; or nowhere, and says what would do."""
    parts = path.split("/")[1:]
    fitting = [row for row in ROWS if fits(row[1].split("/")[1:], parts)]
    here = [row for row in fitting if "{" not in row[1]] or fitting
    if "new" in parts[1:2]:
        here = [row for row in here if "new" in row[1]]  # named parts come before free ones
    try:
        found, free = ROUTES.find(method, path)
    except NoRouteError as nowhere:
        methods_here = {each for row in here for each in row[0].split()}
        told(set(nowhere.allowed) == methods_here and method not in methods_here)
    else:
        assert found in {row[2] for row in here if method in row[0].split()}
        assert free in {"", *parts}


def fits(row: list[str], parts: list[str]) -> bool:
    """Whether the parts of a path are those of a row."""
    return len(row) == len(parts) and all(
        ours == theirs or (ours.startswith("{") and theirs != "")
        for ours, theirs in zip(row, parts, strict=True)
    )


def exact(text: str, currency: str) -> None:
    """An amount is read exactly or refused; what is written is read as the same."""
    try:
        money = Money.parse(text, currency)
    except Refused as refusal:
        told(refusal.code in {Code.UNKNOWN_CURRENCY, Code.MALFORMED_AMOUNT})
        return
    places = digits(currency)
    assert Decimal(money.minor).scaleb(-places) == Decimal(text)
    assert 0 <= money.minor < 10 ** (WHOLE_DIGITS_MAX + places)
    assert Money.parse(money.text(), currency) == money


def listed(pairs: list[tuple[str, str]]) -> None:
    """A list's parameters make a query that a store can run, or a failure that names them."""
    given = dict(pairs)
    for make in (order_query, operation_query):
        fields = Fields(given, MERCHANT)
        try:
            query, page = make(fields, MERCHANT), fields.page()
        except Failure as failure:
            told(failure.status == 422 and flawed(failure) <= set(given))
            continue
        assert 0 < page.size <= PAGE_MAX
        if query is not None:
            bounds = (query.first, query.last, query.before, query.after or 0)
            assert all(-1 <= bound < ID_MAX for bound in bounds)


def read(body: bytes) -> None:
    """A body is an object or a failure."""
    try:
        assert isinstance(read_body(body), dict)
    except Failure as failure:
        told(failure.status == 422 and flawed(failure) == {"body"})


def parsed(query: bytes) -> None:
    """A query string is text by name, whatever its bytes."""
    for name, value in exchange(query).query.items():
        assert (name + value).encode().decode() == name + value


def day(text: str) -> None:
    """A date is one, or a flaw."""
    fields = Fields({"date": text}, MERCHANT)
    found = fields.day("date")
    assert found is None or found == text.strip()
    assert (found is None and text.strip() != "") == bool(fields.flaws)


@SLICE
@given(methods, paths)
def test_routes(method: str, path: str) -> None:
    one_way(method, path)


@SLICE
@given(st.binary(max_size=60))
def test_queries(query: bytes) -> None:
    parsed(query)


@SLICE
@given(amounts, currencies)
def test_amounts(text: str, currency: str) -> None:
    exact(text, currency)


@SLICE
@given(parameters)
def test_filters(pairs: list[tuple[str, str]]) -> None:
    listed(pairs)


@SLICE
@given(st.sampled_from(MOMENTS) | texts)
def test_days(text: str) -> None:
    day(text)


@SLICE
@given(bodies())
def test_bodies(body: bytes) -> None:
    read(body)


@pytest.mark.fuzz
@LONG
@given(methods, paths)
def test_routes_for_long(method: str, path: str) -> None:
    one_way(method, path)


@pytest.mark.fuzz
@LONG
@given(st.binary(max_size=200))
def test_queries_for_long(query: bytes) -> None:
    parsed(query)


@pytest.mark.fuzz
@LONG
@given(amounts, currencies)
def test_amounts_for_long(text: str, currency: str) -> None:
    exact(text, currency)


@pytest.mark.fuzz
@LONG
@given(parameters)
def test_filters_for_long(pairs: list[tuple[str, str]]) -> None:
    listed(pairs)


@pytest.mark.fuzz
@LONG
@given(bodies())
def test_bodies_for_long(body: bytes) -> None:
    read(body)
