"""What every store must do with a change, and with everything else it is given to keep."""

import asyncio

import pytest
from msgspec.structs import replace
from tests.contract.stores import Till, next_step, rate, sealed, use

from counterfoil.core.change import FOREVER, Change, change, rejected
from counterfoil.core.errors import Code, Refused
from counterfoil.core.keeping import Old
from counterfoil.core.listing import projection
from counterfoil.core.merchant import Credential, Terminal
from counterfoil.core.order import Kind
from counterfoil.core.ports import Committed, DataKey, OrderQuery, Store
from counterfoil.core.rates import Rate
from counterfoil.testing import demo_merchant

pytestmark = pytest.mark.anyio


async def refused(store: Store, merchant: int, order: int) -> bool:
    with pytest.raises(Refused) as found:
        await store.load(merchant, order)
    return found.value.code is Code.ORDER_NOT_FOUND


async def test_what_is_committed_is_loaded(store: Store, till: Till) -> None:
    order = await till.put(till.full())
    assert order.version == 1
    assert await store.load(1, order.id) == order
    begun = await till.begin(order, Kind.AUTHORIZE)
    assert await store.load(1, order.id) == begun
    closed = await till.finish(begun)
    assert await store.load(1, order.id) == closed
    assert closed.version == 3


async def test_an_order_that_is_not_there(store: Store, till: Till) -> None:
    order = await till.put(till.order())
    assert await refused(store, 1, order.id + 1)
    assert await refused(store, 2, order.id)


async def test_a_change_decided_on_an_old_version_is_stale(store: Store, till: Till) -> None:
    first = await till.put(till.order())
    second = await till.put(replace(first, description="second"))
    change_of_old = replace(next_step(first, "late"), cards=(sealed(5),), key=use(first, "k"))
    assert await store.commit(change_of_old) is Committed.STALE
    ahead = next_step(replace(second, version=7), "ahead")
    assert await store.commit(ahead) is Committed.STALE
    assert await store.load(1, first.id) == second
    assert await store.card(1, 5) is None
    assert await store.key_use(1, "k") is None


async def test_a_change_of_an_order_that_is_not_there_is_stale(store: Store, till: Till) -> None:
    nowhere = replace(till.order(), version=1)
    assert await store.commit(next_step(nowhere, "x")) is Committed.STALE
    assert await refused(store, 1, nowhere.id)


async def test_nobody_changes_the_order_of_another_merchant(store: Store, till: Till) -> None:
    order = await till.put(till.order())
    theirs = replace(order, merchant=2)
    outcomes = await asyncio.gather(
        store.commit(next_step(theirs, "theirs")), store.commit(next_step(order, "ours"))
    )
    assert list(outcomes) == [Committed.STALE, Committed.DONE]
    assert (await store.load(1, order.id)).description == "ours"


async def test_a_new_order_under_a_key_used_before_is_duplicate(store: Store, till: Till) -> None:
    order = till.order()
    await till.put(order, key=use(order, "k"))
    again = till.order()
    repeated = replace(change(again), key=use(again, "k"), cards=(sealed(5),))
    assert await store.commit(repeated) is Committed.DUPLICATE
    assert await refused(store, 1, again.id)
    assert await store.card(1, 5) is None
    assert await store.key_use(1, "k") == use(order, "k")


async def test_the_key_is_looked_at_before_the_version(store: Store, till: Till) -> None:
    order = till.order()
    made = replace(change(order), key=use(order, "k"))
    assert await store.commit(made) is Committed.DONE
    assert await store.commit(made) is Committed.DUPLICATE
    late = replace(next_step(order, "late"), key=use(order, "k"))
    assert await store.commit(late) is Committed.DUPLICATE
    assert await store.load(1, order.id) == made.order


async def test_a_step_under_a_key_used_before_is_duplicate(store: Store, till: Till) -> None:
    order = till.order()
    order = await till.put(order, key=use(order, "k"))
    step = replace(next_step(order, "again"), key=use(order, "k"))
    assert await store.commit(step) is Committed.DUPLICATE
    assert await store.load(1, order.id) == order
    other = replace(next_step(order, "other"), key=use(order, "K"))
    assert await store.commit(other) is Committed.DONE


async def test_a_key_belongs_to_a_merchant(store: Store, till: Till) -> None:
    ours, theirs = till.order(1), till.order(2)
    await till.put(ours, key=use(ours, "k"))
    await till.put(theirs, key=use(theirs, "k"))
    assert await store.key_use(2, "k") == use(theirs, "k")
    assert await store.key_use(3, "k") is None
    assert await store.key_use(1, "") is None


async def test_a_new_order_under_a_number_in_use_is_stale(store: Store, till: Till) -> None:
    order = await till.put(till.order(description="first"))
    again = replace(order, version=0, description="second")
    assert await store.commit(change(again)) is Committed.STALE
    assert await store.load(1, order.id) == order


async def test_of_two_changes_at_once_one_is_done(store: Store, till: Till) -> None:
    order = await till.put(till.order())
    for _ in range(5):
        steps = [next_step(order, "left"), next_step(order, "right")]
        outcomes = await asyncio.gather(*map(store.commit, steps))
        assert sorted(outcomes) == [Committed.DONE, Committed.STALE]
        order = await store.load(1, order.id)
        assert order == steps[outcomes.index(Committed.DONE)].order


async def test_of_fifty_with_one_key_one_is_done(store: Store, till: Till) -> None:
    orders = [till.order() for _ in range(50)]
    changes = [replace(change(order), key=use(order, "k")) for order in orders]
    outcomes = await asyncio.gather(*map(store.commit, changes))
    assert sorted(outcomes) == [Committed.DONE] + [Committed.DUPLICATE] * 49
    (done,) = await store.orders(OrderQuery(merchant=1, limit=100))
    assert done.id == orders[outcomes.index(Committed.DONE)].id
    assert await store.key_use(1, "k") == use(done, "k")


async def test_stale_and_duplicate_fall_out_of_a_batch_alone(store: Store, till: Till) -> None:
    old = await till.put(till.order(), key=use(till.order(), "used"))
    expected: list[Committed] = []
    changes: list[Change] = []
    for turn in range(90):
        order = till.order(turn % 3 + 1, description=str(turn))
        match turn % 5:
            case 1 if order.merchant == 1:
                changes.append(replace(change(order), key=use(order, "used")))
                expected.append(Committed.DUPLICATE)
            case 2:
                changes.append(next_step(replace(old, version=9), "stale"))
                expected.append(Committed.STALE)
            case 3:
                changes.append(replace(change(order), key=use(order, f"key {turn}")))
                expected.append(Committed.DONE)
            case _:
                changes.append(change(order))
                expected.append(Committed.DONE)
    assert await asyncio.gather(*map(store.commit, changes)) == expected
    for made, outcome in zip(changes, expected, strict=True):
        if outcome is Committed.DONE:
            assert await store.load(made.order.merchant, made.order.id) == made.order
        elif outcome is Committed.DUPLICATE:
            assert await refused(store, 1, made.order.id)
    assert await store.load(1, old.id) == old


async def test_many_orders_step_by_step_at_once(store: Store, till: Till) -> None:
    orders = [till.order(turn % 2 + 1) for turn in range(40)]
    charged = await asyncio.gather(*map(till.charged, orders))
    for order in charged:
        assert order.version == 4
        assert await store.load(order.merchant, order.id) == order


async def test_whoever_committed_reads_it(store: Store, till: Till) -> None:
    async def one() -> None:
        order = till.order()
        order = await till.put(order, key=use(order, str(order.id)), cards=(sealed(order.id),))
        assert await store.load(1, order.id) == order
        assert await store.card(1, order.id) == sealed(order.id)
        assert await store.key_use(1, str(order.id)) == use(order, str(order.id))
        page = OrderQuery(merchant=1, limit=1, first=order.id, last=order.id)
        assert await store.orders(page) == [order]

    await asyncio.gather(*(one() for _ in range(20)))


async def test_a_caller_who_goes_away_takes_nothing_along(store: Store, till: Till) -> None:
    changes = [change(till.order()) for _ in range(40)]
    tasks = [asyncio.create_task(store.commit(each)) for each in changes]
    await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert outcomes[1::2] == [Committed.DONE] * 20
    for each in changes[1::2]:
        assert await store.load(1, each.order.id) == each.order
    await till.put(till.order())


async def test_what_rests_is_what_was_committed(store: Store, till: Till) -> None:
    orders = [
        await till.charged(till.order(), None),
        await till.begin(await till.authorized(till.order()), Kind.CHARGE, 400),
        await till.put(rejected(till.order(), Code.CURRENCY_NOT_ENABLED, 1)),
    ]
    await till.charged(till.order(2))
    found = await store.evidence(1, 0, 10)
    assert [each.order for each in found] == orders
    assert [each.version for each in found] == [4, 3, 1]
    assert [each.operations for each in found] == [order.operations for order in orders]
    assert [each.projected for each in found] == [projection(order) for order in orders]
    assert [len(each.postings) for each in found] == [6, 2, 0]
    assert all(sum(posting.minor for posting in each.postings) == 0 for each in found)
    assert [each.order for each in await store.evidence(1, orders[0].id, 1)] == [orders[1]]


async def test_cards(store: Store, till: Till) -> None:
    await till.put(till.order(), cards=(sealed(3), sealed(1)))
    await till.put(till.order(), cards=(sealed(2),))
    await till.put(till.order(2), cards=(sealed(4),))
    assert await store.card(1, 3) == sealed(3)
    assert await store.card(2, 3) is None
    assert [card.id async for card in store.every_card(1)] == [1, 2, 3]
    assert [card.id async for card in store.every_card(3)] == []


async def test_cards_are_resealed_while_they_are_walked(store: Store, till: Till) -> None:
    await till.put(till.order(), cards=tuple(sealed(number) for number in range(1, 601)))
    await till.put(till.order(2), cards=(sealed(601),))
    walked = 0
    async for card in store.every_card(1):
        walked += 1
        if card.id % 10 == 0:
            await store.reseal(1, replace(card, key=2, sealed=b"again"))
    assert walked == 600
    found = [card async for card in store.every_card(1)]
    assert [card.id for card in found] == list(range(1, 601))
    assert {card.id for card in found if card.key == 2} == set(range(10, 601, 10))
    assert await store.card(1, 10) == replace(sealed(10, 2), sealed=b"again")
    await store.reseal(1, sealed(601, 9))
    assert await store.card(2, 601) == sealed(601)
    assert await store.card(1, 601) is None


async def test_merchants(store: Store) -> None:
    assert await store.merchants() == []
    assert await store.merchant(1) is None
    for number in (2, 1):
        await store.save_merchant(demo_merchant(number))
    changed = demo_merchant(2, name="Ümläut", terminals=(Terminal(name="A", connector="x"),))
    await store.save_merchant(changed)
    assert await store.merchant(2) == changed
    assert await store.merchants() == [demo_merchant(1), changed]


async def test_credentials(store: Store) -> None:
    given = [
        Credential(wire="bizon", login="shop", merchant=1, secret_hash=b"\x00a"),
        Credential(wire="razorpay", login="shop", merchant=2, secret_hash=b"b"),
        Credential(wire="payfunc", login="other", merchant=1, secret_hash=b"c"),
    ]
    for each in given:
        await store.save_credential(each)
    changed = replace(given[0], secret_hash=b"new")
    await store.save_credential(changed)
    assert await store.credential("bizon", "shop") == changed
    assert await store.credential("razorpay", "shop") == given[1]
    assert await store.credential("afterpay", "shop") is None
    assert await store.credential("bizon", "SHOP") is None
    found = await store.credentials(1)
    assert sorted(each.wire for each in found) == ["bizon", "payfunc"]
    assert await store.credentials(3) == []


async def test_rates(store: Store) -> None:
    old, new = rate("2026-01-10", "USD", "1.10"), rate("2026-01-12", "USD", "1.123456789012")
    pound, yen = rate("2026-01-09", "GBP", "0.85"), rate("2026-02-01", "JPY", "160")
    await store.save_rates([new, old, pound, yen])
    await store.save_rates([])
    assert by_day(await store.rates("2026-01-10", "2026-02-01")) == [old, new, yen]
    assert by_day(await store.rates("2026-01-10", "2026-01-11")) == [old]
    assert by_day(await store.rates_on("2026-01-12")) == [pound, new]
    assert by_day(await store.rates_on("2026-01-11")) == [pound, old]
    assert by_day(await store.rates_on("2026-01-09")) == [pound]
    assert await store.rates_on("2026-01-08") == []
    corrected = rate("2026-01-12", "USD", "1.2")
    await store.save_rates([corrected])
    assert by_day(await store.rates_on("2030-01-01")) == [pound, corrected, yen]


def by_day(rates: object) -> list[Rate]:
    assert isinstance(rates, list)
    return sorted(rates, key=lambda each: each.day)


async def test_data_keys(store: Store) -> None:
    assert await store.data_keys() == []
    root = DataKey(id=0, wrapped=b"\x00\x01", active=False)
    first = DataKey(id=2**62, wrapped=b"\xff")
    for key in (first, root):
        await store.save_data_key(key)
    assert sorted(await store.data_keys(), key=lambda key: key.id) == [root, first]
    retired = replace(first, wrapped=b"other", active=False)
    await store.save_data_key(retired)
    assert sorted(await store.data_keys(), key=lambda key: key.id) == [root, retired]


async def test_ready(store: Store) -> None:
    assert await store.ready() is True


async def test_a_name_is_taken_once_whatever_takes_it(store: Store, till: Till) -> None:
    order = till.order()
    names = (use(order, "n/1"), use(order, "n/2"))
    order = await till.put(order, key=use(order, "k"), names=names)
    assert await store.key_use(1, "n/2") == names[1]
    for taken in ("k", "n/1", "n/2"):
        other = till.order()
        made = replace(change(other), key=use(other, "new"), names=(use(other, taken),))
        assert await store.commit(made) is Committed.DUPLICATE
        assert await store.key_use(1, "new") is None
    step = replace(next_step(order, "again"), names=(use(order, "n/2"),))
    assert await store.commit(step) is Committed.DUPLICATE
    theirs = till.order(2)
    await till.put(theirs, names=(use(theirs, "n/1"),))


async def test_of_fifty_with_one_name_one_is_done(store: Store, till: Till) -> None:
    orders = [till.order() for _ in range(50)]
    changes = [
        replace(change(order), key=use(order, f"k{order.id}"), names=(use(order, "n"),))
        for order in orders
    ]
    outcomes = await asyncio.gather(*map(store.commit, changes))
    assert sorted(outcomes) == [Committed.DONE] + [Committed.DUPLICATE] * 49


async def test_names_outlive_keys(store: Store, till: Till) -> None:
    order = till.order()
    name = replace(use(order, "n"), used=FOREVER)
    await till.put(order, key=use(order, "k"), names=(name,))
    await store.forget(Old.KEYS, 1, FOREVER)
    assert (await store.key_use(1, "k"), await store.key_use(1, "n")) == (None, name)


async def test_what_rests_of_a_merchant_that_is_gone_is_found(store: Store, till: Till) -> None:
    for number in (1, 3):
        await store.save_merchant(demo_merchant(number))
    for merchant in (1, 2, 3):
        await till.put(till.order(merchant))
    assert (2, "orders") in await store.orphans()
    assert {merchant for merchant, _ in await store.orphans()} == {2}
    await store.save_merchant(demo_merchant(2))
    assert await store.orphans() == []
