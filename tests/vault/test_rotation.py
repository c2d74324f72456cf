"""Keys change under stored cards; stopping anywhere loses nothing."""

import base64
import hashlib
from collections.abc import AsyncIterator

import pytest

from counterfoil.core.card import Pan, SealedCard
from counterfoil.core.change import Change
from counterfoil.core.money import Money
from counterfoil.core.order import Order
from counterfoil.core.ports import DataKey, VaultError
from counterfoil.testing import MemoryStore, demo_merchant
from counterfoil.vault import (
    KeyRing,
    MasterKey,
    first_keys,
    master_from_text,
    rotate,
    rotate_master,
)

pytestmark = pytest.mark.anyio

VISA = Pan("4111111111111111")
MERCHANTS = {1: 7, 2: 3, 3: 0}  # merchant: how many cards


def master(name: str) -> MasterKey:
    return master_from_text(
        base64.urlsafe_b64encode(hashlib.sha256(name.encode()).digest()).decode()
    )


OLD, NEW = master("old"), master("new")


class Interrupted(Exception):  # noqa: N818
    """The power went."""


class FailingStore(MemoryStore):
    """A store whose power goes at the n-th write of a card or key."""

    def __init__(self) -> None:
        super().__init__()
        self.writes_left = 10**9

    async def reseal(self, merchant: int, card: SealedCard) -> None:
        self._spend()
        await super().reseal(merchant, card)

    async def save_data_key(self, key: DataKey) -> None:
        self._spend()
        await super().save_data_key(key)

    def _spend(self) -> None:
        self.writes_left -= 1
        if self.writes_left < 0:
            raise Interrupted


@pytest.fixture
async def store() -> FailingStore:
    store = FailingStore()
    keys = first_keys(OLD, 10)
    for key in keys:
        await store.save_data_key(key)
    ring = KeyRing(OLD, keys)
    for merchant, count in MERCHANTS.items():
        await store.save_merchant(demo_merchant(merchant))
        order = Order(merchant=merchant, id=1, amount=Money(minor=1, currency="EUR"), version=1)
        cards = tuple(ring.seal(merchant, card, VISA) for card in range(1, count + 1))
        await store.commit(Change(order=order, expects=0, cards=cards))
    return store


async def keys_in_use(store: MemoryStore) -> set[int]:
    return {card.key for merchant in MERCHANTS async for card in store.every_card(merchant)}


async def all_open(store: MemoryStore, ring: KeyRing) -> bool:
    opened = [
        ring.open(merchant, card)
        for merchant in MERCHANTS
        async for card in store.every_card(merchant)
    ]
    return opened == [VISA] * 10


async def test_rotation_seals_every_card_again(store: FailingStore) -> None:
    before = [card.fingerprint async for card in store.every_card(1)]
    reports = [report async for report in rotate(store, OLD, new_key=11, batch=3)]
    assert (reports[0].key, reports[0].seen) == (11, 0)
    assert [report.seen for report in reports] == [0, 3, 6, 7, 10]
    assert reports[-1].resealed == 10
    assert await keys_in_use(store) == {11}
    assert [card.fingerprint async for card in store.every_card(1)] == before
    keys = await store.data_keys()
    assert [(key.id, key.active) for key in keys] == [(0, False), (10, False), (11, True)]
    assert await all_open(store, KeyRing(OLD, keys))


async def test_a_second_run_finds_nothing_to_do(store: FailingStore) -> None:
    async for _ in rotate(store, OLD, new_key=11):
        pass
    reports = [report async for report in rotate(store, OLD)]
    assert (reports[-1].key, reports[-1].seen, reports[-1].resealed) == (11, 10, 0)


async def test_nothing_is_touched_before_the_first_report(store: FailingStore) -> None:
    serving = KeyRing(OLD, await store.data_keys())
    steps = rotate(store, OLD, new_key=11)
    first = await anext(aiter(steps))
    assert first.key == 11
    assert await keys_in_use(store) == {10}
    serving.learn(await store.data_keys())
    async for _ in steps:
        pass
    assert await all_open(store, serving)


@pytest.mark.parametrize("writes", range(13))
@pytest.mark.parametrize("again", [11, None])
async def test_rotation_interrupted_is_repeated(
    store: FailingStore, writes: int, again: int | None
) -> None:
    store.writes_left = writes
    try:
        await drain(rotate(store, OLD, new_key=11, batch=2))
    except Interrupted:
        assert writes < 12  # the new key, the old one's rest, ten cards
    assert await all_open(store, KeyRing(OLD, await store.data_keys()))
    store.writes_left = 10**9
    await drain(rotate(store, OLD, new_key=again, batch=2))
    newest = 11 if again or writes else 10
    assert await keys_in_use(store) == {newest}
    assert [key.id for key in await store.data_keys() if key.active] == [newest]
    assert await all_open(store, KeyRing(OLD, await store.data_keys()))


async def drain(reports: AsyncIterator[object]) -> None:
    async for _ in reports:
        pass


async def test_a_wrong_master_changes_nothing(store: FailingStore) -> None:
    before = await store.data_keys()
    with pytest.raises(VaultError, match="wrong master key"):
        await drain(rotate(store, NEW, new_key=11))
    with pytest.raises(VaultError, match="wrong master key"):
        await rotate_master(store, NEW, master("third"))
    assert await store.data_keys() == before


async def test_the_master_changes_and_cards_stay_as_they_are(store: FailingStore) -> None:
    before = [card async for card in store.every_card(1)]
    hashed = KeyRing(OLD, await store.data_keys()).hash_secret("s3cret")
    assert await rotate_master(store, OLD, NEW) == 2
    ring = KeyRing(NEW, await store.data_keys())
    assert await all_open(store, ring)
    assert [card async for card in store.every_card(1)] == before
    assert ring.hash_secret("s3cret") == hashed
    with pytest.raises(VaultError, match="wrong master key"):
        KeyRing(OLD, await store.data_keys())


async def test_a_change_of_master_interrupted_is_repeated(store: FailingStore) -> None:
    store.writes_left = 1
    with pytest.raises(Interrupted):
        await rotate_master(store, OLD, NEW)
    store.writes_left = 10**9
    assert await rotate_master(store, OLD, NEW) == 2
    assert await all_open(store, KeyRing(NEW, await store.data_keys()))
