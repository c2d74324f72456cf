"""Where operations name units of lines, the units' prices in a state are the money in its bucket.

`Settled` answers each operation before the next is asked for; `Overlapping` lets them overlap, and
then an answer must move no unit but those of its own operation.
"""

from collections import Counter
from typing import ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from tests.property.steady import UNITS
from tests.property.world import ANSWERS, World

from counterfoil.core.order import Kind, Line, Units
from counterfoil.core.rules import Bucket, Command, pending, position
from counterfoil.core.units import States, UnitState, prices, states

LINES = st.lists(
    st.builds(
        Line,
        product=st.just("book"),
        quantity=st.integers(1, 4),
        minor=st.integers(10, 1_000),
    ),
    min_size=1,
    max_size=3,
)
KINDS = (Kind.CHARGE, Kind.CHARGE, Kind.REFUND, Kind.REVERSE, Kind.DISPUTE, Kind.RECOVER)
COUNTED = (
    (UnitState.OPEN, Bucket.OPEN),
    (UnitState.AUTHORIZED, Bucket.AUTHORIZED),
    (UnitState.CHARGED, Bucket.CHARGED),
    (UnitState.REVERSED, Bucket.REVERSED),
    (UnitState.REFUNDED, Bucket.REFUNDED),
    (UnitState.DISPUTED, Bucket.DISPUTED),
)


class Settled(RuleBasedStateMachine):
    """Operations on units, one after the other."""

    overlapping: ClassVar[bool] = False

    def __init__(self) -> None:
        super().__init__()
        self.world = World()

    @initialize(lines=LINES)
    def authorized(self, lines: list[Line]) -> None:
        self.world = World(sum(line.minor for line in lines), tuple(lines))
        self.world.pay(self.world.order.amount.minor)
        operation = self.world.begin(Command(kind=Kind.AUTHORIZE))
        assert operation is not None
        self.world.finish(operation, "approved")

    @rule(
        kind=st.sampled_from(KINDS),
        wanted=st.lists(st.tuples(st.integers(0, 2), st.integers(1, 2)), max_size=2),
        final=st.booleans(),
        said=ANSWERS,
        late=st.booleans(),
    )
    def ask(
        self, kind: Kind, wanted: list[tuple[int, int]], said: str, *, final: bool, late: bool
    ) -> None:
        named = tuple(Units(line=line, count=count) for line, count in wanted)
        was = states(self.world.order)
        operation = self.world.begin(Command(kind=kind, units=named, final=final))
        if operation is None:
            return
        for before, after in self._pairs(was):
            assert after in {before, UnitState.HELD}, "asking moved what it does not hold"
        if not (late and self.overlapping):
            self.world.finish(operation, said)

    @precondition(lambda self: self.world.waiting())
    @rule(which=st.integers(0, 9), said=ANSWERS)
    def answer(self, which: int, said: str) -> None:
        waiting, was = self.world.waiting(), states(self.world.order)
        self.world.finish(waiting[which % len(waiting)], said)
        for before, after in self._pairs(was):
            assert before in {after, UnitState.HELD}, "an answer moved what was not waiting for it"

    def _pairs(self, was: States) -> list[tuple[UnitState, UnitState]]:
        rows = zip(was, states(self.world.order), strict=True)
        return [pair for before, after in rows for pair in zip(before, after, strict=True)]

    @invariant()
    def prices_in_a_state_are_the_money_in_its_bucket(self) -> None:
        order = self.world.order
        if not order.payments:
            return
        [payment] = order.payments
        worth: Counter[UnitState] = Counter()
        for line, row in zip(order.lines, states(order), strict=True):
            for price, state in zip(prices(line), row, strict=True):
                worth[state] += price
        stands = position(payment)
        assert [worth[state] for state, _ in COUNTED] == [stands[bucket] for _, bucket in COUNTED]
        assert worth[UnitState.HELD] == pending(payment)


class Overlapping(Settled):
    """The same, with answers that come late."""

    overlapping = True


def test_units_follow_money_one_operation_after_the_other() -> None:
    run_state_machine_as_test(Settled, settings=UNITS)


def test_units_follow_money_where_answers_come_late() -> None:
    run_state_machine_as_test(Overlapping, settings=UNITS)
