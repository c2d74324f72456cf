"""What must be true when nothing is under way: nothing pending, everything proved, one book."""

from collections import Counter

from tests.simulation.bank import Bank, Entry
from tests.simulation.world import World

from counterfoil.core.events import Event, Notice
from counterfoil.core.order import Kind, Operation, Order, Outcome
from counterfoil.engine.verify import Proof, verify


async def audit(world: World) -> list[str]:
    """Everything that is wrong; empty: all is well."""
    found = [*world.faults]
    for bank in world.banks.values():
        found += bank.faults
    found += [
        f"order {order} of merchant {merchant}: {operation.kind} {operation.id} is pending"
        for merchant, order, operation in world.waiting()
    ]
    found += await _proof(world)
    found += _ledger(world)
    found += _books(world)
    found += _told(world)
    found += _keys(world)
    found += _notices(world)
    return found


async def _proof(world: World) -> list[str]:
    proof = Proof()
    async for proof in verify(world.rest):  # noqa: B007 (the last one is of everything)
        pass
    return [f"verify: order {each.order}: {each.what}" for each in proof.differences]


def _ledger(world: World) -> list[str]:
    sums: Counter[tuple[int, str]] = Counter()
    for merchant, posting in world.rest.postings:
        sums[merchant, posting.currency] += posting.minor
    return [f"the ledger of {key} is off by {minor}" for key, minor in sums.items() if minor]


def _books(world: World) -> list[str]:
    found: list[str] = []
    ours: set[int] = set()
    for order in world.rest.stored():
        bank = _bank(world, order)
        for operation in order.operations:
            ours.add(operation.id)
            found += _compared(order, operation, bank.book.get(operation.id))
    for bank in world.banks.values():
        for entry in bank.book.values():
            if entry.reference > 0 and entry.stands and entry.reference not in ours:
                found.append(f"{bank.name} has {entry.kind} {entry.reference}, which we have not")
    return found


def _bank(world: World, order: Order) -> Bank:
    merchant = world.merchants[order.merchant - 1]
    return world.banks[merchant.terminals[0].connector]


def _compared(order: Order, operation: Operation, entry: Entry | None) -> list[str]:
    stands = entry is not None and entry.stands
    where = f"order {order.id}: {operation.kind} {operation.id}"
    if (operation.outcome is Outcome.APPROVED) != stands:
        there = "stands" if stands else "does not stand"
        return [f"{where} is {operation.outcome} here and {there} at the acquirer"]
    if entry is None or not stands:
        return []
    here = (order.merchant, order.id, operation.kind, operation.amount, operation.released)
    there_ = (entry.merchant, entry.order, entry.kind, entry.amount, entry.released)
    return [] if here == there_ else [f"{where} is another one at the acquirer: {there_}"]


def _told(world: World) -> list[str]:
    """What a caller was told is true for ever."""
    found = []
    for merchant, order, told in world.told.values():
        now = world.rest.logs.get((merchant, order), {}).get(told.id)
        if now != told:
            found.append(f"order {order}: {told.kind} {told.id} was told as {told.outcome}")
    return found


def _keys(world: World) -> list[str]:
    """Nothing is done twice under one key."""
    done: Counter[tuple[int, str, Kind]] = Counter()
    orders: dict[tuple[int, str], set[int]] = {}
    for order in world.rest.stored():
        for operation in order.operations:
            if operation.key is not None:
                done[order.merchant, operation.key, operation.kind] += 1
                orders.setdefault((order.merchant, operation.key), set()).add(order.id)
    found = [f"{key} was done {times} times" for key, times in done.items() if times > 1]
    return found + [f"{key} made orders {made}" for key, made in orders.items() if len(made) > 1]


def _notices(world: World) -> list[str]:
    """Every closed operation was told of once, in order, without a gap."""
    told: dict[int, list[Notice]] = {}
    for _, notice in world.rest.notices_told:
        told.setdefault(notice.order, []).append(notice)
    found = []
    for order in world.rest.stored():
        closed = [each for each in order.operations if each.outcome is not Outcome.PENDING]
        notices = told.get(order.id, [])
        due = len(closed) + (order.closed is not None)
        final = [each for each in notices if each.event is not Event.PAYMENT_PENDING]
        counted = [each.sequence for each in notices]
        if counted != [*range(1, len(notices) + 1)] or len(final) != due:
            found.append(f"order {order.id}: notices {notices}")
    return found
