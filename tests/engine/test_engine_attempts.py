"""3-D Secure of attempts: several may wait at one order, and one that fails fails alone."""

from typing import Final

import pytest
from msgspec.structs import replace
from tests.engine.desk import EUR, refusal
from tests.engine.issuers import BASE, BROWSER, Secured, card, secured, state_of

from counterfoil.connectors.sandbox.table import Authentication as How
from counterfoil.core.bank import Choice
from counterfoil.core.card import Cvv
from counterfoil.core.declines import Decline
from counterfoil.core.errors import Code
from counterfoil.core.money import Money
from counterfoil.core.order import Order, Outcome, Payment
from counterfoil.core.rules import Bucket, Standing, position, standing
from counterfoil.core.threeds import Browser, Demand, Form, Step
from counterfoil.engine import authenticate
from counterfoil.engine.authenticate import ChallengeAnswer, PayerAnswer
from counterfoil.engine.awaiting import asked, expire, form_of
from counterfoil.engine.collect import Collection, Extras
from counterfoil.engine.guide import Asking, attempted
from counterfoil.engine.orders import Draft
from counterfoil.engine.perform import Done

pytestmark = pytest.mark.anyio
FIRST: Final = Demand(reason="settings", base=BASE, guided=True, attempt=True)
LATER_S: Final = 31 * 60


class Attempts:
    """An order and the attempts to pay it."""

    def __init__(self, desk: Secured, order: Order) -> None:
        self.desk = desk
        self.number = order.id

    @property
    def collection(self) -> Collection:
        """The use cases."""
        return Collection(self.desk.desk.orders)

    async def order(self) -> Order:
        """As it stands."""
        return await self.desk.desk.store.load(1, self.number)

    async def payment(self, number: int) -> Payment:
        """One of its attempts as it stands."""
        return next(each for each in (await self.order()).payments if each.id == number)

    async def add(self, how: How = How.CHALLENGE, amount: Money = EUR) -> int:
        """An attempt with such a card; its number."""
        desk = self.desk.desk
        known, sealed = desk.orders.card(desk.merchant, card(how))
        payment = Payment(id=desk.ids.next(), amount=amount, terminal="TERM", card=known.card)
        await self.collection.alter(
            desk.merchant,
            self.number,
            lambda order: replace(order, payments=(*order.payments, payment)),
            extras=Extras(cards=(sealed,)),
        )
        return payment.id

    async def ask(
        self, payment: int, browser: Browser | None = None, order: Order | None = None
    ) -> Order:
        """Have the issuer asked, about the order as it stands or as somebody has seen it."""
        desk = self.desk.desk
        demand = replace(FIRST, browser=browser)
        asking = Asking(payment=payment, demand=demand, cvv=Cvv("123"))
        return await attempted(desk.engine, desk.merchant, order or await self.order(), asking)

    async def form(self, payment: int) -> Form:
        """What the browser has to submit for it."""
        found = form_of(await self.order(), await self.payment(payment))
        assert found is not None
        return found

    async def paid(self, payment: int, choice: Choice = Choice.APPROVE) -> Done:
        """What comes of a browser that was at the bank of version 1."""
        fields = dict((await self.form(payment)).fields)
        text = self.desk.bank.payer_answer(fields["PaReq"], choice)
        return await self.complete(PayerAnswer(text=text, number=fields["MD"]))

    async def complete(self, answer: PayerAnswer | ChallengeAnswer) -> Done:
        """What comes of what a browser brings."""
        desk = self.desk.desk
        return await authenticate.complete(desk.engine, desk.merchant, self.number, answer)


async def begun(*ways: How, browser: Browser | None = None) -> tuple[Attempts, list[int]]:
    """An order, and attempts whose issuers were asked."""
    desk = await secured()
    mine = Collection(desk.desk.orders)
    order = mine.order(desk.desk.merchant, Draft(amount=EUR))
    attempts = Attempts(desk, (await mine.keep(desk.desk.merchant, order)).order)
    numbers = [await attempts.add(how) for how in ways]
    for number in numbers:
        await attempts.ask(number, browser)
    return attempts, numbers


async def test_of_two_that_wait_each_is_answered_by_its_own_browser() -> None:
    attempts, (first, second) = await begun(How.CHALLENGE, How.CHALLENGE)
    later = await attempts.form(second)
    done = await attempts.paid(first)
    assert done.operation is not None
    assert position(await attempts.payment(first))[Bucket.AUTHORIZED] == EUR.minor
    assert (await attempts.payment(second)).log == ()
    fields = dict(later.fields)
    text = attempts.desk.bank.payer_answer(fields["PaReq"], Choice.APPROVE)
    answer = PayerAnswer(text=text, number=fields["MD"])
    assert (await refusal(attempts.complete(answer))).code is Code.ALREADY_AUTHORIZED
    again = PayerAnswer(text="", number=dict(later.fields)["MD"][::-1])
    assert (await refusal(attempts.complete(again))).code is Code.BAD_PAYER_ANSWER


@pytest.mark.parametrize("place", [0, 1])
async def test_a_result_is_filed_with_the_attempt_it_is_of(place: int) -> None:
    attempts, numbers = await begun(How.CHALLENGE, How.CHALLENGE, browser=BROWSER)
    meant, other = numbers[place], numbers[1 - place]
    form = await attempts.form(meant)
    alone = replace(await attempts.order(), payments=(await attempts.payment(meant),))
    fields = dict(form.fields)
    back = await attempts.desk.bank.challenge_answer(state_of(alone), Choice.APPROVE)
    filed = (await attempts.payment(meant)).authentication
    waiting = (await attempts.payment(other)).authentication
    assert filed is not None
    assert waiting is not None
    assert (filed.step, waiting.step) == (Step.READY, Step.CHALLENGE)
    number = fields["threeDSSessionData"]
    wrong = ChallengeAnswer(text=dict(back.fields)["cres"], number="bm9ib2R5")
    assert (await refusal(attempts.complete(wrong))).code is Code.BAD_CHALLENGE_ANSWER
    done = await attempts.complete(replace(wrong, number=number))
    assert done.operation is not None
    assert asked(done.order) == await attempts.payment(other)


async def test_one_that_is_denied_fails_alone_and_another_may_pay() -> None:
    attempts, (first,) = await begun(How.CHALLENGE)
    done = await attempts.paid(first, Choice.DECLINE)
    assert done.operation is not None
    assert (done.operation.outcome, done.operation.decline) == (
        Outcome.DECLINED,
        Decline.CARD_AUTHENTICATION_FAILED,
    )
    assert (done.order.closed, standing(done.order)) == (None, Standing.DECLINED)
    failed = (await attempts.payment(first)).authentication
    assert failed is not None
    assert failed.step is Step.FAILED
    second = await attempts.add(How.FRICTIONLESS)
    paid = await attempts.ask(second, BROWSER)
    assert standing(paid) is Standing.AUTHORIZED
    assert form_of(paid) is None
    (asked,) = attempts.desk.desk.host.instructions
    assert asked.card is not None
    assert asked.card.cvv is not None


async def test_a_card_that_takes_no_part_changes_nothing() -> None:
    attempts, (first,) = await begun(How.NOT_ENROLLED)
    before = await attempts.order()
    assert await attempts.ask(first, BROWSER) == before
    assert (await attempts.order()).version == before.version
    assert asked(before) is None


async def test_after_the_method_step_the_attempt_goes_on() -> None:
    attempts, (first,) = await begun(How.METHOD, browser=BROWSER)
    desk = attempts.desk.desk
    await authenticate.resume(desk.engine, desk.merchant, attempts.number)
    fields = dict((await attempts.form(first)).fields)
    done = await attempts.complete(ChallengeAnswer(number=fields["threeDSSessionData"]))
    assert standing(done.order) is Standing.AUTHORIZED


@pytest.mark.parametrize("browser", [None, BROWSER])
async def test_what_comes_after_an_attempt_was_given_up_changes_nothing(
    browser: Browser | None,
) -> None:
    attempts, (first,) = await begun(How.CHALLENGE, browser=browser)
    desk, order, form = attempts.desk, await attempts.order(), await attempts.form(first)
    state = None if browser is None else state_of(order)
    await attempts.collection.fail(desk.desk.merchant, order.id, first, Decline.RESPONSE_TOO_LATE)
    before = await attempts.order()
    fields = dict(form.fields)
    answer: PayerAnswer | ChallengeAnswer
    if state is None:
        text = desk.bank.payer_answer(fields["PaReq"], Choice.APPROVE)
        answer = PayerAnswer(text=text, number=fields["MD"])
    else:
        back = await desk.bank.challenge_answer(state, Choice.APPROVE)
        number = fields["threeDSSessionData"]
        answer = ChallengeAnswer(text=dict(back.fields)["cres"], number=number)
    assert (await refusal(attempts.complete(answer))).code is Code.ALREADY_COMPLETED
    assert await attempts.order() == before
    assert form_of(before) is None


async def test_a_session_that_is_over_leaves_the_order_to_other_attempts() -> None:
    attempts, (first,) = await begun(How.CHALLENGE)
    form = await attempts.form(first)
    fields = dict(form.fields)
    before = await attempts.order()
    attempts.desk.desk.clock.advance(LATER_S)
    text = attempts.desk.bank.payer_answer(fields["PaReq"], Choice.APPROVE)
    answer = PayerAnswer(text=text, number=fields["MD"])
    assert (await refusal(attempts.complete(answer))).code is Code.SESSION_EXPIRED
    assert await expire(attempts.desk.desk.engine, 1, attempts.number) == before
    second = await attempts.add()
    await attempts.ask(second)
    assert standing((await attempts.paid(second)).order) is Standing.AUTHORIZED


async def test_an_issuer_is_asked_once_and_only_where_there_is_a_way_to_it() -> None:
    attempts, (first,) = await begun(How.CHALLENGE)
    before = await attempts.order()
    assert await attempts.ask(first, BROWSER) == before
    second = await attempts.add()
    bare = await attempts.order()
    asked = await attempts.ask(second)
    assert await attempts.ask(second, BROWSER, bare) == asked  # two browsers at once
    third = await attempts.add()
    attempts.desk.desk.engine.authenticators.clear()
    assert await attempts.ask(third) == await attempts.order()


@pytest.mark.parametrize("how", [How.CHALLENGE, How.FRICTIONLESS])
async def test_what_no_longer_fits_the_order_is_not_authorized_in_part(how: How) -> None:
    attempts, _ = await begun()
    small, whole = (
        await attempts.add(amount=Money(minor=1, currency="EUR")),
        await attempts.add(how),
    )
    await attempts.ask(small)
    if how is How.CHALLENGE:
        await attempts.ask(whole)
    await attempts.paid(small)
    late = attempts.paid(whole) if how is How.CHALLENGE else attempts.ask(whole, BROWSER)
    assert (await refusal(late)).code is Code.EXCEEDS_ORDER
    assert (await attempts.payment(whole)).log == ()
