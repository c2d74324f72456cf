"""What is kept beside orders: texts of a wire or an engine part, by merchant, kind and id.

For what is small and belongs to one merchant: accounts, card tokens, signing keys. Whoever changes
one says what it was, so that of two at once one comes too late and looks again.
"""

from collections.abc import Sequence
from typing import Final, Protocol

from counterfoil.core.card import SealedCard
from counterfoil.core.record import Record

NOBODY: Final = 0  # the merchant of what belongs to the deployment
SEALED: Final = "sealed"  # the kind of texts that are a `SealedSecret`, for the vault to know


class Kept(Record):
    """A text that is kept; of whom, and by which kind and id."""

    merchant: int
    kind: str
    id: int
    body: str


class Keeper(Protocol):
    """What a store does with them."""

    async def keep(
        self, item: Kept, was: str | None = None, *, card: SealedCard | None = None
    ) -> bool:
        """Keep it in place of what it was (None: of nothing), with a card; False: it was not so."""
        ...

    async def kept(self, merchant: int, kind: str, item: int) -> str | None:
        """What is kept there."""
        ...

    async def every_kept(
        self, merchant: int, kind: str, limit: int, *, after: int = 0
    ) -> Sequence[Kept]:
        """A run of what is kept of a kind, by id."""
        ...

    async def drop(self, items: Sequence[Kept], cards: Sequence[int] = ()) -> None:
        """Forget what still is as given, and sealed cards, of the merchant of the first; at once.

        `items` is not empty.
        """
        ...
