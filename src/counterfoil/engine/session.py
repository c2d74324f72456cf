"""How a browser without credentials names a payment: a token that nobody can guess.

It is the merchant, the order and a keyed hash of both, so that a token proves itself before
anything is looked up, and nothing is kept for it. It opens one kind of page of one order only.
"""

import base64
import hmac
from typing import Final

from counterfoil.core.ports import ID_MAX, Vault

ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
MARK_BYTES: Final = 16
TOKEN_MAX: Final = 60
SEEDS_BYTES: Final = 36


def token(vault: Vault, purpose: str, merchant: int, order: int) -> str:
    """The token of an order for a purpose: letters, digits, `-` and `_`."""
    return f"{_shown(merchant)}-{_shown(order)}-{_mark(vault, purpose, merchant, order)}"


def read(vault: Vault, purpose: str, given: str) -> tuple[int, int] | None:
    """The merchant and order whose token it is, or None."""
    parts = given.split("-", 2) if len(given) <= TOKEN_MAX and given.isascii() else []
    if len(parts) != 3:  # noqa: PLR2004 (merchant, order, mark)
        return None
    merchant, order = _number(parts[0]), _number(parts[1])
    if merchant is None or order is None:
        return None
    right = token(vault, purpose, merchant, order)
    return (merchant, order) if hmac.compare_digest(right, given) else None


def seeds(vault: Vault, order: int) -> bytes:
    """Secret bytes that are an order's own, for transaction ids that nobody can guess."""
    made = b"".join(vault.hash_secret(f"counterfoil seed {part} {order}") for part in range(2))
    return made[:SEEDS_BYTES]


def _mark(vault: Vault, purpose: str, merchant: int, order: int) -> str:
    made = vault.hash_secret(f"counterfoil session {purpose} {merchant} {order}")[:MARK_BYTES]
    return base64.urlsafe_b64encode(made).decode().rstrip("=")


def _shown(number: int) -> str:
    digits = ""
    while number:
        number, rest = divmod(number, len(ALPHABET))
        digits = ALPHABET[rest] + digits
    return digits or "0"


def _number(text: str) -> int | None:
    number = 0
    for each in text:
        place = ALPHABET.find(each)
        if place < 0:
            return None
        number = number * len(ALPHABET) + place
    return number if text and number <= ID_MAX else None
