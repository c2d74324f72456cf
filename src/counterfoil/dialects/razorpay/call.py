"""One request of a known account: its body, its key, the order or payment in its path."""

from typing import Final, NamedTuple

from msgspec.structs import replace

from counterfoil import dialects
from counterfoil.core.callbacks import Endpoint
from counterfoil.core.card import Secret
from counterfoil.core.errors import Code, Refused
from counterfoil.core.merchant import Merchant
from counterfoil.core.order import Operation, Order, Payment
from counterfoil.core.ports import Listed
from counterfoil.core.rules import Command, find
from counterfoil.dialects.razorpay import facts, ids, signatures
from counterfoil.dialects.razorpay.auth import LIVE, WIRE, Caller
from counterfoil.dialects.razorpay.errors import Failure
from counterfoil.dialects.razorpay.reading import Given, read_body
from counterfoil.dialects.razorpay.render import encode, gives_back
from counterfoil.engine.collect import Collection
from counterfoil.engine.gateway import Gateway
from counterfoil.engine.perform import Choose, Done, Once
from counterfoil.exchange import BODY_MAX, CutShortError, Exchange, Reply, TooLargeError

BAD_KEY: Final = "The Idempotency-Key must have 1 to 255 printable characters."
SANDBOX: Final = "sandbox"  # the connector behind which no money moves
SIGNED_BYTES: Final = 16
FIRST: Final = 3  # the place of the first id in /v1/orders/{id}/...
SECOND: Final = 5


class Meant(NamedTuple):
    """A payment: its order, and its number in it."""

    order: Order
    number: int

    @property
    def payment(self) -> Payment:
        """The payment."""
        return self.order.payments[self.number - 1]

    @property
    def id(self) -> str:
        """Its id on this wire."""
        return ids.written("pay_", self.order.id, self.number)


class Call:
    """One request of a known account."""

    __slots__ = ("collection", "exchange", "form", "gateway", "given", "key", "merchant", "parts")

    def __init__(self, exchange: Exchange, gateway: Gateway, caller: Caller) -> None:
        self.exchange = exchange
        self.gateway = gateway
        self.merchant: Merchant = caller.merchant
        self.key = caller.key
        self.collection = Collection(gateway.orders)
        self.parts = exchange.path.rstrip("/").split("/")
        self.given: Given = {}
        self.form: Once | None = None  # a page's form, which is sent once

    async def read(self) -> Given:
        """The body."""
        self.given = await body_of(self.exchange)
        once = self.once()
        if once is not None:  # another request's key is refused before what this one says
            use = await self.gateway.store.key_use(self.merchant.id, once.key)
            if use is not None and use.fingerprint != once.fingerprint:
                raise Refused(Code.KEY_REUSED, key=once.key)
        return self.given

    def once(self) -> Once | None:
        """The idempotency key, if the caller gave one; a form has its own."""
        if self.form is not None:
            return self.form
        try:
            return dialects.once(self.exchange, self.gateway.orders, self.given)
        except dialects.BadKeyError:
            raise Failure(BAD_KEY) from None

    @property
    def serves(self) -> bool:
        """Whether a server may make payments with this key: of a test key unless switched off."""
        if self.key.startswith(LIVE):
            return "razorpay.server_payments" in self.merchant.settings
        return "razorpay.no_server_payments" not in self.merchant.settings

    @property
    def base(self) -> str:
        """The public address of the API."""
        return self.gateway.base or self.exchange.base

    @property
    def now(self) -> int:
        """The clock's time."""
        return self.gateway.clock.now()

    def tested(self, payment: Payment) -> bool:
        """Whether a test bank may ask, and no money moves."""
        return self.merchant.terminal(payment.terminal).connector == SANDBOX

    async def order(self, text: str | None = None) -> Order:
        """The order of that id (default: the path's); raises `Failure`."""
        meant = ids.place(self.parts[FIRST] if text is None else text, "order_")
        order = await self.load(meant.order)
        if meant.number or facts.of_order(order).bare:
            raise ids.unknown()
        return order

    async def payment(self, text: str | None = None, prefix: str = "pay_") -> Meant:
        """The payment of that id (default: the path's); raises `Failure`."""
        meant = ids.place(self.parts[FIRST] if text is None else text, prefix)
        order = await self.load(meant.order)
        if not 0 < meant.number <= len(order.payments):
            raise ids.unknown()
        return Meant(order, meant.number)

    async def refund(self, text: str) -> tuple[Meant, Operation]:
        """The refund of that id, and its payment; raises `Failure`."""
        meant = ids.place(text, "rfnd_")
        order = await self.load(meant.order)
        for number, payment in enumerate(order.payments, start=1):
            for each in payment.log:
                if each.ordinal == meant.number and gives_back(payment, each):
                    return Meant(order, number), each
        raise ids.unknown()

    async def listed(self, listed: Listed) -> tuple[Meant, Operation]:
        """An operation of a list as it is now, and the payment it is about."""
        order = await self.load(listed.order)
        payment, operation = find(order, listed.operation.id)
        return Meant(order, order.payments.index(payment) + 1), operation

    async def load(self, order: int) -> Order:
        """An order of the account; raises `Failure` where it has no such."""
        try:
            return await self.gateway.store.load(self.merchant.id, order)
        except Refused as refusal:
            if refusal.code is Code.ORDER_NOT_FOUND:
                raise ids.unknown() from None
            raise

    async def perform(self, order: int, choose: Choose, once: Once | None) -> Done:
        """Do to the order what `choose` makes of it when it is its turn; once."""
        orders, merchant = self.gateway.orders, self.merchant

        async def act() -> Done:
            return await orders.engine.perform(merchant, order, keyed, once)

        def keyed(order: Order) -> Command:
            return replace(choose(order), key=once.key if once else None)

        return await orders.once(merchant, once, act)

    async def signature(self, order: Order, payment: str) -> str | None:
        """What proves to the shop that the payment of its order is ours: None without an order.

        Under the secret of the key that made the order; of an order of another wire the caller's,
        and where it is the payer who calls, the account's first.
        """
        kept, gateway = facts.of_order(order), self.gateway
        if kept.bare:
            return None
        secret = await gateway.directory.signer(WIRE, kept.key or self.key)
        secret = secret or await _any_secret(gateway, order.merchant)
        return None if secret is None else signed(secret, ids.written("order_", order.id), payment)

    async def webhooks(self) -> list[Endpoint]:
        """The account's addresses on this wire, newest first."""
        known = await self.gateway.store.endpoints(self.merchant.id)
        return [each for each in reversed(known) if each.wire == WIRE]


async def body_of(exchange: Exchange) -> Given:
    """What was sent; raises `Failure`."""
    try:
        body = await exchange.body()
    except TooLargeError as large:
        raise Failure(f"The request body may have at most {BODY_MAX} bytes.") from large
    except CutShortError as short:
        raise Failure("The request body was cut short.") from short
    return read_body(body, exchange.header(b"content-type") or "")


async def _any_secret(gateway: Gateway, merchant: int) -> Secret | None:
    for known in await gateway.store.credentials(merchant):
        if known.wire == WIRE and known.sealed is not None:
            return await gateway.directory.signer(WIRE, known.login)
    return None


def signed(secret: Secret, order: str, payment: str) -> str:
    """The signature over an order's and a payment's id."""
    return signatures.of(secret, f"{order}|{payment}".encode())


def proof(gateway: Gateway, purpose: str, merchant: int, payment: str) -> bytes:
    """What only we can make of a payment, for one purpose: the key of its pages."""
    text = f"razorpay {purpose} 1\n{merchant}\n{payment}"
    return gateway.orders.fingerprint(text)[:SIGNED_BYTES]


def answer(body: object) -> Reply:
    """A 200."""
    return Reply(200, encode(body))
