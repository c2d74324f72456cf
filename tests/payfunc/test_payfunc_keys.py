"""What is remembered of keys, tokens and bodies: no longer than it holds, and not without end."""

from collections.abc import Sequence
from decimal import Decimal

import pytest
from msgspec.structs import replace

from counterfoil.core.card import Brand, Card
from counterfoil.core.merchant import Credential
from counterfoil.core.money import Money
from counterfoil.dialects.payfunc.auth import KNOWN_MAX, PRIVATE, WIRE, Caller, Keys, issue
from counterfoil.dialects.payfunc.cards import TOKENS_MAX, Cards
from counterfoil.dialects.payfunc.errors import Failure
from counterfoil.dialects.payfunc.items import amount, money
from counterfoil.dialects.payfunc.reading import UnreadableError, decode
from counterfoil.dialects.payfunc.signing import Signing
from counterfoil.engine.directory import FRESH_US, Directory
from counterfoil.engine.gateway import Gateway
from counterfoil.engine.orders import Orders
from counterfoil.engine.perform import Engine
from counterfoil.exchange import Exchange
from counterfoil.testing import FakeClock, MemoryStore, MemoryVault, SerialIds, demo_merchant

pytestmark = pytest.mark.anyio


class Door:
    """Who is let in by a key of one merchant."""

    def __init__(self) -> None:
        self.store, self.vault, self.clock = MemoryStore(), MemoryVault(), FakeClock()
        self.keys = Keys(Directory(self.store, self.vault, self.clock))
        self.credential = Credential(wire=WIRE, login="demo", merchant=1, secret_hash=b"1" * 32)

    async def admit(self) -> None:
        """Save the merchant and its credential."""
        await self.store.save_merchant(demo_merchant())
        await self.store.save_credential(self.credential)

    def key(self, at: int = 0) -> str:
        """A private key, issued so many seconds ago."""
        now = self.clock.now() - at * 1_000_000
        return issue(self.credential, demo_merchant(), PRIVATE, base="http://a", now=now)

    async def knock(self, *headers: tuple[str, str]) -> Caller | None:
        """Whoever this is."""
        sent: Sequence[tuple[bytes, bytes]] = [(a.encode(), b.encode()) for a, b in headers]
        scope = {"type": "http", "method": "GET", "path": "/", "headers": sent}
        exchange = Exchange(scope, self._nothing)
        try:
            return await self.keys.caller(exchange, self.clock.now())
        except Failure:
            return None

    async def shows(self, key: str) -> Caller | None:
        """Whoever shows that key."""
        return await self.knock(("authorization", f"Bearer {key}"))

    async def _nothing(self) -> dict[str, object]:
        return {}


@pytest.fixture
async def door() -> Door:
    door = Door()
    await door.admit()
    return door


async def test_a_new_credential_ends_a_key_within_a_second(door: Door) -> None:
    key = door.key()
    assert await door.shows(key) is not None
    assert await door.shows(key) is not None
    await door.store.save_credential(replace(door.credential, secret_hash=b"2" * 32))
    door.clock.advance(0, microseconds=FRESH_US)
    assert await door.shows(key) is None
    assert await door.shows(key) is None


async def test_a_merchant_is_seen_as_it_is_now(door: Door) -> None:
    key = door.key()
    assert await door.shows(key) is not None
    await door.store.save_merchant(replace(demo_merchant(), name="Renamed"))
    door.clock.advance(0, microseconds=FRESH_US)
    caller = await door.shows(key)
    assert caller is not None
    assert caller.merchant.name == "Renamed"


async def test_a_key_that_is_changed_anywhere_is_none(door: Door) -> None:
    key = door.key()
    assert await door.shows(key) is not None
    head, said, signature = key.split(".")
    for other in (f"{head}.{said}.{signature[::-1]}", f"{head}.{said}.", f"{head}.{said}"):
        assert await door.shows(other) is None


async def test_only_so_many_keys_are_remembered(door: Door) -> None:
    for at in range(KNOWN_MAX + 1):
        assert await door.shows(door.key(at)) is not None
    assert 0 < len(door.keys._known) <= KNOWN_MAX
    assert await door.shows("a.b.c") is None
    assert "a.b.c" not in door.keys._known


async def test_either_header_but_not_two_keys(door: Door) -> None:
    one, other = (f"Bearer {door.key(at)}" for at in range(2))
    assert await door.knock(("authentication", one)) is not None
    assert await door.knock(("authentication", one), ("authorization", one)) is not None
    assert await door.knock(("authentication", one), ("authorization", other)) is None
    assert await door.knock(("authentication", one), ("authorization", "")) is None
    assert await door.knock() is None


class Quick(Signing):
    """Signs nothing, and counts."""

    signed = 0

    async def token(self, claims: bytes) -> str:
        """What would be signed."""
        self.signed += 1
        return claims.decode()


async def test_only_so_many_tokens_are_remembered() -> None:
    store, vault, clock = MemoryStore(), MemoryVault(), FakeClock()
    engine = Engine(store=store, vault=vault, acquirers={}, clock=clock, ids=SerialIds(clock))
    gateway = Gateway(Orders(engine), Directory(store, vault, clock), store, clock)
    signing = Quick(store, vault, clock)
    cards = Cards(gateway, signing, "development")
    card = Card(id=1 << 8, first6="411111", last4="1111", brand=Brand.VISA)
    first = await cards.recurring(card)
    assert await cards.recurring(replace(card)) == first
    assert await cards.recurring(replace(card, last4="1112")) != first
    assert signing.signed == 2
    for number in range(TOKENS_MAX):
        await cards.signed({"number": number})
    assert len(cards._tokens) == TOKENS_MAX
    assert (await cards.recurring(card), signing.signed) == (first, TOKENS_MAX + 3)


@pytest.mark.parametrize(
    "body",
    [
        b'{"a":1,"a":1}',
        b'{"a":{"b":1,"b":2}}',
        b'{"a":[{"b":1,"b":2}]}',
        b'[{"b":1,"b":2}]',
        b'{"a":"x:y","b":{"c":{"d":1,"d":1}}}',
        b'{"a":"\\ud800"}',
        b"NaN",
        b"[" * 100_000,
    ],
)
def test_a_member_is_named_once_however_deep(body: bytes) -> None:
    with pytest.raises(UnreadableError):
        decode(body)


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (
            b'{"a":"x:y","b":[{"c":1.10},{"c":2}]}',
            {"a": "x:y", "b": [{"c": Decimal("1.10")}, {"c": 2}]},
        ),
        (b'{"a":{"a":1}}', {"a": {"a": 1}}),
        (b"1e2", Decimal("1E+2")),
        (b"7", 7),
    ],
)
def test_what_a_body_says(body: bytes, value: object) -> None:
    assert decode(body) == value


@pytest.mark.parametrize(
    ("written", "currency", "minor"),
    [
        ("7.42", "USD", 742),
        ("7.420", "USD", 742),
        ("1E2", "JPY", 100),
        ("999999999999.999", "KWD", 999_999_999_999_999),
        ("7.421", "USD", None),
        ("0.5", "JPY", None),
        ("0", "USD", None),
        ("-1", "USD", None),
        ("1E12", "USD", None),
        ("1E9999999", "USD", None),
        ("0E-9999999", "USD", None),
    ],
)
def test_an_amount_of_a_currency(written: str, currency: str, minor: int | None) -> None:
    expected = None if minor is None else Money(minor=minor, currency=currency)
    assert money(Decimal(written), currency) == expected


@pytest.mark.parametrize(
    ("minor", "currency", "shown"),
    [
        (742, "USD", "7.42"),
        (700, "USD", "7"),
        (-50, "USD", "-0.5"),
        (0, "USD", "0"),
        (10, "JPY", "10"),
        (1, "CLF", "0.0001"),
    ],
)
def test_an_amount_is_shown_without_needless_zeros(minor: int, currency: str, shown: str) -> None:
    assert str(amount(minor, currency)) == shown
