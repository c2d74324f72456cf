"""Several merchants, two processes over one store, two acquirers: all of it driven by a seed."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from functools import partial
from typing import Final, TypeAlias

from tests.simulation.asking import Ask, Asking
from tests.simulation.bank import Bank
from tests.simulation.faults import Chance, Crash, StoreError
from tests.simulation.rest import Rest, Way
from tests.simulation.virtual import VirtualClock

from counterfoil.core.answers import Answer
from counterfoil.core.errors import Code, Refused
from counterfoil.core.merchant import Merchant, Pricing, Terminal
from counterfoil.core.order import Kind, Operation, Outcome
from counterfoil.core.ports import Inquiry
from counterfoil.core.rates import Rate
from counterfoil.engine.chores import UnaskedError, chores
from counterfoil.engine.orders import Orders
from counterfoil.engine.perform import Done, Engine, Limits
from counterfoil.engine.resolve import resolve
from counterfoil.testing import MemoryVault, demo_merchant
from counterfoil.world import WorkerIds

LIMITS: Final = Limits(acquirer_ms=3_000, replay_ms=4_000, replay_poll_ms=50)
PATIENCE: Final = 40  # rounds of resolving, with the acquirers reachable
DAY_S: Final = 24 * 3600
Work: TypeAlias = Callable[[], Coroutine[object, object, None]]


class Process:
    """A serving process: everything in it is gone when it dies."""

    def __init__(self, world: "World", number: int) -> None:
        self.number = number
        self.alive = True
        self.tasks: dict[asyncio.Task[None], None] = {}
        self.engine = Engine(
            store=Way(world.rest, world.chance, lambda: self.alive),
            vault=world.vault,
            acquirers=world.banks,
            clock=world.clock,
            ids=WorkerIds(world.clock, number),
            limits=LIMITS,
        )
        self.orders = Orders(self.engine)


class World:
    """The whole of it. `faults` is what must never happen, and did."""

    def __init__(self, seed: int) -> None:
        self.chance = Chance(seed)
        self.clock = VirtualClock()
        self.vault = MemoryVault()
        self.rest = Rest()
        self.banks = {
            "asked": Bank("asked", self.chance, self.note, mute=False),
            "mute": Bank("mute", self.chance, self.note, mute=True),
        }
        self.merchants = _merchants()
        self.asking = Asking(self.chance, self.merchants)
        self.processes = [Process(self, number) for number in range(2)]
        self.faults: list[str] = []
        self.log: list[str] = []
        self.told: dict[int, tuple[int, int, Operation]] = {}
        self.keyed: dict[tuple[int, str], tuple[int, int | None]] = {}
        for bank in self.banks.values():
            bank.deliver = self.deliver

    async def open(self) -> None:
        """Save what merchants need."""
        for merchant in self.merchants:
            await self.rest.save_merchant(merchant)
        days = (("2026-01-01", "1.1"), ("2026-01-20", "1.2"), ("2026-02-10", "1.05"))
        await self.rest.save_rates(
            [Rate(day=day, source="EUR", target="USD", rate=rate) for day, rate in days]
        )

    async def step(self) -> None:
        """Something happens, and a little time passes."""
        what = self.chance.random.randrange(100)
        if what < 88:
            self._ask(self.asking.any())
        elif what < 92:
            for each in self.asking.burst():
                self._ask(each)
        elif what < 96:
            process = self._process()
            self._spawn(process, partial(self._chores, process))
        elif what < 97:
            self._jump()
        elif what < 98:
            bank = self.chance.pick([*self.banks.values()])
            bank.down = not bank.down
        elif what < 99:
            self._die(self._process())
        await self.chance.pause(0, 0, 1, 5, 20, 20, 50, 400)

    def _jump(self) -> None:
        """The clock jumps: what is under way looks old at once, and is resolved as such."""
        self.clock.advance(self.chance.pick((1, 60, 3_600, DAY_S)))
        self.note("the clock jumps")
        for process in self.processes:
            self._spawn(process, partial(self._chores, process))

    async def deliver(self, inquiry: Inquiry, answer: Answer) -> None:
        """A late answer reaches whichever process listens."""
        process = self._process()
        self._spawn(process, partial(process.engine.receive, inquiry, answer))

    async def settle(self) -> None:
        """Nothing fails any more: wait for all answers, then resolve until nothing is pending."""
        self.chance.calm = True
        await self._quiet()
        for _ in range(PATIENCE):
            waiting = self.waiting()
            if not waiting:
                break
            process = self._process()
            self._spawn(process, partial(self._resolve, process))
            self._spawn(process, partial(self._reconcile, process))
            await self._quiet()
        self.chance.calm = False

    def waiting(self) -> list[tuple[int, int, Operation]]:
        """Every operation without an answer, with its merchant and order."""
        return [
            (merchant, listed.order, listed.operation)
            for merchant, waiting in self.rest.waiting.items()
            for listed in waiting.values()
        ]

    def note(self, what: str) -> None:
        """Remember what happened, for whoever has to find out why."""
        self.log.append(f"{self.clock.elapsed_s():.6f} {what}")

    async def _quiet(self) -> None:
        """Wait until nothing runs and no answer is on its way."""
        while True:
            running = [task for process in self.processes for task in process.tasks]
            coming = [task for bank in self.banks.values() for task in bank.coming]
            if not running and not coming:
                return
            await asyncio.wait([*running, *coming])

    def _process(self) -> Process:
        return self.chance.pick(self.processes)

    def _spawn(self, process: Process, work: Work) -> None:
        task = asyncio.get_running_loop().create_task(self._guarded(process, work))
        process.tasks[task] = None
        task.add_done_callback(lambda done: process.tasks.pop(done, None))

    async def _guarded(self, process: Process, work: Work) -> None:
        try:
            await work()
        except Crash:
            self._die(process)
        except StoreError:
            self.note("the store failed")
        except asyncio.CancelledError:
            if process.alive:
                raise
        except Exception as error:  # noqa: BLE001 (an edge: whatever else escapes is a fault)
            self.faults.append(f"{type(error).__name__} escaped: {error}")

    def _die(self, process: Process) -> None:
        if not process.alive:
            return
        process.alive = False
        self.note(f"process {process.number} dies")
        for task in process.tasks:
            if task is not asyncio.current_task():
                task.cancel()
        self.processes[process.number] = Process(self, process.number)

    def _ask(self, ask: Ask) -> None:
        process = self._process()
        self._spawn(process, partial(self._answer, process, ask))

    async def _answer(self, process: Process, ask: Ask) -> None:
        try:
            done = await ask.call(process.orders)
        except Refused as refused:
            self.note(f"{ask} refused {refused.code}")
            if refused.code is Code.BUSY:
                self.faults.append(f"{ask}: busy")
            return
        self._remember(ask, done)

    def _remember(self, ask: Ask, done: Done) -> None:
        order, operation = done.order, done.operation
        self.asking.known(order)
        number = None if operation is None else operation.id
        self.note(f"{ask} order {order.id} operation {number} {operation and operation.outcome}")
        if operation is not None and operation.outcome is not Outcome.PENDING:
            self.told.setdefault(operation.id, (order.merchant, order.id, operation))
        if ask.once is not None:
            unanswered = operation is not None and operation.outcome is Outcome.PENDING
            given = (order.id, None if unanswered else number)
            first = self.keyed.setdefault((order.merchant, ask.once.key), given)
            if first[1] is None:  # nothing was known then; an automatic charge may have followed
                first = self.keyed[order.merchant, ask.once.key] = (first[0], given[1])
            if first[0] != given[0] or (not unanswered and first[1] != given[1]):
                self.faults.append(f"{ask} gave {first}, then {given}")

    async def _chores(self, process: Process) -> None:
        for chore in chores(process.engine):
            if chore.name == "resolve":  # keys are kept for the whole of a run, whatever the clock
                with suppress(UnaskedError):
                    await chore.work()

    async def _resolve(self, process: Process) -> None:
        await resolve(process.engine, before=self.clock.now())

    async def _reconcile(self, process: Process) -> None:
        """What nobody can be asked about is found in the acquirer's statement at the day's end."""
        for merchant, number, operation in self.waiting():
            bank = self.banks["mute"]
            if operation.kind not in {Kind.REFUND, Kind.CREDIT} or merchant != 2:
                continue
            inquiry = Inquiry(
                reference=operation.id,
                merchant=merchant,
                order=number,
                kind=operation.kind,
                amount=operation.amount,
                terminal="TERM",
            )
            await process.engine.receive(inquiry, bank.truth(operation.id))


def _merchants() -> list[Merchant]:
    def at(connector: str) -> tuple[Terminal, ...]:
        return (Terminal(name="TERM", connector=connector),)

    return [
        demo_merchant(1, terminals=at("asked")),
        demo_merchant(2, terminals=at("mute"), pricing=Pricing(fee_bps=175, reserve_bps=0)),
        demo_merchant(3, terminals=at("asked"), accounting_currency="USD", multiple_charges=False),
    ]
