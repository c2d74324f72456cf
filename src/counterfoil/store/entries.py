"""A batch of changes made durable in the embedded database: one transaction for all of them.

It goes on the belief that nothing falls out, which each of its statements checks. Where something
does, nothing has happened: the batch is looked through, and goes once more without what fell out.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from counterfoil.core.change import Change
from counterfoil.core.listing import FILTERS, projection
from counterfoil.core.ports import Committed
from counterfoil.store import agenda, batch, queries, rows
from counterfoil.store import tables as t
from counterfoil.store.hands import Hand
from counterfoil.store.lanes import Verdict
from counterfoil.store.scribe import ROWS, Step, Told

ISSUERS_MAX: Final = 100_000  # pairs of merchant and issuer kept in mind


class WriteError(Exception):
    """The database could not write; nothing has happened."""


class Entries:
    """Writes batches with a hand."""

    def __init__(self, hand: Hand) -> None:
        self._hand = hand
        self._known_issuers: set[tuple[int, str]] = set()

    async def write(self, changes: Sequence[Change]) -> Sequence[Verdict]:
        """Commit what can be committed; raises `WriteError`, `Refused`."""
        issuers = self._issuers(changes)
        told = await self._hand.write([*_steps(changes), *_filed(changes, issuers)])
        if not told.done:
            return await self._looked_through(changes, told)
        if len(self._known_issuers) > ISSUERS_MAX:
            self._known_issuers.clear()
        self._known_issuers |= issuers
        return [Committed.DONE] * len(changes)

    async def _looked_through(self, changes: Sequence[Change], told: Told) -> Sequence[Verdict]:
        if told.error and not told.broken:
            raise WriteError(told.error)
        verdicts = await self._judged(changes)
        left = [change for change, verdict in zip(changes, verdicts, strict=True) if not verdict]
        if len(changes) == 1 and left:
            return [await self._why(changes[0], told)]
        if len(left) == len(changes):
            found = [await self.write([change]) for change in changes]
            return [verdict for each in found for verdict in each]
        written = iter(await self.write(left) if left else ())
        return [verdict or next(written) for verdict in verdicts]

    async def _judged(self, changes: Sequence[Change]) -> list[Committed | None]:
        """What has fallen out, and why; None: nothing speaks against it."""
        keys = [(each.order.merchant, use.key) for each in changes for use in each.keys]
        moves = [rows.advance_row(each) for each in changes if each.expects]
        asked = batch.packed(queries.used_keys(), keys, ROWS)
        moving = batch.packed(queries.advance(telling=True), moves, ROWS)
        told = await self._hand.write(asked + moving, kept=False)
        if told.error:
            raise WriteError(told.error)
        used, moved = _pairs(told.rows[: len(asked)]), _pairs(told.rows[len(asked) :])
        verdicts: list[Committed | None] = []
        for change in changes:
            order = change.order
            if any((order.merchant, use.key) in used for use in change.keys):
                verdicts.append(Committed.DUPLICATE)
            elif change.expects and (order.merchant, order.id) not in moved:
                verdicts.append(Committed.STALE)
            else:
                verdicts.append(None)
        return verdicts

    async def _why(self, change: Change, told: Told) -> Verdict:
        """What stands in the way of a change: an order of its number, or something unforeseen."""
        query, order = queries.order(), change.order
        given = query.bind(merchant=order.merchant, id=order.id)
        found = await self._hand.write([batch.step(query, given, ROWS)], kept=False)
        there = bool(found.rows and found.rows[0])
        return Committed.STALE if there and change.expects == 0 else WriteError(told.error)

    def _issuers(self, changes: Sequence[Change]) -> set[tuple[int, str]]:
        """Issuers of new cards that do not rest yet, as far as we know."""
        found: set[tuple[int, str]] = set()
        for change in changes:
            if change.cards or change.refiled:
                title = rows.issuer_title(change.order)
                if title and (change.order.merchant, title) not in self._known_issuers:
                    found.add((change.order.merchant, title))
        return found


def _steps(changes: Sequence[Change]) -> list[Step]:
    moves = [rows.advance_row(each) for each in changes if each.expects]
    steps = batch.packed(queries.advance(), moves, wanted=1)
    for table, found in batch.added(changes):
        steps += batch.packed(queries.add(table), found)
    steps += batch.packed(queries.close(), batch.closed(changes))
    return steps + batch.packed(agenda.plant(), batch.timers(changes))


def _filed(changes: Iterable[Change], issuers: Iterable[tuple[int, str]]) -> list[Step]:
    """Remember issuers; file anew the orders that lists find otherwise now."""
    steps = [batch.step(queries.put(t.issuers), issuer) for issuer in issuers]
    for change in changes:
        if change.refiled:
            order, query = change.order, queries.reproject()
            projected = zip(FILTERS, projection(order), strict=True)
            given = {f"new_{name}": value for name, value in projected}
            bound = query.bind(merchant=order.merchant, id=order.id, **given)
            steps.append(batch.step(query, bound))
            if (row := rows.text_row(order)) is not None:
                steps.append(batch.step(queries.refile_text(), row))
    return steps


def _pairs(found: Iterable[Sequence[Sequence[int | str]]]) -> set[tuple[int | str, ...]]:
    return {tuple(row) for each in found for row in each}
