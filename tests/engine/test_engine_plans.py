"""Several operations in one step, names that are taken once, authorizations that are raised."""

import asyncio

import pytest
from msgspec.structs import replace
from tests.engine.desk import EUR, Desk, die, nothing, once, open_desk, refusal, stands

from counterfoil.core.declines import Decline
from counterfoil.core.errors import Code
from counterfoil.core.events import Event
from counterfoil.core.keeping import Old
from counterfoil.core.later import DAY_S
from counterfoil.core.order import Client, Kind, Order, Outcome
from counterfoil.core.ports import Capability
from counterfoil.core.rules import Bucket, Command, Plan
from counterfoil.engine.orders import Draft
from counterfoil.engine.perform import Done
from counterfoil.testing import approve, decline
from counterfoil.testing.acquirer import EVERYTHING

pytestmark = pytest.mark.anyio

INVOICE = Draft(amount=EUR, method="invoice", client=Client(name="Ada Lovelace"), names=("n/1",))


async def twice_charged(desk: Desk) -> Order:
    order = (await desk.authorize()).order
    for minor in (4_000, 6_000):
        order = (await desk.act(order, Kind.CHARGE, minor)).order
    return order


def back(order: Order) -> Plan:
    """A refund of each charge."""
    charges = [each.id for each in order.operations if each.kind is Kind.CHARGE]
    commands = tuple(Command(kind=Kind.REFUND, charge=each) for each in charges)
    return Plan(order=order, commands=commands, names=tuple(f"r/{each}" for each in charges))


async def test_all_of_a_step_begins_before_any_of_it_is_sent() -> None:
    desk = await open_desk()
    order = await twice_charged(desk)
    commits = desk.store.commits
    seen: list[int] = []

    async def look() -> None:
        waiting = await desk.now(order)
        seen.append(sum(each.outcome is Outcome.PENDING for each in waiting.operations))

    desk.host.sending.extend((look, look))
    done = await desk.orders.carry_on(desk.merchant, order.id, back)
    assert seen == [2, 1]
    assert desk.store.commits == commits + 3
    assert stands(done.order) == {Bucket.REFUNDED: 10_000}
    assert [each.amount.minor for each in done.operations] == [4_000, 6_000]
    assert not desk.engine.running


async def test_a_plan_may_tell_of_something_that_moved_nothing() -> None:
    desk = await open_desk()
    order = await twice_charged(desk)
    (_, charge, _), at = order.operations, desk.engine.clock.now()
    told = Plan(order=order, tells=(Event.INVOICE_PAID, charge.id, at))
    done = await desk.orders.carry_on(desk.merchant, order.id, lambda now: replace(told, order=now))
    *_, before, last = await desk.store.notices(order.merchant, order.id, 1)
    assert last == replace(
        before,
        sequence=before.sequence + 1,
        event=Event.INVOICE_PAID,
        at=at,
        operation=charge.id,
    )
    assert done.order.told == last.sequence
    assert stands(done.order) == stands(order)


async def test_one_refused_command_stops_the_whole_step() -> None:
    desk = await open_desk()
    order = await twice_charged(desk)
    (await desk.act(order, Kind.REFUND, 4_000))
    before = desk.store.commits
    assert (await refusal(desk.orders.carry_on(desk.merchant, order.id, back))).code
    assert desk.store.commits == before


async def test_a_declined_part_does_not_stop_the_others() -> None:
    desk = await open_desk(approve, approve, approve, decline(Decline.DO_NOT_HONOR))
    order = await twice_charged(desk)
    done = await desk.orders.carry_on(desk.merchant, order.id, back)
    outcomes = [each.outcome for each in done.operations]
    assert outcomes == [Outcome.DECLINED, Outcome.APPROVED]
    assert stands(done.order) == {Bucket.CHARGED: 4_000, Bucket.REFUNDED: 6_000}


async def test_a_crash_within_a_step_leaves_it_to_the_resolver() -> None:
    desk = await open_desk()
    order = await twice_charged(desk)
    desk.host.sending.extend((nothing, die))
    with pytest.raises(BaseException):  # noqa: B017 (a process that dies raises nothing)
        await desk.orders.carry_on(desk.merchant, order.id, back)
    assert not desk.engine.running
    desk.restart()
    assert (await desk.resolve()).closed == 1
    assert stands(await desk.now(order)) == {Bucket.REFUNDED: 10_000}


async def test_a_repeated_step_is_done_once() -> None:
    desk = await open_desk()
    order = await twice_charged(desk)
    first = await desk.orders.carry_on(desk.merchant, order.id, back, once())
    before = desk.store.commits
    again = await desk.orders.carry_on(desk.merchant, order.id, back, once())
    assert desk.store.commits == before
    assert (again.order, again.operations) == (first.order, first.operations)


async def test_a_step_may_only_describe_the_order_anew() -> None:
    desk = await open_desk()
    order = (await desk.authorize()).order
    desk.clock.advance(1)

    def describe(order: Order) -> Plan:
        return Plan(order=replace(order, facts="{}"), names=("s/1",))

    done = await desk.orders.carry_on(desk.merchant, order.id, describe, once())
    assert (done.operation, (await desk.now(order)).facts) == (None, "{}")
    assert await desk.engine.named(1, "s/1") == order.id
    assert await desk.engine.named(1, "s/2") is None
    taken = await refusal(desk.orders.carry_on(desk.merchant, order.id, describe))
    assert (taken.code, taken.facts) == (Code.NAME_TAKEN, {"name": "s/1"})

    def rename(order: Order) -> Plan:
        return Plan(order=order, names=("s/2", "s/1"))

    both = await refusal(desk.orders.carry_on(desk.merchant, order.id, rename))
    assert (both.code, both.facts) == (Code.NAME_TAKEN, {"name": "s/1"})
    assert await desk.engine.named(1, "s/2") is None
    again = await desk.orders.carry_on(desk.merchant, order.id, describe, once())
    assert again.order == await desk.now(order)


async def test_of_two_orders_of_one_name_one_is_made() -> None:
    desk = await open_desk()
    made = await asyncio.gather(
        *(desk.orders.invoice(desk.merchant, INVOICE) for _ in range(2)), return_exceptions=True
    )
    assert sorted(isinstance(each, Done) for each in made) == [False, True]
    assert (await desk.only()).payments[0].method == "invoice"
    await desk.store.forget(Old.KEYS, desk.merchant.id, desk.clock.now() + 10**15)
    assert (await refusal(desk.orders.invoice(desk.merchant, INVOICE))).code is Code.NAME_TAKEN


async def test_a_repeated_order_is_told_before_its_name_is_looked_at() -> None:
    desk = await open_desk()
    first = await desk.orders.invoice(desk.merchant, INVOICE, once())
    again = await desk.orders.invoice(desk.merchant, INVOICE, once())
    assert again.order == first.order


async def test_who_bears_the_risk_is_told_whose_it_is() -> None:
    desk = await open_desk()
    await desk.orders.invoice(desk.merchant, INVOICE)
    await desk.authorize(client=Client(name="Ada Lovelace"))
    asked, other = desk.host.instructions
    assert (asked.method, asked.payer, asked.card) == ("invoice", "Ada Lovelace", None)
    assert (other.method, other.payer) == (None, None)


def raised(order: Order, by: int = 2_000) -> Plan:
    """The order and its authorization, so much higher."""
    more = replace(order.amount, minor=order.amount.minor + by)
    payment = replace(order.payments[0], amount=more)
    command = Command(kind=Kind.AUTHORIZE, facts="higher")
    return Plan(order=replace(order, amount=more, payments=(payment,)), commands=(command,))


async def test_an_authorization_is_raised_by_another_that_follows_it_up() -> None:
    desk = await open_desk()
    order = (await desk.orders.invoice(desk.merchant, INVOICE)).order
    done = await desk.orders.carry_on(desk.merchant, order.id, raised)
    assert stands(done.order) == {Bucket.AUTHORIZED: 12_000}
    assert done.order.operations[-1].facts == "higher"
    charged = await desk.act(order, Kind.CHARGE, 11_000)
    first = order.operations[0].id
    originals = [each.original and each.original.reference for each in desk.host.instructions]
    assert originals == [None, first, first]
    assert stands(charged.order) == {Bucket.AUTHORIZED: 1_000, Bucket.CHARGED: 11_000}


async def test_an_acquirer_that_raises_nothing_is_not_asked_to() -> None:
    desk = await open_desk(supports=EVERYTHING - {Capability.INCREMENT})
    order = (await desk.orders.invoice(desk.merchant, INVOICE)).order
    refused = await refusal(desk.orders.carry_on(desk.merchant, order.id, raised))
    assert refused.code is Code.NOT_SUPPORTED
    assert await desk.now(order) == order


async def test_an_invoice_can_be_charged_for_thirty_days() -> None:
    desk = await open_desk()
    order = (await desk.orders.invoice(desk.merchant, INVOICE)).order
    order = (await desk.orders.carry_on(desk.merchant, order.id, raised)).order
    await desk.later(30 * DAY_S - 60)
    assert stands(await desk.now(order)) == {Bucket.AUTHORIZED: 12_000}
    await desk.later(120)
    assert stands(await desk.now(order)) == {Bucket.REVERSED: 12_000}


async def test_of_two_requests_of_one_key_the_second_takes_no_name() -> None:
    desk = await open_desk()
    order = (await desk.authorize()).order

    async def take(name: str) -> Done:
        def plan(order: Order) -> Plan:
            return Plan(order=order, names=(name, f"{name}/more"))

        return await desk.orders.carry_on(desk.merchant, order.id, plan, once())

    await asyncio.gather(take("s/1"), take("s/2"))
    assert await desk.engine.named(1, "s/1") == order.id
    assert await desk.engine.named(1, "s/2") is None
