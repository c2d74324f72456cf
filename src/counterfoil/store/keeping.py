"""What PostgreSQL does with the texts that are kept beside orders; the statements are shared."""

from collections.abc import Sequence

from counterfoil.core.card import SealedCard
from counterfoil.core.keeping import Kept, Old
from counterfoil.store import bulk, old, rows
from counterfoil.store import tables as t
from counterfoil.store.errands import ErrandStore
from counterfoil.store.kept import dropping, keeping, kept_now, kept_run, read_kept
from counterfoil.store.link import Connection, read


class KeptErrands(ErrandStore):
    """Implements `core.keeping.Keeper` on PostgreSQL; described there."""

    async def keep(
        self, item: Kept, was: str | None = None, *, card: SealedCard | None = None
    ) -> bool:
        query, given = keeping(item, was)

        async def work(connection: Connection) -> bool:
            done = await read(connection, query, **given)
            if done and card is not None:
                own = bulk.arrays([rows.card_row(item.merchant, card)], len(t.cards.c))
                await connection.execute(bulk.put(t.cards).sql, *own)
            return bool(done)

        return await self._alter(work)

    async def kept(self, merchant: int, kind: str, item: int) -> str | None:
        found = await self._all(kept_now(), tuple, merchant=merchant, kind=kind, id=item)
        return str(found[0][0]) if found else None

    async def every_kept(
        self, merchant: int, kind: str, limit: int, *, after: int = 0
    ) -> Sequence[Kept]:
        bounds = {"after": after, "limit": limit}
        return await self._all(kept_run(), read_kept, merchant=merchant, kind=kind, **bounds)

    async def forget(self, what: Old, merchant: int, before: int, *, after: int = 0) -> int | None:
        if what is not Old.NOTICES:
            query, given = old.batch(what, merchant, before)
            return old.more(await self._all(query, tuple, **given))
        span = old.span(merchant, before, after)
        found = await self._all(old.notices_end(), tuple, **span, **old.BEYOND)
        last: int = found[0][0] if found else span["last"]
        await self._all(old.notices(), tuple, **(span | {"before": before, "last": last}))
        return last if found else None

    async def drop(self, items: Sequence[Kept], cards: Sequence[int] = ()) -> None:
        async def work(connection: Connection) -> None:
            for query, given in dropping(items, cards):
                await read(connection, query, **given)

        await self._alter(work)
