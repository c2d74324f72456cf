"""Tokens of Apple Pay and Google Pay: verified against given roots, then opened.

Nothing is opened before its signature is found right, and no fault says what was inside. `apple.py`
and `google.py` are functions of token, keys and time; here it is decided whose keys they get:

* the merchant's own, where it has any for that wallet;
* else, where the acquirer takes no money, those of the deployment's sandbox, if the token says that
  it was made there (`"sandbox": true` beside what the wallet writes);
* any other token that is given to such an acquirer is a sample: it stands for a test card.
"""

import re
import secrets
from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec
from msgspec.structs import replace

from counterfoil.core.card import Pan
from counterfoil.core.merchant import Merchant
from counterfoil.core.money import Money
from counterfoil.core.wallets import (
    Cryptogram,
    Form,
    Opened,
    Reason,
    Token,
    TokenError,
    Wallet,
    WalletUse,
)
from counterfoil.vault.wallets import apple, google
from counterfoil.vault.wallets.keys import Keys, KeysFile, SealedKeys, read_keys, seal_keys
from counterfoil.vault.wallets.reading import from_base64, read

__all__ = ["Keys", "KeysFile", "SealedKeys", "TokenVault", "read_keys", "seal_keys"]

SAMPLE_CARD: Final = "4109370000044320"  # of the Bizon document's own example
SAMPLE_YEARS: Final = 4
SAMPLE_ECI: Final = "05"
SAMPLE: Final = re.compile(r"(?!invalid$)[A-Za-z0-9+/_=\s-]+", re.ASCII)
CRYPTOGRAM_BYTES: Final = 20
ID_BYTES: Final = 32
UNIX: Final = datetime(1970, 1, 1, tzinfo=UTC)
KeysOf = Callable[[Merchant], Keys | None]


class Outer(msgspec.Struct, rename="camel"):
    """What a token comes in."""

    payment_data: msgspec.Raw = msgspec.Raw()
    sandbox: bool = False


class TokenVault:
    """The `Wallets` of a deployment.

    `digest` is a keyed hash; `keys_of` gives a merchant's keys, `sandbox` the deployment's own.
    """

    def __init__(
        self,
        digest: Callable[[str], bytes],
        keys_of: KeysOf,
        sandbox: Callable[[], Keys | None] = lambda: None,
    ) -> None:
        self._digest = digest
        self._keys_of = keys_of
        self._sandbox = sandbox

    def open(
        self, merchant: Merchant, token: Token, amount: Money, now: int, *, samples: bool
    ) -> Opened:
        """The token, opened; see `engine/wallets.py`. Raises `TokenError`."""
        keys, text = self._keys_of(merchant), token.text.reveal()
        if samples and (keys is None or getattr(keys, token.wallet) is None):
            if not _made_here(text):
                return self._kept(_sample(token.wallet, text, now))
            keys = self._sandbox()
        return self._kept(_opened(token.wallet, text, keys, amount, now))

    def _kept(self, opened: Opened) -> Opened:
        """The token with what stands for its cryptogram where that would be shown."""
        if opened.cryptogram is None:
            return opened
        hashed = self._digest(f"{opened.use.key}\n{opened.cryptogram.reveal()}")
        stand_in = b64encode(hashed[:CRYPTOGRAM_BYTES]).decode()
        return replace(opened, use=replace(opened.use, stand_in=stand_in))


def _opened(wallet: Wallet, text: str, keys: Keys | None, amount: Money, now: int) -> Opened:
    if keys is None:
        raise TokenError(Reason.NO_KEYS)
    encoded = _json(text)
    if wallet is Wallet.APPLE_PAY:
        if keys.apple_pay is None:
            raise TokenError(Reason.NO_KEYS)
        inner = read(encoded, Outer).payment_data
        token = read(bytes(inner) or encoded, apple.PaymentData)
        return apple.open_token(token, keys.apple_pay, amount, now)
    if keys.google_pay is None:
        raise TokenError(Reason.NO_KEYS)
    return google.open_token(read(encoded, google.Envelope), keys.google_pay, now)


def _json(text: str) -> bytes:
    """A token's JSON text; on the wire it is base64 of it, but the text itself will do."""
    return text.encode() if text.lstrip().startswith("{") else from_base64(text)


def _made_here(text: str) -> bool:
    try:
        return read(_json(text), Outer).sandbox
    except TokenError:
        return False


def _sample(wallet: Wallet, text: str, now: int) -> Opened:
    """The test card that a token of nobody's stands for; the documented one is cut short."""
    if SAMPLE.fullmatch(text.strip()) is None and not text.lstrip().startswith("{"):
        raise TokenError(Reason.MALFORMED)
    return Opened(
        use=WalletUse(
            wallet=wallet, form=Form.SAMPLE, id=secrets.token_hex(ID_BYTES), eci=SAMPLE_ECI
        ),
        pan=Pan(SAMPLE_CARD),
        month=12,
        year=(UNIX + timedelta(microseconds=now)).year + SAMPLE_YEARS,
        cryptogram=Cryptogram(b64encode(secrets.token_bytes(CRYPTOGRAM_BYTES)).decode()),
    )
