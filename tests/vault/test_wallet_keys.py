"""Wallet keys: read, sealed with their merchant, opened again, changed with the data keys."""

import base64
import json
from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.vault.tokens import AMOUNT, PAN, WANTED, mint, opened

from counterfoil.core.card import Masked, Pan
from counterfoil.core.merchant import Merchant
from counterfoil.core.ports import VaultError
from counterfoil.core.wallets import Form, Token, Wallet
from counterfoil.testing import MemoryStore, demo_merchant
from counterfoil.testing.tokens import Mint, make_token, mint_at
from counterfoil.testing.world import START_US
from counterfoil.vault import KeyRing, MasterKey, first_keys, master_from_text, rotate
from counterfoil.vault.wallets import KeysFile, SealedKeys, TokenVault, read_keys, seal_keys

MASTER: MasterKey = master_from_text(base64.urlsafe_b64encode(bytes(32)).decode())


def ring() -> KeyRing:
    return KeyRing(MASTER, first_keys(MASTER, 1))


def merchant_with_keys(vault: KeyRing, made: Mint, number: int = 1) -> Merchant:
    text = json.dumps(made.keys())
    return demo_merchant(number, wallet_keys=seal_keys(vault, number, text, START_US))


def test_a_merchant_s_own_keys_open_its_tokens() -> None:
    vault = ring()
    wallets = TokenVault(vault.hash_secret, SealedKeys(vault))
    token = Token(wallet=Wallet.APPLE_PAY, text=Masked(make_token(mint(), WANTED)))
    merchant = merchant_with_keys(vault, mint())
    for _ in range(2):
        found = wallets.open(merchant, token, AMOUNT, START_US, samples=True)
        assert (found.pan, found.use.form) == (Pan(PAN), Form.EC_V1)


def test_keys_are_opened_once_for_each_that_was_saved() -> None:
    vault = ring()
    keys_of = SealedKeys(vault)
    assert keys_of(demo_merchant()) is None
    first = merchant_with_keys(vault, mint())
    assert keys_of(first) is keys_of(replace(first, name="renamed"))
    assert keys_of(first) is not keys_of(merchant_with_keys(vault, mint()))


def test_keys_of_one_merchant_do_not_open_for_another() -> None:
    vault = ring()
    other = replace(merchant_with_keys(vault, mint()), id=2)
    with pytest.raises(VaultError):
        SealedKeys(vault)(other)


def test_what_rests_shows_no_key() -> None:
    merchant = merchant_with_keys(ring(), mint())
    assert "PRIVATE" not in repr(merchant)
    assert "PrivateKey object" in repr(read_keys(json.dumps(mint().keys())))


@pytest.mark.anyio
async def test_keys_are_sealed_again_when_data_keys_change() -> None:
    store = MemoryStore()
    for key in first_keys(MASTER, 1):
        await store.save_data_key(key)
    merchant = merchant_with_keys(KeyRing(MASTER, await store.data_keys()), mint())
    await store.save_merchant(merchant)
    await store.save_merchant(demo_merchant(2))
    async for _ in rotate(store, MASTER, new_key=9):
        pass
    now = await store.merchant(1)
    assert now is not None
    assert now.wallet_keys is not None
    assert now.wallet_keys.key == 9
    assert SealedKeys(KeyRing(MASTER, await store.data_keys()))(now) is not None
    async for _ in rotate(store, MASTER):
        pass
    assert await store.merchant(1) == now
    assert await store.merchant(2) == demo_merchant(2)


def test_the_sandbox_keys_rest_in_a_file_of_their_owner(tmp_path: Path) -> None:
    path = tmp_path / "new" / "gateway.wallets.json"
    found = KeysFile(path)
    assert found() is None
    first, second = mint_at(path), mint_at(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in path.parent.iterdir()] == [path.name]
    assert first.text() != Mint.create().text()
    for one in (first, second):
        assert opened(WANTED, make_token(one, WANTED), own=found()).pan == Pan(PAN)


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "gateway.wallets.json"
    path.write_text('{"keys": ')
    with pytest.raises(VaultError, match="damaged"):
        KeysFile(path)()


BAD_KEYS = [
    ("", "cannot be read"),
    ('{"apple": {}}', "unknown field `apple`"),
    ('{"apple_pay": {"merchant": "m", "keys": [], "roots": []}}', "apple_pay.keys"),
    ('{"apple_pay": {"merchant": "m", "keys": ["SECRET"], "roots": []}}', "PEM"),
    ('{"google_pay": {"recipient": "x", "keys": [], "roots": {"keys": []}}}', "recipient"),
    ('{"google_pay": {"recipient": "gateway:1", "keys": [], "roots": {"keys": []}}}', "share"),
    ('{"google_pay": {"recipient": "merchant:1", "keys": [], "roots": {"keys": []}}}', "keys"),
]


@pytest.mark.parametrize(("text", "told"), BAD_KEYS)
def test_bad_keys_are_named_and_not_shown(text: str, told: str) -> None:
    with pytest.raises(VaultError, match=told) as caught:
        read_keys(text)
    assert "SECRET" not in str(caught.value)


def test_keys_of_another_kind_are_refused() -> None:
    mine = mint().keys()
    good, own = json.dumps(mine), mine["apple_pay"]["keys"]
    assert isinstance(own, list)
    rsa = own[1]
    for name, member, value in (
        ("google_pay", "keys", [rsa]),
        ("google_pay", "roots", {"keys": [{"keyValue": "AAAA", "protocolVersion": "ECv2"}]}),
        ("apple_pay", "roots", ["no certificate"]),
    ):
        other = json.loads(good)
        other[name][member] = value
        with pytest.raises(VaultError, match=f"{name}.{member}"):
            read_keys(json.dumps(other))
