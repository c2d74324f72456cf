"""What an acquirer can say: a value, never an exception.

Only a clear yes or no closes an operation. A timeout, a broken connection, an echo that is not
ours: Unknown.
"""

from typing import TypeAlias

from counterfoil.core.declines import Decline
from counterfoil.core.money import Money
from counterfoil.core.record import Record


class Approved(Record):
    """Yes. `reference` and `amount` are the acquirer's echo of what it was asked."""

    reference: int
    amount: Money
    code: str = "00"
    auth_code: str | None = None
    rrn: str | None = None
    arn: str | None = None
    trace_id: str | None = None


class Declined(Record):
    """No, for a reason. `code` is the host's own where it differs from the reason's."""

    decline: Decline
    code: str | None = None
    rrn: str | None = None


class Unknown(Record):
    """Nobody knows yet; `why` is for the log (a word, never host data)."""

    why: str


Answer: TypeAlias = Approved | Declined | Unknown
Verdict: TypeAlias = Approved | Declined
