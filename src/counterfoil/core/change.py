"""Change: everything one step makes true, as one value; stored whole or not at all."""

from msgspec.structs import replace

from counterfoil.core.card import SealedCard
from counterfoil.core.errors import Code
from counterfoil.core.events import Event, Notice, event_of
from counterfoil.core.ledger import Posting, postings
from counterfoil.core.order import Operation, Order, Outcome
from counterfoil.core.record import Record


class KeyUse(Record):
    """An idempotency key and the hash of what it was used for; unique with its merchant."""

    key: str
    fingerprint: bytes
    order: int
    used: int


class Change(Record):
    """The order as it is to be, the version it was decided on, and the rows that go with it.

    `born` are new operations, `closed` those that got their answer, `marked` those that still wait
    for it and are being taken back. `expects` 0: the order is new. `refiled`: what lists find the
    order by (its reference, customer, place or card) is no longer what it was made with.
    """

    order: Order
    expects: int
    born: tuple[Operation, ...] = ()
    closed: tuple[Operation, ...] = ()
    marked: tuple[Operation, ...] = ()
    postings: tuple[Posting, ...] = ()
    notices: tuple[Notice, ...] = ()
    cards: tuple[SealedCard, ...] = ()
    key: KeyUse | None = None
    refiled: bool = False


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
    told: list[tuple[Event, int | None]] = []
    for operation in closed:
        assert operation.outcome is not Outcome.PENDING
        entries += postings(operation)
        told.append((event_of(operation), operation.id))
    if order.closed is not None and not (born or closed or marked):
        told.append((Event.ORDER_REJECTED, None))
    before = 0
    if told:
        before = -len(closed)
        for each in order.operations:
            before += each.outcome is not Outcome.PENDING
    return Change(
        order=replace(order, version=order.version + 1),
        expects=order.version,
        born=born,
        closed=closed,
        marked=marked,
        postings=entries,
        notices=tuple(
            [
                Notice(order=order.id, sequence=before + place, event=event, operation=operation)
                for place, (event, operation) in enumerate(told, start=1)
            ]
        ),
        cards=cards,
        key=key,
    )


def rejected(order: Order, code: Code, at: int) -> Order:
    """The order as the gateway itself refused it: kept, readable, closed to every operation.

    Only an order in which no money stands, or may yet come to stand.
    """
    assert all(
        operation.outcome in {Outcome.DECLINED, Outcome.FAILED} for operation in order.operations
    )
    return replace(order, closed=code, closed_at=at)
