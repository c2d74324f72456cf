"""Orders that are paid from their page: made, found by their address, paid once, over in time."""

import asyncio

import pytest
from msgspec.structs import replace
from tests.engine.desk import CARD, EUR, Desk, once, open_desk, refusal

from counterfoil.core.card import Brand
from counterfoil.core.change import Change, change
from counterfoil.core.declines import Decline
from counterfoil.core.errors import Code, Refused
from counterfoil.core.events import Event
from counterfoil.core.merchant import Merchant
from counterfoil.core.money import Money
from counterfoil.core.order import Kind, Location, Order, Outcome, Relation
from counterfoil.core.ports import OrderQuery
from counterfoil.core.rules import Standing, standing
from counterfoil.core.session import Session
from counterfoil.engine.orders import Draft
from counterfoil.engine.pages import (
    Attempt,
    Challenge,
    Pages,
    Prepared,
    attached,
    form_key,
    path_of,
    payable,
    place_of,
)
from counterfoil.engine.perform import Once
from counterfoil.engine.session import Place
from counterfoil.testing import decline, unknown

pytestmark = pytest.mark.anyio

MINUTE_US = 60_000_000
BANK = Challenge(action="http://127.0.0.1/bank", method="POST", fields=(("MD", "1"),))


def attempt(form: str = "form-1", ip: str | None = "9.9.9.9") -> Attempt:
    return Attempt(card=CARD, form=form, ip=ip)


async def made(desk: Desk, once: Once | None = None, **session: object) -> Order:
    expires = None if session.get("shared") else desk.clock.now() + 30 * MINUTE_US
    draft = Draft(amount=EUR, session=replace(Session(), **session), expires=expires)
    return (await desk.orders.create(desk.merchant, draft, once)).order


def kept(desk: Desk) -> list[Order]:
    return [desk.store._orders[key] for key in sorted(desk.store._orders)]


class Bank:
    """An guide that challenges everybody."""

    def __init__(self) -> None:
        self.pages: Pages | None = None

    async def begin(self, merchant: Merchant, prepared: Prepared) -> Order | None:
        del merchant
        assert self.pages is not None
        pages = self.pages

        def decide(order: Order) -> Change:
            return change(
                attached(order, prepared, pages.engine.clock.now()), cards=(prepared.sealed,)
            )

        kept = await pages.engine.commit(prepared.order, decide)
        assert kept is not None
        return kept.order

    async def challenge(self, merchant: Merchant, order: Order) -> Challenge | None:
        del merchant, order
        return BANK


def asking(desk: Desk) -> Pages:
    bank = Bank()
    bank.pages = Pages(desk.orders, bank)
    return bank.pages


async def test_an_order_made_for_its_page_is_new_and_asks_nothing_of_the_acquirer() -> None:
    desk = await open_desk()
    order = await made(desk)
    assert standing(order) is Standing.NEW
    assert order.payments == ()
    assert desk.host.instructions == []
    assert [notice.event for _, notice in desk.store.notices_told] == [Event.ORDER_CREATED]
    assert [notice.sequence for _, notice in desk.store.notices_told] == [1]


async def test_an_order_in_a_currency_that_is_not_enabled_is_kept_as_rejected() -> None:
    desk = await open_desk()
    draft = Draft(amount=Money(minor=100, currency="CHF"), session=Session())
    done = await desk.orders.create(desk.merchant, draft)
    assert (await desk.now(done.order)).closed is Code.CURRENCY_NOT_ENABLED
    assert not payable(done.order, desk.clock.now())


async def test_a_repeated_key_gives_the_order_as_it_was_made_whatever_came_since() -> None:
    desk = await open_desk()
    first = await made(desk, once())
    assert await made(desk, once()) == first
    desk.clock.advance(1)
    paid = await Pages(desk.orders).pay(desk.merchant, first, attempt())
    assert paid.location == Location(ip="9.9.9.9")
    again = await made(desk, once())
    assert (again.payments, again.location, standing(again)) == ((), None, Standing.NEW)


async def test_a_repeated_key_gives_the_order_open_although_its_session_is_over() -> None:
    desk = await open_desk()
    first = await made(desk, once())
    desk.clock.advance(3600)
    assert (await Pages(desk.orders).seen(first.merchant, first.id)).closed is not None
    assert standing(await made(desk, once())) is Standing.NEW


async def test_what_is_paid_is_authorized_and_found_by_its_card_and_place() -> None:
    desk = await open_desk()
    order = await made(desk)
    paid = await Pages(desk.orders).pay(desk.merchant, order, attempt())
    assert standing(paid) is Standing.AUTHORIZED
    assert await desk.now(order) == paid
    query = OrderQuery(merchant=1, limit=9, brands=(Brand.VISA,), ips=("9.9.9.9",))
    assert await desk.store.orders(query) == [paid]
    assert [notice.sequence for _, notice in desk.store.notices_told] == [1, 2]


async def test_the_place_that_the_merchant_gave_stays() -> None:
    desk = await open_desk()
    draft = Draft(amount=EUR, session=Session(), location=Location(ip="6.6.6.6"))
    order = (await desk.orders.create(desk.merchant, draft)).order
    paid = await Pages(desk.orders).pay(desk.merchant, order, attempt())
    assert paid.location == Location(ip="6.6.6.6")
    unknown_place = await desk.orders.create(desk.merchant, Draft(amount=EUR, session=Session()))
    paid = await Pages(desk.orders).pay(desk.merchant, unknown_place.order, attempt(ip=None))
    assert paid.location is None


@pytest.mark.parametrize("by", ["session", "merchant"])
async def test_what_is_to_be_charged_at_once_is(by: str) -> None:
    desk = await open_desk(auto_charge=by == "merchant")
    order = await made(desk, auto_charge=by == "session", recurring=True)
    paid = await Pages(desk.orders).pay(desk.merchant, order, attempt())
    assert standing(paid) is Standing.CHARGED
    assert paid.payments[0].recurring is not None
    assert desk.kinds() == [Kind.AUTHORIZE, Kind.CHARGE]


async def test_of_two_attempts_at_once_one_is_made() -> None:
    desk = await open_desk()
    order = await made(desk)
    pages = Pages(desk.orders)
    answers = await asyncio.gather(
        *(pages.pay(desk.merchant, order, attempt(f"form-{each}")) for each in range(5)),
        return_exceptions=True,
    )
    assert sum(isinstance(each, Order) for each in answers) == 1
    refusals = [each.code for each in answers if isinstance(each, Refused)]
    assert refusals == [Code.WRONG_STATE] * 4
    assert desk.kinds() == [Kind.AUTHORIZE]


async def test_a_declined_order_takes_no_other_card_unless_it_has_tries_left() -> None:
    desk = await open_desk(decline(Decline.DO_NOT_HONOR))
    pages = Pages(desk.orders)
    declined = await pages.pay(desk.merchant, await made(desk), attempt())
    assert standing(declined) is Standing.DECLINED
    again = await refusal(pages.pay(desk.merchant, declined, attempt()))
    assert again.code is Code.WRONG_STATE


async def test_an_order_with_tries_left_may_be_paid_with_another_card() -> None:
    desk = await open_desk(decline(Decline.DO_NOT_HONOR), decline(Decline.INSUFFICIENT_FUNDS))
    pages = Pages(desk.orders)
    order = await made(desk, tries=3)
    for _ in range(2):
        desk.clock.advance(1)
        order = await pages.pay(desk.merchant, order, attempt())
        assert standing(order) is Standing.DECLINED
    desk.clock.advance(1)
    order = await pages.pay(desk.merchant, order, attempt())
    assert standing(order) is Standing.AUTHORIZED
    assert [each.outcome for each in order.operations] == [
        Outcome.DECLINED,
        Outcome.DECLINED,
        Outcome.APPROVED,
    ]


async def test_while_nobody_knows_nothing_else_may_be_tried() -> None:
    desk = await open_desk(unknown())
    pages = Pages(desk.orders)
    order = await pages.pay(desk.merchant, await made(desk, tries=3), attempt())
    assert standing(order) is Standing.WAITING
    assert await pages.challenge(desk.merchant, order) is None
    assert (await refusal(pages.pay(desk.merchant, order, attempt()))).code is Code.WRONG_STATE


async def test_a_session_that_is_over_rejects_its_order_once() -> None:
    desk = await open_desk()
    pages = Pages(desk.orders)
    order = await made(desk)
    assert await pages.seen(order.merchant, order.id) == order
    desk.clock.advance(1800)
    both = await asyncio.gather(*(pages.seen(order.merchant, order.id) for _ in range(2)))
    assert [each.closed for each in both] == [Code.SESSION_EXPIRED] * 2
    assert standing(both[0]) is Standing.REJECTED
    events = [notice.event for _, notice in desk.store.notices_told]
    assert events == [Event.ORDER_CREATED, Event.ORDER_REJECTED]
    late = await refusal(pages.pay(desk.merchant, order, attempt()))
    assert late.code is Code.SESSION_EXPIRED
    charge = await refusal(desk.act(order, Kind.CHARGE))
    assert charge.code is Code.SESSION_EXPIRED


async def test_a_session_that_somebody_else_has_ended_is_over() -> None:
    desk = await open_desk()
    pages = Pages(desk.orders)
    order = await made(desk)
    desk.clock.advance(1800)
    desk.store.before.append(lambda: pages.seen(order.merchant, order.id))
    assert (await pages.seen(order.merchant, order.id)).closed is Code.SESSION_EXPIRED
    assert len(desk.store.notices_told) == 2


async def test_a_session_ends_at_its_time_though_nobody_looks() -> None:
    desk = await open_desk()
    order = await made(desk)
    await desk.later(1799)
    assert (await desk.now(order)).closed is None
    await desk.later(1)
    assert (await desk.now(order)).closed is Code.SESSION_EXPIRED


async def test_what_was_declined_for_good_keeps_that_outcome() -> None:
    desk = await open_desk(decline(Decline.DO_NOT_HONOR), decline(Decline.DO_NOT_HONOR))
    pages = Pages(desk.orders)
    last = await pages.pay(desk.merchant, await made(desk), attempt("one"))
    open_still = await pages.pay(desk.merchant, await made(desk, tries=2), attempt("two"))
    await desk.later(3600)
    assert (await desk.now(last)).closed is None
    assert (await desk.now(open_still)).closed is Code.SESSION_EXPIRED


async def test_a_session_that_ends_in_the_middle_of_an_attempt_lets_it_end() -> None:
    desk = await open_desk()
    pages = Pages(desk.orders)
    order = await made(desk)

    async def late() -> None:
        desk.clock.advance(3600)
        waiting = await pages.seen(order.merchant, order.id)
        assert standing(waiting) is Standing.WAITING

    desk.host.sending.append(late)
    paid = await pages.pay(desk.merchant, order, attempt())
    assert standing(paid) is Standing.AUTHORIZED
    assert standing(await pages.seen(order.merchant, order.id)) is Standing.AUTHORIZED


async def test_an_attempt_that_comes_behind_the_end_of_the_session_is_refused() -> None:
    desk = await open_desk()
    pages = Pages(desk.orders)
    order = await made(desk)

    async def over() -> None:
        desk.clock.advance(3600)
        await pages.seen(order.merchant, order.id)

    desk.store.before.append(over)
    found = await refusal(pages.pay(desk.merchant, order, attempt()))
    assert found.code is Code.SESSION_EXPIRED
    assert desk.host.instructions == []


async def test_a_link_for_many_makes_an_order_for_each_who_pays() -> None:
    desk = await open_desk()
    pages = Pages(desk.orders)
    link = await made(desk, shared=True, auto_charge=True)
    first = await pages.pay(desk.merchant, link, attempt("one"))
    desk.clock.advance(24 * 3600)
    second = await pages.pay(desk.merchant, link, attempt("two"))
    assert len({link.id, first.id, second.id}) == 3
    for each in (first, second):
        assert standing(each) is Standing.CHARGED
        assert (each.parent, each.relation) == (link.id, Relation.LINK)
    assert standing(await desk.now(link)) is Standing.NEW


async def test_a_form_of_a_link_that_is_sent_twice_pays_once() -> None:
    desk = await open_desk()
    pages = Pages(desk.orders)
    link = await made(desk, shared=True)
    both = await asyncio.gather(
        *(pages.pay(desk.merchant, link, attempt("same")) for _ in range(2))
    )
    assert both[0].id == both[1].id
    assert desk.kinds() == [Kind.AUTHORIZE]
    assert len(kept(desk)) == 2


async def test_a_link_that_was_rejected_takes_no_payment() -> None:
    desk = await open_desk()
    draft = Draft(amount=Money(minor=100, currency="CHF"), session=Session(shared=True))
    link = (await desk.orders.create(desk.merchant, draft)).order
    found = await refusal(Pages(desk.orders).pay(desk.merchant, link, attempt()))
    assert found.code is Code.WRONG_STATE


async def test_a_customer_who_is_challenged_waits_and_may_come_back() -> None:
    desk = await open_desk()
    pages = asking(desk)
    order = await made(desk)
    waiting = await pages.pay(desk.merchant, order, attempt())
    assert standing(waiting) is Standing.WAITING
    assert desk.host.instructions == []
    assert await pages.challenge(desk.merchant, await desk.now(order)) == BANK
    assert (await refusal(pages.pay(desk.merchant, waiting, attempt()))).code is Code.WRONG_STATE
    desk.clock.advance(3600)
    assert (await pages.seen(order.merchant, order.id)).closed is Code.SESSION_EXPIRED


async def test_nobody_is_challenged_where_nobody_asks() -> None:
    desk = await open_desk()
    waiting = await asking(desk).pay(desk.merchant, await made(desk), attempt())
    assert await Pages(desk.orders).challenge(desk.merchant, waiting) is None


async def test_an_order_without_a_page_has_none() -> None:
    desk = await open_desk()
    pages = Pages(desk.orders)
    done = await desk.authorize()
    assert await pages.seen(done.order.merchant, done.order.id) == done.order
    place = Place(done.order.merchant, done.order.id)
    assert (await refusal(pages.find(place))).code is Code.ORDER_NOT_FOUND
    nowhere = Place(99, done.order.id)
    assert (await refusal(pages.find(nowhere))).code is Code.ORDER_NOT_FOUND
    order = await made(desk)
    assert await pages.find(Place(order.merchant, order.id)) == (desk.merchant, order)


async def test_an_address_leads_to_its_order_and_no_other_does() -> None:
    desk = await open_desk()
    order = await made(desk)
    path = path_of(desk.vault, order)
    named = path.removeprefix("/pay/")
    number, _, token = named.partition(".")
    assert (number, len(token)) == (str(order.id), 32)
    assert place_of(desk.vault, named) == Place(order.merchant, order.id)
    for wrong in (str(order.id + 1), "", "x", "1" * 20, str(2**63), "٣"):
        assert place_of(desk.vault, f"{wrong}.{token}") is None
    last = "A" if token[-1] != "A" else "B"
    for wrong in (token[:-1] + last, token[:-4], token + "AAAA", "", "=", "é", "A" * 32, "_" * 32):
        assert place_of(desk.vault, f"{number}.{wrong}") is None
    assert place_of(desk.vault, number) is None


async def test_a_form_is_of_one_order() -> None:
    desk = await open_desk()
    first, second = await made(desk), await made(desk)
    assert form_key(desk.vault, first, "a") == form_key(desk.vault, first, "a")
    assert form_key(desk.vault, first, "a") != form_key(desk.vault, second, "a")
    assert form_key(desk.vault, first, "a") != form_key(desk.vault, first, "b")
