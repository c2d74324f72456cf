"""An order driven at random: commands, answers, and a book kept beside it in the plainest way."""

from collections import Counter
from collections.abc import Callable
from typing import Final

from hypothesis import strategies as st
from msgspec.structs import replace

from counterfoil.core.answers import Approved, Declined, Verdict
from counterfoil.core.declines import Decline
from counterfoil.core.errors import Refused
from counterfoil.core.ledger import postings
from counterfoil.core.merchant import Pricing
from counterfoil.core.money import Money
from counterfoil.core.order import Kind, Line, Operation, Order, Outcome, Payment
from counterfoil.core.pricing import Terms
from counterfoil.core.rules import RULES, Command, begin, doubt, find, finish, open_amount, position

KINDS: Final = st.sampled_from(Kind)
AMOUNTS: Final = st.one_of(st.none(), st.integers(-1, 10_050), st.sampled_from([1, 5_000, 10_000]))
ANSWERS: Final = st.sampled_from(
    ["approved"] * 5 + [Decline.DO_NOT_HONOR, Decline.SUSPECTED_FRAUD, Decline.NOT_SENT]
)
TERMS: Final = st.builds(
    Terms,
    pricing=st.builds(Pricing, fee_bps=st.integers(0, 10_000), reserve_bps=st.integers(0, 10_000)),
    accounting=st.sampled_from(["EUR", "JPY", "KWD"]),
    rate=st.sampled_from(["1.145", "0.0061", "161.3"]),
)
HOME: Final = Terms(pricing=Pricing(fee_bps=100, reserve_bps=300), accounting="USD")

# What each kind moves, said once more and without the table, so that the two can be compared.
MOVES: Final = {
    Kind.AUTHORIZE: ("open", "authorized"),
    Kind.CHARGE: ("authorized", "charged"),
    Kind.REVERSE: ("authorized", "reversed"),
    Kind.REFUND: ("charged", "refunded"),
    Kind.DISPUTE: ("charged", "disputed"),
    Kind.RECOVER: ("disputed", "charged"),
    Kind.CREDIT: ("outside", "credited"),
}
# Small numbers are drawn more often, so what takes longest to become possible stands first.
DEEPEST_FIRST: Final = (
    Kind.RECOVER,
    Kind.DISPUTE,
    Kind.REFUND,
    Kind.CHARGE,
    Kind.AUTHORIZE,
    Kind.REVERSE,
    Kind.CREDIT,
)
Step = Callable[[Order], Order]


def verdict(operation: Operation, said: str) -> Verdict:
    """An acquirer's answer to that operation."""
    if said == "approved":
        return Approved(reference=operation.id, amount=operation.amount)
    return Declined(decline=Decline(said))


class World:
    """One order, what was done to it, and our own tally of every payment's money."""

    def __init__(self, minor: int = 10_000, lines: tuple[Line, ...] = ()) -> None:
        self.stamp = 1
        amount = Money(minor=minor, currency="USD")
        self.order = Order(merchant=1, id=self.next(), amount=amount, lines=lines)
        self.born = self.order
        self.tallies: dict[int, Counter[str]] = {}
        self.steps: list[Step] = []

    def next(self) -> int:
        """The next id."""
        self.stamp += 1
        return self.stamp << 8

    def waiting(self) -> list[Operation]:
        """The operations without an answer."""
        return [each for each in self.order.operations if each.outcome is Outcome.PENDING]

    def possible(self) -> list[tuple[Kind, int, int]]:
        """What may be asked of which payment, and how much it holds for it."""
        found = []
        due = open_amount(self.order)
        for payment in self.order.payments:
            stands = position(payment)
            for kind in DEEPEST_FIRST:
                held = stands[RULES[kind].source]
                if kind is Kind.AUTHORIZE:
                    held = min(held, due)
                if kind is Kind.CREDIT:
                    held += payment.amount.minor
                if held > 0:
                    found.append((kind, payment.id, held))
        return found

    def pay(self, minor: int) -> None:
        """One more attempt to collect the order."""
        amount = Money(minor=minor, currency="USD")
        payment = Payment(id=self.next(), amount=amount, terminal="TERM")
        self.tallies[payment.id] = Counter({"open": minor})
        self.take(lambda order: replace(order, payments=(*order.payments, payment)))

    def take(self, step: Step) -> None:
        """Take a step and remember it."""
        self.order = step(self.order)
        self.steps.append(step)

    def begin(self, command: Command, terms: Terms = HOME) -> Operation | None:
        """Begin, and keep the tally; None where it was refused."""
        stamp = self.next()
        try:
            _, operation = begin(self.order, command, stamp=stamp, terms=terms)
        except Refused:
            return None
        self.take(lambda order: begin(order, command, stamp=stamp, terms=terms)[0])
        payment, _ = find(self.order, operation.id)
        tally, (source, _) = self.tallies[payment.id], MOVES[operation.kind]
        tally[source] -= operation.amount.minor + operation.released
        tally["pending"] += operation.amount.minor + operation.released
        return operation

    def finish(self, operation: Operation, said: str) -> None:
        """Close it, and keep the tally."""
        answer, stamp = verdict(operation, said), self.next()
        if operation.doubted and said == "approved":
            assert finish(self.order, operation.id, answer, stamp=stamp) is None
            return
        assert finish(self.order, operation.id, answer, stamp=stamp) is not None
        self.take(lambda order: _finished(order, operation.id, answer, stamp))
        payment, _ = find(self.order, operation.id)
        tally, (source, target) = self.tallies[payment.id], MOVES[operation.kind]
        tally["pending"] -= operation.amount.minor + operation.released
        if said == "approved":
            tally[target] += operation.amount.minor
            tally["reversed"] += operation.released
        else:
            tally[source] += operation.amount.minor + operation.released

    def doubt(self, operation: Operation) -> None:
        """Mark it as being taken back; its money stays held."""
        marked = doubt(self.order, operation.id)
        assert (marked is None) == operation.doubted
        if marked is not None:
            self.take(lambda order: _doubted(order, operation.id))

    def ledger(self) -> dict[int, Counter[str]]:
        """The sums of each operation's postings, currency by currency."""
        sums: dict[int, Counter[str]] = {}
        for operation in self.order.operations:
            for posting in postings(operation):
                sums.setdefault(operation.id, Counter())[posting.currency] += posting.minor
        return sums


def _finished(order: Order, operation: int, answer: Verdict, stamp: int) -> Order:
    done = finish(order, operation, answer, stamp=stamp)
    assert done is not None
    return done[0]


def _doubted(order: Order, operation: int) -> Order:
    done = doubt(order, operation)
    assert done is not None
    return done[0]


def held(payment: Payment, kind: Kind, outcomes: frozenset[Outcome]) -> Counter[int]:
    """What operations of that kind took from each charge."""
    found: Counter[int] = Counter()
    for operation in payment.log:
        if operation.kind is kind and operation.outcome in outcomes:
            for part in operation.parts:
                found[part.charge] += part.minor
    return found
