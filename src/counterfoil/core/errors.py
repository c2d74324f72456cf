"""Every refusal there is: the command breaks a rule, nothing was sent and nothing changed.

A code carries no HTTP status and no text for people: each dialect's ERRORS table gives it both.
What the acquirer said is an answer (`core/ports.py`), never one of these.
"""

from enum import StrEnum


class Code(StrEnum):
    """Why a command was refused, in the order in which reasons take precedence."""

    ORDER_NOT_FOUND = "order_not_found"
    KEY_REUSED = "key_reused"
    KEY_IN_USE = "key_in_use"
    NAME_TAKEN = "name_taken"
    ORDER_CLOSED = "order_closed"
    WRONG_STATE = "wrong_state"
    ALREADY_COMPLETED = "already_completed"
    NOT_AUTHENTICATED = "not_authenticated"
    AUTHENTICATION_FAILED = "authentication_failed"
    BAD_PAYER_ANSWER = "bad_payer_answer"
    BAD_CHALLENGE_ANSWER = "bad_challenge_answer"
    ALREADY_AUTHORIZED = "already_authorized"
    NOT_AUTHORIZED = "not_authorized"
    NOTHING_TO_REVERSE = "nothing_to_reverse"
    NOT_CHARGED = "not_charged"
    NOT_DISPUTED = "not_disputed"
    NOT_SUPPORTED = "not_supported"
    CREDIT_NOT_ENABLED = "credit_not_enabled"
    NO_STORED_CARD = "no_stored_card"
    WALLET_REFUSED = "wallet_refused"
    PAYMENT_NOT_FOUND = "payment_not_found"
    CHARGE_NOT_FOUND = "charge_not_found"
    NOT_ENOUGH_UNITS = "not_enough_units"
    MALFORMED_AMOUNT = "malformed_amount"
    EXCEEDS_ORDER = "exceeds_order"
    EXCEEDS_AUTHORIZED = "exceeds_authorized"
    EXCEEDS_CHARGED = "exceeds_charged"
    EXCEEDS_DISPUTED = "exceeds_disputed"
    UNKNOWN_CURRENCY = "unknown_currency"
    CURRENCY_NOT_ENABLED = "currency_not_enabled"
    NO_EXCHANGE_RATE = "no_exchange_rate"
    UNKNOWN_TERMINAL = "unknown_terminal"
    SESSION_EXPIRED = "session_expired"
    TOO_MANY_OPERATIONS = "too_many_operations"
    BUSY = "busy"
    STORE_UNAVAILABLE = "store_unavailable"


class Refused(Exception):  # noqa: N818 (a refusal is an outcome of the domain, not an error of the program)
    """A command was refused; `code` says why, `facts` names what it was about (never card data)."""

    def __init__(self, code: Code, **facts: str) -> None:
        super().__init__(code.value)
        self.code = code
        self.facts = facts
