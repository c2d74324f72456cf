"""The outbox to callbacks: a notice at a time, in order within an order and endpoint.

At least once: what a crash leaves unrecorded is posted again with the same id and body. A notice
shows the order as it stood when it happened, signed with the secrets in force then.
"""

from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

from msgspec.structs import replace

from counterfoil.core.callbacks import GONE, Attempt, Courier, Endpoint, Told, written
from counterfoil.core.events import Notice
from counterfoil.core.history import as_of
from counterfoil.core.ports import Clock, Ids, Store, Vault
from counterfoil.core.schedule import SECOND_US
from counterfoil.core.timers import Errand, Settled
from counterfoil.engine.audience import Audience
from counterfoil.engine.pump import Worked, park, put_off
from counterfoil.engine.switching import UNHEARD, switch_off, took_any

SLOW_DOWN: Final = frozenset({429, 503})
OFF: Final = "the address answered 410 Gone"


class Desk(NamedTuple):
    """What delivery needs: the store, the keys, the time, who is told, and who carries it.

    `turn` is waited for before each post, so that callbacks leave payments their way. `wall` is the
    time as the address has it, which a sandbox's clock may be ahead of. `base` is the public
    address of the API, where one is configured.
    """

    store: Store
    vault: Vault
    clock: Clock
    wall: Clock
    ids: Ids
    audience: Audience
    courier: Courier
    turn: Callable[[], Awaitable[None]]
    base: str | None = None


async def deliver(desk: Desk, errand: Errand) -> Worked:
    """Post the first notice that an endpoint has not had yet."""
    endpoint = await _endpoint(desk, errand)
    if endpoint is None:
        return Worked(Settled(errand=errand))
    if endpoint.off is not None:
        return park(errand, f"switched off: {endpoint.off}", errand.tries)
    if endpoint.held_until > desk.clock.now():
        return _held(desk, endpoint, errand)
    waiting = await desk.store.notices(errand.merchant, errand.timer.subject, errand.timer.since)
    wanted = desk.audience.wanted(endpoint, waiting)
    if not wanted:
        after = waiting[-1].sequence + 1 if waiting else errand.timer.since
        return Worked(Settled(errand=errand, since=after))
    attempt = await post(desk, endpoint, wanted[0])
    worked = await _worked(desk, endpoint, errand, attempt)
    if attempt is not None and not attempt.receipt.delivered:
        return worked
    settled = replace(worked.settled, since=wanted[0].sequence + 1)
    if len(wanted) > 1:
        settled = replace(settled, again=desk.clock.now(), since=wanted[1].sequence)
    return worked._replace(settled=settled)


async def resend(desk: Desk, errand: Errand) -> Worked:
    """Make an attempt again, whatever came of it."""
    endpoint = await _endpoint(desk, errand)
    before = await desk.store.attempt(errand.merchant, errand.timer.subject)
    if endpoint is None or before is None:
        return Worked(Settled(errand=errand))
    if endpoint.held_until > desk.clock.now():
        return _held(desk, endpoint, errand)
    notices = await desk.store.notices(errand.merchant, before.order, before.sequence)
    if not notices or notices[0].sequence != before.sequence:
        return Worked(Settled(errand=errand))  # it is too long ago
    attempt = await post(desk, endpoint, notices[0])
    return await _worked(desk, endpoint, errand, attempt)


async def post(desk: Desk, endpoint: Endpoint, notice: Notice) -> Attempt | None:
    """Post one notice to one endpoint, now; None: its form has nothing to say of it there.

    What follows a callback is posted when that was taken; the attempt is the last post's.
    """
    await desk.turn()
    form = desk.audience.forms[endpoint.wire]
    order = await desk.store.load(endpoint.merchant, notice.order)
    merchant = await desk.store.merchant(endpoint.merchant)
    assert merchant is not None
    owner = (endpoint.merchant, endpoint.id)
    told = Told(
        merchant=merchant,
        endpoint=endpoint,
        notice=notice,
        order=as_of(order, notice.at),
        secrets=tuple(desk.vault.open_secret(owner, e) for e in endpoint.signing(notice.at)),
        now=desk.wall.now(),
        base=desk.base,
    )
    callback = await written(form, told)
    if callback is None:
        return None
    number = desk.ids.next()
    url = endpoint.address(order.callback) or endpoint.url
    receipt = await desk.courier.post(url, callback)
    for following in callback.then if receipt.delivered else ():
        receipt = await desk.courier.post(url, following)
        if not receipt.delivered:
            break
    return Attempt(
        id=number,
        merchant=endpoint.merchant,
        endpoint=endpoint.id,
        order=notice.order,
        sequence=notice.sequence,
        event=notice.event,
        receipt=receipt,
    )


async def _endpoint(desk: Desk, errand: Errand) -> Endpoint | None:
    for endpoint in await desk.audience.of(errand.merchant):
        if endpoint.id == errand.timer.lane:
            return endpoint
    return None


async def _alter(desk: Desk, endpoint: Endpoint, alter: Callable[[Endpoint], Endpoint]) -> None:
    await desk.store.alter_endpoint(endpoint.merchant, endpoint.id, alter)
    desk.audience.forget(endpoint.merchant)


def _held(desk: Desk, endpoint: Endpoint, errand: Errand) -> Worked:
    """Nothing before the address wants to hear again, whichever process it had asked for that."""
    until, timer = endpoint.held_until, errand.timer
    settled = Settled(
        errand=errand, again=until, since=timer.since, tries=errand.tries, why=errand.why
    )
    return Worked(settled, hold_us=until - desk.clock.now())


async def _worked(
    desk: Desk, endpoint: Endpoint, errand: Errand, attempt: Attempt | None
) -> Worked:
    """What is to become of the timer after an attempt."""
    if attempt is None:
        return Worked(Settled(errand=errand))
    receipt = attempt.receipt
    if receipt.delivered:
        return Worked(Settled(errand=errand), (attempt,))
    if receipt.status == GONE:
        await switch_off(desk.store, desk.audience, endpoint, OFF, desk.clock.now())
        return park(errand, "410 Gone", errand.tries)._replace(attempts=(attempt,))
    hold_us = (receipt.retry_after_s or 0) * SECOND_US if receipt.status in SLOW_DOWN else 0
    if hold_us:
        until = desk.clock.now() + hold_us
        await _alter(
            desk, endpoint, lambda each: replace(each, held_until=max(each.held_until, until))
        )
    schedule = desk.audience.forms[endpoint.wire].schedule
    worked = put_off(
        errand,
        schedule,
        receipt.why or f"status {receipt.status}",
        now=desk.clock.now(),
        chance=desk.ids.next(),
        hold_us=hold_us,
    )
    if worked.settled.parked and schedule.switches_off:
        since = desk.clock.now() - schedule.whole_us
        if not await took_any(desk.store, endpoint, since):
            await switch_off(desk.store, desk.audience, endpoint, UNHEARD, desk.clock.now())
    return worked._replace(attempts=(attempt,))
