"""Every statement that is sent, by the name of what builds it, in all its shapes.

A builder that takes arguments must be named here with its shapes, or the tests fail.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from types import ModuleType
from typing import Final

from sqlalchemy import Table

from counterfoil.core.listing import FILTERS
from counterfoil.store import agenda, bulk, kept, moving, old, pages, queries, search, workers
from counterfoil.store import tables as t
from counterfoil.store.queries import Query

DIRECTORY: Final = (t.merchants, t.credentials, t.rates, t.data_keys, t.workers)
OWNED: Final = tuple(each for each in t.metadata.sorted_tables if each not in DIRECTORY)
ATTEMPTS: Final = ((), ("id",), ("endpoint_id",), ("endpoint_id", "order_id", "delivered"))
PARTS: Final = (("name",), ("name", "email"))
BOTH: Final = (queries, agenda, kept, moving, old)
SERVER: Final = (bulk, search, workers)
Shapes = Mapping[str, Sequence[Query]]

# Rows as lists of values: PostgreSQL takes them as arrays, by statements of its own.
EMBEDDED_ONLY: Final = frozenset(
    (
        "add",
        "advance",
        "close",
        "used_keys",
        "put",
        "reproject",
        "refile_text",
        "plant",
        "plant_new",
    )
)


def shared() -> Shapes:
    """What both databases are asked, of builders that take arguments."""
    owned: Sequence[Table] = OWNED
    both = (False, True)
    return {
        "add": [queries.add(table) for table in owned],
        "advance": [queries.advance()],
        "close": [queries.close()],
        "used_keys": [queries.used_keys()],
        "put": [queries.put(table) for table in owned],
        "strays": [
            queries.strays(t.operations.c.id, t.operations.c.order_id, t.orders),
            queries.strays(t.postings.c.operation_id, t.postings.c.operation_id, t.operations),
        ],
        "everything": [queries.everything(table) for table in DIRECTORY],
        "plant": [agenda.plant()],
        "aged": [old.aged(what) for what in old.AGED],
        "count": [moving.count(table) for table in (*moving.DIRECTORY, *OWNED)],
        "greatest": [moving.greatest(table) for table in OWNED],
        "beginning": [moving.beginning(table) for table in OWNED],
        "after": [moving.after(table) for table in OWNED],
        "timers_of": [agenda.timers_of(parked=parked) for parked in both],
        "attempts": [agenda.attempts(*filters) for filters in ATTEMPTS],
        "orders_page": [
            pages.orders_page(driver, residual, upwards=upwards)
            for driver in (None, *FILTERS)
            for residual in ((), (("ip", 2),))
            for upwards in both
        ],
        "orders_matching": [pages.orders_matching(((name, 1),)) for name in FILTERS],
        "operations_page": [
            pages.operations_page(driver, (("kind", 1),)) for driver in (None, "kind", "outcome")
        ],
    }


def of_server() -> Shapes:
    """What PostgreSQL alone is asked, of builders that take arguments."""
    both = (False, True)
    return {
        "text": [],  # what compiles all of them
        "whole": [bulk.whole(tuple(bulk.SHAPES)), *(bulk.whole((name,)) for name in bulk.SHAPES)],
        "part": [bulk.part(name, one=one) for name in bulk.SHAPES for one in both],
        "put": [bulk.put(table) for table in (*DIRECTORY, t.endpoints)],
        "add": [bulk.add(t.attempts)],
        "bring": [bulk.bring(table) for table in t.OWNED],
        "used_keys": [bulk.used_keys(one=one) for one in both],
        "_page": [
            search._page(table, driver, rest, upwards=upwards)
            for table, drivers in ((t.orders, FILTERS), (t.operations, ("kind", "outcome")))
            for driver in (None, *drivers)
            for rest in ((), drivers[:1])
            for upwards in both
        ],
        "among_newest": [
            search.among_newest(parts, rest, upwards=upwards)
            for parts in PARTS
            for rest in ((), ("reference",))
            for upwards in both
        ],
        "looked_up": [
            search.looked_up(parts, rest, upwards=upwards)
            for parts in PARTS
            for rest in ((), ("reference",))
            for upwards in both
        ],
    }


def embedded() -> Iterator[tuple[str, Query]]:
    """What the embedded database is asked."""
    for module in (*BOTH, pages):
        yield from built(module, shared())


def server() -> Iterator[tuple[str, Query]]:
    """What PostgreSQL is asked."""
    for module in BOTH:
        for name, query in built(module, shared()):
            if name not in EMBEDDED_ONLY:
                yield name, bulk.text(query.source)
    for module in SERVER:
        yield from built(module, of_server())


def built(module: ModuleType, shapes: Shapes) -> Iterator[tuple[str, Query]]:
    """Every statement that a module's builders build."""
    for name, build in vars(module).items():
        if isinstance(build, type(queries.order)) and build.__module__ == module.__name__:
            for query in shapes[name] if name in shapes else [build()]:
                yield name, query


@cache
def texts() -> tuple[tuple[str, str], ...]:
    """What PostgreSQL is asked, each on one line without quotes."""
    return tuple((name, " ".join(query.sql.replace('"', "").split())) for name, query in server())
