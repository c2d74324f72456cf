"""What the rows of the PayFunc wire are called with: a key, and a card that may be charged again.

The card was posted once. Each order is a new one on it, by the merchant's own server, so that a
signed answer is one signature: that of its order.
"""

import asyncio
from collections.abc import Sequence
from typing import Final

from msgspec.structs import replace

from counterfoil import issuing, wiring
from counterfoil.bench.calls import Call
from counterfoil.config import Settings
from counterfoil.core.card import Cvv, Pan
from counterfoil.dialects.payfunc.cards import Cards, NewCard
from counterfoil.dialects.payfunc.routes import AUDIENCE
from counterfoil.dialects.payfunc.signing import Signing

MERCHANT: Final = 1
CARD: Final = NewCard(pan=Pan("4111111111111111"), expires=(12, 39), cvv=Cvv("987"))
TOKEN: Final = "{card}"  # noqa: S105 (where the card's token goes in a body)


def ready(calls: Sequence[Call], database: str, base: str) -> tuple[Call, ...]:
    """The calls with what they need of the demo merchant in that database (a URL)."""
    private, card = asyncio.run(_made(database, base))
    return tuple(
        replace(call, token=private, body=call.body.replace(TOKEN, card))
        if call.body is not None and TOKEN in call.body
        else call
        for call in calls
    )


async def _made(database: str, base: str) -> tuple[str, str]:
    async with wiring.parts(Settings(database=database)) as parts:
        keys = await issuing.keys(parts, MERCHANT, base)
        signing = Signing(parts.store, parts.vault, parts.clock)
        cards = Cards(wiring.gateway(parts), signing, AUDIENCE)
        posted = await cards.create(MERCHANT, CARD)
        found = await cards.found(MERCHANT, posted, private=True)
        return keys["payfunc"]["private"], await cards.recurring(found.card)
