"""What an operator books of an order, by the command."""

import asyncio
from pathlib import Path

from tests.cli.conftest import Run, left_in

from counterfoil import wiring
from counterfoil.config import Settings
from counterfoil.core.card import Cvv, Pan
from counterfoil.core.money import Money
from counterfoil.engine.orders import Draft, NewCard, Orders

CARD = NewCard(pan=Pan("4111111111111111"), cvv=Cvv("987"), month=12, year=2039)


async def charged(database: Path) -> int:
    """A new order of the demo merchant, charged."""
    async with wiring.parts(Settings(database=f"sqlite:///{database}", demo=True)) as parts:
        merchant = await parts.store.merchant(1)
        assert merchant is not None
        draft = Draft(amount=Money(minor=50_000, currency="EUR"), auto_charge=True)
        return (await Orders(parts.engine).authorize(merchant, draft, CARD)).order.id


def test_a_payout_is_booked_once(anywhere: Run, tmp_path: Path) -> None:
    order = str(asyncio.run(charged(tmp_path / "gateway.db")))
    words = ["settle", order, "--reference", "P-1", "--gross", "500", "--fee", "15"]
    words += ["--start", "2026-11-01", "--end", "2026-11-07", "--payout", "2026-11-09"]
    words += ["--database", f"sqlite:///{tmp_path / 'gateway.db'}", "--json"]
    row = {"order": order, "reference": "P-1", "net": "485", "times": 1}
    assert anywhere(*words).rows == [row]
    assert anywhere(*words).rows == [row]
    taken = [*words[:2], "--reference", "P-2", "--gross=-125", *words[6:]]
    assert anywhere(*taken).rows == [{**row, "reference": "P-2", "net": "-140", "times": 2}]
    paid = [*words[:2], "--reference", "P-3", *words[4:], "--paid"]
    for _ in range(2):
        assert anywhere(*paid).rows == [{**row, "reference": "P-3", "times": 3}]
    assert "x" in anywhere(*[*words[:5], "x", *words[6:]]).fault
    assert "characters" in anywhere(*[*words[:3], "", *words[4:]]).fault
    assert left_in(tmp_path)
