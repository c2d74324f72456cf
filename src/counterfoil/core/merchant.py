"""Who sells, under what terms: small, seldom changed, cached by whoever reads it."""

from hashlib import sha256
from typing import Final

from counterfoil.core.card import SealedSecret
from counterfoil.core.errors import Code, Refused
from counterfoil.core.record import Record

DEFAULT_TERMINAL: Final = "TERM"


class Pricing(Record):
    """What the merchant pays, in basis points (300 is 3 %), per merchant or terminal."""

    fee_bps: int = 0
    reserve_bps: int = 0


class Terminal(Record):
    """The acquirer's handle for the merchant, and what the cardholder reads on the statement.

    `accounting`: the currency it settles in, where that is not the merchant's.
    """

    name: str
    descriptor: str | None = None
    pricing: Pricing | None = None
    accounting: str | None = None
    connector: str = "sandbox"


class Merchant(Record):
    """A merchant and its settings; `settings` holds those of single wires as `wire.name` pairs.

    `charge_after_s`: what is authorized is charged by itself after so many seconds.
    `authorization_days`: when an authorization lapses, where the schemes' own terms are not to hold
    (0: never).
    `page_timeout_s`: how long a payment page lives unless its order says otherwise.
    `wallet_keys` open the tokens of its wallets (`vault/wallets/keys.py`).
    """

    id: int
    name: str
    currency: str = "USD"
    accounting_currency: str = "USD"
    currencies: tuple[str, ...] = ("USD",)
    zone: str = "UTC"
    pricing: Pricing = Pricing()
    terminals: tuple[Terminal, ...] = (Terminal(name=DEFAULT_TERMINAL),)
    cvv_required: bool = True
    holder_required: bool = True
    auto_charge: bool = False
    charge_after_s: int | None = None
    authorization_days: int | None = None
    multiple_charges: bool = False
    credit_enabled: bool = True
    page_timeout_s: int = 1800
    secure3d: bool = False  # card payments are authenticated unless one says otherwise
    unproved: bool = False  # go on where the issuer could not authenticate the cardholder
    settings: tuple[str, ...] = ()
    wallet_keys: SealedSecret | None = None

    def terminal(self, name: str | None, currency: str | None = None) -> Terminal:
        """The terminal of that name; without one, that which settles in the currency, or the first.

        Raises `Refused(UNKNOWN_TERMINAL)`.
        """
        if not name:
            for each in self.terminals if currency else ():
                if each.accounting == currency:
                    return each
            return self.terminals[0]
        for terminal in self.terminals:
            if terminal.name == name:
                return terminal
        raise Refused(Code.UNKNOWN_TERMINAL, terminal=name)


class Credential(Record):
    """How a caller proves to be the merchant on one wire; the secret rests as a keyed hash.

    `sealed` is the secret itself, on wires where we sign with it.
    """

    wire: str
    login: str
    merchant: int
    secret_hash: bytes
    sealed: SealedSecret | None = None

    @property
    def owner(self) -> tuple[int, int]:
        """Whose the sealed secret is: the vault opens it for no other."""
        named = sha256(f"{self.wire}\n{self.login}".encode()).digest()
        return self.merchant, int.from_bytes(named[:8]) >> 1
