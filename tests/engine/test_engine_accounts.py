"""Accounts: orders charged on stored cards, tried again by timers, given up, and what they owe."""

from typing import Final

import pytest
from msgspec import json
from msgspec.structs import replace
from tests.engine.desk import EUR, Desk, once, open_desk, refusal

from counterfoil.core.accounts import Account, Instrument, Standing, standing
from counterfoil.core.answers import Unknown
from counterfoil.core.card import Pan
from counterfoil.core.declines import Decline
from counterfoil.core.errors import Code
from counterfoil.core.keeping import Kept
from counterfoil.core.merchant import Credential
from counterfoil.core.money import Money
from counterfoil.core.order import Kind, Order, Outcome
from counterfoil.core.pan import describe
from counterfoil.core.rules import Command
from counterfoil.core.schedule import SECOND_US
from counterfoil.core.timers import Due, Errand, Timer
from counterfoil.engine import stored
from counterfoil.engine.accounts import Accounts, Tried, owed
from counterfoil.engine.directory import Directory
from counterfoil.engine.orders import Draft
from counterfoil.engine.perform import KeyTakenError
from counterfoil.engine.pump import NotYetError
from counterfoil.engine.stored import Try
from counterfoil.testing import approve, decline, unknown

pytestmark = pytest.mark.anyio
HOUR_US: Final = 3600 * SECOND_US
POOR: Final = decline(Decline.INSUFFICIENT_FUNDS)
BROKEN: Final = decline(Decline.ISSUER_UNAVAILABLE)
DAY_AND_TWO: Final = (24 * HOUR_US, 48 * HOUR_US)
DRAFT: Final = Draft(amount=EUR)


async def opened(desk: Desk, cards: int = 1) -> Account:
    """An account with so many cards."""
    found = []
    for number in range(cards):
        card = describe(Pan("4111111111111111"), 100 + number, month=12, year=2030)
        sealed = desk.vault.seal(1, card.id, Pan("4111111111111111"))
        await desk.store.keep(Kept(merchant=1, kind="card", id=card.id, body=""), card=sealed)
        found.append(Instrument(card=card, since=0))
    made = Account(merchant=1, id=7, instruments=tuple(found))
    return await Accounts(desk.orders).alter(1, 7, lambda _: made)


async def now(desk: Desk) -> Account:
    """The account as it rests."""
    found = await Accounts(desk.orders).find(1, 7)
    assert found is not None
    return found


async def paid(desk: Desk, draft: Draft = DRAFT, waits: tuple[int, ...] = DAY_AND_TWO) -> Order:
    """An order that the account is to pay."""
    done = await Accounts(desk.orders).pay(desk.merchant, draft, await now(desk), waits)
    return done.order


async def test_the_first_card_that_pays_pays() -> None:
    desk = await open_desk(POOR, approve)
    await opened(desk, 3)
    order = await paid(desk)
    assert [each.outcome for each in order.operations] == [Outcome.DECLINED, Outcome.APPROVED]
    assert [len(each.log) for each in order.payments] == [1, 1]
    account = await now(desk)
    assert (account.unpaid, standing(account)) == ((), Standing.ACTIVE)
    await desk.later(100 * 3600)
    assert len(desk.host.instructions) == 2


async def test_who_has_paid_before_and_owes_nothing_stays_as_they_are() -> None:
    desk = await open_desk(approve, approve)
    await opened(desk)
    await paid(desk)
    before = await now(desk)
    await paid(desk)
    assert await now(desk) == before
    assert len(desk.host.instructions) == 2


async def test_it_is_tried_at_every_instant_and_then_no_more() -> None:
    desk = await open_desk(POOR, POOR, POOR)
    await opened(desk)
    order = await paid(desk)
    assert standing(await now(desk)) is Standing.PENDING
    await desk.later(25 * 3600)
    assert standing(await now(desk)) is Standing.PENDING
    await desk.later(48 * 3600)
    assert len(desk.host.instructions) == 3
    assert standing(await now(desk)) is Standing.SUSPENDED
    assert owed(await desk.now(order))
    assert Due.RETRY not in await desk.timers()


async def test_a_later_try_pays_and_charges_where_that_was_asked() -> None:
    desk = await open_desk(POOR)
    await opened(desk)
    order = await paid(desk, replace(DRAFT, auto_charge=True))
    await desk.later(25 * 3600)
    kinds = [(each.kind.value, each.outcome.value) for each in (await desk.now(order)).operations]
    assert kinds == [("authorize", "declined"), ("authorize", "approved"), ("charge", "approved")]
    assert standing(await now(desk)) is Standing.ACTIVE
    assert Due.RETRY not in await desk.timers()


async def test_without_a_card_it_is_made_and_owed() -> None:
    desk = await open_desk()
    await opened(desk, 0)
    assert standing(await now(desk)) is Standing.CREATED
    accounts = Accounts(desk.orders)
    asked = once()
    done = await accounts.pay(desk.merchant, DRAFT, await now(desk), DAY_AND_TWO, asked)
    assert (done.order.payments, done.operation) == ((), None)
    again = await accounts.pay(desk.merchant, DRAFT, await now(desk), DAY_AND_TWO, asked)
    assert again.order == done.order
    assert await accounts.retry(desk.merchant, done.order.id, await now(desk)) is Tried.ERROR
    full = await opened(desk)
    assert await accounts.retry(desk.merchant, done.order.id, full) is Tried.PAID
    assert len((await desk.now(done.order)).payments) == 1


async def test_no_pauses_are_no_tries() -> None:
    desk = await open_desk(POOR)
    await opened(desk)
    await paid(desk, waits=())
    assert standing(await now(desk)) is Standing.SUSPENDED
    assert await desk.timers() == []


@pytest.mark.parametrize(
    ("answer", "tried"),
    [(POOR, Tried.UNPAID), (BROKEN, Tried.ERROR), (unknown(), Tried.ERROR), (approve, Tried.PAID)],
)
async def test_what_comes_of_a_try(answer: object, tried: Tried) -> None:
    desk = await open_desk(POOR, answer)  # type: ignore[arg-type]
    await opened(desk)
    order = await paid(desk)
    assert await Accounts(desk.orders).retry(desk.merchant, order.id, await now(desk)) is tried


async def test_what_is_paid_is_not_tried() -> None:
    desk = await open_desk()
    await opened(desk)
    order = await paid(desk)
    accounts = Accounts(desk.orders)
    assert await accounts.retry(desk.merchant, order.id, await now(desk)) is Tried.GONE
    done = await desk.authorize()
    assert await accounts.retry(desk.merchant, done.order.id, await now(desk)) is Tried.GONE


async def test_a_currency_that_is_not_enabled_is_refused() -> None:
    desk = await open_desk()
    account = await opened(desk)
    draft = Draft(amount=Money(minor=100, currency="SEK"))
    work = Accounts(desk.orders).pay(desk.merchant, draft, account, ())
    assert (await refusal(work)).code is Code.CURRENCY_NOT_ENABLED


async def test_a_card_that_is_gone_is_an_error() -> None:
    desk = await open_desk(POOR)
    account = await opened(desk)
    order = await paid(desk)
    del desk.store._cards[1, 100]
    accounts = Accounts(desk.orders)
    assert await accounts.retry(desk.merchant, order.id, account) is Tried.ERROR


async def test_a_timer_waits_for_an_answer() -> None:
    desk = await open_desk(unknown())
    await opened(desk)
    order = await paid(desk, waits=(HOUR_US,))
    errand = Errand(merchant=1, timer=Timer(kind=Due.RETRY, subject=order.id, due=0))
    with pytest.raises(NotYetError):
        await Accounts(desk.orders).fire(errand)
    assert len(desk.host.instructions) == 1
    await desk.later(3601)
    assert not owed(await desk.now(order))


async def test_a_timer_of_what_is_gone_does_nothing() -> None:
    desk = await open_desk(POOR)
    await opened(desk)
    order = await paid(desk)
    accounts = Accounts(desk.orders)
    del desk.store._kept[1, "account", 7]
    errand = Errand(merchant=1, timer=Timer(kind=Due.RETRY, subject=order.id, due=0))
    assert (await accounts.fire(errand)).settled.again is None
    done = await desk.authorize()
    errand = Errand(merchant=1, timer=Timer(kind=Due.RETRY, subject=done.order.id, due=0))
    assert (await accounts.fire(errand)).settled.again is None


async def test_a_timer_of_a_paid_order_ends() -> None:
    desk = await open_desk(POOR)
    await opened(desk)
    order = await paid(desk)
    accounts = Accounts(desk.orders)
    assert await accounts.retry(desk.merchant, order.id, await now(desk)) is Tried.PAID
    await desk.later(25 * 3600)
    assert Due.RETRY not in await desk.timers()


async def test_what_is_owed_can_be_given_up_once() -> None:
    desk = await open_desk(POOR, POOR)
    await opened(desk)
    order = await paid(desk)
    accounts = Accounts(desk.orders)
    done = await accounts.waive(desk.merchant, order.id, everything, once())
    assert (done.order.closed, (await now(desk)).unpaid) == (Code.ORDER_CLOSED, ())
    refused = await refusal(accounts.waive(desk.merchant, order.id, everything))
    assert refused.code is Code.WRONG_STATE
    other = await paid(desk)
    with pytest.raises(KeyTakenError):
        await accounts.waive(desk.merchant, other.id, everything, once())


async def test_a_part_that_is_given_up_is_tried_no_more() -> None:
    desk = await open_desk(POOR, POOR, POOR)
    await opened(desk)
    order = await paid(desk)
    accounts = Accounts(desk.orders)
    part = Command(kind=Kind.REVERSE, minor=order.amount.minor // 4)
    await accounts.waive(desk.merchant, order.id, lambda _: part)
    assert [each.order for each in (await now(desk)).unpaid] == [order.id]
    for _ in range(2):
        assert await accounts.retry(desk.merchant, order.id, await now(desk)) is Tried.UNPAID
    known = await desk.store.load(1, order.id)
    tried = [each.amount.minor for each in known.operations]
    assert tried[1:] == [order.amount.minor - part.minor] * 2  # type: ignore[operator]
    assert len(known.payments) == 2


def everything(_: Order) -> Command:
    """All that is open."""
    return Command(kind=Kind.REVERSE)


async def test_accounts_are_found_in_runs_and_kept_by_one_at_a_time() -> None:
    desk = await open_desk()
    accounts = Accounts(desk.orders)
    assert await accounts.find(1, 7) is None
    for number in range(1, 103):
        made = Account(merchant=1, id=number)
        body = json.encode(made).decode()
        assert await desk.store.keep(Kept(merchant=1, kind="account", id=number, body=body))
    assert [each.id for each in await accounts.run(1, 50, after=52)] == [*range(53, 103)]

    def worn(account: Account | None) -> Account:
        assert account is not None
        place = (1, "account", 7)
        known = desk.store._kept[place]
        desk.store._kept[place] = replace(known, body=known.body.replace("{", "{ ", 1))
        return replace(account, used=True)

    assert (await refusal(accounts.alter(1, 7, worn))).code is Code.BUSY


def test_an_account_in_one_word() -> None:
    account = Account(merchant=1, id=7)
    assert standing(account) is Standing.CREATED
    assert standing(replace(account, used=True)) is Standing.ACTIVE
    assert standing(replace(account, off=True)) is Standing.INACTIVE


# One card, one try: what a ticket may be used for, and what is to be new.


async def alone(desk: Desk, **more: object) -> tuple[Order, Try]:
    """An order by a stored card, not yet made, and how it is tried."""
    account = await opened(desk)
    card = account.instruments[0].card
    order = desk.orders.order(desk.merchant, DRAFT, card)
    return order, replace(Try(card=card, ticket="t", until=1), **more)


async def test_a_ticket_is_used_up_by_an_approval_only() -> None:
    desk = await open_desk(POOR, POOR)
    for outcome in (Outcome.DECLINED, Outcome.DECLINED, Outcome.APPROVED):
        order, how = await alone(desk)
        done = await stored.authorize(desk.engine, desk.merchant, order, how)
        assert done.order.operations[-1].outcome is outcome
    order, how = await alone(desk)
    refused = await refusal(stored.authorize(desk.engine, desk.merchant, order, how))
    assert refused.code is Code.NO_STORED_CARD


async def test_what_is_to_be_new_is_new() -> None:
    desk = await open_desk(Unknown(why="late"))
    order, how = await alone(desk, fresh=True, ticket=None)
    done = await stored.authorize(desk.engine, desk.merchant, order, how)
    again = stored.authorize(desk.engine, desk.merchant, done.order, how)
    assert (await refusal(again)).code is Code.WRONG_STATE
    sek = replace(order, amount=Money(minor=1, currency="SEK"))
    work = stored.authorize(desk.engine, desk.merchant, sek, how)
    assert (await refusal(work)).code is Code.CURRENCY_NOT_ENABLED
    assert desk.orders.order(desk.merchant, DRAFT, None).payments == ()


async def test_a_key_goes_with_the_order_it_made() -> None:
    desk = await open_desk()
    order, how = await alone(desk)
    done = await stored.authorize(desk.engine, desk.merchant, order, how, once())
    assert done.operation is not None
    assert done.operation.key == "key-1"
    other, again = await alone(desk, ticket=None)
    with pytest.raises(KeyTakenError):
        await stored.authorize(desk.engine, desk.merchant, other, again, once())


async def test_an_order_is_told_to_the_address_it_names() -> None:
    desk = await open_desk()
    endpoint = await desk.listens(url="https://shop.example")
    await desk.store.save_endpoint(replace(endpoint, named=True))
    desk.audience.forget(1)
    await desk.authorize()
    await desk.authorize(callback="https://other.example/a")
    await desk.authorize(callback="https://shop.example/a?b=1")
    await desk.later(1)
    assert [url for url, _ in desk.courier.posts] == ["https://shop.example/a?b=1"]


async def test_a_login_is_known_without_its_secret() -> None:
    desk = await open_desk()
    directory = Directory(desk.store, desk.vault, desk.clock)
    assert await directory.known("w", "login") is None
    assert await directory.known("w", "x" * 1000) is None
    made = Credential(wire="w", login="login", merchant=1, secret_hash=b"s")
    await desk.store.save_credential(made)
    assert await directory.known("w", "login") == (made, desk.merchant)
    assert await directory.known("w", "login") == (made, desk.merchant)
