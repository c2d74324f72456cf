"""Writes the pages of `docs/` that are drawn from the code, so that they cannot be wrong.

`python tools/pages.py` writes them; `--check` writes nothing and exits 1 where one is out of date.
A page is a row of PAGES: its path and the function that gives its text.
"""

import sys
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Final

from counterfoil.core.answers import Approved
from counterfoil.core.ledger import Account, postings
from counterfoil.core.merchant import Pricing
from counterfoil.core.minor import digits as digits_of
from counterfoil.core.minor import major
from counterfoil.core.money import Money
from counterfoil.core.order import Kind, Operation, Order, Payment
from counterfoil.core.pricing import Terms
from counterfoil.core.rules import RULES, Bucket, Command, Standing, begin, finish, standing

ROOT: Final = Path(__file__).parent.parent
NOTE: Final = "<!-- Written by `make docs` from the code; do not edit. -->\n"

BUCKETS: Final = {
    Bucket.OPEN: "asked for, not yet reserved",
    Bucket.AUTHORIZED: "reserved on the card; the money is still with the issuer",
    Bucket.CHARGED: "taken",
    Bucket.REVERSED: "a reservation given back before it was charged",
    Bucket.REFUNDED: "charged and given back",
    Bucket.DISPUTED: "taken back by the issuer",
    Bucket.CREDITED: "pushed to a card without a prior charge",
    Bucket.OUTSIDE: "where credits come from; the only bucket that may be negative",
}
STANDINGS: Final = {
    Standing.NEW: "nobody has tried to pay",
    Standing.WAITING: "an attempt without its answer, and no money anywhere yet",
    Standing.AUTHORIZED: "money is reserved",
    Standing.CHARGED: "money is taken",
    Standing.REVERSED: "what was reserved has been given back",
    Standing.REFUNDED: "something that was charged has been given back",
    Standing.CREDITED: "money was pushed to the card",
    Standing.DECLINED: "the last attempt was declined",
    Standing.REJECTED: "the gateway itself refused the order",
    Standing.FRAUD: "the last attempt was declined as fraud",
    Standing.DISPUTED: "the issuer has taken money back",
    Standing.FAULTY: "a machine failed in the last attempt; nothing happened",
}
ACCOUNTS: Final = {
    Account.CLEARING: "what the acquirer owes us (negative), or we owe it",
    Account.POSITION: "what an exchange took from one currency and gave to another",
    Account.FEE: "what the merchant pays for the service",
    Account.RESERVE: "what is held back for later refunds and disputes",
    Account.RECEIVABLE: "what we owe the merchant",
}


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def diagram() -> str:
    """The buckets and the operations between them, for Mermaid."""
    rows = [(rule.source, rule.target, kind.value) for kind, rule in RULES.items()]
    rows.append((Bucket.AUTHORIZED, Bucket.REVERSED, "rest of a final charge"))
    starts = [f"    [*] --> {bucket}" for bucket in (Bucket.OPEN, Bucket.OUTSIDE)]
    moves = [f"    {source} --> {target}: {name}" for source, target, name in rows]
    return "\n".join(["```mermaid", "stateDiagram-v2", *starts, *moves, "```\n"])


def order_of_standings() -> list[Standing]:
    """The standings that name a bucket with money, the one that wins first; asked of the code."""
    filled = [bucket for bucket in Bucket if bucket in {row.target for row in RULES.values()}]
    words = {bucket: standing(_holding(bucket)) for bucket in filled}
    found = sorted(filled, key=lambda bucket: -_beaten(bucket, filled))
    for first, second in pairwise(found):
        assert standing(_holding(first, second)) is words[first]
    return [words[bucket] for bucket in found]


def _beaten(bucket: Bucket, others: Iterable[Bucket]) -> int:
    word = standing(_holding(bucket))
    return sum(standing(_holding(bucket, other)) is word for other in others)


def _holding(*buckets: Bucket) -> Order:
    """An order whose payments hold money in these buckets, each led there by operations."""
    order = _order(100 * len(buckets), "EUR")
    terms = Terms(pricing=Pricing(), accounting="EUR")
    stamp = 10
    for bucket in buckets:
        payment = Payment(id=stamp, amount=Money(minor=100, currency="EUR"), terminal="TERM")
        order = _replaced(order, (*order.payments, payment))
        for kind in _way(bucket):
            stamp += 1
            command = Command(kind=kind, payment=payment.id)
            order, _ = _done(order, command, stamp, terms)
        stamp += 1
    return order


def _way(bucket: Bucket) -> list[Kind]:
    """The operations that lead money into a bucket: the first rows of the table that do."""
    if bucket in {Bucket.OPEN, Bucket.OUTSIDE}:
        return []
    kind, rule = next((kind, rule) for kind, rule in RULES.items() if rule.target is bucket)
    return [*_way(rule.source), kind]


def _order(minor: int, currency: str) -> Order:
    return Order(merchant=1, id=1, amount=Money(minor=minor, currency=currency))


def _replaced(order: Order, payments: tuple[Payment, ...]) -> Order:
    return Order(merchant=order.merchant, id=order.id, amount=order.amount, payments=payments)


def _done(order: Order, command: Command, stamp: int, terms: Terms) -> tuple[Order, Operation]:
    order, operation = begin(order, command, stamp=stamp, terms=terms)
    answer = Approved(reference=operation.id, amount=operation.amount)
    done = finish(order, operation.id, answer, stamp=stamp)
    assert done is not None
    return done


def states() -> str:
    """The page about buckets, operations and standings."""
    operations = table(
        ("operation", "takes from", "puts into", "refused when the source is empty", "too much"),
        [
            (f"`{kind}`", rule.source, rule.target, f"`{rule.empty}`", f"`{rule.exceeds}`")
            for kind, rule in RULES.items()
        ],
    )
    ranked = order_of_standings()
    others = [each for each in Standing if each not in {*ranked, Standing.REJECTED}]
    return f"""{NOTE}
# The states of a payment

Buckets belong to a payment: one attempt to collect an order with one instrument. An operation moves
an amount from one bucket to the next, and the source must hold it. Partial and repeated operations
need no further rule. A pending operation stands in no bucket, so what it may still take cannot be
spent twice; where it is declined, its money stands again where it came from.

{diagram()}
{operations}
All buckets and what is pending together are always the amount asked for. A charge that is `final`
lets go of the rest of the reservation in the same step.

## Buckets

{table(("bucket", "the money in it is"), [(f"`{key}`", text) for key, text in BUCKETS.items()])}
## Standings

A standing is read off the positions of all payments, never stored as a fact. An order that
the gateway itself refused is `rejected`. Else the first of these that holds for any payment is the
standing (what is pending counts where it came from):

{table(("standing", "it means"), [(f"`{each}`", STANDINGS[each]) for each in ranked])}
and where no money stands anywhere, one of these:

{table(("standing", "it means"), [(f"`{each}`", STANDINGS[each]) for each in others])}"""


EXAMPLES: Final = (
    ("A: fee 3 %, reserve 0", Pricing(fee_bps=300), "USD", None, 999),
    ("B: fee 1 %, reserve 3 %", Pricing(fee_bps=100, reserve_bps=300), "USD", None, 121_300),
    ("A, paid in euros at 1.145", Pricing(fee_bps=300), "EUR", "1.145", 1_000),
)


def example(title: str, pricing: Pricing, currency: str, rate: str | None, minor: int) -> str:
    """One pricing: authorize, charge and refund the whole, then authorize and reverse another."""
    terms = Terms(pricing=pricing, accounting="USD", rate=rate)
    done = [
        *_course((Kind.AUTHORIZE, Kind.CHARGE, Kind.REFUND), currency, minor, terms),
        *_course((Kind.AUTHORIZE, Kind.REVERSE), currency, minor, terms)[1:],
        *_course((Kind.CREDIT,), currency, minor, terms),
    ]
    written = [_written(operation) for operation in done]
    head = ("operation", "amount", "fee", "incoming", "reserve", "receivable", "posts")
    amount = Money(minor=minor, currency=currency)
    return f"### {title}: {amount.text()} {currency}\n\n{table(head, written)}"


def _course(kinds: Iterable[Kind], currency: str, minor: int, terms: Terms) -> list[Operation]:
    order = _order(minor, currency)
    order = _replaced(order, (Payment(id=2, amount=order.amount, terminal="TERM"),))
    done: list[Operation] = []
    for stamp, kind in enumerate(kinds, start=3):
        order, operation = _done(order, Command(kind=kind), stamp, terms)
        done.append(operation)
    return done


def _written(operation: Operation) -> tuple[str, ...]:
    said = operation.statement
    figures = (said.amount, said.fee, said.incoming, said.reserve, said.receivable)
    places = digits_of(said.currency)
    lines = [
        f"{each.account} {major(each.minor, digits_of(each.currency))} {each.currency}"
        for each in postings(operation)
    ]
    shown = tuple(major(figure, places) for figure in figures)
    return (f"`{operation.kind}`", *shown, "; ".join(lines) or "nothing")


def ledger() -> str:
    """The page about accounts, statements and postings."""
    accounts = table(
        ("account", "what stands there"), [(f"`{key}`", text) for key, text in ACCOUNTS.items()]
    )
    worked = "\n".join(example(*row) for row in EXAMPLES)
    return f"""{NOTE}
# The ledger

Double entry: each approved operation makes one entry, named by the operation's id, and every entry
sums to zero in every currency. Nothing else is ever posted; an operation that was declined, or that
has no answer yet, posts nothing.

## Accounts

Accounts belong to a merchant and a currency.

{accounts}
## Formula

An operation's statement says what it means for the merchant's money. It is computed at the terms in
force when the operation begins, each part rounded once, half away from zero, and never again:

```
incoming   = amount - fee
receivable = incoming - reserve
```

One formula serves every kind: fee, reserve and receivable get what the statement says, and clearing
gives the sum of them, which is the amount. Where the order is in another currency, position gives
the amount in the accounting currency and gets it in the order's, and clearing gives the latter.

## Worked examples

{worked}
The reserve of an authorization and that of its charge are each held; a reversal gives back the
authorization's in the proportion in which it reverses it.
"""


PAGES: Final[tuple[tuple[str, Callable[[], str]], ...]] = (
    ("docs/states.md", states),
    ("docs/ledger.md", ledger),
)


def stale(root: Path = ROOT) -> list[str]:
    """The pages whose file is missing or says something else."""
    return [
        path
        for path, render in PAGES
        if not (root / path).is_file() or (root / path).read_text("utf-8") != render()
    ]


def write(root: Path = ROOT) -> None:
    """Write every page."""
    for path, render in PAGES:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(render(), "utf-8")


def main(arguments: Sequence[str]) -> int:
    """Write the pages, or check them; gives the exit code."""
    if "--check" not in arguments:
        write()
        return 0
    for path in (found := stale()):
        print(f"{path} is out of date: run `make docs`")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
