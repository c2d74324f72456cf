"""How a payment is made, in this wire's words; the core keeps the word where it is no card."""

from enum import StrEnum

from counterfoil.core.order import Payment


class Method(StrEnum):
    """An instrument. An invoice of another wire is this one's payment later."""

    CARD = "card"
    BANK = "netbanking"
    UPI = "upi"
    WALLET = "wallet"
    LATER = "paylater"


def method_of(payment: Payment) -> Method:
    """What the payment is made with."""
    if payment.method is None:
        return Method.CARD
    return Method(payment.method) if payment.method in set(Method) else Method.LATER
