"""The currency table is ISO 4217's, checked against the published exceptions and another copy."""

import re

import pytest
from iso4217 import Currency

from counterfoil.core.currencies import CURRENT, HISTORIC
from counterfoil.core.errors import Code, Refused
from counterfoil.core.minor import digits, payable

# Source: ISO 4217:2015, list one, column "minor unit": all that are not 2.
NONE = ["BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF"]
NONE += ["UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF"]
THREE = ["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"]
FOUR = ["CLF", "UYW"]
METALS = ["XAU", "XAG", "XPT", "XPD", "XBA", "XBB", "XBC", "XBD", "XDR", "XSU", "XUA", "XTS", "XXX"]
GONE = ["HRK", "SLL", "ZWL", "CUC", "ANG", "BGN", "MRO", "STD", "BYR"]
CAME = ["SLE", "ZWG", "XCG", "VED", "VES", "MRU", "STN", "BYN"]
NOT_OURS = {"XAD"}  # Arab accounting dinar: a unit of account, with decimals but without payers


def test_only_these_have_other_than_two_decimals() -> None:
    odd = {code: row[1] for code, row in CURRENT.items() if row[1] != 2}
    listed = dict.fromkeys(NONE, 0) | dict.fromkeys(THREE, 3) | dict.fromkeys(FOUR, 4)
    assert odd == listed | dict.fromkeys([*METALS, *NOT_OURS], None)


@pytest.mark.parametrize("code", METALS)
def test_metals_and_test_codes_are_not_payable(code: str) -> None:
    assert not payable(code)
    with pytest.raises(Refused) as refused:
        digits(code)
    assert refused.value.code is Code.UNKNOWN_CURRENCY


@pytest.mark.parametrize("code", GONE)
def test_dead_currencies_are_read_but_not_taken(code: str) -> None:
    assert code not in CURRENT
    assert digits(code) in {0, 2}
    assert not payable(code)


@pytest.mark.parametrize("code", [*CAME, "EUR", "RUB", "INR"])
def test_their_successors_are_taken(code: str) -> None:
    assert payable(code)


@pytest.mark.parametrize("code", ["", "eur", "EURO", "RUR", "XXA", "€"])
def test_what_is_no_currency(code: str) -> None:
    assert not payable(code)
    with pytest.raises(Refused):
        digits(code)


def test_the_table_agrees_with_another_copy_of_the_list() -> None:
    theirs = {each.code: (f"{each.number:03d}", each.exponent) for each in Currency}
    assert set(theirs) - set(HISTORIC) == set(CURRENT)
    for code, row in CURRENT.items():
        if code not in NOT_OURS:
            assert row == theirs[code]


def test_numbers_have_three_digits_and_zeros_in_front() -> None:
    for number, _ in (CURRENT | HISTORIC).values():
        assert re.fullmatch("[0-9]{3}", number)
    assert CURRENT["BHD"][0] == "048"
    assert CURRENT["AUD"][0] == "036"
    assert len({number for number, _ in CURRENT.values()}) == len(CURRENT)
