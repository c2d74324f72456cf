"""What rests when a process dies, and each process's way to it, which fails as disks do."""

from collections.abc import Callable, Sequence

from tests.simulation.faults import Chance, Crash, StoreError

from counterfoil.core.change import Change
from counterfoil.core.ledger import Posting
from counterfoil.core.listing import projection
from counterfoil.core.order import Operation, Order, Outcome
from counterfoil.core.ports import Committed, Evidence, Listed
from counterfoil.testing import MemoryStore


class Rest(MemoryStore):
    """One memory for all processes, with what the audits look up kept by order.

    `given` is every change that was ever handed over, and what became of it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.logs: dict[tuple[int, int], dict[int, Operation]] = {}
        self.entries: dict[tuple[int, int], list[Posting]] = {}
        self.waiting: dict[int, dict[int, Listed]] = {}
        self.given: list[tuple[Change, Committed]] = []

    async def commit(self, change: Change) -> Committed:
        """Keep the change, and file it by order."""
        committed = await super().commit(change)
        self.given.append((change, committed))
        if committed is Committed.DONE:
            key = (change.order.merchant, change.order.id)
            log = self.logs.setdefault(key, {})
            waiting = self.waiting.setdefault(change.order.merchant, {})
            for operation in (*change.born, *change.marked, *change.closed):
                log[operation.id] = operation
                waiting.pop(operation.id, None)
                if operation.outcome is Outcome.PENDING:
                    waiting[operation.id] = Listed(order=change.order.id, operation=operation)
            self.entries.setdefault(key, []).extend(change.postings)
        return committed

    async def pending(
        self, merchant: int, before: int, limit: int, *, after: int = 0
    ) -> Sequence[Listed]:
        """The oldest operations without an answer whose id is below `before`, above `after`."""
        waiting = self.waiting.get(merchant, {})
        return [waiting[each] for each in sorted(waiting) if after < each < before][:limit]

    async def evidence(self, merchant: int, after: int, limit: int) -> Sequence[Evidence]:
        """What rests about the orders whose id is above `after`, oldest first."""
        wanted = sorted(key for key in self._orders if key[0] == merchant and key[1] > after)
        return [self._about(self._orders[key]) for key in wanted[:limit]]

    def stored(self) -> list[Order]:
        """Every order."""
        return list(self._orders.values())

    def _about(self, order: Order) -> Evidence:
        key = (order.merchant, order.id)
        operations = tuple(self.logs.get(key, {}).values())
        return Evidence(
            merchant=order.merchant,
            id=order.id,
            order=order,
            version=order.version,
            projected=projection(order),
            operations=operations,
            columns=tuple((each.id, each.kind, each.outcome) for each in operations),
            postings=tuple(self.entries.get(key, ())),
        )


class Way(Rest):
    """A process's way to what rests: slow, and with it every crash between two steps."""

    def __init__(self, rest: Rest, chance: Chance, alive: Callable[[], bool]) -> None:
        super().__init__()
        vars(self).update(vars(rest))  # the same dictionaries and lists: one memory
        self._chance = chance
        self._alive = alive

    async def commit(self, change: Change) -> Committed:
        """Keep the change; die or fail before it is durable, or after."""
        await self._chance.pause(0, 0, 1, 3)
        self._strike()
        committed = await super().commit(change)
        self._strike()
        await self._chance.pause(0, 0, 1)
        return committed

    async def load(self, merchant: int, order: int) -> Order:
        """The order, a moment later."""
        if not self._alive():
            raise Crash
        found = await super().load(merchant, order)
        await self._chance.pause(0, 0, 1)
        return found

    def _strike(self) -> None:
        if not self._alive() or self._chance.once_in(300):
            raise Crash
        if self._chance.once_in(300):
            raise StoreError
