"""Paying with a wallet's token: opened in the vault, authorized like a card, good once."""

from typing import Protocol

from msgspec.structs import replace

from counterfoil.core.errors import Code, Refused
from counterfoil.core.merchant import Merchant
from counterfoil.core.money import Money
from counterfoil.core.ports import Capability
from counterfoil.core.wallets import Opened, Reason, Token, TokenError
from counterfoil.engine.orders import Draft, NewCard, Orders
from counterfoil.engine.perform import Done, Engine, KeyTakenError, Once


class Wallets(Protocol):
    """Where tokens are opened: the vault."""

    def open(
        self, merchant: Merchant, token: Token, amount: Money, now: int, *, samples: bool
    ) -> Opened:
        """The token, opened; `now` is in microseconds since 1970 UTC.

        `samples`: the acquirer takes no money, so that a token of nobody's may stand for a real
        one. Raises `TokenError`.
        """
        ...


async def authorize(
    orders: Orders,
    wallets: Wallets | None,
    merchant: Merchant,
    draft: Draft,
    token: Token,
    once: Once | None = None,
) -> Done:
    """A new order, and its authorization with the card in the token.

    Raises `Refused(WALLET_REFUSED)` with a `Reason` of why; then nothing was made and the token, if
    it is good, may still be used. A request that is repeated under its key is to be answered before
    this is called: its token is used, and may be over.
    """
    opened = opened_for(orders.engine, wallets, merchant, draft.terminal, (token, draft.amount))
    paid = replace(draft, wallet=opened.use, secure3d=None)
    try:
        return await orders.authorize(merchant, paid, card_of(opened), once)
    except KeyTakenError:
        raise Refused(Code.WALLET_REFUSED, reason=Reason.REPLAYED) from None


def opened_for(
    engine: Engine,
    wallets: Wallets | None,
    merchant: Merchant,
    terminal: str | None,
    asked: tuple[Token, Money],
) -> Opened:
    """The token, opened for that amount at that terminal; raises `Refused` as `authorize` does."""
    supports = engine.acquirer(merchant, merchant.terminal(terminal).name).supports
    if Capability.CRYPTOGRAMS not in supports:
        raise Refused(Code.NOT_SUPPORTED, operation="wallet tokens")
    if wallets is None:
        raise Refused(Code.WALLET_REFUSED, reason=Reason.NO_KEYS)
    samples = Capability.SAMPLES in supports
    try:
        return wallets.open(merchant, *asked, engine.clock.now(), samples=samples)
    except TokenError as error:
        raise Refused(Code.WALLET_REFUSED, reason=error.reason) from None


def card_of(opened: Opened) -> NewCard:
    """The card in a token."""
    return NewCard(
        pan=opened.pan, month=opened.month, year=opened.year, cryptogram=opened.cryptogram
    )
