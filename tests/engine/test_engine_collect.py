"""Orders paid in several payments: attempts that wait, end unasked, are noted down, and once."""

import pytest
from msgspec.structs import replace
from tests.engine.desk import CARD, EUR, Desk, once, open_desk, refusal, stands

from counterfoil.core import rules
from counterfoil.core.answers import Declined
from counterfoil.core.change import rejected
from counterfoil.core.declines import Decline
from counterfoil.core.errors import Code, Refused
from counterfoil.core.events import Event
from counterfoil.core.merchant import Pricing
from counterfoil.core.money import Money
from counterfoil.core.order import Kind, Order, Outcome, Payment
from counterfoil.core.pricing import Terms
from counterfoil.core.rules import Bucket, Command, Standing, standing
from counterfoil.core.unasked import fail
from counterfoil.engine.collect import Collection, Extras
from counterfoil.engine.orders import Draft

pytestmark = pytest.mark.anyio
TERMS = Terms(pricing=Pricing(), accounting="EUR")


def collection(desk: Desk) -> Collection:
    return Collection(desk.orders)


async def empty(desk: Desk) -> Order:
    """An order of 100.00 EUR that nobody has tried to pay."""
    mine = collection(desk)
    return (await mine.keep(desk.merchant, mine.order(desk.merchant, Draft(amount=EUR)))).order


def attempt(desk: Desk, **given: object) -> Payment:
    payment = Payment(id=desk.ids.next(), amount=EUR, terminal="TERM", method="netbanking")
    return replace(payment, **given)


async def add(desk: Desk, order: Order, payment: Payment, seconds: int = 600) -> Order:
    mine = collection(desk)
    extras = Extras(timers=(mine.waiting(order, payment, seconds),))
    done = await mine.alter(
        desk.merchant,
        order.id,
        lambda order: replace(order, payments=(*order.payments, payment)),
        extras=extras,
    )
    return done.order


async def pay(desk: Desk, order: Order, payment: Payment, **more: object) -> Order:
    command = replace(Command(kind=Kind.AUTHORIZE, payment=payment.id), **more)
    return (await desk.orders.follow_up(desk.merchant, order.id, command)).order


async def test_an_order_is_kept_before_anybody_pays() -> None:
    desk = await open_desk()
    order = await empty(desk)
    assert standing(await desk.now(order)) is Standing.NEW
    assert [notice.event for _, notice in desk.store.notices_told] == [Event.ORDER_CREATED]
    assert desk.host.instructions == []


async def test_an_order_in_a_currency_that_is_not_enabled_is_refused() -> None:
    desk = await open_desk()
    draft = Draft(amount=Money(minor=1, currency="CHF"))
    with pytest.raises(Refused) as refused:
        collection(desk).order(desk.merchant, draft)
    assert refused.value.code is Code.CURRENCY_NOT_ENABLED


async def test_a_key_makes_one_order_and_shows_it_as_it_was() -> None:
    desk = await open_desk()
    mine = collection(desk)
    order = mine.order(desk.merchant, Draft(amount=EUR))
    first = await mine.keep(desk.merchant, order, once())
    desk.clock.advance(5)
    again = await mine.keep(desk.merchant, mine.order(desk.merchant, Draft(amount=EUR)), once())
    assert (again.order.id, again.at) == (first.order.id, first.at)
    assert desk.store.commits == 1


async def test_attempts_that_wait_hold_no_money_and_the_first_to_pay_wins() -> None:
    desk = await open_desk()
    order = await empty(desk)
    one, two = attempt(desk), attempt(desk)
    await add(desk, order, one)
    await add(desk, order, two)
    after = await pay(desk, order, one)
    assert stands(after) == {Bucket.AUTHORIZED: 10_000}
    work = pay(desk, order, two)
    assert (await refusal(work)).code is Code.ALREADY_AUTHORIZED


async def test_the_charge_that_follows_is_of_the_payment_that_was_approved() -> None:
    desk = await open_desk()
    order = await empty(desk)
    half = Money(minor=5_000, currency="EUR")
    one, two = attempt(desk, amount=half), attempt(desk, amount=half)
    await add(desk, order, one)
    await add(desk, order, two)
    await pay(desk, order, two)
    after = await pay(desk, order, one, charge_next=True)
    assert stands(after) == {Bucket.CHARGED: 5_000}
    assert rules.position(after.payments[1])[Bucket.AUTHORIZED] == 5_000


async def test_an_attempt_whose_customer_never_came_ends_by_itself() -> None:
    desk = await open_desk()
    order = await empty(desk)
    await add(desk, order, attempt(desk))
    await desk.later(599)
    assert (await desk.now(order)).operations == ()
    await desk.later(2)
    (operation,) = (await desk.now(order)).operations
    assert (operation.outcome, operation.decline) == (Outcome.FAILED, Decline.RESPONSE_TOO_LATE)
    assert desk.host.instructions == []
    assert await desk.timers() == []
    assert desk.store.notices_told[-1][1].event is Event.PAYMENT_FAILED


async def test_one_that_was_tried_is_left_alone() -> None:
    desk = await open_desk()
    order = await empty(desk)
    payment = attempt(desk, life_s=0)
    await add(desk, order, payment)
    await pay(desk, order, payment)
    await desk.later(700)
    assert stands(await desk.now(order)) == {Bucket.AUTHORIZED: 10_000}


async def test_an_attempt_can_end_though_another_has_paid() -> None:
    desk = await open_desk()
    order = await empty(desk)
    one, two = attempt(desk), attempt(desk)
    await add(desk, order, one)
    await add(desk, order, two)
    await pay(desk, order, one)
    cancelled = Decline.CUSTOMER_CANCELLATION
    done = await collection(desk).fail(desk.merchant, order.id, two.id, cancelled, once())
    assert done.operation is not None
    assert done.operation.decline is cancelled
    again = await collection(desk).fail(desk.merchant, order.id, two.id, cancelled, once())
    assert again.order == done.order


async def test_an_attempt_that_has_ended_may_still_be_approved_late() -> None:
    desk = await open_desk()
    order = await empty(desk)
    payment = attempt(desk)
    await add(desk, order, payment, seconds=1)
    await desk.later(2)
    after = await pay(desk, order, payment)
    assert stands(after) == {Bucket.AUTHORIZED: 10_000}


async def test_what_cannot_end_is_refused() -> None:
    desk = await open_desk()
    order = await empty(desk)
    payment = attempt(desk)
    why = Declined(decline=Decline.CUSTOMER_CANCELLATION)
    with pytest.raises(Refused) as unknown:
        fail(order, payment.id, why, stamp=desk.ids.next(), terms=TERMS)
    assert unknown.value.code is Code.PAYMENT_NOT_FOUND
    closed = replace(rejected(order, Code.SESSION_EXPIRED, desk.clock.now()), payments=(payment,))
    with pytest.raises(Refused) as over:
        fail(closed, payment.id, why, stamp=desk.ids.next(), terms=TERMS)
    assert over.value.code is Code.WRONG_STATE


async def test_an_authorization_lives_as_long_as_its_payment_says() -> None:
    desk = await open_desk()
    order = await empty(desk)
    payment = attempt(desk, life_s=720)
    await add(desk, order, payment)
    await pay(desk, order, payment)
    await desk.later(719)
    assert stands(await desk.now(order)) == {Bucket.AUTHORIZED: 10_000}
    await desk.later(2)
    assert stands(await desk.now(order)) == {Bucket.REVERSED: 10_000}


async def test_a_stored_card_goes_with_its_authorization() -> None:
    desk = await open_desk()
    order = await empty(desk)
    data, sealed = desk.orders.card(desk.merchant, CARD)
    payment = attempt(desk, method=None, card=data.card)
    mine = collection(desk)
    await mine.alter(
        desk.merchant,
        order.id,
        lambda order: replace(order, payments=(payment,)),
        extras=Extras(cards=(sealed,)),
    )
    assert await mine.card(desk.merchant, payment) == replace(data, cvv=None)
    await pay(desk, order, payment)
    (sent,) = desk.host.instructions
    assert sent.card is not None
    assert sent.card.pan == CARD.pan


async def test_the_terminal_says_in_which_currency_it_settles() -> None:
    desk = await open_desk()
    terminal = replace(desk.merchant.terminals[0], accounting="GBP")
    desk.merchant = replace(desk.merchant, terminals=(terminal,))
    order = await empty(desk)
    terms = await desk.engine.terms(desk.merchant, order)
    assert (terms.accounting, terms.rate) == ("GBP", None)
