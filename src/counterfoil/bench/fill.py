"""Orders by the million: decided by the core's own rules and committed through the store.

An order is made at a moment of the past and has been through what orders go through; it is stored
in one commit, its operations born and closed together. The same seed gives the same orders.
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from random import Random
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from counterfoil.bench import people
from counterfoil.bench.calls import LOGIN
from counterfoil.config import Settings
from counterfoil.core.answers import Approved, Declined, Verdict
from counterfoil.core.card import SealedCard
from counterfoil.core.change import Change, change
from counterfoil.core.declines import Decline
from counterfoil.core.merchant import Merchant
from counterfoil.core.minor import share
from counterfoil.core.money import Money
from counterfoil.core.order import Kind, Operation, Order, Payment, id_at, instant_of
from counterfoil.core.ports import Committed, Store
from counterfoil.core.pricing import Terms
from counterfoil.core.record import Record
from counterfoil.core.rules import Command, begin, finish
from counterfoil.database import open_store

IN_FLIGHT: Final = 512
HOUR_US: Final = 3_600_000_000
DAY_US: Final = 24 * HOUR_US
SPAN_US: Final = 300 * DAY_US  # how far back the first order lies
AGE_US: Final = 2 * DAY_US  # of the last one: everything about it is past
SAMPLE: Final = 1000  # ids given back


class Step(Record):
    """One operation of a story: what, how long after the order was made, and of what share.

    `percent` None: all there is.
    """

    kind: Kind
    after_us: int
    percent: int | None = None
    decline: Decline | None = None


_AUTHORIZE: Final = Step(kind=Kind.AUTHORIZE, after_us=0)
_CHARGE: Final = Step(kind=Kind.CHARGE, after_us=HOUR_US)
_DECLINED: Final = Step(kind=Kind.AUTHORIZE, after_us=0, decline=Decline.INSUFFICIENT_FUNDS)
# How many in a hundred orders went which way.
STORIES: Final[tuple[tuple[int, tuple[Step, ...]], ...]] = (
    (50, (_AUTHORIZE, _CHARGE)),
    (8, (_AUTHORIZE, Step(kind=Kind.CHARGE, after_us=HOUR_US, percent=60))),
    (8, (_AUTHORIZE, _CHARGE, Step(kind=Kind.REFUND, after_us=DAY_US))),
    (4, (_AUTHORIZE, _CHARGE, Step(kind=Kind.REFUND, after_us=DAY_US, percent=30))),
    (15, (_AUTHORIZE,)),
    (5, (_AUTHORIZE, Step(kind=Kind.REVERSE, after_us=DAY_US))),
    (10, (_DECLINED,)),
)


class Maker:
    """Finished orders of one merchant, oldest first."""

    def __init__(self, merchant: Merchant, count: int, now: int, seed: int = 1) -> None:
        self._merchant = merchant
        self._terms = Terms(pricing=merchant.pricing, accounting=merchant.accounting_currency)
        self._count = count
        self._first = now - SPAN_US
        self._step = (SPAN_US - AGE_US) // max(count, 1)
        self._chance = Random(seed)  # noqa: S311 (made-up orders, not secrets)

    def changes(self) -> Iterator[Change]:
        """One change for each order."""
        weights, stories = zip(*STORIES, strict=True)
        for number in range(self._count):
            story = self._chance.choices(stories, weights)[0]
            yield self._tell(number, story)

    def _tell(self, number: int, story: tuple[Step, ...]) -> Change:
        order, sealed = self._order(number)
        done: list[Operation] = []
        for place, step in enumerate(story):
            order, operation = self._take(order, step, place)
            done.append(operation)
        return change(order, born=tuple(done), closed=tuple(done), cards=(sealed,))

    def _order(self, number: int) -> tuple[Order, SealedCard]:
        at = self._first + number * self._step
        client = people.client(self._chance, number)
        card, sealed = people.card(self._chance, client.name, id_at(at + 2))
        currency = self._merchant.accounting_currency
        amount = Money(minor=self._chance.randrange(100, 50_000), currency=currency)
        terminal = self._merchant.terminal(None)
        payment = Payment(
            id=id_at(at + 1),
            amount=amount,
            terminal=terminal.name,
            descriptor=terminal.descriptor,
            card=card,
        )
        order = Order(
            merchant=self._merchant.id,
            id=id_at(at),
            amount=amount,
            payments=(payment,),
            reference=f"R{number}",
            description=f"Book sale #{number}",
            client=client,
            location=people.location(self._chance),
        )
        return order, sealed

    def _take(self, order: Order, step: Step, place: int) -> tuple[Order, Operation]:
        # The low byte keeps operations of one instant apart; see `core/order.py` on ids.
        stamp = id_at(instant_of(order.id) + 3 + step.after_us) + place
        minor = share(order.amount.minor, step.percent * 100) if step.percent else None
        command = Command(kind=step.kind, minor=minor)
        order, operation = begin(order, command, stamp=stamp, terms=self._terms)
        finished = finish(
            order, operation.id, _answer(operation, step), stamp=operation.created + 1000
        )
        assert finished is not None
        return finished


def _answer(operation: Operation, step: Step) -> Verdict:
    if step.decline is not None:
        return Declined(decline=step.decline)
    reference = f"{operation.id:012d}"[-12:]
    return Approved(
        reference=operation.id, amount=operation.amount, auth_code="AUTH12", rrn=reference
    )


async def fill(
    store: Store, count: int, merchant: Merchant, told: Callable[[], object] = lambda: None
) -> list[str]:
    """Commit so many orders, 512 in flight; the ids of a thousand of them, evenly spread.

    `told` is called after each commit. Ids are as the Bizon wire prints them.
    """
    maker = Maker(merchant, count, time.time_ns() // 1000)
    changes = enumerate(maker.changes())
    every = max(count // SAMPLE, 1)
    sample: list[str] = []

    async def work() -> None:
        for number, each in changes:
            assert await store.commit(each) is Committed.DONE
            told()
            if number % every == 0:
                sample.append(str(each.order.id))

    await asyncio.gather(*(work() for _ in range(IN_FLIGHT)))
    return sample[:SAMPLE]


async def fill_database(url: str, count: int, console: Console) -> list[str]:
    """Fill the seeded database of that address, with a progress bar on a terminal."""
    store = await open_store(Settings(database=url), create=False, serving=True)
    try:
        credential = await store.credential("bizon", LOGIN)
        assert credential is not None, "the database holds no demo merchant"
        merchant = await store.merchant(credential.merchant)
        assert merchant is not None
        with _bar(console) as bar:
            task = bar.add_task(f"{count:,} orders", total=count)
            return await fill(store, count, merchant, lambda: bar.advance(task))
    finally:
        await store.close()


def _bar(console: Console) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    return Progress(
        *columns, TimeRemainingColumn(), console=console, disable=not console.is_terminal
    )
