"""Who is told of what happens: endpoints by merchant, looked up again at most once a second."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final

from counterfoil.core.callbacks import Endpoint, Form
from counterfoil.core.events import Notice
from counterfoil.core.ports import Clock, Store
from counterfoil.core.timers import Due, Timer

FRESH_US: Final = 1_000_000
PORTION: Final = 200  # merchants looked up in one go


class Audience:
    """The endpoints of merchants, cached for a second; `forms` are the wires' ways of telling."""

    def __init__(self, store: Store, forms: Mapping[str, Form], clock: Clock) -> None:
        self.forms = forms
        self._store = store
        self._clock = clock
        self._known: dict[int, tuple[int, tuple[Endpoint, ...]]] = {}

    async def of(self, merchant: int) -> tuple[Endpoint, ...]:
        """A merchant's endpoints, oldest first."""
        now = self._clock.now()
        looked_up, found = self._known.get(merchant, (0, ()))
        if not 0 <= now - looked_up < FRESH_US:
            found = tuple(await self._store.endpoints(merchant))
            self._known[merchant] = (now, found)
        return found

    async def lanes(self) -> list[tuple[int, int]]:
        """Every lane there is, by merchant: its own, and one for each endpoint."""
        found: list[tuple[int, int]] = []
        merchants = [each.id for each in await self._store.merchants()]
        for start in range(0, len(merchants), PORTION):
            portion = merchants[start : start + PORTION]
            told = await asyncio.gather(*map(self.of, portion))  # payments go in between
            for merchant, endpoints in zip(portion, told, strict=True):
                found.append((merchant, 0))
                found += [(merchant, endpoint.id) for endpoint in endpoints]
        return found

    def forget(self, merchant: int) -> None:
        """Look this merchant's endpoints up again: one has changed."""
        self._known.pop(merchant, None)

    async def timers(
        self, merchant: int, notices: Sequence[Notice], callback: str | None = None
    ) -> tuple[Timer, ...]:
        """A timer for each endpoint that wants any of an order's new notices, due at once.

        `callback` is the address that the order names itself.
        """
        endpoints = await self.of(merchant)
        if not endpoints:
            return ()
        return tuple(
            Timer(
                kind=Due.DELIVER,
                subject=wanted[0].order,
                lane=endpoint.id,
                due=self._clock.now(),
                since=wanted[0].sequence,
            )
            for endpoint in endpoints
            if endpoint.address(callback) and (wanted := self.wanted(endpoint, notices))
        )

    def wanted(self, endpoint: Endpoint, notices: Sequence[Notice]) -> list[Notice]:
        """Those of the notices that this endpoint is told of."""
        form = self.forms.get(endpoint.wire)
        if form is None:
            return []
        known = form.events
        return [each for each in notices if endpoint.wants(each.event) and each.event in known]
