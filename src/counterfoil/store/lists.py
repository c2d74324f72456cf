"""Lists on the embedded store: keyset pages found by one index, however many orders there are.

The most telling filter drives: its index is walked once for each of its values, newest first, and
the runs are merged; the other filters are checked on the way. A customer's name or address is found
by the full-text index of three-character runs; a pattern shorter than that is looked for order by
order.
"""

from collections.abc import Iterable, Iterator, Sequence
from heapq import merge
from itertools import islice
from typing import Any, Final, Protocol

import apsw

from counterfoil.core.order import Client, Order, Outcome
from counterfoil.core.ports import Evidence, Listed, OperationQuery, OrderQuery
from counterfoil.store import pages, queries, rows
from counterfoil.store import tables as t
from counterfoil.store.migrate import StoreError
from counterfoil.store.queries import Query

GRAM: Final = 3  # characters: what the full-text index can find
RUN: Final = 500  # orders read at a time where every one has to be looked at
CLOSED: Final = (Outcome.APPROVED, Outcome.DECLINED, Outcome.FAILED)
Filters = list[tuple[str, tuple[str, ...]]]
Row = tuple[Any, ...]


class Shape(Protocol):
    """A list's statement, by its driving filter and the counts of the others."""

    def __call__(self, driver: str | None, residual: pages.Counts, *, upwards: bool) -> Query:
        """The statement, compiled."""
        ...


def orders(connection: apsw.Connection, query: OrderQuery) -> list[Order]:
    """A page of orders, newest first."""
    filters = _order_filters(connection, query)
    if filters is None:
        return []
    sought = sought_in(query)
    if any("\0" in part for _, part in sought):
        return []  # no text holds one
    upwards = query.after is not None
    if not sought:
        found = _walk(connection, pages.orders_page, filters, bounds(query), upwards)
    elif all(len(part) >= GRAM for _, part in sought):
        found = _matching(connection, query, filters, sought)
    else:
        looked = list(islice(_looking(connection, query, filters, sought), query.limit))
        return looked[::-1] if upwards else looked
    read = [rows.read_order(row) for row in found]
    return read[::-1] if upwards else read


def sought_in(query: OrderQuery) -> list[tuple[str, str]]:
    """What part of a customer's name and address is looked for."""
    patterns = [("name", query.name_part), ("email", query.email_part)]
    return [(column, part) for column, part in patterns if part]


def operations(connection: apsw.Connection, query: OperationQuery) -> list[Listed]:
    """A page of closed operations, newest first."""
    filters = operation_filters(query)
    if filters is None:
        return []
    upwards = query.after is not None
    found = _walk(connection, pages.operations_page, filters, bounds(query), upwards)
    read = [Listed(order=row[1], operation=rows.read_operation(row[2])) for row in found]
    return read[::-1] if upwards else read


def operation_filters(query: OperationQuery) -> Filters | None:
    """The filters that are set, the most telling first; None where nothing can match."""
    outcomes = query.outcomes or CLOSED
    filters: Filters = [("outcome", outcomes)]
    if query.kinds:
        rare = bool(query.outcomes) and Outcome.APPROVED not in outcomes
        filters.insert(1 if rare else 0, ("kind", query.kinds))
    return filters


def evidence(connection: apsw.Connection, merchant: int, after: int, limit: int) -> list[Evidence]:
    """What rests about a run of orders, oldest first."""
    run = _all(connection, queries.order_rows(), merchant=merchant, after=after, limit=limit)
    if not run:
        return []
    span = {"merchant": merchant, "first": run[0][1], "last": run[-1][1]}
    operations = _all(connection, queries.operation_rows(), **span)
    return laid_out(run, operations, _all(connection, queries.posting_rows(), **span))


def laid_out(run: list[Row], operations: list[Row], postings: list[Row]) -> list[Evidence]:
    """What rests about each order of a run."""
    logs: dict[int, list[Row]] = {row[1]: [] for row in run}
    entries: dict[int, list[Row]] = {row[1]: [] for row in run}
    for row in operations:
        logs.setdefault(row[2], []).append(row)
    for row in postings:
        entries.setdefault(row[5], []).append(row)
    return [_evidence(row, logs[row[1]], entries[row[1]]) for row in run]


def _evidence(row: Row, log: list[Row], entry: list[Row]) -> Evidence:
    try:
        return Evidence(
            merchant=row[0],
            id=row[1],
            order=rows.read_order(row),
            version=row[2],
            projected=tuple(row[3:-1]),
            operations=tuple(rows.read_operation(each[-1]) for each in log),
            columns=tuple((each[1], each[3], each[4]) for each in log),
            postings=tuple(rows.read_posting(each) for each in entry),
        )
    except ValueError as error:  # what a body or an account's name no longer says
        raise StoreError(f"order {row[1]} of merchant {row[0]} is damaged: {error}") from error


def strays(connection: apsw.Connection, merchant: int, limit: int) -> list[Row]:
    """Operations without their order, then postings without their operation."""
    given = {"merchant": merchant, "limit": limit}
    lost, alone = (_all(connection, query, **given) for query in stray_queries())
    return [*lost, *((number, None) for number, _ in alone)]


def stray_queries() -> tuple[Query, Query]:
    """What finds operations without their order, and postings without their operation."""
    o, p = t.operations.c, t.postings.c
    lost = queries.strays(o.id, o.order_id, t.orders)
    return lost, queries.strays(p.operation_id, p.operation_id, t.operations)


def _order_filters(connection: apsw.Connection, query: OrderQuery) -> Filters | None:
    known: list[Row] = []
    if query.issuer_part:
        known = _all(connection, queries.issuer_titles(), merchant=query.merchant)
    return order_filters(query, [title for (title,) in known])


def order_filters(query: OrderQuery, known: Iterable[str]) -> Filters | None:
    """The filters that are set, the most telling first; None where nothing can match.

    `known` are the issuers that the merchant has seen cards of.
    """
    titles: tuple[str, ...] = ()
    if query.issuer_part:
        part = query.issuer_part.casefold()
        titles = tuple(title for title in known if part in title.casefold())
        if not titles:
            return None
    given: Filters = [
        ("reference", query.references),
        ("ip", query.ips),
        ("bin", query.bins),
        ("issuer_title", titles),
        ("issuer_country", query.issuer_countries),
        ("subtype", query.subtypes),
        ("brand", query.brands),
        ("standing", query.standings),
    ]
    return [(name, tuple(dict.fromkeys(values))) for name, values in given if values]


def bounds(query: OrderQuery | OperationQuery) -> dict[str, object]:
    """The parameters that every page takes."""
    return {
        "merchant": query.merchant,
        "first": query.first,
        "last": query.last,
        "before": query.before,
        "after": -1 if query.after is None else query.after,
        "limit": query.limit,
    }


def _walk(
    connection: apsw.Connection,
    shape: Shape,
    filters: Filters,
    bounds: dict[str, object],
    upwards: bool,
) -> list[Row]:
    """One page over all values of the driving filter, merged by id."""
    if not filters:
        return _all(connection, shape(None, (), upwards=upwards), **bounds)
    (driver, values), *rest = filters
    query = shape(driver, _counts(rest), upwards=upwards)
    marks = _marks(rest)
    runs = [  # each is read only as far as it is needed
        connection.execute(query.sql, query.bind(driver=value, **bounds, **marks))
        for value in values
    ]
    limit = bounds["limit"]
    assert isinstance(limit, int)
    return list(islice(merge(*runs, key=lambda row: row[0] if upwards else -row[0]), limit))


def _matching(
    connection: apsw.Connection, query: OrderQuery, filters: Filters, sought: list[tuple[str, str]]
) -> list[Row]:
    phrases = [("merchant", rows.merchant_mark(query.merchant)), *sought]
    pattern = " AND ".join(
        f'{column} : "{part.replace(chr(34), chr(34) * 2)}"' for column, part in phrases
    )
    shape = pages.orders_matching(_counts(filters), upwards=query.after is not None)
    return _all(connection, shape, pattern=pattern, **bounds(query), **_marks(filters))


def _looking(
    connection: apsw.Connection, query: OrderQuery, filters: Filters, sought: list[tuple[str, str]]
) -> Iterator[Order]:
    given = bounds(query) | {"limit": RUN}
    upwards = query.after is not None
    while True:
        run = _walk(connection, pages.orders_page, filters, given, upwards)
        for row in run:
            order = rows.read_order(row)
            if all(holds(order.client, column, part) for column, part in sought):
                yield order
        if len(run) < RUN:
            return
        given["after" if upwards else "before"] = run[-1][0]


def holds(client: Client | None, column: str, part: str) -> bool:
    """Whether the customer's name or address holds the pattern, in any case."""
    text = None if client is None else client.name if column == "name" else client.email
    return text is not None and part.casefold() in text.casefold()


def _counts(filters: Filters) -> tuple[tuple[str, int], ...]:
    return tuple((name, len(_filled(values))) for name, values in filters)


def _marks(filters: Iterable[tuple[str, Sequence[str]]]) -> dict[str, object]:
    return {
        f"{name}_{at}": value
        for name, values in filters
        for at, value in enumerate(_filled(values))
    }


def _filled(values: Sequence[str]) -> Sequence[str]:
    """The values, the last repeated up to a power of two: so there are few shapes of statements."""
    size = 1 << (len(values) - 1).bit_length()
    return [*values, *list(values[-1:]) * (size - len(values))]


def _all(connection: apsw.Connection, query: Query, **given: object) -> list[Row]:
    return connection.execute(query.sql, query.bind(**given)).fetchall()
