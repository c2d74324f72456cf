"""What is sealed opens in its own place and nowhere else."""

import base64
import hashlib

import pytest

from counterfoil.core.card import Cvv, Pan, SealedCard
from counterfoil.core.ports import DataKey, Vault, VaultError
from counterfoil.vault import (
    ROOT,
    KeyRing,
    MasterKey,
    first_keys,
    master_from_text,
    new_data_key,
    rewrap,
)

VISA = Pan("4111111111111111")
MASTERCARD = Pan("5555555555554444")


def master(name: str) -> MasterKey:
    return master_from_text(
        base64.urlsafe_b64encode(hashlib.sha256(name.encode()).digest()).decode()
    )


MASTER = master("first")
KEYS = first_keys(MASTER, 10)


@pytest.fixture
def ring() -> KeyRing:
    return KeyRing(MASTER, KEYS)


def test_what_is_sealed_opens(ring: KeyRing) -> None:
    vault: Vault = ring
    sealed = vault.seal(1, 7, VISA)
    assert vault.open(1, sealed) == VISA
    assert (sealed.id, sealed.key) == (7, 10)
    assert b"4111" not in sealed.sealed


@pytest.mark.parametrize("number", ["501800000009", "6304000000000000000"])
def test_shortest_and_longest_number(ring: KeyRing, number: str) -> None:
    assert ring.open(1, ring.seal(1, 7, Pan(number))).reveal() == number


def test_same_number_is_sealed_differently_each_time(ring: KeyRing) -> None:
    assert ring.seal(1, 7, VISA).sealed != ring.seal(1, 7, VISA).sealed


REGIONS = {"version": 0, "key": 1, "key end": 8, "nonce": 9, "digits": 21, "tag": -16, "end": -1}


@pytest.mark.parametrize("at", REGIONS.values(), ids=REGIONS.keys())
def test_a_changed_byte_is_found(ring: KeyRing, at: int) -> None:
    sealed = ring.seal(1, 7, VISA)
    changed = bytearray(sealed.sealed)
    changed[at] ^= 1
    with pytest.raises(VaultError, match="card 7"):
        ring.open(1, with_bytes(sealed, bytes(changed)))


@pytest.mark.parametrize("size", [0, 1, 9, 21, 37, 52])
def test_a_ciphertext_cut_short_is_found(ring: KeyRing, size: int) -> None:
    sealed = ring.seal(1, 7, VISA)
    with pytest.raises(VaultError, match="card 7"):
        ring.open(1, with_bytes(sealed, sealed.sealed[:size]))


def test_a_ciphertext_with_something_after_it_is_found(ring: KeyRing) -> None:
    sealed = ring.seal(1, 7, VISA)
    with pytest.raises(VaultError, match="changed or moved"):
        ring.open(1, with_bytes(sealed, sealed.sealed + b"\0"))


def test_moved_to_another_merchant_it_does_not_open(ring: KeyRing) -> None:
    with pytest.raises(VaultError, match="changed or moved"):
        ring.open(2, ring.seal(1, 7, VISA))


def test_moved_to_another_card_it_does_not_open(ring: KeyRing) -> None:
    sealed = ring.seal(1, 7, VISA)
    moved = SealedCard(id=8, key=10, sealed=sealed.sealed, fingerprint=sealed.fingerprint)
    with pytest.raises(VaultError, match="changed or moved"):
        ring.open(1, moved)


def test_given_out_under_another_key_it_does_not_open(ring: KeyRing) -> None:
    ring.learn([new_data_key(MASTER, 11)])
    old = KeyRing(MASTER, KEYS).seal(1, 7, VISA)
    claimed = SealedCard(id=7, key=11, sealed=old.sealed, fingerprint=old.fingerprint)
    with pytest.raises(VaultError, match="not in the ring"):
        ring.open(1, claimed)
    header = old.sealed[:1] + (11).to_bytes(8) + old.sealed[9:]
    with pytest.raises(VaultError, match="changed or moved"):
        ring.open(1, with_bytes(claimed, header))


def test_a_key_that_is_not_there_is_named(ring: KeyRing) -> None:
    sealed = KeyRing(MASTER, [KEYS[0], new_data_key(MASTER, 99)]).seal(1, 7, VISA)
    with pytest.raises(VaultError, match="data key is not in the ring"):
        ring.open(1, sealed)


def test_no_check_digits_in_the_vault(ring: KeyRing) -> None:
    given: list[object] = [
        Cvv("123"),
        Pan("123"),
        Pan("1234"),
        "4111111111111111",
        Pan("4111 1111"),
    ]
    for each in given:
        with pytest.raises(VaultError, match="only a card number") as refused:
            ring.seal(1, 7, each)  # type: ignore[arg-type]
        assert "411" not in str(refused.value)


def test_fingerprints_are_equal_within_a_merchant(ring: KeyRing) -> None:
    first, again = ring.seal(1, 7, VISA).fingerprint, ring.seal(1, 8, VISA).fingerprint
    assert first == again
    assert len(first) == 16


def test_fingerprints_differ_across_merchants_and_numbers(ring: KeyRing) -> None:
    seen = {
        ring.seal(merchant, 7, pan).fingerprint
        for merchant in (1, 2, 3)
        for pan in (VISA, MASTERCARD)
    }
    assert len(seen) == 6


def test_a_secret_hash_is_stable_and_keyed(ring: KeyRing) -> None:
    assert ring.hash_secret("s3cret") == KeyRing(MASTER, KEYS).hash_secret("s3cret")
    assert ring.hash_secret("s3cret") != ring.hash_secret("s3creT")
    other = KeyRing(MASTER, first_keys(MASTER, 10))
    assert other.hash_secret("s3cret") != ring.hash_secret("s3cret")
    assert len(ring.hash_secret("ünïcode")) == 32


def test_wrong_master_is_said_plainly() -> None:
    with pytest.raises(VaultError, match="wrong master key"):
        KeyRing(master("second"), KEYS)


def test_a_damaged_wrapping_is_refused() -> None:
    damaged = DataKey(id=10, wrapped=KEYS[1].wrapped[:-1] + b"\0\0")
    with pytest.raises(VaultError, match="did not wrap data key 10"):
        KeyRing(MASTER, [KEYS[0], damaged])


def test_keys_cannot_change_places() -> None:
    second = new_data_key(MASTER, 11)
    exchanged = DataKey(id=10, wrapped=second.wrapped)
    with pytest.raises(VaultError, match="exchanged"):
        KeyRing(MASTER, [KEYS[0], exchanged])


def test_a_ring_needs_its_root_and_an_active_key() -> None:
    with pytest.raises(VaultError, match="root"):
        KeyRing(MASTER, KEYS[1:])
    with pytest.raises(VaultError, match="no data key is active"):
        KeyRing(MASTER, KEYS[:1])


def test_the_root_never_seals(ring: KeyRing) -> None:
    root = DataKey(id=ROOT, wrapped=KEYS[0].wrapped, active=True)
    assert KeyRing(MASTER, [root, KEYS[1]]).sealing_key == 10
    ring.learn([root])
    assert ring.sealing_key == 10


def test_the_newest_active_key_seals_and_the_others_open(ring: KeyRing) -> None:
    before = ring.seal(1, 7, VISA)
    second, third = new_data_key(MASTER, 11), new_data_key(MASTER, 12)
    ring.learn([*KEYS, second, DataKey(id=12, wrapped=third.wrapped, active=False)])
    assert ring.seal(1, 7, VISA).key == 11
    assert ring.open(1, before) == VISA
    ring.learn([*KEYS])
    assert ring.seal(1, 7, VISA).key == 11


def test_a_key_that_is_used_up_seals_no_more() -> None:
    ring = KeyRing(MASTER, KEYS, seals_max=2)
    sealed = [ring.seal(1, card, VISA) for card in (1, 2)]
    with pytest.raises(VaultError, match="rotate"):
        ring.seal(1, 3, VISA)
    assert [ring.open(1, each) for each in sealed] == [VISA, VISA]
    ring.learn([new_data_key(MASTER, 11)])
    assert ring.seal(1, 3, VISA).key == 11


def test_another_master_opens_what_was_sealed_before(ring: KeyRing) -> None:
    sealed, secret = ring.seal(1, 7, VISA), ring.hash_secret("s3cret")
    second = master("second")
    moved = rewrap(MASTER, second, KEYS)
    after = KeyRing(second, moved)
    assert after.open(1, sealed) == VISA
    assert after.seal(1, 9, VISA).fingerprint == sealed.fingerprint
    assert after.hash_secret("s3cret") == secret
    with pytest.raises(VaultError, match="wrong master key"):
        KeyRing(MASTER, moved)


def test_rewrapping_half_done_is_taken_up_again() -> None:
    second = master("second")
    half = [rewrap(MASTER, second, KEYS)[0], KEYS[1]]
    again = rewrap(MASTER, second, half)
    assert again[0] is half[0]
    KeyRing(second, again)
    with pytest.raises(VaultError, match="wrong master key"):
        rewrap(master("third"), second, half)


def with_bytes(card: SealedCard, sealed: bytes) -> SealedCard:
    return SealedCard(id=card.id, key=card.key, sealed=sealed, fingerprint=card.fingerprint)
