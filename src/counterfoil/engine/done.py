"""What goes in and out of the engine: a caller's key, how long to wait, the order afterwards."""

from counterfoil.core.change import KeyUse
from counterfoil.core.order import Operation, Order
from counterfoil.core.record import Record


class Once(Record):
    """A caller's idempotency key and the hash of everything it asked."""

    key: str
    fingerprint: bytes

    def use(self, order: Order, at: int) -> KeyUse:
        """The key, used at that instant for that order."""
        return KeyUse(key=self.key, fingerprint=self.fingerprint, order=order.id, used=at)


class Limits(Record):
    """How long the engine waits."""

    acquirer_ms: int = (
        20_000  # hosts answer within 15 to 60 s; the caller's own client gives up at 30
    )
    replay_ms: int = 25_000  # a repeated key waits so long for the first request
    replay_poll_ms: int = 50  # how often another process's progress is looked at


class Done(Record):
    """The order after a request, and the last operation it asked for (still pending: no answer).

    `operations` are all it asked for, where that may be several. `begun` is what began with the end
    of the last and is yet to be sent.
    """

    order: Order
    operation: Operation | None = None
    operations: tuple[Operation, ...] = ()
    begun: Operation | None = None


class KeyTakenError(Exception):
    """Another request with the same idempotency key came first."""
