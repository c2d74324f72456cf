"""What merchants ask for: authorize, charge, refund, cancel, rebill, credit; once, if asked."""

from collections.abc import Callable
from contextlib import suppress

from msgspec.structs import replace

from counterfoil.core.card import Card, Cvv, Pan, SealedCard
from counterfoil.core.change import change, rejected
from counterfoil.core.errors import Code, Refused
from counterfoil.core.merchant import Merchant
from counterfoil.core.money import Money
from counterfoil.core.order import (
    Client,
    Kind,
    Line,
    Location,
    Operation,
    Order,
    Payment,
    Recurring,
    Relation,
    Secure3d,
)
from counterfoil.core.pan import describe
from counterfoil.core.ports import CardData
from counterfoil.core.record import Record
from counterfoil.core.rules import Command, Plan, Standing, standing
from counterfoil.core.series import joined, rebilled
from counterfoil.core.session import Session
from counterfoil.core.threeds import Demand
from counterfoil.core.timers import Due, Timer
from counterfoil.core.wallets import Cryptogram, WalletUse
from counterfoil.engine import authenticate
from counterfoil.engine.perform import Done, Once
from counterfoil.engine.repeats import Repeats

ID_DIGITS_MAX = 19  # of our ids; a number of so many may be no id
REVERSIBLE = frozenset({Standing.AUTHORIZED})
REFUNDABLE = frozenset({Standing.CHARGED, Standing.REFUNDED})


class Draft(Record):
    """An order to be made: what of (`method`: where that is no card), `names` unique for ever."""

    amount: Money
    lines: tuple[Line, ...] = ()
    reference: str | None = None
    description: str | None = None
    descriptor: str | None = None
    segment: str | None = None
    client: Client | None = None
    location: Location | None = None
    custom: tuple[tuple[str, str], ...] = ()
    facts: str | None = None
    method: str | None = None
    names: tuple[str, ...] = ()
    callback: str | None = None
    terminal: str | None = None
    auto_charge: bool = False
    secure3d: Secure3d | None = None
    demand: Demand | None = None
    recurring: Recurring | None = None
    session: Session | None = None
    expires: int | None = None
    wallet: WalletUse | None = None


class NewCard(Record):
    """A card as it was typed in, or came out of a wallet; `month` and `year` 0: not given."""

    pan: Pan
    cvv: Cvv | None = None
    holder: str | None = None
    month: int = 0
    year: int = 0
    cryptogram: Cryptogram | None = None


class Orders(Repeats):
    """The use cases over an engine."""

    async def authorize(
        self, merchant: Merchant, draft: Draft, card: NewCard, once: Once | None = None
    ) -> Done:
        """A new order, and its authorization; with `auto_charge` charged in the same request.

        In a currency that the merchant has not enabled the order is kept as rejected.
        """

        async def act() -> Done:
            known = draft if draft.recurring is None else await self._joined(merchant, draft)
            order, data, sealed = self._prepare(merchant, known, card)
            return await self._collect(merchant, known, order, data, (sealed,), once)

        return await (act() if once is None else self.once(merchant, once, act))

    async def create(self, merchant: Merchant, draft: Draft, once: Once | None = None) -> Done:
        """A new order that its customer pays from its page (`engine/pages.py`); nothing is sent."""

        async def act() -> Done:
            order = self._order(merchant, draft, None)
            if draft.amount.currency not in merchant.currencies:
                return await self._reject(order, (), once)
            return await self._keep(order, (), once)

        return await self.once(merchant, once, act)

    async def invoice(self, merchant: Merchant, draft: Draft, once: Once | None = None) -> Done:
        """A new order that is paid by the draft's method, authorized by whoever bears its risk."""
        assert draft.method is not None

        async def act() -> Done:
            order = self._order(merchant, draft, None)
            return await self._collect(merchant, draft, order, None, (), once)

        return await self.once(merchant, once, act)

    async def rebill(
        self,
        merchant: Merchant,
        source: int,
        draft: Draft,
        *,
        cvv: Cvv | None,
        allowed: frozenset[Standing],
        once: Once | None = None,
    ) -> Done:
        """A new order on the stored card of another, authorized; the source stays as it is."""

        async def act() -> Done:
            first, card, sealed = await self._stored(merchant, source, allowed, "rebill")
            if not card.has_expiry:
                raise Refused(Code.NO_STORED_CARD)
            data = CardData(pan=self.engine.vault.open(merchant.id, sealed), card=card, cvv=cvv)
            said = rebilled(first, draft.recurring, cvv=cvv is not None)
            order = self._order(
                merchant,
                replace(draft, recurring=said),
                card,
                parent=source,
                relation=Relation.REBILL,
            )
            return await self._collect(merchant, draft, order, data, (), once)

        return await self.once(merchant, once, act)

    async def credit(
        self, merchant: Merchant, draft: Draft, card: NewCard, once: Once | None = None
    ) -> Done:
        """A new order that pushes money to a card (original credit transaction)."""

        async def act() -> Done:
            order, data, sealed = self._prepare(merchant, draft, card)
            return await self._pay_out(merchant, order, data, (sealed,), once)

        return await self.once(merchant, once, act)

    async def credit_linked(
        self,
        merchant: Merchant,
        source: int,
        draft: Draft,
        *,
        allowed: frozenset[Standing],
        once: Once | None = None,
    ) -> Done:
        """A new order that pushes money to the stored card of another."""

        async def act() -> Done:
            _, card, sealed = await self._stored(merchant, source, allowed, "credit")
            data = CardData(pan=self.engine.vault.open(merchant.id, sealed), card=card)
            order = self._order(merchant, draft, card, parent=source, relation=Relation.CREDIT)
            return await self._pay_out(merchant, order, data, (), once)

        return await self.once(merchant, once, act)

    async def follow_up(
        self, merchant: Merchant, order: int, command: Command, once: Once | None = None
    ) -> Done:
        """Charge, reverse, refund: one operation on a stored order."""
        keyed = replace(command, key=once.key if once else None)
        return await self._perform(merchant, order, lambda _: keyed, once)

    async def carry_on(
        self,
        merchant: Merchant,
        order: int,
        plan: Callable[[Order], Plan],
        once: Once | None = None,
    ) -> Done:
        """Do what is planned for a stored order, all of it in one step; perhaps no operation.

        The key of every command is the caller's own, whatever the plan says.
        """
        key = once.key if once else None

        def keyed(order: Order) -> Plan:
            planned = plan(order)
            commands = tuple(replace(each, key=key) for each in planned.commands)
            return replace(planned, commands=commands)

        async def act() -> Done:
            known = await self.engine.store.load(merchant.id, order)
            now, born = await self.engine.begin_all(merchant, known, keyed, once=once)
            done = Done(order=now)
            ended: list[Operation] = []
            try:
                for operation in born:
                    done = await self.engine.carry_out(merchant, done.order, operation)
                    assert done.operation is not None
                    ended.append(done.operation)
            finally:
                self.engine.running -= {operation.id for operation in born}
            return replace(done, operations=tuple(ended))

        return await self.once(merchant, once, act)

    async def cancel(
        self, merchant: Merchant, order: int, minor: int | None, once: Once | None = None
    ) -> Done:
        """Reverse what is authorized, whatever the amount; else refund what is charged."""
        key = once.key if once else None

        def choose(order: Order) -> Command:
            if standing(order) in REVERSIBLE:
                return Command(kind=Kind.REVERSE, allowed=REVERSIBLE, key=key)
            return Command(kind=Kind.REFUND, minor=minor, allowed=REFUNDABLE, key=key)

        return await self._perform(merchant, order, choose, once)

    def order(self, merchant: Merchant, draft: Draft, card: Card | None) -> Order:
        """The order that a draft comes to, with a payment by that card; nothing is committed."""
        order = self._order(merchant, draft, card)
        return order if card is not None else replace(order, payments=())

    async def _perform(
        self,
        merchant: Merchant,
        order: int,
        choose: Callable[[Order], Command],
        once: Once | None,
    ) -> Done:
        return await self.once(
            merchant, once, lambda: self.engine.perform(merchant, order, choose, once)
        )

    async def _collect(
        self,
        merchant: Merchant,
        draft: Draft,
        order: Order,
        data: CardData | None,
        cards: tuple[SealedCard, ...],
        once: Once | None,
    ) -> Done:
        if draft.amount.currency not in merchant.currencies:
            return await self._reject(order, cards, once)
        key = once.key if once else None
        at_once = draft.auto_charge or merchant.auto_charge
        if draft.demand is not None and data is not None:
            start = authenticate.Start(
                demand=draft.demand, data=data, cards=cards, once=once, at_once=at_once
            )
            return await authenticate.begin(self.engine, merchant, order, start)
        command = Command(kind=Kind.AUTHORIZE, key=key, charge_next=at_once)
        begun, born = await self.engine.begin_all(
            merchant,
            order,
            lambda order: Plan(order=order, commands=(command,), names=draft.names),
            once=once,
            cards=cards,
        )
        return await self.engine.carry_out(merchant, begun, born[0], data)

    async def _pay_out(
        self,
        merchant: Merchant,
        order: Order,
        data: CardData,
        cards: tuple[SealedCard, ...],
        once: Once | None,
    ) -> Done:
        if not merchant.credit_enabled:
            raise Refused(Code.CREDIT_NOT_ENABLED)
        if order.amount.currency not in merchant.currencies:
            return await self._reject(order, cards, once)
        command = Command(kind=Kind.CREDIT, key=once.key if once else None)
        begun, operation = await self.engine.begin(
            merchant, order, lambda _: command, once=once, cards=cards
        )
        return await self.engine.carry_out(merchant, begun, operation, data)

    async def _reject(self, order: Order, cards: tuple[SealedCard, ...], once: Once | None) -> Done:
        """Keep an order that the gateway itself refuses."""
        now = self.engine.clock.now()
        payments = tuple(replace(payment, descriptor=None) for payment in order.payments)
        closed = rejected(replace(order, payments=payments), Code.CURRENCY_NOT_ENABLED, now)
        return await self._keep(closed, cards, once)

    async def _keep(self, order: Order, cards: tuple[SealedCard, ...], once: Once | None) -> Done:
        """Keep a new order that asks nothing of an acquirer."""
        key = once.use(order, order.closed_at or self.engine.clock.now()) if once else None
        timers: tuple[Timer, ...] = ()
        if order.expires is not None and order.closed is None:
            timers = (Timer(kind=Due.EXPIRE, subject=order.id, due=order.expires),)
        made = await self.engine.commit(
            order, lambda order: replace(change(order, cards=cards, key=key), timers=timers)
        )
        assert made is not None
        return Done(order=made.order)

    def _prepare(
        self, merchant: Merchant, draft: Draft, card: NewCard
    ) -> tuple[Order, CardData, SealedCard]:
        data, sealed = self.card(merchant, card, draft.wallet)
        return self._order(merchant, draft, data.card), data, sealed

    def card(
        self, merchant: Merchant, card: NewCard, wallet: WalletUse | None = None
    ) -> tuple[CardData, SealedCard]:
        """The card as an acquirer needs it, and as it may rest."""
        number = self.engine.ids.next()
        known = describe(card.pan, number, holder=card.holder, month=card.month, year=card.year)
        sealed = self.engine.vault.seal(merchant.id, number, card.pan)
        eci = wallet.eci if wallet else None
        data = CardData(pan=card.pan, card=known, cvv=card.cvv, cryptogram=card.cryptogram, eci=eci)
        return data, sealed

    def _order(
        self,
        merchant: Merchant,
        draft: Draft,
        card: Card | None,
        *,
        parent: int | None = None,
        relation: Relation | None = None,
    ) -> Order:
        terminal = merchant.terminal(draft.terminal, draft.amount.currency)
        order = self.engine.ids.next()
        payment = Payment(
            id=self.engine.ids.next(),
            amount=draft.amount,
            terminal=terminal.name,
            descriptor=draft.descriptor or terminal.descriptor,
            method=draft.method,
            card=card,
            secure3d=draft.secure3d,
            recurring=draft.recurring,
            wallet=draft.wallet,
        )
        return Order(
            merchant=merchant.id,
            id=order,
            amount=draft.amount,
            lines=draft.lines,
            payments=(payment,) if card or draft.method else (),
            reference=draft.reference,
            description=draft.description,
            descriptor=draft.descriptor,
            segment=draft.segment,
            client=draft.client,
            location=draft.location,
            custom=draft.custom,
            facts=draft.facts,
            callback=draft.callback,
            parent=parent,
            relation=relation,
            session=draft.session,
            expires=draft.expires,
        )

    async def _joined(self, merchant: Merchant, draft: Draft) -> Draft:
        """The draft with what we know of its series; a parent that is not ours stays as named."""
        assert draft.recurring is not None
        named, parent = draft.recurring.parent or "", None
        if named.isascii() and named.isdigit() and len(named) < ID_DIGITS_MAX:
            with suppress(Refused):
                parent = await self.engine.store.load(merchant.id, int(named))
        return replace(draft, recurring=joined(draft.recurring, parent))

    async def _stored(
        self, merchant: Merchant, source: int, allowed: frozenset[Standing], operation: str
    ) -> tuple[Order, Card, SealedCard]:
        """A stored order and its card; raises `Refused` where the order has none, or may not."""
        order = await self.engine.store.load(merchant.id, source)
        now = standing(order)
        if now not in allowed:
            raise Refused(Code.WRONG_STATE, operation=operation, standing=now)
        card = order.payments[-1].card if order.payments else None
        sealed = None if card is None else await self.engine.store.card(merchant.id, card.id)
        if card is None or sealed is None:
            raise Refused(Code.NO_STORED_CARD)
        return order, card, sealed
