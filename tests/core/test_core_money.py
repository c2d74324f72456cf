"""Worked figures of money: reading, writing, rounding, splitting, exchanging."""

import pytest

from counterfoil.core.errors import Code, Refused
from counterfoil.core.minor import Rounding, allocate, divide, share
from counterfoil.core.money import Money
from counterfoil.core.pricing import convert


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("9.99", "USD", 999),
        ("9.990", "USD", 999),
        ("9", "USD", 900),
        ("0", "USD", 0),
        ("0.5", "USD", 50),
        ("1213", "JPY", 1213),
        ("1213.00", "JPY", 1213),
        ("1.213", "KWD", 1213),
        ("1.2345", "CLF", 12345),
        ("9999999999.99", "EUR", 999_999_999_999),
    ],
)
def test_amounts_as_wires_write_them(text: str, currency: str, minor: int) -> None:
    assert Money.parse(text, currency) == Money(minor=minor, currency=currency)


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "-1", "+1", "1.", ".5", "01", "1,00", "1e2", "1 000", "NaN", "inf", "abc"),
        *("9.995", "1.999", "٣", "1.0٣", "1\n", "0x1", "1_0", "1" * 13),
    ],
)
def test_what_is_no_amount(text: str) -> None:
    with pytest.raises(Refused) as refused:
        Money.parse(text, "USD")
    assert refused.value.code is Code.MALFORMED_AMOUNT
    assert str(refused.value) == "malformed_amount"


@pytest.mark.parametrize(
    ("text", "currency"), [("1000000000000.00", "USD"), ("1000000000000", "JPY")]
)
def test_no_amount_is_longer_than_an_acquirer_can_be_asked_for(text: str, currency: str) -> None:
    """Twelve digits before the point; what its host can carry is a connector's own concern."""
    with pytest.raises(Refused) as refused:
        Money.parse(text, currency)
    assert refused.value.code is Code.MALFORMED_AMOUNT


@pytest.mark.parametrize(
    ("minor", "currency", "text"),
    [
        (990, "USD", "9.90"),
        (5, "USD", "0.05"),
        (0, "BHD", "0.000"),
        (1213, "JPY", "1213"),
        (-1, "USD", "-0.01"),
        (-1213, "JPY", "-1213"),
    ],
)
def test_amounts_as_we_write_them(minor: int, currency: str, text: str) -> None:
    assert Money(minor=minor, currency=currency).text() == text


@pytest.mark.parametrize(
    ("minor", "basis_points", "part"),
    [(999, 300, 30), (199, 300, 6), (121300, 100, 1213), (121300, 300, 3639), (9999, 300, 300)],
)
def test_the_shares_of_the_bizon_document(minor: int, basis_points: int, part: int) -> None:
    assert share(minor, basis_points) == part


@pytest.mark.parametrize(
    ("rounding", "figures"),
    [
        (Rounding.HALF_UP, [1, 2, 3, -1, -2, 0]),
        (Rounding.HALF_EVEN, [0, 2, 2, 0, -2, 0]),
        (Rounding.DOWN, [0, 1, 2, 0, -1, 0]),
    ],
)
def test_halves_go_where_the_rounding_says(rounding: Rounding, figures: list[int]) -> None:
    assert [divide(each, 2, rounding) for each in (1, 3, 5, -1, -3, 0)] == figures


def test_left_over_units_go_to_the_largest_remainder_then_the_earlier() -> None:
    assert allocate(10000, (1, 1, 1)) == (3334, 3333, 3333)
    assert allocate(100, (1, 2, 3)) == (17, 33, 50)
    assert allocate(-10000, (1, 1, 1)) == (-3334, -3333, -3333)
    assert allocate(1, (0, 1)) == (0, 1)


@pytest.mark.parametrize(
    ("minor", "source", "target", "rate", "converted"),
    [
        (1000, "EUR", "USD", "1.145", 1145),
        (1213, "JPY", "EUR", "0.0061", 740),
        (1, "EUR", "USD", "1.5", 2),
        (-1, "EUR", "USD", "1.5", -2),
        (100, "EUR", "JPY", "161.5", 162),
        (1000, "KWD", "JPY", "488.5", 489),
    ],
)
def test_exchanges(minor: int, source: str, target: str, rate: str, converted: int) -> None:
    found = convert(Money(minor=minor, currency=source), target, rate)
    assert found == Money(minor=converted, currency=target)
