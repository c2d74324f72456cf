"""3-D Secure around a payment: what is held, what goes on, what is refused."""

from typing import Final

import pytest
from msgspec.structs import replace
from tests.engine.desk import EUR, PAN, open_desk, refusal
from tests.engine.issuers import (
    FIRST,
    SECOND,
    authorizations,
    card,
    secured,
)

from counterfoil.connectors.sandbox.table import Authentication as How
from counterfoil.core.bank import Choice
from counterfoil.core.change import change
from counterfoil.core.errors import Code
from counterfoil.core.events import Event
from counterfoil.core.order import Kind, Order, Outcome, Recurring, Secure3d
from counterfoil.core.rules import Command, Standing, begin, standing
from counterfoil.core.threeds import Demand, Status
from counterfoil.core.timers import Due
from counterfoil.engine.authenticate import (
    SESSION_US,
    ChallengeAnswer,
    PayerAnswer,
    Start,
    complete,
)
from counterfoil.engine.authenticate import begin as begin_authentication
from counterfoil.engine.awaiting import expire, form_of
from counterfoil.engine.orders import Draft

pytestmark = pytest.mark.anyio

SECOND_S: Final = SESSION_US // 1_000_000


def proof(order: Order) -> Secure3d:
    """What goes to the acquirer."""
    found = order.payments[-1].secure3d
    assert found is not None
    return found


# Begin.


@pytest.mark.parametrize("demand", [FIRST, SECOND])
async def test_a_challenged_order_waits_and_nothing_is_sent(demand: Demand) -> None:
    desk = await secured()
    done = await desk.begin(demand)
    assert done.operation is None
    assert form_of(done.order) is not None
    assert standing(done.order) is Standing.WAITING
    assert await desk.desk.now(done.order) == done.order
    assert authorizations(desk) == []
    assert [notice.event for _, notice in desk.desk.store.notices_told] == [Event.PAYMENT_PENDING]


async def test_the_session_of_a_waiting_order_has_a_timer() -> None:
    desk = await secured()
    done = await desk.begin(FIRST)
    (claim,) = await desk.desk.store.timers(1, 10)
    assert (claim.timer.kind, claim.timer.subject) == (Due.EXPIRE, done.order.id)
    assert claim.timer.due == desk.desk.clock.now() + SESSION_US


async def test_a_frictionless_order_is_authorized_at_once_with_its_proof() -> None:
    desk = await secured()
    done = await desk.begin(SECOND, How.FRICTIONLESS)
    assert done.operation is not None
    assert done.operation.outcome is Outcome.APPROVED
    (asked,) = authorizations(desk)
    assert asked.secure3d == proof(done.order)
    assert asked.card is not None
    assert asked.card.cvv is not None  # the card was typed in within this request
    known = proof(done.order)
    assert (known.version, known.status, known.eci) == ("2", Status.AUTHENTICATED, "05")
    assert known.cavv
    assert desk.desk.store.commits == 2  # as without 3-D Secure


async def test_no_browser_data_outlives_the_question() -> None:
    desk = await secured()
    done = await desk.begin(SECOND)
    assert "Mozilla" not in repr(await desk.desk.now(done.order))


@pytest.mark.parametrize(
    ("how", "status"),
    [
        (How.DENIED, Status.DENIED),
        (How.REJECTED, Status.REJECTED),
        (How.UNAVAILABLE, Status.UNAVAILABLE),
        (How.NOT_ENROLLED, None),
    ],
)
async def test_what_is_not_authenticated_is_refused(how: How, status: Status | None) -> None:
    desk = await secured()
    done = await desk.begin(SECOND, how)
    assert done.operation is None
    assert done.order.closed is Code.AUTHENTICATION_FAILED
    assert form_of(done.order) is None
    assert proof(done.order).status == status
    assert authorizations(desk) == []


@pytest.mark.parametrize("how", [How.UNAVAILABLE, How.NOT_ENROLLED])
async def test_a_merchant_may_bear_the_risk_where_an_issuer_could_not(how: How) -> None:
    desk = await secured(unproved=True)
    done = await desk.begin(SECOND, how)
    assert done.operation is not None
    assert (proof(done.order).eci, proof(done.order).cavv) == ("07", None)


async def test_no_merchant_goes_on_where_an_issuer_said_no() -> None:
    desk = await secured(unproved=True)
    for how in (How.DENIED, How.REJECTED):
        done = await desk.begin(SECOND, how)
        assert done.order.closed is Code.AUTHENTICATION_FAILED


async def test_a_directory_that_does_not_answer_could_not() -> None:
    desk = await secured()
    done = await desk.begin(SECOND, How.SILENT)
    assert done.order.closed is Code.AUTHENTICATION_FAILED
    assert proof(done.order).status is Status.UNAVAILABLE
    first = await desk.begin(FIRST, How.SILENT)
    assert proof(first.order).version == "1"


async def test_a_terminal_without_a_way_to_issuers_refuses_before_anything_rests() -> None:
    desk = await open_desk()
    asked = desk.orders.authorize(desk.merchant, Draft(amount=EUR, demand=FIRST), card())
    assert (await refusal(asked)).code is Code.NOT_SUPPORTED
    assert desk.store.commits == 0


async def test_an_order_that_changed_meanwhile_is_not_held() -> None:
    desk = await secured()
    done = await desk.begin(FIRST)
    data = await desk.desk.engine.card_of(done.order.payments[0], 1)
    assert data is not None
    stale = replace(done.order, version=7)
    again = begin_authentication(
        desk.desk.engine, desk.desk.merchant, stale, Start(demand=FIRST, data=data)
    )
    assert (await refusal(again)).code is Code.BUSY


async def test_money_does_not_move_before_the_authentication_has_passed() -> None:
    desk = await secured()
    order = (await desk.begin(FIRST)).order
    terms = await desk.desk.engine.terms(desk.desk.merchant, order)
    with pytest.raises(Exception, match="not_authenticated"):
        begin(order, Command(kind=Kind.AUTHORIZE), stamp=desk.desk.ids.next(), terms=terms)
    with pytest.raises(Exception, match="not_authenticated"):
        begin(order, Command(kind=Kind.CREDIT), stamp=desk.desk.ids.next(), terms=terms)


async def test_the_first_of_a_series_asks_for_a_challenge() -> None:
    desk = await secured()
    done = await desk.begin(SECOND, recurring=Recurring(first=True))
    assert form_of(done.order) is not None


# Complete.


@pytest.mark.parametrize("demand", [FIRST, SECOND])
async def test_an_approved_challenge_is_authorized_with_its_proof(demand: Demand) -> None:
    desk = await secured()
    order = (await desk.begin(demand)).order
    done = await desk.complete(order, await desk.visit(order))
    assert done.operation is not None
    assert done.operation.outcome is Outcome.APPROVED
    (asked,) = authorizations(desk)
    assert asked.secure3d == proof(done.order)
    assert asked.card is not None
    assert asked.card.pan.last4 == card().pan.last4
    assert asked.card.cvv is None  # check digits do not outlive their request
    assert (proof(done.order).status, proof(done.order).eci) == ("Y", "05")


async def test_an_order_is_charged_at_once_where_that_was_asked() -> None:
    desk = await secured()
    order = (await desk.begin(FIRST, auto_charge=True)).order
    done = await desk.complete(order, await desk.visit(order))
    assert standing(done.order) is Standing.CHARGED


@pytest.mark.parametrize("demand", [FIRST, SECOND])
async def test_a_declined_challenge_refuses_the_order(demand: Demand) -> None:
    desk = await secured()
    order = (await desk.begin(demand)).order
    done = await desk.complete(order, await desk.visit(order, Choice.DECLINE))
    assert (done.operation, done.order.closed) == (None, Code.AUTHENTICATION_FAILED)
    assert authorizations(desk) == []
    told = [notice.event for _, notice in desk.desk.store.notices_told]
    assert told == [Event.PAYMENT_PENDING, Event.ORDER_REJECTED]


async def test_an_attempt_goes_on_with_the_issuers_word() -> None:
    desk = await secured()
    order = (await desk.begin(FIRST, How.ATTEMPT)).order
    done = await desk.complete(order, await desk.visit(order))
    assert (proof(done.order).status, proof(done.order).eci) == ("A", "06")


async def test_a_second_completion_is_refused_whatever_became_of_the_first() -> None:
    desk = await secured()
    for choice in Choice:
        order = (await desk.begin(FIRST)).order
        brought = await desk.visit(order, choice)
        await desk.complete(order, brought)
        again = await refusal(desk.complete(order, brought))
        assert again.code is Code.ALREADY_COMPLETED
    assert len(authorizations(desk)) == 1


async def test_what_an_acquirer_declines_is_not_tried_again() -> None:
    desk = await secured()
    pan = replace(card(), pan=PAN)
    draft = Draft(amount=EUR, demand=FIRST)
    order = (await desk.desk.orders.authorize(desk.desk.merchant, draft, pan)).order
    brought = await desk.visit(order)
    await desk.complete(order, brought)
    assert (await refusal(desk.complete(order, brought))).code is Code.ALREADY_COMPLETED


async def test_without_a_result_on_file_the_order_waits() -> None:
    desk = await secured()
    order = (await desk.begin(SECOND)).order
    assert (await refusal(desk.complete(order, None))).code is Code.NOT_AUTHENTICATED
    assert await desk.desk.now(order) == order


async def test_a_cres_alone_proves_nothing() -> None:
    desk = await secured()
    order = (await desk.begin(SECOND, How.LOST)).order
    cres = await desk.visit(order)
    assert (await refusal(desk.complete(order, cres))).code is Code.NOT_AUTHENTICATED
    assert authorizations(desk) == []


async def test_the_delivered_result_counts_and_not_what_the_browser_says() -> None:
    desk = await secured()
    order = (await desk.begin(SECOND)).order
    await desk.visit(order, Choice.DECLINE)
    approving = await desk.visit(order, Choice.APPROVE)  # pressed after the bank has said no
    done = await desk.complete(order, approving)
    assert done.order.closed is Code.AUTHENTICATION_FAILED


@pytest.mark.parametrize(("demand", "code"), [(FIRST, "bad_payer"), (SECOND, "bad_challenge")])
async def test_an_answer_to_another_order_is_refused(demand: Demand, code: str) -> None:
    desk = await secured()
    order, other = (await desk.begin(demand)).order, (await desk.begin(demand)).order
    foreign = await desk.visit(other)
    await desk.visit(order)
    assert (await refusal(desk.complete(order, foreign))).code.startswith(code)
    assert form_of(await desk.desk.now(order)) is not None


async def test_each_version_has_its_own_completion() -> None:
    desk = await secured()
    engine, merchant = desk.desk.engine, desk.desk.merchant
    first, second = (await desk.begin(FIRST)).order, (await desk.begin(SECOND)).order
    wrong = complete(engine, merchant, first.id, ChallengeAnswer())
    assert (await refusal(wrong)).code is Code.WRONG_STATE
    wrong = complete(engine, merchant, second.id, PayerAnswer(text="Y"))
    assert (await refusal(wrong)).code is Code.WRONG_STATE


async def test_an_order_without_authentication_has_nothing_to_complete() -> None:
    desk = await secured()
    engine, merchant = desk.desk.engine, desk.desk.merchant
    done = await desk.desk.authorize()
    paid = complete(engine, merchant, done.order.id, ChallengeAnswer())
    assert (await refusal(paid)).code is Code.ALREADY_COMPLETED
    draft = Draft(amount=EUR, demand=FIRST)
    order = (await desk.desk.orders.authorize(merchant, draft, card())).order
    bare = replace(order, id=desk.desk.ids.next(), payments=(), version=0)
    await desk.desk.store.commit(change(bare))
    unpaid = complete(engine, merchant, bare.id, ChallengeAnswer())
    assert (await refusal(unpaid)).code is Code.WRONG_STATE
    assert await expire(engine, 1, bare.id) == await desk.desk.now(bare)
