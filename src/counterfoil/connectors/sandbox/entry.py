"""A line of the bank's book."""

from counterfoil.core.order import Kind, Outcome
from counterfoil.core.record import Record


class Entry(Record):
    """What was asked, and what the bank made of it.

    `script` names the row of the table by which later operations misbehave, where there is one.
    """

    reference: int
    kind: Kind
    merchant: int
    order: int
    minor: int
    currency: str
    original: int | None = None
    outcome: Outcome = Outcome.APPROVED
    code: str = "00"
    script: str | None = None
