"""Who is told what: at least once, in order within an order, nobody waiting for another."""

from collections.abc import Awaitable, Callable

import pytest
from msgspec.structs import replace
from tests.engine.desk import Crash, Desk, die, open_desk

from counterfoil.core.callbacks import Attempt, AttemptQuery, Callback, Receipt, Told
from counterfoil.core.card import Secret
from counterfoil.core.declines import Decline
from counterfoil.core.events import Event
from counterfoil.core.order import Kind
from counterfoil.core.schedule import SECOND_US
from counterfoil.core.timers import Due, Errand, Timer
from counterfoil.engine.pump import LEASE_S
from counterfoil.testing import FakeCourier, PlainForm, decline
from counterfoil.testing.courier import TAKEN

pytestmark = pytest.mark.anyio

ALL = AttemptQuery(merchant=1, limit=100)


def failed(status: int | None = 500, *, retry_after_s: int | None = None) -> Receipt:
    why = None if status else "timeout"
    return Receipt(took_us=9, status=status, why=why, retry_after_s=retry_after_s)


async def attempts(desk: Desk) -> list[Attempt]:
    """What was attempted, oldest first."""
    return list(await desk.store.attempts(ALL))[::-1]


async def parked(desk: Desk) -> list[str | None]:
    return [each.why for each in await desk.store.timers(1, 10, parked=True)]


async def test_what_happens_is_told_once_and_in_order() -> None:
    desk = await open_desk()
    await desk.listens()
    order = await desk.charged()
    await desk.act(order, Kind.REFUND, 1_000)
    await desk.pump.run_due()
    assert desk.told() == [
        "1 payment.authorized 1 s9",
        "2 order.charged 2 s9",
        "3 order.refunded 3 s9",
    ]
    assert [each.receipt.status for each in await attempts(desk)] == [200] * 3
    await desk.later(1)
    assert len(desk.told()) == 3
    assert Due.DELIVER not in await desk.timers()


async def test_a_callback_shows_the_order_as_it_was_however_late_it_goes() -> None:
    desk = await open_desk()
    await desk.listens(Event.PAYMENT_AUTHORIZED)
    order = (await desk.authorize()).order
    await desk.act(order, Kind.CHARGE)
    await desk.pump.run_due()
    assert desk.told() == ["1 payment.authorized 1 s9"]


async def test_an_endpoint_hears_only_what_it_wants_and_its_form_has_words_for() -> None:
    desk = await open_desk(decline(Decline.DO_NOT_HONOR))
    await desk.listens(Event.ORDER_CHARGED, Event.ORDER_CREATED, number=9)
    await desk.listens(Event.PAYMENT_FAILED, number=8)
    await desk.authorize()
    await desk.charged()
    await desk.pump.run_due()
    assert desk.told(9) == ["2 order.charged 2 s9"]
    assert desk.told(8) == ["1 payment.failed 1 s8"]


async def test_nobody_listens_and_no_timer_is_set() -> None:
    desk = await open_desk(authorization_days=0)
    await desk.charged()
    assert await desk.timers() == []
    assert len(desk.store.notices_told) == 2


async def test_a_form_that_is_gone_is_told_nothing() -> None:
    desk = await open_desk(authorization_days=0)
    endpoint = await desk.listens()
    await desk.store.save_endpoint(replace(endpoint, wire="lost"))
    desk.audience.forget(1)
    await desk.charged()
    assert await desk.timers() == []


async def test_failures_are_tried_again_by_the_schedule_and_later_notices_wait() -> None:
    desk = await open_desk()
    await desk.listens()
    desk.courier.script.extend([failed(), failed(None)])
    await desk.charged()
    await desk.pump.run_due()
    assert desk.told() == ["1 payment.authorized 1 s9"]
    await desk.later(59)
    assert len(desk.told()) == 1
    await desk.later(1)
    assert len(desk.told()) == 2
    await desk.later(600)
    assert desk.told() == ["1 payment.authorized 1 s9"] * 3 + ["2 order.charged 2 s9"]
    bodies = {callback.body for _, callback in desk.courier.posts}
    assert len(bodies) == 2
    assert [each.receipt.why for each in await attempts(desk)] == [None, "timeout", None, None]


async def test_what_fails_for_ever_is_parked_in_sight_and_a_new_event_wakes_it() -> None:
    desk = await open_desk()
    await desk.listens()
    order = (await desk.authorize()).order
    desk.courier.script.extend([failed()] * 3)
    await desk.later(24 * 3600)
    assert len(desk.told()) == 3
    assert await parked(desk) == ["status 500"]
    await desk.act(order, Kind.CHARGE)
    await desk.later(1)
    assert desk.told()[3:] == ["1 payment.authorized 1 s9", "2 order.charged 2 s9"]
    assert await parked(desk) == []


async def test_one_order_does_not_wait_for_another() -> None:
    desk = await open_desk()
    await desk.listens()
    desk.courier.script.append(failed())
    await desk.authorize()
    await desk.pump.run_due()
    await desk.authorize()
    await desk.pump.run_due()
    assert [each.receipt.delivered for each in await attempts(desk)] == [False, True]


async def test_gone_switches_the_endpoint_off_and_says_so() -> None:
    desk = await open_desk()
    await desk.listens()
    await desk.listens(number=8)
    desk.courier.script.append(failed(410))
    order = (await desk.authorize()).order
    await desk.pump.run_due()
    off = [each.off for each in await desk.store.endpoints(1)]
    assert sorted(off, key=str) == [None, "the address answered 410 Gone"]
    assert await parked(desk) == ["410 Gone"]
    await desk.act(order, Kind.CHARGE)
    await desk.later(1)
    assert sorted([len(desk.told(8)), len(desk.told(9))]) == [1, 2]


async def test_what_waits_for_an_endpoint_that_was_switched_off_is_parked() -> None:
    desk = await open_desk()
    endpoint = await desk.listens()
    await desk.authorize()
    await desk.store.save_endpoint(replace(endpoint, off="by the operator"))
    desk.audience.forget(1)
    await desk.pump.run_due()
    assert desk.courier.posts == []
    assert await parked(desk) == ["switched off: by the operator"]


async def test_what_waits_for_what_is_gone_is_dropped() -> None:
    desk = await open_desk()
    await desk.listens()
    kinds = desk.pump._kinds
    for kind, lane in ((Due.DELIVER, 5), (Due.RESEND, 5), (Due.RESEND, 9)):
        timer = Timer(kind=kind, subject=1, lane=lane, due=0)
        worked = await kinds[kind].handle(Errand(merchant=1, timer=timer))
        assert (worked.settled.again, worked.settled.parked, worked.attempts) == (None, False, ())
    assert desk.courier.posts == []


async def test_notices_that_an_endpoint_does_not_want_are_passed_over() -> None:
    desk = await open_desk()
    endpoint = await desk.listens(Event.PAYMENT_AUTHORIZED)
    await desk.authorize()
    await desk.store.save_endpoint(replace(endpoint, events=(Event.ORDER_CHARGED,)))
    desk.audience.forget(1)
    await desk.pump.run_due()
    assert desk.courier.posts == []
    assert Due.DELIVER not in await desk.timers()


async def test_too_many_requests_holds_the_whole_address_as_long_as_it_says() -> None:
    desk = await open_desk()
    await desk.listens()
    desk.courier.script.append(failed(429, retry_after_s=900))
    await desk.authorize()
    await desk.pump.run_due()
    await desk.authorize()
    await desk.pump.run_due()
    assert len(desk.told()) == 1
    await desk.later(890)
    assert len(desk.told()) == 1
    await desk.later(10)
    assert len(desk.told()) == 3


async def test_an_address_that_asked_for_peace_has_it_after_a_restart_too() -> None:
    desk = await open_desk()
    await desk.listens()
    first = (await desk.authorize()).order
    await desk.pump.run_due()
    desk.courier.script.append(failed(503, retry_after_s=900))
    await desk.authorize()
    await desk.pump.run_due()
    desk.restart()
    (before, _) = await attempts(desk)
    again = Timer(kind=Due.RESEND, subject=before.id, lane=9, due=desk.clock.now())
    await desk.store.plant(1, [again])
    await desk.act(first, Kind.CHARGE)
    await desk.later(890)
    assert len(desk.told()) == 2
    await desk.later(10)
    assert len(desk.told()) == 5


async def test_secrets_are_those_in_force_when_it_happened() -> None:
    desk = await open_desk()
    endpoint = await desk.listens()
    order = (await desk.authorize()).order
    desk.clock.advance(1)
    now = desk.clock.now()
    (old,) = endpoint.secrets
    new = desk.vault.seal_secret((1, 9), Secret("new"), now)
    ending = replace(old, until=now + 3600 * SECOND_US)
    await desk.store.save_endpoint(replace(endpoint, secrets=(ending, new)))
    desk.audience.forget(1)
    await desk.act(order, Kind.CHARGE)
    desk.clock.advance(3600)
    await desk.act(order, Kind.REFUND, 10)
    await desk.pump.run_due()
    assert desk.told() == [
        "1 payment.authorized 1 s9",
        "2 order.charged 2 new s9",
        "3 order.refunded 3 new",
    ]


async def test_a_crash_between_post_and_record_loses_nothing_and_repeats_the_callback() -> None:
    desk = await open_desk()
    await desk.listens()
    await desk.authorize()
    desk.store.settling.append(die)
    with pytest.raises(Crash):
        await desk.pump.run_due()
    desk.restart()
    await desk.pump.run_due()
    assert len(desk.courier.posts) == 1
    desk.clock.advance(LEASE_S)
    await desk.pump.run_due()
    first, second = [callback for _, callback in desk.courier.posts]
    assert first == second
    assert len(await attempts(desk)) == 1


async def test_an_attempt_is_made_again_on_demand() -> None:
    desk = await open_desk()
    await desk.listens()
    await desk.charged()
    await desk.pump.run_due()
    first = (await attempts(desk))[0]
    again = Timer(kind=Due.RESEND, subject=first.id, lane=9, due=desk.clock.now())
    nowhere = replace(again, subject=1)
    await desk.store.plant(1, [again, nowhere])
    desk.courier.script.append(failed())
    await desk.pump.run_due()
    await desk.later(60)
    assert desk.told()[2:] == ["1 payment.authorized 1 s9"] * 2
    made = await attempts(desk)
    assert [(each.sequence, each.receipt.status) for each in made[2:]] == [(1, 500), (1, 200)]
    assert Due.RESEND not in await desk.timers()


async def meet(desk: Desk, meanwhile: Callable[[], Awaitable[None]]) -> None:
    """The address answers 410 after something else has happened to its endpoint."""

    class Late(FakeCourier):
        async def post(self, url: str, callback: Callback) -> Receipt:
            await meanwhile()
            return await super().post(url, callback)

    desk.carrier = Late(failed(410))
    desk.restart()
    await desk.authorize()
    await desk.pump.run_due()


async def test_gone_undoes_no_rotation_that_came_meanwhile() -> None:
    desk = await open_desk()
    endpoint = await desk.listens()
    rotated = replace(endpoint, secrets=(*endpoint.secrets, *endpoint.secrets))
    await meet(desk, lambda: desk.store.save_endpoint(rotated))
    (now,) = await desk.store.endpoints(1)
    why = "the address answered 410 Gone"
    assert now == replace(rotated, off=why, off_since=desk.clock.now())


async def test_gone_brings_no_endpoint_back_that_was_removed_meanwhile() -> None:
    desk = await open_desk()
    await desk.listens()
    await meet(desk, lambda: desk.store.remove_endpoint(1, 9))
    assert list(await desk.store.endpoints(1)) == []


async def test_what_happened_before_the_first_secret_is_signed_with_it() -> None:
    desk = await open_desk()
    endpoint = await desk.listens()
    since = desk.clock.now() + 3600 * SECOND_US
    first = desk.vault.seal_secret((1, 9), Secret("first"), since)
    newest = desk.vault.seal_secret((1, 9), Secret("newest"), since + SECOND_US)
    await desk.store.save_endpoint(replace(endpoint, secrets=(newest, first)))
    desk.audience.forget(1)
    await desk.authorize()
    await desk.pump.run_due()
    assert desk.told() == ["1 payment.authorized 1 first"]
    ended = replace(endpoint, secrets=(replace(first, until=since),))
    assert ended.signing(since) == ()
    assert replace(endpoint, secrets=()).signing(since) == ()


async def test_the_last_answer_of_all_may_still_ask_for_peace() -> None:
    desk = await open_desk()
    await desk.listens()
    desk.courier.script.extend([failed(), failed(), failed(429, retry_after_s=900)])
    await desk.authorize()
    await desk.later(660)
    assert await parked(desk) == ["status 429"]
    await desk.authorize()
    await desk.later(800)
    assert len(desk.told()) == 3
    await desk.later(100)
    assert len(desk.told()) == 4


class Wordy:
    """Says a thing in two posts; nothing of what was charged."""

    schedule = PlainForm.schedule
    events = PlainForm.events

    def callback(self, told: Told) -> Callback | None:
        if told.notice.event is Event.ORDER_CHARGED:
            return None
        first = PlainForm().callback(told)
        return replace(first, then=(replace(first, body=first.body + b" again"),))


async def test_what_follows_a_callback_goes_once_it_is_taken() -> None:
    desk = await open_desk()
    desk.audience.forms = {"plain": Wordy()}
    await desk.listens()
    desk.courier.script.extend([failed(), *[TAKEN] * 2])
    await desk.authorize()
    await desk.pump.run_due()
    assert len(desk.told()) == 1
    await desk.later(60)
    assert desk.told()[1:] == [
        "1 payment.authorized 1 s9",
        "1 payment.authorized 1 s9 again",
    ]
    assert [each.receipt.status for each in await attempts(desk)] == [500, 200]


async def test_what_follows_and_is_not_taken_is_begun_again() -> None:
    desk = await open_desk()
    desk.audience.forms = {"plain": Wordy()}
    await desk.listens()
    desk.courier.script.extend([TAKEN, failed()])
    await desk.authorize()
    await desk.pump.run_due()
    await desk.later(60)
    assert len(desk.told()) == 4
    assert [each.receipt.status for each in await attempts(desk)] == [500, 200]


async def test_a_form_may_have_nothing_to_say_to_an_endpoint() -> None:
    desk = await open_desk(authorization_days=0)
    desk.audience.forms = {"plain": Wordy()}
    await desk.listens(Event.ORDER_CHARGED)
    order = (await desk.authorize()).order
    await desk.act(order, Kind.CHARGE)
    await desk.pump.run_due()
    assert desk.told() == []
    assert await attempts(desk) == []
    assert await desk.timers() == []
