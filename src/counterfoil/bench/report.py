"""The findings as tables: boxes on a terminal, plain columns in a pipe, JSON for machines."""

from collections.abc import Iterator, Sequence
from typing import Final, TextIO

import msgspec
from rich.console import Console
from rich.table import Table

from counterfoil.bench.calls import CALLS
from counterfoil.bench.figures import Fanned, Findings, Goal, Row, megabytes, milliseconds

TITLES: Final = {call.name: call.title for call in CALLS}

Cells = tuple[str, ...]


def show(findings: Findings, stream: TextIO, *, as_json: bool = False) -> None:
    """Write the report."""
    if as_json:
        stream.write(msgspec.json.format(encode(findings), indent=2).decode() + "\n")
    elif stream.isatty():
        console = Console(file=stream)
        console.print(heading(findings))
        for title, rows in grids(findings):
            console.print(boxed(title, rows))
    else:
        tables = (plain(title, rows) for title, rows in grids(findings))
        stream.write("\n\n".join((heading(findings), *tables)) + "\n")


def heading(findings: Findings) -> str:
    """What was measured."""
    return f"Counterfoil, {'compiled' if findings.compiled else 'interpreted'}"


def encode(findings: Findings) -> bytes:
    """The findings as one JSON object, ratios included."""
    return msgspec.json.encode(
        {
            "compiled": findings.compiled,
            "table": [figures(each) for each in findings.table],
            "memory_kb": findings.memory_kb,
            "resident": findings.resident,
            "scale_orders": findings.scale_orders,
            "few_orders": findings.few_orders,
            "scale": [figures(each) for each in findings.scale],
            "fanned": findings.fanned and figures(findings.fanned),
            "told": findings.told and figures(findings.told),
            "postgres": dict(findings.postgres),
            "goals": findings.goals,
        }
    )


def figures(row: Row | Fanned) -> dict[str, object]:
    """A row and what is reckoned from it."""
    return {**msgspec.to_builtins(row), "percent": row.percent}


def grids(findings: Findings) -> Iterator[tuple[str, Sequence[Cells]]]:
    """Each table: its title, and its rows under a row of headings."""
    if findings.table:
        yield "Against the floor", _rates(findings.table, "floor/s")
    if findings.memory_kb:
        rows = (("", "MB"), ("server", str(megabytes(findings.memory_kb))))
        yield "Resident memory after the runs", rows
    if findings.resident:
        sizes = [(f"{each.orders:,}", str(megabytes(each.kb))) for each in findings.resident]
        yield "Resident memory", (("orders", "MB"), *sizes)
    if findings.scale:
        title = f"With {findings.scale_orders:,} orders stored"
        yield title, _rates(findings.scale, f"with {findings.few_orders:,}/s")
    if findings.fanned:
        yield "Callbacks at the addresses that work", _fanned(findings.fanned)
    if findings.told:
        yield "Authorizations, each told to one address", _rates([findings.told], "untold/s")
    if findings.postgres:
        yield "On PostgreSQL", (("authorizations", "rate/s"), *findings.postgres)
    if findings.goals:
        yield "Goals", (("goal", "wanted", "found", ""), *(_goal(each) for each in findings.goals))


def _fanned(found: Fanned) -> Sequence[Cells]:
    rates = (f"{found.rate:,}", f"{found.reference:,}", f"{found.percent} %")
    heads = ("addresses", "hang", "rate/s", "none hangs/s", "ratio")
    return heads, (str(found.addresses), str(found.hanging), *rates)


def _rates(rows: Sequence[Row], reference: str) -> Sequence[Cells]:
    heads = ("call", "connections", "rate/s", "p50 ms", "p99 ms", reference, "ratio")
    return (
        heads,
        *(
            (
                TITLES[each.call],
                str(each.connections),
                f"{each.rate:,}",
                milliseconds(each.p50_us),
                milliseconds(each.p99_us),
                f"{each.reference:,}",
                f"{each.percent} %",
            )
            for each in rows
        ),
    )


def _goal(goal: Goal) -> Cells:
    return goal.name, goal.wanted, goal.found, "met" if goal.met else "missed"


def boxed(title: str, rows: Sequence[Cells]) -> Table:
    """For people at a terminal."""
    table = Table(title=title, title_justify="left")
    for place, head in enumerate(rows[0]):
        table.add_column(head, justify="left" if place == 0 else "right")
    colours = {"met": "green", "missed": "red"}
    for cells in rows[1:]:
        table.add_row(*cells, style=colours.get(cells[-1]))
    return table


def plain(title: str, rows: Sequence[Cells]) -> str:
    """For a pipe: the first column to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(
            cell.ljust(width) if place == 0 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ).rstrip()
        for cells in rows
    ]
    return "\n".join((title, *lines))
