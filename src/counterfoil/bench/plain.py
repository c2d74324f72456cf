"""The same rows as plain transactions: pgbench writes what one authorization writes, row by row.

The rows are those of the engine's own two changes; only the numbers differ from order to order.
That is what an application does that opens a transaction for each step.
"""

import re
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from counterfoil.bench.cluster import Cluster, binary
from counterfoil.bench.load import LoadError
from counterfoil.core.change import Change
from counterfoil.store import bulk
from counterfoil.store.commits import parts_of

CLIENTS: Final = 16
STEP: Final = 16  # between the numbers of two orders
TPS: Final = re.compile(r"^tps = (\d+)", re.MULTILINE)
FAILED: Final = re.compile(r"failed transactions: ([1-9]\d*)")


def script(changes: Sequence[Change]) -> str:
    """A pgbench script: one transaction for each change."""
    order = changes[-1].order
    used = {order.id, *(each.id for each in order.operations), *(p.id for p in order.payments)}
    numbers = sorted(used | {card.id for change in changes for card in change.cards})
    lines = ["\\set n :n + 1", f"\\set id :client_id * 100000000000 + :n * {STEP}"]
    lines += [f"\\set id{place} :id + {place}" for place in range(len(numbers))]
    for change in changes:
        lines += ["BEGIN;", *_statements(change), "COMMIT;"]
    text = "\n".join(lines) + "\n"
    for place, number in enumerate(numbers):
        text = re.sub(rf"(?<![\d\"':]){number}(?![\d\"'])(?=[,)]| AND|;)", f":id{place}", text)
    return text


def run(cluster: Cluster, database: str, file: Path, seconds: int, begin: int) -> int:
    """Authorizations in a second that pgbench writes; `begin`: what it has not written before."""
    words = ["-n", "-M", "prepared", "-c", str(CLIENTS), "-j", "2", "-T", str(seconds)]
    given = ["-D", f"n={begin}", "-f", str(file), *cluster.where(), database]
    ended = subprocess.run(  # noqa: S603 (a path found by us)
        [binary("pgbench"), *words, *given], capture_output=True, text=True, check=False
    )
    found = TPS.search(ended.stdout)
    if ended.returncode or found is None or FAILED.search(ended.stdout):
        raise LoadError(f"pgbench: {(ended.stderr or ended.stdout).strip()[-300:]}")
    return int(found[1])


def _statements(change: Change) -> Iterator[str]:
    for name, rows in parts_of([change]).items():
        for row in rows if name not in bulk.SEEN else ():  # what rests already is not written
            values = dict(zip(bulk.SHAPES[name], map(_literal, row), strict=True))
            if name == bulk.ADVANCE:
                yield _update("orders", values, ("merchant_id", "id"), "expected")
            elif name == bulk.CLOSE:
                yield _update("operations", values, ("merchant_id", "id"))
            else:
                columns, given = ", ".join(values), ", ".join(values.values())
                yield f"INSERT INTO {name} ({columns}) VALUES ({given});"  # noqa: S608 (our rows)


def _update(table: str, values: dict[str, str], key: Sequence[str], version: str = "") -> str:
    where = [f"{name} = {values[name]}" for name in key]
    if version:
        where.append(f"version = {values[version]}")
    new = [f"{name} = {text}" for name, text in values.items() if name not in {*key, version}]
    return f"UPDATE {table} SET {', '.join(new)} WHERE {' AND '.join(where)};"  # noqa: S608


def _literal(value: object) -> str:
    match value:
        case None:
            return "NULL"
        case bool():
            return str(value).lower()
        case int():
            return str(value)
        case bytes():
            return f"'\\x{value.hex()}'"
        case _:
            text = str(value).replace("'", "''")
            return f"'{text}'"
