"""A gateway on fakes, and the places where a test may come between two steps of it."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, NoReturn, TypeAlias

from msgspec.structs import replace

from counterfoil.core.answers import Answer
from counterfoil.core.callbacks import Attempt, Courier, Endpoint, Form
from counterfoil.core.card import Cvv, Pan, Secret
from counterfoil.core.change import Change
from counterfoil.core.errors import Refused
from counterfoil.core.events import Event
from counterfoil.core.merchant import Merchant, Terminal
from counterfoil.core.money import Money
from counterfoil.core.order import Kind, Operation, Order
from counterfoil.core.ports import Capability, Committed, Inquiry, Instruction
from counterfoil.core.rules import Bucket, Command, position
from counterfoil.core.schedule import SECOND_US
from counterfoil.core.timers import Due, Settled, Timer
from counterfoil.courier.standard import new_secret
from counterfoil.engine.audience import Audience
from counterfoil.engine.chores import kinds
from counterfoil.engine.deliver import Desk as Outgoing
from counterfoil.engine.orders import Draft, NewCard, Orders
from counterfoil.engine.perform import Done, Engine, Limits, Once
from counterfoil.engine.pump import Pump
from counterfoil.engine.resolve import Resolved, resolve
from counterfoil.testing import (
    FakeClock,
    FakeCourier,
    MemoryStore,
    MemoryVault,
    PlainForm,
    Script,
    ScriptedAcquirer,
    SerialIds,
    demo_merchant,
)
from counterfoil.testing.acquirer import EVERYTHING

Step: TypeAlias = Callable[[], Awaitable[object]]

MUTE: Final = EVERYTHING - {Capability.INQUIRE}
PAN: Final = Pan("4111111111111111")
CARD: Final = NewCard(pan=PAN, cvv=Cvv("123"), holder="A HOLDER", month=12, year=2030)
QUICK: Final = Limits(acquirer_ms=20, replay_ms=40, replay_poll_ms=5)
EUR: Final = Money(minor=10_000, currency="EUR")


class Crash(BaseException):
    """The process died here."""


async def die() -> NoReturn:
    """Die."""
    raise Crash


async def nothing() -> None:
    """Let this one pass."""


class Meddled(MemoryStore):
    """Runs the next step of `before` ahead of a commit, and of `after` behind it.

    A step of `settling` runs ahead of what came of timers being kept, one of `planting` ahead of
    timers being set by themselves.
    """

    def __init__(self) -> None:
        super().__init__()
        self.before: deque[Step] = deque()
        self.after: deque[Step] = deque()
        self.settling: deque[Step] = deque()
        self.planting: deque[Step] = deque()

    async def commit(self, change: Change) -> Committed:
        """Keep the change, with whatever a test put before and behind it."""
        after = self.after.popleft() if self.after else nothing
        if self.before:
            await self.before.popleft()()
        committed = await super().commit(change)
        await after()
        return committed

    async def plant(
        self, merchant: int, timers: Sequence[Timer], *, unless_there: bool = False
    ) -> None:
        """Set timers, with whatever a test put before it."""
        if self.planting:
            await self.planting.popleft()()
        await super().plant(merchant, timers, unless_there=unless_there)

    async def settle(self, settled: Sequence[Settled], attempts: Sequence[Attempt]) -> None:
        """Keep what came of timers, with whatever a test put before it."""
        if self.settling:
            await self.settling.popleft()()
        await super().settle(settled, attempts)


class Host(ScriptedAcquirer):
    """Runs the next step of `sending` (or `inquiring`) after the answer, before it is given."""

    def __init__(self, *script: Script, supports: frozenset[Capability] = EVERYTHING) -> None:
        super().__init__(*script, name="sandbox", supports=supports)
        self.sending: deque[Step] = deque()
        self.inquiring: deque[Step] = deque()
        self.ignorant = False  # an inquiry finds nothing out

    async def send(self, instruction: Instruction) -> Answer:
        """The next line of the script, late if a test wants it."""
        answer = await super().send(instruction)
        if self.sending:
            await self.sending.popleft()()
        return answer

    async def inquire(self, inquiry: Inquiry) -> Answer:
        """What the book says, unless a test wants something else."""
        answer = await super().inquire(inquiry)
        if self.inquiring:
            await self.inquiring.popleft()()
        if self.ignorant:
            raise ConnectionError
        return answer


async def never() -> NoReturn:
    """Wait until somebody cancels it."""
    await asyncio.Event().wait()
    raise AssertionError


class Desk:
    """One merchant's gateway. `restart` throws the engine away and makes one over the same rest."""

    def __init__(self, host: Host, limits: Limits, merchant: Merchant) -> None:
        self.clock = FakeClock()
        self.ids = SerialIds(self.clock)
        self.store = Meddled()
        self.vault = MemoryVault()
        self.host = host
        self.courier = FakeCourier()
        self.carrier: Courier = self.courier
        self.forms: dict[str, Form] = {}
        self.limits = limits
        self.merchant = merchant
        self.restart()

    def restart(self) -> None:
        """A new process: nothing is remembered but what rests."""
        self.engine = Engine(
            store=self.store,
            vault=self.vault,
            acquirers={"sandbox": self.host},
            clock=self.clock,
            ids=self.ids,
            limits=self.limits,
        )
        self.orders = Orders(self.engine)
        self.host.listen(self.engine.receive)
        forms: dict[str, Form] = {"plain": PlainForm(), **self.forms}
        self.audience = Audience(self.store, forms, self.clock)
        self.engine.audience = self.audience
        table = kinds(
            self.engine,
            Outgoing(
                store=self.store,
                vault=self.vault,
                clock=self.clock,
                wall=self.clock,
                ids=self.ids,
                audience=self.audience,
                courier=self.carrier,
                turn=nothing,
            ),
        )
        self.pump = Pump(
            store=self.store,
            clock=self.clock,
            ids=self.ids,
            kinds=table,
            lanes=self.audience.lanes,
        )
        self.engine.nudge = self.pump.nudge

    async def listens(
        self, *events: Event, number: int = 9, wire: str = "plain", url: str | None = None
    ) -> Endpoint:
        """The merchant's endpoint of that number, with a secret in force."""
        owner, since = (self.merchant.id, number), self.clock.now()
        secret = Secret(f"s{number}") if wire == "plain" else new_secret(bytes(32))
        sealed = self.vault.seal_secret(owner, secret, since)
        endpoint = Endpoint(
            merchant=self.merchant.id,
            id=number,
            wire=wire,
            url=url or f"https://shop.example/{number}",
            created=since,
            events=events,
            secrets=(sealed,),
        )
        await self.store.save_endpoint(endpoint)
        self.audience.forget(self.merchant.id)
        return endpoint

    async def later(self, seconds: int) -> None:
        """Let time pass, with every timer on the way."""
        await self.pump.walk(self.clock.now() + seconds * SECOND_US, self.clock.reach)

    def told(self, number: int = 9) -> list[str]:
        """What was posted to that endpoint, without the order's id."""
        return [
            callback.body.decode().partition("_")[2].partition("_")[2]
            for url, callback in self.courier.posts
            if url.endswith(f"/{number}")
        ]

    async def timers(self) -> list[Due]:
        """The kinds of the timers that wait, those due first first."""
        return [each.timer.kind for each in await self.store.timers(self.merchant.id, 100)]

    async def authorize(self, once: Once | None = None, **draft: object) -> Done:
        """An order of 100.00 EUR, authorized; a second later than what was before."""
        self.clock.advance(1)
        asked = replace(Draft(amount=EUR), **draft)
        return await self.orders.authorize(self.merchant, asked, CARD, once)

    async def act(
        self, order: Order, kind: Kind, minor: int | None = None, once: Once | None = None
    ) -> Done:
        """One operation on an order, a second later than what was before."""
        self.clock.advance(1)
        command = Command(kind=kind, minor=minor)
        return await self.orders.follow_up(self.merchant, order.id, command, once)

    async def charged(self, minor: int | None = None) -> Order:
        """An order of 100.00 EUR, charged."""
        done = await self.authorize()
        return (await self.act(done.order, Kind.CHARGE, minor)).order

    async def now(self, order: Order) -> Order:
        """The order as it rests."""
        return await self.store.load(order.merchant, order.id)

    async def last(self, order: Order) -> Operation:
        """The order's last operation as it rests."""
        return (await self.now(order)).operations[-1]

    async def only(self) -> Order:
        """The one order there is."""
        (found,) = self.store._orders.values()
        return found

    async def resolve(self) -> Resolved:
        """Resolve everything begun so far."""
        self.clock.advance(60)
        return await resolve(self.engine, before=self.clock.now())

    def kinds(self) -> list[Kind]:
        """What the acquirer was asked, in order."""
        return [each.kind for each in self.host.instructions]


async def open_desk(
    *script: Script,
    supports: frozenset[Capability] = EVERYTHING,
    limits: Limits = QUICK,
    **merchant: object,
) -> Desk:
    """A desk with its merchant saved; the acquirer says the script, then yes."""
    desk = Desk(Host(*script, supports=supports), limits, demo_merchant(1, **merchant))
    await desk.store.save_merchant(desk.merchant)
    return desk


def once(key: str = "key-1", asked: bytes = b"asked") -> Once:
    """A caller's key."""
    return Once(key=key, fingerprint=asked)


def stands(order: Order) -> dict[Bucket, int]:
    """Where the money of the order's payment stands; empty buckets left out."""
    return {bucket: minor for bucket, minor in position(order.payments[0]).items() if minor}


async def refusal(work: Awaitable[object]) -> Refused:
    """How it was refused."""
    try:
        await work
    except Refused as refused:
        return refused
    raise AssertionError("it was not refused")


def two_terminals() -> tuple[Terminal, ...]:
    """The default terminal, and one whose connector is not installed."""
    return (Terminal(name="TERM"), Terminal(name="GONE", connector="gone"))
