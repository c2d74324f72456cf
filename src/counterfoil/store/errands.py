"""What PostgreSQL does with timers, and with what the world was told of.

`PostgresStore` is this and more; a class of its own only because a file should be read in one go.
A timer is taken with `FOR UPDATE SKIP LOCKED`, so that processes that look at once share the work.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import TypeVar

from counterfoil.core.callbacks import Attempt, AttemptQuery, Endpoint
from counterfoil.core.events import Notice
from counterfoil.core.order import Outcome
from counterfoil.core.ports import ID_MAX
from counterfoil.core.timers import Backlog, Errand, Queue, Settled, Timer, Want
from counterfoil.store import agenda, bulk, rows
from counterfoil.store import tables as t
from counterfoil.store.link import Connection, given, read
from counterfoil.store.queries import Query
from counterfoil.store.rows import Row
from counterfoil.store.timed import attempts_wanted, settlement

Result = TypeVar("Result")
Work = Callable[[Connection], Awaitable[Result]]


class ErrandStore:
    """Implements `core.timers.Timekeeper` and `core.callbacks.Outbox`, described there."""

    async def _alter(self, work: Work[Result]) -> Result:
        """The result of work on a connection, in a transaction of its own."""
        raise NotImplementedError

    async def _all(
        self, query: Query, reading: Callable[[Row], Result], **named: object
    ) -> list[Result]:
        """The rows of one statement, read."""
        raise NotImplementedError

    async def plant(
        self, merchant: int, timers: Sequence[Timer], *, unless_there: bool = False
    ) -> None:
        found = bulk.each_once([rows.timer_row(merchant, each) for each in timers], len(agenda.KEY))
        if not found:
            return
        query = bulk.plant_new() if unless_there else bulk.part(t.timers.name, one=True)
        columns = bulk.arrays(found, len(t.timers.c))[1:]
        bound = bulk.in_order(query, columns, merchant=merchant)
        await self._alter(lambda connection: connection.execute(query.sql, *bound))

    async def claim(
        self, wants: Sequence[Want], *, now: int, holder: int, until: int
    ) -> Sequence[Errand]:
        took = {"new_holder": holder, "new_until": until, "now": now}
        lanes = bulk.arrays([(want.merchant, want.lane) for want in wants], 2)
        named = dict(zip(("lanes.merchant_id", "lanes.lane"), lanes, strict=True))
        due = set(await self._all(bulk.lanes_due(), tuple, now=now, **named))
        errands: list[Errand] = []
        for want in (each for each in wants if (each.merchant, each.lane) in due):
            whose = {"merchant": want.merchant, "whose": want.merchant, "lane": want.lane}
            limit = {"limit": want.limit}
            errands += await self._all(agenda.claim(), rows.read_errand, **whose, **took, **limit)
        return sorted(errands, key=lambda errand: errand.timer.due)

    async def settle(self, settled: Sequence[Settled], attempts: Sequence[Attempt]) -> None:
        whose = {each.errand.merchant for each in settled} | {each.merchant for each in attempts}
        for merchant in whose:
            mine = [each for each in settled if each.errand.merchant == merchant]
            made = [rows.attempt_row(each) for each in attempts if each.merchant == merchant]
            await self._alter(partial(_settled, settled=mine, made=made))

    async def let_go(self, merchant: int, worker: int) -> None:
        await self._all(
            agenda.let_go(), tuple, merchant=merchant, worker=worker, byte=0xFF, nobody=0
        )

    async def timers(self, merchant: int, limit: int, *, parked: bool = False) -> Sequence[Errand]:
        query = agenda.timers_of(parked=parked)
        return await self._all(query, rows.read_errand, merchant=merchant, limit=limit)

    async def backlog(self, merchant: int, now: int) -> Mapping[Backlog, Queue]:
        whose = {"merchant": merchant, "now": now, "outcome": Outcome.PENDING}
        return agenda.laid_out(await self._all(agenda.backlog(), tuple, **whose))

    async def next_due(self, merchant: int, now: int) -> int | None:
        found = await self._all(agenda.next_due(), tuple, merchant=merchant, now=now)
        due: int | None = found[0][0]
        return due

    async def notices(self, merchant: int, order: int, since: int) -> Sequence[Notice]:
        whose = {"merchant": merchant, "order": order, "since": since}
        return await self._all(agenda.notices(), rows.read_notice, **whose)

    async def endpoints(self, merchant: int) -> Sequence[Endpoint]:
        return await self._all(agenda.endpoints(), rows.read_endpoint, merchant=merchant)

    async def save_endpoint(self, endpoint: Endpoint) -> None:
        own = [(endpoint.merchant, endpoint.id, rows.body(endpoint))]
        bound = bulk.arrays(own, len(t.endpoints.c))
        sql = bulk.put(t.endpoints).sql
        await self._alter(lambda connection: connection.execute(sql, *bound))

    async def alter_endpoint(
        self, merchant: int, endpoint: int, alter: Callable[[Endpoint], Endpoint]
    ) -> Endpoint | None:
        async def work(connection: Connection) -> Endpoint | None:
            found = await read(connection, bulk.endpoint_held(), merchant=merchant, id=endpoint)
            if not found:
                return None
            made = alter(rows.read_endpoint(found[0]))
            own = bulk.arrays([(merchant, endpoint, rows.body(made))], len(t.endpoints.c))
            await connection.execute(bulk.put(t.endpoints).sql, *own)
            return made

        return await self._alter(work)

    async def remove_endpoint(self, merchant: int, endpoint: int) -> None:
        async def work(connection: Connection) -> None:
            await read(connection, agenda.remove_endpoint(), merchant=merchant, id=endpoint)
            await read(connection, agenda.empty_lane(), merchant=merchant, lane=endpoint)

        await self._alter(work)

    async def attempts(self, query: AttemptQuery) -> Sequence[Attempt]:
        wanted, bounds = attempts_wanted(query)
        return await self._all(agenda.attempts(*wanted), rows.read_attempt, **wanted, **bounds)

    async def attempt(self, merchant: int, attempt: int) -> Attempt | None:
        bounds = {"merchant": merchant, "before": ID_MAX, "limit": 1, "id": attempt}
        found = await self._all(agenda.attempts("id"), rows.read_attempt, **bounds)
        return found[0] if found else None


async def _settled(connection: Connection, settled: list[Settled], made: list[Row]) -> None:
    if made:
        query = bulk.add(t.attempts)
        columns = [given(column) for column in bulk.arrays(made, len(t.attempts.c))]
        await connection.execute(query.sql, *columns)
    for each in settled:
        first, named = settlement(each)
        if first is not None and await _changed(connection, first, named):
            continue
        await _changed(connection, agenda.again(), named)


async def _changed(connection: Connection, query: Query, named: dict[str, object]) -> bool:
    compiled = bulk.text(query.source)
    bound = compiled.bind(**{name: given(value) for name, value in named.items()})
    status: str = await connection.execute(compiled.sql, *bound)
    return not status.endswith(" 0")
