"""The courier of a server: it is brought in when the first callback leaves.

An HTTP client takes several megabytes, which a gateway that tells nobody does without.
"""

import asyncio
from importlib import import_module

from counterfoil.core.callbacks import Callback, Courier, Receipt
from counterfoil.courier.guard import Network


class LateCourier:
    """Implements `core.callbacks.Courier`; `allowed` as `HttpCourier` has it."""

    def __init__(self, *, allowed: tuple[Network, ...] = ()) -> None:
        self._allowed = allowed
        self._courier: Courier | None = None

    async def post(self, url: str, callback: Callback) -> Receipt:
        """What came of it; never raises for what an address does or is."""
        if self._courier is None:
            http = await asyncio.to_thread(import_module, "counterfoil.courier.http")
            self._courier = self._courier or http.HttpCourier(allowed=self._allowed)
        return await self._courier.post(url, callback)

    async def close(self) -> None:
        """Let go of connections, if there are any."""
        if self._courier is not None:
            await self._courier.close()
