"""What an amount reaches of the lines, where it says nothing of them."""

from counterfoil.core.money import Money
from counterfoil.core.order import Kind, Line, Order
from counterfoil.core.units import reach

BOOK, PEN, VOUCHER = (
    Line(product="book", quantity=1, minor=1_000),
    Line(product="pen", quantity=2, minor=400),
    Line(product="voucher", quantity=1, minor=-300),
)


def order(*lines: Line, minor: int) -> Order:
    return Order(merchant=1, id=1, amount=Money(minor=minor, currency="EUR"), lines=lines)


def test_an_amount_beyond_the_lines_moves_them_all() -> None:
    assert reach(order(BOOK, minor=2_000), Kind.AUTHORIZE, 1_500, everything=False) == ((0, 0),)


def test_a_discount_stays_behind_until_everything_moves() -> None:
    discounted = order(VOUCHER, PEN, BOOK, minor=1_100)
    assert reach(discounted, Kind.AUTHORIZE, 500, everything=False) == ((1, 0), (1, 1))
    everything = reach(discounted, Kind.AUTHORIZE, 1_100, everything=True)
    assert everything == ((0, 0), (1, 0), (1, 1), (2, 0))


def test_what_the_amount_does_not_reach_stays() -> None:
    assert reach(order(PEN, BOOK, minor=1_400), Kind.AUTHORIZE, 300, everything=False) == ((0, 0),)


def test_an_order_without_lines_has_no_units() -> None:
    assert reach(order(minor=100), Kind.AUTHORIZE, 100, everything=True) == ()
