"""What runs by itself, and when: a table of timers, and one of periodic work.

A timer is due at an instant of its own (`engine/timed.py` says what each does). A chore runs again
and again; a failing one is told of, and runs all the same.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Final, NamedTuple

from counterfoil.core.keeping import KEEPING, Keeping, Old
from counterfoil.core.order import id_at, instant_of
from counterfoil.core.schedule import Schedule
from counterfoil.core.timers import Due, Timer
from counterfoil.engine import timed
from counterfoil.engine.accounts import Accounts
from counterfoil.engine.deliver import Desk, deliver, resend
from counterfoil.engine.orders import Orders
from counterfoil.engine.perform import Engine
from counterfoil.engine.pump import Kind
from counterfoil.engine.resolve import RUN, Resolved, resolve, worker_of

SECOND_US: Final = 1_000_000
REST_MS: Final = 50  # after each batch of what is forgotten: payments come first
GRACE_S: Final = 5  # beyond the acquirer's own time limit, so that nothing running is disturbed


ASKING: Final = Schedule(  # for a minute, a quarter of an hour, a day and three days more
    pauses_s=(5,) * 12 + (30,) * 28 + (600,) * 138 + (3600,) * 72
)
TRYING: Final = Schedule(pauses_s=(5, 30, 60, 300, 900, 3600) + (6 * 3600,) * 12)


class UnaskedError(Exception):
    """Operations stay without an answer because their acquirer could not be asked."""


class Chore(NamedTuple):
    """A piece of work, and the pause after it, in seconds."""

    name: str
    pause_s: int
    work: Callable[[], Awaitable[object]]


def kinds(engine: Engine, desk: Desk) -> Mapping[Due, Kind]:
    """The table of timers: what each kind does, and when it is tried again.

    Of callbacks: where the fault is ours. One that an address does not take is tried again by the
    schedule of its form.
    """
    # fmt: off
    return {
        Due.EXPIRE:  Kind(partial(timed.expire, engine),  TRYING),
        Due.CHARGE:  Kind(partial(timed.charge, engine),  TRYING),
        Due.RELEASE: Kind(partial(timed.release, engine), TRYING),
        Due.ABANDON: Kind(partial(timed.abandon, engine), TRYING),
        Due.RESOLVE: Kind(partial(timed.seek, engine),    ASKING),
        Due.GIVE_BACK: Kind(partial(timed.give_back, engine), ASKING),
        Due.RETRY:   Kind(Accounts(Orders(engine)).fire, TRYING),
        Due.DELIVER: Kind(partial(deliver, desk),   TRYING),
        Due.RESEND:  Kind(partial(resend, desk),    TRYING),
    }
    # fmt: on


def chores(
    engine: Engine, keeping: Keeping = KEEPING, *, started: int | None = None
) -> Sequence[Chore]:
    """What the engine does by itself.

    `started`: the first id this process gave. What its worker began before then runs nowhere any
    more, so it is asked about at once, whatever its age; this is what the first run does.
    """
    forsaken = started

    async def unanswered() -> object:
        nonlocal forsaken
        if forsaken is not None:
            before, worker, forsaken = instant_of(forsaken), worker_of(forsaken), None
            return sure(await resolve(engine, before=before, worker=worker))
        await forgotten(engine)
        return None

    return (
        Chore("resolve", 30, unanswered),
        Chore("forget", 3600, partial(forget, engine, keeping)),
    )


async def forget(engine: Engine, keeping: Keeping) -> None:
    """Remove what is past its time, in bounded batches. Orders and their money stay for ever."""
    now = engine.clock.now()
    keys, callbacks = now - keeping.keys_us, now - keeping.callbacks_us
    befores = {
        Old.KEYS: keys,
        Old.KEPT: keys,
        Old.ATTEMPTS: callbacks,  # before the notices, which stay as long as they do
        Old.NOTICES: callbacks,
    }
    for merchant in await engine.store.merchants():
        for what, before in befores.items():
            after: int | None = 0
            while after is not None:
                after = await engine.store.forget(what, merchant.id, before, after=after)
                await asyncio.sleep(REST_MS / 1000 if after is not None else 0)
        for endpoint in await engine.store.endpoints(merchant.id):
            if endpoint.lasting(callbacks) != endpoint:
                await engine.store.alter_endpoint(
                    merchant.id, endpoint.id, lambda each: each.lasting(callbacks)
                )


async def forgotten(engine: Engine) -> None:
    """Set a timer for each old operation without an answer that has none, as after a crash."""
    age_us = engine.limits.acquirer_ms * 1000 + GRACE_S * SECOND_US
    now = engine.clock.now()
    for merchant in await engine.store.merchants():
        after = 0
        while waiting := await engine.store.pending(
            merchant.id, id_at(now - age_us), RUN, after=after
        ):
            after = waiting[-1].operation.id
            timers = [
                Timer(kind=Due.RESOLVE, subject=each.operation.id, due=now, since=each.order)
                for each in waiting
            ]
            await engine.store.plant(merchant.id, timers, unless_there=True)
            engine.nudge([(merchant.id, 0)])


def sure(resolved: Resolved) -> Resolved:
    """The result, if every operation could be asked about; raises `UnaskedError`."""
    if resolved.failed:
        raise UnaskedError(
            f"{resolved.failed} of {resolved.found} operations cannot be asked about"
        )
    return resolved


async def run(work: Sequence[Chore], told: Callable[[str, object], None]) -> None:
    """Run all chores until cancelled; `told` gets what each gives, or the exception it raises."""
    async with asyncio.TaskGroup() as group:
        for chore in work:
            group.create_task(_repeat(chore, told), name=f"chore-{chore.name}")


async def _repeat(chore: Chore, told: Callable[[str, object], None]) -> None:
    while True:
        try:
            told(chore.name, await chore.work())
        except Exception as error:  # noqa: BLE001 (an edge: one failure must not end the chore)
            told(chore.name, error)
        await asyncio.sleep(chore.pause_s)
