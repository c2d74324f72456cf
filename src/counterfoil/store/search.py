"""Lists on PostgreSQL: keyset pages, and customers found by a part of their name or address.

The most telling filter drives: for each of its values its index is read newest first, as far as a
page needs, and the runs are merged. For parts of names and addresses every order with a customer
has a row of folded texts, and of every three characters of them as a number that begins with the
merchant, under an index that any PostgreSQL has (GIN). Common parts are found among the newest
orders; what those do not hold is rare enough to be looked up. A part of one or two characters has
no such number: its texts are read one by one.
"""

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, Final

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Column,
    Select,
    String,
    Text,
    and_,
    any_,
    bindparam,
    column,
    func,
    lateral,
    select,
    true,
)
from sqlalchemy.sql.elements import ColumnElement

from counterfoil.core.order import Client, Order
from counterfoil.core.ports import ID_MAX
from counterfoil.store import bulk, lists
from counterfoil.store import tables as t
from counterfoil.store.queries import Query, at
from counterfoil.store.rows import Row

NEWEST: Final = 10_000  # texts read before the index of numbers is asked; some 20 ms
FACTOR: Final = 0x9E3779B97F4A7C15  # odd, so that merchants spread over all numbers
TEXTS: Final = ("name", "email")


def text_row(order: Order) -> Row | None:
    """What a customer is found by, for orders whose customer has a name or an address."""
    client = order.client
    if client is None or not (client.name or client.email):
        return None
    folded = [text and text.casefold() for text in (client.name, client.email)]
    numbers = set(_numbers(order.merchant, client))
    return (order.merchant, order.id, *folded, f"{{{','.join(map(str, numbers))}}}")


def _numbers(merchant: int, client: Client) -> Iterator[int]:
    for place, text in enumerate((client.name, client.email)):
        yield from grams(merchant, place, text or "")


def grams(merchant: int, place: int, text: str) -> Iterator[int]:
    """Every three characters of a merchant's text as numbers; `place` tells names and addresses."""
    salt = (2 * merchant + place) * FACTOR & ID_MAX
    codes = [ord(character) for character in text.casefold()]
    for first, second, third in zip(codes, codes[1:], codes[2:], strict=False):
        yield (first << 42 | second << 21 | third) ^ salt  # a character has 21 bits


def page(table: Any, driver: str | None, filters: lists.Filters, *, upwards: bool) -> Query:
    """A page of orders or operations; parameters: `bounds`, the filters' values by their names."""
    rest = tuple(name for name, _ in filters if name != driver)
    return _page(table, driver, rest, upwards=upwards)


@cache
def _page(table: Any, driver: str | None, rest: tuple[str, ...], *, upwards: bool) -> Query:
    known = {t.orders: ("id", "body"), t.operations: ("id", "order_id", "body")}
    columns = [table.c[name] for name in known[table]]
    conditions = [*_within(table.c), *_filtered(table.c, rest)]
    if driver is None:
        return bulk.text(_cut(select(*columns).where(*conditions), table.c.id, upwards=upwards))
    value = column("value", String)
    wanted = func.unnest(_values(driver)).table_valued(value, name="wanted").render_derived()
    mine = select(*columns).where(*conditions, table.c[driver] == wanted.c.value)
    run = lateral(_cut(mine, table.c.id, upwards=upwards), "run")
    found = select(*run.c).select_from(wanted.join(run, true()))
    return bulk.text(_cut(found, run.c.id, upwards=upwards))


@cache
def among_newest(parts: tuple[str, ...], rest: tuple[str, ...], *, upwards: bool) -> Query:
    """A page of orders by texts, from so many (`reach`) orders next to the page's bound."""
    x, o = t.texts.c, t.orders
    near = select(*x).where(*_within(x)).order_by(_by(x.id, upwards=upwards))
    near_by = near.limit(bindparam("reach", type_=BigInteger)).subquery("near")
    mine = and_(o.c.merchant_id == near_by.c.merchant_id, o.c.id == near_by.c.id)
    held = [_holds(near_by.c, part) for part in parts]
    merchant = at(o.c.merchant_id, "merchant")
    found = select(o.c.id, o.c.body).join_from(near_by, o, mine)
    found = found.where(merchant, *held, *_filtered(o.c, rest))
    return bulk.text(_cut(found, o.c.id, upwards=upwards))


@cache
def looked_up(parts: tuple[str, ...], rest: tuple[str, ...], *, upwards: bool) -> Query:
    """A page of orders by the numbers of their texts (`grams`)."""
    x, o = t.texts.c, t.orders
    hits = select(x.merchant_id, x.id).where(
        x.grams.bool_op("@>")(bindparam("grams", type_=ARRAY(BigInteger))),
        *_within(x),
        *(_holds(x, part) for part in parts),
    )
    hit = hits.cte("hit").prefix_with("MATERIALIZED") if not rest else hits.subquery("hit")
    mine = and_(o.c.merchant_id == hit.c.merchant_id, o.c.id == hit.c.id)
    found = select(o.c.id, o.c.body).join_from(hit, o, mine)
    found = found.where(at(o.c.merchant_id, "merchant"), *_filtered(o.c, rest))
    return bulk.text(_cut(found, o.c.id + 0, upwards=upwards))  # in no index's order: by the hits


def _within(columns: Any) -> list[ColumnElement[bool]]:
    number = columns.id
    return [
        at(columns.merchant_id, "merchant"),
        number >= bindparam("first", type_=BigInteger),
        number <= bindparam("last", type_=BigInteger),
        number < bindparam("before", type_=BigInteger),
        number > bindparam("after", type_=BigInteger),
    ]


def _filtered(columns: Any, names: Sequence[str]) -> list[ColumnElement[bool]]:
    return [columns[name] == any_(_values(name)) for name in names]


def _holds(columns: Any, part: str) -> ColumnElement[bool]:
    place = func.strpos(columns[part], bindparam(f"{part}_part", type_=Text))
    return place > bindparam("nowhere", 0, type_=BigInteger)


def _values(name: str) -> Any:
    return bindparam(f"{name}_values", type_=ARRAY(Text))


def _cut(found: Select[Any], by: Any, *, upwards: bool) -> Select[Any]:
    limit = bindparam("limit", type_=BigInteger)
    return found.order_by(_by(by, upwards=upwards)).limit(limit)


def _by(found: Column[Any] | ColumnElement[Any], *, upwards: bool) -> ColumnElement[Any]:
    return found.asc() if upwards else found.desc()
