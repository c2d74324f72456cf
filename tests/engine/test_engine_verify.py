"""The proof: an untouched store holds, and each kind of tampering is found."""

from collections.abc import Callable

import pytest
from msgspec.structs import replace
from tests.engine.desk import EUR, Desk, open_desk

from counterfoil.core.ledger import Account, Posting
from counterfoil.core.money import Money
from counterfoil.core.order import Kind, Outcome
from counterfoil.core.ports import Evidence
from counterfoil.engine import verify as module
from counterfoil.engine.verify import Balance, Difference, Proof, differences, verify
from counterfoil.testing import MemoryStore, demo_merchant, unknown

pytestmark = pytest.mark.anyio

LOG = "the order's log is not the operations that rest beside it"
BESIDE = "a column beside an operation is not its own"
KEY = "the order is not the one whose key it rests under"
VERSION = "the version beside the order is not its own"
COLUMN = "a column that lists filter by is not what follows from the order"
ENTRIES = "the ledger's entries are not what the operations post"
ZERO = "an entry does not sum to zero"


async def proof_of(store: MemoryStore) -> Proof:
    proof = Proof()
    async for found in verify(store):
        proof = found
    return proof


async def busy() -> Desk:
    """A desk with an order that has been through everything."""
    desk = await open_desk()
    order = (await desk.authorize(reference="R-1")).order
    await desk.act(order, Kind.CHARGE, 6_000)
    await desk.act(order, Kind.REFUND, 1_000)
    await desk.act(order, Kind.REVERSE)
    return desk


async def rests() -> Evidence:
    desk = await busy()
    (evidence,) = await desk.store.evidence(1, 0, 10)
    assert differences(evidence) == []
    return evidence


async def test_an_empty_store_holds() -> None:
    assert await proof_of(MemoryStore()) == Proof()


async def test_what_a_merchant_that_is_gone_has_left_is_found() -> None:
    desk = await busy()
    del desk.store._merchants[1]
    gone = Difference(merchant=1, order=0, what="rows of orders rest, but not the merchant")
    assert (await proof_of(desk.store)).differences == (gone,)


async def test_what_was_only_used_holds_and_is_counted() -> None:
    desk = await busy()
    desk.host.script.append(unknown())
    await desk.authorize()
    desk.merchant = demo_merchant(2)
    await desk.store.save_merchant(desk.merchant)
    await desk.charged()
    proof = await proof_of(desk.store)
    assert proof.holds
    assert (proof.merchants, proof.orders, proof.operations, proof.pending) == (2, 3, 7, 1)
    assert proof.postings == len(desk.store.postings)
    assert sum(balance.minor for balance in proof.balances) == 0
    clearing = Balance(merchant=1, account=Account.CLEARING, currency="EUR", minor=-5_000)
    assert clearing in proof.balances


async def test_the_proof_grows_run_by_run_and_misses_nothing() -> None:
    desk = await open_desk()
    for _ in range(module.RUN + 1):
        await desk.authorize()
    counts = [found.orders async for found in verify(desk.store)]
    assert counts == [module.RUN, module.RUN + 1, module.RUN + 1]


def charge_of(evidence: Evidence) -> int:
    return next(each.id for each in evidence.operations if each.kind is Kind.CHARGE)


def cheaper(evidence: Evidence) -> Evidence:
    amount = Money(minor=5_999, currency="EUR")
    charge = charge_of(evidence)
    changed = tuple(
        replace(each, amount=amount) if each.id == charge else each for each in evidence.operations
    )
    return replace(evidence, operations=changed)


def overdrawn(evidence: Evidence) -> Evidence:
    changed = tuple(
        replace(each, amount=EUR) if each.kind is Kind.REFUND else each
        for each in evidence.operations
    )
    return replace(evidence, operations=changed)


def missing(evidence: Evidence) -> Evidence:
    fewer, columns = evidence.operations[:-1], evidence.columns[:-1]
    return replace(evidence, operations=fewer, columns=columns)


def extra(evidence: Evidence) -> Evidence:
    more = replace(evidence.operations[-1], id=evidence.operations[-1].id + 1)
    operations, columns = (
        (*evidence.operations, more),
        (*evidence.columns, (more.id, more.kind, more.outcome)),
    )
    return replace(evidence, operations=operations, columns=columns)


def relabelled(evidence: Evidence) -> Evidence:
    last, *others = reversed(evidence.columns)
    changed = (last[0], last[1], Outcome.DECLINED)
    return replace(evidence, columns=(*reversed(others), changed))


def moved(evidence: Evidence) -> Evidence:
    return replace(evidence, id=evidence.id + 1)


def older(evidence: Evidence) -> Evidence:
    return replace(evidence, version=evidence.version - 1)


def misfiled(evidence: Evidence) -> Evidence:
    return replace(evidence, projected=("R-2", *evidence.projected[1:]))


def unposted(evidence: Evidence) -> Evidence:
    return replace(evidence, postings=evidence.postings[1:])


def posted_twice(evidence: Evidence) -> Evidence:
    return replace(evidence, postings=(*evidence.postings, *evidence.postings))


def skewed(evidence: Evidence) -> Evidence:
    first, *others = evidence.postings
    return replace(evidence, postings=(replace(first, minor=first.minor + 1), *others))


def from_nowhere(evidence: Evidence) -> Evidence:
    stray = Posting(operation=1, account=Account.RECEIVABLE, currency="EUR", minor=1)
    return replace(evidence, postings=(*evidence.postings, stray))


@pytest.mark.parametrize(
    ("tamper", "found"),
    [
        (cheaper, {LOG}),
        (missing, {LOG, ENTRIES}),
        (extra, {LOG}),
        (relabelled, {BESIDE}),
        (moved, {KEY}),
        (older, {VERSION}),
        (misfiled, {COLUMN}),
        (unposted, {ENTRIES, ZERO}),
        (posted_twice, {ENTRIES}),
        (skewed, {ENTRIES, ZERO}),
        (from_nowhere, {ENTRIES, ZERO}),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
async def test_tampering_is_found(tamper: Callable[[Evidence], Evidence], found: set[str]) -> None:
    evidence = await rests()
    assert {each.what for each in differences(tamper(evidence))} == found


async def test_an_overdrawn_payment_is_found_and_named() -> None:
    evidence = await rests()
    payment = evidence.order.payments[0].id
    what = {each.what for each in differences(overdrawn(evidence))}
    assert {LOG, f"payment {payment} is overdrawn"} <= what


async def test_a_difference_says_where_and_the_proof_no_longer_holds() -> None:
    desk = await busy()
    order = await desk.only()
    desk.store.postings.pop()
    proof = await proof_of(desk.store)
    assert not proof.holds
    assert Difference(merchant=1, order=order.id, what=ENTRIES) in proof.differences


async def test_what_belongs_to_no_order_is_found() -> None:
    desk = await busy()
    order = await desk.only()
    fee = Posting(operation=7, account=Account.FEE, currency="EUR", minor=1)
    desk.store.postings += [(1, fee), (2, fee)]
    desk.store._orders.clear()
    lost = [
        Difference(merchant=1, order=order.id, what=f"operation {each.id} rests, but not its order")
        for each in order.operations
    ]
    alone = "postings of operation 7 rest, but not the operation"
    proof = await proof_of(desk.store)
    assert proof.differences == (*lost, Difference(merchant=1, order=0, what=alone))
