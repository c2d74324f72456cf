"""A look at what is due reads an index and never all timers, however many merchants there are."""

from pathlib import Path
from typing import Final

import asyncpg
import pytest
from tests.cluster import url_of

from counterfoil.core.keeping import Old
from counterfoil.store import agenda, bulk, old
from counterfoil.store.postgres import open_store
from counterfoil.store.queries import Query
from counterfoil.store.sqlite import connect, migrate_file

pytestmark = pytest.mark.anyio

LOOKS: Final = {
    "any_due": agenda.any_due(),
    "claim": agenda.claim(),
    "next_due": agenda.next_due(),
    "backlog": agenda.backlog(),
    "old keys": old.aged(Old.KEYS),
    "old texts": old.aged(Old.KEPT),
    "old attempts": old.aged(Old.ATTEMPTS),
    "old notices": old.notices(),
}
MANY: Final = """
INSERT INTO timers
SELECT m, 'release', s, 0, 2000000000000000 + s, 0, 0, 0, FALSE, 0, 0, NULL
FROM generate_series(1, 2000) AS m, generate_series(1, 20) AS s
"""


@pytest.mark.parametrize("query", LOOKS.values(), ids=LOOKS)
def test_the_embedded_store_searches(tmp_path: Path, query: Query) -> None:
    path = tmp_path / "counterfoil.db"
    migrate_file(path)
    connection = connect(path)
    told = connection.execute(f"EXPLAIN QUERY PLAN {query.sql}", [1] * len(query.names))
    plan = [str(row[3]) for row in told]
    connection.close()
    assert plan
    assert not [step for step in plan if step.startswith("SCAN") and step != "SCAN free"]


@pytest.mark.parametrize("known", ["nothing", "everything"])
async def test_the_server_searches_whatever_it_knows_of_them(tmp_path: Path, known: str) -> None:
    url = await url_of(tmp_path)
    await (await open_store(url)).close()
    connection = await asyncpg.connect(url)
    await connection.execute(MANY)
    if known == "everything":
        await connection.execute("ANALYZE timers")
    query = bulk.lanes_due()
    given = {"lanes.merchant_id": list(range(1, 201)), "lanes.lane": [0] * 200, "now": 10**15}
    told = await connection.fetch(f"EXPLAIN {query.sql}", *bulk.in_order(query, (), **given))
    await connection.close()
    plan = "\n".join(row[0] for row in told)
    assert "Index" in plan
    assert "Seq Scan" not in plan
