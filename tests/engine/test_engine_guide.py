"""3-D Secure from the payment page: who is asked, who waits, who comes back, and only once."""

import asyncio
from typing import Final

import pytest
from msgspec.structs import replace
from tests.engine.desk import EUR, refusal
from tests.engine.issuers import BASE, BROWSER, Secured, authorizations, card, secured

from counterfoil.connectors.sandbox.table import Authentication as How
from counterfoil.core.bank import Choice
from counterfoil.core.card import Brand
from counterfoil.core.errors import Code, Refused
from counterfoil.core.order import Order
from counterfoil.core.ports import OrderQuery
from counterfoil.core.rules import Standing, standing
from counterfoil.core.session import Session
from counterfoil.engine import guide
from counterfoil.engine.guide import browser
from counterfoil.engine.orders import Draft
from counterfoil.engine.pages import Attempt, Pages, path_of

pytestmark = pytest.mark.anyio

TOLD: Final = (
    ("browser_accept_header", "text/html"),
    ("browser_language", "en"),
    ("browser_user_agent", "Mozilla/5.0"),
    ("browser_ip", "6.6.6.6"),
)


def pages_of(desk: Secured) -> Pages:
    """The page, with its guide."""
    return Pages(desk.desk.orders, guide.Secured(desk.desk.engine))


async def made(desk: Secured, **session: object) -> Order:
    """A new order of 100.00 EUR that is paid from its page."""
    desk.desk.clock.advance(1)
    draft = Draft(amount=EUR, session=replace(Session(), **session))
    return (await desk.desk.orders.create(desk.desk.merchant, draft)).order


def attempt(how: How = How.CHALLENGE, form: str = "form", **more: object) -> Attempt:
    """Such a card, typed into the page."""
    return replace(Attempt(card=card(how), form=form, base=BASE, browser=TOLD), **more)


async def pay(desk: Secured, order: Order, sent: Attempt | None = None) -> Order:
    return await pages_of(desk).pay(desk.desk.merchant, order, sent or attempt())


@pytest.mark.parametrize(
    ("rule", "session"),
    [(False, {}), (True, {"force3d": False}), (True, {"exempt": True})],
)
async def test_nobody_is_asked_where_nothing_demands_it(
    rule: bool,
    session: dict[str, object],
) -> None:
    desk = await secured()
    desk.desk.merchant = replace(desk.desk.merchant, secure3d=rule)
    paid = await pay(desk, await made(desk, **session))
    assert standing(paid) is Standing.AUTHORIZED
    assert paid.payments[0].authentication is None


@pytest.mark.parametrize(
    ("rule", "session", "reason"),
    [(True, {}, "settings"), (False, {"force3d": True}, "force3d")],
)
async def test_a_demanded_challenge_waits_and_is_shown_as_often_as_one_looks(
    rule: bool,
    session: dict[str, object],
    reason: str,
) -> None:
    desk = await secured()
    desk.desk.merchant = replace(desk.desk.merchant, secure3d=rule)
    waiting = await pay(desk, await made(desk, **session))
    assert standing(waiting) is Standing.WAITING
    assert authorizations(desk) == []
    known = waiting.payments[0].authentication
    assert known is not None
    assert (known.reason, known.guided, known.browser) == (reason, True, None)
    assert known.return_url == BASE + path_of(desk.desk.vault, waiting)
    pages = pages_of(desk)
    first = await pages.challenge(desk.desk.merchant, waiting)
    assert first is not None
    assert first == await pages.challenge(desk.desk.merchant, await desk.desk.now(waiting))
    query = OrderQuery(merchant=1, limit=9, brands=(Brand.VISA,))
    assert await desk.desk.store.orders(query) == [waiting]


@pytest.mark.parametrize("told", [TOLD, ()])
async def test_who_comes_back_approved_is_authorized_and_charged_if_so_arranged(
    told: tuple[tuple[str, str], ...],
) -> None:
    desk = await secured()
    order = await made(desk, force3d=True, auto_charge=True)
    waiting = await pay(desk, order, attempt(browser=told))
    brought = await desk.visit(waiting)
    done = await desk.complete(waiting, brought)
    assert standing(done.order) is Standing.CHARGED
    assert await pages_of(desk).challenge(desk.desk.merchant, done.order) is None
    leads = guide.Secured(desk.desk.engine)
    assert await leads.challenge(desk.desk.merchant, done.order) is None


async def test_who_is_not_the_holder_has_paid_nothing() -> None:
    desk = await secured()
    waiting = await pay(desk, await made(desk, force3d=True, tries=3))
    done = await desk.complete(waiting, await desk.visit(waiting, Choice.DECLINE))
    assert done.order.closed is Code.AUTHENTICATION_FAILED
    again = await refusal(pay(desk, done.order))
    assert again.code is Code.WRONG_STATE


async def test_where_the_issuer_knows_enough_nobody_waits() -> None:
    desk = await secured()
    paid = await pay(desk, await made(desk, force3d=True), attempt(How.FRICTIONLESS))
    assert standing(paid) is Standing.AUTHORIZED
    assert paid.payments[0].secure3d is not None


async def test_of_two_forms_at_once_one_is_challenged() -> None:
    desk = await secured()
    order = await made(desk, force3d=True)
    answers = await asyncio.gather(
        *(pay(desk, order, attempt(form=str(each))) for each in range(4)), return_exceptions=True
    )
    assert sum(isinstance(each, Order) for each in answers) == 1
    codes = {each.code for each in answers if isinstance(each, Refused)}
    assert codes <= {Code.BUSY, Code.WRONG_STATE}


async def test_a_form_of_a_link_for_many_is_challenged_once() -> None:
    desk = await secured()
    link = await made(desk, force3d=True, shared=True)
    first, again = await pay(desk, link), await pay(desk, link)
    assert first.id == again.id != link.id
    waiting = await desk.desk.now(first)
    done = await desk.complete(waiting, await desk.visit(waiting))
    assert standing(done.order) is Standing.AUTHORIZED


def test_a_browser_is_taken_as_it_can_be() -> None:
    assert browser(()) is None
    assert browser(TOLD) == BROWSER
    odd = (
        ("browser_accept_header", "a\nb"),
        ("browser_color_depth", "99"),
        ("browser_screen_height", "٣"),
        ("browser_screen_width", "1920"),
        ("browser_timezone", "-330"),
        ("browser_java_enabled", "true"),
        ("browser_language", ""),
    )
    found = browser(odd)
    assert found is not None
    assert (found.accept, found.language, found.java) == ("*/*", "en", True)
    assert (found.color_depth, found.height, found.width, found.timezone) == (24, 0, 1920, -330)
