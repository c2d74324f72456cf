"""Small calls: the methods that can be paid with."""

from typing import Final

from counterfoil.dialects.razorpay.call import Call, answer
from counterfoil.exchange import Reply

BANKS: Final = {
    "HDFC": "HDFC Bank",
    "ICIC": "ICICI Bank",
    "KKBK": "Kotak Mahindra Bank",
    "SBIN": "State Bank of India",
    "UTIB": "Axis Bank",
    "YESB": "Yes Bank",
}
WALLETS: Final = ("airtelmoney", "freecharge", "jiomoney", "mobikwik", "olamoney", "payzapp")
METHODS: Final = {
    "entity": "methods",
    "card": True,
    "debit_card": True,
    "credit_card": True,
    "prepaid_card": True,
    "card_networks": {
        "AMEX": 1, "DICL": 1, "MC": 1, "MAES": 1, "VISA": 1, "JCB": 0, "RUPAY": 1
    },
    "amex": True,
    "netbanking": BANKS,
    "wallet": dict.fromkeys(WALLETS, True),
    "emi": False,
    "upi": True,
    "upi_intent": True,
    "cardless_emi": [],
    "paylater": [],
    "emi_plans": [],
    "recurring": {"card": []},
}  # fmt: skip


async def methods(_: Call) -> Reply:
    """GET /v1/methods; GET /methods, as the Python client asks."""
    return answer(METHODS)
