"""What holds of every card number: one check digit fits, and a number is never seen by accident."""

from hypothesis import given
from hypothesis import strategies as st
from tests.property.steady import STEADY

from counterfoil.core.card import Brand, Pan, mask
from counterfoil.core.pan import brand_of, luhn, parse_pan

BODIES = st.text(alphabet="0123456789", min_size=11, max_size=18)


def with_check_digit(body: str) -> str:
    """The number made of these digits and the one that fits; by the book, from the right."""
    total = 0
    for place, digit in enumerate(reversed(body)):
        value = int(digit) * (2 if place % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return body + str(-total % 10)


@STEADY
@given(BODIES)
def test_exactly_one_check_digit_fits(body: str) -> None:
    assert [digit for digit in "0123456789" if luhn(body + digit)] == [with_check_digit(body)[-1]]


@STEADY
@given(BODIES, st.integers(0, 18), st.integers(1, 9))
def test_one_wrong_digit_is_noticed(body: str, place: int, by: int) -> None:
    number = with_check_digit(body)
    at = place % len(number)
    wrong = number[:at] + str((int(number[at]) + by) % 10) + number[at + 1 :]
    assert luhn(number)
    assert not luhn(wrong)
    assert parse_pan(wrong) is None


@STEADY
@given(BODIES, st.sampled_from([" ", "-", ""]), st.integers(1, 6))
def test_blanks_and_hyphens_change_nothing(body: str, between: str, every: int) -> None:
    number = with_check_digit(body)
    groups = [number[at : at + every] for at in range(0, len(number), every)]
    pan = parse_pan(between.join(groups))
    assert pan is not None
    assert pan.reveal() == number


@STEADY
@given(st.text(max_size=30))
def test_any_other_text_is_no_card(text: str) -> None:
    pan = parse_pan(text)
    assert pan is None or pan.reveal() == text.replace(" ", "").replace("-", "")


@STEADY
@given(BODIES)
def test_a_number_shows_six_and_four(body: str) -> None:
    pan = Pan(with_check_digit(body))
    number = pan.reveal()
    for seen in (str(pan), repr(pan), f"{pan}", f"{pan!r:>40}", f"{pan:>40}"):
        assert number not in seen
        assert mask(number[:6], number[-4:]) in seen


@STEADY
@given(BODIES)
def test_every_number_has_a_brand(body: str) -> None:
    assert isinstance(brand_of(body), Brand)
