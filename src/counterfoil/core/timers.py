"""Timers: what is to happen later, durable with the change that causes it.

There is at most one timer of a kind, subject and lane. Setting one that waits already leaves it
where it is, but marks it as touched: who was at work on it then looks again.
"""

from enum import StrEnum

from counterfoil.core.record import Record


class Due(StrEnum):
    """What a timer is for; its subject is an id."""

    EXPIRE = "expire"  # an order's page session is over; subject: the order
    CHARGE = "charge"  # an automatic charge after a delay; subject: the order
    RELEASE = "release"  # an authorization has lived its life; subject: the order
    RESOLVE = "resolve"  # an operation has no answer; subject: the operation, lane: none
    DELIVER = "deliver"  # notices wait for an endpoint; subject: the order, lane: the endpoint
    RESEND = "resend"  # an attempt is to be made again; subject: the attempt, lane: the endpoint


class Timer(Record):
    """Something to do at an instant (microseconds since 1970 UTC).

    `lane`: timers of one lane wait for one address, and for no other. `since`: the first thing that
    is to be done (a notice's sequence, or the order of an operation).
    """

    kind: Due
    subject: int
    due: int
    lane: int = 0
    since: int = 0


class Claim(Record):
    """A timer taken by one worker, and how often it has been tried; `touched` as it was then."""

    merchant: int
    timer: Timer
    touched: int = 0
    tries: int = 0
    parked: bool = False
    why: str | None = None


class Settled(Record):
    """What came of a claim: `again` is when it is due next, `parked` that nobody tries it again.

    Neither: it is done and is removed, unless it was touched meanwhile.
    """

    claim: Claim
    again: int | None = None
    parked: bool = False
    since: int = 0
    tries: int = 0
    why: str | None = None
