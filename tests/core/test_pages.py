"""The pages drawn from the code are up to date, and say when they are not."""

from pathlib import Path

import pytest
from tools import pages

from counterfoil.core.ledger import Account
from counterfoil.core.order import Kind
from counterfoil.core.rules import Bucket, Standing


def test_the_pages_are_up_to_date(capsys: pytest.CaptureFixture[str]) -> None:
    assert pages.main(["--check"]) == 0, capsys.readouterr().out


def test_a_page_that_is_missing_or_old_is_named(tmp_path: Path) -> None:
    paths = [path for path, _ in pages.PAGES]
    assert pages.stale(tmp_path) == paths
    pages.write(tmp_path)
    assert pages.stale(tmp_path) == []
    (tmp_path / paths[0]).write_text("old", "utf-8")
    assert pages.stale(tmp_path) == [paths[0]]


def test_the_pages_leave_nothing_out() -> None:
    assert set(pages.BUCKETS) == set(Bucket)
    assert set(pages.STANDINGS) == set(Standing)
    assert set(pages.ACCOUNTS) == set(Account)
    page = pages.states()
    for word in [*Kind, *Bucket, *Standing]:
        assert f"`{word}`" in page


def test_the_worked_figures_are_those_of_the_bizon_document() -> None:
    page = pages.ledger()
    assert "| `charge` | 9.99 | 0.30 | 9.69 | 0.00 | 9.69 |" in page
    assert "| `charge` | 1213.00 | 12.13 | 1200.87 | 36.39 | 1164.48 |" in page
    assert "| `charge` | 11.45 | 0.34 | 11.11 | 0.00 | 11.11 |" in page


def test_the_first_standing_that_holds_money_wins() -> None:
    assert pages.order_of_standings() == [
        Standing.DISPUTED,
        Standing.CREDITED,
        Standing.REFUNDED,
        Standing.CHARGED,
        Standing.AUTHORIZED,
        Standing.REVERSED,
    ]
