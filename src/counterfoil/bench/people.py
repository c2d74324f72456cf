"""Made-up customers and cards for a filled store: varied enough that no index sees one value.

The cards are the schemes' published test numbers, the addresses are the ranges kept for
documentation (RFC 5737), the mail domains those kept for examples (RFC 2606).
"""

import hashlib
from random import Random
from typing import Final

from counterfoil.core.card import Card, Pan, SealedCard
from counterfoil.core.order import Client, Location
from counterfoil.core.pan import describe

NUMBERS: Final = (
    *("4111111111111111", "4012888888881881", "4222222222222220", "4000056655665556"),
    *("5555555555554444", "5105105105105100", "2223003122003222"),
    *("378282246310005", "6011111111111117", "3530111333300000", "36227206271667"),
)
WEIGHTS: Final = (30, 12, 6, 6, 20, 10, 6, 4, 2, 2, 2)
GIVEN: Final = (
    *("Ada", "Ben", "Cora", "Dan", "Eva", "Finn", "Gita", "Hugo"),
    *("Ines", "Jan", "Kim", "Lea", "Max", "Nora", "Omar", "Pia"),
)
FAMILY: Final = ("Adler", "Brown", "Costa", "Dvorak", "Evans", "Fischer", "Green", "Jones")
CITIES: Final = (
    ("Berlin", "DEU", "10115"),
    ("Kyiv", "UKR", "01001"),
    ("Lisbon", "PRT", "1000-001"),
    ("San Francisco", "USA", "94103"),
    ("Tallinn", "EST", "10111"),
)
NETWORKS: Final = ("192.0.2", "198.51.100", "203.0.113")
SEALED_BYTES: Final = 53  # header of 9, nonce of 12, 16 digits, tag of 16


def client(chance: Random, number: int) -> Client:
    """A customer; every one has an own address to write to."""
    given, family = chance.choice(GIVEN), chance.choice(FAMILY)
    city, country, code = chance.choice(CITIES)
    return Client(
        address=f"Main street {chance.randrange(1, 200)}",
        city=city,
        country=country,
        email=f"{given.lower()}.{family.lower()}{number}@example.com",
        name=f"{given} {family}",
        phone=f"+1 555 01{number % 100:02d}",
        zip=code,
    )


def location(chance: Random) -> Location:
    """Where the customer was."""
    return Location(ip=f"{chance.choice(NETWORKS)}.{chance.randrange(1, 255)}")


def card(chance: Random, holder: str | None, identifier: int) -> tuple[Card, SealedCard]:
    """A card, and bytes of the size of its sealed number; nothing opens them."""
    number = chance.choices(NUMBERS, WEIGHTS)[0]
    month, year = chance.randrange(1, 13), chance.randrange(2030, 2040)
    shown = describe(Pan(number), identifier, holder=holder, month=month, year=year)
    fingerprint = hashlib.sha256(f"{number} {month} {year}".encode()).digest()
    sealed = chance.randbytes(SEALED_BYTES)
    return shown, SealedCard(id=identifier, key=1, sealed=sealed, fingerprint=fingerprint)
