"""Order, Line, Payment, Operation: the aggregate, as frozen records.

An order is what a merchant asks a customer to pay; a payment is one attempt to collect it with one
instrument; an operation is one instruction about a payment, born pending and closed once. An order
is loaded whole, decided on as a value and committed whole. No status stands here: it is read off
the position (`core/rules.py`). Instants are integers, microseconds since 1970 UTC.
"""

from enum import StrEnum
from typing import Final

from counterfoil.core.card import Card
from counterfoil.core.declines import Decline
from counterfoil.core.errors import Code
from counterfoil.core.money import Money
from counterfoil.core.record import Record
from counterfoil.core.remember import remembered
from counterfoil.core.session import Session
from counterfoil.core.threeds import Authentication
from counterfoil.core.wallets import WalletUse

EPOCH_US: Final = 1_704_067_200_000_000  # 2024-01-01T00:00:00Z, where our ids begin


class Kind(StrEnum):
    """What an operation instructs."""

    AUTHORIZE = "authorize"
    CHARGE = "charge"
    REVERSE = "reverse"
    REFUND = "refund"
    CREDIT = "credit"
    DISPUTE = "dispute"
    RECOVER = "recover"


class Outcome(StrEnum):
    """What became of an operation. PENDING is not failure: nobody knows yet."""

    PENDING = "pending"
    APPROVED = "approved"
    DECLINED = "declined"
    FAILED = "failed"  # a machine on the way said clearly that nothing happened


class Relation(StrEnum):
    """Why one order points at another."""

    REBILL = "rebill"
    CREDIT = "credit"
    LINK = "link"  # paid through the other's payment page, which many may use


class Statement(Record):
    """What an operation means for the merchant's money, in minor units of the accounting currency.

    `amount` is signed: charges bring, refunds and credits take. `rate` is the exchange rate that
    was used, as decimal text, where the order's currency is another one.
    """

    currency: str
    amount: int = 0
    fee: int = 0
    reserve: int = 0
    rate: str | None = None

    @property
    def incoming(self) -> int:
        """What is left after the fee."""
        return self.amount - self.fee

    @property
    def receivable(self) -> int:
        """What the merchant is owed by it: incoming less reserve."""
        return self.amount - self.fee - self.reserve


class Part(Record):
    """So many minor units of a refund or dispute, taken from one charge.

    `home` is what they come to in the accounting currency.
    """

    charge: int
    minor: int
    home: int


class Units(Record):
    """So many units of one line (by its place in the order)."""

    line: int
    count: int


class Line(Record):
    """A row of the order: `quantity` units of a product for `minor` units of money in all.

    `facts` is what the wire that made the order said of it (JSON text), given back unread.
    """

    product: str
    quantity: int
    minor: int
    facts: str | None = None


class Operation(Record):
    """One instruction about a payment; `ordinal` counts them within the order.

    `places` are the units it moves, as line and unit; `released` is authorized money that a final
    charge lets go of, `let_go` the units of it. `charge_next`: once approved it is charged at once.
    `doubted`: the acquirer could not say what became of it, so it is being taken back there; an
    approval that comes after that no longer counts. `number` is what the merchant knows it by, and
    `facts` what the wire that asked for it said of it (JSON text), given back unread.
    """

    id: int
    kind: Kind
    amount: Money
    statement: Statement
    ordinal: int = 1
    outcome: Outcome = Outcome.PENDING
    released: int = 0
    parts: tuple[Part, ...] = ()
    places: tuple[tuple[int, int], ...] = ()
    let_go: tuple[tuple[int, int], ...] = ()
    number: str | None = None
    facts: str | None = None
    key: str | None = None
    charge_next: bool = False
    doubted: bool = False
    closed: int | None = None
    decline: Decline | None = None
    code: str | None = None
    auth_code: str | None = None
    rrn: str | None = None
    arn: str | None = None
    trace_id: str | None = None

    @property
    def created(self) -> int:
        """The instant it was born: its id is a clock."""
        return instant_of(self.id)


class Secure3d(Record):
    """The proof of an authentication, made here or brought along by the merchant.

    `xid` is the directory server's transaction id where we made one of version 2. `status` is the
    issuer's letter, `eci` has two digits where it is ours.
    """

    reason: str
    xid: str | None = None
    cavv: str | None = None
    eci: str | None = None
    ds_trans_id: str | None = None
    version: str | None = None
    status: str | None = None


class Recurring(Record):
    """How the payment belongs to a series: by the `first` the card is stored, later ones use it.

    `parent` is the order it follows, `trace_id` the network's id of the first, `indicator` the
    scheme's code for who begins it and why. `attended`: the customer of a later one is there.
    """

    first: bool = False
    attended: bool = False
    parent: str | None = None
    trace_id: str | None = None
    indicator: str | None = None


class Payment(Record, dict=True, gc=True):
    """One attempt to collect an order with one instrument, and the log of what was tried.

    `method` names the instrument where it is no card, `account` the bank, UPI address or wallet.
    `life_s`: how long its authorization may be charged, where the merchant said so. `facts`: as an
    order's.
    """

    id: int
    amount: Money
    terminal: str
    descriptor: str | None = None
    method: str | None = None
    account: str | None = None
    life_s: int | None = None
    facts: str | None = None
    card: Card | None = None
    secure3d: Secure3d | None = None
    authentication: Authentication | None = None
    recurring: Recurring | None = None
    wallet: WalletUse | None = None
    log: tuple[Operation, ...] = ()


class Client(Record):
    """The customer, as the merchant described them; nothing is normalised."""

    address: str | None = None
    city: str | None = None
    country: str | None = None
    email: str | None = None
    login: str | None = None
    name: str | None = None
    phone: str | None = None
    state: str | None = None
    zip: str | None = None


class Location(Record):
    """Where the customer is: IP address, and what a geo database makes of it."""

    city: str | None = None
    country: str | None = None
    ip: str | None = None
    region: str | None = None


class Retries(Record):
    """When an order that its account did not pay at once is tried again by itself.

    `at_once`: it is charged as soon as it is authorized.
    """

    account: int
    at: tuple[int, ...] = ()
    at_once: bool = False

    def due(self, now: int) -> int | None:
        """The next of those instants; None: there is none left."""
        return next((each for each in self.at if each > now), None)


class Waived(Record):
    """So much of an order that nobody is to pay any more, given up at an instant; for which units.

    Never all there is: who gives that up closes the order.
    """

    at: int
    minor: int
    places: tuple[tuple[int, int], ...] = ()


class Settlement(Record):
    """What an acquirer has paid out of an order, as an operator books it; it moves nothing here.

    Minor units of the order's currency: `gross` is signed as the money goes (refunds take), `fee`
    what was kept of it. `start`, `end` and `payout` are days (ISO 8601), `reference` is its own.
    `paid`: so much of what stood charged is the merchant's by it, for these units (`payouts.py`).
    """

    at: int
    reference: str
    gross: int
    start: str
    end: str
    fee: int = 0
    payout: str | None = None
    paid: int = 0
    places: tuple[tuple[int, int], ...] = ()

    @property
    def net(self) -> int:
        """What was paid out."""
        return self.gross - self.fee


class Order(Record, dict=True, gc=True):
    """What a merchant asks a customer to pay. `version` counts the commits that made it.

    `told` counts the notices of it. `expires` is when it can no longer be paid, where that is so.
    `facts` is what the wire that made it keeps of it (JSON text), given back unread.
    `retries`: an account is to pay it. `callback`: an address to be told that it named itself.
    """

    merchant: int
    id: int
    amount: Money
    version: int = 0
    told: int = 0
    expires: int | None = None
    lines: tuple[Line, ...] = ()
    payments: tuple[Payment, ...] = ()
    reference: str | None = None
    description: str | None = None
    descriptor: str | None = None
    segment: str | None = None
    client: Client | None = None
    location: Location | None = None
    custom: tuple[tuple[str, str], ...] = ()
    facts: str | None = None
    parent: int | None = None
    relation: Relation | None = None
    session: Session | None = None
    retries: Retries | None = None
    callback: str | None = None
    waived: tuple[Waived, ...] = ()
    settlements: tuple[Settlement, ...] = ()
    closed: Code | None = None
    closed_at: int | None = None

    @property
    def created(self) -> int:
        """The instant it was made: its id is a clock."""
        return instant_of(self.id)

    @property
    def operations(self) -> tuple[Operation, ...]:
        """All operations of all payments, oldest first."""
        payments = self.payments
        return payments[0].log if len(payments) == 1 else _sorted(self)

    @property
    def updated(self) -> int:
        """The instant of the last thing that became true of it."""
        last = max(self.created, self.closed_at or 0)
        for operation in self.operations:
            last = max(last, operation.closed or 0)
        for payment in self.payments:
            if payment.authentication is not None:
                last = max(last, payment.authentication.changed)
        if self.waived or self.settlements:
            waived = [each.at for each in self.waived]
            last = max(last, *waived, *(each.at for each in self.settlements))
        return last


@remembered
def _sorted(order: Order) -> tuple[Operation, ...]:
    found = [operation for payment in order.payments for operation in payment.log]
    return tuple(sorted(found, key=lambda operation: operation.id))


def instant_of(identifier: int) -> int:
    """The instant in an order's, payment's or operation's id."""
    return EPOCH_US + (identifier >> 8)


def id_at(instant: int) -> int:
    """The least id an instant can have; later instants have greater ids."""
    return (instant - EPOCH_US) << 8
