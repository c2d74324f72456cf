"""The test bank: an acquirer and issuer in this process, driven by one published table of cards.

It is deterministic, keeps its own book, and opens no connection. `table.py` says what each card
does, `book.py` keeps what was booked, `acquirer.py` speaks to the engine.
"""

from counterfoil.connectors import Behaviour, Connector, Rehearsal
from counterfoil.connectors.sandbox.acquirer import open_sandbox
from counterfoil.connectors.sandbox.table import card_doing, card_for
from counterfoil.core.declines import Decline
from counterfoil.core.order import Kind


def _card(behaviour: Behaviour, on: Kind) -> str:
    if behaviour is Behaviour.DECLINE:
        return card_for(Decline.DO_NOT_HONOR, on)
    return card_doing(behaviour, on)


connector = Connector(
    name="sandbox",
    open=open_sandbox,
    rehearsal=Rehearsal(card=_card, decline=Decline.DO_NOT_HONOR, options=(("late_ms", "1"),)),
)
