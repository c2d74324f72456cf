"""Clock, ids, vault and merchant for tests: nothing is left to chance."""

import base64
import hashlib
from datetime import UTC, datetime, timedelta
from typing import Final

from msgspec.structs import replace

from counterfoil.core.card import Pan, SealedCard, SealedSecret, Secret
from counterfoil.core.merchant import Merchant, Pricing
from counterfoil.core.order import id_at
from counterfoil.core.ports import Clock, VaultError

START_US: Final = 1_768_478_400_000_000  # 2026-01-15T12:00:00Z
UNIX: Final = datetime(1970, 1, 1, tzinfo=UTC)


class FakeClock:
    """A clock that stands at 2026-01-15T12:00:00Z until a test moves it forward."""

    def __init__(self, start_us: int = START_US) -> None:
        self._now = start_us

    def now(self) -> int:
        """Microseconds since 1970 UTC."""
        return self._now

    def today(self) -> datetime:
        """The same instant as an aware UTC datetime."""
        return UNIX + timedelta(microseconds=self._now)

    def advance(self, seconds: int, *, microseconds: int = 0) -> None:
        """Move forward; never back, as no clock of ours does."""
        step = seconds * 1_000_000 + microseconds
        assert step >= 0, "a clock moves forward"
        self._now += step

    def reach(self, instant: int) -> None:
        """Move forward to an instant."""
        self.advance(0, microseconds=instant - self._now)


MICROSECOND = 1 << 8  # in an id


class SerialIds:
    """Ids at the clock's instant, each a microsecond later than the last while the clock stands."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last = 0

    def next(self) -> int:
        """An id greater than every id given before."""
        self._last = max(self._last + MICROSECOND, id_at(self._clock.now()))
        return self._last


class MemoryVault:
    """FOR TESTS ONLY: it writes card numbers in base64, which hides nothing from anybody.

    It keeps the contract of `core.ports.Vault`: a number sealed for one merchant and card opens for
    no other, and the same number has the same fingerprint within a merchant only.
    """

    def seal(self, merchant: int, card: int, pan: Pan) -> SealedCard:
        """The number, reversibly written."""
        text = f"{merchant}:{card}:{pan.reveal()}"
        return SealedCard(
            id=card,
            key=1,
            sealed=base64.b64encode(text.encode()),
            fingerprint=hashlib.sha256(f"{merchant}:{pan.reveal()}".encode()).digest()[:16],
        )

    def open(self, merchant: int, card: SealedCard) -> Pan:
        """The number; raises `VaultError` where it was sealed for another merchant or card."""
        owner, _, number = base64.b64decode(card.sealed).decode().rpartition(":")
        if owner != f"{merchant}:{card.id}":
            raise VaultError("sealed for another merchant or card")
        return Pan(number)

    def seal_secret(self, owner: tuple[int, int], secret: Secret, since: int) -> SealedSecret:
        """The secret in reverse, with whose it is."""
        sealed = f"{owner}{since}:{secret.reveal()[::-1]}".encode()
        return SealedSecret(key=1, sealed=sealed, since=since)

    def open_secret(self, owner: tuple[int, int], sealed: SealedSecret) -> Secret:
        """The secret again; raises `VaultError` where it was moved."""
        whose, _, turned = sealed.sealed.decode().partition(":")
        if whose != f"{owner}{sealed.since}":
            raise VaultError("sealed for another endpoint")
        return Secret(turned[::-1])

    def hash_secret(self, secret: str) -> bytes:
        """A hash without a key."""
        return hashlib.sha256(secret.encode()).digest()


def demo_merchant(number: int = 1, **settings: object) -> Merchant:
    """A merchant that may do everything, at 3 % fee and 10 % reserve; `settings` replace fields."""
    merchant = Merchant(
        id=number,
        name=f"Merchant {number}",
        currency="EUR",
        accounting_currency="EUR",
        currencies=("EUR", "USD", "GBP", "JPY", "KWD"),
        pricing=Pricing(fee_bps=300, reserve_bps=1000),
        multiple_charges=True,
    )
    return replace(merchant, **settings)
