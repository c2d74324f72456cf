"""What the store in memory does with timers, and with what the world was told of."""

from collections.abc import Callable, Sequence

from msgspec.structs import replace

from counterfoil.core.callbacks import Attempt, AttemptQuery, Endpoint
from counterfoil.core.events import Notice
from counterfoil.core.order import id_at
from counterfoil.core.timers import Backlog, Due, Errand, Queue, Settled, Timer, Want

Place = tuple[int, Due, int, int]


class TimedMemory:
    """Implements `core.timers.Timekeeper` and `core.callbacks.Outbox` in plain dictionaries."""

    def __init__(self) -> None:
        self.notices_told: list[tuple[int, Notice]] = []
        self._timers: dict[Place, tuple[Errand, int]] = {}
        self._endpoints: dict[tuple[int, int], Endpoint] = {}
        self._attempts: dict[tuple[int, int], Attempt] = {}

    async def plant(
        self, merchant: int, timers: Sequence[Timer], *, unless_there: bool = False
    ) -> None:
        """Set timers; one that waits is touched, one that is parked is due again."""
        for timer in timers:
            place = (merchant, timer.kind, timer.subject, timer.lane)
            errand, held = self._timers.get(place, (None, 0))
            if errand is None:
                errand = Errand(merchant=merchant, timer=timer)
            elif not unless_there:
                errand = replace(errand, touched=errand.touched + 1)
                if errand.parked:
                    due = replace(errand.timer, due=timer.due)
                    errand = replace(errand, parked=False, tries=0, timer=due)
            self._timers[place] = (errand, held)

    async def claim(
        self, wants: Sequence[Want], *, now: int, holder: int, until: int
    ) -> Sequence[Errand]:
        """Take what is due and nobody holds, the earliest first."""
        taken: list[Errand] = []
        for want in wants:
            free = [
                (place, errand)
                for place, (errand, held) in self._timers.items()
                if (place[0], place[3]) == (want.merchant, want.lane)
                and not errand.parked
                and errand.timer.due <= now
                and held <= now
            ]
            free.sort(key=lambda found: found[1].timer.due)
            for place, errand in free[: want.limit]:
                mine = replace(errand, holder=holder)
                self._timers[place] = (mine, until)
                taken.append(mine)
        return sorted(taken, key=lambda errand: errand.timer.due)

    async def settle(self, settled: Sequence[Settled], attempts: Sequence[Attempt]) -> None:
        """Let go of errands and keep the attempts."""
        self._attempts |= {(each.merchant, each.id): each for each in attempts}
        for each in settled:
            timer = each.errand.timer
            place = (each.errand.merchant, timer.kind, timer.subject, timer.lane)
            now, _ = self._timers.get(place, (None, 0))
            if now is None or now.holder != each.errand.holder:
                continue
            untouched = now.touched == each.errand.touched
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
        for place, (errand, _) in list(self._timers.items()):
            if place[0] == merchant and errand.holder & 0xFF == worker:
                self._timers[place] = (errand, 0)

    async def timers(self, merchant: int, limit: int, *, parked: bool = False) -> Sequence[Errand]:
        """A merchant's timers, those due first first."""
        found = [
            errand
            for place, (errand, _) in self._timers.items()
            if place[0] == merchant and (errand.parked or not parked)
        ]
        return sorted(found, key=lambda errand: errand.timer.due)[:limit]

    def timers_waiting(self, merchant: int, now: int) -> dict[Backlog, Queue]:
        """What of a merchant's timers waits."""
        queues = dict.fromkeys(Backlog, Queue())
        for place, (errand, _) in self._timers.items():
            name = Backlog.CALLBACKS if errand.timer.lane else Backlog.TIMERS
            due = errand.timer.due
            if place[0] == merchant and errand.parked:
                queues[name] += Queue(parked=1)
            elif place[0] == merchant and (name is Backlog.CALLBACKS or due <= now):
                queues[name] += Queue(waiting=1, since=due)
        return queues

    async def next_due(self, merchant: int, now: int) -> int | None:
        """When the next timer is due that is not due yet."""
        found = [
            errand.timer.due
            for place, (errand, _) in self._timers.items()
            if place[0] == merchant and not errand.parked and errand.timer.due > now
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

    async def alter_endpoint(
        self, merchant: int, endpoint: int, alter: Callable[[Endpoint], Endpoint]
    ) -> Endpoint | None:
        """Change the endpoint as it rests."""
        found = self._endpoints.get((merchant, endpoint))
        if found is not None:
            found = self._endpoints[merchant, endpoint] = alter(found)
        return found

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

    def forget_notices(self, merchant: int, before: int, *, after: int) -> None:
        """Forget what orders above `after` told long ago and nobody is yet to be told."""
        busy = {each.order for (owner, _), each in self._attempts.items() if owner == merchant}
        waits = [place for place in self._timers if place[:2] == (merchant, Due.DELIVER)]
        busy |= {subject for _, _, subject, _ in waits}
        self.notices_told = [
            (owner, notice)
            for owner, notice in self.notices_told
            if owner != merchant
            or not after < notice.order < id_at(before)
            or notice.at >= before
            or notice.order in busy
        ]
