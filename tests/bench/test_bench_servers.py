"""The PostgreSQL part of the benchmark: the rows of plain transactions are the engine's own."""

import asyncio
from pathlib import Path

import asyncpg
import pytest
from tests.cluster import fresh_url, shared

from counterfoil.bench import engine, plain, servers
from counterfoil.bench.servers import Rates


def test_plain_transactions_write_what_an_authorization_writes(tmp_path: Path) -> None:
    url = fresh_url(tmp_path)
    text = plain.script(engine.changes(tmp_path))
    assert text.count("BEGIN;") == text.count("COMMIT;") == 2
    assert text.count("\nUPDATE ") == 2
    file = tmp_path / "plain.sql"
    file.write_text(text)
    assert plain.run(shared(), url.rpartition("/")[2], file, 1, 0) > 0
    assert plain.run(shared(), url.rpartition("/")[2], file, 1, servers.PLAIN_ROUND) > 0

    async def look() -> None:
        connection = await asyncpg.connect(url)
        orders = await connection.fetchval("SELECT count(*) FROM orders")
        assert orders > 1
        for table in ("operations", "cards", "notices", "timers"):
            rows = await connection.fetch(f"TABLE {table}")
            assert len(rows) == orders
        sure = "SELECT count(*) FROM orders WHERE version = 2 AND standing = 'authorized'"
        assert await connection.fetchval(sure) == orders
        await connection.close()

    asyncio.run(look())


@pytest.mark.parametrize("kind", ["file", "server"])
def test_the_engine_alone_has_a_rate(tmp_path: Path, kind: str) -> None:
    url = f"sqlite:///{tmp_path}/a.db" if kind == "file" else fresh_url(tmp_path)
    assert engine.rate(url, tmp_path, 1) > 0


def test_what_is_wanted_of_it() -> None:
    found = Rates(engine=8_000, engine_embedded=9_000, http=600, http_embedded=1_000, plain=600)
    assert [goal.met for goal in servers.goals(found)] == [True, True, False]
    assert [goal.found for goal in servers.goals(found)] == ["8,000/s", "60 %", "100 %"]
    assert len(list(servers.lines(found))) == len(Rates.__struct_fields__)
