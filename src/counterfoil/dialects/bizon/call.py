"""One request of a known project: its body, its idempotency key, the order in its path."""

from typing import Final

from counterfoil import dialects
from counterfoil.core.merchant import Merchant
from counterfoil.core.money import Money
from counterfoil.core.ports import ID_MAX
from counterfoil.dialects.bizon.errors import Failure, Flaw, invalid
from counterfoil.dialects.bizon.reading import Given, Reader, read_body
from counterfoil.dialects.bizon.render import expands
from counterfoil.dialects.bizon.schema import money
from counterfoil.engine.gateway import Gateway
from counterfoil.engine.perform import Done, Once
from counterfoil.exchange import BODY_MAX, CutShortError, Exchange, TooLargeError

NOT_FOUND: Final = 404
ORDER_DIGITS_MAX: Final = 19


class Call:
    """One request of a known project."""

    __slots__ = ("exchange", "gateway", "given", "merchant", "named")

    def __init__(
        self, exchange: Exchange, gateway: Gateway, merchant: Merchant, named: str
    ) -> None:
        self.exchange = exchange
        self.gateway = gateway
        self.merchant = merchant
        self.named = named
        self.given: Given = {}

    async def read(self, *, empty: bool = False) -> Reader:
        """The reader of the body."""
        try:
            body = await self.exchange.body()
        except TooLargeError as large:
            flaw = Flaw("body", f"body may have at most {BODY_MAX} bytes")
            raise Failure(413, "validation", flaw.message, flaws=[flaw]) from large
        except CutShortError as short:
            flaw = Flaw("body", "body was cut short")
            raise Failure(400, "validation", flaw.message, flaws=[flaw]) from short
        self.given = read_body(body, empty=empty)
        return Reader(self.given)

    def once(self) -> Once | None:
        """The idempotency key, if the caller gave one."""
        try:
            return dialects.once(self.exchange, self.gateway.orders, self.given)
        except dialects.BadKeyError as error:
            flaw = Flaw("Idempotency-Key", "Idempotency-Key must be 1 to 255 printable characters")
            raise invalid([flaw]) from error

    async def earlier(self, once: Once) -> Done | None:
        """What the same request gave before: a card that has expired since is no new fault."""
        return await self.gateway.orders.replay(self.merchant, once)

    def order(self) -> int:
        """The order's id in the path; what cannot be one is an unknown order."""
        number = order_id(self.named)
        if number is None:
            raise Failure(NOT_FOUND, "validation", "Order not found")
        return number

    async def amount(self) -> tuple[int, int | None]:
        """The order, and the amount given in its currency's minor units (None: none was)."""
        reader = await self.read(empty=True)
        number = self.order()
        written = reader.amount(required=False)
        found: Money | None = None
        if written is not None:
            order = await self.gateway.store.load(self.merchant.id, number)
            found = money(reader, written, order.amount.currency)
        reader.finish(number)
        return number, found.minor if found else None

    def blocks(self) -> frozenset[str]:
        """What the caller wants expanded."""
        return expands(self.exchange.query.get("expand", ""))


def order_id(text: str) -> int | None:
    """The id an order could have, or None: up to 19 digits."""
    if text.isascii() and text.isdigit() and len(text) <= ORDER_DIGITS_MAX:
        number = int(text)
        return number if number <= ID_MAX else None
    return None
