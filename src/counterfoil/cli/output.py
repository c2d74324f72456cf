"""How commands print: a table for people, tab-separated lines for pipes, JSON for programs."""

import sys
from collections.abc import Mapping, Sequence

import msgspec

Cell = str | int | bool | None


def show(rows: Sequence[Mapping[str, Cell]], *, as_json: bool, title: str | None = None) -> None:
    """Rows of equal columns."""
    if as_json:
        print_json(rows)
    elif not sys.stdout.isatty():
        for row in rows:
            print("\t".join(_text(cell) for cell in row.values()))
    else:
        from rich.console import Console  # noqa: PLC0415 (a server needs none)
        from rich.table import Table  # noqa: PLC0415

        table = Table(title=title, title_justify="left")
        for name in rows[0] if rows else ():
            table.add_column(name)
        for row in rows:
            table.add_row(*(_text(cell) for cell in row.values()))
        Console().print(table if rows else "nothing to show")


def print_json(value: object) -> None:
    """The value as one JSON text."""
    print(msgspec.json.format(msgspec.json.encode(value)).decode())


def say(text: str) -> None:
    """A line for the person at the terminal; on standard error, so that pipes stay clean."""
    sys.stderr.write(text + "\n")


def _text(cell: Cell) -> str:
    return "" if cell is None else str(cell)
