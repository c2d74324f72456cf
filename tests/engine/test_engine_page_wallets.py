"""A wallet's button on an order's page: offered where it can be tried, and it pays like a token."""

from collections.abc import Sequence

import pytest
from msgspec.structs import replace
from tests.engine.desk import CARD, PAN, Desk, open_desk, refusal, two_terminals
from tests.engine.test_engine_pages import asking, made
from tests.engine.test_engine_wallets import PROOF, TOKEN, Purse

from counterfoil.core.errors import Code
from counterfoil.core.order import Order
from counterfoil.core.ports import Capability
from counterfoil.core.rules import Standing, standing
from counterfoil.core.wallets import Reason, Token, Wallet
from counterfoil.engine.pages import Attempt, Pages
from counterfoil.engine.wallets import card_of
from counterfoil.testing.acquirer import EVERYTHING

pytestmark = pytest.mark.anyio

BOTH = (Wallet.APPLE_PAY, Wallet.GOOGLE_PAY)


async def offered(desk: Desk, pages: Pages, **session: object) -> Sequence[Wallet]:
    return pages.offers(desk.merchant, await made(desk, None, **session))


async def test_wallets_are_offered_as_the_order_asks() -> None:
    desk = await open_desk()
    pages = Pages(desk.orders, wallets=Purse(desk))
    assert await offered(desk, pages) == ()
    assert await offered(desk, pages, google_pay=True) == (Wallet.GOOGLE_PAY,)
    assert await offered(desk, pages, google_pay=True, apple_pay=True) == BOTH


@pytest.mark.parametrize("lacks", [Capability.SAMPLES, Capability.CRYPTOGRAMS])
async def test_they_are_not_offered_where_they_cannot_be_tried(lacks: Capability) -> None:
    desk = await open_desk(supports=EVERYTHING - {lacks})
    asked = {"apple_pay": True, "google_pay": True}
    assert await offered(desk, Pages(desk.orders, wallets=Purse(desk)), **asked) == ()
    desk = await open_desk(terminals=two_terminals())
    assert await offered(desk, Pages(desk.orders), **asked) == ()
    gone = Pages(desk.orders, wallets=Purse(desk))
    assert await offered(desk, gone, **asked, terminal="GONE") == ()


async def tap(desk: Desk, pages: Pages, order: Order, purse: Purse, token: Token = TOKEN) -> Order:
    opened = pages.tapped(desk.merchant, order, token)
    asked = Attempt(card=card_of(opened), wallet=opened.use, form="f", ip="9.9.9.9")
    assert purse.asked[-1][1] == order.amount
    return await pages.pay(desk.merchant, order, asked)


async def test_a_tap_pays_and_nobody_else_is_asked() -> None:
    desk = await open_desk()
    purse = Purse(desk)
    pages = asking(desk)
    pages.wallets = purse
    order = await tap(desk, pages, await made(desk, apple_pay=True, force3d=True), purse)
    assert standing(order) is Standing.AUTHORIZED
    (instruction,) = desk.host.instructions
    assert instruction.card is not None
    assert (instruction.card.pan, instruction.card.cryptogram) == (PAN, PROOF)
    (payment,) = order.payments
    assert payment.wallet is not None
    assert payment.wallet.id == "one"


async def test_a_plain_card_out_of_a_wallet_is_authenticated_like_any_other() -> None:
    desk = await open_desk()
    pages = asking(desk)
    opened = Purse(desk).open(desk.merchant, TOKEN, (await made(desk)).amount, 0, samples=True)
    plain = replace(opened.use, stand_in=None)
    asked = Attempt(card=CARD, wallet=plain, form="f")
    waiting = await pages.pay(desk.merchant, await made(desk), asked)
    assert standing(waiting) is Standing.WAITING
    assert desk.host.instructions == []


async def test_a_token_that_is_no_good_is_refused() -> None:
    desk = await open_desk()
    purse = Purse(desk)
    purse.bad = Reason.MALFORMED
    pages = Pages(desk.orders, wallets=purse)

    async def act() -> None:
        pages.tapped(desk.merchant, await made(desk, google_pay=True), TOKEN)

    assert (await refusal(act())).code is Code.WALLET_REFUSED
