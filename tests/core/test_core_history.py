"""What an order was: later steps taken off, nothing else changed."""

from counterfoil.core import rules
from counterfoil.core.answers import Approved
from counterfoil.core.change import rejected
from counterfoil.core.errors import Code
from counterfoil.core.history import as_of
from counterfoil.core.merchant import Pricing
from counterfoil.core.money import Money
from counterfoil.core.order import EPOCH_US, Kind, Order, Payment
from counterfoil.core.pricing import Terms

AMOUNT = Money(minor=1000, currency="EUR")
TERMS = Terms(pricing=Pricing(), accounting="EUR")


def sold() -> Order:
    payment = Payment(id=2 << 8, amount=AMOUNT, terminal="TERM")
    return Order(merchant=1, id=1 << 8, amount=AMOUNT, payments=(payment,))


def test_an_order_at_each_instant_of_its_life() -> None:
    new = sold()
    command = rules.Command(kind=Kind.AUTHORIZE)
    begun, operation = rules.begin(new, command, stamp=10 << 8, terms=TERMS)
    answer = Approved(reference=operation.id, amount=AMOUNT, auth_code="AUTH12")
    finished = rules.finish(begun, operation.id, answer, stamp=EPOCH_US + 20)
    assert finished is not None
    done = finished[0]
    assert as_of(done, EPOCH_US + 9) == new
    assert as_of(done, EPOCH_US + 10) == begun
    assert as_of(done, EPOCH_US + 19) == begun
    assert as_of(done, EPOCH_US + 20) == done


def test_an_order_before_and_after_it_was_closed() -> None:
    new = sold()
    closed = rejected(new, Code.SESSION_EXPIRED, EPOCH_US + 30)
    assert as_of(closed, EPOCH_US + 29) == new
    assert as_of(closed, EPOCH_US + 30) == closed
