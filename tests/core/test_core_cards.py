"""Cards by their published test numbers: brand, issuer, expiry."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from counterfoil.core.card import Bin, Brand, Pan
from counterfoil.core.pan import PREFIXES, brand_of, describe, expired, luhn, parse_pan


@pytest.mark.parametrize(
    ("number", "brand"),
    [
        ("4111111111111111", Brand.VISA),
        ("5555555555554444", Brand.MASTERCARD),
        ("2223003122003222", Brand.MASTERCARD),
        ("378282246310005", Brand.AMEX),
        ("30569309025904", Brand.DINERS),
        ("6011111111111117", Brand.DISCOVER),
        ("3530111333300000", Brand.JCB),
        ("6200000000000005", Brand.UNIONPAY),
        ("2201382000000013", Brand.MIR),
        ("6759649826438453", Brand.MAESTRO),
        ("5019717010103742", Brand.DANKORT),
        ("4571000000000001", Brand.DANKORT),
        ("5018000000000009", Brand.MAESTRO),
        ("6062826786276634", Brand.HIPERCARD),
        ("9792000000000001", Brand.TROY),
        ("5060990580000217499", Brand.VERVE),
        ("8600000000000000", Brand.UZCARD),
        ("5614000000000000", Brand.UZCARD),
        ("9860000000000000", Brand.HUMO),
        ("5090000000000000", Brand.ELO),
        ("6521500000000000", Brand.RUPAY),
        ("8172000000000000", Brand.RUPAY),
        ("8171990000000000", Brand.UNIONPAY),
        ("2205000000000000", Brand.BCARD),
        ("9704000000000000", Brand.NAPAS),
        ("135400000000000", Brand.UATP),
        ("180000000000000", Brand.JCB),
        ("7000000000000000", Brand.UNKNOWN),
        ("", Brand.UNKNOWN),
    ],
)
def test_the_longest_prefix_names_the_brand(number: str, brand: Brand) -> None:
    assert brand_of(number) is brand


def test_every_brand_but_unknown_has_a_prefix() -> None:
    assert set(PREFIXES.values()) == set(Brand) - {Brand.UNKNOWN}


WIDE = "\uff14\uff11\uff11\uff11"  # digits to `str.isdigit`, but not on any card


@pytest.mark.parametrize(
    "text",
    [
        "4111111111111112",
        "41111111111",
        "4" * 20,
        "4111.1111.1111.1111",
        "",
        "x",
        WIDE * 4,
    ],
)
def test_what_is_no_card_number(text: str) -> None:
    assert parse_pan(text) is None


def test_luhn_by_the_standards_example() -> None:
    assert luhn("79927398713")
    assert not luhn("79927398710")


def test_what_is_kept_of_a_card() -> None:
    card = describe(Pan("4111111111111111"), 7, holder="TEST PAYER", month=12, year=2030)
    assert (card.first6, card.last4, card.brand) == ("411111", "1111", Brand.VISA)
    assert (card.subtype, card.issuer_country, card.issuer_title) == ("classic", "UKR", "TestBank")
    assert card.has_expiry


def test_a_card_of_an_unknown_issuer() -> None:
    card = describe(Pan("5555555555554444"), 7)
    assert (card.subtype, card.issuer_country) == ("standard", None)
    assert not card.has_expiry
    assert describe(Pan("6200000000000005"), 7).subtype == "unknown"


def test_an_installations_own_table_comes_before_the_brands_habit() -> None:
    bins = {"555555": Bin(subtype="gold", country="NLD", title="Bank")}
    card = describe(Pan("5555555555554444"), 7, bins=bins)
    assert (card.subtype, card.issuer_country, card.issuer_title) == ("gold", "NLD", "Bank")


def test_a_card_is_good_until_its_month_is_over_everywhere() -> None:
    end = datetime(2026, 1, 1, tzinfo=UTC)
    assert not expired(12, 2025, end)
    assert not expired(12, 2025, end + timedelta(hours=11, minutes=59))
    assert expired(12, 2025, end + timedelta(hours=12))
    assert not expired(1, 2026, end + timedelta(hours=12))
    there = datetime(2026, 1, 1, 14, tzinfo=timezone(timedelta(hours=14)))
    assert not expired(12, 2025, there)
