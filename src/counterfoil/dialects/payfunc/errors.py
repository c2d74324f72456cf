"""What this wire says when it says no: error objects, and the ERRORS and DECLINES tables.

Clients branch on some of these to the letter. Source: specification "payfunc", 9.4, 9.5 and 10.
"""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from counterfoil.core.declines import REASONS, Decline, Nature
from counterfoil.core.errors import Code, Refused
from counterfoil.core.rules import Standing

ORDER: Final = "model.Order.Creatable"
CHANGE: Final = "model.Order.Change[]"
EVENT: Final = "model.Event.Creatable"
PAYMENT: Final = "model.Payment.Creatable"
ACCOUNT: Final = "model.Account.Creatable"
METHOD: Final = "model.Account.Method.Creatable"
CONTACT: Final = "model.Contact"
CARD: Final = "model.Card"
CARD_CREATABLE: Final = "model.Card.Creatable"
AUTHORIZATION: Final = "model.Authorization.Creatable"
KEY: Final = "Idempotency-Key"
UNAVAILABLE: Final = "service unavailable"
INVALID: Final = "invalid content"
MALFORMED: Final = "malformed content"
encode: Final = msgspec.json.Encoder(decimal_format="number", order="sorted").encode
Members = Mapping[str, object]


class Failure(Exception):  # noqa: N818 (an answer of this wire, not an error of the program)
    """An answer that is not 2xx: the error object, which names its own status."""

    def __init__(self, status: int, kind: str, members: Members | None = None) -> None:
        super().__init__(kind)
        self.status = status
        self.members: Members = {"status": status, "type": kind, **(members or {})}

    def body(self) -> bytes:
        """The failure as it goes over the wire."""
        return encode(self.members)


class WireError(NamedTuple):
    """How a code looks here; `message` may name the refusal's facts in braces."""

    status: int
    message: str
    kind: str = INVALID
    property: str | None = None


NOT_POSSIBLE: Final = "{operation} is not possible: the order is {standing}"

# fmt: off
ERRORS: Final[Mapping[Code, WireError]] = {
    Code.ORDER_NOT_FOUND:     WireError(404, "not found", "not found"),
    Code.KEY_REUSED:          WireError(400, "the key was used for another request",
                                        "malformed header", KEY),
    Code.KEY_IN_USE:          WireError(503, "the key's first request is still at work",
                                        UNAVAILABLE),
    Code.NAME_TAKEN:          WireError(400, "The identifier is taken.", MALFORMED, "id"),
    Code.ORDER_CLOSED:        WireError(400, NOT_POSSIBLE),
    Code.WRONG_STATE:         WireError(400, NOT_POSSIBLE),
    Code.ALREADY_COMPLETED:   WireError(400, "The order is not waiting any more."),
    Code.NOT_AUTHENTICATED:   WireError(400, "3-D Secure authentication failure.", MALFORMED,
                                        "card.pares"),
    Code.AUTHENTICATION_FAILED: WireError(400, "3-D Secure authentication failure.", MALFORMED,
                                          "card.pares"),
    Code.BAD_PAYER_ANSWER:    WireError(400, "3-D Secure problem.", MALFORMED, "card.pares"),
    Code.BAD_CHALLENGE_ANSWER: WireError(400, "3-D Secure problem.", MALFORMED, "card.pares"),
    Code.ALREADY_AUTHORIZED:  WireError(400, "The order is paid already."),
    Code.NOT_AUTHORIZED:      WireError(400, "Nothing is left to charge."),
    Code.NOTHING_TO_REVERSE:  WireError(400, "Nothing is left to cancel."),
    Code.NOT_CHARGED:         WireError(400, "Nothing is left to refund."),
    Code.NOT_DISPUTED:        WireError(400, "The order is not disputed."),
    Code.NOT_SUPPORTED:       WireError(400, "The acquirer does not offer {operation}."),
    Code.CREDIT_NOT_ENABLED:  WireError(400, "Withdrawals are not enabled."),
    Code.NO_STORED_CARD:      WireError(400, "Can't find valid and unexpired card "
                                             "pre-authorization"),
    Code.WALLET_REFUSED:      WireError(400, "The wallet's token is refused: {reason}"),
    Code.PAYMENT_NOT_FOUND:   WireError(400, "There is no such payment."),
    Code.CHARGE_NOT_FOUND:    WireError(400, "There is no such charge."),
    Code.NOT_ENOUGH_UNITS:    WireError(400, "The order has no such items left."),
    Code.MALFORMED_AMOUNT:    WireError(400, "Not an amount of this currency.", MALFORMED, "items"),
    Code.EXCEEDS_ORDER:       WireError(400, "More than the order.", MALFORMED, "items"),
    Code.EXCEEDS_AUTHORIZED:  WireError(400, "More than is left to charge or cancel.", MALFORMED,
                                        "items"),
    Code.EXCEEDS_CHARGED:     WireError(400, "More than is left to refund.", MALFORMED, "items"),
    Code.EXCEEDS_DISPUTED:    WireError(400, "More than is disputed.", MALFORMED, "items"),
    Code.UNKNOWN_CURRENCY:    WireError(400, "Not a currency code of ISO 4217.", MALFORMED,
                                        "currency"),
    Code.CURRENCY_NOT_ENABLED: WireError(400, "Invalid currency.", MALFORMED, "currency"),
    Code.NO_EXCHANGE_RATE:    WireError(400, "No exchange rate from {source} to {target}.",
                                        MALFORMED, "currency"),
    Code.UNKNOWN_TERMINAL:    WireError(503, "There is no such terminal.", "missing configuration"),
    Code.SESSION_EXPIRED:     WireError(400, "The session has expired."),
    Code.TOO_MANY_OPERATIONS: WireError(400, "The order has too many events."),
    Code.BUSY:                WireError(503, "Too many requests for one order at once.",
                                        UNAVAILABLE),
    Code.STORE_UNAVAILABLE:   WireError(503, "Try again later.", UNAVAILABLE),
}
# fmt: on


TYPES: Final = {"items": "number", "id": "authly.Identifier"}  # of properties that are no text


class Said(NamedTuple):
    """What a decline looks like here: the property at fault, the words, the short code.

    Without a property it is the whole authorization that was invalid.
    """

    property: str | None
    description: str
    error: str


_D: Final = Decline
_DECLINED: Final = Said("card.pan", "Declined by issuer or card scheme.", "card declined")
_FRAUD: Final = Said("card.pan", "Suspected fraud.", "suspected fraud")
_EXPIRED: Final = Said("card.pan", "Card expired.", "card expired")
_LOST: Final = Said("card.pan", "Card lost or stolen.", "card lost or stolen")
_RESTRICTED: Final = Said("card.pan", "Card restricted.", "card restricted")
_LIMIT: Final = Said("amount", "Amount limit exceeded.", "amount limit")
_BLOCKED: Final = Said("card.pan", "Merchant blocked by cardholder.", "blocked merchant")
_CSC: Final = Said("card.csc", "Invalid CSC code.", "invalid csc")

# A decline that is not named here is one by issuer or scheme, or suspected fraud. That a currency
# or a text on the statement is wrong has no code in ISO 8583: the nearest ones stand for it.
# fmt: off
DECLINES: Final[Mapping[Decline, Said]] = {
    _D.INVALID_CARD_NUMBER:        Said("card.pan", "Invalid card number.", "invalid card number"),
    _D.NO_CARD_RECORD:             Said("card.pan", "Invalid card number.", "invalid card number"),
    _D.FORMAT_ERROR:               Said(None, "General input error.", "invalid input"),
    _D.NO_SUCH_ISSUER:             Said("card.pan", "Unsupported card scheme.", "unsupported card"),
    _D.INVALID_AMOUNT:             Said("currency", "Invalid currency.", "invalid currency"),
    _D.INVALID_MERCHANT:           Said("description", "Invalid text on statement.",
                                        "invalid descriptor"),
    _D.INVALID_TRANSACTION:        Said(None, "Invalid transaction.", "invalid transaction"),
    _D.POLICY:                     Said(None, "Acquirer rule violation.", "rule violation"),
    _D.CARD_AUTHENTICATION_FAILED: Said("card.pares", "3-D Secure problem.", "3ds problem"),
    _D.CARDHOLDER_ID_FAILED:       Said("card.pares", "3-D Secure authentication failure.",
                                        "3ds authentication failure"),
    _D.AUTHENTICATION_REQUIRED:    Said("card.pares", "Additional authentication required.",
                                        "authentication required"),
    _D.INSUFFICIENT_FUNDS:         Said("amount", "Insufficient funds.", "insufficient funds"),
    _D.EXCEEDS_AMOUNT_LIMIT:       _LIMIT,
    _D.CASH_LIMIT:                 _LIMIT,
    _D.STOP_THIS_PAYMENT:          _BLOCKED,
    _D.STOP_THIS_MANDATE:          _BLOCKED,
    _D.STOP_ALL_MANDATES:          _BLOCKED,
    _D.CVV_FAILURE:                _CSC,
    _D.EXPIRED_CARD:               _EXPIRED,
    _D.EXPIRED_CARD_PICK_UP:       _EXPIRED,
    _D.INVALID_DATE:               Said("card.expires", "Invalid expire date.",
                                        "invalid expire date"),
    _D.LOST_CARD:                  _LOST,
    _D.STOLEN_CARD:                _LOST,
    _D.RESTRICTED_CARD:            _RESTRICTED,
    _D.PICK_UP_RESTRICTED:         _RESTRICTED,
}
# fmt: on


def not_authorized() -> Failure:
    """401; real tests compare the whole object."""
    return Failure(401, "not authorized")


def not_found() -> Failure:
    """404; real tests compare the whole object."""
    return Failure(404, "not found")


def invalid(
    named: str, description: str, details: Sequence[Members] = (), **more: object
) -> Failure:
    """The body is not the thing named; `details` says what is wrong with it, flaw by flaw."""
    content: dict[str, object] = {"type": named, "description": description}
    if details:
        content["details"] = {"type": named, "flaws": list(details)}
    return Failure(400, INVALID, {"content": content, **more})


def malformed(property_: str, named: str, description: str, **more: object) -> Failure:
    """One property of the body is wrong; `property_` is its dotted path."""
    content = {"property": property_, "type": named, "description": description}
    return Failure(400, MALFORMED, {"content": content, **more})


def unusable() -> Failure:
    """A card token that was used, has run out, is unknown or not ours. Nothing says which."""
    return invalid(CARD, ERRORS[Code.NO_STORED_CARD].message)


def not_enrolled() -> Failure:
    """The card takes no part in 3-D Secure."""
    return malformed("card.pan", "string", "Not enrolled.")


def bad_key(description: str) -> Failure:
    """The caller's idempotency key is no key."""
    return Failure(
        400, "malformed header", {"content": {"header": KEY, "description": description}}
    )


def bad_argument(name: str, named: str, description: str) -> Failure:
    """A part of the path is malformed."""
    argument = {"name": name, "type": named, "description": description}
    return Failure(400, "invalid path argument", {"argument": argument})


def bad_query(name: str, named: str, description: str) -> Failure:
    """A parameter of the query is malformed."""
    argument = {"name": name, "type": named, "description": description}
    return Failure(400, "invalid query argument", {"argument": argument})


def refused(refusal: Refused, words: Mapping[Standing, str], named: str = EVENT) -> Failure:
    """The failure that a refusal is on this wire, for a body of that type."""
    row = ERRORS[refusal.code]
    facts = dict(refusal.facts)
    if "standing" in facts:
        facts["standing"] = words[Standing(facts["standing"])]
    message = row.message.format(**facts)
    if row.kind == INVALID:
        named = CARD if refusal.code is Code.NO_STORED_CARD else named
        return invalid(named, message)
    if row.kind == MALFORMED:
        assert row.property is not None
        return malformed(row.property, TYPES.get(row.property, "string"), message)
    match row.kind:
        case "not found":
            return not_found()
        case "malformed header":
            return bad_key(message)
        case "missing configuration":
            return Failure(row.status, row.kind, {"key": "terminal", "description": message})
    return Failure(row.status, row.kind, {"details": message})


def declined(decline: Decline) -> Failure:
    """What an acquirer's or issuer's no looks like."""
    said = DECLINES.get(decline)
    if said is None:
        match REASONS[decline].nature:
            case Nature.FAULT:
                details = {"backend": "acquirer", "details": "Acquirer backend problem."}
                return Failure(502, "backend failure", details)
            case Nature.FRAUD:
                said = _FRAUD
            case Nature.DECLINED:
                said = _DECLINED
    if said.property is None:
        return invalid(AUTHORIZATION, said.description, error=said.error)
    return malformed(said.property, "string", said.description, error=said.error)


def unanswered() -> Failure:
    """The acquirer has not said yet what became of it."""
    return Failure(504, "backend timeout", {"backend": "acquirer"})
