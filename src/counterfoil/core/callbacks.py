"""Telling the merchant: who wants to know of what, what is sent, and what came of it.

A notice (`core/events.py`) is made in the same commit as what it tells of. Each endpoint that wants
its event gets a callback in the form of its wire: at least once, in order within one order.
"""

import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Protocol

from msgspec.structs import replace

from counterfoil.core.card import SealedSecret, Secret
from counterfoil.core.events import Event, Notice
from counterfoil.core.merchant import Merchant
from counterfoil.core.order import Order
from counterfoil.core.record import Record
from counterfoil.core.schedule import Schedule

ANSWER_MAX: Final = 500  # bytes kept of what an address answered
SUCCESS: Final = range(200, 300)
GONE: Final = 410


class Endpoint(Record):
    """An address of a merchant, the form it is told in (a wire's name, or `standard`), and of what.

    `events` empty: of everything its form has words for. `off`: why it is told nothing any more.
    `held_until`: it has asked not to be told anything before (microseconds since 1970 UTC).
    `facts` is what its wire keeps of it (JSON text), given back unread.
    `named`: it is told only of orders that name an address of their own there (its `url` is then
    scheme, host and port), and at that address.
    `off_since`: when it was switched off, where that was not the merchant's own wish.
    """

    merchant: int
    id: int
    wire: str
    url: str
    created: int
    events: tuple[Event, ...] = ()
    login: str | None = None
    secrets: tuple[SealedSecret, ...] = ()
    named: bool = False
    off: str | None = None
    held_until: int = 0
    facts: str | None = None
    off_since: int | None = None

    def address(self, callback: str | None) -> str | None:
        """Where it is told of an order that names that address; None: it is not."""
        if not self.named:
            return self.url
        return callback if callback is not None and origin(callback) == self.url else None

    def wants(self, event: Event) -> bool:
        """Whether it is to be told of this."""
        return self.off is None and (not self.events or event in self.events)

    def lasting(self, instant: int) -> "Endpoint":
        """The endpoint without the secrets that were in force until before that instant."""
        stay = [each for each in self.secrets if each.until is None or each.until >= instant]
        return replace(self, secrets=tuple(stay))

    def signing(self, at: int) -> tuple[SealedSecret, ...]:
        """The secrets that were in force at that instant, newest first.

        What happened before there was any is signed with the first.
        """
        found = [
            each
            for each in self.secrets
            if each.since <= at and (each.until is None or at < each.until)
        ]
        if not found and self.secrets:
            first = min(self.secrets, key=lambda each: each.since)
            found = [first] if at < first.since else []
        return tuple(sorted(found, key=lambda each: -each.since))


def origin(url: str) -> str:
    """Scheme, host and port of an address, as written."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{re.split('[/?#]', rest, maxsplit=1)[0]}"


class Told(Record):
    """What a form makes its callback of: the notice and the order as it then stood.

    `secrets` were in force when it happened, newest first. `now` is when this attempt is made, in
    microseconds since 1970 UTC; `base` the public address of the API, if one is configured.
    """

    merchant: Merchant
    endpoint: Endpoint
    notice: Notice
    order: Order
    secrets: tuple[Secret, ...]
    now: int
    base: str | None = None

    @property
    def id(self) -> str:
        """The callback's id: the same at every attempt, so that the merchant can drop repeats."""
        return f"msg_{self.notice.order}_{self.notice.sequence}"


class Callback(Record):
    """What is posted. `then`: what follows it, post by post, once it is taken.

    `timeout_s`: the address has no longer than that, nor than the courier gives to any.
    """

    body: bytes
    headers: tuple[tuple[str, str], ...] = ()
    content_type: str = "application/json"
    then: "tuple[Callback, ...]" = ()
    timeout_s: int | None = None


class Form(Protocol):
    """A wire's way of telling: its words, its signature, its schedule."""

    @property
    def schedule(self) -> Schedule:
        """When it is tried again."""
        ...

    @property
    def events(self) -> frozenset[Event]:
        """What it has words for."""
        ...

    def callback(self, told: Told) -> Callback | Awaitable[Callback | None] | None:
        """What is posted, the same body at every attempt; None: nothing to this endpoint."""
        ...


async def written(form: Form, told: Told) -> Callback | None:
    """What is posted in that form, once it is written."""
    made = form.callback(told)
    return await made if isinstance(made, Awaitable) else made


class Receipt(Record):
    """What came of one post. `status` None: no answer, and `why` says what stood in the way.

    `answer` is the beginning of what came back, printable; `retry_after_s` what the address asked.
    """

    took_us: int
    status: int | None = None
    answer: str = ""
    why: str | None = None
    retry_after_s: int | None = None

    @property
    def delivered(self) -> bool:
        """Whether the address took it."""
        return self.status in SUCCESS


class Attempt(Record):
    """One post, as it is kept and listed; its id says when it was made."""

    id: int
    merchant: int
    endpoint: int
    order: int
    sequence: int
    event: Event
    receipt: Receipt


class Courier(Protocol):
    """Posts callbacks, and lets none go where it must not."""

    async def post(self, url: str, callback: Callback) -> Receipt:
        """What came of it; never raises for what an address does or is."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


class AttemptQuery(Record):
    """A page of a merchant's attempts, newest first, below an id; None filters nothing."""

    merchant: int
    limit: int
    before: int = 2**63 - 1
    endpoint: int | None = None
    order: int | None = None
    delivered: bool | None = None


class Outbox(Protocol):
    """What a store keeps of the world being told."""

    async def notices(self, merchant: int, order: int, since: int) -> Sequence[Notice]:
        """The notices of an order from that sequence on, in order."""
        ...

    async def endpoints(self, merchant: int) -> Sequence[Endpoint]:
        """Every endpoint of a merchant, oldest first."""
        ...

    async def save_endpoint(self, endpoint: Endpoint) -> None:
        """Add the endpoint, or replace it."""
        ...

    async def alter_endpoint(
        self, merchant: int, endpoint: int, alter: Callable[[Endpoint], Endpoint]
    ) -> Endpoint | None:
        """What `alter` makes of the endpoint as it rests, kept in one step; None: it is gone."""
        ...

    async def remove_endpoint(self, merchant: int, endpoint: int) -> None:
        """Forget the endpoint, and what was yet to be told it; attempts stay."""
        ...

    async def attempts(self, query: AttemptQuery) -> Sequence[Attempt]:
        """A page of attempts."""
        ...

    async def attempt(self, merchant: int, attempt: int) -> Attempt | None:
        """One attempt."""
        ...
