"""What merchants ask, at random: of new orders, of recent ones, and the same again."""

from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

from tests.simulation.faults import Chance

from counterfoil.core.card import Cvv, Pan
from counterfoil.core.merchant import Merchant
from counterfoil.core.money import Money
from counterfoil.core.order import Kind, Order
from counterfoil.core.rules import Command, Standing
from counterfoil.engine.orders import Draft, NewCard, Orders
from counterfoil.engine.perform import Done, Once

ANY: Final = frozenset(Standing)
RECENT: Final = 25
GOOD: Final = NewCard(pan=Pan("4111111111111111"), cvv=Cvv("123"), month=12, year=2090)
EXPIRED: Final = NewCard(pan=Pan("5555555555554444"), cvv=Cvv("123"), month=12, year=2020)
CARDS: Final = (GOOD,) * 15 + (EXPIRED,)
AMOUNTS: Final = (10_000, 10_000, 9_999, 101, 1)
PARTS: Final = (None, None, None, 1, 3_333, 6_000, 5_000, 10_000, 20_000)
KINDS: Final = {
    "authorize": 30,
    "charge": 26,
    "refund": 16,
    "reverse": 6,
    "cancel": 6,
    "rebill": 5,
    "credit": 3,
    "credit_linked": 2,
    "again": 8,
}
Call = Callable[[Orders], Awaitable[Done]]


class Ask(NamedTuple):
    """A question that can be asked again."""

    merchant: int
    what: str
    once: Once | None
    call: Call

    def __str__(self) -> str:
        return f"merchant {self.merchant} asks {self.what} {self.once.key if self.once else ''}"


class Asking:
    """Makes questions, and remembers those that had a key."""

    def __init__(self, chance: Chance, merchants: list[Merchant]) -> None:
        self._chance = chance
        self._merchants = merchants
        self._orders: dict[int, list[int]] = {merchant.id: [] for merchant in merchants}
        self._asked: list[Ask] = []
        self._keys = 0

    def known(self, order: Order) -> None:
        """An order that can be asked about from now on."""
        orders = self._orders[order.merchant]
        if order.id not in orders:
            orders.append(order.id)
            del orders[:-RECENT]

    def any(self) -> Ask:
        """A question."""
        return self._make(self._chance.pick(self._merchants), self._kind())

    def burst(self) -> list[Ask]:
        """Several at once about one order, or one several times."""
        merchant = self._chance.pick(self._merchants)
        many = self._chance.random.randint(2, 6)
        if self._chance.random.randrange(2) and self._asked:
            return [self._chance.pick(self._asked[-10:])] * many
        orders = self._orders[merchant.id]
        if not orders:
            return []
        order = self._chance.pick(orders)
        kinds = ("charge", "refund", "reverse", "cancel")
        return [self._about(merchant, self._chance.pick(kinds), order) for _ in range(many)]

    def _kind(self) -> str:
        return self._chance.random.choices([*KINDS], [*KINDS.values()])[0]

    def _make(self, merchant: Merchant, what: str) -> Ask:
        if what == "again" and self._asked:
            return self._chance.pick(self._asked[-RECENT:])
        orders = self._orders[merchant.id]
        if what in {"authorize", "credit", "again"} or not orders:
            return self._new(merchant, "credit" if what == "credit" else "authorize")
        return self._about(merchant, what, self._chance.pick(orders))

    def _new(self, merchant: Merchant, what: str) -> Ask:
        draft, card = self._draft(), self._chance.pick(CARDS)
        once = self._once(merchant)
        if what == "credit":
            return self._keep(
                merchant, what, once, lambda orders: orders.credit(merchant, draft, card, once)
            )
        return self._keep(
            merchant, what, once, lambda orders: orders.authorize(merchant, draft, card, once)
        )

    def _about(self, merchant: Merchant, what: str, order: int) -> Ask:
        once, minor = self._once(merchant), self._chance.pick(PARTS)
        draft, label = self._draft(), f"{what} {minor} of {order}"
        final = self._chance.random.randrange(6) == 0

        async def call(orders: Orders) -> Done:
            match what:
                case "cancel":
                    return await orders.cancel(merchant, order, minor, once)
                case "rebill":
                    return await orders.rebill(
                        merchant, order, draft, cvv=None, allowed=ANY, once=once
                    )
                case "credit_linked":
                    return await orders.credit_linked(
                        merchant, order, draft, allowed=ANY, once=once
                    )
            command = Command(kind=Kind(what), minor=minor, final=final)
            return await orders.follow_up(merchant, order, command, once)

        return self._keep(merchant, label, once, call)

    def _keep(self, merchant: Merchant, what: str, once: Once | None, call: Call) -> Ask:
        ask = Ask(merchant.id, what, once, call)
        if once is not None:
            self._asked.append(ask)
        return ask

    def _draft(self) -> Draft:
        rare = self._chance.random.randrange(20) == 0
        currency = "CHF" if rare else "EUR"
        amount = Money(minor=self._chance.pick(AMOUNTS), currency=currency)
        return Draft(amount=amount, auto_charge=self._chance.random.randrange(4) == 0)

    def _once(self, merchant: Merchant) -> Once | None:
        if self._chance.random.randrange(5) > 1:
            return None
        self._keys += 1
        key = f"key-{self._keys}"
        return Once(key=key, fingerprint=f"{merchant.id} {key}".encode())
