"""Whatever is asked in whatever order, and however it is answered: no money is lost or made."""

from itertools import product

import msgspec
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from tests.property.steady import MACHINE
from tests.property.world import AMOUNTS, ANSWERS, HOME, KINDS, TERMS, World, held, verdict

from counterfoil.core import claims
from counterfoil.core.errors import Code
from counterfoil.core.order import Kind, Operation, Order, Outcome
from counterfoil.core.pricing import Terms
from counterfoil.core.rules import (
    Bucket,
    Command,
    Standing,
    find,
    finish,
    open_amount,
    pending,
    position,
    settled,
    standing,
)

GONE = frozenset({Outcome.APPROVED, Outcome.PENDING})
WON = frozenset({Outcome.APPROVED})
SALE = (
    Command(kind=Kind.AUTHORIZE),
    Command(kind=Kind.CHARGE, minor=1_999),
    Command(kind=Kind.CHARGE, minor=1_001),
)
SEEN = set[tuple[Kind, Outcome]]()


class AnyHistory(RuleBasedStateMachine):
    """Several payments of one order, and everything that can be asked of them."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()

    @initialize(minor=st.sampled_from([10_000, 4_000]), sold=st.booleans())
    def first(self, minor: int, *, sold: bool) -> None:
        self.world.pay(minor)
        for command in SALE if sold else ():
            operation = self.world.begin(command)
            assert operation is not None
            self.world.finish(operation, "approved")

    @precondition(lambda self: len(self.world.order.payments) < 4)
    @rule(minor=st.sampled_from([10_000, 6_000, 1, 20_000]))
    def pay(self, minor: int) -> None:
        self.world.pay(minor)

    @rule(
        kind=KINDS,
        minor=AMOUNTS,
        whose=st.integers(0, 4),
        claim=st.integers(0, 8),
        final=st.booleans(),
    )
    def ask_anything(
        self, kind: Kind, minor: int | None, whose: int, claim: int, *, final: bool
    ) -> None:
        payments, charges = self.world.order.payments, self._charges()
        command = Command(
            kind=kind,
            minor=minor,
            payment=payments[whose].id if whose < len(payments) else None,
            charge=charges[claim] if claim < len(charges) else None,
            final=final,
        )
        self._refused_or_pending(command, HOME)

    @precondition(lambda self: self.world.possible())
    @rule(
        which=st.integers(0, 99),
        share=st.sampled_from([None, 100, 50, 33, 33, 7, 1]),
        final=st.sampled_from([False, False, True]),
        terms=st.one_of(st.just(HOME), TERMS),
        said=st.one_of(st.none(), ANSWERS),
    )
    def ask_what_is_possible(
        self, which: int, share: int | None, terms: Terms, said: str | None, *, final: bool
    ) -> None:
        possible = self.world.possible()
        kind, payment, available = possible[which % len(possible)]
        minor = None if share is None else max(1, available * share // 100)
        command = Command(kind=kind, minor=minor, payment=payment, final=final)
        operation = self._refused_or_pending(command, terms)
        if operation is not None and said is not None:
            self.world.finish(operation, said)

    @precondition(lambda self: self.world.waiting())
    @rule(which=st.integers(0, 20), said=ANSWERS)
    def answer(self, which: int, said: str) -> None:
        waiting = self.world.waiting()
        self.world.finish(waiting[which % len(waiting)], said)

    @precondition(lambda self: self.world.waiting())
    @rule(which=st.integers(0, 20))
    def doubt_it(self, which: int) -> None:
        waiting = self.world.waiting()
        self.world.doubt(waiting[which % len(waiting)])

    @precondition(lambda self: self.world.order.operations)
    @rule(which=st.integers(0, 20), said=ANSWERS)
    def answer_again(self, which: int, said: str) -> None:
        operations = self.world.order.operations
        operation = operations[which % len(operations)]
        if operation.outcome is not Outcome.PENDING:
            answer = verdict(operation, said)
            assert finish(self.world.order, operation.id, answer, stamp=1) is None

    def _charges(self) -> list[int]:
        return [each.id for each in self.world.order.operations if each.kind is Kind.CHARGE]

    def _refused_or_pending(self, command: Command, terms: Terms) -> Operation | None:
        was = self.world.order
        operation = self.world.begin(command, terms)
        if operation is None:
            assert self.world.order is was
            return None
        assert operation.outcome is Outcome.PENDING
        assert operation.amount.minor > 0
        assert command.minor in {None, operation.amount.minor}
        payment, stored = find(self.world.order, operation.id)
        assert stored == operation
        assert command.payment in {None, payment.id}
        if command.charge is not None and operation.parts:
            assert {part.charge for part in operation.parts} == {command.charge}
        return operation

    @invariant()
    def nothing_is_lost_or_overdrawn(self) -> None:
        for payment in self.world.order.payments:
            position(payment)
            stands = position(payment)
            assert sum(stands.values()) + pending(payment) == payment.amount.minor
            assert all(stands[each] >= 0 for each in Bucket if each is not Bucket.OUTSIDE)
            assert sum(settled(payment).values()) == payment.amount.minor

    @invariant()
    def the_plain_tally_agrees(self) -> None:
        for payment in self.world.order.payments:
            tally = self.world.tallies[payment.id]
            assert pending(payment) == tally["pending"]
            for bucket, minor in position(payment).items():
                assert tally[bucket.value] == minor

    @invariant()
    def the_payments_never_take_more_than_the_order(self) -> None:
        order = self.world.order
        assert 0 <= open_amount(order) <= order.amount.minor

    @invariant()
    def refunds_never_exceed_their_charge(self) -> None:
        for payment in self.world.order.payments:
            refunded, disputed = held(payment, Kind.REFUND, GONE), held(payment, Kind.DISPUTE, GONE)
            recovered = held(payment, Kind.RECOVER, WON)
            for operation in payment.log:
                if operation.kind is Kind.CHARGE:
                    gone = refunded[operation.id] + disputed[operation.id]
                    assert 0 <= gone - recovered[operation.id] <= operation.amount.minor
            assert set(refunded) | set(disputed) <= set(claims.balances(payment))

    @invariant()
    def the_charges_sum_to_the_bucket(self) -> None:
        for payment in self.world.order.payments:
            left, stands = claims.balances(payment), position(payment)
            assert sum(left.values()) == stands[Bucket.CHARGED]
            assert all(minor >= 0 for minor in left.values())
            assert sum(claims.disputed(payment).values()) == stands[Bucket.DISPUTED]

    @invariant()
    def every_entry_sums_to_zero(self) -> None:
        for sums in self.world.ledger().values():
            assert not any(sums.values())

    @invariant()
    def the_order_always_has_a_standing(self) -> None:
        order = self.world.order
        assert standing(order) in Standing
        shut = msgspec.structs.replace(order, closed=Code.SESSION_EXPIRED)
        assert standing(shut) is Standing.REJECTED

    @invariant()
    def it_is_stored_and_read_back_the_same(self) -> None:
        order = self.world.order
        json = msgspec.json.encode(order)
        assert msgspec.json.decode(json, type=Order) == order
        assert msgspec.msgpack.decode(msgspec.msgpack.encode(order), type=Order) == order

    def teardown(self) -> None:
        """Replaying every step from the beginning leads to the same order."""
        again = self.world.born
        for step in self.world.steps:
            again = step(again)
        assert again == self.world.order
        SEEN.update((each.kind, each.outcome) for each in again.operations)


def test_any_history() -> None:
    run_state_machine_as_test(AnyHistory, settings=MACHINE)
    often = set(product(set(Kind) - {Kind.RECOVER}, Outcome))  # a recovery follows four others
    wanted = often | {(Kind.RECOVER, Outcome.APPROVED)}
    assert wanted <= SEEN, "the histories tried are too poor to prove much"
