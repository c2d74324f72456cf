"""begin, send, finish: the only road by which money moves.

begin   load order -> rules -> Change (operation pending, money reserved) -> commit
send    ask the acquirer (nothing open; time-limited; any exception is Unknown)
finish  rules -> Change (operation closed, postings, notices) -> commit

Where another step came first the store answers Stale: the order is loaded and decided on again. A
crash anywhere leaves at worst a pending operation, which `engine/resolve.py` closes.
"""

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Final, assert_never

import structlog
from msgspec.structs import replace

from counterfoil.core import rules
from counterfoil.core.answers import Answer, Approved, Declined, Unknown
from counterfoil.core.authenticator import Authenticator
from counterfoil.core.card import SealedCard
from counterfoil.core.change import QUOTE, Change, change, taken, telling
from counterfoil.core.declines import Decline
from counterfoil.core.errors import Code, Refused
from counterfoil.core.later import timers_after
from counterfoil.core.merchant import Merchant
from counterfoil.core.money import Money
from counterfoil.core.order import Kind, Operation, Order, Outcome, Payment, instant_of
from counterfoil.core.pan import expired
from counterfoil.core.ports import (
    Acquirer,
    Capability,
    CardData,
    Clock,
    Committed,
    Ids,
    Inquiry,
    Instruction,
    Store,
    Vault,
)
from counterfoil.core.pricing import Terms
from counterfoil.core.rates import find as find_rate
from counterfoil.core.rates import pairs
from counterfoil.core.rules import Command, Plan
from counterfoil.core.schedule import SECOND_US
from counterfoil.core.timers import Due, Timer
from counterfoil.engine.ability import demand
from counterfoil.engine.audience import Audience
from counterfoil.engine.done import Done, KeyTakenError, Limits, Once
from counterfoil.engine.instruct import instruct, reversal
from counterfoil.engine.limit import within

__all__ = ("Done", "Engine", "KeyTakenError", "Limits", "Once", "believed")
ASKED_AFTER_S: Final = 5  # an answer may still be on its way
# A reversal that is declined so says that there is nothing to reverse.
ABSENT: Final = {Decline.ORIGINAL_NOT_FOUND, Decline.ORIGINAL_UNKNOWN, Decline.NOT_RECEIVED}
TRIES_MAX: Final = 100  # times one step is decided anew; more callers than that wait on one order
Choose = Callable[[Order], Command]
Attach = Callable[[Order], Order]


class Engine:
    """Moves money. Holds no state of its own but the requests that are running."""

    def __init__(
        self,
        *,
        store: Store,
        vault: Vault,
        acquirers: Mapping[str, Acquirer],
        clock: Clock,
        ids: Ids,
        limits: Limits | None = None,
    ) -> None:
        self.store = store
        self.vault = vault
        self.acquirers = acquirers
        self.clock = clock
        self.ids = ids
        self.limits = limits or Limits()
        self.authenticators: dict[str, Authenticator] = {}  # by connector; who has none asks nobody
        self.running: set[int] = set()  # operations on their way: the resolver leaves them alone
        self.audience: Audience | None = None  # where nobody is told, notices only rest
        self.nudge: Callable[[Iterable[tuple[int, int]]], None] = _nobody

    async def perform(
        self, merchant: Merchant, order: int, choose: Choose, once: Once | None = None
    ) -> Done:
        """Do to a stored order what `choose` makes of it; raises `Refused`, or `KeyTakenError`."""
        known = await self.store.load(merchant.id, order)
        begun, operation = await self.begin(merchant, known, choose, once=once)
        return await self.carry_out(merchant, begun, operation)

    async def begin(
        self,
        merchant: Merchant,
        order: Order,
        choose: Choose,
        *,
        once: Once | None = None,
        cards: tuple[SealedCard, ...] = (),
        attach: Attach | None = None,
    ) -> tuple[Order, Operation]:
        """The order with a new pending operation, durable.

        `attach` makes of a stored order what the operation is about (it has a payment more), or
        raises `Refused`.
        """
        terms = await self.terms(merchant, attach(order) if attach else order)

        def plan(order: Order) -> Plan:
            command = choose(order)
            return Plan(order=attach(order) if attach else order, commands=(command,))

        begun, born = await self.begin_all(
            merchant, order, plan, once=once, cards=cards, terms=terms
        )
        return begun, born[0]

    async def begin_all(
        self,
        merchant: Merchant,
        order: Order,
        plan: Callable[[Order], Plan],
        *,
        once: Once | None = None,
        cards: tuple[SealedCard, ...] = (),
        terms: Terms | None = None,
    ) -> tuple[Order, tuple[Operation, ...]]:
        """The order as planned with its new pending operations, all durable together or none.

        Raises `Refused`, also NAME_TAKEN; `KeyTakenError`.
        """
        known = terms or await self.terms(merchant, order)
        key = once.use(order, self.clock.now()) if once else None

        def decide(order: Order) -> Change:
            planned = plan(order)
            begun, births = planned.order, list[Operation]()
            for command in planned.commands:
                begun, born = rules.begin(begun, command, stamp=self.ids.next(), terms=known)
                payment, _ = rules.find(begun, born.id)
                demand(self.acquirer(merchant, payment.terminal), begun, born)
                births.append(born)
            names = tuple(taken(name, order) for name in planned.names)
            made = change(begun, born=tuple(births), cards=cards, key=key)
            made = replace(made, names=names) if names else made
            return telling(made, *planned.tells) if planned.tells else made

        begun = await self.commit(order, decide)
        assert begun is not None
        return begun.order, begun.born

    async def carry_out(
        self,
        merchant: Merchant,
        order: Order,
        operation: Operation,
        card: CardData | None = None,
    ) -> Done:
        """Send what has begun and finish it, and what began with its approval.

        Whatever goes wrong from here on leaves it pending: money may have moved.
        """
        done = None
        try:
            answer = await self._answer(merchant, order, operation, card)
            if not isinstance(answer, Unknown):
                done = await self.finish(merchant, order, operation.id, answer)
        except Refused:
            pass
        except Exception:  # noqa: BLE001 (an edge: it stays pending, and the log says why)
            structlog.get_logger().exception("an operation stays without answer", order=order.id)
        finally:
            self.running.discard(operation.id)
        if done is None:
            await self._later(Due.RESOLVE, order, operation)
            return Done(order=order, operation=operation)
        return await self.go_on(merchant, done)

    async def _later(self, kind: Due, order: Order, operation: Operation) -> None:
        """Have the acquirer asked about it once more, in a while."""
        due = self.clock.now() + ASKED_AFTER_S * SECOND_US
        timer = Timer(kind=kind, subject=operation.id, due=due, since=order.id)
        try:
            await self.store.plant(order.merchant, [timer])
        except Exception:  # noqa: BLE001 (an edge: the caller is to get what stands in any case)
            structlog.get_logger().exception("a timer could not be set", order=order.id)

    async def go_on(self, merchant: Merchant, done: Done) -> Done:
        """Carry out what began when an operation closed, if anything did."""
        if done.begun is None:
            return done
        return await self.carry_out(merchant, done.order, done.begun)

    async def _answer(
        self, merchant: Merchant, order: Order, operation: Operation, card: CardData | None
    ) -> Answer:
        payment, _ = rules.find(order, operation.id)
        acquirer = self.acquirer(merchant, payment.terminal)
        wanted = operation.kind is Kind.AUTHORIZE or Capability.NEEDS_CARD in acquirer.supports
        if card is None and wanted:
            card = await self.card_of(payment, order.merchant)
        return await self.ask(acquirer, instruct(order, operation, card))

    async def card_of(self, payment: Payment, merchant: int) -> CardData | None:
        """The card of a payment, opened; None where it has none that is stored."""
        card = payment.card
        sealed = None if card is None else await self.store.card(merchant, card.id)
        if card is None or sealed is None:
            return None
        return CardData(pan=self.vault.open(merchant, sealed), card=card)

    async def ask(self, acquirer: Acquirer, instruction: Instruction) -> Answer:
        """The acquirer's answer, believed only if it echoes what was asked."""
        card = instruction.card
        dated = card is not None and card.card.has_expiry and card.cryptogram is None
        if card is not None and dated and instruction.kind is Kind.AUTHORIZE:
            over = expired(card.card.month, card.card.year, self.clock.today())
            if over:
                return Declined(decline=Decline.EXPIRED_CARD)
        try:
            answer = await within(self.limits.acquirer_ms, acquirer.send(instruction))
        except TimeoutError:
            return Unknown(why="timeout")
        except Exception as error:  # noqa: BLE001 (an edge: whatever a connector raises is Unknown)
            return Unknown(why=type(error).__name__)
        return believed(answer, instruction.reference, instruction.amount)

    async def finish(
        self, merchant: Merchant, order: Order, operation: int, answer: Approved | Declined
    ) -> Done:
        """Close the operation; a second answer changes nothing.

        What is to be charged once approved begins in the same commit, whoever brought the answer.
        """
        final = not merchant.multiple_charges
        payment, asked = rules.find(order, operation)
        terms = await self.terms(merchant, order) if asked.charge_next else None

        def decide(order: Order) -> Change | None:
            finished = rules.finish(order, operation, answer, stamp=instant_of(self.ids.next()))
            if finished is None:
                return None
            after, closed = finished
            timers = timers_after(merchant, after, closed)
            if terms is None or closed.outcome is not Outcome.APPROVED:
                return replace(change(after, closed=(closed,)), timers=timers)
            following = Command(kind=Kind.CHARGE, payment=payment.id, final=final, key=closed.key)
            try:
                then, born = rules.begin(after, following, stamp=self.ids.next(), terms=terms)
            except Refused:  # it stays authorized, and may be charged when it can be
                return replace(change(after, closed=(closed,)), timers=timers)
            return change(then, born=(born,), closed=(closed,))

        made = await self.commit(order, decide)
        if made is None:
            now = await self.store.load(order.merchant, order.id)
            found = rules.last_of(now, operation)
            if isinstance(answer, Approved) and found.decline is Decline.NOT_RECEIVED:
                await self._give_back(merchant, now, found)
            return Done(order=now, operation=found)
        begun = made.born[0] if made.born else None
        return Done(order=made.order, operation=made.closed[0], begun=begun)

    async def _give_back(self, merchant: Merchant, order: Order, operation: Operation) -> None:
        """Reverse what the acquirer has approved after it had said that it never got it.

        At once, and again in a while: the same reversal is carried out once, however often it goes.
        """
        structlog.get_logger().error("approved after it was not received", order=order.id)
        await self._later(Due.GIVE_BACK, order, operation)
        await self.take_back(merchant, order, operation)

    async def take_back(self, merchant: Merchant, order: Order, operation: Operation) -> bool:
        """Reverse what may stand at the acquirer; whether it confirms that nothing does.

        The reversal has no operation of its own. Its reference is the operation's, negated, so that
        it can be repeated after a crash and is carried out once.
        """
        payment, _ = rules.find(order, operation.id)
        acquirer = self.acquirer(merchant, payment.terminal)
        answer = await self.ask(acquirer, reversal(order, operation))
        return isinstance(answer, Approved) or (
            isinstance(answer, Declined) and answer.decline in ABSENT
        )

    async def receive(self, inquiry: Inquiry, answer: Answer) -> None:
        """An answer that came late, or twice: it closes the operation if nothing has yet.

        Answers to reversals of what is in doubt are read where those are asked (`resolve.py`).
        """
        merchant = await self.store.merchant(inquiry.merchant)
        if isinstance(answer, Unknown) or inquiry.reference < 0 or merchant is None:
            return
        order = await self.store.load(inquiry.merchant, inquiry.order)
        _, operation = rules.find(order, inquiry.reference)
        sure = believed(answer, operation.id, operation.amount)
        if isinstance(sure, Unknown):
            return
        done = await self.finish(merchant, order, operation.id, sure)
        await self.go_on(merchant, done)

    def acquirer(self, merchant: Merchant, terminal: str) -> Acquirer:
        """The acquirer behind a terminal; raises `Refused(UNKNOWN_TERMINAL)`."""
        acquirer = self.acquirers.get(merchant.terminal(terminal).connector)
        if acquirer is None:
            raise Refused(Code.UNKNOWN_TERMINAL, terminal=terminal)
        return acquirer

    async def terms(self, merchant: Merchant, order: Order) -> Terms:
        """Pricing and exchange rate in force now."""
        terminal = merchant.terminal(order.payments[-1].terminal if order.payments else None)
        home = terminal.accounting or merchant.accounting_currency
        currency = order.amount.currency
        rate = None
        if currency != home:
            day = self.clock.today().date().isoformat()
            found = [await self.store.rate(*pair, day) for pair in pairs(currency, home)]
            known = [each for each in found if each is not None]
            with suppress(Refused):  # what needs a rate is refused when it is priced
                rate = find_rate(known, currency, home)
        return Terms(pricing=terminal.pricing or merchant.pricing, accounting=home, rate=rate)

    async def doubt(self, order: Order, operation: int) -> Order | None:
        """Make it durable that the operation is being taken back, before anything is sent.

        None: an answer came first, so there is nothing to take back.
        """

        def decide(order: Order) -> Change | None:
            marked = rules.doubt(order, operation)
            return None if marked is None else change(marked[0], marked=(marked[1],))

        made = await self.commit(order, decide)
        if made is not None:
            return made.order
        now = await self.store.load(order.merchant, order.id)
        _, was = rules.find(now, operation)
        return now if was.outcome is Outcome.PENDING else None

    async def _free(self, made: Change) -> None:
        """Raise `Refused(NAME_TAKEN)` where that is why a change was no news."""
        for name in made.names:
            if await self.store.key_use(made.order.merchant, name.key) is not None:
                raise Refused(Code.NAME_TAKEN, name=name.key.removeprefix(QUOTE))

    async def named(self, merchant: int, name: str) -> int | None:
        """The order that took that name."""
        use = await self.store.key_use(merchant, QUOTE + name)
        return None if use is None else use.order

    async def commit(self, order: Order, decide: Callable[[Order], Change | None]) -> Change | None:
        """Decide and commit, again and again while others come first; None: nothing to do.

        `decide` may raise `Refused`; so does this where too many others come first.
        """
        for _ in range(TRIES_MAX):
            made = decide(order)
            if made is None:
                return None
            if made.notices and self.audience is not None:
                told = await self.audience.timers(order.merchant, made.notices, made.order.callback)
                made = replace(made, timers=made.timers + told) if told else made
            born = {operation.id for operation in made.born}
            self.running |= born
            verdict = None
            try:
                verdict = await self.store.commit(made)
            finally:
                if verdict is not Committed.DONE:
                    self.running -= born
            match verdict:
                case Committed.DONE:
                    now = self.clock.now() if made.timers else 0
                    self.nudge([(order.merchant, e.lane) for e in made.timers if e.due <= now])
                    return made
                case Committed.DUPLICATE:
                    await self._free(made)
                    raise KeyTakenError
                case Committed.STALE:
                    order = await self.store.load(order.merchant, order.id)
                case _:
                    assert_never(verdict)
        raise Refused(Code.BUSY)


def _nobody(_: Iterable[tuple[int, int]]) -> None:
    """Nobody waits for timers in this process."""


def believed(answer: Answer, reference: int, amount: Money) -> Answer:
    """The answer, or Unknown where its echo is not what was asked."""
    if isinstance(answer, Approved) and (answer.reference != reference or answer.amount != amount):
        return Unknown(why="echo")
    return answer
