"""What lets the same schema and the same statements run on engines that distribute by merchant.

Read off a real PostgreSQL that the steps have made, and off every statement that is compiled.
"""

import re
from collections.abc import AsyncIterator
from importlib import import_module
from inspect import get_annotations
from pathlib import Path
from pkgutil import iter_modules
from typing import Any, Final

import asyncpg
import pytest
from sqlalchemy.schema import CreateIndex, CreateTable
from tests.cluster import url_of
from tests.store.statements import BOTH, DIRECTORY, OWNED, SERVER, texts

from counterfoil import store
from counterfoil.store import bulk, pages
from counterfoil.store import tables as t
from counterfoil.store.queries import Query

pytestmark = pytest.mark.anyio

# Indexes that do not begin with merchant_id, and why they may.
ELSEWHERE: Final = {"orders_text_grams": "each of its numbers begins with the merchant"}
GLOBAL: Final = frozenset({*(each.name for each in DIRECTORY), "alembic_version"})
FORBIDDEN: Final = re.compile(
    r"\b(LISTEN|NOTIFY|pg_advisory\w*|pg_try_advisory\w*|nextval|SERIAL|TRIGGER|REFERENCES)\b",
    re.IGNORECASE,
)
MERCHANTS: Final = frozenset({*(each.name for each in OWNED), t.texts.name})
SOURCES: Final = Path(bulk.__file__).parent.rglob("*.py")


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Any]:
    """A database that the steps made."""
    connection = await asyncpg.connect(await url_of(tmp_path))
    yield connection
    await connection.close()


async def test_every_key_and_index_begins_with_the_merchant(database: Any) -> None:
    found = await database.fetch(
        """
        SELECT c.relname AS owner, i.relname AS name, a.attname AS first, x.indisunique AS sole
        FROM pg_index x
        JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class c ON c.oid = x.indrelid
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = x.indkey[0]
        WHERE c.relnamespace = 'public'::regnamespace
        """
    )
    ours = [row for row in found if row["owner"] not in GLOBAL]
    assert {row["owner"] for row in ours} == MERCHANTS
    astray = [row for row in ours if row["first"] != "merchant_id"]
    assert {row["name"] for row in astray} == set(ELSEWHERE)
    assert not any(row["sole"] for row in astray)


def test_what_is_merchants_is_all_but_the_directory() -> None:
    assert t.OWNED == OWNED


async def test_the_directory_is_all_that_has_no_merchant(database: Any) -> None:
    found = await database.fetch(
        "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
    )
    assert {row["relname"] for row in found} == GLOBAL | MERCHANTS


@pytest.mark.parametrize(
    "what",
    [
        "SELECT relname FROM pg_class WHERE relkind = 'S'",
        "SELECT tgname FROM pg_trigger",
        "SELECT conname FROM pg_constraint WHERE contype NOT IN ('p', 'c')",
        "SELECT attname FROM pg_attribute WHERE attidentity <> '' OR attgenerated <> ''",
        "SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace",
        "SELECT relname FROM pg_class WHERE relkind IN ('v', 'm', 'f') AND relnamespace = 2200",
        "SELECT extname FROM pg_extension WHERE extname <> 'plpgsql'",
    ],
    ids=lambda what: what.split()[3],
)
async def test_nothing_stands_in_the_way_of_distribution(database: Any, what: str) -> None:
    found = [row[0] for row in await database.fetch(what)]
    assert not [name for name in found if not name.startswith("pg_")]


async def test_the_steps_make_what_is_declared(database: Any, tmp_path: Path) -> None:
    connection = await asyncpg.connect(await url_of(tmp_path / "declared"))
    try:
        await connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
        for table in (*t.metadata.sorted_tables, t.texts):
            await connection.execute(made(CreateTable(table)))
            for index in table.indexes:
                await connection.execute(made(CreateIndex(index)))
        assert await described(database) == await described(connection)
    finally:
        await connection.close()


def made(statement: CreateTable | CreateIndex) -> str:
    return bulk.unbounded(str(statement.compile(dialect=bulk.DIALECT)))


async def described(connection: Any) -> tuple[set[tuple[Any, ...]], set[tuple[Any, ...]]]:
    """Every column but its place, and every index, of all tables of ours."""
    columns = await connection.fetch(
        """
        SELECT table_name, column_name, data_type, udt_name, is_nullable, column_default
        FROM information_schema.columns
        WHERE table_schema = 'public' AND table_name <> 'alembic_version'
        """
    )
    indexes = await connection.fetch(
        "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename <> $1",
        "alembic_version",
    )
    return {tuple(row) for row in columns}, {tuple(row) for row in indexes}


def test_every_statement_names_the_merchant_of_every_row_it_touches() -> None:
    touched: set[str] = set()
    for name, text in texts():
        for table in MERCHANTS:
            if f"INTO {table} " in text:
                touched.add(table)
                assert f"INTO {table} (merchant_id, " in text, f"{name}: {text}"
            if re.search(rf"(FROM|JOIN|UPDATE|DELETE FROM) {table}\b(?!_)", text):
                touched.add(table)
                named = rf"\b{table}\.merchant_id = |= {table}\.merchant_id\b"
                assert re.search(named, text), f"{name}: {text}"
    assert touched == MERCHANTS


def test_no_builder_of_statements_is_left_out() -> None:
    building = set()
    for found in iter_modules(store.__path__, f"{store.__name__}."):
        module = import_module(found.name)
        for build in vars(module).values():
            own = getattr(build, "__wrapped__", None)
            if own is not None and get_annotations(own).get("return") is Query:
                building.add(build.__module__)
    assert building == {module.__name__ for module in (*BOTH, *SERVER, pages)}


def test_the_page_distributes_every_table() -> None:
    page = (Path(__file__).parents[2] / "docs" / "scale.md").read_text("utf-8")
    owned, _, rest = page.partition("create_distributed_table")[2].partition("create_reference")
    named = re.compile(r"\('(\w+)'\)")
    assert set(named.findall(owned)) == MERCHANTS
    assert set(named.findall(rest.partition("Set `")[0])) == GLOBAL - {"alembic_version"}


def test_no_join_crosses_two_merchants() -> None:
    for name, text in texts():
        for join in re.findall(r"JOIN (?!LATERAL)(\w+) (?:AS \w+ )?ON (.*?)(?: WHERE|$)", text):
            assert "merchant_id = " in join[1], f"{name}: {text}"


def test_a_batch_kept_to_one_merchant_names_it_once_as_a_constant() -> None:
    for name in bulk.SHAPES:
        text = bulk.part(name, one=True).sql
        assert bulk.part(name, one=True).names.count("merchant") == 1, text
        assert f"{name}.merchant_id" not in bulk.part(name, one=True).names, text


def test_no_statement_uses_what_only_one_server_has() -> None:
    for name, text in texts():
        assert not FORBIDDEN.search(text), f"{name}: {text}"
    for path in SOURCES:
        said = re.sub(r'""".*?"""|#.*', "", path.read_text("utf-8"), flags=re.DOTALL)
        assert not FORBIDDEN.search(said), path.name
