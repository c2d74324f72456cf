"""What the engine asks of the world: Protocols for acquirer, store, vault, clock and ids.

An adapter implements one and knows nothing of the others; `docs/extending.md` shows how.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Final, Protocol, TypeAlias

from counterfoil.core.answers import Answer
from counterfoil.core.callbacks import Outbox
from counterfoil.core.card import Brand, Card, Cvv, Pan, SealedCard, SealedSecret, Secret
from counterfoil.core.change import Change, KeyUse
from counterfoil.core.keeping import Keeper
from counterfoil.core.ledger import Posting
from counterfoil.core.merchant import Credential, Merchant
from counterfoil.core.money import Money
from counterfoil.core.order import (
    Kind,
    Operation,
    Order,
    Outcome,
    Part,
    Recurring,
    Secure3d,
)
from counterfoil.core.rates import Rate
from counterfoil.core.record import Record
from counterfoil.core.rules import Standing
from counterfoil.core.timers import Timekeeper
from counterfoil.core.wallets import Cryptogram


class Capability(StrEnum):
    """What an acquirer's wire can do beyond authorize and charge."""

    REVERSE = "reverse"
    REFUND = "refund"
    CREDIT = "credit"
    PARTIAL_CHARGE = "partial_charge"
    PARTIAL_REVERSE = "partial_reverse"
    INCREMENT = "increment"  # an authorization is raised by another that follows it up
    SEVERAL_CHARGES = "several_charges"
    INQUIRE = "inquire"
    NEEDS_CARD = "needs_card"  # the card number goes with every operation, not only the first
    CRYPTOGRAMS = "cryptograms"  # it takes a wallet's proof along to the issuer
    SAMPLES = "samples"  # it takes no money, so that samples of wallet tokens may be given to it


class CardData(Record):
    """A card as an acquirer needs it, perhaps out of a wallet; lives inside one request."""

    pan: Pan
    card: Card
    cvv: Cvv | None = None
    cryptogram: Cryptogram | None = None
    eci: str | None = None


class Original(Record):
    """The operation that an instruction follows up: our reference and the acquirer's own."""

    reference: int
    amount: Money
    auth_code: str | None = None
    rrn: str | None = None
    trace_id: str | None = None


class Inquiry(Record):
    """What became of an instruction? Everything a host may want in order to find it."""

    reference: int
    merchant: int
    order: int
    kind: Kind
    amount: Money
    terminal: str


class Instruction(Record):
    """What the acquirer is asked. `reference` is our operation's id: unique, and echoed back.

    A refund of one charge has that charge as its `original`; one of several has the authorization,
    and `parts` says how much of each. An authorization that has one raises it.
    """

    reference: int
    merchant: int
    order: int
    kind: Kind
    amount: Money
    terminal: str
    final: bool = False
    method: str | None = None  # what is paid with, where that is no card
    payer: str | None = None  # and then the name of who will owe it
    account: str | None = None  # the bank, UPI address or wallet
    card: CardData | None = None
    original: Original | None = None
    parts: tuple[Part, ...] = ()
    secure3d: Secure3d | None = None
    recurring: Recurring | None = None
    descriptor: str | None = None  # what the cardholder's statement is to show

    @property
    def inquiry(self) -> Inquiry:
        """The question what became of it."""
        return Inquiry(**{name: getattr(self, name) for name in Inquiry.__struct_fields__})


Receiver: TypeAlias = Callable[[Inquiry, Answer], Awaitable[None]]


class Acquirer(Protocol):
    """An acquirer's wire. Stateless: it keeps nothing that the store should keep."""

    @property
    def name(self) -> str:
        """The name by which terminals choose it."""
        ...

    @property
    def supports(self) -> frozenset[Capability]:
        """What it can do; the engine asks nothing else of it."""
        ...

    async def send(self, instruction: Instruction) -> Answer:
        """The answer. Never raises for a decline; whatever it does raise is taken as Unknown."""
        ...

    async def inquire(self, inquiry: Inquiry) -> Answer:
        """What became of it? Declined(NOT_RECEIVED) only where the host is certain."""
        ...

    def listen(self, receive: Receiver) -> None:
        """Hand answers that come late or twice to `receive`; called once, before any send."""
        ...

    async def close(self) -> None:
        """Let go of connections and files."""
        ...


class Committed(StrEnum):
    """What became of a change."""

    DONE = "done"
    STALE = "stale"  # another step came first: load and decide again
    DUPLICATE = "duplicate"  # its idempotency key, or a name it takes, has been used


ID_MAX: Final = 2**63 - 1


class Span(Record):
    """A page of a merchant's list, newest first.

    Ids are instants (`core/order.py`): `first` and `last` bound the time of creation, inclusive;
    `before` is the key of the page. `after`: the page just above that id (still newest first).
    """

    merchant: int
    limit: int
    first: int = 0
    last: int = ID_MAX
    before: int = ID_MAX
    after: int | None = None


class OrderQuery(Span):
    """A page of orders; an empty tuple or None filters nothing. A `…_part` may have any case."""

    standings: tuple[Standing, ...] = ()
    references: tuple[str, ...] = ()
    brands: tuple[Brand, ...] = ()
    subtypes: tuple[str, ...] = ()
    ips: tuple[str, ...] = ()
    bins: tuple[str, ...] = ()
    issuer_countries: tuple[str, ...] = ()
    issuer_part: str | None = None
    name_part: str | None = None
    email_part: str | None = None


class OperationQuery(Span):
    """A page of operations; those without an answer only where `outcomes` names them."""

    kinds: tuple[Kind, ...] = ()
    outcomes: tuple[Outcome, ...] = ()


class Listed(Record):
    """An operation in a list, with the order it belongs to."""

    order: int
    operation: Operation


class Evidence(Record):
    """What rests about one order, as it rests: for `counterfoil verify`, which derives it anew.

    `merchant`, `id`: its key. `columns`: id, kind, outcome beside each of the `operations`.
    """

    merchant: int
    id: int
    order: Order
    version: int
    projected: tuple[str | None, ...]
    operations: tuple[Operation, ...]
    columns: tuple[tuple[int, str, str], ...]
    postings: tuple[Posting, ...]


class Store(Timekeeper, Outbox, Keeper, Protocol):
    """Where the truth rests. Everything a change holds becomes durable together, or not at all."""

    async def commit(self, change: Change) -> Committed:
        """Make the change durable; returns only when it is (or is not)."""
        ...

    async def load(self, merchant: int, order: int) -> Order:
        """The order as last committed; raises `Refused(ORDER_NOT_FOUND)`."""
        ...

    async def card(self, merchant: int, card: int) -> SealedCard | None:
        """The sealed number of a card."""
        ...

    async def key_use(self, merchant: int, key: str) -> KeyUse | None:
        """What an idempotency key was used for."""
        ...

    async def orders(self, query: OrderQuery) -> Sequence[Order]:
        """A page of orders."""
        ...

    async def operations(self, query: OperationQuery) -> Sequence[Listed]:
        """A page of operations."""
        ...

    async def pending(
        self, merchant: int, before: int, limit: int, *, after: int = 0
    ) -> Sequence[Listed]:
        """The oldest operations without an answer whose id is below `before`, above `after`."""
        ...

    async def evidence(self, merchant: int, after: int, limit: int) -> Sequence[Evidence]:
        """What rests about the orders whose id is above `after`, oldest first."""
        ...

    async def strays(self, merchant: int, limit: int) -> Sequence[tuple[int, int | None]]:
        """Operations that rest, each with its order that does not; None: postings rest, not it."""
        ...

    async def orphans(self) -> Sequence[tuple[int, str]]:
        """Merchants that are gone while rows of theirs rest, each with what these are."""
        ...

    async def merchants(self) -> Sequence[Merchant]:
        """Every merchant."""
        ...

    async def merchant(self, merchant: int) -> Merchant | None:
        """One merchant."""
        ...

    async def save_merchant(self, merchant: Merchant) -> None:
        """Add the merchant, or replace its settings."""
        ...

    async def credential(self, wire: str, login: str) -> Credential | None:
        """How somebody of that login proves who they are."""
        ...

    async def credentials(self, merchant: int) -> Sequence[Credential]:
        """All credentials of a merchant."""
        ...

    async def save_credential(self, credential: Credential) -> None:
        """Add the credential, or replace its secret."""
        ...

    async def rates(self, first: str, last: str) -> Sequence[Rate]:
        """Exchange rates whose day is within the bounds (ISO 8601, inclusive)."""
        ...

    async def rate(self, source: str, target: str, day: str) -> Rate | None:
        """The latest rate of a pair that is not after a day."""
        ...

    async def rates_on(self, day: str) -> Sequence[Rate]:
        """The rates in force on a day: of each pair the latest that is not after it."""
        ...

    async def save_rates(self, rates: Sequence[Rate]) -> None:
        """Add the rates, or replace those of the same pair and day."""
        ...

    async def data_keys(self) -> Sequence["DataKey"]:
        """The vault's wrapped data keys."""
        ...

    async def found_vault(self, keys: Sequence["DataKey"]) -> Sequence["DataKey"]:
        """Save the first data keys unless there are any; what rests afterwards."""
        ...

    async def save_data_key(self, key: "DataKey") -> None:
        """Add the key, or replace its wrapping and state."""
        ...

    async def reseal(self, merchant: int, card: SealedCard) -> None:
        """Replace a card's ciphertext with one under another data key."""
        ...

    def every_card(self, merchant: int) -> AsyncIterator[SealedCard]:
        """All sealed cards of a merchant, oldest first."""
        ...

    async def ready(self) -> bool:
        """Whether it answers now."""
        ...

    async def close(self) -> None:
        """Finish what was handed over, then let go."""
        ...


class DataKey(Record):
    """A data key wrapped by the master key; `active` seals, the others only open."""

    id: int
    wrapped: bytes
    active: bool = True


class Vault(Protocol):
    """Where card numbers are sealed and opened. Nothing else stores or reads a `Pan`."""

    def seal(self, merchant: int, card: int, pan: Pan) -> SealedCard:
        """The number as it may rest."""
        ...

    def open(self, merchant: int, card: SealedCard) -> Pan:
        """The plain number; raises `VaultError` where the ciphertext is not ours or was moved."""
        ...

    def seal_secret(self, owner: tuple[int, int], secret: Secret, since: int) -> SealedSecret:
        """A secret of a merchant's endpoint (`owner`), as it may rest; in force from an instant."""
        ...

    def open_secret(self, owner: tuple[int, int], sealed: SealedSecret) -> Secret:
        """The plain secret; raises `VaultError` as `open` does."""
        ...

    def hash_secret(self, secret: str) -> bytes:
        """A keyed hash by which an API secret is recognised."""
        ...


class VaultError(Exception):
    """A sealed value could not be opened."""


class Clock(Protocol):
    """The time; a sandbox deployment may move it forward."""

    def now(self) -> int:
        """Microseconds since 1970 UTC."""
        ...

    def today(self) -> datetime:
        """The same second as an aware UTC datetime."""
        ...


class Ids(Protocol):
    """Numbers that sort by time and never repeat, not even between merchants."""

    def next(self) -> int:
        """An id at a later instant than every id this process gave before."""
        ...
