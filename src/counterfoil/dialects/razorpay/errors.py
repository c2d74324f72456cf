"""What this wire says when it says no: the error object, ERRORS, and REASONS of failed payments.

Source: the vendor's error reference; texts are matched by shops and clients, so they are used as
they are written there.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

import msgspec

from counterfoil.core.declines import REASONS as CANONICAL
from counterfoil.core.declines import Decline, Nature
from counterfoil.core.errors import Code, Refused
from counterfoil.dialects.razorpay.methods import Method

BAD_REQUEST: Final = "BAD_REQUEST_ERROR"
GATEWAY: Final = "GATEWAY_ERROR"
SERVER: Final = "SERVER_ERROR"
INITIATION: Final = "payment_initiation"
CAPTURE: Final = "payment_capture"
REFUND: Final = "refund_request"
INVALID: Final = "input_validation_failed"
NA: Final = "NA"


class Why(NamedTuple):
    """Where an error comes from, when, and its reason: three words of the error object."""

    source: str
    step: str
    reason: str


PARAMETER: Final = Why("business", INITIATION, INVALID)
NOWHERE: Final = Why(NA, NA, NA)
OURS: Final = Why("internal", NA, "server_error")


class Failure(Exception):  # noqa: N818 (an answer of this wire, not an error of the program)
    """An answer that is not 200. `more` stands in the error object, `beside` next to it."""

    def __init__(
        self,
        message: str,
        field: str | None = None,
        *,
        status: int = 400,
        code: str = BAD_REQUEST,
        why: Why = PARAMETER,
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.status = status
        self.code = code
        self.why = why
        self.metadata = dict(metadata or {})
        self.more: dict[str, object] = {}
        self.beside: dict[str, object] = {}

    def error(self) -> dict[str, object]:
        """The error object."""
        shown: dict[str, object] = {
            "code": self.code,
            "description": self.message,
            "source": self.why.source,
            "step": self.why.step,
            "reason": self.why.reason,
            "metadata": self.metadata,
        }
        if self.field is not None:
            shown["field"] = self.field
        return shown | self.more

    def body(self) -> bytes:
        """The failure as it goes over the wire."""
        return msgspec.json.encode({"error": self.error(), **self.beside})


class WireError(NamedTuple):
    """How a refusal looks here; `message` may name the refusal's facts in braces."""

    status: int
    message: str
    field: str | None = None
    why: Why = PARAMETER
    code: str = BAD_REQUEST


PAID: Final = (
    "Your payment has been declined as the order is already paid. "
    "Please initiate the payment with a new order."
)
NOT_CAPTURABLE: Final = (
    "Only payments which have been authorized and not yet captured can be captured"
)
NOT_CAPTURED: Final = "The payment status should be captured for action to be taken"
REFUND_TOO_MUCH: Final = "The refund amount provided is greater than amount captured"
WHOLE_ONLY: Final = "Capture amount must be equal to the amount authorized"
AT_WORK: Final = "Request failed because another payment operation is in progress."
UNKNOWN_ID: Final = "The id provided does not exist"
NO_URL: Final = "The requested URL was not found on the server."
BROKEN: Final = "We are facing some trouble completing your request at the moment. Please try again"
ALREADY_PAID: Final = Why("business", INITIATION, "order_already_paid")
TOO_MUCH: Final = "Payment amount is greater than the amount due for order."
CLOSED: Final = "The order can no longer be paid."
KEY_REUSED: Final = "Different request with the same idempotency key has already been processed."
KEY_IN_USE: Final = "Another request with the same idempotency key is still in progress."
USED: Final = "Duplicate request. This request has already been processed."
DUPLICATE: Final = Why("business", INITIATION, "duplicate_request")
_STATE: Final = Why("business", CAPTURE, INVALID)
_REFUND: Final = Why("business", REFUND, INVALID)

# fmt: off
ERRORS: Final[Mapping[Code, WireError]] = {
    Code.ORDER_NOT_FOUND:       WireError(400, UNKNOWN_ID),
    Code.KEY_REUSED:            WireError(409, KEY_REUSED, None, DUPLICATE),
    Code.KEY_IN_USE:            WireError(409, KEY_IN_USE),
    Code.ORDER_CLOSED:          WireError(400, CLOSED),
    Code.WRONG_STATE:           WireError(400, "The payment is not in a state that allows this."),
    Code.ALREADY_AUTHORIZED:    WireError(400, PAID, None, ALREADY_PAID),
    Code.NOT_AUTHORIZED:        WireError(400, NOT_CAPTURABLE, None, _STATE),
    Code.NOTHING_TO_REVERSE:    WireError(400, "The payment has nothing to give back."),
    Code.NOT_CHARGED:           WireError(400, NOT_CAPTURED, None, _REFUND),
    Code.NOT_DISPUTED:          WireError(400, "The payment is not disputed."),
    Code.NOT_SUPPORTED:         WireError(400, NO_URL, None, NOWHERE),
    Code.CREDIT_NOT_ENABLED:    WireError(400, NO_URL, None, NOWHERE),
    Code.NO_STORED_CARD:        WireError(400, "Payment was not done using card"),
    Code.WALLET_REFUSED:        WireError(400, "The wallet's token is refused."),
    Code.NOT_AUTHENTICATED:     WireError(400, "The payer has not been authenticated yet."),
    Code.AUTHENTICATION_FAILED: WireError(400, "The payer could not be authenticated."),
    Code.ALREADY_COMPLETED:     WireError(400, "The payer has been authenticated already."),
    Code.BAD_PAYER_ANSWER:      WireError(400, "The payer's answer could not be read."),
    Code.BAD_CHALLENGE_ANSWER:  WireError(400, "The payer's answer could not be read."),
    Code.NAME_TAKEN:            WireError(400, USED, "receipt", DUPLICATE),
    Code.PAYMENT_NOT_FOUND:     WireError(400, UNKNOWN_ID),
    Code.CHARGE_NOT_FOUND:      WireError(400, UNKNOWN_ID),
    Code.NOT_ENOUGH_UNITS:      WireError(400, REFUND_TOO_MUCH, "amount", _REFUND),
    Code.MALFORMED_AMOUNT:      WireError(400, "The amount must be an integer.", "amount"),
    Code.EXCEEDS_ORDER:         WireError(400, TOO_MUCH, "amount"),
    Code.EXCEEDS_AUTHORIZED:    WireError(400, WHOLE_ONLY, "amount", _STATE),
    Code.EXCEEDS_CHARGED:       WireError(400, REFUND_TOO_MUCH, "amount", _REFUND),
    Code.EXCEEDS_DISPUTED:      WireError(400, REFUND_TOO_MUCH, "amount", _REFUND),
    Code.UNKNOWN_CURRENCY:      WireError(400, "Currency is not supported", "currency"),
    Code.CURRENCY_NOT_ENABLED:  WireError(400, "Currency is not supported", "currency"),
    Code.NO_EXCHANGE_RATE:      WireError(400, "Currency is not supported", "currency"),
    Code.UNKNOWN_TERMINAL:      WireError(400, NO_URL, None, NOWHERE),
    Code.SESSION_EXPIRED:       WireError(400, CLOSED),
    Code.TOO_MANY_OPERATIONS:   WireError(400, "The order has too many payments."),
    Code.BUSY:                  WireError(400, AT_WORK),
    Code.STORE_UNAVAILABLE:     WireError(503, BROKEN, None, OURS, SERVER),
}
# fmt: on


class Failed(NamedTuple):
    """How a decline is told here."""

    code: str
    source: str
    step: str
    reason: str
    description: str

    @property
    def why(self) -> Why:
        """Source, step and reason."""
        return Why(self.source, self.step, self.reason)


_SHOWN, _ASKED = "payment_authentication", "payment_authorization"
_AGAIN: Final = "Please try again with another payment method."
# fmt: off
_DECLINED: Final = Failed(BAD_REQUEST, "issuer_bank", _ASKED, "card_declined",
                          f"Your payment was declined by the bank. {_AGAIN}")
_FAILED: Final = Failed(BAD_REQUEST, "customer", _SHOWN, "payment_failed",
                        f"Payment failed. {_AGAIN}")
_FAULT: Final = Failed(GATEWAY, "gateway", _ASKED, "gateway_technical_error",
                       "Your payment could not be completed due to a temporary technical issue. "
                       + _AGAIN)
# Declines that this wire has a reason of its own for; the rest are told by their nature.
FAILED: Final[Mapping[Decline, Failed]] = {
    Decline.RESPONSE_TOO_LATE: Failed(
        BAD_REQUEST, "customer", _SHOWN, "payment_timed_out",
        "Your payment was not completed on time. Please try again later."),
    Decline.CUSTOMER_CANCELLATION: Failed(
        BAD_REQUEST, "customer", _SHOWN, "payment_cancelled",
        f"Your payment has been cancelled. {_AGAIN}"),
    Decline.INSUFFICIENT_FUNDS: Failed(
        BAD_REQUEST, "customer", _ASKED, "insufficient_funds",
        f"Your payment could not be completed due to insufficient account balance. {_AGAIN}"),
    Decline.NOT_PERMITTED_TO_CARDHOLDER: Failed(
        BAD_REQUEST, "issuer_bank", _ASKED, "card_disabled_for_online_payments",
        f"Your card is not enabled for online payments. {_AGAIN}"),
    Decline.INVALID_CARD_NUMBER: Failed(
        BAD_REQUEST, "customer", _ASKED, "card_number_invalid",
        f"The card number is not valid. {_AGAIN}"),
    Decline.EXPIRED_CARD: Failed(
        BAD_REQUEST, "customer", _ASKED, "card_expired", f"Your card has expired. {_AGAIN}"),
    Decline.PIN_TRIES_EXCEEDED: Failed(
        BAD_REQUEST, "customer", _SHOWN, "otp_attempts_exceeded",
        f"Payment failed because the OTP was entered wrongly too often. {_AGAIN}"),
    Decline.WRONG_PIN: Failed(
        BAD_REQUEST, "customer", _SHOWN, "incorrect_otp",
        "Payment processing failed because of incorrect OTP"),
    Decline.CARD_AUTHENTICATION_FAILED: Failed(
        GATEWAY, "issuer_bank", _SHOWN, "authentication_failed",
        f"Your payment could not be authenticated by the bank. {_AGAIN}"),
    Decline.NO_CHECKING_ACCOUNT: Failed(
        BAD_REQUEST, "customer", _ASKED, "bank_account_validation_failed",
        f"The payment was made from another bank account than the registered one. {_AGAIN}"),
    Decline.REENTER_TRANSACTION: _FAILED,
}
# fmt: on


def failed(decline: Decline, method: Method) -> Failed:
    """How that decline of a payment by that method is told."""
    known = FAILED.get(decline)
    if known is not None:
        return known
    if CANONICAL[decline].nature is Nature.FAULT:
        return _FAULT
    return _DECLINED if method is Method.CARD else _FAILED


def refused(refusal: Refused) -> Failure:
    """The failure that a refusal is on this wire."""
    row = ERRORS[refusal.code]
    return Failure(row.message, row.field, status=row.status, code=row.code, why=row.why)


def required(name: str) -> Failure:
    """A field that is not there."""
    return Failure(f"The {spoken(name)} field is required.", name)


def spoken(name: str) -> str:
    """A field's name as this wire's sentences have it."""
    return name.replace("_", " ")
