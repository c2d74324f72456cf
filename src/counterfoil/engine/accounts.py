"""Accounts: orders charged on a customer's stored cards, and tried again until they are paid.

A try that is declined sets the next timer as it closes (`core/later.py`), whoever closes it, so
that no crash forgets it. What an account owes is a list on the account that follows the orders: a
try that finds the order paid or closed takes it off, so that the list may lag behind and never
leads.
"""

from collections.abc import Callable, Sequence
from enum import StrEnum
from itertools import accumulate
from typing import Final

import msgspec
from msgspec.structs import replace

from counterfoil.core.accounts import ACCOUNT, Account, owing, without
from counterfoil.core.change import Change, KeyUse, change, taken
from counterfoil.core.declines import REASONS, Nature
from counterfoil.core.errors import Code, Refused
from counterfoil.core.keeping import Kept
from counterfoil.core.merchant import Merchant
from counterfoil.core.order import Order, Outcome, Recurring, Retries
from counterfoil.core.rules import Standing, standing
from counterfoil.core.timers import Due, Errand, Settled, Timer
from counterfoil.core.waiving import waive
from counterfoil.engine import stored
from counterfoil.engine.orders import Draft, Orders
from counterfoil.engine.perform import TRIES_MAX, Choose, Done, Engine, Once
from counterfoil.engine.pump import NotYetError, Worked
from counterfoil.engine.stored import Try

FIRST: Final = "0"  # the tries with which an order is made, as its operations are numbered
OWED: Final = frozenset(
    {Standing.NEW, Standing.WAITING, Standing.DECLINED, Standing.FAULTY, Standing.FRAUD}
)


class Tried(StrEnum):
    """What came of trying an unpaid order again."""

    PAID = "paid"
    UNPAID = "unpaid"
    ERROR = "error"
    GONE = "gone"  # it was paid or closed already


class Accounts:
    """The use cases, over those of orders."""

    def __init__(self, orders: Orders) -> None:
        self.orders = orders
        self.engine: Engine = orders.engine

    async def find(self, merchant: int, number: int) -> Account | None:
        """The account of that id."""
        text = await self.engine.store.kept(merchant, ACCOUNT, number)
        return None if text is None else msgspec.json.decode(text, type=Account)

    async def run(self, merchant: int, limit: int, *, after: int = 0) -> list[Account]:
        """So many accounts of a merchant at most, oldest first, from that id on."""
        run = await self.engine.store.every_kept(merchant, ACCOUNT, limit, after=after)
        return [msgspec.json.decode(each.body, type=Account) for each in run]

    async def alter(
        self, merchant: int, number: int, change: Callable[[Account | None], Account]
    ) -> Account:
        """The account as `change` makes it, which may raise; decided anew while others come first.

        Raises `Refused(BUSY)`.
        """
        store = self.engine.store
        for _ in range(TRIES_MAX):
            was = await store.kept(merchant, ACCOUNT, number)
            known = None if was is None else msgspec.json.decode(was, type=Account)
            made = change(known)
            if made == known:
                return made
            body = msgspec.json.encode(made).decode()
            item = Kept(merchant=merchant, kind=ACCOUNT, id=number, body=body)
            if await store.keep(item, was):
                return made
        raise Refused(Code.BUSY)

    async def pay(
        self,
        merchant: Merchant,
        draft: Draft,
        account: Account,
        waits_us: Sequence[int],
        once: Once | None = None,
    ) -> Done:
        """A new order that the account pays, now or later; `waits_us` are the pauses between tries.

        It is made whatever the cards say. Raises `Refused`.
        """

        async def act() -> Done:
            order = self._order(merchant, draft, account, waits_us)
            assert order.retries is not None
            timers = tuple(
                Timer(kind=Due.RETRY, subject=order.id, due=due) for due in order.retries.at[:1]
            )
            if account.instruments:
                first = replace(_try(order, account, FIRST), names=draft.names)
                done = await self._round(merchant, order, account, first, once)
            else:
                names = tuple(taken(each, order) for each in draft.names)

                def pend(order: Order) -> Change:
                    return replace(change(order), timers=timers, names=names)

                done = await self._commit(order, pend, once, order.created)
            if owed(done.order) or not account.used:
                await self._noted(done.order, spent=not timers)
            return done

        return await self.orders.once(merchant, once, act)

    async def retry(self, merchant: Merchant, number: int, account: Account) -> Tried:
        """Try an unpaid order again, now, on every card of the account until one pays."""
        order = await self.engine.store.load(merchant.id, number)
        if not owed(order):
            await self._noted(order)
            return Tried.GONE
        if not account.instruments or _waits(order):
            return Tried.ERROR
        try:
            first = _try(order, account, str(self.engine.ids.next()))
            done = await self._round(merchant, order, account, first)
        except Refused:
            return Tried.ERROR
        if not owed(done.order):
            await self._noted(done.order)
            return Tried.PAID
        declines = [each.decline for each in done.order.operations[-1:] if each.decline is not None]
        clear = any(REASONS[each].nature is not Nature.FAULT for each in declines)
        return Tried.UNPAID if clear else Tried.ERROR

    async def fire(self, errand: Errand) -> Worked:
        """What the timer of an unpaid order does: try it, and come again or let it be."""
        merchant = await self.engine.store.merchant(errand.merchant)
        order = await self.engine.store.load(errand.merchant, errand.timer.subject)
        retries = order.retries
        account = None if retries is None else await self.find(order.merchant, retries.account)
        if merchant is None or retries is None or account is None:
            return Worked(Settled(errand=errand))
        if _waits(order):
            raise NotYetError("an operation has no answer")
        tried = await self.retry(merchant, order.id, account)
        if tried in {Tried.PAID, Tried.GONE}:
            return Worked(Settled(errand=errand))
        again = retries.due(errand.timer.due)
        await self._noted(await self.engine.store.load(merchant.id, order.id), spent=again is None)
        return Worked(Settled(errand=errand, again=again, since=errand.timer.since + 1))

    async def waive(
        self, merchant: Merchant, number: int, choose: Choose, once: Once | None = None
    ) -> Done:
        """Give up so much of an order that was never paid; called within `Orders.once`.

        Raises `Refused`: WRONG_STATE for any other, what `waive` refuses; `KeyTakenError`.
        """
        now = self.engine.clock.now()

        def decide(order: Order) -> Change:
            if not owed(order) or _waits(order):
                raise Refused(Code.WRONG_STATE, operation="cancel", standing=standing(order))
            return change(waive(order, choose(order), stamp=now))

        order = await self.engine.store.load(merchant.id, number)
        done = await self._commit(order, decide, once, now)
        if not owed(done.order):
            await self._noted(done.order)
        return done

    def _order(
        self, merchant: Merchant, draft: Draft, account: Account, waits_us: Sequence[int]
    ) -> Order:
        """The order, with a payment by the account's first card if it has any."""
        if draft.amount.currency not in merchant.currencies:
            raise Refused(Code.CURRENCY_NOT_ENABLED)
        card = account.instruments[0].card if account.instruments else None
        order = self.orders.order(merchant, replace(draft, recurring=Recurring()), card)
        at = tuple(accumulate(waits_us, initial=order.created))[1:]
        retries = Retries(account=account.id, at=at, at_once=draft.auto_charge)
        return replace(order, retries=retries)

    async def _round(
        self,
        merchant: Merchant,
        order: Order,
        account: Account,
        first: Try,
        once: Once | None = None,
    ) -> Done:
        """Every card in turn, until one does not decline; the key goes with the first."""
        done = await stored.authorize(self.engine, merchant, order, first, once)
        later = replace(first, key=once.key if once else None, names=())
        for instrument in account.instruments[1:]:
            if not owed(done.order) or _waits(done.order):
                break
            another = replace(later, card=instrument.card)
            done = await stored.authorize(self.engine, merchant, done.order, another)
        return done

    async def _commit(
        self, order: Order, decide: Callable[[Order], Change], once: Once | None, at: int
    ) -> Done:
        """What is decided, durable, without an operation."""
        key = None
        if once is not None:
            key = KeyUse(key=once.key, fingerprint=once.fingerprint, order=order.id, used=at)
        made = await self.engine.commit(order, lambda order: replace(decide(order), key=key))
        assert made is not None
        return Done(order=made.order)

    async def _noted(self, order: Order, *, spent: bool = False) -> None:
        """Have the account say whether it owes that order; `spent`: no try is left."""
        if order.retries is None:
            return

        def note(account: Account | None) -> Account:
            assert account is not None
            unpaid = without(account, order.id)
            if owed(order):
                unpaid = owing(account, order.id, spent=spent)
            return replace(account, unpaid=unpaid, used=True)

        await self.alter(order.merchant, order.retries.account, note)


def _try(order: Order, account: Account, number: str) -> Try:
    """A try with the account's first card."""
    assert order.retries is not None
    card = account.instruments[0].card
    return Try(card=card, at_once=order.retries.at_once, number=number)


def owed(order: Order) -> bool:
    """Whether nothing of the order was paid, and it may still be."""
    return order.closed is None and standing(order) in OWED


def _waits(order: Order) -> bool:
    return any(each.outcome is Outcome.PENDING for each in order.operations)
