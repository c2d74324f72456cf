"""What this wire forgets: card tokens after two hours.

With a token goes its sealed card, unless an order, an account or an authentication has taken it.
"""

from collections.abc import AsyncIterator, Sequence
from functools import partial
from typing import Final

import msgspec

from counterfoil.core.keeping import KEEPING, Kept
from counterfoil.core.ports import Store
from counterfoil.dialects.payfunc import cards
from counterfoil.dialects.payfunc.identifiers import handle
from counterfoil.dialects.payfunc.kept import Row
from counterfoil.engine.chores import Chore
from counterfoil.engine.gateway import Gateway
from counterfoil.engine.stored import QUOTE

PAUSE_S: Final = 3600
OVER_US: Final = 2 * cards.LIFE_US  # who was quick enough with it has long been answered
RUN: Final = 500  # rows looked at, and forgotten, at once


def chores(gateway: Gateway) -> Sequence[Chore]:
    """The work, hourly."""
    return (Chore("payfunc", PAUSE_S, partial(clean, gateway)),)


async def clean(gateway: Gateway) -> None:
    """Forget what is over, of every merchant."""
    store, now = gateway.store, gateway.clock.now()
    for merchant in await store.merchants():
        async for run in _runs(store, merchant.id, cards.KIND):
            rows = [(each, msgspec.json.decode(each.body, type=Row)) for each in run]
            over = [pair for pair in rows if pair[1].issued + OVER_US < now]
            if over:
                alone = [row.card.id for item, row in over if await _alone(store, item, row, now)]
                await store.drop([item for item, _ in over], alone)


async def _alone(store: Store, item: Kept, row: Row, now: int) -> bool:
    """Whether nothing but the token has the card: no account (it is then spent), no order.

    Which order used it is known for a day; after that the card stays, whoever has it.
    """
    if now > row.issued + KEEPING.keys_us or row.waits is not None:
        return False
    used = await store.key_use(item.merchant, f"{QUOTE}{cards.KIND} {handle(item.id)} 0")
    return used is None


async def _runs(store: Store, merchant: int, kind: str) -> AsyncIterator[Sequence[Kept]]:
    """Everything of a kind, so much at a time."""
    after = 0
    while run := await store.every_kept(merchant, kind, RUN, after=after):
        yield run
        after = run[-1].id
