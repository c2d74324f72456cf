"""Timers: what is to happen later, durable with the change that causes it.

There is at most one timer of a kind, subject and lane. Setting one that waits already leaves it
where it is, but marks it as touched: who was at work on it then looks again.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Protocol

from counterfoil.core.callbacks import Attempt
from counterfoil.core.record import Record


class Due(StrEnum):
    """What a timer is for; its subject is an id."""

    EXPIRE = "expire"  # an order's page session is over; subject: the order
    CHARGE = "charge"  # an automatic charge after a delay; subject: the authorization
    RELEASE = "release"  # an authorization has lived its life; subject: the authorization
    ABANDON = "abandon"  # a payment's customer has had his time; subject: the payment
    RESOLVE = "resolve"  # an operation has no answer; subject: the operation, lane: none
    GIVE_BACK = "give_back"  # it was approved after all, when nobody counted on it; as RESOLVE
    DELIVER = "deliver"  # notices wait for an endpoint; subject: the order, lane: the endpoint
    RETRY = "retry"  # an account did not pay an order; subject: the order, since: which try
    RESEND = "resend"  # an attempt is to be made again; subject: the attempt, lane: the endpoint


class Timer(Record):
    """Something to do at an instant (microseconds since 1970 UTC).

    `lane`: timers of one lane wait for one address, and for no other. `since`: the first thing that
    is to be done (a notice's sequence, or the order of an operation or payment).
    """

    kind: Due
    subject: int
    due: int
    lane: int = 0
    since: int = 0


class Errand(Record):
    """A timer as it rests. `holder` is who took it last: an id that the taker gave itself.

    `tries` counts the failures since it last got on; `touched` how often it was set again.
    """

    merchant: int
    timer: Timer
    holder: int = 0
    touched: int = 0
    tries: int = 0
    parked: bool = False
    why: str | None = None


class Settled(Record):
    """What came of an errand. `again` is when it is due next; None: it is done, and is removed.

    `parked`: it is kept, but tried no more until it is set again. One that was touched meanwhile
    is neither removed nor parked. `since` and `tries` are as it is to rest.
    """

    errand: Errand
    again: int | None = None
    parked: bool = False
    since: int = 0
    tries: int = 0
    why: str | None = None


class Want(Record):
    """So many timers of a merchant's lane, if they are due."""

    merchant: int
    lane: int
    limit: int


class Queue(Record):
    """So much waits, the oldest since an instant (microseconds since 1970 UTC); `parked` besides.

    A callback that is to be tried again waits, and its instant is yet to come.
    """

    waiting: int = 0
    since: int | None = None
    parked: int = 0

    def __add__(self, other: "Queue") -> "Queue":
        """Both as one."""
        instants = [each for each in (self.since, other.since) if each is not None]
        return Queue(
            waiting=self.waiting + other.waiting,
            since=min(instants, default=None),
            parked=self.parked + other.parked,
        )


class Backlog(StrEnum):
    """What may wait too long."""

    OPERATIONS = "operations"  # without an answer
    TIMERS = "timers"  # that are due, callbacks apart
    CALLBACKS = "callbacks"  # for an endpoint, by order


class Timekeeper(Protocol):
    """What a store does with timers, besides keeping those of a change."""

    async def plant(
        self, merchant: int, timers: Sequence[Timer], *, unless_there: bool = False
    ) -> None:
        """Set timers that no order's change causes; or only those that are not there yet."""
        ...

    async def claim(
        self, wants: Sequence[Want], *, now: int, holder: int, until: int
    ) -> Sequence[Errand]:
        """Take what is due and nobody holds, the earliest first; it is the holder's till then."""
        ...

    async def settle(self, settled: Sequence[Settled], attempts: Sequence[Attempt]) -> None:
        """Let go of errands, and keep the attempts made; one that another has taken stays his.

        The attempts of one errand are kept with it, or not at all.
        """
        ...

    async def let_go(self, merchant: int, worker: int) -> None:
        """Let go of whatever the process of this number held: it has started anew."""
        ...

    async def timers(self, merchant: int, limit: int, *, parked: bool = False) -> Sequence[Errand]:
        """A merchant's timers, those due first first; `parked`: only those tried no more."""
        ...

    async def backlog(self, merchant: int, now: int) -> Mapping[Backlog, Queue]:
        """What of a merchant waits; nothing is left out but what does not wait."""
        ...

    async def next_due(self, merchant: int, now: int) -> int | None:
        """When the next timer of a merchant is due that is not due yet."""
        ...
