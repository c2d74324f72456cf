"""Worker numbers: which of the 256 a process may put into its ids, by lease.

A number is held for a while and renewed well before; one whose holder has died is free again when
that while is over, by the database's clock. Two holders at once can only be where one of them did
not reach the database for so long; then the primary keys keep a repeated id out.
"""

from collections.abc import Awaitable
from contextlib import suppress
from functools import cache
from secrets import randbits
from typing import Any, Final, Protocol, runtime_checkable

from sqlalchemy import BigInteger, bindparam, cast, func, literal_column, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.sql.elements import ColumnElement

from counterfoil.core.errors import Refused
from counterfoil.store import bulk
from counterfoil.store import tables as t
from counterfoil.store.migrate import StoreError
from counterfoil.store.queries import Query

LEASE_S: Final = 15
NUMBERS: Final = 256
SECOND_US: Final = 1_000_000


class Ask(Protocol):
    """Runs a statement and gives its rows."""

    def __call__(self, query: Query, **named: object) -> Awaitable[list[Any]]:
        """The rows; raises `Refused`."""
        ...


class Lease:
    """A number that this process holds, as long as it renews it."""

    def __init__(self, ask: Ask) -> None:
        self.number = 0
        self._ask = ask
        self._holder = randbits(62)

    async def take(self) -> int:
        """The least number that nobody holds; raises `Refused`, or `StoreError`: there is none."""
        held = {row[0] for row in await self._ask(_held())}
        for number in range(NUMBERS):
            if number not in held and await self._ask(_take(), number=number, **self._terms()):
                self.number = number
                return number
        raise StoreError(f"all {NUMBERS} worker numbers are held; so many processes cannot serve")

    async def renew(self) -> int:
        """The number to go on with: another one where somebody took this one over."""
        if await self._ask(_renew(), number=self.number, **self._terms()):
            return self.number
        return await self.take()

    async def release(self) -> None:
        """Let go of it, so that the next process may take it at once."""
        with suppress(Refused):  # then it is free by itself in a while
            await self._ask(_renew(), number=self.number, holder=self._holder, lease_us=0)

    def _terms(self) -> dict[str, object]:
        return {"holder": self._holder, "lease_us": LEASE_S * SECOND_US}


@runtime_checkable
class Shared(Protocol):
    """A store that several processes share."""

    async def lease(self) -> Lease:
        """A worker number of one's own."""
        ...


@cache
def _held() -> Query:
    w = t.workers.c
    return bulk.text(select(w.number).where(w.held_until > _now()))


@cache
def _take() -> Query:
    w = t.workers
    row = {"number": bindparam("number"), "holder": bindparam("holder"), "held_until": _then()}
    made = insert(w).values(row)
    new = {name: made.excluded[name] for name in ("holder", "held_until")}
    free = made.on_conflict_do_update(
        index_elements=[w.c.number], set_=new, where=w.c.held_until <= _now()
    )
    return bulk.text(free.returning(w.c.number))


@cache
def _renew() -> Query:
    w = t.workers
    mine = (w.c.number == bindparam("number"), w.c.holder == bindparam("holder"))
    renewed = update(w).values({"held_until": _then()}).where(*mine)
    return bulk.text(renewed.returning(w.c.number))


def _now() -> ColumnElement[int]:
    """The database's time, in microseconds since 1970 UTC."""
    seconds = func.date_part("epoch", func.clock_timestamp())
    return cast(seconds * literal_column(str(SECOND_US)), BigInteger)


def _then() -> ColumnElement[int]:
    return _now() + bindparam("lease_us", type_=BigInteger)
