"""Cards: what is kept of them, and numbers that mask themselves.

The plain number is asked for by name (`reveal`), in the vault and at a connector's send only.
"""

from enum import StrEnum
from hmac import compare_digest
from typing import NoReturn

from counterfoil.core.record import Record


class Masked:
    """A text nobody sees by accident: printing, formatting, pickling and encoding give the mask."""

    __slots__ = ("_plain",)

    def __init__(self, plain: str) -> None:
        self._plain = plain

    def reveal(self) -> str:
        """The plain text; asked for by name so that a reader finds every place that sees it."""
        return self._plain

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self}>"

    def __str__(self) -> str:
        return "****"

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and compare_digest(
            self._plain.encode(), other._plain.encode()
        )

    def __hash__(self) -> int:
        return hash((type(self), self._plain))

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"{type(self).__name__} is not to be pickled")


class Pan(Masked):
    """A primary account number, 12 to 19 digits."""

    __slots__ = ()

    def __str__(self) -> str:
        return mask(self.first6, self.last4)

    @property
    def first6(self) -> str:
        """The BIN as wires show it."""
        return self._plain[:6]

    @property
    def last4(self) -> str:
        """What a cardholder knows the card by."""
        return self._plain[-4:]


class Cvv(Masked):
    """Card check digits; they live inside one request and are stored nowhere (PCI DSS 3.3.1)."""

    __slots__ = ()


class Secret(Masked):
    """A password or key."""

    __slots__ = ()


class Brand(StrEnum):
    """The scheme a card belongs to."""

    VISA = "visa"
    MASTERCARD = "mastercard"
    MAESTRO = "maestro"
    AMEX = "amex"
    DINERS = "diners"
    DISCOVER = "discover"
    JCB = "jcb"
    UNIONPAY = "unionpay"
    MIR = "mir"
    RUPAY = "rupay"
    ELO = "elo"
    HIPERCARD = "hipercard"
    TROY = "troy"
    VERVE = "verve"
    DANKORT = "dankort"
    UZCARD = "uzcard"
    HUMO = "humo"
    BELKART = "belkart"
    BCARD = "bcard"
    NAPAS = "napas"
    UATP = "uatp"
    UNKNOWN = "unknown"


class Card(Record):
    """What is kept of a card in the open: never enough to pay with."""

    id: int
    first6: str
    last4: str
    brand: Brand
    subtype: str = "unknown"
    holder: str | None = None
    month: int = 0
    year: int = 0
    issuer_country: str | None = None
    issuer_title: str | None = None

    @property
    def has_expiry(self) -> bool:
        """Whether the card's date is known; a number given for a credit may come without."""
        return self.year != 0


class Bin(Record):
    """What a BIN table says of a card number's first digits (ISO 3166-1 alpha-3 country)."""

    subtype: str
    country: str | None = None
    title: str | None = None


class SealedCard(Record):
    """A card number as it rests: ciphertext, and a keyed fingerprint to know the same card by."""

    id: int
    key: int
    sealed: bytes
    fingerprint: bytes


class SealedSecret(Record):
    """A secret as it rests: the data key that sealed it, and from when until when it holds.

    An endpoint has at most one that is in force since a given instant.
    """

    key: int
    sealed: bytes
    since: int
    until: int | None = None


def mask(first6: str, last4: str) -> str:
    """Six digits, always four asterisks, four digits, whatever the number's length."""
    return f"{first6}****{last4}"
