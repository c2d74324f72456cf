"""How a browser without credentials names an order: a token that nobody can guess.

It is the order's number, the merchant's, and a keyed hash of both, so that a token proves itself
before anything is looked up, and nothing is kept for it. It opens one kind of page of one order.
"""

import base64
import binascii
import hmac
from typing import Final, NamedTuple

from counterfoil.core.ports import ID_MAX, Vault

ID_BYTES: Final = 8
MAC_BYTES: Final = 16  # 128 bits: no guess succeeds
ID_DIGITS_MAX: Final = 19
SEEDS_BYTES: Final = 36


class Place(NamedTuple):
    """What a token says: whose order, and which."""

    merchant: int
    order: int


def token(vault: Vault, purpose: str, place: Place) -> str:
    """The token of an order for a purpose: digits, a full stop, letters, digits, `-` and `_`."""
    made = place.merchant.to_bytes(ID_BYTES) + keyed(vault, purpose, place)
    return f"{place.order}.{base64.urlsafe_b64encode(made).decode()}"


def read(vault: Vault, purpose: str, given: str) -> Place | None:
    """The order whose token it is; None where nobody was given it."""
    number, _, mark = given.partition(".")
    try:
        made = base64.b64decode(mark, b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    digits = number.isascii() and number.isdigit() and len(number) <= ID_DIGITS_MAX
    if len(made) != ID_BYTES + MAC_BYTES or not digits or int(number) > ID_MAX:
        return None
    place = Place(int.from_bytes(made[:ID_BYTES]), int(number))
    known = place.merchant <= ID_MAX and hmac.compare_digest(
        made[ID_BYTES:], keyed(vault, purpose, place)
    )
    return place if known else None


def keyed(vault: Vault, purpose: str, place: Place, more: str = "") -> bytes:
    """A keyed hash over an order, for one purpose."""
    text = f"counterfoil {purpose} 1\n{place.merchant}\n{place.order}\n{more}"
    return vault.hash_secret(text)[:MAC_BYTES]


def seeds(vault: Vault, order: int) -> bytes:
    """Secret bytes that are an order's own, for transaction ids that nobody can guess."""
    made = b"".join(vault.hash_secret(f"counterfoil seed {part} {order}") for part in range(2))
    return made[:SEEDS_BYTES]
