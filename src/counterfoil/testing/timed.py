"""What the store in memory does with timers, and with what the world was told of."""

from collections.abc import Sequence

from msgspec.structs import replace

from counterfoil.core.callbacks import Attempt, AttemptQuery, Endpoint
from counterfoil.core.events import Notice
from counterfoil.core.timers import Claim, Due, Settled, Timer, Want

Place = tuple[int, Due, int, int]


class TimedMemory:
    """Implements `core.timers.Timekeeper` and `core.callbacks.Outbox` in plain dictionaries."""

    def __init__(self) -> None:
        self.notices_told: list[tuple[int, Notice]] = []
        self._timers: dict[Place, tuple[Claim, int]] = {}
        self._endpoints: dict[tuple[int, int], Endpoint] = {}
        self._attempts: dict[tuple[int, int], Attempt] = {}

    async def plant(self, merchant: int, timers: Sequence[Timer]) -> None:
        """Set timers; one that waits is touched, one that is parked is due again."""
        for timer in timers:
            place = (merchant, timer.kind, timer.subject, timer.lane)
            claim, held = self._timers.get(place, (None, 0))
            if claim is None:
                claim = Claim(merchant=merchant, timer=timer)
            else:
                claim = replace(claim, touched=claim.touched + 1)
                if claim.parked:
                    due = replace(claim.timer, due=timer.due)
                    claim = replace(claim, parked=False, tries=0, timer=due)
            self._timers[place] = (claim, held)

    async def claim(
        self, wants: Sequence[Want], *, now: int, holder: int, until: int
    ) -> Sequence[Claim]:
        """Take what is due and nobody holds, the earliest first."""
        taken: list[Claim] = []
        for want in wants:
            free = [
                (place, claim)
                for place, (claim, held) in self._timers.items()
                if (place[0], place[3]) == (want.merchant, want.lane)
                and not claim.parked
                and claim.timer.due <= now
                and held <= now
            ]
            free.sort(key=lambda found: found[1].timer.due)
            for place, claim in free[: want.limit]:
                mine = replace(claim, holder=holder)
                self._timers[place] = (mine, until)
                taken.append(mine)
        return sorted(taken, key=lambda claim: claim.timer.due)

    async def settle(self, settled: Sequence[Settled], attempts: Sequence[Attempt]) -> None:
        """Let go of claims and keep the attempts."""
        self._attempts |= {(each.merchant, each.id): each for each in attempts}
        for each in settled:
            timer = each.claim.timer
            place = (each.claim.merchant, timer.kind, timer.subject, timer.lane)
            now, _ = self._timers.get(place, (None, 0))
            if now is None or now.holder != each.claim.holder:
                continue
            untouched = now.touched == each.claim.touched
            if each.again is None and not each.parked and untouched:
                del self._timers[place]
                continue
            due = timer.due if each.again is None else each.again
            rests = replace(
                now,
                timer=replace(timer, due=due, since=each.since),
                tries=each.tries,
                parked=each.parked and untouched,
                why=each.why,
            )
            self._timers[place] = (rests, 0)

    async def let_go(self, merchant: int, worker: int) -> None:
        """Free what the process of that number held."""
        for place, (claim, _) in list(self._timers.items()):
            if place[0] == merchant and claim.holder & 0xFF == worker:
                self._timers[place] = (claim, 0)

    async def timers(self, merchant: int, limit: int, *, parked: bool = False) -> Sequence[Claim]:
        """A merchant's timers, those due first first."""
        found = [
            claim
            for place, (claim, _) in self._timers.items()
            if place[0] == merchant and (claim.parked or not parked)
        ]
        return sorted(found, key=lambda claim: claim.timer.due)[:limit]

    async def next_due(self, merchant: int, now: int) -> int | None:
        """When the next timer is due that nobody holds."""
        found = [
            claim.timer.due
            for place, (claim, held) in self._timers.items()
            if place[0] == merchant and not claim.parked and held <= now
        ]
        return min(found, default=None)

    async def notices(self, merchant: int, order: int, since: int) -> Sequence[Notice]:
        """The notices of an order from that sequence on."""
        found = [
            notice
            for owner, notice in self.notices_told
            if (owner, notice.order) == (merchant, order) and notice.sequence >= since
        ]
        return sorted(found, key=lambda notice: notice.sequence)

    async def endpoints(self, merchant: int) -> Sequence[Endpoint]:
        """Every endpoint of a merchant, oldest first."""
        return [self._endpoints[key] for key in sorted(self._endpoints) if key[0] == merchant]

    async def save_endpoint(self, endpoint: Endpoint) -> None:
        """Add the endpoint, or replace it."""
        self._endpoints[endpoint.merchant, endpoint.id] = endpoint

    async def remove_endpoint(self, merchant: int, endpoint: int) -> None:
        """Forget the endpoint and its lane."""
        self._endpoints.pop((merchant, endpoint), None)
        for place in [each for each in self._timers if (each[0], each[3]) == (merchant, endpoint)]:
            del self._timers[place]

    async def attempts(self, query: AttemptQuery) -> Sequence[Attempt]:
        """A page of attempts, newest first."""
        found = [
            each
            for (merchant, number), each in self._attempts.items()
            if merchant == query.merchant
            and number < query.before
            and query.endpoint in {None, each.endpoint}
            and query.order in {None, each.order}
            and query.delivered in {None, each.receipt.delivered}
        ]
        return sorted(found, key=lambda each: -each.id)[: query.limit]

    async def attempt(self, merchant: int, attempt: int) -> Attempt | None:
        """One attempt."""
        return self._attempts.get((merchant, attempt))
