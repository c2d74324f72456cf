"""What merchants ask for: each use case, and the races between them."""

import pytest
from msgspec.structs import replace
from tests.engine.desk import CARD, EUR, PAN, Desk, nothing, once, open_desk, refusal, stands

from counterfoil.core.answers import Approved
from counterfoil.core.declines import Decline
from counterfoil.core.errors import Code
from counterfoil.core.events import Event
from counterfoil.core.money import Money
from counterfoil.core.order import Kind, Order, Outcome, Relation
from counterfoil.core.ports import Instruction
from counterfoil.core.rules import Bucket, Standing, standing
from counterfoil.engine.orders import Draft
from counterfoil.testing import approve, decline, unknown

pytestmark = pytest.mark.anyio

ANY = frozenset(Standing)
AGAIN = Draft(amount=Money(minor=2_500, currency="EUR"))
FOREIGN = Money(minor=500, currency="CHF")


async def test_an_order_keeps_what_its_draft_says_and_its_card_masked() -> None:
    desk = await open_desk()
    done = await desk.authorize(reference="R-1", description="shoes", segment="web")
    assert (done.order.reference, done.order.description) == ("R-1", "shoes")
    card = done.order.payments[0].card
    assert card is not None
    assert (card.first6, card.last4, card.month, card.year) == ("411111", "1111", 12, 2030)
    sealed = await desk.store.card(1, card.id)
    assert sealed is not None
    assert desk.vault.open(1, sealed) == PAN
    sent = desk.host.instructions[0].card
    assert sent is not None
    assert sent.cvv == CARD.cvv


@pytest.mark.parametrize("by_merchant", [True, False])
async def test_automatic_charge_is_begun_in_the_commit_that_approves(*, by_merchant: bool) -> None:
    desk = await open_desk(auto_charge=by_merchant)
    done = await desk.authorize(auto_charge=not by_merchant)
    assert done.operation is not None
    assert (done.operation.kind, done.operation.outcome) == (Kind.CHARGE, Outcome.APPROVED)
    assert stands(done.order) == {Bucket.CHARGED: 10_000}
    assert desk.kinds() == [Kind.AUTHORIZE, Kind.CHARGE]
    assert desk.store.commits == 3


async def test_what_was_declined_is_not_charged_automatically() -> None:
    desk = await open_desk(decline())
    done = await desk.authorize(auto_charge=True)
    assert done.operation is not None
    assert done.operation.kind is Kind.AUTHORIZE
    assert desk.kinds() == [Kind.AUTHORIZE]


async def test_an_automatic_charge_without_an_answer_stays_pending() -> None:
    desk = await open_desk(approve, unknown())
    done = await desk.authorize(auto_charge=True)
    assert done.operation is not None
    assert (done.operation.kind, done.operation.outcome) == (Kind.CHARGE, Outcome.PENDING)
    assert (await desk.resolve()).closed == 1
    assert stands(await desk.now(done.order)) == {Bucket.AUTHORIZED: 10_000}


async def test_an_automatic_charge_that_is_declined_leaves_the_authorization() -> None:
    desk = await open_desk(approve, decline())
    done = await desk.authorize(auto_charge=True)
    assert done.operation is not None
    assert done.operation.outcome is Outcome.DECLINED
    assert stands(done.order) == {Bucket.AUTHORIZED: 10_000}


async def test_a_currency_that_is_not_enabled_keeps_a_rejected_order() -> None:
    desk = await open_desk()
    done = await desk.authorize(amount=FOREIGN)
    assert done.operation is None
    assert done.order.closed is Code.CURRENCY_NOT_ENABLED
    assert standing(done.order) is Standing.REJECTED
    assert done.order.payments[0].descriptor is None
    assert desk.kinds() == []
    assert [notice.event for _, notice in desk.store.notices_told] == [Event.ORDER_REJECTED]
    card = done.order.payments[0].card
    assert card is not None
    assert await desk.store.card(1, card.id) is not None


async def test_a_rejected_order_is_closed_to_everything_whatever_its_currency() -> None:
    desk = await open_desk()
    order = (await desk.authorize(amount=FOREIGN)).order
    assert (await refusal(desk.act(order, Kind.CHARGE))).code is Code.ORDER_CLOSED
    assert (await refusal(desk.orders.cancel(desk.merchant, order.id, None))).code in {
        Code.ORDER_CLOSED,
        Code.WRONG_STATE,
    }


async def test_an_unknown_terminal_is_refused() -> None:
    desk = await open_desk()
    assert (await refusal(desk.authorize(terminal="X"))).code is Code.UNKNOWN_TERMINAL


async def test_an_order_of_another_merchant_is_not_found() -> None:
    desk = await open_desk()
    order = (await desk.authorize()).order
    desk.merchant = replace(desk.merchant, id=2)
    assert (await refusal(desk.act(order, Kind.CHARGE))).code is Code.ORDER_NOT_FOUND


async def rebill(desk: Desk, source: Order, allowed: frozenset[Standing] = ANY) -> Order:
    desk.clock.advance(1)
    done = await desk.orders.rebill(
        desk.merchant, source.id, AGAIN, cvv=CARD.cvv, allowed=allowed, once=None
    )
    return done.order


async def test_a_rebill_authorizes_a_new_order_on_the_stored_card() -> None:
    desk = await open_desk()
    source = await desk.charged()
    again = await rebill(desk, source)
    assert (again.parent, again.relation) == (source.id, Relation.REBILL)
    assert again.payments[0].card == source.payments[0].card
    assert stands(again) == {Bucket.AUTHORIZED: 2_500}
    assert await desk.now(source) == source
    sent = desk.host.instructions[-1].card
    assert sent is not None
    assert (sent.pan, sent.cvv) == (PAN, CARD.cvv)


async def test_a_rebill_in_a_state_that_does_not_allow_it_is_refused() -> None:
    desk = await open_desk(decline())
    source = (await desk.authorize()).order
    found = await refusal(rebill(desk, source, frozenset({Standing.CHARGED})))
    assert found.code is Code.WRONG_STATE
    assert found.facts["standing"] == "declined"


async def test_a_rebill_on_a_stored_card_that_has_expired_is_declined() -> None:
    desk = await open_desk()
    source = await desk.charged()
    desk.clock.advance(5 * 366 * 24 * 3600)
    again = await rebill(desk, source)
    assert again.operations[-1].decline is Decline.EXPIRED_CARD
    assert desk.kinds() == [Kind.AUTHORIZE, Kind.CHARGE]


async def test_a_rebill_without_a_stored_card_is_refused() -> None:
    desk = await open_desk()
    source = await desk.charged()
    desk.store._cards.clear()
    assert (await refusal(rebill(desk, source))).code is Code.NO_STORED_CARD


@pytest.mark.parametrize("payments", [0, 1])
async def test_a_rebill_of_an_order_that_never_had_a_card_is_refused(payments: int) -> None:
    desk = await open_desk()
    source = await desk.charged()
    bare = tuple(replace(each, card=None) for each in source.payments[:payments])
    desk.store._orders[1, source.id] = replace(source, payments=bare)
    assert (await refusal(rebill(desk, source))).code is Code.NO_STORED_CARD


async def test_a_rebill_of_a_card_whose_expiry_is_not_known_is_refused() -> None:
    desk = await open_desk()
    bare = replace(CARD, month=0, year=0)
    source = (await desk.orders.credit(desk.merchant, Draft(amount=EUR), bare)).order
    assert (await refusal(rebill(desk, source))).code is Code.NO_STORED_CARD


async def test_a_credit_pays_out_to_a_new_card() -> None:
    desk = await open_desk()
    done = await desk.orders.credit(desk.merchant, Draft(amount=EUR), CARD)
    assert done.operation is not None
    assert (done.operation.kind, done.operation.outcome) == (Kind.CREDIT, Outcome.APPROVED)
    assert standing(done.order) is Standing.CREDITED
    assert done.order.relation is None


async def test_a_linked_credit_pays_out_to_the_stored_card() -> None:
    desk = await open_desk()
    source = await desk.charged()
    done = await desk.orders.credit_linked(desk.merchant, source.id, AGAIN, allowed=ANY)
    assert (done.order.parent, done.order.relation) == (source.id, Relation.CREDIT)
    assert standing(done.order) is Standing.CREDITED
    sent = desk.host.instructions[-1]
    assert sent.kind is Kind.CREDIT
    assert sent.card is not None
    assert sent.card.pan == PAN


async def test_a_linked_credit_in_a_state_that_does_not_allow_it_is_refused() -> None:
    desk = await open_desk()
    source = await desk.charged()
    work = desk.orders.credit_linked(desk.merchant, source.id, AGAIN, allowed=frozenset())
    assert (await refusal(work)).code is Code.WRONG_STATE


async def test_credits_that_are_not_enabled_are_refused_and_nothing_is_kept() -> None:
    desk = await open_desk(credit_enabled=False)
    work = desk.orders.credit(desk.merchant, Draft(amount=EUR), CARD)
    assert (await refusal(work)).code is Code.CREDIT_NOT_ENABLED
    assert desk.store.commits == 0


async def test_a_credit_in_a_currency_that_is_not_enabled_is_kept_as_rejected() -> None:
    desk = await open_desk()
    done = await desk.orders.credit(desk.merchant, Draft(amount=FOREIGN), CARD)
    assert done.order.closed is Code.CURRENCY_NOT_ENABLED
    assert desk.kinds() == []


async def test_cancel_reverses_all_that_is_authorized_whatever_the_amount() -> None:
    desk = await open_desk()
    order = (await desk.authorize()).order
    done = await desk.orders.cancel(desk.merchant, order.id, 1)
    assert stands(done.order) == {Bucket.REVERSED: 10_000}


@pytest.mark.parametrize(("minor", "left"), [(None, 0), (2_500, 7_500)])
async def test_cancel_refunds_what_is_charged(minor: int | None, left: int) -> None:
    desk = await open_desk()
    order = await desk.charged()
    done = await desk.orders.cancel(desk.merchant, order.id, minor)
    assert stands(done.order).get(Bucket.CHARGED, 0) == left
    assert desk.kinds()[-1] is Kind.REFUND


async def test_cancel_of_what_was_declined_is_refused() -> None:
    desk = await open_desk(decline())
    order = (await desk.authorize()).order
    found = await refusal(desk.orders.cancel(desk.merchant, order.id, None))
    assert found.code is Code.WRONG_STATE


async def test_a_charge_that_overtakes_a_cancel_makes_it_a_refund() -> None:
    desk = await open_desk()
    order = (await desk.authorize()).order
    desk.store.before.append(lambda: desk.act(order, Kind.CHARGE))
    done = await desk.orders.cancel(desk.merchant, order.id, None)
    assert stands(done.order) == {Bucket.REFUNDED: 10_000}
    assert desk.kinds() == [Kind.AUTHORIZE, Kind.CHARGE, Kind.REFUND]


async def test_a_cancel_while_the_charge_is_under_way_takes_nothing_from_it() -> None:
    desk = await open_desk()
    order = (await desk.authorize()).order
    codes: list[Code] = []

    async def cancel() -> None:
        codes.append((await refusal(desk.orders.cancel(desk.merchant, order.id, None))).code)

    desk.host.sending.append(cancel)
    done = await desk.act(order, Kind.CHARGE)
    assert codes == [Code.NOTHING_TO_REVERSE]
    assert stands(done.order) == {Bucket.CHARGED: 10_000}


async def test_a_charge_that_comes_after_the_cancel_began_is_refused() -> None:
    desk = await open_desk()
    order = (await desk.authorize()).order
    desk.store.before.append(lambda: desk.orders.cancel(desk.merchant, order.id, None))
    found = await refusal(desk.act(order, Kind.CHARGE))
    assert found.code is Code.NOT_AUTHORIZED
    assert stands(await desk.now(order)) == {Bucket.REVERSED: 10_000}


async def test_two_refunds_at_once_do_not_give_back_more_than_was_charged() -> None:
    desk = await open_desk()
    order = await desk.charged()
    desk.store.before.extend([nothing, lambda: desk.act(order, Kind.REFUND, 4_000)])
    await desk.act(order, Kind.REFUND, 6_000)
    found = await refusal(desk.act(order, Kind.REFUND, 1))
    assert found.code is Code.NOT_CHARGED
    assert stands(await desk.now(order)) == {Bucket.REFUNDED: 10_000}


async def test_a_fingerprint_is_the_vaults_hash() -> None:
    desk = await open_desk()
    assert desk.orders.fingerprint("asked") == desk.vault.hash_secret("asked")
    assert desk.orders.fingerprint("asked") != desk.orders.fingerprint("other")


async def test_an_operation_keeps_the_key_it_was_asked_with() -> None:
    desk = await open_desk()
    order = (await desk.authorize()).order
    done = await desk.orders.cancel(desk.merchant, order.id, None, once("k"))
    assert done.operation is not None
    assert done.operation.key == "k"


async def test_a_merchant_of_single_charges_lets_the_rest_go_with_an_automatic_charge() -> None:
    def partly(asked: Instruction) -> Approved:
        assert not asked.final  # all of it is charged, so nothing is left to let go
        return approve(asked)

    desk = await open_desk(approve, partly, multiple_charges=False)
    done = await desk.authorize(auto_charge=True)
    assert stands(done.order) == {Bucket.CHARGED: 10_000}


async def test_a_descriptor_of_its_own_goes_to_the_acquirer() -> None:
    desk = await open_desk()
    plain = (await desk.authorize()).order
    order = (await desk.authorize(descriptor="BOOKS Kyiv UA")).order
    first, second = desk.host.instructions
    assert (plain.payments[0].descriptor, first.descriptor) == (None, None)
    assert (order.payments[0].descriptor, second.descriptor) == ("BOOKS Kyiv UA",) * 2
