"""What every store must do when it is closed, and the durable ones when they are opened again."""

import asyncio
from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.contract.stores import DURABLE, Opener, Till, next_step, rate, sealed, use

from counterfoil.core.change import change
from counterfoil.core.errors import Code, Refused
from counterfoil.core.merchant import Credential
from counterfoil.core.order import Kind
from counterfoil.core.ports import Committed, DataKey, OrderQuery, Store
from counterfoil.testing import demo_merchant

pytestmark = pytest.mark.anyio


@pytest.fixture(params=DURABLE.values(), ids=[*DURABLE])
def opener(request: pytest.FixtureRequest) -> Opener:
    found: Opener = request.param
    return found


async def test_close_finishes_what_was_handed_over(opener: Opener, tmp_path: Path) -> None:
    store = await opener(tmp_path)
    till = Till(store)
    changes = [change(till.order(turn % 2 + 1)) for turn in range(300)]
    tasks = [asyncio.create_task(store.commit(each)) for each in changes]
    await asyncio.sleep(0)
    await store.close()
    assert set(await asyncio.gather(*tasks)) == {Committed.DONE}
    store = await opener(tmp_path)
    for each in changes:
        assert await store.load(each.order.merchant, each.order.id) == each.order
    await store.close()


async def test_after_close_a_commit_is_refused(store: Store, till: Till) -> None:
    await store.close()
    with pytest.raises(Refused) as found:
        await asyncio.wait_for(store.commit(change(till.order())), 1)
    assert found.value.code is Code.STORE_UNAVAILABLE


async def test_opened_again_it_has_everything(opener: Opener, tmp_path: Path) -> None:
    store = await opener(tmp_path)
    till = Till(store)
    order = till.full()
    order = await till.put(order, key=use(order, "k"), cards=(sealed(5),))
    order = await till.finish(await till.begin(order, Kind.AUTHORIZE))
    await store.save_merchant(demo_merchant(1))
    await store.save_credential(
        Credential(wire="bizon", login="shop", merchant=1, secret_hash=b"h")
    )
    await store.save_rates([rate("2026-01-10", "USD", "1.10")])
    await store.save_data_key(DataKey(id=1, wrapped=b"w"))
    await store.close()
    store = await opener(tmp_path)
    assert await store.load(1, order.id) == order
    assert await store.orders(OrderQuery(merchant=1, limit=9, name_part="üna")) == [order]
    assert await store.key_use(1, "k") == use(order, "k")
    assert await store.card(1, 5) == sealed(5)
    assert await store.merchants() == [demo_merchant(1)]
    assert await store.credential("bizon", "shop") is not None
    assert len(await store.rates("", "9")) == 1
    assert await store.data_keys() == [DataKey(id=1, wrapped=b"w")]
    assert await store.commit(next_step(order, "on")) is Committed.DONE
    repeated = replace(change(till.order()), key=use(order, "k"))
    assert await store.commit(repeated) is Committed.DUPLICATE
    await store.close()
