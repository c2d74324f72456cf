"""Orders that wait for their cardholder: the method step, late answers, tokens, keys, timers."""

from typing import Final

import pytest
from msgspec.structs import replace
from tests.engine.desk import once, refusal
from tests.engine.issuers import (
    BASE,
    FIRST,
    SECOND,
    Secured,
    authorizations,
    fields_of,
    form,
    query_of,
    secured,
)

from counterfoil.connectors.sandbox.table import Authentication as How
from counterfoil.core.change import change
from counterfoil.core.errors import Code
from counterfoil.core.order import Order
from counterfoil.core.rules import Standing, standing
from counterfoil.core.threeds import Demand, Step
from counterfoil.core.timers import Due, Errand, Timer
from counterfoil.engine import session
from counterfoil.engine.authenticate import (
    SESSION_US,
    resume,
)
from counterfoil.engine.awaiting import PURPOSE, expire, form_of, locate, number_of, seen
from counterfoil.engine.timed import expire as run_expiry

pytestmark = pytest.mark.anyio

SECOND_S: Final = SESSION_US // 1_000_000


# The method step.


async def method(desk: Secured, how: How = How.METHOD) -> Order:
    order = (await desk.begin(SECOND, how)).order
    assert "threeDSMethodData" in fields_of(order)
    return order


async def test_after_the_method_step_a_frictionless_order_waits_to_be_completed() -> None:
    desk = await secured()
    order = await method(desk)
    resumed = await resume(desk.desk.engine, desk.desk.merchant, order.id)
    assert (resumed.operation, authorizations(desk)) == (None, [])
    assert form(resumed.order).url.startswith(f"{BASE}/complete/secure3d20?session=")
    assert form(resumed.order).fields == (("threeDSSessionData", number_of(order)),)
    assert resumed.order.payments[0].authentication is not None
    assert resumed.order.payments[0].authentication.browser is None
    done = await desk.complete(resumed.order, None)
    assert standing(done.order) is Standing.AUTHORIZED


async def test_after_the_method_step_a_cardholder_may_be_asked() -> None:
    desk = await secured()
    order = await method(desk, How.METHOD_CHALLENGE)
    resumed = await resume(desk.desk.engine, desk.desk.merchant, order.id)
    assert "creq" in fields_of(resumed.order)
    done = await desk.complete(resumed.order, await desk.visit(resumed.order))
    assert standing(done.order) is Standing.AUTHORIZED


async def test_only_what_waits_for_the_method_step_is_resumed() -> None:
    desk = await secured()
    engine, merchant = desk.desk.engine, desk.desk.merchant
    first = (await desk.begin(FIRST)).order
    assert (await refusal(resume(engine, merchant, first.id))).code is Code.WRONG_STATE
    order = await method(desk)
    await resume(engine, merchant, order.id)
    assert (await refusal(resume(engine, merchant, order.id))).code is Code.WRONG_STATE


async def test_the_method_page_reports_once() -> None:
    desk = await secured()
    order = await method(desk)
    back = desk.bank.method(fields_of(order)["threeDSMethodData"])
    token = query_of(back.url, "session")
    assert [await seen(desk.desk.engine, token) for _ in range(2)] == [True, False]
    assert not await seen(desk.desk.engine, token[:-1])
    known = (await desk.desk.now(order)).payments[0].authentication
    assert known is not None
    assert known.seen
    assert known.step is Step.METHOD
    resumed = await resume(desk.desk.engine, desk.desk.merchant, order.id)
    assert form_of(resumed.order) is not None


# Late.


@pytest.mark.parametrize("demand", [FIRST, SECOND])
async def test_a_late_answer_refuses_the_order(demand: Demand) -> None:
    desk = await secured()
    order = (await desk.begin(demand)).order
    brought = await desk.visit(order)
    desk.desk.clock.advance(SECOND_S)
    for _ in range(2):
        late = await refusal(desk.complete(order, brought))
        assert late.code is Code.SESSION_EXPIRED
    now = await desk.desk.now(order)
    assert (now.closed, form_of(now)) == (Code.SESSION_EXPIRED, None)
    assert authorizations(desk) == []


async def test_an_order_expires_when_its_session_is_over_and_not_before() -> None:
    desk = await secured()
    order = (await desk.begin(FIRST)).order
    desk.desk.clock.advance(SECOND_S - 1)
    assert (await expire(desk.desk.engine, 1, order.id)).closed is None
    desk.desk.clock.advance(1)
    assert (await expire(desk.desk.engine, 1, order.id)).closed is Code.SESSION_EXPIRED
    assert (await expire(desk.desk.engine, 1, order.id)).closed is Code.SESSION_EXPIRED


async def test_a_late_result_is_not_taken() -> None:
    desk = await secured()
    order = (await desk.begin(SECOND)).order
    desk.desk.clock.advance(SECOND_S)
    await desk.visit(order)
    known = (await desk.desk.now(order)).payments[0].authentication
    assert known is not None
    assert known.result is None


# Tokens.


async def test_a_token_names_one_order_and_cannot_be_guessed() -> None:
    desk = await secured()
    order = (await desk.begin(FIRST)).order
    token = query_of(fields_of(order)["TermUrl"], "session")
    assert await locate(desk.desk.engine, token) == (desk.desk.merchant, order)
    other = (await desk.begin(FIRST)).order
    theirs = query_of(fields_of(other)["TermUrl"], "session")
    (own, mark), number = token.split("."), theirs.split(".")[0]
    stranger = f"{own}.B{mark[1:]}"
    for wrong in ("", "1", "1.2", f"{number}.{mark}", stranger, f"!.{mark}", f"{'9' * 30}.{mark}"):
        assert await locate(desk.desk.engine, wrong) is None


async def test_a_token_of_nobody_finds_nothing() -> None:
    desk = await secured()
    vault = desk.desk.vault
    stranger = session.token(vault, PURPOSE, session.Place(9, 9))
    assert await locate(desk.desk.engine, stranger) is None
    assert session.read(vault, "another purpose", stranger) is None


async def test_an_order_without_payments_has_no_page() -> None:
    desk = await secured()
    bare = replace((await desk.begin(FIRST)).order, id=256, payments=(), version=0)
    await desk.desk.store.commit(change(bare))
    token = session.token(desk.desk.vault, PURPOSE, session.Place(1, 256))
    assert await locate(desk.desk.engine, token) is None
    assert form_of(bare) is None


# Keys.


@pytest.mark.parametrize("demand", [FIRST, SECOND])
async def test_a_repeated_key_gives_the_form_again_however_it_went_on(demand: Demand) -> None:
    desk = await secured()
    first = await desk.begin(demand, once=once())
    desk.desk.clock.advance(1)
    brought = await desk.visit(first.order)
    again = await desk.begin(demand, once=once())
    assert form(again.order) == form(first.order)
    await desk.complete(first.order, brought)
    again = await desk.begin(demand, once=once())
    assert form(again.order) == form(first.order)
    assert standing(again.order) is Standing.WAITING


async def test_a_repeated_key_gives_the_method_step_again() -> None:
    desk = await secured()
    first = await desk.begin(SECOND, How.METHOD, once=once())
    desk.desk.clock.advance(1)
    await resume(desk.desk.engine, desk.desk.merchant, first.order.id)
    again = await desk.begin(SECOND, How.METHOD, once=once())
    assert form(again.order) == form(first.order)


async def test_a_key_of_a_refused_order_is_used() -> None:
    desk = await secured()
    first = await desk.begin(SECOND, How.DENIED, once=once())
    again = await desk.begin(SECOND, How.DENIED, once=once())
    assert again.order == first.order
    assert len(desk.desk.store._orders) == 1


# Timers.


async def test_the_timer_of_a_session_refuses_what_still_waits() -> None:
    desk = await secured()
    order = (await desk.begin(FIRST)).order
    done = (await desk.begin(FIRST)).order
    await desk.complete(done, await desk.visit(done))
    desk.desk.clock.advance(SECOND_S)
    for each in (order, done):
        timer = Timer(kind=Due.EXPIRE, subject=each.id, due=0)
        await run_expiry(desk.desk.engine, Errand(merchant=1, timer=timer))
    assert (await desk.desk.now(order)).closed is Code.SESSION_EXPIRED
    assert standing(await desk.desk.now(done)) is Standing.AUTHORIZED
