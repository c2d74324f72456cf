"""The stores under contract, and the orders that are put into them."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final, TypeAlias

from msgspec.structs import replace
from tests.cluster import url_of
from tests.pooler import pooled

from counterfoil.core import rules
from counterfoil.core.answers import Approved, Declined, Verdict
from counterfoil.core.card import Card, SealedCard
from counterfoil.core.change import Change, KeyUse, change
from counterfoil.core.declines import Decline
from counterfoil.core.merchant import Pricing
from counterfoil.core.money import Money
from counterfoil.core.order import (
    Client,
    Kind,
    Line,
    Location,
    Order,
    Payment,
    Recurring,
    Relation,
    Secure3d,
)
from counterfoil.core.ports import Committed, Store
from counterfoil.core.pricing import Terms
from counterfoil.core.rates import Rate
from counterfoil.core.wallets import Form, Wallet, WalletUse
from counterfoil.store import postgres
from counterfoil.store.options import Options
from counterfoil.store.sqlite import open_store
from counterfoil.testing import FakeClock, MemoryStore, SerialIds, decline

Opener: TypeAlias = Callable[[Path], Awaitable[Store]]

TERMS: Final = Terms(pricing=Pricing(fee_bps=300, reserve_bps=1000), accounting="EUR")
EUR: Final = Money(minor=1000, currency="EUR")
NO: Final = decline(Decline.DO_NOT_HONOR)


async def open_memory(_: Path) -> Store:
    return MemoryStore()


async def open_sqlite(folder: Path) -> Store:
    return await open_store(folder / "counterfoil.db")


async def open_apart(folder: Path) -> Store:
    """The same, written by a process of its own."""
    return await open_store(folder / "counterfoil.db", apart=True)


async def open_postgres(folder: Path) -> Store:
    return await postgres.open_store(await url_of(folder))


async def open_alone(folder: Path) -> Store:
    """The same with each batch kept to one merchant, behind pgbouncer in transaction mode."""
    options = Options(alone=True, pooled=True)
    return await postgres.open_store(pooled(await url_of(folder)), options)


DURABLE: Final[dict[str, Opener]] = {
    "sqlite": open_sqlite,
    "sqlite-apart": open_apart,
    "postgres": open_postgres,
    "postgres-alone": open_alone,
}
OPENERS: Final[dict[str, Opener]] = {"memory": open_memory, **DURABLE}


class Till:
    """Makes orders on a clock of its own, and takes them through the rules into a store."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.clock = FakeClock()
        self.ids = SerialIds(self.clock)

    def order(self, merchant: int = 1, **fields: object) -> Order:
        """A new order, one second after the one before."""
        self.clock.advance(1)
        return replace(Order(merchant=merchant, id=self.ids.next(), amount=EUR), **fields)

    def full(self) -> Order:
        """An order that says something in every field."""
        order = self.order(
            reference="R-1 “quoted” \\ \x00 \U0001f4b3",
            description="d",
            segment="s",
            lines=(Line(product="p", quantity=3, minor=1000, facts='{"sku":1}'),),
            client=Client(name="Ünal", email="u@example.com", phone="", country="TUR"),
            location=Location(ip="127.0.0.1", country="UKR"),
            custom=(("a", "1"), ("b", "")),
            facts="{}",
            parent=2**62,
            relation=Relation.REBILL,
        )
        order = self.with_card(order)
        payment = replace(
            order.payments[0],
            descriptor="SHOP",
            secure3d=Secure3d(reason="c", eci="05"),
            recurring=Recurring(first=True, trace_id="t"),
            wallet=WalletUse(wallet=Wallet.APPLE_PAY, form=Form.EC_V1, id="0a", stand_in="AA=="),
        )
        return replace(order, payments=(payment,))

    def with_card(self, order: Order, card: Card | None = None) -> Order:
        """The order with one more payment."""
        payment = Payment(id=self.ids.next(), amount=EUR, terminal="TERM", card=card)
        return replace(order, payments=(*order.payments, payment))

    async def put(self, order: Order, **fields: object) -> Order:
        """The order as committed."""
        made = replace(change(order), **fields)
        assert await self.store.commit(made) is Committed.DONE
        return made.order

    async def begin(self, order: Order, kind: Kind, minor: int | None = None) -> Order:
        """The order with a pending operation, committed."""
        command = rules.Command(kind=kind, minor=minor)
        begun, operation = rules.begin(order, command, stamp=self.ids.next(), terms=TERMS)
        new = kind is Kind.AUTHORIZE and begun.payments[-1].card is not None
        made = change(begun, born=(operation,), cards=(sealed(operation.id),) if new else ())
        assert await self.store.commit(made) is Committed.DONE
        return made.order

    async def finish(self, order: Order, no: Declined | None = None) -> Order:
        """The order with its last operation closed, committed: approved, unless it is declined."""
        last = order.operations[-1]
        answer: Verdict = no or Approved(reference=last.id, amount=last.amount, auth_code="AUTH12")
        finished = rules.finish(order, last.id, answer, stamp=self.clock.now())
        assert finished is not None
        made = change(finished[0], closed=(finished[1],))
        assert await self.store.commit(made) is Committed.DONE
        return made.order

    async def authorized(self, order: Order, card: Card | None = None) -> Order:
        """The order with an approved authorization."""
        return await self.finish(await self.begin(self.with_card(order, card), Kind.AUTHORIZE))

    async def charged(self, order: Order, card: Card | None = None) -> Order:
        """The order, charged in full."""
        return await self.finish(await self.begin(await self.authorized(order, card), Kind.CHARGE))


def use(order: Order, key: str) -> KeyUse:
    """That order's use of a key."""
    return KeyUse(key=key, fingerprint=b"\x00hash\xff", order=order.id, used=1)


def sealed(number: int, key: int = 1) -> SealedCard:
    """A sealed card; its bytes are any bytes."""
    return SealedCard(id=number, key=key, sealed=b"\x00\xff" * 9, fingerprint=bytes(range(16)))


def next_step(order: Order, note: str) -> Change:
    """A change of the order that a test can tell from another."""
    return change(replace(order, description=note))


def named(name: str) -> Client:
    return Client(name=name)


def rate(day: str, target: str, value: str) -> Rate:
    return Rate(day=day, source="EUR", target=target, rate=value)
