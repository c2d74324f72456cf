"""What must stand of an order, kept in the plainest way, and how each wire is to say it.

The views are the table of `docs/wires/README.md` once more, written from the documents and not from
the code, so that the two can be compared. Amounts are minor units.
"""

from dataclasses import dataclass, field
from typing import Final, NamedTuple

from counterfoil.core.order import Kind

View = dict[str, object]
BIZON: Final = {
    "new": "new", "waiting": "prepared", "declined": "declined", "authorized": "authorized",
    "charged": "charged", "reversed": "reversed", "refunded": "refunded",
}  # fmt: skip
AFTERPAY: Final = {
    "new": "Pending", "waiting": "Pending", "authorized": "Accepted", "charged": "Accepted",
    "reversed": "Cancelled", "refunded": "Accepted",
}  # fmt: skip


class Move(NamedTuple):
    """What one operation moves. `capture` is the one that it takes back of, `total` an update's."""

    kind: Kind
    minor: int
    released: int = 0
    capture: int | None = None
    total: int | None = None


@dataclass
class Capture:
    """A capture, and what was refunded of it."""

    minor: int
    refunded: int = 0

    @property
    def left(self) -> int:
        return self.minor - self.refunded


@dataclass
class Tally:
    """An order's money. `failed` are its declined payments, `waits` is what has no answer yet."""

    whole: int
    authorized: int = 0
    reversed: int = 0
    released: int = 0
    captures: list[Capture] = field(default_factory=list)
    failed: list[int] = field(default_factory=list)
    waits: tuple[Move, ...] = ()
    total: int = 0
    voided: int = 0  # since the last update

    def __post_init__(self) -> None:
        self.total = self.whole

    @property
    def charged(self) -> int:
        return sum(each.minor for each in self.captures)

    @property
    def refunded(self) -> int:
        return sum(each.refunded for each in self.captures)

    @property
    def remaining(self) -> int:
        return self.authorized - self.charged - self.reversed - self.released

    @property
    def stands(self) -> tuple[int, int, int]:
        """What may be charged or given back, what may be refunded, and what was."""
        return self.remaining, self.charged - self.refunded, self.refunded

    @property
    def standing(self) -> str:
        """The order in one word."""
        words = {
            "refunded": self.refunded,
            "charged": self.charged,
            "authorized": self.remaining,
            "reversed": self.reversed + self.released,
            "waiting": len(self.waits),
            "declined": len(self.failed),
        }
        return next((word for word, there in words.items() if there), "new")

    def ask(self, moves: tuple[Move, ...]) -> None:
        """What begins: an update makes room for more, whatever becomes of it."""
        self.waits = moves
        more = sum(each.minor for each in moves if each.kind is Kind.AUTHORIZE)
        self.whole = max(self.whole, self.charged + self.remaining + more)

    def take(self, move: Move) -> None:
        """Count what was approved."""
        match move.kind:
            case Kind.AUTHORIZE:
                self.authorized += move.minor
            case Kind.CHARGE:
                self.captures.append(Capture(move.minor))
                self.released += move.released
                self.voided += move.released
            case Kind.REVERSE:
                self.reversed += move.minor
                self.voided += move.minor
            case _:
                self._refund(move)
        if move.total is not None:
            self.total, self.voided = move.total, 0
        assert self.remaining >= 0
        assert all(each.left >= 0 for each in self.captures)

    def _refund(self, move: Move) -> None:
        """A refund takes from the capture it names, else from the oldest first."""
        if move.capture is not None:
            self.captures[move.capture].refunded += move.minor
            return
        left = move.minor
        for each in self.captures:
            portion = min(left, each.left)
            each.refunded += portion
            left -= portion
        assert not left

    # How each wire is to say it.

    def bizon(self) -> View:
        sums = {
            "authorize": self.authorized,
            "charge": self.charged,
            "reverse": self.reversed,
            "refund": self.refunded,
        }
        return {
            "status": BIZON[self.standing],
            "amount": self.whole,
            "amount_charged": self.charged,
            "amount_refunded": self.refunded,
            "operations": {kind: minor for kind, minor in sums.items() if minor},
        }

    def razorpay(self) -> View:
        """A refund that waits counts there as given back; what waits for its first answer is not
        listed."""
        waiting = sum(each.minor for each in self.waits if each.kind is Kind.REFUND)
        back = self.refunded + waiting
        live: tuple[object, ...] | None = None
        if self.charged:
            live = ("refunded" if back == self.charged else "captured", self.charged, back, True)
        elif self.remaining:
            live = ("authorized", self.remaining, 0, False)
        elif self.reversed:
            live = ("refunded", self.reversed, self.reversed, False)
        payments: list[object] = [("failed", minor, 0, False) for minor in self.failed]
        payments += [] if live is None else [live]
        due = self.whole - self.charged
        return {
            "status": "paid" if not due else "attempted" if payments else "created",
            "amounts": (self.whole, self.charged, due),
            "payments": payments,
            "refunds": self.refunded if self.charged or self.remaining else self.reversed,
        }

    def payfunc(self) -> View:
        left = self.whole - self.charged - self.remaining
        cancelled = min(self.reversed + self.released, left)
        sums = {
            "ordered": self.remaining,
            "charged": self.charged - self.refunded,
            "refunded": self.refunded,
            "cancelled": cancelled,
            "denied" if self.failed and not self.authorized else "created": left - cancelled,
        }
        return {"status": {word: minor for word, minor in sums.items() if minor}}

    def afterpay(self) -> View | None:
        """None: what was declined is no order there."""
        if self.standing == "declined":
            return None
        return {
            "status": AFTERPAY[self.standing],
            "total": self.total,
            "captures": [(each.minor, each.refunded) for each in self.captures],
            "refunded": self.refunded,
            "voided": self.voided,
        }
