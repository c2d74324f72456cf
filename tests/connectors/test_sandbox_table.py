"""The published table: every row reachable, every number valid, the page in the docs the same."""

from pathlib import Path

import pytest

from counterfoil.connectors import Behaviour
from counterfoil.connectors.sandbox.table import (
    AMOUNTS,
    BY_CARD,
    BY_NAME,
    DEFAULT,
    KIND_DIGITS,
    ROWS,
    TEST_BIN,
    card_doing,
    card_for,
    markdown,
)
from counterfoil.core.card import Brand
from counterfoil.core.declines import REASONS, Decline
from counterfoil.core.order import Kind
from counterfoil.core.pan import brand_of, luhn

PAGE = Path(__file__).parents[2] / "docs" / "sandbox.md"
SAID = [each for each in REASONS if each not in {Decline.NOT_SENT, Decline.NOT_RECEIVED}]
DEMO = {
    "4111111111111111": None,
    "5555555555554444": None,
    "5100330000070101": None,
    "2201380000040013": None,
    "4000000000000002": "05",
    "4000000000009995": "51",
    "4100000000000019": "59",
    "4000000000000119": "96",
}


def test_the_documented_example_is_true() -> None:
    assert card_for(Decline.INSUFFICIENT_FUNDS) == "4000000901005019"
    assert card_for(Decline.AUTHENTICATION_REQUIRED, Kind.REFUND)[:15] == "400000090400110"


@pytest.mark.parametrize("decline", SAID)
def test_every_decline_has_a_card_for_every_operation(decline: Decline) -> None:
    for kind in KIND_DIGITS:
        row = BY_CARD[card_for(decline, kind)]
        assert (row.decline, row.on) == (decline, frozenset({kind}))
        assert not row.wires


@pytest.mark.parametrize("decline", [Decline.NOT_SENT, Decline.NOT_RECEIVED])
def test_what_no_bank_says_has_no_card(decline: Decline) -> None:
    with pytest.raises(ValueError, match="no card says"):
        card_for(decline)


def test_what_no_bank_is_asked_has_no_card() -> None:
    with pytest.raises(ValueError, match="to dispute"):
        card_for(Decline.ERROR, Kind.DISPUTE)
    with pytest.raises(ValueError, match="to recover"):
        card_doing(Behaviour.LATE, Kind.RECOVER)
    with pytest.raises(ValueError, match="does decline"):
        card_doing(Behaviour.DECLINE)


def test_every_number_is_valid_and_of_one_row() -> None:
    numbers = [row.card for row in ROWS if row.card is not None]
    assert len(numbers) == len(set(numbers)) == len(BY_CARD)
    assert all(14 <= len(number) <= 16 for number in numbers)
    assert [number for number in numbers if not luhn(number)] == [
        "5555550000004444"
    ]  # as published
    assert brand_of(TEST_BIN) is Brand.VISA


def test_names_are_of_one_row_and_hold_no_number() -> None:
    names = [row.name for row in ROWS if row.name is not None]
    assert len(names) == len(set(names)) == len(BY_NAME)
    assert not any(TEST_BIN in name for name in names)


@pytest.mark.parametrize("card", DEMO)
def test_the_demo_cards_of_the_bizon_wire(card: str) -> None:
    row, code = BY_CARD[card], DEMO[card]
    assert row.wires == {"bizon"}
    assert row.on == {Kind.AUTHORIZE, Kind.CREDIT}
    assert (REASONS[row.decline].code if row.decline else None) == code


def test_the_last_row_approves_every_other_card() -> None:
    assert ROWS[-1] is DEFAULT
    assert (DEFAULT.card, DEFAULT.behaviour) == (None, Behaviour.APPROVE)


def test_the_page_holds_the_table() -> None:
    before, table, after = PAGE.read_text("utf-8").split("<!-- table -->")
    assert table.strip() == markdown()
    assert before.strip()
    assert after.strip() == ""


def test_amounts_are_declined_on_the_cards_that_say_so() -> None:
    assert [row.card for row in ROWS if row.by_amount] == [
        "2221000000000009",
        "4200000000000000",
        "5555550000004444",
    ]
    assert len(set(AMOUNTS.values())) == len(AMOUNTS)
