"""Who calls: recognised by login and secret, looked up at most once a second."""

import pytest
from msgspec.structs import replace

from counterfoil.core.card import Secret
from counterfoil.core.merchant import Credential
from counterfoil.engine import directory
from counterfoil.engine.directory import ENTRIES_MAX, Directory
from counterfoil.engine.gateway import Gateway
from counterfoil.testing import FakeClock, MemoryStore, MemoryVault, demo_merchant

pytestmark = pytest.mark.anyio

RIGHT = "password"


class Counted(MemoryStore):
    """Counts the look-ups."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0

    async def credential(self, wire: str, login: str) -> Credential | None:
        """Look it up."""
        self.asked += 1
        return await super().credential(wire, login)


class Door:
    """A directory with one merchant in it."""

    def __init__(self) -> None:
        self.store, self.vault, self.clock = Counted(), MemoryVault(), FakeClock()
        self.directory = Directory(self.store, self.vault, self.clock)

    async def admit(self, secret: str = RIGHT, merchant: int = 1) -> None:
        """Save the merchant's credential."""
        hashed = self.vault.hash_secret(secret)
        await self.store.save_credential(
            Credential(wire="bizon", login="project", merchant=merchant, secret_hash=hashed)
        )

    async def knock(self, login: str = "project", secret: str = RIGHT) -> str | None:
        """The name of whoever this is."""
        found = await self.directory.recognise("bizon", login, secret)
        return None if found is None else found.name


async def open_door() -> Door:
    door = Door()
    await door.store.save_merchant(demo_merchant())
    await door.admit()
    return door


async def test_the_right_secret_is_recognised() -> None:
    door = await open_door()
    assert await door.knock() == "Merchant 1"


@pytest.mark.parametrize("secret", ["", "Password", "password "])
async def test_a_wrong_secret_is_not(secret: str) -> None:
    door = await open_door()
    assert await door.knock(secret=secret) is None
    assert await door.knock() == "Merchant 1"
    assert await door.knock(secret=secret) is None


async def test_a_login_of_another_wire_is_not() -> None:
    door = await open_door()
    assert await door.directory.recognise("razorpay", "project", "password") is None


async def test_an_unknown_login_is_not() -> None:
    door = await open_door()
    assert await door.knock(login="nobody") is None


async def test_a_credential_whose_merchant_is_gone_is_not() -> None:
    door = await open_door()
    await door.admit(merchant=9)
    assert await door.knock() is None


async def test_within_a_second_nothing_is_looked_up_again() -> None:
    door = await open_door()
    await door.knock()
    door.clock.advance(0, microseconds=999_999)
    await door.store.save_merchant(replace(demo_merchant(), name="Renamed"))
    assert await door.knock() == "Merchant 1"
    assert door.store.asked == 1
    door.clock.advance(0, microseconds=1)
    assert await door.knock() == "Renamed"
    assert door.store.asked == 2


async def test_an_unknown_login_is_not_kept() -> None:
    door = await open_door()
    for _ in range(3):
        await door.knock(login="nobody")
    assert door.store.asked == 3
    assert not door.directory._known


async def test_a_login_longer_than_any_is_not_even_looked_up() -> None:
    door = await open_door()
    assert await door.knock(login="a" * 201) is None
    assert door.store.asked == 0


async def test_a_changed_secret_is_seen_after_a_second() -> None:
    door = await open_door()
    await door.knock()
    await door.admit("new")
    assert await door.knock(secret="new") is None
    door.clock.advance(1)
    assert await door.knock(secret="new") == "Merchant 1"
    assert await door.knock() is None


async def test_a_clock_that_was_set_back_looks_up_again() -> None:
    door = await open_door()
    await door.knock()
    door.directory._clock = FakeClock(door.clock.now() - 1)
    await door.knock()
    assert door.store.asked == 2


async def test_what_is_remembered_has_a_limit() -> None:
    door = await open_door()
    await door.knock()
    entry = door.directory._known["bizon", "project"]
    door.directory._known.update({("bizon", str(each)): entry for each in range(ENTRIES_MAX)})
    door.clock.advance(1)
    await door.knock()
    assert len(door.directory._known) == 1
    assert directory.FRESH_US == 1_000_000


def test_a_gateway_is_one_value() -> None:
    fields = ("orders", "directory", "store", "clock", "base", "checkout", "wallets", "signed_for")
    assert Gateway._fields == fields


async def test_a_public_login_leads_to_its_merchant_and_to_what_it_signs_with() -> None:
    door = Door()
    await door.store.save_merchant(demo_merchant(1))
    known = Credential(wire="w", login="key", merchant=1, secret_hash=b"")
    await door.store.save_credential(known)
    found = await door.directory.holder("w", "key")
    assert found is not None
    assert found.id == 1
    assert await door.directory.holder("w", "nobody") is None
    assert await door.directory.holder("w", "x" * 201) is None
    assert await door.directory.signer("w", "key") is None
    assert await door.directory.signer("w", "x" * 201) is None
    signs = replace(known, login="signs")
    sealed = door.vault.seal_secret(signs.owner, Secret("signs"), 0)
    await door.store.save_credential(replace(signs, sealed=sealed))
    assert await door.directory.signer("w", "signs") == Secret("signs")
