"""Change: everything one step makes true, as one value; stored whole or not at all."""

from typing import Final

from msgspec.structs import replace

from counterfoil.core.card import SealedCard
from counterfoil.core.errors import Code
from counterfoil.core.events import Event, Notice, event_of
from counterfoil.core.ledger import Posting, postings
from counterfoil.core.order import Kind, Operation, Order, Outcome
from counterfoil.core.record import Record
from counterfoil.core.timers import Timer

QUOTE: Final = '"'  # begins every name; no idempotency key can hold it
FOREVER: Final = 2**63 - 1  # microseconds since 1970; no key is kept as long as that


class KeyUse(Record):
    """An idempotency key and the hash of what it was used for; unique with its merchant.

    A name that nothing else of the merchant may ever have is one that was used at FOREVER.
    """

    key: str
    fingerprint: bytes
    order: int
    used: int


def taken(name: str, order: Order) -> KeyUse:
    """A name of the merchant's own, taken by the order for ever."""
    return KeyUse(key=QUOTE + name, fingerprint=b"", order=order.id, used=FOREVER)


class Change(Record):
    """The order as it is to be, the version it was decided on, and the rows that go with it.

    `born` are new operations, `closed` those that got their answer, `marked` those that still wait
    for it and are being taken back. `expects` 0: the order is new. `names` are the merchant's own
    numbers that it takes. `refiled`: what lists find the order by (its reference, customer, place
    or card) is no longer what it was made with.
    """

    order: Order
    expects: int
    born: tuple[Operation, ...] = ()
    closed: tuple[Operation, ...] = ()
    marked: tuple[Operation, ...] = ()
    postings: tuple[Posting, ...] = ()
    notices: tuple[Notice, ...] = ()
    timers: tuple[Timer, ...] = ()
    cards: tuple[SealedCard, ...] = ()
    key: KeyUse | None = None
    token: KeyUse | None = None
    names: tuple[KeyUse, ...] = ()
    refiled: bool = False

    @property
    def keys(self) -> tuple[KeyUse, ...]:
        """What may be used once: the caller's key, a wallet's token, the merchant's own numbers."""
        if self.key is None and self.token is None:
            return self.names
        own = tuple(each for each in (self.key, self.token) if each is not None)
        return own + self.names


def change(
    order: Order,
    *,
    born: tuple[Operation, ...] = (),
    closed: tuple[Operation, ...] = (),
    marked: tuple[Operation, ...] = (),
    cards: tuple[SealedCard, ...] = (),
    key: KeyUse | None = None,
) -> Change:
    """The change that leads to this order; derives its postings and notices."""
    entries: tuple[Posting, ...] = ()
    for operation in closed:
        assert operation.outcome is not Outcome.PENDING
        entries += postings(operation)
    notices = _notices(order, born=born, closed=closed, marked=marked)
    told = order.told + len(notices)
    return Change(
        order=replace(order, version=order.version + 1, told=told),
        expects=order.version,
        born=born,
        closed=closed,
        marked=marked,
        postings=entries,
        notices=notices,
        cards=cards,
        key=key,
        refiled=_attached(order, born),
        token=_token(order, born),
    )


def _attached(order: Order, born: tuple[Operation, ...]) -> bool:
    """Whether a stored order has just got a payment: lists find it by another card from now on."""
    if not order.version or order.session is None or not order.payments:
        return False
    log = order.payments[-1].log
    return not log or (len(log) == 1 and log[0] in born)


def _token(order: Order, born: tuple[Operation, ...]) -> KeyUse | None:
    """The token that a payment begins with, dated to be remembered while it lives."""
    use = order.payments[-1].wallet if order.payments else None
    if use is None or use.until is None:
        return None
    if order.version and all(operation.kind is not Kind.AUTHORIZE for operation in born):
        return None
    return KeyUse(key=use.key, fingerprint=b"", order=order.id, used=use.until)


def _notices(
    order: Order,
    *,
    born: tuple[Operation, ...],
    closed: tuple[Operation, ...],
    marked: tuple[Operation, ...],
) -> tuple[Notice, ...]:
    """What the step tells the world, numbered on from what the order has told before."""
    told: list[tuple[Event, int, int | None]] = []
    for operation in closed:
        assert operation.closed is not None
        told.append((event_of(operation), operation.closed, operation.id))
    if not told and not born:
        told += [
            (Event.PAYMENT_PENDING, operation.created, operation.id)
            for operation in marked
            if operation.kind is Kind.AUTHORIZE
        ]
        if order.closed_at is not None:
            told.append((Event.ORDER_REJECTED, order.closed_at, None))
        elif order.version == 0:
            told.append((Event.ORDER_CREATED, order.created, None))
    return tuple(
        [
            Notice(order=order.id, sequence=sequence, event=event, at=at, operation=about)
            for sequence, (event, at, about) in enumerate(told, start=order.told + 1)
        ]
    )


def held(made: Change, timer: Timer, at: int) -> Change:
    """The change of an order that from that instant on waits for its cardholder, until the timer.

    The world is told that, and nothing else.
    """
    told = made.order.told - len(made.notices) + 1
    notice = Notice(order=made.order.id, sequence=told, event=Event.PAYMENT_PENDING, at=at)
    order = replace(made.order, told=told)
    return replace(made, order=order, notices=(notice,), timers=(timer,))


def telling(made: Change, event: Event, operation: int, at: int) -> Change:
    """The change, which tells the world of one thing more: it moved nothing."""
    sequence = made.order.told + 1
    notice = Notice(order=made.order.id, sequence=sequence, event=event, at=at, operation=operation)
    order = replace(made.order, told=sequence)
    return replace(made, order=order, notices=(*made.notices, notice))


def rejected(order: Order, code: Code, at: int) -> Order:
    """The order as the gateway itself refused it: kept, readable, closed to every operation.

    Only an order in which no money stands, or may yet come to stand.
    """
    assert all(
        operation.outcome in {Outcome.DECLINED, Outcome.FAILED} for operation in order.operations
    )
    return replace(order, closed=code, closed_at=at)
