"""A store in memory, by the same contract as the durable ones (`tests/contract/test_stores.py`).

It keeps values, and nothing awaits between a check and the write that relies on it, so that a
commit is as atomic here as in a database. What a real store only writes (postings, notices) is open
to tests as plain attributes.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Final, TypeVar

from msgspec.structs import replace

from counterfoil.core.card import SealedCard
from counterfoil.core.change import Change, KeyUse
from counterfoil.core.errors import Code, Refused
from counterfoil.core.keeping import Kept, Old
from counterfoil.core.ledger import Posting
from counterfoil.core.listing import FILTERS, projection
from counterfoil.core.merchant import Credential, Merchant
from counterfoil.core.order import Client, Order, Outcome, instant_of
from counterfoil.core.ports import (
    ID_MAX,
    Committed,
    DataKey,
    Evidence,
    Listed,
    OperationQuery,
    OrderQuery,
)
from counterfoil.core.rates import Rate
from counterfoil.core.timers import Backlog, Queue
from counterfoil.testing.timed import TimedMemory

Place = TypeVar("Place", bound=tuple[object, ...])
Row = TypeVar("Row")
CLOSED: Final = (Outcome.APPROVED, Outcome.DECLINED, Outcome.FAILED)


class MemoryStore(TimedMemory):
    """A `Store` that forgets everything when it is gone; for tests and trials.

    `commits` counts the changes that were DONE.
    """

    def __init__(self) -> None:
        super().__init__()
        self.commits = 0
        self.postings: list[tuple[int, Posting]] = []
        self._orders: dict[tuple[int, int], Order] = {}
        self._operations: dict[tuple[int, int], Listed] = {}
        self._cards: dict[tuple[int, int], SealedCard] = {}
        self._keys: dict[tuple[int, str], KeyUse] = {}
        self._merchants: dict[int, Merchant] = {}
        self._credentials: dict[tuple[str, str], Credential] = {}
        self._rates: dict[tuple[str, str, str], Rate] = {}
        self._data_keys: dict[int, DataKey] = {}
        self._kept: dict[tuple[int, str, int], Kept] = {}
        self._open = True

    async def commit(self, change: Change) -> Committed:
        """Keep the change whole, or say why not.

        The key is looked at before the version: an order sent again under its key is DUPLICATE,
        whatever number it was given this time. Raises `Refused(STORE_UNAVAILABLE)` once closed.
        """
        if not self._open:
            raise Refused(Code.STORE_UNAVAILABLE)
        merchant, order = change.order.merchant, change.order
        if any((merchant, use.key) in self._keys for use in change.keys):
            return Committed.DUPLICATE
        stored = self._orders.get((merchant, order.id))
        if (stored.version if stored else 0) != change.expects:
            return Committed.STALE
        self._orders[merchant, order.id] = order
        for operation in (*change.born, *change.marked, *change.closed):
            listed = Listed(order=order.id, operation=operation)
            self._operations[merchant, operation.id] = listed
        for card in change.cards:
            self._cards[merchant, card.id] = card
        for use in change.keys:
            self._keys[merchant, use.key] = use
        self.postings += [(merchant, posting) for posting in change.postings]
        self.notices_told += [(merchant, notice) for notice in change.notices]
        if change.timers:
            await self.plant(merchant, change.timers)
        self.commits += 1
        return Committed.DONE

    async def load(self, merchant: int, order: int) -> Order:
        """The order as last committed; raises `Refused(ORDER_NOT_FOUND)`."""
        found = self._orders.get((merchant, order))
        if found is None:
            raise Refused(Code.ORDER_NOT_FOUND)
        return found

    async def card(self, merchant: int, card: int) -> SealedCard | None:
        """The sealed number of a card."""
        return self._cards.get((merchant, card))

    async def keep(
        self, item: Kept, was: str | None = None, *, card: SealedCard | None = None
    ) -> bool:
        """Keep it in place of what it was, with a card."""
        place = (item.merchant, item.kind, item.id)
        now = self._kept.get(place)
        if (None if now is None else now.body) != was:
            return False
        self._kept[place] = item
        if card is not None:
            self._cards[item.merchant, card.id] = card
        return True

    async def kept(self, merchant: int, kind: str, item: int) -> str | None:
        """What is kept there."""
        found = self._kept.get((merchant, kind, item))
        return None if found is None else found.body

    async def every_kept(
        self, merchant: int, kind: str, limit: int, *, after: int = 0
    ) -> Sequence[Kept]:
        """A run of what is kept of a kind, by id."""
        places = [place for place in self._kept if place[:2] == (merchant, kind)]
        return [self._kept[place] for place in sorted(places) if place[2] > after][:limit]

    async def drop(self, items: Sequence[Kept], cards: Sequence[int] = ()) -> None:
        """Forget what still is as given, and sealed cards."""
        for each in items:
            place = (each.merchant, each.kind, each.id)
            if self._kept.get(place) == each:
                del self._kept[place]
        for card in cards:
            self._cards.pop((items[0].merchant, card), None)

    async def key_use(self, merchant: int, key: str) -> KeyUse | None:
        """What an idempotency key was used for."""
        return self._keys.get((merchant, key))

    async def orders(self, query: OrderQuery) -> Sequence[Order]:
        """A page of orders, newest first."""
        found = [
            order
            for (merchant, identifier), order in self._orders.items()
            if merchant == query.merchant
            and query.first <= identifier <= query.last
            and identifier < query.before
            and (query.after is None or identifier > query.after)
            and matches(order, query)
        ]
        found.sort(key=lambda order: -order.id)
        return found[: query.limit] if query.after is None else found[-query.limit :]

    async def operations(self, query: OperationQuery) -> Sequence[Listed]:
        """A page of operations, newest first."""
        found = [
            listed
            for listed in self._of(query.merchant)
            if query.first <= listed.operation.id <= query.last
            and listed.operation.id < query.before
            and (query.after is None or listed.operation.id > query.after)
            and among(listed.operation.kind, query.kinds)
            and among(listed.operation.outcome, query.outcomes or CLOSED)
        ]
        found.reverse()
        return found[: query.limit] if query.after is None else found[-query.limit :]

    async def pending(
        self, merchant: int, before: int, limit: int, *, after: int = 0
    ) -> Sequence[Listed]:
        """The oldest operations without an answer whose id is below `before`, above `after`."""
        found = [
            listed
            for listed in self._of(merchant)
            if listed.operation.outcome is Outcome.PENDING and after < listed.operation.id < before
        ]
        return found[:limit]

    async def backlog(self, merchant: int, now: int) -> Mapping[Backlog, Queue]:
        """What of a merchant waits."""
        pending = await self.pending(merchant, ID_MAX, ID_MAX)
        queues = self.timers_waiting(merchant, now)
        for each in pending:
            one = Queue(waiting=1, since=each.operation.created)
            queues[Backlog.OPERATIONS] += one
        return queues

    async def evidence(self, merchant: int, after: int, limit: int) -> Sequence[Evidence]:
        """What rests about the orders whose id is above `after`, oldest first."""
        wanted = sorted(key for key in self._orders if key[0] == merchant and key[1] > after)
        return [self._evidence(self._orders[key]) for key in wanted[:limit]]

    async def strays(self, merchant: int, limit: int) -> Sequence[tuple[int, int | None]]:
        """Operations that rest, each with its order that does not; None: postings rest, not it."""
        lost = [
            (listed.operation.id, listed.order)
            for listed in self._of(merchant)
            if (merchant, listed.order) not in self._orders
        ]
        entries = {
            posting.operation
            for owner, posting in self.postings
            if owner == merchant and (merchant, posting.operation) not in self._operations
        }
        return [*lost[:limit], *((number, None) for number in sorted(entries)[:limit])]

    async def forget(self, what: Old, merchant: int, before: int, *, after: int = 0) -> int | None:
        """Forget all that is older."""
        match what:
            case Old.KEYS:
                drop(self._keys, lambda use: use.used, merchant, before)
            case Old.KEPT:
                drop(self._kept, lambda item: item.used, merchant, before)
            case Old.ATTEMPTS:
                drop(self._attempts, lambda each: instant_of(each.id), merchant, before)
            case Old.NOTICES:
                self.forget_notices(merchant, before, after=after)
        return None

    async def orphans(self) -> Sequence[tuple[int, str]]:
        """Merchants that are gone while orders of theirs rest."""
        known = {owner for owner, _ in self._orders}
        return [(owner, "orders") for owner in sorted(known - self._merchants.keys())]

    async def merchants(self) -> Sequence[Merchant]:
        """Every merchant, by number."""
        return [self._merchants[number] for number in sorted(self._merchants)]

    async def merchant(self, merchant: int) -> Merchant | None:
        """One merchant."""
        return self._merchants.get(merchant)

    async def save_merchant(self, merchant: Merchant) -> None:
        """Add the merchant, or replace its settings."""
        self._merchants[merchant.id] = merchant

    async def credential(self, wire: str, login: str) -> Credential | None:
        """How somebody of that login proves who they are."""
        return self._credentials.get((wire, login))

    async def credentials(self, merchant: int) -> Sequence[Credential]:
        """All credentials of a merchant."""
        return [each for each in self._credentials.values() if each.merchant == merchant]

    async def save_credential(self, credential: Credential) -> None:
        """Add the credential, or replace its secret."""
        self._credentials[credential.wire, credential.login] = credential

    async def rates(self, first: str, last: str) -> Sequence[Rate]:
        """Exchange rates whose day is within the bounds, by pair and day."""
        return [rate for _, rate in sorted(self._rates.items()) if first <= rate.day <= last]

    async def rate(self, source: str, target: str, day: str) -> Rate | None:
        """The latest rate of a pair that is not after a day."""
        found = [each for each in await self.rates_on(day) if each.source == source]
        return next((each for each in found if each.target == target), None)

    async def rates_on(self, day: str) -> Sequence[Rate]:
        """Of each pair the latest rate that is not after the day."""
        latest = {(rate.source, rate.target): rate for rate in await self.rates("", day)}
        return list(latest.values())

    async def save_rates(self, rates: Sequence[Rate]) -> None:
        """Add the rates, or replace those of the same pair and day."""
        self._rates |= {(rate.source, rate.target, rate.day): rate for rate in rates}

    async def data_keys(self) -> Sequence[DataKey]:
        """The vault's wrapped data keys, by id."""
        return [self._data_keys[key] for key in sorted(self._data_keys)]

    async def found_vault(self, keys: Sequence[DataKey]) -> Sequence[DataKey]:
        """Save the first data keys unless there are any; what rests afterwards."""
        if not self._data_keys:
            for key in keys:
                await self.save_data_key(key)
        return await self.data_keys()

    async def save_data_key(self, key: DataKey) -> None:
        """Add the key, or replace its wrapping and state."""
        self._data_keys[key.id] = key

    async def reseal(self, merchant: int, card: SealedCard) -> None:
        """Replace a card's ciphertext; a card that is not there stays away."""
        was = self._cards.get((merchant, card.id))
        if was is not None:
            self._cards[merchant, card.id] = replace(was, key=card.key, sealed=card.sealed)

    async def every_card(self, merchant: int) -> AsyncIterator[SealedCard]:
        """All sealed cards of a merchant, oldest first."""
        for owner, card in sorted(self._cards):
            if owner == merchant:
                yield self._cards[owner, card]

    async def ready(self) -> bool:
        """Whether it answers now."""
        return self._open

    async def close(self) -> None:
        """Refuse further commits; what is kept can still be read."""
        self._open = False

    def _evidence(self, order: Order) -> Evidence:
        operations = tuple(
            listed.operation for listed in self._of(order.merchant) if listed.order == order.id
        )
        entries = {operation.id for operation in operations}
        return Evidence(
            merchant=order.merchant,
            id=order.id,
            order=order,
            version=order.version,
            projected=projection(order),
            operations=operations,
            columns=tuple((each.id, each.kind, each.outcome) for each in operations),
            postings=tuple(
                posting
                for merchant, posting in self.postings
                if merchant == order.merchant and posting.operation in entries
            ),
        )

    def _of(self, merchant: int) -> list[Listed]:
        """A merchant's operations, oldest first."""
        found = [listed for (owner, _), listed in self._operations.items() if owner == merchant]
        return sorted(found, key=lambda listed: listed.operation.id)


def drop(
    rests: dict[Place, Row], used: Callable[[Row], int | None], merchant: int, before: int
) -> None:
    """Take out what is the merchant's and was used before an instant."""
    for place, item in list(rests.items()):
        instant = used(item)
        if place[0] == merchant and instant is not None and instant < before:
            del rests[place]


def matches(order: Order, query: OrderQuery) -> bool:
    """Whether the order passes every filter of the query but its bounds."""
    shown = dict(zip(FILTERS, projection(order), strict=True))
    client = order.client or Client()
    return (
        among(shown["standing"], query.standings)
        and among(shown["reference"], query.references)
        and among(shown["ip"], query.ips)
        and among(shown["brand"], query.brands)
        and among(shown["subtype"], query.subtypes)
        and among(shown["bin"], query.bins)
        and among(shown["issuer_country"], query.issuer_countries)
        and contains(shown["issuer_title"], query.issuer_part)
        and contains(client.name, query.name_part)
        and contains(client.email, query.email_part)
    )


def among(value: str | None, wanted: tuple[str, ...]) -> bool:
    """Whether the value is one of those wanted; none wanted: all are."""
    return not wanted or value in wanted


def contains(value: str | None, part: str | None) -> bool:
    """Whether the part is in the value, in any case, taken literally."""
    return part is None or (value is not None and part.casefold() in value.casefold())
