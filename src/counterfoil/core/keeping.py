"""What is kept beside orders: texts of a wire or an engine part, by merchant, kind and id.

For what is small and belongs to one merchant: accounts, card tokens, signing keys. Whoever changes
one says what it was, so that of two at once one comes too late and looks again.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Final, Protocol

from counterfoil.core.card import SealedCard
from counterfoil.core.record import Record

DAY_US: Final = 24 * 3600 * 1_000_000
NOBODY: Final = 0  # the merchant of what belongs to the deployment
SEALED: Final = "sealed"  # the kind of texts that are a `SealedSecret`, for the vault to know


class Keeping(Record):
    """For how long what is done is kept, in microseconds.

    `keys_us`: idempotency keys and answers; a repeat later than that is a new request.
    `callbacks_us`: what merchants were told, each attempt, and secrets after they were replaced.
    """

    keys_us: int = DAY_US
    callbacks_us: int = 90 * DAY_US


KEEPING: Final = Keeping()


class Kept(Record):
    """A text that is kept; of whom, and by which kind and id.

    `used` (microseconds since 1970 UTC): it is forgotten as long after it as idempotency keys are
    after their use; None: never.
    """

    merchant: int
    kind: str
    id: int
    body: str
    used: int | None = None


class Old(StrEnum):
    """What is not kept for ever, and what says how old it is."""

    KEYS = "keys"  # idempotency keys and spent tokens; when they were used
    KEPT = "kept"  # texts of this module that say when they were used
    ATTEMPTS = "attempts"  # callbacks as they were posted; when
    NOTICES = "notices"  # what was to be told and is; when it happened, to an order as old


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

    async def forget(self, what: Old, merchant: int, before: int, *, after: int = 0) -> int | None:
        """Forget some of what is older than an instant; `after` for the next ones, None: no more.

        A notice stays while an attempt of its order does, or a callback waits or is parked.
        """
        ...

    async def drop(self, items: Sequence[Kept], cards: Sequence[int] = ()) -> None:
        """Forget what still is as given, and sealed cards, of the merchant of the first; at once.

        `items` is not empty.
        """
        ...
