"""Writes `core/currencies.py` from the public-domain package iso4217, plus List Three by hand.

Run by a developer when ISO 4217 changes: `python tools/currencies.py`. The product itself needs no
such package.
"""

from pathlib import Path

from iso4217 import Currency

TARGET = Path(__file__).parent.parent / "src/counterfoil/core/currencies.py"

HEAD = '''"""ISO 4217: every currency by its alphabetic code, with its numeric code and decimals.

CURRENT is List One (digits None: no minor unit, so nobody can be asked to pay in it: metals, bond
units, drawing rights, test codes).
HISTORIC is List Three as far as a refund may still name it: readable, refused for new orders.
Written by `tools/currencies.py`; do not edit. Source: ISO 4217:2015, lists one and three.
"""

from typing import Final

# fmt: off
'''

# Left List One since 2016, with the numeric codes and decimals they had there. Source: ISO 4217
# amendments 161 to 180.
HISTORIC = {
    "ANG": ("532", 2),
    "BGN": ("975", 2),
    "BYR": ("974", 0),
    "CUC": ("931", 2),
    "HRK": ("191", 2),
    "LTL": ("440", 2),
    "MRO": ("478", 2),
    "SLL": ("694", 2),
    "STD": ("678", 2),
    "VEF": ("937", 2),
    "ZMK": ("894", 2),
    "ZWL": ("932", 2),
}
# Bond-market units, funds and metals: not payable although some carry decimals in List One.
NOT_PAYABLE = {"XTS", "XXX", "XAD"}


def rows(table: dict[str, tuple[str, int | None]]) -> str:
    """The table's rows as Python source, four to a line."""
    cells = [
        f'"{code}": ("{number}", {digits}),' for code, (number, digits) in sorted(table.items())
    ]
    lines = [" ".join(cells[at : at + 4]) for at in range(0, len(cells), 4)]
    return "\n".join("    " + line for line in lines)


def main() -> None:
    """Write the file."""
    current: dict[str, tuple[str, int | None]] = {}
    for entry in Currency:
        if entry.code in HISTORIC:
            continue
        digits = None if entry.code in NOT_PAYABLE else entry.exponent
        current[entry.code] = (f"{entry.number:03d}", digits)
    body = "CURRENT: Final[dict[str, tuple[str, int | None]]] = {\n" + rows(current) + "\n}\n"
    body += (
        "HISTORIC: Final[dict[str, tuple[str, int | None]]] = {\n" + rows(dict(HISTORIC)) + "\n}\n"
    )
    TARGET.write_text(HEAD + body + "# fmt: on\n")


if __name__ == "__main__":
    main()
