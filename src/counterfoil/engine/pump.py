"""The pump: takes timers that are due by lease, has them handled, and records what came of it.

A lane is one address that is told, or everything else of a merchant (lane 0). Lanes wait for
nobody: each has room for a few timers at once, and one that fails has room for a single one until
it works again. A process that dies loses nothing: its lease ends and another takes over.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Final, NamedTuple

import structlog

from counterfoil.core.callbacks import Attempt
from counterfoil.core.ports import Clock, Ids, Store
from counterfoil.core.schedule import SECOND_US, Schedule
from counterfoil.core.timers import Due, Errand, Settled, Want

LEASE_S: Final = 25  # a dead worker's timers are taken over within 30 s
TICK_MS: Final = 1000  # how often it looks for what other processes have set
GATHER_MS: Final = 10  # what is set within this time is taken together, and so recorded
PORTION: Final = 200  # lanes looked at in one go
SELDOM: Final = 20  # times as long as looking at all lanes took, until they are looked at again
TICK_MAX_MS: Final = 5000  # but no longer: what a dead worker held is to be found within 30 s
WIDTH: Final = 8  # timers of a lane at once
Lane = tuple[int, int]  # merchant and lane
Place = tuple[int, Due, int, int]  # merchant, kind, subject and lane: there is one timer of each


class NotYetError(Exception):
    """It could not be done; the text says why. It is tried again by the schedule of its kind."""


class Worked(NamedTuple):
    """What came of an errand, and the attempts made; `well`: nothing stood in the way.

    `hold_us`: the whole lane is to be left alone so long.
    """

    settled: Settled
    attempts: tuple[Attempt, ...] = ()
    well: bool = True
    hold_us: int = 0


class Kind(NamedTuple):
    """How timers of a kind are handled, and when they are tried again after `NotYetError`."""

    handle: Callable[[Errand], Awaitable[Worked]]
    schedule: Schedule


def put_off(
    errand: Errand, schedule: Schedule, why: str, *, now: int, chance: int, hold_us: int = 0
) -> Worked:
    """Tried again by the schedule, not before `hold_us` are over; parked at the schedule's end."""
    tries = errand.tries + 1
    pause = schedule.pause_us(tries, chance)
    if pause is None:
        return park(errand, why, tries)._replace(hold_us=hold_us)
    settled = Settled(
        errand=errand,
        again=now + max(pause, hold_us),
        since=errand.timer.since,
        tries=tries,
        why=why,
    )
    return Worked(settled, well=False, hold_us=hold_us)


def park(errand: Errand, why: str, tries: int) -> Worked:
    """Kept and shown, but tried no more until it is set again."""
    timer = errand.timer
    structlog.get_logger().error("a timer is parked", kind=timer.kind, of=timer.subject, why=why)
    settled = Settled(errand=errand, parked=True, since=timer.since, tries=tries, why=why)
    return Worked(settled, well=False)


def place(errand: Errand) -> Place:
    """Which timer it is."""
    timer = errand.timer
    return errand.merchant, timer.kind, timer.subject, timer.lane


def loop_ms() -> int:
    """The running loop's own time, which no sandbox moves."""
    return int(asyncio.get_running_loop().time() * 1000)


class Room:
    """How much of a lane is under way, how much may be, and until when it is left alone."""

    __slots__ = ("held_until", "running", "width")

    def __init__(self) -> None:
        self.running = 0
        self.width = WIDTH
        self.held_until = 0


class Pump:
    """Runs timers; one for each process. `lanes` gives every lane there is."""

    tick_ms: int = TICK_MS

    def __init__(
        self,
        *,
        store: Store,
        clock: Clock,
        ids: Ids,
        kinds: Mapping[Due, Kind],
        lanes: Callable[[], Awaitable[Iterable[Lane]]],
    ) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self._kinds = kinds
        self._lanes = lanes
        self._rooms: dict[Lane, Room] = {}
        self._in_hand: set[Place] = set()  # till recorded: a lease that ends meanwhile is renewed
        self._holder = ids.next()
        self._nudged: set[Lane] = set()
        self._tick_at_ms = 0  # when all lanes are looked at next, by the loop's own time
        self._wake = asyncio.Event()
        self._finished: list[Worked] = []
        self._settling: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._walking = asyncio.Lock()

    def nudge(self, lanes: Iterable[Lane]) -> None:
        """Something is due in those lanes: look soon. One without room is looked at when it has."""
        for lane in lanes:
            room = self._rooms.get(lane)
            if room is None or room.running < room.width:
                self._nudged.add(lane)
                self._wake.set()

    async def run(self) -> None:
        """Handle what falls due, until cancelled; what is under way then is taken up later."""
        try:
            while True:
                try:
                    await self._sweep()
                except Exception:  # noqa: BLE001 (an edge: the store may come back)
                    structlog.get_logger().exception("timers could not be read")
                    await asyncio.sleep(self.tick_ms / 1000)
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await self._settle()

    async def run_due(self) -> None:
        """Handle everything that is due now, and what that makes due now."""
        while True:
            while errands := await self._claim(await self._lanes()):
                await asyncio.gather(*(self._handle(errand) for errand in errands))
                await self._settle()
            if not self._tasks:
                return
            await asyncio.wait(set(self._tasks))  # what `run` has in hand

    async def walk(self, until: int, move: Callable[[int], None]) -> None:
        """Move the clock to that instant, stopping wherever a timer is due on the way."""
        async with self._walking:
            await self.run_due()
            while (due := await self._next_due()) is not None and due <= until:
                move(due)
                await self.run_due()
            move(until)
            await self.run_due()

    async def _next_due(self) -> int | None:
        """When something is due that is not due yet, or a lane may be looked at again."""
        now = self._clock.now()
        merchants = {merchant for merchant, _ in await self._lanes()}
        found = [await self._store.next_due(merchant, now) for merchant in merchants]
        found += [room.held_until for room in self._rooms.values() if room.held_until > now]
        return min((each for each in found if each is not None), default=None)

    async def _sweep(self) -> None:
        """Look at the lanes that were nudged, and at all of them once a tick, nudged or not."""
        try:
            async with asyncio.timeout_at(self._tick_at_ms / 1000):
                await self._wake.wait()
                await asyncio.sleep(GATHER_MS / 1000)
        except TimeoutError:
            await self._look_at_all()
            return
        lanes, self._nudged = self._nudged, set()
        self._wake.clear()
        self._begin(await self._claim(lanes))

    async def _look_at_all(self) -> None:
        """Look at every lane, a portion at a time; where they are many, more seldom."""
        began_ms = loop_ms()
        self._soon_settled()  # what a walk that was broken off has left
        lanes = list(await self._lanes())
        for start in range(0, len(lanes), PORTION):
            self._begin(await self._claim(lanes[start : start + PORTION]))
            await asyncio.sleep(0)  # payments go in between
        pause_ms = min((loop_ms() - began_ms) * SELDOM, TICK_MAX_MS)
        self._tick_at_ms = loop_ms() + max(pause_ms, self.tick_ms)

    def _begin(self, errands: Sequence[Errand]) -> None:
        for errand in errands:
            task = asyncio.create_task(self._handle(errand))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            task.add_done_callback(self._soon_settled)

    async def _claim(self, lanes: Iterable[Lane]) -> Sequence[Errand]:
        now = self._clock.now()
        wants: list[Want] = []
        for merchant, lane in lanes:
            room = self._rooms.setdefault((merchant, lane), Room())
            if room.running < room.width and room.held_until <= now:
                limit = room.width - room.running
                wants.append(Want(merchant=merchant, lane=lane, limit=limit))
        if not wants:
            return ()
        until = now + LEASE_S * SECOND_US
        taken = await self._store.claim(wants, now=now, holder=self._holder, until=until)
        errands = [errand for errand in taken if place(errand) not in self._in_hand]
        self._in_hand.update(map(place, errands))
        for errand in errands:
            self._rooms[errand.merchant, errand.timer.lane].running += 1
        return errands

    async def _handle(self, errand: Errand) -> None:
        room = self._rooms[errand.merchant, errand.timer.lane]
        try:
            worked = await self._kinds[errand.timer.kind].handle(errand)
        except NotYetError as error:
            worked = self._later(errand, str(error))
        except Exception as error:  # noqa: BLE001 (an edge: one failure must not end the others)
            timer = errand.timer
            structlog.get_logger().exception("a timer failed", kind=timer.kind, of=timer.subject)
            worked = self._later(errand, type(error).__name__)
        except BaseException:  # we are being stopped: it is anybody's again when its lease ends
            self._in_hand.discard(place(errand))
            raise
        finally:
            room.running -= 1
        room.width = WIDTH if worked.well or errand.timer.lane == 0 else 1
        if worked.hold_us:
            room.held_until = self._clock.now() + worked.hold_us
        self._finished.append(worked)

    def _later(self, errand: Errand, why: str) -> Worked:
        schedule = self._kinds[errand.timer.kind].schedule
        return put_off(errand, schedule, why, now=self._clock.now(), chance=self._ids.next())

    def _soon_settled(self, _: asyncio.Task[None] | None = None) -> None:
        if self._finished and (self._settling is None or self._settling.done()):
            self._settling = asyncio.create_task(self._settle_all())
            self._tasks.add(self._settling)
            self._settling.add_done_callback(self._tasks.discard)

    async def _settle_all(self) -> None:
        while self._finished:
            await asyncio.sleep(GATHER_MS / 1000)
            try:
                await self._settle()
            except Exception:  # noqa: BLE001 (an edge: the lease ends, and it is handled again)
                structlog.get_logger().exception("what came of timers could not be kept")

    async def _settle(self) -> None:
        """Record what has finished, together, and look for more in those lanes."""
        finished, self._finished = self._finished, []
        if not finished:
            return
        settled = [worked.settled for worked in finished]
        attempts = [attempt for worked in finished for attempt in worked.attempts]
        try:
            await self._store.settle(settled, attempts)
        finally:
            self._in_hand.difference_update(place(each.errand) for each in settled)
        self.nudge({(each.errand.merchant, each.errand.timer.lane) for each in settled})
