"""What nobody is to pay any more: it is asked of no card, and comes back for nobody."""

import pytest

from counterfoil.core.errors import Code, Refused
from counterfoil.core.history import as_of
from counterfoil.core.merchant import Pricing
from counterfoil.core.money import Money
from counterfoil.core.order import EPOCH_US, Kind, Line, Order, Payment, Units, Waived
from counterfoil.core.pricing import Terms
from counterfoil.core.rules import Command, begin, open_amount
from counterfoil.core.units import UnitState, states
from counterfoil.core.waiving import waive

AMOUNT = Money(minor=1000, currency="EUR")
TERMS = Terms(pricing=Pricing(), accounting="EUR")
LINES = (
    Line(product="pen", quantity=2, minor=800),
    Line(product="voucher", quantity=1, minor=-100),
    Line(product="ink", quantity=1, minor=300),
)
AT = EPOCH_US + 50


def order(*lines: Line) -> Order:
    payment = Payment(id=2 << 8, amount=AMOUNT, terminal="TERM")
    return Order(merchant=1, id=1 << 8, amount=AMOUNT, lines=lines, payments=(payment,))


def asked(minor: int | None = None, *units: Units) -> Command:
    return Command(kind=Kind.REVERSE, minor=minor, units=units)


def test_a_part_is_asked_of_no_card() -> None:
    less = waive(order(), asked(400), stamp=AT)
    assert (less.waived, less.updated) == ((Waived(at=AT, minor=400),), AT)
    assert (open_amount(less), less.closed) == (600, None)
    _, operation = begin(less, Command(kind=Kind.AUTHORIZE), stamp=99 << 8, terms=TERMS)
    assert operation.amount.minor == 600
    with pytest.raises(Refused, match=Code.EXCEEDS_ORDER):
        begin(less, Command(kind=Kind.AUTHORIZE, minor=601), stamp=99 << 8, terms=TERMS)
    assert as_of(less, AT - 1) == order()
    assert as_of(less, AT) == less


def test_units_that_were_given_up_stay_so() -> None:
    less = waive(order(*LINES), asked(None, Units(line=0, count=1)), stamp=AT)
    assert states(less)[0] == (UnitState.WAIVED, UnitState.OPEN)
    begun, operation = begin(less, Command(kind=Kind.AUTHORIZE), stamp=99 << 8, terms=TERMS)
    assert (operation.amount.minor, operation.places) == (600, ((0, 1), (1, 0), (2, 0)))
    assert states(begun)[0] == (UnitState.WAIVED, UnitState.HELD)


def test_the_rest_closes_the_order() -> None:
    less = waive(order(), asked(400), stamp=AT)
    for command in (asked(600), asked()):
        assert waive(less, command, stamp=AT + 1).closed is Code.ORDER_CLOSED


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (asked(0), Code.MALFORMED_AMOUNT),
        (asked(None, Units(line=1, count=1)), Code.MALFORMED_AMOUNT),
        (asked(1001), Code.EXCEEDS_ORDER),
        (asked(None, Units(line=0, count=3)), Code.NOT_ENOUGH_UNITS),
    ],
)
def test_what_is_not_there_cannot_be_given_up(command: Command, code: Code) -> None:
    with pytest.raises(Refused) as refused:
        waive(order(*LINES), command, stamp=AT)
    assert refused.value.code is code
