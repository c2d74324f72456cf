"""verify: the proof that what rests is what the operations say."""

import sys

from cyclopts import App
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn

from counterfoil.cli.opening import within
from counterfoil.cli.output import Cell, print_json, say, show
from counterfoil.cli.serving import Json
from counterfoil.core.errors import Refused
from counterfoil.core.minor import digits, major
from counterfoil.core.ports import Store
from counterfoil.engine.verify import Proof
from counterfoil.engine.verify import verify as prove


def register(app: App) -> None:
    """Add these commands."""
    app.command(verify)


def verify(*, database: str | None = None, json: Json = False) -> int:
    """Fold every order anew from its operations, compare every projection, balance the ledger.

    Prints the counts and the accounts; exit status 1 and the differences if anything disagrees.

    Example: counterfoil verify --database sqlite:///data/counterfoil.db

    Parameters
    ----------
    database
        sqlite:///path or postgresql://user@host/name.
    """

    async def act(store: Store) -> Proof:
        bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            console=Console(stderr=True),
            disable=not sys.stderr.isatty(),
            transient=True,
        )
        last = Proof()
        with bar:
            task = bar.add_task("verifying")
            async for last in prove(store):
                bar.update(task, description=f"{last.orders} orders verified")
        return last

    proof = within(database, act)
    if json:
        print_json(proof)
    else:
        _print(proof)
    return 0 if proof.holds else 1


def _print(proof: Proof) -> None:
    counts = {
        "merchants": proof.merchants,
        "orders": proof.orders,
        "operations": proof.operations,
        "pending": proof.pending,
        "postings": proof.postings,
        "differences": len(proof.differences),
    }
    show([{"what": name, "count": count} for name, count in counts.items()], as_json=False)
    if proof.balances:
        rows: list[dict[str, Cell]] = [
            {
                "merchant": each.merchant,
                "account": each.account,
                "balance": _written(each.minor, each.currency),
                "currency": each.currency,
            }
            for each in proof.balances
        ]
        show(rows, as_json=False)
    for each in proof.differences:
        say(f"merchant {each.merchant} order {each.order}: {each.what}")
    say("everything agrees" if proof.holds else f"{len(proof.differences)} differences")


def _written(minor: int, currency: str) -> str:
    try:
        return major(minor, digits(currency))
    except Refused:
        return f"{minor} minor units"  # of a currency that nobody knows: tampered with
