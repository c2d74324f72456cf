"""How a database server is reached; whoever opens a store says it, without having its driver."""

from counterfoil.core.record import Record


class Options(Record):
    """How the database is reached.

    `connections` at most, and how long one statement may take. `pooled`: behind a pooler that gives
    each transaction another connection, so nothing is prepared. `alone`: every batch is one
    merchant's, for engines that distribute by merchant.
    """

    connections: int = 8
    timeout_ms: int = 5_000
    pooled: bool = False
    alone: bool = False

    @property
    def lanes(self) -> int:
        """How many batches may be on their way at once; the other connections read."""
        return max(1, self.connections // 2)
