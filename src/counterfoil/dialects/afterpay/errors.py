"""What this wire says when it says no: messages with published codes, and the ERRORS table.

What is wrong with content or state is 400 with a list of messages, also where there is only one;
everything else (401, 404, 405, 413, 415, 500) is one object with a `message`. The codes above
400.949 are ours: the vendor publishes none for these cases.
"""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

import msgspec

from counterfoil.core.declines import REASONS, Decline, Nature
from counterfoil.core.errors import Code, Refused
from counterfoil.core.order import Kind, Operation
from counterfoil.core.rules import Standing
from counterfoil.exchange import again

UNAVAILABLE: Final = "Unavailable"
REENTER: Final = "AskConsumerToReEnterData"
CUSTOMERS: Final = ("customer", "deliveryCustomer")
BAD: Final = 400

UNKNOWN: Final = "400.000"
MALFORMED, REQUIRED, RANGE, FORMAT, LONG = (
    "400.001", "400.002", "400.003", "400.004", "400.005"
)  # fmt: skip
NUMBER_USED, NET, GROSS, METHOD, NO_ORDER = (
    "400.100", "400.101", "400.102", "400.108", "400.115"
)  # fmt: skip
CAPTURE, NO_CAPTURE = "400.117", "400.132"
INVOICE_USED, REFUND, CREDIT_NOTE_USED, VOID, UPDATE = (
    "400.950", "400.951", "400.952", "400.953", "400.954"
)  # fmt: skip
NO_REFUND, NO_VOID, KEY = "400.955", "400.956", "400.957"


class Message(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A ResponseMessage; customer and developer read the same, for some clients show only one."""

    action_code: str
    code: str
    customer_facing_message: str
    field_reference: str | None = None
    message: str
    type: str


def message(code: str, text: str, field: str | None = None) -> Message:
    """What is wrong, and with which member; `field` is its path."""
    root = (field or "").partition(".")[0]
    return Message(
        action_code=REENTER if root in CUSTOMERS else UNAVAILABLE,
        code=code,
        customer_facing_message=text,
        field_reference=field,
        message=text,
        type="BusinessError",
    )


class Failure(Exception):  # noqa: N818 (an answer of this wire, not an error of the program)
    """An answer that is not 200: one text, or a list of messages."""

    def __init__(
        self,
        status: int,
        said: str | Iterable[Message],
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(status)
        self.status = status
        self.said = said if isinstance(said, str) else tuple(said)
        self.headers = dict(headers or {})

    def body(self) -> bytes:
        """The failure as it goes over the wire."""
        said = {"message": self.said} if isinstance(self.said, str) else self.said
        return msgspec.json.encode(said)


def invalid(code: str, text: str, field: str | None = None) -> Failure:
    """400 with one message."""
    return Failure(BAD, [message(code, text, field)])


class WireError(NamedTuple):
    """How a code looks here; `message` may name the refusal's facts in braces."""

    status: int
    code: str
    message: str
    field: str | None = None


NOT_POSSIBLE: Final = "{operation} is not possible: the order is {standing}"

# fmt: off
ERRORS: Final[Mapping[Code, WireError]] = {
    Code.ORDER_NOT_FOUND: WireError(BAD, NO_ORDER, "The order does not exist"),
    Code.KEY_REUSED: WireError(BAD, KEY, "The idempotency key was used for another request"),
    Code.KEY_IN_USE: WireError(500, "", "The first request with this idempotency key is at work"),
    Code.NAME_TAKEN: WireError(BAD, NUMBER_USED, "The number {name} has been used"),
    Code.ORDER_CLOSED: WireError(BAD, NO_ORDER, NOT_POSSIBLE),
    Code.WRONG_STATE: WireError(BAD, NO_ORDER, NOT_POSSIBLE),
    Code.ALREADY_COMPLETED: WireError(BAD, "400.000", "The authentication is over"),
    Code.NOT_AUTHENTICATED: WireError(BAD, CAPTURE, "The order waits for its customer"),
    Code.AUTHENTICATION_FAILED: WireError(BAD, NO_ORDER, "The customer was not authenticated"),
    Code.BAD_PAYER_ANSWER: WireError(BAD, FORMAT, "The PaRes is not of this payment"),
    Code.BAD_CHALLENGE_ANSWER: WireError(BAD, FORMAT, "The CRes is not of this payment"),
    Code.ALREADY_AUTHORIZED: WireError(BAD, UPDATE, "The order is authorized already"),
    Code.NOT_AUTHORIZED: WireError(BAD, CAPTURE, "Nothing remains to be captured"),
    Code.NOTHING_TO_REVERSE: WireError(BAD, VOID, "Nothing remains to be voided"),
    Code.NOT_CHARGED: WireError(BAD, REFUND, "Nothing captured is left to be refunded"),
    Code.NOT_DISPUTED: WireError(BAD, REFUND, "The order is not disputed"),
    Code.NOT_SUPPORTED: WireError(BAD, "400.000", "The acquirer does not offer {operation}"),
    Code.CREDIT_NOT_ENABLED: WireError(BAD, "400.000", "Credit is not enabled"),
    Code.NO_STORED_CARD: WireError(BAD, "400.000", "The order has no stored card"),
    Code.WALLET_REFUSED: WireError(BAD, "400.000", "The wallet's token is refused: {reason}"),
    Code.PAYMENT_NOT_FOUND: WireError(BAD, NO_ORDER, "The order has no such payment"),
    Code.CHARGE_NOT_FOUND: WireError(BAD, NO_CAPTURE, "The capture does not exist"),
    Code.NOT_ENOUGH_UNITS: WireError(BAD, RANGE, "The order has no such units left"),
    Code.MALFORMED_AMOUNT: WireError(BAD, RANGE, "The amount must be above zero"),
    Code.EXCEEDS_ORDER: WireError(BAD, UPDATE, "The amount is above that of the order"),
    Code.EXCEEDS_AUTHORIZED: WireError(BAD, CAPTURE, "The amount exceeds what remains"),
    Code.EXCEEDS_CHARGED: WireError(BAD, REFUND, "The amount exceeds what is left of the capture"),
    Code.EXCEEDS_DISPUTED: WireError(BAD, REFUND, "The amount exceeds what is disputed"),
    Code.UNKNOWN_CURRENCY: WireError(BAD, FORMAT, "The currency is unknown", "order.currency"),
    Code.CURRENCY_NOT_ENABLED: WireError(BAD, FORMAT, "The currency is not enabled",
                                         "order.currency"),
    Code.NO_EXCHANGE_RATE: WireError(BAD, FORMAT, "No exchange rate from {source} to {target}",
                                     "order.currency"),
    Code.UNKNOWN_TERMINAL: WireError(BAD, "400.000", "The terminal is unknown"),
    Code.SESSION_EXPIRED: WireError(BAD, NO_ORDER, "The order has expired"),
    Code.TOO_MANY_OPERATIONS: WireError(BAD, RANGE, "The order has too many operations"),
    Code.BUSY: WireError(500, "", "Too many requests for one order at once"),
    Code.STORE_UNAVAILABLE: WireError(503, "", "Try again later"),
}
# What the answer to an operation is called when it is no; a void shares refusals with a capture.
DECLINED: Final[Mapping[Kind, str]] = {
    Kind.CHARGE: CAPTURE, Kind.REFUND: REFUND, Kind.REVERSE: VOID, Kind.AUTHORIZE: UPDATE,
}
# What a risk check says (`riskCheckMessages`). Source: specification, 10.1; NO_RISK is the rest.
RISKS: Final[Mapping[Decline, tuple[str, str]]] = {
    Decline.NOT_PERMITTED_TO_CARDHOLDER: ("200.001", "The customer is too young"),
    Decline.DO_NOT_HONOR: ("200.901", "The customer's score is negative"),
    Decline.EXCEEDS_AMOUNT_LIMIT: ("200.903", "The customer's limit is reached"),
    Decline.SUSPECTED_FRAUD: ("200.912", "The customer has a chargeback"),
}
NO_RISK: Final = ("200.900", "The customer is rejected")
# fmt: on


def refused(refusal: Refused, words: Mapping[Standing, str], *, void: bool) -> Failure:
    """The failure that a refusal is on this wire; `words` are its statuses."""
    row = ERRORS[refusal.code]
    facts = dict(refusal.facts)
    if "standing" in facts:
        facts["standing"] = words[Standing(facts["standing"])]
    text = row.message.format(**facts)
    if row.status != BAD:
        return Failure(row.status, text, again(row.status))
    code = VOID if void and refusal.code is Code.EXCEEDS_AUTHORIZED else row.code
    return invalid(code, text, row.field)


def declined(operation: Operation) -> Failure:
    """The failure that a decline is, or an answer that is yet to come."""
    if operation.decline is None:
        return Failure(500, "No answer yet: read the order before you try again")
    reason = REASONS[operation.decline]
    if reason.nature is Nature.FAULT:
        return Failure(500, f"Nothing was booked: {reason.text}. Try again later")
    return invalid(DECLINED[operation.kind], f"Declined: {reason.text}")


def risk(decline: Decline) -> Message:
    """What the risk check of an order has against it."""
    code, text = RISKS.get(decline, NO_RISK)
    return message(code, text)
