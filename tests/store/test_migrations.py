"""The steps of the schema lead to the schema declared; every statement names its merchant."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest
from sqlalchemy import Table
from sqlalchemy.schema import CreateIndex, CreateTable
from tests.store.statements import OWNED, embedded

from counterfoil.store import migrate
from counterfoil.store import tables as t
from counterfoil.store.migrate import StoreError
from counterfoil.store.queries import SQLITE
from counterfoil.store.sqlite import migrate_file

Rows = list[tuple[Any, ...]]


@pytest.fixture
def migrated(tmp_path: Path) -> Iterator[apsw.Connection]:
    """A database that the steps made."""
    path = tmp_path / "counterfoil.db"
    assert migrate_file(path) == (None, t.HEAD)
    connection = apsw.Connection(str(path))
    yield connection
    connection.close()


@pytest.fixture
def declared() -> Iterator[apsw.Connection]:
    """A database that the declaration made."""
    connection = apsw.Connection(":memory:")
    for table in t.metadata.sorted_tables:
        connection.execute(str(CreateTable(table).compile(dialect=SQLITE)))
        for index in table.indexes:
            connection.execute(str(CreateIndex(index).compile(dialect=SQLITE)))
    yield connection
    connection.close()


def ask(connection: apsw.Connection, statement: str, *given: object) -> Rows:
    return connection.execute(statement, given).fetchall()


def columns(connection: apsw.Connection, table: str) -> Rows:
    """Each column's name, type, whether it may be null, default, and place in the key."""
    facts = 'SELECT name, type, "notnull", dflt_value, pk FROM pragma_table_xinfo(?) ORDER BY cid'
    return ask(connection, facts, table)


def indexes(connection: apsw.Connection, table: str) -> dict[str, tuple[object, ...]]:
    """Each index by name: unique, whose, partial and on which rows, and its columns in order."""
    found: dict[str, tuple[object, ...]] = {}
    facts = 'SELECT name, "unique", origin, partial FROM pragma_index_list(?)'
    for name, unique, origin, partial in ask(connection, facts, table):
        fields = ask(
            connection, "SELECT seqno, name, desc, coll FROM pragma_index_xinfo(?) WHERE key", name
        )
        (text,) = ask(connection, "SELECT sql FROM sqlite_schema WHERE name = ?", name)[0]
        rows = "" if text is None else " ".join(text.partition(" WHERE ")[2].split())
        found[name] = (unique, origin, partial, rows, tuple(fields))
    return found


def test_the_head_is_the_newest_step() -> None:
    assert migrate.newest() == t.HEAD


def test_the_steps_make_the_tables_declared_and_no_other(
    migrated: apsw.Connection, declared: apsw.Connection
) -> None:
    names = "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name"
    ours = {name for (name,) in ask(migrated, names) if not name.startswith("orders_text")}
    assert ours == {name for (name,) in ask(declared, names)} | {"alembic_version"}
    (text,) = ask(migrated, "SELECT sql FROM sqlite_schema WHERE name = 'orders_text'")[0]
    assert "fts5" in text
    assert [row[0] for row in columns(migrated, "orders_text")][:3] == [
        column.name for column in t.orders_text.c if column.name != "rowid"
    ]


@pytest.mark.parametrize("table", [each.name for each in t.metadata.sorted_tables])
def test_the_steps_make_each_table_as_declared(
    migrated: apsw.Connection, declared: apsw.Connection, table: str
) -> None:
    assert columns(migrated, table) == columns(declared, table)
    assert indexes(migrated, table) == indexes(declared, table)


@pytest.mark.parametrize("table", OWNED, ids=lambda table: table.name)
def test_the_merchant_comes_first_in_every_key_and_index(
    migrated: apsw.Connection, table: Table
) -> None:
    assert next(iter(table.primary_key.columns)).name == "merchant_id"
    found = indexes(migrated, table.name)
    assert found
    for name, (*_, fields) in found.items():
        assert isinstance(fields, tuple)
        assert fields[0][1] == "merchant_id", name
    assert not table.foreign_keys


def test_a_second_time_nothing_is_done(tmp_path: Path) -> None:
    path = tmp_path / "counterfoil.db"
    assert migrate_file(path) == (None, t.HEAD)
    assert migrate_file(path) == (t.HEAD, t.HEAD)


def test_a_step_of_a_newer_version_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "counterfoil.db"
    migrate_file(path)
    connection = apsw.Connection(str(path))
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with pytest.raises(StoreError, match="step 9999, made by a newer version"):
        migrate_file(path)


def test_where_there_is_no_database_none_is_made_unless_it_may_be(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there is no database"):
        migrate_file(tmp_path / "folder" / "counterfoil.db", create=False)
    assert list(tmp_path.iterdir()) == []


def test_every_statement_names_the_merchant_of_every_row_it_touches() -> None:
    touched: set[str] = set()
    for name, query in embedded():
        text = " ".join(query.sql.replace('"', "").split())
        for table in (each.name for each in OWNED):
            if f"INTO {table} " in text:
                touched.add(table)
                assert f"INTO {table} (merchant_id, " in text, f"{name}: {text}"
            elif any(f"{verb} {table} " in f"{text} " for verb in ("FROM", "JOIN", "UPDATE")):
                touched.add(table)
                named = f"{table}.merchant_id"
                assert f"{named} = " in text or re.search(rf"= {named}\b", text), f"{name}: {text}"
        assert "JOIN" not in text or "merchant_id = " in text, f"{name}: {text}"
    assert touched == {each.name for each in OWNED}
