"""Every reason an issuer or acquirer says no, and what each means for the next try.

REASONS has one row a reason: the ISO 8583 response code we say it with, its text, and its class. A
connector maps its host's codes into these; a dialect maps these into its own words. Category
membership of a few codes differs between published lists: the table is data. Source: ISO 8583:1987
DE39; Visa decline categories and Mastercard advice codes as public processor guides give them.
"""

from enum import StrEnum
from typing import Final

from counterfoil.core.record import Record


class Retry(StrEnum):
    """What may be tried after a decline."""

    LATER = "later"  # soft: the same again, another day
    CORRECTED = "corrected"  # soft: after correcting the data
    STRONGER = "stronger"  # once more, with the cardholder authenticated
    NEVER = "never"  # hard: not with this card for this order
    GENERIC = "generic"  # the issuer does not say


class Nature(StrEnum):
    """Who said no, and how."""

    DECLINED = "declined"
    FRAUD = "fraud"
    FAULT = "fault"  # a machine on the way failed and said so: nothing happened


class Reason(Record):
    """What there is to know about a decline."""

    code: str
    text: str
    retry: Retry
    nature: Nature = Nature.DECLINED


class Decline(StrEnum):
    """Why an acquirer or issuer said no."""

    REFER_TO_ISSUER = "refer_to_issuer"
    REFER_TO_ISSUER_SPECIAL = "refer_to_issuer_special"
    INVALID_MERCHANT = "invalid_merchant"
    PICK_UP_CARD = "pick_up_card"
    DO_NOT_HONOR = "do_not_honor"
    ERROR = "error"
    PICK_UP_FRAUD = "pick_up_fraud"
    INVALID_TRANSACTION = "invalid_transaction"
    INVALID_AMOUNT = "invalid_amount"
    INVALID_CARD_NUMBER = "invalid_card_number"
    NO_SUCH_ISSUER = "no_such_issuer"
    CUSTOMER_CANCELLATION = "customer_cancellation"
    REENTER_TRANSACTION = "reenter_transaction"
    INVALID_RESPONSE = "invalid_response"
    NO_ACTION_TAKEN = "no_action_taken"
    ORIGINAL_NOT_FOUND = "original_not_found"
    FILE_UNAVAILABLE = "file_unavailable"
    FORMAT_ERROR = "format_error"
    EXPIRED_CARD_PICK_UP = "expired_card_pick_up"
    SUSPECTED_FRAUD_PICK_UP = "suspected_fraud_pick_up"
    PICK_UP_CONTACT = "pick_up_contact"
    PICK_UP_RESTRICTED = "pick_up_restricted"
    PICK_UP_SECURITY = "pick_up_security"
    PICK_UP_PIN_TRIES = "pick_up_pin_tries"
    NO_CREDIT_ACCOUNT = "no_credit_account"
    FUNCTION_NOT_SUPPORTED = "function_not_supported"
    LOST_CARD = "lost_card"
    STOLEN_CARD = "stolen_card"
    CLOSED_ACCOUNT = "closed_account"
    INSUFFICIENT_FUNDS = "insufficient_funds"
    NO_CHECKING_ACCOUNT = "no_checking_account"
    NO_SAVINGS_ACCOUNT = "no_savings_account"
    EXPIRED_CARD = "expired_card"
    WRONG_PIN = "wrong_pin"
    NO_CARD_RECORD = "no_card_record"
    NOT_PERMITTED_TO_CARDHOLDER = "not_permitted_to_cardholder"
    NOT_PERMITTED_TO_TERMINAL = "not_permitted_to_terminal"
    SUSPECTED_FRAUD = "suspected_fraud"
    EXCEEDS_AMOUNT_LIMIT = "exceeds_amount_limit"
    RESTRICTED_CARD = "restricted_card"
    SECURITY_VIOLATION = "security_violation"
    ORIGINAL_AMOUNT_WRONG = "original_amount_wrong"
    EXCEEDS_COUNT_LIMIT = "exceeds_count_limit"
    CAPTURE_CARD = "capture_card"
    RESPONSE_TOO_LATE = "response_too_late"
    CONTACT_ISSUER = "contact_issuer"
    PIN_TRIES_EXCEEDED = "pin_tries_exceeded"
    ORIGINAL_UNKNOWN = "original_unknown"
    INCONSISTENT_WITH_ORIGINAL = "inconsistent_with_original"
    CARD_BLOCKED = "card_blocked"
    LIFECYCLE = "lifecycle"
    INVALID_DATE = "invalid_date"
    POLICY = "policy"
    FRAUD_SECURITY = "fraud_security"
    PIN_NOT_VERIFIED = "pin_not_verified"
    CRYPTO_FAILURE = "crypto_failure"
    BAD_TERMINAL = "bad_terminal"
    ISSUER_UNAVAILABLE = "issuer_unavailable"
    CANNOT_ROUTE = "cannot_route"
    VIOLATION_OF_LAW = "violation_of_law"
    DUPLICATE_TRANSMISSION = "duplicate_transmission"
    RECONCILIATION_ERROR = "reconciliation_error"
    SYSTEM_MALFUNCTION = "system_malfunction"
    AUTHENTICATION_REQUIRED = "authentication_required"
    CARDHOLDER_ID_FAILED = "cardholder_id_failed"
    FORCE_STAND_IN = "force_stand_in"
    CASH_UNAVAILABLE = "cash_unavailable"
    CASH_LIMIT = "cash_limit"
    CVV_FAILURE = "cvv_failure"
    STOP_THIS_PAYMENT = "stop_this_payment"
    STOP_THIS_MANDATE = "stop_this_mandate"
    STOP_ALL_MANDATES = "stop_all_mandates"
    CANNOT_GO_ONLINE = "cannot_go_online"
    CARD_AUTHENTICATION_FAILED = "card_authentication_failed"
    NOT_SENT = "not_sent"
    NOT_RECEIVED = "not_received"


def _row(code: str, text: str, retry: Retry, nature: Nature = Nature.DECLINED) -> Reason:
    return Reason(code=code, text=text, retry=retry, nature=nature)


# fmt: off
_FRAUD, _FAULT = Nature.FRAUD, Nature.FAULT
_LATER, _CORRECTED, _STRONGER = Retry.LATER, Retry.CORRECTED, Retry.STRONGER
_NEVER, _GENERIC = Retry.NEVER, Retry.GENERIC
REASONS: Final[dict[Decline, Reason]] = {
    Decline.REFER_TO_ISSUER: _row("01", "Refer to card issuer", _GENERIC),
    Decline.REFER_TO_ISSUER_SPECIAL: _row("02", "Refer to card issuer, special case", _GENERIC),
    Decline.INVALID_MERCHANT: _row("03", "Invalid merchant", _NEVER),
    Decline.PICK_UP_CARD: _row("04", "Pick up card", _NEVER),
    Decline.DO_NOT_HONOR: _row("05", "Do not honor", _GENERIC),
    Decline.ERROR: _row("06", "Error", _GENERIC, _FAULT),
    Decline.PICK_UP_FRAUD: _row("07", "Pick up card, special condition", _NEVER, _FRAUD),
    Decline.INVALID_TRANSACTION: _row("12", "Invalid transaction", _NEVER),
    Decline.INVALID_AMOUNT: _row("13", "Invalid amount", _CORRECTED),
    Decline.INVALID_CARD_NUMBER: _row("14", "Invalid card number", _NEVER),
    Decline.NO_SUCH_ISSUER: _row("15", "No such issuer", _NEVER),
    Decline.CUSTOMER_CANCELLATION: _row("17", "Customer cancellation", _NEVER),
    Decline.REENTER_TRANSACTION: _row("19", "Re-enter transaction", _LATER),
    Decline.INVALID_RESPONSE: _row("20", "Invalid response", _GENERIC, _FAULT),
    Decline.NO_ACTION_TAKEN: _row("21", "No action taken", _GENERIC, _FAULT),
    Decline.ORIGINAL_NOT_FOUND: _row("25", "Unable to locate record", _NEVER),
    Decline.FILE_UNAVAILABLE: _row("28", "File temporarily unavailable", _LATER),
    Decline.FORMAT_ERROR: _row("30", "Format error", _CORRECTED),
    Decline.EXPIRED_CARD_PICK_UP: _row("33", "Expired card, pick up", _CORRECTED),
    Decline.SUSPECTED_FRAUD_PICK_UP: _row("34", "Suspected fraud, pick up", _NEVER, _FRAUD),
    Decline.PICK_UP_CONTACT: _row("35", "Contact acquirer, pick up", _NEVER),
    Decline.PICK_UP_RESTRICTED: _row("36", "Restricted card, pick up", _NEVER),
    Decline.PICK_UP_SECURITY: _row("37", "Call acquirer security, pick up", _NEVER),
    Decline.PICK_UP_PIN_TRIES: _row("38", "PIN tries exceeded, pick up", _NEVER),
    Decline.NO_CREDIT_ACCOUNT: _row("39", "No credit account", _CORRECTED),
    Decline.FUNCTION_NOT_SUPPORTED: _row("40", "Requested function not supported", _NEVER),
    Decline.LOST_CARD: _row("41", "Lost card", _NEVER),
    Decline.STOLEN_CARD: _row("43", "Stolen card", _NEVER),
    Decline.CLOSED_ACCOUNT: _row("46", "Closed account", _NEVER),
    Decline.INSUFFICIENT_FUNDS: _row("51", "Insufficient funds", _LATER),
    Decline.NO_CHECKING_ACCOUNT: _row("52", "No checking account", _CORRECTED),
    Decline.NO_SAVINGS_ACCOUNT: _row("53", "No savings account", _CORRECTED),
    Decline.EXPIRED_CARD: _row("54", "Expired card", _CORRECTED),
    Decline.WRONG_PIN: _row("55", "Incorrect PIN", _CORRECTED),
    Decline.NO_CARD_RECORD: _row("56", "No card record", _NEVER),
    Decline.NOT_PERMITTED_TO_CARDHOLDER: _row("57", "Not permitted to cardholder", _NEVER),
    Decline.NOT_PERMITTED_TO_TERMINAL: _row("58", "Not permitted to terminal", _NEVER),
    Decline.SUSPECTED_FRAUD: _row("59", "Suspected fraud", _LATER, _FRAUD),
    Decline.EXCEEDS_AMOUNT_LIMIT: _row("61", "Exceeds amount limit", _LATER),
    Decline.RESTRICTED_CARD: _row("62", "Restricted card", _LATER),
    Decline.SECURITY_VIOLATION: _row("63", "Security violation", _CORRECTED),
    Decline.ORIGINAL_AMOUNT_WRONG: _row("64", "Original amount incorrect", _CORRECTED),
    Decline.EXCEEDS_COUNT_LIMIT: _row("65", "Exceeds frequency limit", _LATER),
    Decline.CAPTURE_CARD: _row("67", "Capture card", _NEVER),
    Decline.RESPONSE_TOO_LATE: _row("68", "Response received too late", _GENERIC, _FAULT),
    Decline.CONTACT_ISSUER: _row("70", "Contact card issuer", _GENERIC),
    Decline.PIN_TRIES_EXCEEDED: _row("75", "PIN tries exceeded", _LATER),
    Decline.ORIGINAL_UNKNOWN: _row("76", "Unable to locate previous message", _NEVER),
    Decline.INCONSISTENT_WITH_ORIGINAL: _row("77", "Inconsistent with original", _CORRECTED),
    Decline.CARD_BLOCKED: _row("78", "Blocked or not yet activated", _LATER),
    Decline.LIFECYCLE: _row("79", "Declined by life cycle rules", _NEVER),
    Decline.INVALID_DATE: _row("80", "Invalid date", _CORRECTED),
    Decline.POLICY: _row("82", "Declined by policy", _LATER),
    Decline.FRAUD_SECURITY: _row("83", "Fraud or security", _NEVER, _FRAUD),
    Decline.PIN_NOT_VERIFIED: _row("86", "Cannot verify PIN", _GENERIC, _FAULT),
    Decline.CRYPTO_FAILURE: _row("88", "Cryptographic failure", _GENERIC, _FAULT),
    Decline.BAD_TERMINAL: _row("89", "Unacceptable terminal", _GENERIC, _FAULT),
    Decline.ISSUER_UNAVAILABLE: _row("91", "Issuer or switch is inoperative", _LATER, _FAULT),
    Decline.CANNOT_ROUTE: _row("92", "Unable to route transaction", _LATER, _FAULT),
    Decline.VIOLATION_OF_LAW: _row("93", "Violation of law", _LATER),
    Decline.DUPLICATE_TRANSMISSION: _row("94", "Duplicate transmission", _GENERIC, _FAULT),
    Decline.RECONCILIATION_ERROR: _row("95", "Reconciliation error", _GENERIC, _FAULT),
    Decline.SYSTEM_MALFUNCTION: _row("96", "System malfunction", _LATER, _FAULT),
    Decline.AUTHENTICATION_REQUIRED: _row("1A", "Customer authentication required", _STRONGER),
    Decline.CARDHOLDER_ID_FAILED: _row("6P", "Cardholder identification failed", _CORRECTED),
    Decline.FORCE_STAND_IN: _row("N0", "Force stand-in processing", _LATER),
    Decline.CASH_UNAVAILABLE: _row("N3", "Cash service not available", _LATER),
    Decline.CASH_LIMIT: _row("N4", "Exceeds issuer cash limit", _LATER),
    Decline.CVV_FAILURE: _row("N7", "CVV2 failure", _CORRECTED),
    Decline.STOP_THIS_PAYMENT: _row("R0", "Stop payment order", _NEVER),
    Decline.STOP_THIS_MANDATE: _row("R1", "Revocation of authorization", _NEVER),
    Decline.STOP_ALL_MANDATES: _row("R3", "Revocation of all authorizations", _NEVER),
    Decline.CANNOT_GO_ONLINE: _row("Z3", "Unable to go online", _LATER),
    Decline.CARD_AUTHENTICATION_FAILED: _row("Q1", "Card authentication failed", _NEVER),
    # Ours: what no host says. Nothing was sent; or the host was asked afterwards and has never seen
    # it.
    Decline.NOT_SENT: _row("96", "System malfunction", _LATER, _FAULT),
    Decline.NOT_RECEIVED: _row("96", "System malfunction", _LATER, _FAULT),
}
# fmt: on

BY_CODE: Final[dict[str, Decline]] = {
    reason.code: decline
    for decline, reason in REASONS.items()
    if decline not in {Decline.NOT_SENT, Decline.NOT_RECEIVED}
}
