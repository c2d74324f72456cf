"""What this wire says when it says no: the failure body, and the ERRORS table."""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

import msgspec

from counterfoil.core.errors import Code, Refused
from counterfoil.core.rules import Standing


class Flaw(msgspec.Struct, frozen=True):
    """One fault of a request: the dotted path of the member, and what is wrong with it."""

    attribute: str
    message: str
    details: tuple[()] = ()


class FailureBody(msgspec.Struct, kw_only=True):
    """The body of every answer that is not 2xx; members in the order of the alphabet."""

    errors: tuple[Mapping[str, object], ...] = ()
    failure_message: str
    failure_type: str
    order_id: str | None = None


class Failure(Exception):  # noqa: N818 (an answer of this wire, not an error of the program)
    """An answer that is not 2xx."""

    def __init__(
        self,
        status: int,
        kind: str,
        message: str,
        *,
        order: int | None = None,
        flaws: Iterable[Flaw] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind
        self.message = message
        self.order = order
        self.flaws = tuple(flaws)
        self.headers = dict(headers or {})

    def body(self) -> bytes:
        """The failure as it goes over the wire."""
        return msgspec.json.encode(
            FailureBody(
                errors=tuple(
                    {"attribute": f.attribute, "details": [], "message": f.message}
                    for f in self.flaws
                ),
                failure_message=self.message,
                failure_type=self.kind,
                order_id=None if self.order is None else str(self.order),
            )
        )


class WireError(NamedTuple):
    """How a code looks here; `message` may name the refusal's facts in braces."""

    status: int
    attribute: str | None
    message: str
    kind: str = "validation"


NOT_POSSIBLE: Final = "{operation} is not possible: the order is {standing}"

ERRORS: Final[Mapping[Code, WireError]] = {
    Code.ORDER_NOT_FOUND: WireError(404, None, "Order not found"),
    Code.KEY_REUSED: WireError(
        422, "Idempotency-Key", "Idempotency-Key was used for another request"
    ),
    Code.KEY_IN_USE: WireError(
        409, "Idempotency-Key", "the first request with this Idempotency-Key is still at work"
    ),
    Code.NAME_TAKEN: WireError(422, None, "that number is taken"),
    Code.ORDER_CLOSED: WireError(422, "status", NOT_POSSIBLE),
    Code.WRONG_STATE: WireError(422, "status", NOT_POSSIBLE),
    Code.ALREADY_COMPLETED: WireError(422, "status", "Order already completed"),
    Code.NOT_AUTHENTICATED: WireError(422, "cres", "no authentication result has arrived yet"),
    Code.AUTHENTICATION_FAILED: WireError(
        402, None, "3-D Secure authentication failed", "rejected"
    ),
    Code.BAD_PAYER_ANSWER: WireError(422, "PaRes", "PaRes is not the answer to this order"),
    Code.BAD_CHALLENGE_ANSWER: WireError(422, "cres", "cres is not the answer to this order"),
    Code.ALREADY_AUTHORIZED: WireError(422, "status", "the order is authorized already"),
    Code.NOT_AUTHORIZED: WireError(422, "status", "nothing is left to charge"),
    Code.NOTHING_TO_REVERSE: WireError(422, "status", "nothing is left to reverse"),
    Code.NOT_CHARGED: WireError(422, "amount", "nothing is left to refund"),
    Code.NOT_DISPUTED: WireError(422, "status", "the order is not disputed"),
    Code.NOT_SUPPORTED: WireError(402, None, "The acquirer does not offer {operation}", "rejected"),
    Code.CREDIT_NOT_ENABLED: WireError(402, None, "Credit is not enabled", "rejected"),
    Code.NO_STORED_CARD: WireError(422, "card", "the order has no card that can be charged again"),
    Code.WALLET_REFUSED: WireError(422, "dsrp.token", "dsrp.token is refused: {reason}"),
    Code.PAYMENT_NOT_FOUND: WireError(422, "status", "the payment does not exist"),
    Code.CHARGE_NOT_FOUND: WireError(422, "amount", "the charge does not exist"),
    Code.NOT_ENOUGH_UNITS: WireError(422, "amount", "the order has no such units left"),
    Code.MALFORMED_AMOUNT: WireError(422, "amount", "amount has more decimals than its currency"),
    Code.EXCEEDS_ORDER: WireError(422, "amount", "amount is above the amount of the order"),
    Code.EXCEEDS_AUTHORIZED: WireError(422, "amount", "amount is above the authorized amount"),
    Code.EXCEEDS_CHARGED: WireError(422, "amount", "amount is above what is left to refund"),
    Code.EXCEEDS_DISPUTED: WireError(422, "amount", "amount is above what is disputed"),
    Code.UNKNOWN_CURRENCY: WireError(
        422, "currency", "currency must be a currency code of ISO 4217"
    ),
    Code.CURRENCY_NOT_ENABLED: WireError(402, None, "Currency is not supported", "rejected"),
    Code.NO_EXCHANGE_RATE: WireError(
        402, None, "No exchange rate from {source} to {target}", "rejected"
    ),
    Code.UNKNOWN_TERMINAL: WireError(422, "options.terminal", "options.terminal is unknown"),
    Code.SESSION_EXPIRED: WireError(422, "status", "Session expired"),
    Code.TOO_MANY_OPERATIONS: WireError(422, "status", "the order has too many operations"),
    Code.BUSY: WireError(500, None, "Too many requests for one order at once", "error"),
    Code.STORE_UNAVAILABLE: WireError(503, None, "System malfunction", "error"),
}


def invalid(flaws: Iterable[Flaw], order: int | None = None) -> Failure:
    """All faults of a request in one answer, by attribute."""
    ordered = sorted(dict.fromkeys(flaws), key=lambda flaw: flaw.attribute)
    message = "; ".join(dict.fromkeys(flaw.message for flaw in ordered))
    return Failure(422, "validation", message, order=order, flaws=ordered)


def refused(refusal: Refused, order: int | None, words: Mapping[Standing, str]) -> Failure:
    """The failure that a refusal is on this wire; `words` are its statuses."""
    row = ERRORS[refusal.code]
    facts = dict(refusal.facts)
    if "standing" in facts:
        facts["standing"] = words[Standing(facts["standing"])]
    message = row.message.format(**facts)
    flaws = () if row.attribute is None else (Flaw(row.attribute, message),)
    addressed = None if refusal.code is Code.ORDER_NOT_FOUND else order
    headers = {"Retry-After": "1"} if row.status in {409, 503} else None
    return Failure(row.status, row.kind, message, order=addressed, flaws=flaws, headers=headers)
