"""Tokens to be opened, and the keys to open them with."""

import json
from base64 import b64decode, b64encode
from collections.abc import Callable
from functools import cache
from hashlib import sha256

import pytest

from counterfoil.core.card import Masked
from counterfoil.core.money import Money
from counterfoil.core.wallets import Form, Opened, Reason, Token, TokenError
from counterfoil.testing import demo_merchant
from counterfoil.testing.tokens import BREAKS, FORMS, Mint, Wanted, make_token
from counterfoil.testing.world import START_US
from counterfoil.vault.wallets import Keys, TokenVault, read_keys

PAN = "4109370000044320"
CRYPTOGRAM = "Af9x/QwAA/DjmU65oyc1MAABAAA="
AMOUNT = Money(minor=9_99, currency="USD")
WALLETS = {form: wallet for wallet, forms in FORMS.items() for form in forms}
EVERY = list(WALLETS)
KINDS = [(form, broken) for broken, forms in BREAKS.items() for form in forms]
WANTED = Wanted(
    form=Form.EC_V1,
    pan=PAN,
    month=12,
    year=2030,
    now=START_US,
    cryptogram=CRYPTOGRAM,
    eci="05",
    minor=AMOUNT.minor,
)


@cache
def mint() -> Mint:
    return Mint.create()


@cache
def keys() -> Keys:
    return read_keys(json.dumps(mint().keys()))


def hashed(text: str) -> bytes:
    return sha256(text.encode()).digest()


def vault(own: Keys | None = None, sandbox: Keys | None = None) -> TokenVault:
    return TokenVault(hashed, lambda _: own, lambda: sandbox)


def opened(
    wanted: Wanted, text: str | None = None, *, now: int = START_US, own: Keys | None = None
) -> Opened:
    """What a gateway with those keys makes of a token."""
    token = Token(wallet=WALLETS[wanted.form], text=Masked(text or make_token(mint(), wanted)))
    amount = Money(minor=wanted.minor, currency=wanted.currency)
    return vault(own or keys()).open(demo_merchant(), token, amount, now, samples=False)


def refused(why: Callable[[], Opened]) -> Reason:
    with pytest.raises(TokenError) as caught:
        why()
    return caught.value.reason


def changed(wanted: Wanted, change: Callable[[dict[str, object]], object]) -> str:
    """A token whose JSON was changed by hand."""
    members = json.loads(b64decode(make_token(mint(), wanted)))
    change(members)
    return b64encode(json.dumps(members).encode()).decode()
