"""What every store must do with the texts that are kept beside orders."""

import asyncio

import pytest
from tests.contract.stores import sealed

from counterfoil.core.keeping import Kept
from counterfoil.core.ports import Store

pytestmark = pytest.mark.anyio


def item(number: int, body: str = "{}", *, merchant: int = 1, kind: str = "account") -> Kept:
    return Kept(merchant=merchant, kind=kind, id=number, body=body)


async def test_what_is_kept_is_found_again_by_its_owner_only(store: Store) -> None:
    assert await store.keep(item(7, "é"))
    assert await store.kept(1, "account", 7) == "é"
    assert await store.kept(2, "account", 7) is None
    assert await store.kept(1, "card", 7) is None
    assert await store.kept(1, "account", 8) is None


async def test_it_is_replaced_by_who_knows_what_it_was(store: Store) -> None:
    assert await store.keep(item(7, "a"))
    assert not await store.keep(item(7, "b"))
    assert not await store.keep(item(7, "b"), "c")
    assert not await store.keep(item(8, "b"), "a")
    assert await store.keep(item(7, "b"), "a")
    assert await store.kept(1, "account", 7) == "b"


async def test_of_fifty_at_once_one_is_kept(store: Store) -> None:
    first = await asyncio.gather(*(store.keep(item(7, str(each))) for each in range(50)))
    assert first.count(True) == 1
    was = await store.kept(1, "account", 7)
    again = await asyncio.gather(*(store.keep(item(7, f"x{each}"), was) for each in range(50)))
    assert again.count(True) == 1


async def test_a_card_is_kept_with_it_or_not_at_all(store: Store) -> None:
    assert await store.keep(item(7, "a"), card=sealed(70))
    assert await store.card(1, 70) == sealed(70)
    assert not await store.keep(item(7, "b"), card=sealed(71))
    assert await store.card(1, 71) is None


async def test_a_run_is_in_order_and_of_one_kind(store: Store) -> None:
    for each in (item(3), item(1), item(2), item(4, kind="card"), item(5, merchant=2)):
        assert await store.keep(each)
    assert await store.every_kept(1, "account", 2) == [item(1), item(2)]
    assert await store.every_kept(1, "account", 2, after=2) == [item(3)]


async def test_what_is_dropped_is_gone_unless_it_has_changed(store: Store) -> None:
    for each in (item(1, "a"), item(2, "b"), item(3, "c"), item(1, "a", merchant=2)):
        assert await store.keep(each, card=sealed(70 + each.id))
    assert await store.keep(item(2, "changed"), "b")
    await store.drop([item(1, "a"), item(2, "b")], cards=[71])
    assert await store.every_kept(1, "account", 9) == [item(2, "changed"), item(3, "c")]
    assert await store.kept(2, "account", 1) == "a"
    assert await store.card(1, 71) is None
    assert await store.card(2, 71) == sealed(71)
    assert await store.card(1, 73) == sealed(73)
    await store.drop([item(9)])
