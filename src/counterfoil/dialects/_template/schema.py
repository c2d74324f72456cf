"""Requests: members named exactly as on the wire; amounts are whole minor units.

The types say what may come; a body that is anything else is refused, with the place of its first
fault and without a word of what it held.
"""

import json
import re
from typing import Annotated, Final, TypeVar

import msgspec

from counterfoil.core.card import Cvv
from counterfoil.core.errors import Code, Refused
from counterfoil.core.minor import payable
from counterfoil.core.money import Money
from counterfoil.core.pan import parse_pan
from counterfoil.core.record import Record
from counterfoil.dialects._template.errors import invalid
from counterfoil.engine.orders import Draft, NewCard

PLACE: Final = re.compile(r"`\$\.([a-z_.]+)`\Z", re.ASCII)
AMOUNT_MAX: Final = 10**12  # minor units; far above what a card pays
Amount = Annotated[int, msgspec.Meta(gt=0, le=AMOUNT_MAX)]
Text = Annotated[str, msgspec.Meta(pattern=r"\A[^\x00-\x1f\x7f]{1,64}\Z")]
Body = TypeVar("Body", bound="Given")


class Given(Record, forbid_unknown_fields=True):
    """A request. It may hold card data, so it shows nothing of itself."""

    def __repr__(self) -> str:
        """Its name only."""
        return f"<{type(self).__name__}>"


class CardIn(Given):
    """A card as it was typed in."""

    number: Annotated[str, msgspec.Meta(pattern=r"\A[0-9]{12,19}\Z")]
    month: Annotated[int, msgspec.Meta(ge=1, le=12)]
    year: Annotated[int, msgspec.Meta(ge=2000, le=9999)]
    cvv: Annotated[str, msgspec.Meta(pattern=r"\A[0-9]{3,4}\Z")]
    holder: Text


class PaymentIn(Given):
    """POST …/payments. `charge`: take the money at once."""

    amount: Amount
    currency: str
    card: CardIn
    charge: bool = False
    reference: Text | None = None


class RefundIn(Given):
    """POST …/payments/{id}/refunds. No amount: all that is left."""

    amount: Amount | None = None


def read(body: bytes, shape: type[Body]) -> Body:
    """The request in a body; raises `Failure`."""
    try:
        given = msgspec.json.decode(body, type=shape)
        json.loads(body, object_pairs_hook=_named_once)
    except msgspec.ValidationError as error:
        place = PLACE.search(str(error))
        raise invalid(place and place[1], "not what this call takes") from None
    except (ValueError, RecursionError):
        raise invalid(None, "the body must be JSON, no member named twice") from None
    return given


def _named_once(members: list[tuple[str, object]]) -> dict[str, object]:
    """The members; two of one name are a fault, for which counts is not for us to choose."""
    found = dict(members)
    if len(found) != len(members):
        raise ValueError("a member is named twice")
    return found


def draft(asked: PaymentIn) -> Draft:
    """The order to be made; raises `Refused(UNKNOWN_CURRENCY)`."""
    if not payable(asked.currency):
        raise Refused(Code.UNKNOWN_CURRENCY)
    return Draft(
        amount=Money(minor=asked.amount, currency=asked.currency),
        reference=asked.reference,
        auto_charge=asked.charge,
    )


def card(asked: CardIn) -> NewCard:
    """The card, its check digit right; raises `Failure`."""
    pan = parse_pan(asked.number)
    if pan is None:
        raise invalid("card.number", "not a card number")
    return NewCard(
        pan=pan, cvv=Cvv(asked.cvv), holder=asked.holder, month=asked.month, year=asked.year
    )
