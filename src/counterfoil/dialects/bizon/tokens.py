"""POST /orders/token_pay: a wallet's token instead of a card.

What it takes is what an authorization takes, but for the card and all that is about authenticating
its holder: such members are ignored, whatever is in them. The token is not looked into here.
"""

from typing import Final

from counterfoil.core.card import Masked
from counterfoil.core.merchant import Merchant
from counterfoil.core.wallets import Token, Wallet, WalletUse
from counterfoil.dialects.bizon import schema
from counterfoil.dialects.bizon.reading import Given, Reader
from counterfoil.engine.orders import Draft

IGNORED: Final = frozenset({"pan", "card", "secure3d"})
OPTIONS_IGNORED: Final = frozenset({"force3d", "return_url", "secure3d20_return_url"})
TOKEN_MAX: Final = 32_768  # characters; the wallets' are 1 to 6 thousand
TYPES: Final = " or ".join(Wallet)


def payment(reader: Reader, merchant: Merchant) -> tuple[Draft, Token | None]:
    """What is to be paid, and the token. Look at the reader's flaws before use."""
    kept = Reader(without_card(reader.given), flaws=reader.flaws)
    draft = schema.draft(kept, merchant)
    kept.inner("location").required("ip")
    return draft, token(kept.inner("dsrp"))


def without_card(given: Given) -> Given:
    """The members that count."""
    kept = {name: value for name, value in given.items() if name not in IGNORED}
    options = kept.get("options")
    if isinstance(options, dict):
        kept["options"] = {
            name: value for name, value in options.items() if name not in OPTIONS_IGNORED
        }
    return kept


def members(use: WalletUse) -> dict[str, str]:
    """What `secure3d` says of a token; the cryptogram has a stand-in there.

    A card without one is a plain card: nobody has authenticated its holder.
    """
    known = {"dsrp_type": use.wallet.value, "reason": "dsrp", "scenario": "unknown"}
    known |= {"dsrp": "0" if use.stand_in is None else "1", "version": "1", "xid": use.id}
    if use.stand_in is not None:
        known |= {"authorization_status": "Y", "cavv": use.stand_in}
    return known | ({"eci": use.eci.lstrip("0") or "0"} if use.eci else {})


def token(dsrp: Reader) -> Token | None:
    """Whose token it is, and the token; faults repeat nothing of it."""
    wallet: Wallet | None = None
    if dsrp.required("type"):
        written = dsrp.quietly("type")
        wallet = Wallet(written) if written in set(Wallet) else None
        if wallet is None:
            dsrp.fault("type", f"must be {TYPES}")
    text = dsrp.text("token", TOKEN_MAX) if dsrp.required("token") else None
    if wallet is None or text is None:
        return None
    return Token(wallet=wallet, text=Masked(text))
