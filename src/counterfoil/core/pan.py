"""Card numbers: how they are written, Luhn, brands by prefix, issuers by BIN; and expiry."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

from counterfoil.core.card import Bin, Brand, Card, Pan

NUMBER: Final = re.compile(r"[0-9]{12,19}", re.ASCII)
CHECK_DIGITS: Final = re.compile(r"[0-9]{3,4}", re.ASCII)
LATEST_ZONE: Final = timedelta(hours=12)  # a month is over everywhere on Earth at UTC-12
DOUBLED: Final = bytes.maketrans(b"0123456789", b"0246813579")
ZERO: Final = ord("0")

_B = Brand
# fmt: off
# (first, last, brand): inclusive prefix ranges; the longest prefix that fits wins.
# Source: ISO/IEC 7812-1 and the schemes' public ranges.
RANGES: Final[tuple[tuple[str, str, Brand], ...]] = (
    ("4", "4", _B.VISA), ("4571", "4571", _B.DANKORT), ("5019", "5019", _B.DANKORT),
    ("51", "55", _B.MASTERCARD), ("222100", "272099", _B.MASTERCARD),
    ("50", "50", _B.MAESTRO), ("56", "58", _B.MAESTRO), ("6304", "6304", _B.MAESTRO),
    ("639", "639", _B.MAESTRO), ("67", "67", _B.MAESTRO),
    ("34", "34", _B.AMEX), ("37", "37", _B.AMEX),
    ("300", "305", _B.DINERS), ("3095", "3095", _B.DINERS), ("36", "36", _B.DINERS),
    ("38", "39", _B.DINERS),
    ("6011", "6011", _B.DISCOVER), ("644", "649", _B.DISCOVER), ("65", "65", _B.DISCOVER),
    ("3528", "3589", _B.JCB), ("1800", "1800", _B.JCB), ("2131", "2131", _B.JCB),
    ("62", "62", _B.UNIONPAY), ("8100", "8171", _B.UNIONPAY),
    ("2200", "2204", _B.MIR), ("2205", "2205", _B.BCARD),
    ("508500", "508999", _B.RUPAY), ("606985", "607984", _B.RUPAY),
    ("608001", "608500", _B.RUPAY), ("652150", "653149", _B.RUPAY),
    ("817200", "820199", _B.RUPAY),
    ("401178", "401179", _B.ELO), ("431274", "431274", _B.ELO), ("438935", "438935", _B.ELO),
    ("451416", "451416", _B.ELO), ("457393", "457393", _B.ELO), ("457631", "457632", _B.ELO),
    ("504175", "504175", _B.ELO), ("506699", "506778", _B.ELO), ("509000", "509999", _B.ELO),
    ("627780", "627780", _B.ELO), ("636297", "636297", _B.ELO), ("636368", "636368", _B.ELO),
    ("650031", "650051", _B.ELO), ("650405", "650439", _B.ELO), ("655000", "655058", _B.ELO),
    ("606282", "606282", _B.HIPERCARD), ("637095", "637095", _B.HIPERCARD),
    ("637568", "637568", _B.HIPERCARD), ("637599", "637599", _B.HIPERCARD),
    ("637609", "637609", _B.HIPERCARD), ("637612", "637612", _B.HIPERCARD),
    ("9792", "9792", _B.TROY),
    ("506099", "506198", _B.VERVE), ("507865", "507964", _B.VERVE),
    ("650002", "650027", _B.VERVE),
    ("8600", "8600", _B.UZCARD), ("5614", "5614", _B.UZCARD), ("9860", "9860", _B.HUMO),
    ("9112", "9112", _B.BELKART), ("9704", "9704", _B.NAPAS), ("1", "1", _B.UATP),
)
# fmt: on

SUBTYPES: Final[Mapping[Brand, str]] = {
    Brand.VISA: "classic",
    Brand.MASTERCARD: "standard",
    Brand.MAESTRO: "maestro",
}

# The cards of the test bank. An installation's own table is imported by command.
TEST_BINS: Final[Mapping[str, Bin]] = {
    "411111": Bin(subtype="classic", country="UKR", title="TestBank"),
    "510033": Bin(subtype="standard"),
    "220138": Bin(subtype="unknown"),
    "410937": Bin(subtype="classic"),
    "527644": Bin(subtype="standard"),
}


def luhn(number: str) -> bool:
    """Whether the check digit is right. Source: ISO/IEC 7812-1, annex B."""
    digits = number.encode()
    total = sum(digits[-1::-2]) + sum(digits[-2::-2].translate(DOUBLED))
    return (total - ZERO * len(digits)) % 10 == 0


def _prefix_table() -> dict[str, Brand]:
    table: dict[str, Brand] = {}
    for first, last, brand in RANGES:
        for prefix in range(int(first), int(last) + 1):
            table[str(prefix)] = brand
    return table


PREFIXES: Final = _prefix_table()
PREFIX_DIGITS: Final = tuple(sorted({len(prefix) for prefix in PREFIXES}, reverse=True))


def brand_of(number: str) -> Brand:
    """The brand whose longest prefix fits; UNKNOWN is an answer, not an error."""
    return _brand(number[: PREFIX_DIGITS[0]])


@lru_cache(maxsize=4096)  # of prefixes: a whole number is never kept
def _brand(first6: str) -> Brand:
    for size in PREFIX_DIGITS:
        brand = PREFIXES.get(first6[:size])
        if brand is not None:
            return brand
    return Brand.UNKNOWN


def parse_pan(text: str) -> Pan | None:
    """A card number as people write it (blanks and hyphens aside), or None where it is none."""
    number = text if text.isdigit() else text.replace(" ", "").replace("-", "")
    if NUMBER.fullmatch(number) is None or not luhn(number):
        return None
    return Pan(number)


def describe(
    pan: Pan,
    card: int,
    *,
    holder: str | None = None,
    month: int = 0,
    year: int = 0,
    bins: Mapping[str, Bin] = TEST_BINS,
) -> Card:
    """What may be kept of a card in the open; `card` is the id its sealed number rests under."""
    first6 = pan.first6
    brand, row = brand_of(first6), bins.get(first6)
    return Card(
        id=card,
        first6=first6,
        last4=pan.last4,
        brand=brand,
        subtype=row.subtype if row else SUBTYPES.get(brand, "unknown"),
        holder=holder,
        month=month,
        year=year,
        issuer_country=row.country if row else None,
        issuer_title=row.title if row else None,
    )


def expired(month: int, year: int, now: datetime) -> bool:
    """Whether the card's last month is over everywhere on Earth.

    `year` has four digits.
    """
    if (year, month) >= (now.year, now.month):
        return False
    there = now.astimezone(UTC) - LATEST_ZONE
    return (year, month) < (there.year, there.month)
