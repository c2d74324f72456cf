"""POST /v1/orders: what may be said of a new order, checked in the order of the reference."""

import re
from typing import Final

import msgspec
from msgspec.structs import replace

from counterfoil.core.merchant import Merchant
from counterfoil.core.minor import digits, payable
from counterfoil.core.money import Money
from counterfoil.dialects.razorpay import facts, reading
from counterfoil.dialects.razorpay.errors import Failure
from counterfoil.dialects.razorpay.facts import OrderFacts
from counterfoil.dialects.razorpay.reading import Given
from counterfoil.engine.orders import Draft

AMOUNT_MIN: Final = 100
AMOUNT_MAX: Final = 2**53
RECEIPT_MAX: Final = 40
IFSC: Final = re.compile(r"[A-Za-z]{4}0[0-9A-Za-z]{6}", re.ASCII)
BANKED: Final = ("netbanking", "upi", "card")  # third party validation
EXPIRY_MIN: Final = 12  # minutes
EXPIRY_MAX: Final = 7_200
THREE: Final = 3
TEN: Final = 10
SPEEDS: Final = ("normal", "optimum")
CAPTURES: Final = {"automatic": True, "manual": False}
# Taken without effect, so that shops' plugins pass: products that are not served here.
IGNORED: Final = frozenset((
    "offer_id", "offers", "discount", "app_offer", "customer_id", "customer_details", "token",
    "transfers", "products", "line_items", "line_items_total", "shipping_fee", "cod_fee",
    "promotions", "device_details", "rto_review", "phonepe_switch_context",
))  # fmt: skip
KNOWN: Final = IGNORED | frozenset((
    "amount", "currency", "receipt", "notes", "partial_payment", "first_payment_min_amount",
    "method", "bank_account", "payment_capture", "payment",
))  # fmt: skip


def draft(given: Given, merchant: Merchant, key: str, now: int) -> Draft:
    """The order to be made; raises `Failure`."""
    reading.only(given, KNOWN)
    reading.need(given, "amount", "currency")
    amount = enough(money(given, merchant))
    notes = reading.notes(given)
    kept = OrderFacts(
        key=key,
        notes=((now, notes or facts.NOTHING),),
        partial=reading.flag(given, "partial_payment") or False,
        method=_method(given),
        ifsc=_ifsc(given),
    )
    return Draft(
        amount=amount,
        reference=reading.text(given, "receipt", RECEIPT_MAX),
        custom=custom(notes),
        facts=facts.text(_captured(_first(kept, given, amount.minor), given)),
    )


def money(given: Given, merchant: Merchant) -> Money:
    """Amount and currency; raises `Failure`."""
    minor, code = reading.integer(given, "amount"), reading.text(given, "currency")
    assert minor is not None, "it was looked for before"
    if code not in merchant.currencies or not payable(code):
        raise Failure("Currency is not supported", "currency")
    if minor < 0:
        raise Failure("amount: must be no less than 0.", "amount")
    if minor > AMOUNT_MAX:
        raise Failure("Amount exceeds maximum amount allowed.", "amount")
    return rounded(Money(minor=minor, currency=code))


def rounded(amount: Money) -> Money:
    """The amount, if its currency has fewer than three decimals or the last is 0."""
    if digits(amount.currency) == THREE and amount.minor % TEN:
        raise Failure("The amount must end in 0 in this currency.", "amount")
    return amount


def enough(amount: Money) -> Money:
    """The amount, if it is no less than the least; raises `Failure`."""
    if amount.minor < AMOUNT_MIN:
        least = replace(amount, minor=AMOUNT_MIN).text()
        raise Failure(f"The amount must be at least {amount.currency} {least}", "amount")
    return amount


def custom(notes: str | None) -> tuple[tuple[str, str], ...]:
    """The notes as the other wires know them: names and texts."""
    if notes is None or notes == facts.NOTHING:
        return ()
    given = msgspec.json.decode(notes, type=dict[str, msgspec.Raw])
    return tuple((name, _plain(bytes(value).decode())) for name, value in sorted(given.items()))


def _plain(value: str) -> str:
    return msgspec.json.decode(value, type=str) if value.startswith('"') else value


def _first(kept: OrderFacts, given: Given, amount: int) -> OrderFacts:
    """With the least first payment, which means something where parts are paid."""
    name = "first_payment_min_amount"
    least = reading.integer(given, name)
    if least is None or not kept.partial:
        return kept
    if least < 0:
        raise Failure(f"{name} should be greater than or equal to 0.", name)
    if least > amount:
        raise Failure(f"{name} should be less than or equal to amount.", name)
    return replace(kept, first_minor=least)


def _method(given: Given) -> str | None:
    method = reading.text(given, "method")
    if method is not None and method not in BANKED:
        raise Failure(f"Invalid payment method given: {method}", "method")
    return method


def _ifsc(given: Given) -> str | None:
    """The bank of the account that alone may pay. Its number is looked at and not kept."""
    account = reading.inner(given, "bank_account")
    if not account:
        return None
    names = ("account_number", "name", "ifsc")
    reading.only(account, names, "bank_account.")
    reading.need(account, *names, within="bank_account.")
    code = reading.text(account, "ifsc")
    if code is None or IFSC.fullmatch(code) is None:
        raise Failure("The bank account.ifsc is invalid.", "bank_account.ifsc")
    return code.upper()


def _captured(kept: OrderFacts, given: Given) -> OrderFacts:
    """With who captures and when, by the newer switch or the older."""
    capture = reading.flag(given, "payment_capture")
    newer = reading.inner(given, "payment")
    if not newer:
        return replace(kept, capture=capture)
    reading.only(newer, ("capture", "capture_options"), "payment.")
    reading.need(newer, "capture", within="payment.")
    word = reading.text(newer, "capture")
    if word not in CAPTURES:
        raise Failure("The selected payment.capture is invalid.", "payment.capture")
    options = reading.inner(newer, "capture_options")
    names = ("automatic_expiry_period", "manual_expiry_period", "refund_speed")
    reading.only(options, names, "payment.capture_options.")
    speed = reading.text(options, "refund_speed")
    if speed is not None and speed not in SPEEDS:
        raise Failure("The selected refund speed is invalid.", "refund_speed")
    if options and CAPTURES[word]:
        reading.need(options, names[0])
    automatic = _period(options, names[0], EXPIRY_MIN)
    return msgspec.structs.replace(
        kept,
        capture=CAPTURES[word],
        automatic_expiry=automatic,
        manual_expiry=_period(options, names[1], automatic or EXPIRY_MIN) or EXPIRY_MAX,
    )


def _period(options: Given, name: str, least: int) -> int | None:
    minutes = reading.integer(options, name)
    if minutes is not None and not least <= minutes <= EXPIRY_MAX:
        raise Failure(f"{name} must be between {least} and {EXPIRY_MAX}.", name)
    return minutes
