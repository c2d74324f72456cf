"""The test bank: an acquirer and issuer in this process, driven by one published table of cards.

It is deterministic, keeps its own book, and opens no connection. `table.py` says what each card
does, `book.py` keeps what was booked, `acquirer.py` speaks to the engine, `acs.py` is directory and
issuer for 3-D Secure.
"""

from counterfoil.connectors import Behaviour, Connector, Issuers, Rehearsal
from counterfoil.connectors.sandbox.acquirer import open_sandbox
from counterfoil.connectors.sandbox.acs import Acs
from counterfoil.connectors.sandbox.table import card_doing, card_for
from counterfoil.core.declines import Decline
from counterfoil.core.order import Kind
from counterfoil.threeds.server import Server


def _card(behaviour: Behaviour, on: Kind) -> str:
    if behaviour is Behaviour.DECLINE:
        return card_for(Decline.DO_NOT_HONOR, on)
    return card_doing(behaviour, on)


def _issuers(key: bytes) -> Issuers:
    acs = Acs(key)
    return Issuers(authenticator=Server(acs), bank=acs)


connector = Connector(
    name="sandbox",
    open=open_sandbox,
    issuers=_issuers,
    rehearsal=Rehearsal(card=_card, decline=Decline.DO_NOT_HONOR, options=(("late_ms", "1"),)),
)
