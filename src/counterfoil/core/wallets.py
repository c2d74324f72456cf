"""Wallet tokens: what a customer's phone gives instead of a card, and why one is refused.

The plain number and the cryptogram come out of a token in the vault and go to the acquirer with one
instruction. What rests of a token is a `WalletUse`: nothing that anybody could pay with.
"""

from enum import StrEnum
from typing import Final

from counterfoil.core.card import Masked, Pan
from counterfoil.core.record import Record

KEY: Final = "§"  # begins what remembers a token; no caller's idempotency key can


class Wallet(StrEnum):
    """Whose token it is."""

    APPLE_PAY = "apple_pay"
    GOOGLE_PAY = "google_pay"


class Form(StrEnum):
    """How a token is sealed and signed; SAMPLE is one that only a test bank takes."""

    EC_V1 = "EC_v1"
    RSA_V1 = "RSA_v1"
    ECV1 = "ECv1"
    ECV2 = "ECv2"
    ECV2_SIGNING_ONLY = "ECv2SigningOnly"
    SAMPLE = "sample"


class Reason(StrEnum):
    """Why a token is refused, in the order in which it is looked at."""

    NO_KEYS = "no_keys"  # the merchant has no keys for this wallet
    MALFORMED = "malformed"  # it is not built as its wallet documents
    UNSUPPORTED = "unsupported"  # a version, or a kind of payload, that we do not open
    SIGNER = "signer"  # it is not signed by what the wallet signs with
    CHAIN = "chain"  # its certificates or keys do not lead to a root that we trust
    KEY_EXPIRED = "key_expired"  # they were out of date when it was signed
    DIGEST = "digest"  # something else was signed
    SIGNATURE = "signature"  # the signature is not right, or is for another recipient
    SIGNING_TIME = "signing_time"  # it was signed too long ago, or is yet to be
    UNKNOWN_KEY = "unknown_key"  # no key of the merchant's opens it
    OTHER_MERCHANT = "other_merchant"  # it was made for another merchant
    EXPIRED = "expired"  # its lifetime is over
    PAYLOAD = "payload"  # there is no card in it
    AMOUNT = "amount"  # the customer agreed to another amount
    CURRENCY = "currency"  # the customer agreed to another currency
    REPLAYED = "replayed"  # the merchant has used it before


class TokenError(Exception):
    """A token is refused; nothing of what was in it is told."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.value)
        self.reason = reason


class Cryptogram(Masked):
    """The proof, good for one payment, that the customer was there; in base64."""

    __slots__ = ()


class Token(Record):
    """A token as the merchant passed it on: JSON text, or base64 of it."""

    wallet: Wallet
    text: Masked


class WalletUse(Record):
    """What is kept of a token that a payment was made with.

    `id` is the token's identity (hex), `until` the end of its lifetime (None: it may come again).
    `stand_in` is shown where a wire shows the cryptogram: a keyed hash of it, in its form; None
    where there is no cryptogram, because the card is a plain one. `eci` has two digits.
    """

    wallet: Wallet
    form: Form
    id: str
    until: int | None = None
    eci: str | None = None
    stand_in: str | None = None

    @property
    def key(self) -> str:
        """What the token is remembered by, among the merchant's idempotency keys."""
        return f"{KEY}{self.wallet} {self.id}"


class Opened(Record):
    """A token, opened: a card for one instruction, and what may be kept of it.

    Without a cryptogram it is a plain card, whose holder nobody has authenticated.
    """

    use: WalletUse
    pan: Pan
    month: int
    year: int
    cryptogram: Cryptogram | None = None
