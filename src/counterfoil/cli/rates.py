"""rates: exchange rates, imported and listed."""

import csv
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from cyclopts import App

from counterfoil.cli.merchants import within
from counterfoil.cli.output import say, show
from counterfoil.cli.serving import Json
from counterfoil.config import SettingsError
from counterfoil.core.rates import Rate
from counterfoil.wiring import Parts

rates = App(name="rates", help="Exchange rates: import, list.")
CODE: Final = re.compile(r"[A-Z]{3}", re.ASCII)
NUMBER: Final = re.compile(r"[0-9]{1,9}(\.[0-9]{1,12})?", re.ASCII)
COLUMNS: Final = 4


def register(app: App) -> None:
    """Add these commands."""
    app.command(rates)


@rates.command(name="import")
def import_(file: Path, *, database: str | None = None) -> None:
    """Import rates from a CSV file with the columns day, from, to, rate.

    A rate is units of `to` for one unit of `from`; a pair's rate of the same day is replaced. All
    lines are read before any is saved.

    Example: counterfoil rates import rates.csv

    Parameters
    ----------
    file
        CSV, with or without a heading: 2026-01-15,EUR,USD,1.145036
    database
        sqlite:///path.
    """
    found = read(file)

    async def act(parts: Parts) -> None:
        await parts.store.save_rates(found)

    within(database, act)
    say(f"{len(found)} rates saved")


@rates.command(name="list")
def list_(*, date: str | None = None, database: str | None = None, json: Json = False) -> None:
    """List the rates in force on a day.

    Example: counterfoil rates list --date 2026-01-15

    Parameters
    ----------
    date
        YYYY-MM-DD (default today).
    database
        sqlite:///path.
    """

    async def act(parts: Parts) -> list[Rate]:
        return list(await parts.store.rates_on(date or parts.clock.today().date().isoformat()))

    rows = [
        {"from": each.source, "to": each.target, "rate": each.rate, "day": each.day}
        for each in within(database, act)
    ]
    show(rows, as_json=json)


def read(file: Path) -> list[Rate]:
    """The rates in a file; raises `SettingsError` naming the first line that is not one."""
    found: list[Rate] = []
    with file.open(newline="", encoding="utf-8-sig") as lines:
        for number, row in enumerate(csv.reader(lines), start=1):
            if not row or (number == 1 and row[0].strip().lower() in {"day", "date"}):
                continue
            found.append(_rate([cell.strip() for cell in row], f"{file.name}:{number}"))
    return found


def _rate(row: list[str], where: str) -> Rate:
    if len(row) != COLUMNS:
        raise SettingsError(f"{where}: not four columns (day, from, to, rate)")
    day, source, target, rate = row
    try:
        datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError as error:
        raise SettingsError(f"{where}: {day!r} is no day such as 2026-01-15") from error
    for code in (source, target):
        if CODE.fullmatch(code) is None:
            raise SettingsError(f"{where}: {code!r} is not three capital letters")
    if NUMBER.fullmatch(rate) is None or not rate.strip("0."):
        raise SettingsError(f"{where}: {rate!r} is no rate above zero such as 1.145036")
    return Rate(day=day, source=source, target=target, rate=rate)
