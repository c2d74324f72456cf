"""What every store must do with a wallet's token: it is used once, with the order that it made."""

import asyncio

import pytest
from msgspec.structs import replace
from tests.contract.stores import Till, next_step, use

from counterfoil.core.change import change
from counterfoil.core.keeping import Old
from counterfoil.core.order import Kind, Order
from counterfoil.core.ports import Committed, Store
from counterfoil.core.wallets import Form, Wallet, WalletUse

pytestmark = pytest.mark.anyio

TOKEN = WalletUse(wallet=Wallet.APPLE_PAY, form=Form.EC_V1, id="ab" * 32, until=1_000)


def paid(till: Till, token: WalletUse = TOKEN, merchant: int = 1) -> Order:
    """A new order that is to be paid with that token."""
    order = till.with_card(till.order(merchant))
    return replace(order, payments=(replace(order.payments[0], wallet=token),))


async def test_a_token_is_remembered_with_the_order_that_it_made(store: Store, till: Till) -> None:
    order = await till.put(paid(till))
    assert await store.load(1, order.id) == order
    used = await store.key_use(1, TOKEN.key)
    assert used is not None
    assert (used.order, used.used) == (order.id, 1_000)


async def test_a_token_is_good_once_for_each_merchant(store: Store, till: Till) -> None:
    await till.put(paid(till))
    again = paid(till)
    assert await store.commit(change(again)) is Committed.DUPLICATE
    assert await store.commit(change(again, key=use(again, "k"))) is Committed.DUPLICATE
    assert await store.key_use(1, "k") is None
    await till.put(paid(till, merchant=2))
    await till.put(paid(till, replace(TOKEN, id="cd" * 32)))
    await till.put(paid(till, replace(TOKEN, wallet=Wallet.GOOGLE_PAY)))


async def test_a_caller_s_key_counts_besides(store: Store, till: Till) -> None:
    order = paid(till)
    assert await store.commit(change(order, key=use(order, "k"))) is Committed.DONE
    other = paid(till, replace(TOKEN, id="cd" * 32))
    assert await store.commit(change(other, key=use(other, "k"))) is Committed.DUPLICATE
    assert await store.key_use(1, replace(TOKEN, id="cd" * 32).key) is None


async def test_of_many_with_one_token_one_goes_through(store: Store, till: Till) -> None:
    changes = [change(paid(till)) for _ in range(20)]
    verdicts = await asyncio.gather(*(store.commit(each) for each in changes))
    assert sorted(verdicts) == [Committed.DONE] + [Committed.DUPLICATE] * 19


async def test_what_follows_uses_no_token_again(store: Store, till: Till) -> None:
    begun = await till.begin(await till.put(paid(till, replace(TOKEN, until=None))), Kind.AUTHORIZE)
    order = await till.finish(replace(begun))
    assert await store.key_use(1, TOKEN.key) is None
    assert await store.commit(next_step(order, "later")) is Committed.DONE


async def test_a_token_for_an_order_that_was_there_is_remembered(store: Store, till: Till) -> None:
    plain = await till.put(till.order())
    with_token = replace(plain, payments=paid(till).payments)
    begun = await till.begin(with_token, Kind.AUTHORIZE)
    used = await store.key_use(1, TOKEN.key)
    assert used is not None
    assert used.order == plain.id
    charged = await till.begin(await till.finish(begun), Kind.CHARGE)
    assert charged.payments[0].wallet == TOKEN


async def test_a_sample_may_come_again(store: Store, till: Till) -> None:
    for _ in range(2):
        await till.put(paid(till, replace(TOKEN, form=Form.SAMPLE, until=None)))
    assert await store.key_use(1, TOKEN.key) is None


async def test_a_token_is_forgotten_when_its_life_is_over(store: Store, till: Till) -> None:
    await till.put(paid(till))
    await store.forget(Old.KEYS, 1, 1_000)
    assert await store.key_use(1, TOKEN.key) is not None
    await store.forget(Old.KEYS, 1, 1_001)
    assert await store.key_use(1, TOKEN.key) is None
