"""The proof: every order folded anew from its operations, and compared with what rests."""

from collections.abc import AsyncIterator, Sequence
from typing import Final

from msgspec.structs import replace

from counterfoil.core import rules
from counterfoil.core.ledger import Account, Posting, postings
from counterfoil.core.listing import projection
from counterfoil.core.order import Operation, Order, Outcome
from counterfoil.core.ports import Evidence, Store
from counterfoil.core.record import Record

RUN: Final = 500
Sums = dict[tuple[Account, str], int]


class Difference(Record):
    """Where what rests is not what follows from the operations; order 0: it belongs to none."""

    merchant: int
    order: int
    what: str


class Balance(Record):
    """What stands in an account, in minor units."""

    merchant: int
    account: Account
    currency: str
    minor: int


class Proof(Record):
    """The counts so far, and the differences found."""

    merchants: int = 0
    orders: int = 0
    operations: int = 0
    pending: int = 0
    postings: int = 0
    balances: tuple[Balance, ...] = ()
    differences: tuple[Difference, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether everything agrees and every currency's postings sum to zero."""
        return not self.differences


async def verify(store: Store) -> AsyncIterator[Proof]:
    """The proof, as it grows; the last one is of everything."""
    proof = Proof()
    for merchant in await store.merchants():
        proof = replace(proof, merchants=proof.merchants + 1)
        sums: Sums = {}
        after = 0
        while run := await store.evidence(merchant.id, after, RUN):
            after = run[-1].id
            _add(sums, run)
            proof = _grown(proof, run)
            yield proof
        lost = [_stray(merchant.id, *each) for each in await store.strays(merchant.id, RUN)]
        proof = replace(proof, differences=(*proof.differences, *lost))
        balances = tuple(
            Balance(merchant=merchant.id, account=account, currency=currency, minor=minor)
            for (account, currency), minor in sorted(sums.items())
        )
        proof = replace(proof, balances=(*proof.balances, *balances))
    gone = [_orphans(merchant, what) for merchant, what in await store.orphans()]
    yield replace(proof, differences=(*proof.differences, *gone))


def _add(sums: Sums, run: Sequence[Evidence]) -> None:
    for posting in (posting for each in run for posting in each.postings):
        account = (posting.account, posting.currency)
        sums[account] = sums.get(account, 0) + posting.minor


def _grown(proof: Proof, run: Sequence[Evidence]) -> Proof:
    found = [difference for each in run for difference in differences(each)]
    return replace(
        proof,
        orders=proof.orders + len(run),
        operations=proof.operations + sum(len(each.operations) for each in run),
        pending=proof.pending
        + sum(
            operation.outcome is Outcome.PENDING for each in run for operation in each.operations
        ),
        postings=proof.postings + sum(len(each.postings) for each in run),
        differences=(*proof.differences, *found),
    )


def differences(evidence: Evidence) -> list[Difference]:
    """Everything about one order that does not follow from its operations."""
    order = evidence.order
    found: list[str] = []
    log = {operation.id: operation for operation in evidence.operations}
    if (order.merchant, order.id) != (evidence.merchant, evidence.id):
        found.append("the order is not the one whose key it rests under")
    beside = tuple((each.id, each.kind, each.outcome) for each in evidence.operations)
    if beside != evidence.columns:
        found.append("a column beside an operation is not its own")
    if {operation.id: operation for operation in order.operations} != log:
        found.append("the order's log is not the operations that rest beside it")
    refolded = _refold(order, log)
    if evidence.version != order.version:
        found.append("the version beside the order is not its own")
    overdrawn = _overdrawn(refolded)
    found += overdrawn
    if not overdrawn and evidence.projected != projection(refolded):
        found.append("a column that lists filter by is not what follows from the order")
    found += _money(refolded, evidence.postings)
    return [Difference(merchant=evidence.merchant, order=evidence.id, what=what) for what in found]


def _stray(merchant: int, operation: int, order: int | None) -> Difference:
    what = f"operation {operation} rests, but not its order"
    if order is None:
        what = f"postings of operation {operation} rest, but not the operation"
    return Difference(merchant=merchant, order=order or 0, what=what)


def _orphans(merchant: int, what: str) -> Difference:
    return Difference(merchant=merchant, order=0, what=f"rows of {what} rest, but not the merchant")


def _refold(order: Order, log: dict[int, Operation]) -> Order:
    """The order with the operations that rest on their own instead of those inside it."""
    payments = tuple(
        replace(payment, log=tuple(log[each.id] for each in payment.log if each.id in log))
        for payment in order.payments
    )
    return replace(order, payments=payments)


def _overdrawn(order: Order) -> list[str]:
    found: list[str] = []
    for payment in order.payments:
        try:
            rules.position(payment)
        except AssertionError:
            found.append(f"payment {payment.id} is overdrawn")
    return found


def _money(order: Order, rests: tuple[Posting, ...]) -> list[str]:
    found: list[str] = []
    due = [posting for operation in order.operations for posting in postings(operation)]
    if sorted(due, key=_place) != sorted(rests, key=_place):
        found.append("the ledger's entries are not what the operations post")
    sums: dict[tuple[int, str], int] = {}
    for posting in rests:
        entry = (posting.operation, posting.currency)
        sums[entry] = sums.get(entry, 0) + posting.minor
    if any(sums.values()):
        found.append("an entry does not sum to zero")
    return found


def _place(posting: Posting) -> tuple[int, str, str]:
    return (posting.operation, posting.account, posting.currency)
