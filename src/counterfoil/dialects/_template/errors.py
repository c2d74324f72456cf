"""What this wire says when it says no: the failure body, and the ERRORS table."""

from collections.abc import Mapping
from typing import Final, NamedTuple

import msgspec

from counterfoil.core.errors import Code, Refused
from counterfoil.exchange import again


class ErrorOut(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What was wrong; `field` names the member at fault, `payment` what was addressed or made."""

    code: str
    field: str | None = None
    message: str
    payment: str | None = None


class FailureBody(msgspec.Struct):
    """The body of every answer that is not 2xx."""

    error: ErrorOut


class Failure(Exception):  # noqa: N818 (an answer of this wire, not an error of the program)
    """An answer that is not 2xx."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        field: str | None = None,
        payment: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.headers = dict(headers or {})
        self.error = ErrorOut(
            code=code,
            field=field,
            message=message,
            payment=None if payment is None else str(payment),
        )

    def body(self) -> bytes:
        """The failure as it goes over the wire."""
        return msgspec.json.encode(FailureBody(self.error))


class WireError(NamedTuple):
    """How a code looks here; `message` may name the refusal's facts in braces."""

    status: int
    message: str
    field: str | None = None


NOT_POSSIBLE: Final = "{operation} is not possible: the payment is {standing}"

# fmt: off
ERRORS: Final[Mapping[Code, WireError]] = {
    Code.ORDER_NOT_FOUND: WireError(404, "there is no such payment"),
    Code.KEY_REUSED: WireError(422, "the key was used for another request", "Idempotency-Key"),
    Code.KEY_IN_USE: WireError(409, "the key's first request is at work", "Idempotency-Key"),
    Code.NAME_TAKEN: WireError(409, "that number is taken"),
    Code.ORDER_CLOSED: WireError(409, NOT_POSSIBLE),
    Code.WRONG_STATE: WireError(409, NOT_POSSIBLE),
    Code.ALREADY_COMPLETED: WireError(409, "the payment is completed already"),
    Code.NOT_AUTHENTICATED: WireError(409, "the cardholder is not authenticated yet"),
    Code.AUTHENTICATION_FAILED: WireError(402, "the cardholder's authentication failed"),
    Code.BAD_PAYER_ANSWER: WireError(422, "not the answer to this payment", "PaRes"),
    Code.BAD_CHALLENGE_ANSWER: WireError(422, "not the answer to this payment", "cres"),
    Code.ALREADY_AUTHORIZED: WireError(409, "the payment is authorized already"),
    Code.NOT_AUTHORIZED: WireError(409, "nothing is left to charge"),
    Code.NOTHING_TO_REVERSE: WireError(409, "nothing is left to reverse"),
    Code.NOT_CHARGED: WireError(409, "nothing is left to refund"),
    Code.NOT_DISPUTED: WireError(409, "the payment is not disputed"),
    Code.NOT_SUPPORTED: WireError(402, "the acquirer does not offer {operation}"),
    Code.CREDIT_NOT_ENABLED: WireError(402, "credit is not enabled"),
    Code.NO_STORED_CARD: WireError(409, "the payment has no card that can be charged again"),
    Code.WALLET_REFUSED: WireError(422, "the wallet's token is refused: {reason}"),
    Code.PAYMENT_NOT_FOUND: WireError(404, "there is no such payment"),
    Code.CHARGE_NOT_FOUND: WireError(404, "there is no such charge"),
    Code.NOT_ENOUGH_UNITS: WireError(409, "the payment has no such units left"),
    Code.MALFORMED_AMOUNT: WireError(422, "not an amount of this currency", "amount"),
    Code.EXCEEDS_ORDER: WireError(422, "above the amount of the payment", "amount"),
    Code.EXCEEDS_AUTHORIZED: WireError(422, "above the authorized amount", "amount"),
    Code.EXCEEDS_CHARGED: WireError(422, "above what is left to refund", "amount"),
    Code.EXCEEDS_DISPUTED: WireError(422, "above what is disputed", "amount"),
    Code.UNKNOWN_CURRENCY: WireError(422, "not a currency code of ISO 4217", "currency"),
    Code.CURRENCY_NOT_ENABLED: WireError(402, "the currency is not enabled", "currency"),
    Code.NO_EXCHANGE_RATE: WireError(402, "no exchange rate from {source} to {target}"),
    Code.UNKNOWN_TERMINAL: WireError(422, "there is no such terminal"),
    Code.SESSION_EXPIRED: WireError(409, "the session has expired"),
    Code.TOO_MANY_OPERATIONS: WireError(409, "the payment has too many operations"),
    Code.BUSY: WireError(503, "too many requests for one payment at once"),
    Code.STORE_UNAVAILABLE: WireError(503, "try again later"),
}
# fmt: on


def refused(refusal: Refused, payment: int | None = None) -> Failure:
    """The failure that a refusal is on this wire."""
    row = ERRORS[refusal.code]
    return Failure(
        row.status,
        refusal.code,
        row.message.format(**refusal.facts),
        field=row.field,
        payment=None if refusal.code is Code.ORDER_NOT_FOUND else payment,
        headers=again(row.status),
    )


def invalid(field: str | None, message: str) -> Failure:
    """A request that is not what the call takes; nothing of it is repeated."""
    return Failure(422, "invalid", message, field=field)
