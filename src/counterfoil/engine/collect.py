"""Orders that are paid in several payments: make one, add an attempt, give it up, note something.

An attempt that waits for its customer is a payment without operations; it holds no money, so that
several may wait. It is authorized by `Orders.follow_up`, or ends here. Nothing here asks anybody.
"""

from collections.abc import Callable

from msgspec.structs import replace

from counterfoil.core.answers import Declined
from counterfoil.core.card import SealedCard
from counterfoil.core.change import Change, KeyUse, change, taken
from counterfoil.core.declines import Decline
from counterfoil.core.errors import Code, Refused
from counterfoil.core.merchant import Merchant
from counterfoil.core.order import Order, Payment
from counterfoil.core.ports import CardData
from counterfoil.core.record import Record
from counterfoil.core.schedule import SECOND_US
from counterfoil.core.timers import Due, Timer
from counterfoil.core.unasked import fail
from counterfoil.engine.orders import Draft, Orders
from counterfoil.engine.perform import Done, Engine, Once

Alter = Callable[[Order], Order]


class Extras(Record):
    """What becomes true with an alteration: cards kept, timers set, names taken for ever."""

    cards: tuple[SealedCard, ...] = ()
    timers: tuple[Timer, ...] = ()
    names: tuple[str, ...] = ()


class Collection:
    """The use cases, over those of single payments."""

    def __init__(self, orders: Orders) -> None:
        self.orders = orders
        self.engine: Engine = orders.engine

    def order(self, merchant: Merchant, draft: Draft) -> Order:
        """A new order without a payment; raises `Refused(CURRENCY_NOT_ENABLED)`."""
        if draft.amount.currency not in merchant.currencies:
            raise Refused(Code.CURRENCY_NOT_ENABLED)
        return Order(
            merchant=merchant.id,
            id=self.engine.ids.next(),
            amount=draft.amount,
            reference=draft.reference,
            description=draft.description,
            client=draft.client,
            location=draft.location,
            custom=draft.custom,
            facts=draft.facts,
        )

    async def keep(
        self,
        merchant: Merchant,
        order: Order,
        once: Once | None = None,
        *,
        extras: Extras | None = None,
    ) -> Done:
        """Make a new order durable as it is; or give what the key gave before."""

        async def act() -> Done:
            return await self._commit(order, lambda order: order, once, extras)

        return await self.orders.once(merchant, once, act)

    async def alter(
        self,
        merchant: Merchant,
        number: int,
        alter: Alter,
        once: Once | None = None,
        *,
        extras: Extras | None = None,
    ) -> Done:
        """A stored order made into what `alter` makes of it, which may raise.

        `alter` must leave operations as they are.
        """

        async def act() -> Done:
            order = await self.engine.store.load(merchant.id, number)
            return await self._commit(order, alter, once, extras)

        return await self.orders.once(merchant, once, act)

    async def fail(
        self, merchant: Merchant, number: int, payment: int, why: Decline, once: Once | None = None
    ) -> Done:
        """End an attempt before an acquirer was asked; raises `Refused` where it was tried."""

        async def act() -> Done:
            order = await self.engine.store.load(merchant.id, number)
            terms = await self.engine.terms(merchant, order)

            def decide(order: Order) -> Change:
                failed, closed = fail(
                    order,
                    payment,
                    Declined(decline=why),
                    stamp=self.engine.ids.next(),
                    terms=terms,
                    key=once.key if once else None,
                )
                return change(failed, born=(closed,), closed=(closed,), key=self._use(order, once))

            made = await self.engine.commit(order, decide)
            assert made is not None
            at = made.closed[0].closed
            return Done(order=made.order, operation=made.closed[0], at=at)

        return await self.orders.once(merchant, once, act)

    def waiting(self, order: Order, payment: Payment, seconds: int) -> Timer:
        """The timer that ends the attempt unless it was tried by then."""
        due = self.engine.clock.now() + seconds * SECOND_US
        return Timer(kind=Due.ABANDON, subject=payment.id, due=due, since=order.id)

    async def card(self, merchant: Merchant, payment: Payment) -> CardData | None:
        """The stored card of a payment, opened."""
        return await self.engine.card_of(payment, merchant.id)

    async def _commit(
        self, order: Order, alter: Alter, once: Once | None, extras: Extras | None
    ) -> Done:
        more = extras or Extras()
        at = self.engine.clock.now()

        def decide(order: Order) -> Change:
            made = change(alter(order), cards=more.cards, key=self._use(order, once, at))
            names = tuple(taken(name, order) for name in more.names)
            return replace(made, timers=more.timers, names=names, refiled=order.version > 0)

        made = await self.engine.commit(order, decide)
        assert made is not None
        return Done(order=made.order, at=at)

    def _use(self, order: Order, once: Once | None, at: int | None = None) -> KeyUse | None:
        if once is None:
            return None
        used = self.engine.clock.now() if at is None else at
        return KeyUse(key=once.key, fingerprint=once.fingerprint, order=order.id, used=used)
