"""A change holds everything one step makes true: version, postings, notices."""

import pytest
from msgspec.structs import replace

from counterfoil.core.answers import Approved, Declined
from counterfoil.core.change import KeyUse, change, rejected
from counterfoil.core.declines import Decline
from counterfoil.core.errors import Code
from counterfoil.core.events import Event, event_of
from counterfoil.core.ledger import Account, postings
from counterfoil.core.merchant import Pricing
from counterfoil.core.money import Money
from counterfoil.core.order import (
    EPOCH_US,
    Kind,
    Operation,
    Order,
    Outcome,
    Payment,
    Statement,
    id_at,
    instant_of,
)
from counterfoil.core.pricing import Terms
from counterfoil.core.rules import Command, begin, doubt, finish

TERMS = Terms(pricing=Pricing(fee_bps=300), accounting="USD")
AMOUNT = Money(minor=999, currency="USD")


def sold() -> Order:
    payment = Payment(id=id_at(EPOCH_US + 20), amount=AMOUNT, terminal="TERM")
    return Order(merchant=1, id=id_at(EPOCH_US + 10), amount=AMOUNT, payments=(payment,))


def done(order: Order, kind: Kind, at: int) -> tuple[Order, Operation]:
    stamp = id_at(EPOCH_US + at)
    order, operation = begin(order, Command(kind=kind), stamp=stamp, terms=TERMS)
    answer = Approved(reference=operation.id, amount=operation.amount)
    closed = finish(order, operation.id, answer, stamp=EPOCH_US + at + 1)
    assert closed is not None
    return closed


def test_a_new_order_expects_that_there_is_none() -> None:
    made = change(sold(), key=KeyUse(key="k", fingerprint=b"f", order=1, used=2))
    assert (made.expects, made.order.version) == (0, 1)
    assert (made.postings, made.born, made.closed) == ((), (), ())


def test_an_order_that_waits_for_its_customer_is_told_of_once() -> None:
    made = change(sold())
    assert [(each.sequence, each.event) for each in made.notices] == [(1, Event.ORDER_CREATED)]
    assert made.notices[0].at == made.order.created
    again = change(made.order)
    assert (again.notices, again.order.told) == ((), 1)


def test_an_authorization_in_doubt_is_told_of_as_pending() -> None:
    order, operation = begin(sold(), Command(kind=Kind.AUTHORIZE), stamp=99 << 8, terms=TERMS)
    begun = change(order, born=(operation,)).order
    doubted = doubt(begun, operation.id)
    assert doubted is not None
    made = change(doubted[0], marked=(doubted[1],))
    assert [(each.event, each.operation) for each in made.notices] == [
        (Event.PAYMENT_PENDING, operation.id)
    ]
    assert made.order.told == 1


def test_a_pending_operation_tells_nobody() -> None:
    order, operation = begin(sold(), Command(kind=Kind.AUTHORIZE), stamp=99 << 8, terms=TERMS)
    made = change(order, born=(operation,), marked=(operation,))
    assert (made.born, made.marked) == ((operation,), (operation,))
    assert made.notices == ()


def test_several_closed_operations_have_a_notice_each_in_their_order() -> None:
    order, first = done(sold(), Kind.AUTHORIZE, 30)
    order, second = done(order, Kind.CHARGE, 40)
    made = change(replace(order, version=5), closed=(first, second))
    assert made.expects == 5
    assert [(each.sequence, each.event) for each in made.notices] == [
        (1, Event.PAYMENT_AUTHORIZED),
        (2, Event.ORDER_CHARGED),
    ]
    assert [each.operation for each in made.notices] == [first.id, second.id]
    assert made.postings == postings(first) + postings(second)


def test_notices_of_one_order_count_on() -> None:
    order, first = done(sold(), Kind.AUTHORIZE, 30)
    order, second = done(order, Kind.CHARGE, 40)
    before = change(replace(order, version=4), closed=(first, second)).order
    order, third = done(before, Kind.REFUND, 50)
    made = change(order, closed=(third,))
    assert [(each.sequence, each.at) for each in made.notices] == [(3, third.closed)]
    assert made.notices[0].event is Event.ORDER_REFUNDED
    assert (before.told, made.order.told) == (2, 3)


def test_an_order_the_gateway_refused_says_so() -> None:
    made = change(rejected(sold(), Code.CURRENCY_NOT_ENABLED, EPOCH_US + 30))
    assert [each.event for each in made.notices] == [Event.ORDER_REJECTED]
    assert made.order.closed is Code.CURRENCY_NOT_ENABLED


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_has_an_event_for_yes_and_for_no(kind: Kind) -> None:
    operation = Operation(id=1, kind=kind, amount=AMOUNT, statement=Statement(currency="USD"))
    yes = event_of(replace(operation, outcome=Outcome.APPROVED))
    for outcome in (Outcome.DECLINED, Outcome.FAILED):
        assert event_of(replace(operation, outcome=outcome)) is not yes


def test_instants_are_in_the_ids() -> None:
    order, operation = done(sold(), Kind.AUTHORIZE, 30)
    assert instant_of(id_at(EPOCH_US + 7)) == EPOCH_US + 7
    assert order.created == EPOCH_US + 10
    assert operation.created == EPOCH_US + 30
    assert order.updated == EPOCH_US + 31
    assert sold().updated == EPOCH_US + 10
    assert rejected(sold(), Code.SESSION_EXPIRED, EPOCH_US + 99).updated == EPOCH_US + 99


def test_a_declined_answer_keeps_the_hosts_own_code() -> None:
    order, operation = begin(sold(), Command(kind=Kind.AUTHORIZE), stamp=99 << 8, terms=TERMS)
    for code, kept in ((None, "51"), ("116", "116")):
        answer = Declined(decline=Decline.INSUFFICIENT_FUNDS, code=code, rrn="1")
        closed = finish(order, operation.id, answer, stamp=1)
        assert closed is not None
        assert (closed[1].code, closed[1].rrn) == (kept, "1")
        assert postings(closed[1]) == ()


def test_an_amount_too_small_to_convert_still_moves_abroad() -> None:
    """One rupiah is no cent; the acquirer owes it all the same."""
    amount = Money(minor=1, currency="IDR")
    payment = Payment(id=2 << 8, amount=amount, terminal="TERM")
    order = Order(merchant=1, id=1 << 8, amount=amount, payments=(payment,))
    terms = Terms(pricing=Pricing(), accounting="USD", rate="0.000061")
    for at, kind in enumerate((Kind.AUTHORIZE, Kind.CHARGE), start=3):
        order, operation = begin(order, Command(kind=kind), stamp=at << 8, terms=terms)
        answer = Approved(reference=operation.id, amount=operation.amount)
        closed = finish(order, operation.id, answer, stamp=at)
        assert closed is not None
        order, operation = closed
    abroad = {each.account: each.minor for each in postings(operation)}
    assert abroad == {Account.CLEARING: -1, Account.POSITION: 1}
