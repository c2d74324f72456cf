"""Exchange rates: as published, or through the base."""

import pytest

from counterfoil.core.errors import Code, Refused
from counterfoil.core.rates import Rate, find, shown


def rate(source: str, target: str, value: str) -> Rate:
    return Rate(day="2026-01-05", source=source, target=target, rate=value)


PUBLISHED = [
    rate("EUR", "USD", "1.145"),
    rate("EUR", "JPY", "161.3"),
    rate("RUB", "EUR", "0.0105"),
    rate("GBP", "USD", "1.31"),
]


@pytest.mark.parametrize(
    ("source", "target", "found"),
    [
        ("EUR", "USD", "1.145"),
        ("GBP", "USD", "1.31"),
        ("RUB", "USD", "0.0120225"),
        ("USD", "JPY", "140.873362445414847"),
        ("USD", "EUR", "0.873362445414847162"),
        ("EUR", "RUB", "95.2380952380952381"),
    ],
)
def test_rates(source: str, target: str, found: str) -> None:
    assert find(PUBLISHED, source, target) == found


def test_no_rate_is_needed_within_one_currency() -> None:
    assert find([], "EUR", "EUR") is None


@pytest.mark.parametrize(("source", "target"), [("GBP", "EUR"), ("EUR", "SEK"), ("SEK", "NOK")])
def test_no_rate(source: str, target: str) -> None:
    with pytest.raises(Refused) as refused:
        find(PUBLISHED, source, target)
    assert refused.value.code is Code.NO_EXCHANGE_RATE
    assert refused.value.facts == {"source": source, "target": target}


def test_a_later_row_of_the_same_pair_wins() -> None:
    assert find([*PUBLISHED, rate("EUR", "USD", "1.2")], "EUR", "USD") == "1.2"


def test_wires_show_six_decimals() -> None:
    assert shown("1.145") == "1.145000"
    assert shown("0.0000005") == "0.000000"
    assert shown("140.873362445414847") == "140.873362"
