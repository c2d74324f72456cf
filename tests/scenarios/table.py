"""The scenario tables: one line an operation, and after `|` what is true then.

A file holds scenarios, each opened by `== title`; `#` starts a comment. A line is a step, any
number of facts after bars, or both. Amounts are in major units.

    order 100.00 EUR                       an order that nobody has tried to pay yet
    lines book:2:30000 pen:1:20000         its lines, each product:quantity:minor units in all
    terms fee 300 reserve 0 [USD at 1.145] pricing in basis points; accounting currency and rate
    pay 100.00 [EUR]                       one more attempt (p1, p2, ...); the first makes the order
    <kind> [amount] [units book:1] [of c1] [on p1] [final] [when charged,refunded] <outcome>
    finish c1 <outcome> [unchanged]        the late answer to a pending operation
    doubt c1 [unchanged]                   it is being taken back: an approval no longer counts
    reject currency_not_enabled            the gateway itself refuses the order

An amount left out means all that the source holds. Outcomes are `approved`, `pending`,
`declined [reason]`, `failed` and `refused <code>`. Operations are numbered by kind: authorize a1,
charge c1, reverse v1, refund r1, credit k1, dispute d1, recover w1. The facts:

    open 40.00 charged 60.00   every bucket of the payment with money in it (others are empty);
                               `pN` before it names another payment; `pending` may be among them
    is charged                 the order's standing
    due 40.00                  what no payment has collected or holds
    units book charged open    the state of every unit of that line
    left c1 10.00              what that charge can still give back
    statement fee 0.30 ...     amount, fee, incoming, reserve, receivable of the last operation
    ledger fee 0.30 ...        what the operations have posted to an account so far
    last declined cvv_failure  the outcome of the last operation, and why
"""

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from msgspec.structs import replace

from counterfoil.core import claims, units
from counterfoil.core.answers import Approved, Declined, Verdict
from counterfoil.core.change import rejected
from counterfoil.core.declines import Decline
from counterfoil.core.errors import Code, Refused
from counterfoil.core.ledger import postings
from counterfoil.core.merchant import Pricing
from counterfoil.core.minor import digits as digits_of
from counterfoil.core.minor import major
from counterfoil.core.money import Money
from counterfoil.core.order import Kind, Line, Operation, Order, Outcome, Payment, Units
from counterfoil.core.pricing import Terms
from counterfoil.core.rules import (
    Bucket,
    Command,
    Standing,
    begin,
    doubt,
    find,
    finish,
    open_amount,
    pending,
    position,
    standing,
)

LETTERS: Final = {
    Kind.AUTHORIZE: "a",
    Kind.CHARGE: "c",
    Kind.REVERSE: "v",
    Kind.REFUND: "r",
    Kind.CREDIT: "k",
    Kind.DISPUTE: "d",
    Kind.RECOVER: "w",
}
FACTS: Final = ("is", "due", "units", "left", "statement", "ledger", "last")
OUTCOMES: Final = ("approved", "pending", "declined", "failed", "refused")


class Step(NamedTuple):
    """A line of a table and where it stands."""

    path: Path
    number: int
    text: str


class Scenario(NamedTuple):
    """A title and its lines."""

    title: str
    steps: tuple[Step, ...]


class MismatchError(AssertionError):
    """A line does not hold."""

    def __init__(self, expected: str, got: str) -> None:
        super().__init__(f"expected {expected}, got {got}")


def scenarios(path: Path) -> Iterator[Scenario]:
    """The scenarios of a file."""
    title, steps = "", list[Step]()
    for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1):
        text = line.partition("#")[0].strip()
        if text.startswith("=="):
            if steps:
                yield Scenario(title, tuple(steps))
            title, steps = text.strip("= "), []
        elif text:
            steps.append(Step(path, number, text))
    yield Scenario(title, tuple(steps))


def play(scenario: Scenario) -> "Table":
    """Run every line; raises `AssertionError` with file, line, what was expected and what came."""
    table = Table()
    for step in scenario.steps:
        try:
            table.run(step.text)
        except (AssertionError, Refused, LookupError, ValueError) as fault:
            where = f"{step.path.name}:{step.number}"
            said = fault if isinstance(fault, MismatchError) else repr(fault)
            raise AssertionError(f"{where}: {step.text}\n  {said}") from None
    return table


class Table:
    """The order as the lines so far have made it."""

    def __init__(self) -> None:
        self.order: Order | None = None
        self.lines: tuple[Line, ...] = ()
        self.terms: Terms | None = None
        self.names: dict[str, int] = {}
        self.counts: Counter[Kind] = Counter()
        self.stamp = 1
        self.about = 0  # the payment that the last step was about, by its place
        self.last: int | None = None

    def run(self, text: str) -> None:
        """One line: the step, then its facts, then what must hold after any step."""
        first, *facts = [part.split() for part in text.split("|")]
        if first and (first[0] in FACTS or first[0] in set(Bucket)):
            facts.insert(0, first)
        elif first:
            self._step(first)
        for fact in facts:
            self._fact(fact)
        if self.order is not None:
            self._always(self.order)

    @property
    def known(self) -> Order:
        """The order, which some line before must have made."""
        if self.order is None:
            raise ValueError("no order yet: start with `order` or `pay`")
        return self.order

    def next(self) -> int:
        """The next id; instants are ids shifted, so both come from here."""
        self.stamp += 1
        return self.stamp << 8

    def money(self, text: str) -> int:
        """Minor units of the order's currency."""
        return Money.parse(text, self.known.amount.currency).minor

    def text(self, minor: int) -> str:
        """The same, written."""
        return Money(minor=minor, currency=self.known.amount.currency).text()

    def _step(self, words: list[str]) -> None:
        steps: dict[str, Callable[[list[str]], None]] = {
            "order": self._order,
            "lines": self._lines,
            "terms": self._terms,
            "pay": self._pay,
            "finish": self._finish,
            "doubt": self._doubt,
            "reject": self._reject,
        }
        verb, *rest = words
        if verb in steps:
            steps[verb](rest)
        else:
            self._operate(Kind(verb), rest)

    def _order(self, words: list[str]) -> None:
        amount = Money.parse(words[0], words[1])
        self.order = Order(merchant=1, id=self.next(), amount=amount, lines=self.lines)

    def _lines(self, words: list[str]) -> None:
        rows = [word.split(":") for word in words]
        self.lines = tuple(
            Line(product=product, quantity=int(count), minor=int(minor))
            for product, count, minor in rows
        )
        if self.order is not None:
            self.order = replace(self.order, lines=self.lines)

    def _terms(self, words: list[str]) -> None:
        pricing = Pricing(fee_bps=int(words[1]), reserve_bps=int(words[3]))
        home, rate = (words[4], words[6]) if len(words) > 4 else ("", None)
        self.terms = Terms(pricing=pricing, accounting=home, rate=rate)

    def _pay(self, words: list[str]) -> None:
        if self.order is None:
            self._order(words)
        order = self.known
        amount = Money(minor=self.money(words[0]), currency=order.amount.currency)
        payment = Payment(id=self.next(), amount=amount, terminal="TERM")
        self.order = replace(order, payments=(*order.payments, payment))
        self.about = len(order.payments)

    def _reject(self, words: list[str]) -> None:
        self.order = rejected(self.known, Code(words[0]), self.next())

    def _operate(self, kind: Kind, words: list[str]) -> None:
        command, outcome = self._command(kind, words)
        home = self.terms or Terms(pricing=Pricing(), accounting="")
        terms = replace(home, accounting=home.accounting or self.known.amount.currency)
        try:
            order, operation = begin(self.known, command, stamp=self.next(), terms=terms)
        except Refused as refusal:
            if outcome != ["refused", refusal.code.value]:
                raise MismatchError(" ".join(outcome), f"refused {refusal.code}") from refusal
            return
        if outcome[0] == "refused":
            raise MismatchError(" ".join(outcome), f"{kind} {self.text(operation.amount.minor)}")
        self.counts[kind] += 1
        self.names[f"{LETTERS[kind]}{self.counts[kind]}"] = self.last = operation.id
        self.order = order
        self.about = order.payments.index(find(order, operation.id)[0])
        self._answer(operation, outcome)

    def _command(self, kind: Kind, words: list[str]) -> tuple[Command, list[str]]:
        at = next(at for at, word in enumerate(words) if word in OUTCOMES)
        said, outcome = words[:at], words[at:]
        command = Command(kind=kind)
        while said:
            word = said.pop(0)
            match word:
                case "final":
                    command = replace(command, final=True)
                case "of":
                    command = replace(command, charge=self.names.get(said.pop(0), 0))
                case "on":
                    command = replace(command, payment=self._payment(said.pop(0)).id)
                case "when":
                    allowed = frozenset(map(Standing, said.pop(0).split(",")))
                    command = replace(command, allowed=allowed)
                case "units":
                    found, said = self._units(said)
                    command = replace(command, units=found)
                case _:
                    minor = -self.money(word[1:]) if word[0] == "-" else self.money(word)
                    command = replace(command, minor=minor)
        return command, outcome

    def _units(self, words: list[str]) -> tuple[tuple[Units, ...], list[str]]:
        found: list[Units] = []
        while words and ":" in words[0]:
            product, _, count = words.pop(0).partition(":")
            found.append(Units(line=self._line(product), count=int(count)))
        return tuple(found), words

    def _line(self, product: str) -> int:
        if product.isdigit():
            return int(product)
        return [line.product for line in self.known.lines].index(product)

    def _payment(self, name: str) -> Payment:
        unknown = Payment(id=0, amount=self.known.amount, terminal="TERM")
        payments = self.known.payments
        at = int(name.removeprefix("p")) - 1
        return payments[at] if at < len(payments) else unknown

    def _finish(self, words: list[str]) -> None:
        _, operation = find(self.known, self.names[words[0]])
        was = self.known
        self.last = operation.id
        self._answer(operation, [word for word in words[1:] if word != "unchanged"])
        self._moved(was, words)

    def _doubt(self, words: list[str]) -> None:
        was = self.known
        done = doubt(was, self.names[words[0]])
        self.order = was if done is None else done[0]
        self._moved(was, words)

    def _moved(self, was: Order, words: list[str]) -> None:
        expected = "unchanged" if "unchanged" in words else "changed"
        expect(expected, "unchanged" if self.order is was else "changed")

    def _answer(self, operation: Operation, outcome: list[str]) -> None:
        if outcome[0] == "pending":
            return
        verdict: Verdict
        if outcome[0] == "approved":
            verdict = Approved(reference=operation.id, amount=operation.amount)
        elif outcome[0] == "failed":
            verdict = Declined(decline=Decline.NOT_SENT)
        else:
            reason = outcome[1] if len(outcome) > 1 else Decline.DO_NOT_HONOR
            verdict = Declined(decline=Decline(reason))
        done = finish(self.known, operation.id, verdict, stamp=self.next())
        if done is not None:
            self.order = done[0]

    def _fact(self, words: list[str]) -> None:
        order = self.known
        match words:
            case ["is", word]:
                expect(word, standing(order).value)
            case ["due", amount]:
                expect(amount, self.text(open_amount(order)))
            case ["last", *said]:
                _, operation = find(order, self.last or 0)
                got = [operation.outcome.value, operation.decline or ""]
                expect(" ".join(said), " ".join(got[: len(said)]))
            case ["units", product, *said]:
                row = units.states(order)[self._line(product)]
                expect(" ".join(said), " ".join(row))
            case ["left", *said]:
                self._left(said)
            case ["statement" | "ledger", *said]:
                self._figures(words[0], said)
            case _:
                self._position(words)

    def _left(self, said: list[str]) -> None:
        left = {key: minor for each in self.known.payments for key, minor in _balances(each)}
        got = [f"{name} {self.text(left[self.names[name]])}" for name in said[::2]]
        expect(" ".join(said), " ".join(got))

    def _figures(self, what: str, said: list[str]) -> None:
        _, operation = find(self.known, self.last or 0)
        home = operation.statement.currency
        sums = Counter[str]()
        for each in self.known.operations:
            for posting in postings(each):
                sums[f"{posting.account}.{posting.currency}"] += posting.minor
        got: list[str] = []
        for name in said[::2]:
            account, _, currency = name.partition(".")
            minor = sums[f"{account}.{currency or home}"]
            if what == "statement":
                minor = getattr(operation.statement, name)
            got += [name, major(minor, digits_of(currency or home))]
        expect(" ".join(said), " ".join(got))

    def _position(self, words: list[str]) -> None:
        payment = self.known.payments[self.about]
        if words[0][0] == "p" and words[0][1:].isdigit():
            payment, words = self._payment(words[0]), words[1:]
        said = dict(zip(words[::2], words[1::2], strict=True))
        held = {bucket.value: minor for bucket, minor in position(payment).items()}
        held.pop(Bucket.OUTSIDE)
        if "pending" in said:
            held["pending"] = pending(payment)
        got = {bucket: self.text(minor) for bucket, minor in held.items() if minor}
        expect(" ".join(f"{k} {said[k]}" for k in sorted(said)), _flat(got))

    def _always(self, order: Order) -> None:
        for payment in order.payments:
            position(payment)
            stands = position(payment)
            assert sum(claims.balances(payment).values()) == stands[Bucket.CHARGED]
            assert sum(claims.disputed(payment).values()) == stands[Bucket.DISPUTED]
        for operation in order.operations:
            sums = Counter[str]()
            for posting in postings(operation):
                sums[posting.currency] += posting.minor
            assert not any(sums.values()), f"unbalanced entry of {operation.kind}"
            assert (operation.closed is None) == (operation.outcome is Outcome.PENDING)


def _balances(payment: Payment) -> Iterator[tuple[int, int]]:
    yield from claims.balances(payment).items()


def _flat(held: dict[str, str]) -> str:
    return " ".join(f"{bucket} {held[bucket]}" for bucket in sorted(held))


def expect(expected: str, got: str) -> None:
    """Raise where the two are not the same."""
    if expected != got:
        raise MismatchError(expected or "nothing", got or "nothing")
