"""rates: exchange rates, imported and listed."""

import csv
import re
from contextlib import suppress
from datetime import date as calendar
from pathlib import Path
from typing import Final

from cyclopts import App

from counterfoil.cli import ecb
from counterfoil.cli.opening import within
from counterfoil.cli.output import say, show
from counterfoil.cli.serving import Json
from counterfoil.config import SettingsError, from_environment
from counterfoil.core.currencies import CURRENT, HISTORIC
from counterfoil.core.ports import Store
from counterfoil.core.rates import Rate
from counterfoil.wiring import clock_file
from counterfoil.world import SystemClock

rates = App(name="rates", help="Exchange rates: import, list.")
DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
NUMBER: Final = re.compile(r"[0-9]{1,9}(\.[0-9]{1,12})?", re.ASCII)
COLUMNS: Final = 4


def register(app: App) -> None:
    """Add these commands."""
    app.command(rates)


@rates.command(name="import")
def import_(file: Path, *, database: str | None = None) -> None:
    """Import rates: the European Central Bank's XML, or CSV with the columns day, from, to, rate.

    A rate is units of `to` for one unit of `from`; a pair's rate of the same day is replaced. All
    of the file is read before any of it is saved.

    Example: counterfoil rates import eurofxref-daily.xml

    Parameters
    ----------
    file
        XML as the bank publishes it, daily or of 90 days; or CSV, with or without a heading:
        2026-01-15,EUR,USD,1.145036
    database
        sqlite:///path or postgresql://user@host/name.
    """
    found = read(file)

    within(database, lambda store: store.save_rates(found), create=True)
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
        sqlite:///path or postgresql://user@host/name.
    """
    today = SystemClock(clock_file(from_environment(database=database).beside)).today()
    day = today.date().isoformat() if date is None else _day(date)

    async def act(store: Store) -> list[Rate]:
        return list(await store.rates_on(day))

    rows = [
        {"from": each.source, "to": each.target, "rate": each.rate, "day": each.day}
        for each in within(database, act)
    ]
    show(rows, as_json=json)


def read(file: Path) -> list[Rate]:
    """The rates in a file; raises `SettingsError` naming the first line that is not one."""
    found: list[Rate] = []
    for number, row in ecb.rows(file) if ecb.is_xml(file) else _rows(file):
        try:
            found.append(_rate(row))
        except SettingsError as error:
            raise SettingsError(f"{file.name}:{number}: {error}") from error
    return found


def _rows(file: Path) -> list[tuple[int, list[str]]]:
    """The rows of a CSV file without its heading, each with its line."""
    with file.open(newline="", encoding="utf-8-sig") as lines:
        try:
            rows = [[cell.strip() for cell in row] for row in csv.reader(lines)]
        except (UnicodeDecodeError, csv.Error) as error:
            raise SettingsError(f"{file} is no CSV file in UTF-8: {error}") from error
    headed = bool(rows) and bool(rows[0]) and rows[0][0].lower() in {"day", "date"}
    return [(number, row) for number, row in enumerate(rows, start=1) if row][headed:]


def _rate(row: list[str]) -> Rate:
    if len(row) != COLUMNS:
        raise SettingsError("not four columns (day, from, to, rate)")
    day, source, target, rate = row
    for code in (source, target):
        if code not in CURRENT and code not in HISTORIC:
            raise SettingsError(f"{code!r} is no currency of ISO 4217")
    if source == target:
        raise SettingsError(f"a rate of {source} to itself")
    if NUMBER.fullmatch(rate) is None or not rate.strip("0."):
        raise SettingsError(f"{rate!r} is no rate above zero such as 1.145036")
    return Rate(day=_day(day), source=source, target=target, rate=rate)


def _day(text: str) -> str:
    """The day as written; raises `SettingsError`. Days are compared as text, so only one form."""
    if DAY.fullmatch(text) is not None:
        with suppress(ValueError):
            return calendar.fromisoformat(text).isoformat()
    raise SettingsError(f"{text!r} is no day such as 2026-01-15")
