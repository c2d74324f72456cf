"""One request of a known caller: its body, its idempotency key, what answers it.

What makes or changes an order is done once by the engine. Everything else that is asked for under a
key keeps its answer beside the orders: the same answer is given again.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import lru_cache
from hashlib import sha256
from typing import Final, NamedTuple
from urllib.parse import parse_qsl

import msgspec

from counterfoil import dialects
from counterfoil.core.errors import Code, Refused
from counterfoil.core.keeping import Kept
from counterfoil.core.order import Order
from counterfoil.dialects.payfunc import naming, render
from counterfoil.dialects.payfunc.auth import Caller
from counterfoil.dialects.payfunc.cards import Cards
from counterfoil.dialects.payfunc.errors import bad_argument, bad_key, encode, invalid, not_found
from counterfoil.dialects.payfunc.identifiers import formed
from counterfoil.dialects.payfunc.kept import JSON, Answered, written
from counterfoil.dialects.payfunc.reading import UnreadableError, decode
from counterfoil.dialects.payfunc.signing import Signing
from counterfoil.engine.accounts import Accounts
from counterfoil.engine.gateway import Gateway
from counterfoil.engine.perform import Done, Once
from counterfoil.exchange import CutShortError, Exchange, Reply, TooLargeError

JWT: Final = "application/jwt; charset=utf-8"
ANSWERS: Final = "payfunc answer"
SECOND_US: Final = 1_000_000
ISSUER: Final = "payfunc"
FIELDS_MAX: Final = 20
ABANDONED_US: Final = 120 * SECOND_US  # who began to work it out has died


class Desk(NamedTuple):
    """What every call of this wire shares."""

    gateway: Gateway
    signing: Signing
    cards: Cards
    accounts: Accounts
    audience: str


class Kind(NamedTuple):
    """What a body is to be: the model's name for it, and what to say where it is not."""

    named: str
    description: str


class Call:
    """One request of a known caller; `named` is the last free part of its path.

    `renamed`: it calls an account a customer, and its customer a contact.
    """

    __slots__ = ("_asked", "caller", "desk", "exchange", "named", "renamed")

    def __init__(self, exchange: Exchange, desk: Desk, caller: Caller, named: str) -> None:
        self.exchange = exchange
        self.desk = desk
        self.caller = caller
        self.named = named
        self.renamed = False
        self._asked: object = None

    @property
    def merchant(self) -> int:
        """The caller's number."""
        return self.caller.merchant.id

    async def read(self, kind: Kind, *, empty: object = None) -> object:
        """The body's value; raises `Failure` where it is no JSON. `empty` stands for no body."""
        try:
            body = await self.exchange.body()
            self._asked = empty if not body and empty is not None else decode(body)
        except (UnreadableError, TooLargeError, CutShortError):
            raise invalid(kind.named, kind.description) from None
        return self._asked

    async def form(self) -> Mapping[str, str]:
        """The fields of a form; none where it cannot be read as one."""
        try:
            body = (await self.exchange.body()).decode()
            self._asked = fields = dict(parse_qsl(body, max_num_fields=FIELDS_MAX))
        except (TooLargeError, CutShortError, ValueError):
            return {}
        return fields

    def once(self, part: str = "") -> Once | None:
        """The caller's idempotency key, or that of a part of the request."""
        if self.exchange.header(b"idempotency-key") is None:
            return None
        asked = {"asked": self._asked, "caller": sorted(self.caller.audience)}
        try:
            whole = dialects.once(self.exchange, self.desk.gateway.orders, asked)
        except dialects.BadKeyError:
            raise bad_key("1 to 255 printable characters") from None
        if whole is None or not part:
            return whole
        key = sha256(f"{whole.key}\n{part}".encode()).hexdigest()
        return Once(key=f'"{ANSWERS} {key}', fingerprint=whole.fingerprint)

    async def earlier(self) -> Done | None:
        """What the same request gave before; what has become wrong since is no new fault."""
        once = self.once()
        if once is None:
            return None
        return await self.desk.gateway.orders.replay(self.caller.merchant, once)

    def addressed(self) -> str:
        """The id of the order in the path; raises `Failure` (400) where it is no identifier."""
        if not formed(self.named):
            raise bad_argument("id", "authly.Identifier", "An identifier of 16 characters.")
        return self.named

    async def order(self, text: str) -> Order:
        """The order of that id; raises `Failure` (404)."""
        found = await naming.find(self.desk.gateway.orders.engine, self.merchant, text)
        if found is None:
            raise not_found()
        return found

    def sees(self, order: Order) -> bool:
        """Whether the caller may see an order of its merchant: one account sees its own."""
        if self.caller.private:
            return True
        return order.retries is not None and order.retries.account == self.caller.account

    async def shown(self, order: Order, now: int | None = None) -> render.Object:
        """The order as this wire shows it."""
        payer = render.payer(order)
        card = None if payer is None else payer.card
        token = None
        if card is not None and (order.retries is None or render.paid(order)):
            token = await self.desk.cards.recurring(card)
        return render.order(order, self.desk.gateway.clock.now() if now is None else now, token)

    async def signed(self, order: Order, *, status: int, default: str) -> Reply:
        """The order as the caller wants to have it: a token, or JSON with the same members.

        Its `iat` is the last thing that happened, so that a repeated answer is the same.
        """
        at = order.updated
        shown = await self.shown(order, at)
        shown |= {"iss": ISSUER, "iat": at // SECOND_US, "aud": self.desk.audience}
        if preferred(self.exchange.header(b"accept"), default) == JSON:
            return answer(shown, status)
        token = await self.desk.signing.token(encode(shown))
        return Reply(status, token.encode(), content_type=JWT)

    async def kept(self, act: Callable[[], Awaitable[Reply]]) -> Reply:
        """The answer of `act`, or the one that was given for the key; a failure is not kept.

        Raises `Refused`: KEY_REUSED, KEY_IN_USE.
        """
        once = self.once()
        if once is None:
            return await act()
        store, limits = self.desk.gateway.store, self.desk.gateway.orders.engine.limits
        if await store.key_use(self.merchant, once.key) is not None:
            raise Refused(Code.KEY_REUSED, key=once.key)
        place = int.from_bytes(sha256(once.key.encode()).digest()[:8]) >> 1
        now = self.desk.gateway.clock.now()
        working = written(Answered(fingerprint=once.fingerprint, since=now))

        def item(body: str) -> Kept:
            return Kept(merchant=self.merchant, kind=ANSWERS, id=place, body=body, used=now)

        for _ in range(max(1, limits.replay_ms // limits.replay_poll_ms)):
            was = await store.kept(self.merchant, ANSWERS, place)
            known = None if was is None else msgspec.json.decode(was, type=Answered)
            if known is None or (known.since + ABANDONED_US < now and not known.status):
                if await store.keep(item(working), was):
                    break
                continue
            if known.fingerprint != once.fingerprint:
                raise Refused(Code.KEY_REUSED, key=once.key)
            if known.status:
                return Reply(known.status, known.body.encode(), content_type=known.kind)
            await asyncio.sleep(limits.replay_poll_ms / 1000)
        else:
            raise Refused(Code.KEY_IN_USE, key=once.key)
        given = written(Answered(fingerprint=once.fingerprint, since=0))
        try:
            reply = await act()
            done = Answered(
                fingerprint=once.fingerprint,
                since=now,
                status=reply.status,
                body=reply.body.decode(),
                kind=reply.content_type,
            )
            given = written(done)
        finally:
            await store.keep(item(given), working)
        return reply


def answer(body: object, status: int = 200) -> Reply:
    """JSON."""
    return Reply(status, encode(body), content_type=JSON)


@lru_cache(maxsize=64)
def preferred(accept: str | None, default: str) -> str:
    """JSON or JWT: which of the two an Accept header names, the higher q first, JWT on a tie."""
    best: dict[str, int] = {}
    for part in (accept or "").lower().split(","):
        name, *parameters = (each.strip() for each in part.split(";"))
        for kind in (JSON, JWT):
            if name.startswith(kind.partition(";")[0]):
                best[kind] = max(best.get(kind, 0), _quality(parameters))
    if not any(best.values()):
        return default
    return JWT if best.get(JWT, 0) >= best.get(JSON, 0) else JSON


def _quality(parameters: list[str]) -> int:
    """The q of a media type, in thousandths. Source: RFC 9110, section 12.4.2."""
    for each in parameters:
        name, _, value = each.partition("=")
        if name.strip() == "q":
            whole, _, fraction = value.strip().partition(".")
            digits = f"{whole or '0'}{fraction:0<3.3}"
            return min(1000, int(digits)) if digits.isascii() and digits.isdigit() else 0
    return 1000
