"""What holds of every amount: nothing is lost by writing, splitting, sharing or converting it."""

from decimal import ROUND_DOWN, ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.property.steady import STEADY

from counterfoil.core.currencies import CURRENT, HISTORIC
from counterfoil.core.errors import Code, Refused
from counterfoil.core.minor import Rounding, allocate, digits, divide, payable, share
from counterfoil.core.money import Money
from counterfoil.core.order import Line
from counterfoil.core.pricing import convert
from counterfoil.core.units import prices

EVERY = sorted(code for code, row in (CURRENT | HISTORIC).items() if row[1] is not None)
METALS = sorted(code for code, row in (CURRENT | HISTORIC).items() if row[1] is None)
MINOR = st.integers(min_value=0, max_value=10**12 - 1)
SIGNED = st.integers(min_value=-(10**12), max_value=10**12)
WEIGHTS = st.lists(st.integers(0, 10**6), min_size=1, max_size=20).filter(any)
RATES = st.integers(1, 10**9).map(lambda rate: format(Decimal(rate).scaleb(-6), "f"))
MODES = {
    Rounding.HALF_UP: ROUND_HALF_UP,
    Rounding.HALF_EVEN: ROUND_HALF_EVEN,
    Rounding.DOWN: ROUND_DOWN,
}


@pytest.mark.parametrize("currency", EVERY)
def test_what_is_written_is_read_back(currency: str) -> None:
    places = digits(currency)
    for minor in (0, 1, 9, 10, 99, 100, 101, 12345, 10**12 - 1):
        money = Money(minor=minor, currency=currency)
        assert Money.parse(money.text(), currency) == money
        assert len(money.text().partition(".")[2]) == places


@STEADY
@given(MINOR, st.sampled_from(EVERY), st.integers(0, 5))
def test_zeros_after_the_last_decimal_change_nothing(minor: int, currency: str, more: int) -> None:
    money = Money(minor=minor, currency=currency)
    text = money.text() if digits(currency) else money.text() + "."
    padded = text + "0" * (more or 1)
    assert Money.parse(padded, currency) == money
    with pytest.raises(Refused) as refused:
        Money.parse(padded + "1", currency)
    assert refused.value.code is Code.MALFORMED_AMOUNT


@STEADY
@given(st.text(alphabet="0123456789.,-+eE _NaInf٣", max_size=20), st.sampled_from(EVERY))
def test_any_text_is_read_exactly_or_refused(text: str, currency: str) -> None:
    try:
        money = Money.parse(text, currency)
    except Refused as refused:
        said = refused.code
    else:
        assert Fraction(money.text()) == Fraction(text)
        assert set(text) <= set("0123456789.")
        said = Code.MALFORMED_AMOUNT
    assert said is Code.MALFORMED_AMOUNT


@STEADY
@given(SIGNED, st.sampled_from(EVERY))
def test_text_is_the_exact_value(minor: int, currency: str) -> None:
    text = Money(minor=minor, currency=currency).text()
    assert Fraction(text) == Fraction(minor, 10 ** digits(currency))


@pytest.mark.parametrize("currency", METALS)
def test_nobody_pays_in_metal(currency: str) -> None:
    assert not payable(currency)
    with pytest.raises(Refused) as refused:
        Money.parse("1", currency)
    assert refused.value.code is Code.UNKNOWN_CURRENCY


@STEADY
@given(SIGNED, st.integers(1, 10**6), st.sampled_from(Rounding))
def test_division_rounds_as_decimal_does(numerator: int, denominator: int, how: Rounding) -> None:
    # A tie has one decimal, which 28 digits hold exactly; what they do not hold is no tie.
    exact = Decimal(numerator) / Decimal(denominator)
    assert divide(numerator, denominator, how) == int(exact.quantize(Decimal(1), MODES[how]))


@STEADY
@given(SIGNED, st.integers(1, 10**6), st.sampled_from(Rounding))
def test_division_mirrors_its_sign(numerator: int, denominator: int, how: Rounding) -> None:
    assert divide(-numerator, denominator, how) == -divide(numerator, denominator, how)


@STEADY
@given(SIGNED, st.integers(0, 10_000), st.sampled_from(Rounding))
def test_a_share_is_within_a_unit_of_exact_and_no_more_than_all(
    minor: int, basis_points: int, how: Rounding
) -> None:
    part = share(minor, basis_points, how)
    assert abs(part - Fraction(minor * basis_points, 10_000)) < 1
    assert abs(part) <= abs(minor)
    assert share(-minor, basis_points, how) == -part


@STEADY
@given(SIGNED, WEIGHTS)
def test_a_split_loses_no_cent(minor: int, weights: list[int]) -> None:
    parts = allocate(minor, weights)
    assert sum(parts) == minor
    assert len(parts) == len(weights)
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part - Fraction(minor * weight, sum(weights))) < 1
        assert part * minor >= 0
        assert weight or not part


@STEADY
@given(SIGNED, WEIGHTS)
def test_a_split_of_the_opposite_is_the_opposite_split(minor: int, weights: list[int]) -> None:
    assert allocate(-minor, weights) == tuple(-part for part in allocate(minor, weights))


@STEADY
@given(SIGNED, st.integers(1, 300))
def test_units_of_a_line_cost_what_the_line_costs(minor: int, quantity: int) -> None:
    found = prices(Line(product="book", quantity=quantity, minor=minor))
    assert sum(found) == minor
    assert max(found) - min(found) <= 1
    assert sorted(found, key=abs, reverse=True) == list(found)


@STEADY
@given(MINOR, st.sampled_from(EVERY), st.sampled_from(EVERY), RATES)
def test_a_conversion_is_the_exact_value_rounded_once(
    minor: int, source: str, target: str, rate: str
) -> None:
    found = convert(Money(minor=minor, currency=source), target, rate)
    exact = Fraction(minor) * Fraction(rate) * Fraction(10) ** (digits(target) - digits(source))
    assert found.currency == target
    assert abs(found.minor - exact) <= Fraction(1, 2)
    assert found.minor >= exact - Fraction(1, 2) + Fraction(1, 10**9) or exact == found.minor


@STEADY
@given(MINOR, st.sampled_from(EVERY), st.sampled_from(EVERY), RATES)
def test_there_and_back_is_within_one_unit(minor: int, source: str, target: str, rate: str) -> None:
    """One unit of whichever currency is the coarser; the way back is at the exact inverse."""
    there = convert(Money(minor=minor, currency=source), target, rate)
    inverse = Fraction(1) / Fraction(rate)
    text = format(Decimal(inverse.numerator) / Decimal(inverse.denominator), ".24f")
    back = convert(there, source, text)
    scaled = Fraction(rate) * Fraction(10) ** (digits(target) - digits(source))
    assert abs(back.minor - minor) <= max(Fraction(1), 1 / scaled)


@STEADY
@given(MINOR, st.sampled_from(EVERY), RATES)
def test_a_refund_converts_to_the_mirror_of_its_charge(
    minor: int, currency: str, rate: str
) -> None:
    there = convert(Money(minor=minor, currency=currency), "EUR", rate)
    assert convert(Money(minor=-minor, currency=currency), "EUR", rate).minor == -there.minor
