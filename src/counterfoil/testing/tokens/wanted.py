"""What a token for tests is to be: its form, its card, and how it is broken, if it is."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from counterfoil.core.record import Record
from counterfoil.core.wallets import Form, Reason, Wallet

APPLE: Final = (Form.EC_V1, Form.RSA_V1)
GOOGLE: Final = (Form.ECV1, Form.ECV2, Form.ECV2_SIGNING_ONLY)
SEALED: Final = (Form.ECV1, Form.ECV2)  # of Google's
VERSION_2: Final = (Form.ECV2, Form.ECV2_SIGNING_ONLY)
EVERY: Final = (*APPLE, *GOOGLE)
FORMS: Final[Mapping[Wallet, tuple[Form, ...]]] = {
    Wallet.APPLE_PAY: APPLE,
    Wallet.GOOGLE_PAY: GOOGLE,
}


class Broken(StrEnum):
    """What is wrong with a token."""

    SIGNATURE = "signature"  # one bit of the signature is another
    DATA = "data"  # what is signed was changed afterwards
    EXPIRED = "expired"  # it is an hour too old
    FUTURE = "future"  # it was signed an hour from now
    REPLAYED = "replayed"  # all tokens of this kind have one identity: the second is refused
    OTHER_MERCHANT = "other_merchant"  # it was made for another merchant
    OTHER_RECIPIENT = "other_recipient"  # it was signed for another gateway
    OTHER_KEY = "other_key"  # it was sealed for a key that nobody here has
    ROOT = "root"  # it was signed under another root
    UNMARKED = "unmarked"  # the certificate is not one for payment tokens
    KEY_EXPIRED = "key_expired"  # the certificate or the intermediate key is out of date
    VERSION = "version"  # it names a version that does not exist
    MALFORMED = "malformed"  # a member is missing
    PAYLOAD = "payload"  # there is no card in it
    TAG = "tag"  # it was sealed with a wrong tag, and signed like that
    AMOUNT = "amount"  # the customer agreed to one unit less
    CURRENCY = "currency"  # the customer agreed to another currency


def _for(forms: tuple[Form, ...], reason: Reason) -> dict[Form, Reason]:
    return dict.fromkeys(forms, reason)


# fmt: off
BREAKS: Final[Mapping[Broken, Mapping[Form, Reason]]] = {
    Broken.SIGNATURE: _for(EVERY, Reason.SIGNATURE),
    Broken.DATA: _for(APPLE, Reason.DIGEST) | _for(GOOGLE, Reason.SIGNATURE),
    Broken.EXPIRED: _for(APPLE, Reason.SIGNING_TIME) | _for(GOOGLE, Reason.EXPIRED),
    Broken.FUTURE: _for(APPLE, Reason.SIGNING_TIME),
    Broken.REPLAYED: _for(EVERY, Reason.REPLAYED),
    Broken.OTHER_MERCHANT: _for(EVERY, Reason.OTHER_MERCHANT),
    Broken.OTHER_RECIPIENT: _for(GOOGLE, Reason.SIGNATURE),
    Broken.OTHER_KEY: _for((*APPLE, *SEALED), Reason.UNKNOWN_KEY),
    Broken.ROOT: _for((*APPLE, *VERSION_2), Reason.CHAIN) | {Form.ECV1: Reason.SIGNATURE},
    Broken.UNMARKED: _for(APPLE, Reason.SIGNER),
    Broken.KEY_EXPIRED: _for((*APPLE, *VERSION_2), Reason.KEY_EXPIRED),
    Broken.VERSION: _for(EVERY, Reason.UNSUPPORTED),
    Broken.MALFORMED: _for(EVERY, Reason.MALFORMED),
    Broken.PAYLOAD: _for(EVERY, Reason.PAYLOAD),
    Broken.TAG: _for(SEALED, Reason.UNKNOWN_KEY),
    Broken.AMOUNT: _for(APPLE, Reason.AMOUNT),
    Broken.CURRENCY: _for(APPLE, Reason.CURRENCY),
}
# fmt: on


class Wanted(Record):
    """A token to be made. `now` is in microseconds since 1970 UTC, `cryptogram` in base64.

    `cryptogram` None: Google's plain card (PAN_ONLY), which an Apple Pay token cannot be.
    """

    form: Form
    pan: str
    month: int
    year: int
    now: int
    cryptogram: str | None
    eci: str | None = None
    minor: int = 0
    currency: str = "USD"
    broken: Broken | None = None
