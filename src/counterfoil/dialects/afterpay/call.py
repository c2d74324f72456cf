"""One request of a known merchant: its body, its idempotency key, the order in its path."""

import re
from collections.abc import Callable
from functools import partial
from typing import Final

import msgspec

from counterfoil import dialects
from counterfoil.core.errors import Code, Refused
from counterfoil.core.merchant import Merchant
from counterfoil.core.order import Kind, Order
from counterfoil.core.ports import ID_MAX, OrderQuery
from counterfoil.core.rules import Plan
from counterfoil.dialects.afterpay import numbers
from counterfoil.dialects.afterpay.errors import FORMAT, Failure, invalid
from counterfoil.dialects.afterpay.numbers import Numbers
from counterfoil.dialects.afterpay.reading import Given, Reader, read_body
from counterfoil.dialects.afterpay.render import rejected
from counterfoil.engine.gateway import Gateway
from counterfoil.engine.perform import Done, Once
from counterfoil.exchange import CutShortError, Exchange, TooLargeError

KEY: Final = "X-Idempotency-Key"
KEY_FORM: Final = re.compile(r"[A-Za-z0-9_-]{1,50}", re.ASCII)
KEYED: Final = "afterpay "
TYPES: Final = ("application/json", "text/json")
DIGITS_MAX: Final = 19
SCOPE_BYTES: Final = 12
ORDER_AT, ACT_AT, SHIPPING_AT = 3, 5, 7  # where numbers stand among the parts of a path
Planner = Callable[[list[int], Order], Plan]


class Call:
    """One request of a known merchant."""

    __slots__ = ("attempt", "exchange", "gateway", "given", "merchant", "numbers", "parts")

    def __init__(
        self, exchange: Exchange, gateway: Gateway, merchant: Merchant, *, counter: Numbers
    ) -> None:
        self.exchange = exchange
        self.gateway = gateway
        self.merchant = merchant
        self.numbers = counter
        self.parts = exchange.parts
        self.given: Given = {}
        self.attempt = 1  # under its key

    async def read(self) -> Reader:
        """The reader of the body."""
        try:
            body = await self.exchange.body()
        except TooLargeError as error:
            raise Failure(413, "The body is too large.") from error
        except CutShortError as error:
            raise invalid("400.001", "The body was cut short", "request") from error
        kind = (self.exchange.header(b"content-type") or TYPES[0]).partition(";")[0]
        if body.strip() and kind.strip().lower() not in TYPES:
            raise Failure(415, "The request's media type is not supported for this resource.")
        self.given = read_body(body)
        return Reader(self.given)

    async def earlier(self) -> Done | None:
        """What the same request gave before, if it has a key that was used for it.

        What came to nothing was not answered with 200, and may be tried again under its key.
        """
        while (once := self.once()) is not None and await self._in_vain(once.key):
            self.attempt += 1
        return None if once is None else await self.gateway.orders.replay(self.merchant, once)

    async def _in_vain(self, key: str) -> bool:
        """Whether nothing came of what this wire's own key was used for."""
        use = await self.gateway.store.key_use(self.merchant.id, key)
        if use is None or not key.startswith(KEYED):
            return False
        order = await self.gateway.store.load(self.merchant.id, use.order)
        mine = [each for each in order.operations if each.key == key]
        return bool(mine) and all(
            each.decline is not None and each.kind is not Kind.AUTHORIZE for each in mine
        )

    def once(self) -> Once | None:
        """The idempotency key, if the caller gave one.

        This wire's own belongs to a method and path: some clients use the order's number as the key
        of three different calls. The key of the house belongs to the merchant.
        """
        orders = self.gateway.orders
        key = self.exchange.header(KEY.lower().encode())
        if key is None:
            try:
                return dialects.once(self.exchange, orders, {"body": self.given})
            except dialects.BadKeyError:
                text = "Idempotency-Key must be 1 to 255 printable characters"
                raise invalid(FORMAT, text, "Idempotency-Key") from None
        if KEY_FORM.fullmatch(key) is None:
            raise invalid(FORMAT, f"{KEY} must be 1 to 50 letters, digits, - or _", KEY)
        place = [*self.parts[:ORDER_AT], *(part.casefold() for part in self.parts[ORDER_AT:])]
        scope = orders.fingerprint(f"{self.exchange.method} {'/'.join(place)}")[:SCOPE_BYTES]
        asked = msgspec.json.encode(self.given, enc_hook=str, order="deterministic").decode()
        again = f" {self.attempt}" if self.attempt > 1 else ""
        named = f"{KEYED}{scope.hex()} {key}{again}"
        return Once(key=named, fingerprint=orders.fingerprint(asked))

    def mark(self) -> str:
        """What finds again that this request made: its key, or a mark of its own."""
        once = self.once()
        return once.key if once else f"{KEYED}{self.gateway.orders.engine.ids.next()}"

    def reader(self) -> Reader | None:
        """The reader of the body; None where it asks for nothing."""
        return Reader(self.given) if self.given else None

    # Orders and their numbers.

    async def order(self) -> Order:
        """The order in the path; raises `Refused(ORDER_NOT_FOUND)`.

        By the merchant's number, in any case; else the latest of that reference or digits that was
        made on another wire. One that was rejected is not there.
        """
        number = self.parts[ORDER_AT]
        found = await self.of_number(number) or await self._of_others(number)
        if found is None or rejected(found):
            raise Refused(Code.ORDER_NOT_FOUND)
        return found

    async def of_number(self, number: str) -> Order | None:
        """The order that has that number of the merchant's own, unless it was rejected."""
        for name in numbers.attempts(numbers.ORDER, number.casefold()):
            holder = await self.gateway.orders.engine.named(self.merchant.id, name)
            if holder is None:
                return None
            order = await self.gateway.store.load(self.merchant.id, holder)
            if not rejected(order):
                return order
        return None

    async def _of_others(self, number: str) -> Order | None:
        store, merchant = self.gateway.store, self.merchant.id
        query = OrderQuery(merchant=merchant, limit=1, references=(number,))
        for order in await store.orders(query):
            return order
        if number.isascii() and number.isdigit() and len(number) <= DIGITS_MAX:
            identifier = int(number)
            if identifier <= ID_MAX:
                return await store.load(merchant, identifier)
        return None

    async def free_name(self, space: str, number: str) -> str:
        """The name by which a number is taken; one in use where it may not be used again."""
        folded = number.casefold() if space == numbers.ORDER else number
        name = ""
        for name in numbers.attempts(space, folded):
            holder = await self.gateway.orders.engine.named(self.merchant.id, name)
            if holder is None:
                break
            order = await self.gateway.store.load(self.merchant.id, holder)
            if space == numbers.ORDER:
                in_use = not rejected(order)
            else:
                in_use = numbers.holds(order, space, number)
            if in_use:
                break
        return name

    async def carry_on(
        self, order: Order, plan: Planner, count: int = 1, own: str | None = None
    ) -> Done:
        """What the plan makes of the order, given so many new numbers; again where one was taken.

        Raises `Failure` where the merchant's `own` number is in use.
        """
        for _ in range(numbers.TRIES_MAX):
            new = await self.numbers.next(self.merchant.id, numbers.NUMBER, count)
            try:
                return await self.gateway.orders.carry_on(
                    self.merchant, order.id, partial(plan, new), self.once()
                )
            except Failure:
                self.numbers.give_back(self.merchant.id, numbers.NUMBER, new)
                raise
            except Refused as refusal:
                if refusal.code is not Code.NAME_TAKEN:
                    self.numbers.give_back(self.merchant.id, numbers.NUMBER, new)
                self.again(refusal, own)
        raise Refused(Code.BUSY)

    def again(self, refusal: Refused, own: str | None) -> None:
        """Go on where a number of ours was taken meanwhile; else raise what it is."""
        if refusal.code is not Code.NAME_TAKEN:
            raise refusal
        if refusal.facts["name"] == own:
            raise numbers.used_again(own) from refusal
        self.numbers.pass_by(self.merchant.id, refusal.facts["name"])
