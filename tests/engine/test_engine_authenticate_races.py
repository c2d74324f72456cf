"""3-D Secure when several come at once, when a process dies, and when results go astray."""

import asyncio
import random
from collections.abc import Awaitable
from functools import partial

import pytest
from msgspec.structs import replace
from tests.engine.desk import Crash, Step, die, once, refusal
from tests.engine.issuers import (
    FIRST,
    SECOND,
    Secured,
    authorizations,
    card,
    fields_of,
    query_of,
    secured,
    state_of,
)

from counterfoil.connectors.sandbox.table import Authentication as How
from counterfoil.core.authenticator import Delivered
from counterfoil.core.bank import Choice
from counterfoil.core.errors import Code, Refused
from counterfoil.core.order import Order, Outcome
from counterfoil.core.rules import Standing, standing
from counterfoil.core.threeds import Authentication, Demand, Result, Status
from counterfoil.core.threeds import Step as Stage
from counterfoil.engine.authenticate import SESSION_US, resume
from counterfoil.engine.awaiting import PURPOSE, expire, receive, seen
from counterfoil.engine.perform import TRIES_MAX
from counterfoil.engine.session import Place, token

pytestmark = pytest.mark.anyio

SESSION_S = SESSION_US // 1_000_000
RUNS = 60


async def outcome(work: Awaitable[object]) -> object:
    """What it gives, or the code by which it is refused."""
    try:
        return await work
    except Refused as refused:
        return refused.code


async def authentication(desk: Secured, order: Order) -> Authentication:
    """It, as it rests."""
    found = (await desk.desk.now(order)).payments[-1].authentication
    assert found is not None
    return found


def delivered(desk: Secured, order: Order, status: Status = Status.AUTHENTICATED) -> Delivered:
    """A result of that order as a directory would bring it."""
    known = order.payments[-1].authentication
    assert known is not None
    assert known.acs
    assert known.directory
    return Delivered(
        session=token(desk.desk.vault, PURPOSE, Place(order.merchant, order.id)),
        transaction=known.transaction,
        acs=known.acs,
        directory=known.directory,
        result=Result(status=status, eci="05", value="A" * 27 + "=", transaction="x"),
    )


@pytest.mark.parametrize("demand", [FIRST, SECOND])
async def test_many_completions_at_once_make_one_authorization(demand: Demand) -> None:
    desk = await secured()
    order = (await desk.begin(demand)).order
    brought = await desk.visit(order)
    found = await asyncio.gather(*(outcome(desk.complete(order, brought)) for _ in range(20)))
    assert found.count(Code.ALREADY_COMPLETED) == 19
    assert len(authorizations(desk)) == 1


async def test_a_completion_that_is_overtaken_by_another_is_refused() -> None:
    desk = await secured()
    order = (await desk.begin(FIRST)).order
    brought = await desk.visit(order)

    async def overtake() -> None:
        await desk.complete(order, brought)

    desk.desk.store.before.append(overtake)
    assert (await refusal(desk.complete(order, brought))).code is Code.ALREADY_COMPLETED
    assert len(authorizations(desk)) == 1


async def test_a_refusal_that_is_overtaken_by_an_approval_changes_nothing() -> None:
    desk = await secured()
    order = (await desk.begin(FIRST)).order
    approving, declining = [await desk.visit(order, choice) for choice in Choice]

    async def overtake() -> None:
        await desk.complete(order, approving)

    desk.desk.store.before.append(overtake)
    assert (await refusal(desk.complete(order, declining))).code is Code.ALREADY_COMPLETED
    assert standing(await desk.desk.now(order)) is Standing.AUTHORIZED


async def test_a_completion_against_expiry_has_one_winner() -> None:
    for first in ("expiry", "completion"):
        desk = await secured()
        order = (await desk.begin(FIRST)).order
        brought = await desk.visit(order)
        desk.desk.clock.advance(SESSION_S - 1)

        async def overtake(desk: Secured = desk, order: Order = order) -> None:
            desk.desk.clock.advance(1)
            await expire(desk.desk.engine, 1, order.id)

        if first == "expiry":
            desk.desk.store.before.append(overtake)
            assert (await refusal(desk.complete(order, brought))).code is Code.SESSION_EXPIRED
            assert authorizations(desk) == []
        else:
            desk.desk.store.after.append(overtake)
            done = await desk.complete(order, brought)
            assert standing(done.order) is Standing.AUTHORIZED
            assert (await desk.desk.now(order)).closed is None


async def test_an_expiry_that_is_overtaken_by_a_completion_changes_nothing() -> None:
    desk = await secured()
    order = (await desk.begin(SECOND)).order
    desk.desk.clock.advance(SESSION_S)

    async def overtake() -> None:
        known = await authentication(desk, order)
        now = await desk.desk.now(order)
        longer = replace(known, expires=known.expires + SESSION_US)
        payment = replace(now.payments[0], authentication=longer)
        later = replace(now, payments=(payment,), version=now.version + 1)
        desk.desk.store._orders[1, order.id] = later

    desk.desk.store.before.append(overtake)
    assert (await expire(desk.desk.engine, 1, order.id)).closed is None


async def test_two_resumptions_at_once_give_one_form() -> None:
    desk = await secured()
    order = (await desk.begin(SECOND, How.METHOD)).order
    again = partial(resume, desk.desk.engine, desk.desk.merchant, order.id)

    async def overtake() -> None:
        await again()

    desk.desk.store.before.append(overtake)
    assert (await refusal(again())).code is Code.WRONG_STATE


async def test_a_method_page_that_reports_too_late_changes_nothing() -> None:
    desk = await secured()
    order = (await desk.begin(SECOND, How.METHOD)).order
    back = desk.bank.method(fields_of(order)["threeDSMethodData"])

    async def overtake() -> None:
        await resume(desk.desk.engine, desk.desk.merchant, order.id)

    desk.desk.store.before.append(overtake)
    assert not await seen(desk.desk.engine, query_of(back.url, "session"))


async def test_a_result_is_taken_once_and_again_but_not_another() -> None:
    desk = await secured()
    order = (await desk.begin(SECOND)).order
    engine = desk.desk.engine
    assert await receive(engine, delivered(desk, order))
    commits = desk.desk.store.commits
    assert await receive(engine, delivered(desk, order))
    assert not await receive(engine, delivered(desk, order, Status.DENIED))
    assert desk.desk.store.commits == commits


async def test_a_result_of_another_transaction_is_not_taken() -> None:
    desk = await secured()
    order = (await desk.begin(SECOND)).order
    good = delivered(desk, order)
    for wrong in (
        replace(good, session="1-1-x"),
        replace(good, transaction="another"),
        replace(good, acs="another"),
        replace(good, directory="another"),
    ):
        assert not await receive(desk.desk.engine, wrong)
    assert (await authentication(desk, order)).result is None


async def test_a_result_comes_to_no_order_that_did_not_ask() -> None:
    desk = await secured()
    order = (await desk.begin(SECOND)).order
    plain = (await desk.desk.authorize()).order
    theirs = token(desk.desk.vault, PURPOSE, Place(1, plain.id))
    assert not await receive(desk.desk.engine, replace(delivered(desk, order), session=theirs))


async def test_a_result_after_a_refusal_is_not_taken() -> None:
    desk = await secured()
    order = (await desk.begin(SECOND)).order
    desk.desk.clock.advance(SESSION_S)
    await expire(desk.desk.engine, 1, order.id)
    assert not await receive(desk.desk.engine, delivered(desk, order))


async def test_two_results_at_once_leave_one() -> None:
    desk = await secured()
    order = (await desk.begin(SECOND)).order

    async def overtake() -> None:
        await receive(desk.desk.engine, delivered(desk, order, Status.DENIED))

    desk.desk.store.before.append(overtake)
    assert not await receive(desk.desk.engine, delivered(desk, order))
    assert (await authentication(desk, order)).result == delivered(
        desk, order, Status.DENIED
    ).result


async def test_what_is_always_overtaken_gives_up() -> None:
    desk = await secured()
    order = (await desk.begin(SECOND)).order
    await desk.visit(order)

    async def touch() -> None:
        now = await desk.desk.now(order)
        desk.desk.store._orders[1, order.id] = replace(now, version=now.version + 1)

    def always(times: int) -> None:
        desk.desk.store.before.clear()
        desk.desk.store.before.extend([touch] * times)

    always(TRIES_MAX)
    assert (await refusal(desk.complete(order, None))).code is Code.BUSY
    other = (await desk.begin(SECOND)).order

    async def touch_other() -> None:
        now = await desk.desk.now(other)
        desk.desk.store._orders[1, other.id] = replace(now, version=now.version + 1)

    desk.desk.store.before.extend([touch_other] * TRIES_MAX)
    assert not await receive(desk.desk.engine, delivered(desk, other))
    desk.desk.clock.advance(SESSION_S)
    desk.desk.store.before.extend([touch_other] * TRIES_MAX)
    assert (await refusal(expire(desk.desk.engine, 1, other.id))).code is Code.BUSY


# Death.


@pytest.mark.parametrize("demand", [FIRST, SECOND])
async def test_death_before_the_completion_rests_loses_nothing(demand: Demand) -> None:
    desk = await secured()
    order = (await desk.begin(demand)).order
    brought = await desk.visit(order)
    desk.desk.store.before.append(die)
    with pytest.raises(Crash):
        await desk.complete(order, brought)
    desk.restart()
    done = await desk.complete(order, brought)
    assert standing(done.order) is Standing.AUTHORIZED
    assert len(authorizations(desk)) == 1


async def test_death_after_the_completion_rests_leaves_one_operation_to_resolve() -> None:
    desk = await secured()
    order = (await desk.begin(FIRST)).order
    brought = await desk.visit(order)
    desk.desk.store.after.append(die)
    with pytest.raises(Crash):
        await desk.complete(order, brought)
    desk.restart()
    assert (await refusal(desk.complete(order, brought))).code is Code.ALREADY_COMPLETED
    await desk.desk.resolve()
    (operation,) = (await desk.desk.now(order)).operations
    assert operation.outcome is not Outcome.PENDING
    assert len(desk.desk.host.book) <= 1


async def test_a_result_that_was_delivered_outlives_the_process() -> None:
    desk = await secured()
    order = (await desk.begin(SECOND)).order
    cres = await desk.visit(order)
    desk.restart()
    assert standing((await desk.complete(order, cres)).order) is Standing.AUTHORIZED


async def test_the_bank_asks_the_same_after_a_restart() -> None:
    desk = await secured()
    order = (await desk.begin(SECOND)).order
    question = desk.bank.challenge(fields_of(order)["creq"], state_of(order))
    desk.restart()
    assert desk.bank.challenge(fields_of(order)["creq"], state_of(order)) == question
    assert question.last4 == card().pan.last4


async def test_a_key_at_the_completion_is_the_operations() -> None:
    desk = await secured()
    order = (await desk.begin(FIRST)).order
    brought = await desk.visit(order)
    done = await desk.complete(order, brought, once("complete"))
    assert done.operation is not None
    assert done.operation.key == "complete"


# All of it at random.


@pytest.mark.parametrize("seed", range(RUNS))
async def test_whatever_comes_at_once_there_is_one_end(seed: int) -> None:
    """Completions, results, expiry and deaths, interleaved by a seed; money moves once at most."""
    chance = random.Random(seed)
    desk = await secured()
    demand = chance.choice([FIRST, SECOND])
    order = (await desk.begin(demand)).order
    if demand is SECOND and chance.random() < 0.8:
        await desk.visit(order, chance.choice(list(Choice)))
    brought = None
    if demand is FIRST:
        brought = await desk.visit(order, chance.choice(list(Choice)))

    async def pause() -> None:
        for _ in range(chance.randrange(4)):
            await asyncio.sleep(0)

    async def late() -> None:
        desk.desk.clock.advance(chance.choice([0, SESSION_S]))
        await expire(desk.desk.engine, 1, order.id)

    steps: list[Step] = [pause, pause, pause, die]
    desk.desk.store.before.extend(chance.choice(steps) for _ in range(6))
    desk.desk.store.after.extend(chance.choice(steps) for _ in range(6))
    work = [outcome(desk.complete(order, brought)) for _ in range(4)]
    if chance.random() < 0.5:
        work.append(outcome(late()))
    await asyncio.gather(*work, return_exceptions=True)
    desk.desk.store.before.clear()
    desk.desk.store.after.clear()
    desk.restart()
    await outcome(desk.complete(order, brought))
    desk.desk.clock.advance(SESSION_S)
    await expire(desk.desk.engine, 1, order.id)
    await desk.desk.resolve()
    now = await desk.desk.now(order)
    assert len(desk.desk.host.book) == (standing(now) is Standing.AUTHORIZED)
    assert standing(now) in {Standing.AUTHORIZED, Standing.REJECTED, Standing.FAULTY}
    assert len(now.operations) <= 1
    assert (await authentication(desk, now)).step in {Stage.PASSED, Stage.FAILED}
