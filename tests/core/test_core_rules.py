"""Corners of the rules that no table of a wire reaches."""

import msgspec
import pytest
from msgspec.structs import replace

from counterfoil.core.answers import Approved, Declined
from counterfoil.core.card import Pan
from counterfoil.core.declines import Decline
from counterfoil.core.errors import Code, Refused
from counterfoil.core.listing import FILTERS, projection
from counterfoil.core.merchant import DEFAULT_TERMINAL, Merchant, Pricing, Terminal
from counterfoil.core.money import Money
from counterfoil.core.order import Kind, Line, Location, Operation, Order, Payment, Units
from counterfoil.core.pan import describe
from counterfoil.core.pricing import Terms
from counterfoil.core.rules import (
    OPERATIONS_MAX,
    RULES,
    Bucket,
    Command,
    begin,
    doubt,
    find,
    finish,
    standing,
)
from counterfoil.core.units import states

TERMS = Terms(pricing=Pricing(), accounting="EUR")
AMOUNT = Money(minor=10_000, currency="EUR")
REVERSE = Command(kind=Kind.REVERSE)


def paid(*lines: Line) -> Order:
    payment = Payment(id=2 << 8, amount=AMOUNT, terminal="TERM")
    return Order(merchant=1, id=1 << 8, amount=AMOUNT, lines=lines, payments=(payment,))


def approve(order: Order, operation: Operation, stamp: int) -> Order:
    answer = Approved(reference=operation.id, amount=operation.amount)
    closed = finish(order, operation.id, answer, stamp=stamp)
    assert closed is not None
    return closed[0]


def test_every_kind_has_its_row_and_no_row_stays_where_it_is() -> None:
    assert set(RULES) == set(Kind)
    assert all(rule.source is not rule.target for rule in RULES.values())


def test_every_bucket_is_reached() -> None:
    reached = {rule.target for rule in RULES.values()}
    assert reached | {Bucket.OPEN, Bucket.OUTSIDE} == set(Bucket)


def test_an_order_does_not_grow_without_end() -> None:
    order = paid()
    for at in range(OPERATIONS_MAX):
        command = Command(kind=Kind.AUTHORIZE)
        order, operation = begin(order, command, stamp=(3 + at) << 8, terms=TERMS)
        closed = finish(order, operation.id, Declined(decline=Decline.ERROR), stamp=at)
        assert closed is not None
        order = closed[0]
    with pytest.raises(Refused) as refused:
        begin(order, Command(kind=Kind.AUTHORIZE), stamp=9_999 << 8, terms=TERMS)
    assert refused.value.code is Code.TOO_MANY_OPERATIONS


def test_an_operation_nobody_knows() -> None:
    with pytest.raises(KeyError):
        find(paid(), 77)
    with pytest.raises(KeyError):
        finish(paid(), 77, Declined(decline=Decline.ERROR), stamp=1)
    with pytest.raises(KeyError):
        doubt(paid(), 77)


def test_what_a_caller_says_of_it_stays_with_the_operation() -> None:
    command = Command(kind=Kind.AUTHORIZE, number="A-1", key="once")
    _, operation = begin(paid(), command, stamp=3 << 8, terms=TERMS)
    assert (operation.id, operation.number, operation.key) == (3 << 8, "A-1", "once")


def test_an_approval_brings_its_references() -> None:
    order, operation = begin(paid(), Command(kind=Kind.AUTHORIZE), stamp=3 << 8, terms=TERMS)
    answer = Approved(
        reference=operation.id,
        amount=AMOUNT,
        auth_code="A1B2C3",
        rrn="123456789012",
        arn="74",
        trace_id="T",
    )
    closed = finish(order, operation.id, answer, stamp=55)
    assert closed is not None
    got = closed[1]
    assert (got.auth_code, got.rrn, got.arn, got.trace_id) == ("A1B2C3", "123456789012", "74", "T")
    assert (got.code, got.closed, got.decline) == ("00", 55, None)


def test_a_refusal_says_what_it_was_about() -> None:
    with pytest.raises(Refused) as refused:
        begin(replace(paid(), payments=()), REVERSE, stamp=1, terms=TERMS)
    assert refused.value.facts == {"operation": "reverse", "standing": "new"}


def test_the_operations_are_remembered_but_not_passed_on() -> None:
    order, _ = begin(paid(), Command(kind=Kind.AUTHORIZE), stamp=3 << 8, terms=TERMS)
    assert order.operations is order.operations
    assert replace(order, payments=()).operations == ()


def test_operations_of_several_payments_stand_in_the_order_of_their_birth() -> None:
    order = paid()
    second = replace(order.payments[0], id=5 << 8)
    order = replace(order, payments=(*order.payments, second))
    for at, payment in ((7, 5 << 8), (8, 2 << 8), (9, 5 << 8)):
        command = Command(kind=Kind.CREDIT, minor=1, payment=payment)
        order, _ = begin(order, command, stamp=at << 8, terms=TERMS)
    assert [each.id >> 8 for each in order.operations] == [7, 8, 9]
    assert [each.id >> 8 for each in order.payments[1].log] == [7, 9]


def test_a_credit_that_names_units_is_refused_not_broken() -> None:
    order = paid(Line(product="book", quantity=1, minor=10_000))
    command = Command(kind=Kind.CREDIT, units=(Units(line=0, count=1),))
    with pytest.raises(Refused) as refused:
        begin(order, command, stamp=3 << 8, terms=TERMS)
    assert refused.value.code is Code.NOT_ENOUGH_UNITS


def test_a_credit_moves_no_unit() -> None:
    order = paid(Line(product="book", quantity=1, minor=10_000))
    order, operation = begin(order, Command(kind=Kind.CREDIT), stamp=3 << 8, terms=TERMS)
    assert [[state.value for state in row] for row in states(order)] == [["open"]]
    assert states(approve(order, operation, 4)) == states(order)


def test_what_lists_filter_by() -> None:
    order = replace(paid(), reference="A-1")
    assert len(projection(order)) == len(FILTERS)
    assert dict(zip(FILTERS, projection(order), strict=True)) == {
        **dict.fromkeys(FILTERS),
        "reference": "A-1",
        "standing": "waiting",
    }
    card = describe(Pan("4111111111111111"), 7)
    order = replace(
        order,
        location=Location(ip="192.0.2.7"),
        payments=(replace(order.payments[0], card=card),),
    )
    assert projection(order) == (
        *("A-1", "192.0.2.7", "411111", "TestBank", "UKR", "classic", "visa", "waiting"),
    )


def test_defaults_take_no_room_at_rest() -> None:
    assert b"version" not in msgspec.json.encode(paid())
    assert standing(paid()).value == "waiting"


def test_terminals_by_name() -> None:
    one, two = Terminal(name="ONE"), Terminal(name="TWO")
    merchant = Merchant(id=1, name="Shop", terminals=(one, two))
    assert merchant.terminal(None) is one
    assert merchant.terminal("") is one
    assert merchant.terminal("TWO") is two
    home = replace(two, accounting="INR")
    settling = replace(merchant, terminals=(one, home))
    assert settling.terminal(None, "INR") is home
    assert settling.terminal(None, "EUR") is one
    assert Merchant(id=1, name="Shop").terminal(DEFAULT_TERMINAL).connector == "sandbox"
    with pytest.raises(Refused) as refused:
        merchant.terminal("THREE")
    assert refused.value.code is Code.UNKNOWN_TERMINAL
    assert refused.value.facts == {"terminal": "THREE"}
