"""Who calls: credentials recognised, merchants known; looked up again at most once a second.

Changes made by another process (a command, another worker) are seen after that second.
"""

import hmac
from typing import Final

from counterfoil.core.merchant import Credential, Merchant
from counterfoil.core.ports import Clock, Store, Vault

FRESH_US: Final = 1_000_000
ENTRIES_MAX: Final = 10_000


class Directory:
    """Credentials and merchants, cached for a second."""

    def __init__(self, store: Store, vault: Vault, clock: Clock) -> None:
        self._store = store
        self._vault = vault
        self._clock = clock
        self._known: dict[tuple[str, str], tuple[int, Credential | None, Merchant | None]] = {}

    async def recognise(self, wire: str, login: str, secret: str) -> Merchant | None:
        """The merchant whose login and secret these are on that wire, or None."""
        now = self._clock.now()
        entry = self._known.get((wire, login))
        if entry is None or not 0 <= now - entry[0] < FRESH_US:
            entry = await self._look_up(wire, login, now)
        _, credential, merchant = entry
        offered = self._vault.hash_secret(secret)
        if credential is None or not hmac.compare_digest(offered, credential.secret_hash):
            return None
        return merchant

    async def _look_up(
        self, wire: str, login: str, now: int
    ) -> tuple[int, Credential | None, Merchant | None]:
        credential = await self._store.credential(wire, login)
        merchant = None if credential is None else await self._store.merchant(credential.merchant)
        if len(self._known) >= ENTRIES_MAX:
            self._known.clear()
        entry = self._known[wire, login] = (now, credential, merchant)
        return entry
