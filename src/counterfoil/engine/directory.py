"""Who calls: credentials recognised, merchants known; looked up again at most once a second.

Changes made by another process (a command, another worker) are seen after that second.
"""

import hmac
from typing import Final, NamedTuple

from counterfoil.core.card import Secret
from counterfoil.core.merchant import Credential, Merchant
from counterfoil.core.ports import Clock, Store, Vault

FRESH_US: Final = 1_000_000
ENTRIES_MAX: Final = 10_000
LOGIN_MAX: Final = 200  # characters; no longer one is given out


class Entry(NamedTuple):
    """What was found; `secret` is the one that proved right, so that it is hashed once a second."""

    looked_up: int
    credential: Credential | None
    merchant: Merchant | None
    secret: Secret | None = None


class Directory:
    """Credentials and merchants, cached for a second."""

    def __init__(self, store: Store, vault: Vault, clock: Clock) -> None:
        self._store = store
        self._vault = vault
        self._clock = clock
        self._known: dict[tuple[str, str], Entry] = {}

    async def recognise(self, wire: str, login: str, secret: str) -> Merchant | None:
        """The merchant whose login and secret these are on that wire, or None."""
        entry = await self._entry(wire, login)
        if entry is None:
            return None
        if entry.secret is not None and entry.secret == Secret(secret):
            return entry.merchant
        offered = self._vault.hash_secret(secret)
        known = entry.credential
        if known is None or not hmac.compare_digest(offered, known.secret_hash):
            return None
        self._known[wire, login] = entry._replace(secret=Secret(secret))
        return entry.merchant

    async def holder(self, wire: str, login: str) -> Merchant | None:
        """The merchant of a login that is public on its wire, or None."""
        entry = await self._entry(wire, login)
        return None if entry is None else entry.merchant

    async def signer(self, wire: str, login: str) -> Secret | None:
        """The secret of a login that we sign with, or None."""
        entry = await self._entry(wire, login)
        known = entry.credential if entry else None
        if known is None or known.sealed is None:
            return None
        return self._vault.open_secret(known.owner, known.sealed)

    async def known(self, wire: str, login: str) -> tuple[Credential, Merchant] | None:
        """The credential of a login and whose it is, for wires that check it by other means."""
        entry = await self._entry(wire, login)
        if entry is None or entry.credential is None or entry.merchant is None:
            return None
        return entry.credential, entry.merchant

    async def _entry(self, wire: str, login: str) -> "Entry | None":
        if len(login) > LOGIN_MAX:
            return None
        now = self._clock.now()
        entry = self._known.get((wire, login))
        if entry is None or not 0 <= now - entry.looked_up < FRESH_US:
            return await self._look_up(wire, login, now)
        return entry

    async def _look_up(self, wire: str, login: str, now: int) -> "Entry":
        credential = await self._store.credential(wire, login)
        merchant = None if credential is None else await self._store.merchant(credential.merchant)
        entry = Entry(now, credential, merchant)
        if credential is not None:  # what anybody can make up is not kept
            if len(self._known) >= ENTRIES_MAX:
                self._known.clear()
            self._known[wire, login] = entry
        return entry
