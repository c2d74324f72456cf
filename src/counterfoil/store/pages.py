"""The statements of lists: a page found by one index, checked against the other filters."""

from functools import lru_cache
from typing import Any, Final

from sqlalchemy import BigInteger, Select, String, bindparam, literal_column, select
from sqlalchemy.sql.elements import ColumnElement

from counterfoil.store import tables as t
from counterfoil.store.queries import Query, at, compiled

Counts = tuple[tuple[str, int], ...]
SHAPES_MAX: Final = 256  # statements kept compiled; callers choose the filters


@lru_cache(maxsize=SHAPES_MAX)
def orders_page(driver: str | None, residual: Counts, *, upwards: bool = False) -> Query:
    """A page of orders, newest first, found by one index and checked against the other filters.

    `driver` is the filter whose index is walked for one value; `residual` the others, each with the
    number of its values; `upwards` reads from the oldest. Parameters: merchant, first, last,
    before, after, limit, driver, `name_0` …
    """
    query = compiled(_page(t.orders.c.id, driver, residual, upwards).add_columns(t.orders.c.body))
    return query if driver is None else _walk(query, "orders", driver)


@lru_cache(maxsize=SHAPES_MAX)
def orders_matching(residual: Counts, *, upwards: bool = False) -> Query:
    """A page of orders whose customer's text holds a pattern (SQLite's full-text index)."""
    found = t.orders_text
    whole = literal_column("orders_text", String)
    match = whole.op("MATCH")(bindparam("pattern", type_=String))
    page = _page(found.c.rowid, None, residual, upwards).add_columns(t.orders.c.body)
    return compiled(page.join_from(found, t.orders, t.orders.c.id == found.c.rowid).where(match))


@lru_cache(maxsize=SHAPES_MAX)
def operations_page(driver: str | None, residual: Counts, *, upwards: bool = False) -> Query:
    """A page of operations, newest first; parameters as for orders."""
    o = t.operations
    query = compiled(_page(o.c.id, driver, residual, upwards).add_columns(o.c.order_id, o.c.body))
    return query if driver is None else _walk(query, "operations", driver)


def _walk(query: Query, table: str, driver: str) -> Query:
    """The query bound to the driver's index, so that no statistics can lead the planner astray."""
    hint = f"FROM {table} INDEXED BY {table}_{driver}"
    return query._replace(sql=query.sql.replace(f"FROM {table}", hint, 1))


def _page(
    by: ColumnElement[int],
    driver: str | None,
    residual: Counts,
    upwards: bool,
) -> Select[Any]:
    table = t.operations if by is t.operations.c.id else t.orders
    conditions = [
        at(table.c.merchant_id, "merchant"),
        by >= bindparam("first", type_=BigInteger),
        by <= bindparam("last", type_=BigInteger),
        by < bindparam("before", type_=BigInteger),
        by > bindparam("after", type_=BigInteger),
    ]
    if driver is not None:
        conditions.append(table.c[driver] == bindparam("driver", type_=String))
    for name, count in residual:
        marks = [bindparam(f"{name}_{place}", type_=String) for place in range(count)]
        conditions.append(table.c[name].in_(marks))
    return (
        select(by)
        .where(*conditions)
        .order_by(by.asc() if upwards else by.desc())
        .limit(bindparam("limit"))
    )
