"""Rotation of keys: each step is durable by itself, so that it may stop anywhere and be repeated.

Old data keys stay in the database, inactive: they open whatever was sealed under them until it has
been sealed again, and what is restored from a backup after that.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Final

import msgspec
from msgspec.structs import replace

from counterfoil.core.callbacks import Endpoint
from counterfoil.core.card import SealedCard, SealedSecret
from counterfoil.core.keeping import NOBODY as OURS
from counterfoil.core.keeping import SEALED
from counterfoil.core.merchant import Credential, Merchant
from counterfoil.core.ports import DataKey, Store
from counterfoil.core.record import Record
from counterfoil.vault.master import MasterKey
from counterfoil.vault.ring import NOBODY, ROOT, KeyRing, new_data_key, rewrap

KEPT_MAX: Final = 1000  # secrets of the deployment itself
BATCH: Final = 256  # cards sealed again at once: enough to share a commit, little to hold in memory


class Progress(Record):
    """How far a rotation is: the key that seals now, cards looked at, cards sealed again."""

    key: int
    seen: int = 0
    resealed: int = 0


async def rotate(
    store: Store, master: MasterKey, *, new_key: int | None = None, batch: int = BATCH
) -> AsyncIterator[Progress]:
    """Make data key `new_key` (an id) the one that seals, and seal everything again under it.

    The first report comes when the key is durable and no card has been touched: a caller whose
    other processes serve meanwhile waits there until they have learned it (`KeyRing.learn`). Then
    one report a batch. What they sealed under the old key meanwhile, or what an interruption left,
    is caught up by a repetition, with the same `new_key` or with None: the newest key there is.
    """
    ring = await _switch(store, master, new_key)
    progress = Progress(key=ring.sealing_key)
    yield progress
    await _reseal_kept(store, ring)
    for merchant in await store.merchants():
        async for cards in _batches(store, merchant.id, batch):
            stale = [card for card in cards if card.key != ring.sealing_key]
            await _reseal(store, ring, merchant.id, stale)
            progress = replace(
                progress,
                seen=progress.seen + len(cards),
                resealed=progress.resealed + len(stale),
            )
            yield progress
        for endpoint in await store.endpoints(merchant.id):
            await _reseal_secrets(store, ring, endpoint)
        await _reseal_wallet_keys(store, ring, merchant)
        for credential in await store.credentials(merchant.id):
            await _reseal_own(store, ring, credential)


async def rotate_master(store: Store, old: MasterKey, new: MasterKey) -> int:
    """Wrap all data keys under another master; gives how many there are.

    To be run while nothing serves: until it is done neither master opens all keys. Interrupted, it
    is run again with the same two masters. Raises `VaultError`, and then has changed nothing.
    """
    keys = await store.data_keys()
    for was, now in zip(keys, rewrap(old, new, keys), strict=True):
        if was is not now:
            await store.save_data_key(now)
    return len(keys)


async def _switch(store: Store, master: MasterKey, new_key: int | None) -> KeyRing:
    """The ring that seals under the new key; its elders rest inactive."""
    keys: dict[int, DataKey] = {key.id: key for key in await store.data_keys()}
    ring = KeyRing(master, keys.values())  # a wrong master is found out before anything is written
    if new_key is not None and new_key not in keys:
        assert new_key > max(keys), "a new key's id is greater than those of its elders"
        keys[new_key] = new_data_key(master, new_key)
        await store.save_data_key(keys[new_key])
        ring.learn(keys.values())
    for key in keys.values():
        if key.active and key.id not in {ROOT, ring.sealing_key}:
            await store.save_data_key(replace(key, active=False))
    return ring


async def _batches(store: Store, merchant: int, size: int) -> AsyncIterator[list[SealedCard]]:
    cards: list[SealedCard] = []
    async for card in store.every_card(merchant):
        cards.append(card)
        if len(cards) == size:
            yield cards
            cards = []
    if cards:
        yield cards


async def _reseal(store: Store, ring: KeyRing, merchant: int, cards: list[SealedCard]) -> None:
    sealed = [ring.seal(merchant, card.id, ring.open(merchant, card)) for card in cards]
    writes = [store.reseal(merchant, card) for card in sealed]
    for outcome in await asyncio.gather(*writes, return_exceptions=True):
        if outcome is not None:
            raise outcome


async def _reseal_secrets(store: Store, ring: KeyRing, endpoint: Endpoint) -> None:
    owner = (endpoint.merchant, endpoint.id)
    if any(each.key != ring.sealing_key for each in endpoint.secrets):
        sealed = tuple(_again(ring, owner, each) for each in endpoint.secrets)
        await store.save_endpoint(replace(endpoint, secrets=sealed))


async def _reseal_wallet_keys(store: Store, ring: KeyRing, merchant: Merchant) -> None:
    keys = merchant.wallet_keys
    if keys is not None and keys.key != ring.sealing_key:
        sealed = _again(ring, (merchant.id, NOBODY), keys)
        await store.save_merchant(replace(merchant, wallet_keys=sealed))


async def _reseal_kept(store: Store, ring: KeyRing) -> None:
    """Seal the deployment's own secrets again: each rests as the text of a `SealedSecret`."""
    for item in await store.every_kept(OURS, SEALED, KEPT_MAX):
        was = msgspec.json.decode(item.body, type=SealedSecret)
        if was.key != ring.sealing_key:
            body = msgspec.json.encode(_again(ring, (OURS, item.id), was)).decode()
            await store.keep(replace(item, body=body), item.body)


def _again(ring: KeyRing, owner: tuple[int, int], secret: SealedSecret) -> SealedSecret:
    sealed = ring.seal_secret(owner, ring.open_secret(owner, secret), secret.since)
    return replace(sealed, until=secret.until)


async def _reseal_own(store: Store, ring: KeyRing, credential: Credential) -> None:
    sealed = credential.sealed
    if sealed is not None and sealed.key != ring.sealing_key:
        fresh = _again(ring, credential.owner, sealed)
        await store.save_credential(replace(credential, sealed=fresh))
