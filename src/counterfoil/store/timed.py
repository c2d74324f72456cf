"""What the embedded store does with timers, and with what the world was told of.

`SqliteStore` is this and more; a class of its own only because a file should be read in one go.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, TypeVar

import apsw

from counterfoil.core.callbacks import Attempt, AttemptQuery, Endpoint
from counterfoil.core.events import Notice
from counterfoil.core.timers import Errand, Settled, Timer, Want
from counterfoil.store import agenda, queries, rows
from counterfoil.store import tables as t
from counterfoil.store.batch import step
from counterfoil.store.queries import Query
from counterfoil.store.scribe import ROWS, Step, Told

WHY_MAX: Final = 200  # characters of a reason
Result = TypeVar("Result")
Work = Callable[[apsw.Connection], Result]


class TimedStore:
    """Implements `core.timers.Timekeeper` and `core.callbacks.Outbox`, described there."""

    def _alter(self, work: Work[Result]) -> Awaitable[Result]:
        """The result of work on the writing connection, in a transaction of its own."""
        raise NotImplementedError

    async def _write(self, steps: Sequence[Step]) -> Told:
        """What such steps tell, done in one transaction; raises `WriteError` where they are not."""
        raise NotImplementedError

    def _all(self, query: Query, **given: object) -> list[tuple[Any, ...]]:
        """Rows that are read where they are asked for."""
        raise NotImplementedError

    async def plant(
        self, merchant: int, timers: Sequence[Timer], *, unless_there: bool = False
    ) -> None:
        query = agenda.plant_new() if unless_there else agenda.plant()
        await self._write([step(query, rows.timer_row(merchant, timer)) for timer in timers])

    async def claim(
        self, wants: Sequence[Want], *, now: int, holder: int, until: int
    ) -> Sequence[Errand]:
        known = agenda.any_due()
        due = [
            want
            for want in wants
            if self._all(known, merchant=want.merchant, lane=want.lane, now=now, limit=1)
        ]
        if not due:
            return ()
        query = agenda.claim()

        took = {"new_holder": holder, "new_until": until, "now": now}
        steps: list[Step] = []
        for want in due:
            whose = {"merchant": want.merchant, "whose": want.merchant, "lane": want.lane}
            steps.append(step(query, query.bind(**whose, **took, limit=want.limit), ROWS))
        told = await self._write(steps)
        errands = [rows.read_errand(row) for found in told.rows for row in found]
        return sorted(errands, key=lambda errand: errand.timer.due)

    async def settle(self, settled: Sequence[Settled], attempts: Sequence[Attempt]) -> None:
        steps = [step(agenda.add_attempt(), rows.attempt_row(attempt)) for attempt in attempts]
        for each in settled:
            first, given = settlement(each)
            # Where a timer was touched meanwhile the first changes nothing, else the second.
            known = (agenda.again(),) if first is None else (first, agenda.again())
            steps += [step(query, query.bind(**given)) for query in known]
        await self._write(steps)

    async def let_go(self, merchant: int, worker: int) -> None:
        query = agenda.let_go()
        given = query.bind(merchant=merchant, worker=worker, byte=0xFF, nobody=0)
        await self._alter(lambda connection: connection.execute(query.sql, given))

    async def timers(self, merchant: int, limit: int, *, parked: bool = False) -> Sequence[Errand]:
        found = self._all(agenda.timers_of(parked=parked), merchant=merchant, limit=limit)
        return [rows.read_errand(row) for row in found]

    async def next_due(self, merchant: int, now: int) -> int | None:
        due: int | None = self._all(agenda.next_due(), merchant=merchant, now=now)[0][0]
        return due

    async def notices(self, merchant: int, order: int, since: int) -> Sequence[Notice]:
        found = self._all(agenda.notices(), merchant=merchant, order=order, since=since)
        return [rows.read_notice(row) for row in found]

    async def endpoints(self, merchant: int) -> Sequence[Endpoint]:
        found = self._all(agenda.endpoints(), merchant=merchant)
        return [rows.read_endpoint(row) for row in found]

    async def save_endpoint(self, endpoint: Endpoint) -> None:
        row = (endpoint.merchant, endpoint.id, rows.body(endpoint))
        query = queries.put(t.endpoints)
        await self._alter(lambda connection: connection.execute(query.sql, row))

    async def alter_endpoint(
        self, merchant: int, endpoint: int, alter: Callable[[Endpoint], Endpoint]
    ) -> Endpoint | None:
        find, put = agenda.endpoints(), queries.put(t.endpoints)

        def work(connection: apsw.Connection) -> Endpoint | None:
            found = connection.execute(find.sql, find.bind(merchant=merchant)).fetchall()
            for each in map(rows.read_endpoint, found):
                if each.id == endpoint:
                    made = alter(each)
                    connection.execute(put.sql, (merchant, endpoint, rows.body(made)))
                    return made
            return None

        return await self._alter(work)

    async def remove_endpoint(self, merchant: int, endpoint: int) -> None:
        forget, empty = agenda.remove_endpoint(), agenda.empty_lane()

        def work(connection: apsw.Connection) -> None:
            connection.execute(forget.sql, forget.bind(merchant=merchant, id=endpoint))
            connection.execute(empty.sql, empty.bind(merchant=merchant, lane=endpoint))

        await self._alter(work)

    async def attempts(self, query: AttemptQuery) -> Sequence[Attempt]:
        given, bounds = attempts_wanted(query)
        found = self._all(agenda.attempts(*given), **bounds, **given)
        return [rows.read_attempt(row) for row in found]

    async def attempt(self, merchant: int, attempt: int) -> Attempt | None:
        bounds = {"merchant": merchant, "before": 2**63 - 1, "limit": 1}
        found = self._all(agenda.attempts("id"), **bounds, id=attempt)
        return rows.read_attempt(found[0]) if found else None


def attempts_wanted(query: AttemptQuery) -> tuple[dict[str, object], dict[str, object]]:
    """What a page of attempts is filtered by, and its bounds."""
    given = {
        "endpoint_id": query.endpoint,
        "order_id": query.order,
        "delivered": query.delivered,
    }
    bounds: dict[str, object] = {
        "merchant": query.merchant,
        "before": query.before,
        "limit": query.limit,
    }
    return {name: value for name, value in given.items() if value is not None}, bounds


def settlement(settled: Settled) -> tuple[Query | None, dict[str, object]]:
    """What to do with a timer that is not due again, and the parameters of that and of `again`."""
    errand, timer = settled.errand, settled.errand.timer
    given: dict[str, object] = {
        "merchant_id": errand.merchant,
        "kind": timer.kind.value,
        "subject": timer.subject,
        "lane": timer.lane,
        "holder": errand.holder,
        "touched": errand.touched,
        "new_due": timer.due if settled.again is None else settled.again,
        "new_since": settled.since,
        "new_tries": settled.tries,
        "new_why": settled.why and settled.why[:WHY_MAX],
    }
    if settled.again is not None:
        return None, given
    return (agenda.park() if settled.parked else agenda.remove()), given
