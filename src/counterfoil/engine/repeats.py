"""A request that comes again under its key: given what the first was given, done once."""

import asyncio
from collections.abc import Awaitable, Callable

from counterfoil.core.errors import Code, Refused
from counterfoil.core.history import as_of
from counterfoil.core.merchant import Merchant
from counterfoil.core.order import Outcome
from counterfoil.engine.perform import Done, Engine, KeyTakenError, Once


class Repeats:
    """Idempotency keys over an engine; remembers only which requests are at work."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._running: dict[tuple[int, str], asyncio.Future[None]] = {}

    def fingerprint(self, asked: str) -> bytes:
        """A keyed hash of what a caller asked; a plain one would let card numbers be guessed."""
        return self.engine.vault.hash_secret(asked)

    async def once(
        self, merchant: Merchant, once: Once | None, act: Callable[[], Awaitable[Done]]
    ) -> Done:
        """Do it, unless that key has been used: then give what was given then.

        Raises `Refused`: KEY_REUSED for other input, KEY_IN_USE where the first is still at work.
        """
        if once is None:
            return await act()
        earlier = await self.replay(merchant, once)
        if earlier is not None:
            return earlier
        mark = (merchant.id, once.key)
        if mark not in self._running:
            self._running[mark] = asyncio.get_running_loop().create_future()
            mine = self._running[mark]
        else:
            mine = None
        try:
            return await act()
        except (KeyTakenError, Refused):
            earlier = await self.replay(merchant, once, waiting=mine)
            if earlier is None:
                raise
            return earlier
        finally:
            if mine is not None:
                del self._running[mark]
                mine.set_result(None)

    async def replay(
        self, merchant: Merchant, once: Once, waiting: asyncio.Future[None] | None = None
    ) -> Done | None:
        """What the key gave, as the order stood when its request ended; waits for that end."""
        store, limits = self.engine.store, self.engine.limits
        use = await store.key_use(merchant.id, once.key)
        if use is None:
            return None
        if use.fingerprint != once.fingerprint:
            raise Refused(Code.KEY_REUSED, key=once.key)
        for _ in range(max(1, limits.replay_ms // limits.replay_poll_ms)):
            order = await store.load(merchant.id, use.order)
            mine = [each for each in order.operations if each.key == once.key]
            if all(each.outcome is not Outcome.PENDING for each in mine):
                ends = [each.closed for each in mine if each.closed]
                then = as_of(order, max(ends, default=use.used))
                last = mine[-1] if mine else None
                return Done(order=then, operation=last, operations=tuple(mine))
            first = self._running.get((merchant.id, once.key))
            if first is not None and first is not waiting:
                await asyncio.wait([first], timeout=limits.replay_poll_ms / 1000)
            else:
                await asyncio.sleep(limits.replay_poll_ms / 1000)
        raise Refused(Code.KEY_IN_USE, key=once.key)
