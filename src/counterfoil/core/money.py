"""Money: an integer of minor units and a currency. One gate in (`parse`), one door out (`text`).

Arithmetic stays within one currency; `core/minor.py` has what may be done with minor units.
"""

import re
from typing import Final

from counterfoil.core.errors import Code, Refused
from counterfoil.core.minor import digits, major
from counterfoil.core.record import Record

WHOLE_DIGITS_MAX: Final = 12  # more than any wire names; what its host can carry a connector checks
DECIMAL: Final = re.compile(r"(0|[1-9][0-9]*)(?:\.([0-9]+))?", re.ASCII)


class Money(Record):
    """An amount: `minor` units of `currency` (ISO 4217 code)."""

    minor: int
    currency: str

    @classmethod
    def parse(cls, text: str, currency: str) -> "Money":
        """The amount that a wire wrote in major units, exactly.

        Raises `Refused`: UNKNOWN_CURRENCY, or MALFORMED_AMOUNT for a sign, an exponent, a
        separator, more decimals than the currency has (unless they are zeros), or more than 12
        digits.
        """
        places = digits(currency)
        found = DECIMAL.fullmatch(text)
        if found is None:
            raise Refused(Code.MALFORMED_AMOUNT)
        whole, fraction = found.group(1), found.group(2) or ""
        if fraction[places:].strip("0") or len(whole) > WHOLE_DIGITS_MAX:
            raise Refused(Code.MALFORMED_AMOUNT)
        return cls(minor=int(whole + fraction[:places].ljust(places, "0")), currency=currency)

    def text(self) -> str:
        """The amount in major units, all decimals shown: `9.90`, `1213` (JPY), `0.000` (BHD)."""
        return major(self.minor, digits(self.currency))
