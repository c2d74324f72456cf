"""A small HTTP/1.1 client for load: keep-alive connections, as many as are asked at once.

It does what a merchant's client does and nothing for the server's sake: no retry, no pause. A
connection that breaks off is `LostError`: nobody knows what became of the request.
"""

import asyncio
import base64
import time
from types import TracebackType
from typing import Final, NamedTuple, Self

from msgspec import Struct, json

from counterfoil.core.record import Record

HOST: Final = "127.0.0.1"
DEMO: Final = ("project", "password")
PAN: Final = "4111111111111111"
LONG_S: Final = 60  # longer than the server lets any request last
IDLE_S: Final = 2  # the server closes what is idle for longer than 5 s
Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class LostError(Exception):
    """The connection ended before the answer was whole."""


class OperationView(Struct, frozen=True):
    """An operation as the wire shows it, with all that must never change again."""

    type: str
    status: str
    amount: str
    created: str
    iso_response_code: str


class OrderView(Struct, frozen=True):
    """An order as the wire shows it."""

    id: str
    status: str
    amount: str
    amount_charged: str
    amount_refunded: str
    merchant_order_id: str | None = None
    pan: str = ""
    operations: tuple[OperationView, ...] = ()

    @property
    def done(self) -> list[str]:
        """The approved operations' kinds, oldest first."""
        return [each.type for each in self.operations if each.status == "success"]


class OrdersView(Struct, frozen=True):
    """The envelope of orders."""

    orders: tuple[OrderView, ...]


class FlawView(Struct, frozen=True):
    """One fault."""

    attribute: str
    message: str


class FailureView(Struct, frozen=True):
    """The wire's failure body."""

    failure_type: str
    failure_message: str
    order_id: str | None
    errors: tuple[FlawView, ...]


class Answer(NamedTuple):
    """What the server said."""

    status: int
    head: bytes
    body: bytes

    @property
    def order(self) -> OrderView:
        """The one order of a 200."""
        assert self.status == 200, self.body
        (order,) = json.decode(self.body, type=OrdersView).orders
        return order

    @property
    def orders(self) -> tuple[OrderView, ...]:
        """The orders of a list."""
        assert self.status == 200, self.body
        return json.decode(self.body, type=OrdersView).orders

    @property
    def failure(self) -> FailureView:
        """The failure of any other answer."""
        assert self.status >= 400, self.body
        return json.decode(self.body, type=FailureView)


class Request(Record):
    """What is asked, so that it can be asked again."""

    method: str
    path: str
    body: bytes = b""
    key: str | None = None


class Client:
    """The connections to one server, as one merchant; close it with `async with`."""

    def __init__(self, port: int, credentials: tuple[str, str] = DEMO) -> None:
        self.port = port
        token = base64.b64encode(":".join(credentials).encode()).decode()
        self._common = (
            f"host: {HOST}:{port}\r\nauthorization: Basic {token}\r\n"
            "content-type: application/json\r\n"
        )
        self._idle: list[tuple[float, Connection]] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        while self._idle:
            await close(self._idle.pop()[1])

    async def ask(self, request: Request) -> Answer:
        """The answer; raises `LostError`."""
        try:
            connection = await self._connect()
        except OSError as error:
            raise LostError from error
        try:
            reader, writer = connection
            writer.write(self.encoded(request))
            answer = await asyncio.wait_for(read(reader), LONG_S)
        except (OSError, asyncio.IncompleteReadError) as error:
            await close(connection)
            raise LostError from error
        except BaseException:
            await close(connection)
            raise
        if b"connection: close" in answer.head.lower():
            await close(connection)
        else:
            self._idle.append((time.monotonic(), connection))
        return answer

    def encoded(self, request: Request) -> bytes:
        """The request as it goes over the wire."""
        key = "" if request.key is None else f"idempotency-key: {request.key}\r\n"
        head = (
            f"{request.method} {request.path} HTTP/1.1\r\n{self._common}{key}"
            f"content-length: {len(request.body)}\r\n\r\n"
        )
        return head.encode() + request.body

    async def get(self, path: str) -> Answer:
        """GET it."""
        return await self.ask(Request(method="GET", path=path))

    async def post(self, path: str, body: object, key: str | None = None) -> Answer:
        """POST the body as JSON."""
        return await self.ask(Request(method="POST", path=path, body=json.encode(body), key=key))

    async def put(self, path: str, body: object = None, key: str | None = None) -> Answer:
        """PUT the body as JSON; None: no body."""
        encoded = b"" if body is None else json.encode(body)
        return await self.ask(Request(method="PUT", path=path, body=encoded, key=key))

    async def order(self, number: str) -> OrderView:
        """The order as it stands, with its operations."""
        return (await self.get(f"/orders/{number}?expand=operations")).order

    async def authorized(self, pan: str = PAN) -> OrderView:
        """A new order of 100.00, authorized."""
        return (await self.post("/orders/authorize", payment(pan))).order

    async def charged(self, pan: str = PAN) -> OrderView:
        """A new order of 100.00, charged."""
        made = await self.authorized(pan)
        return (await self.put(f"/orders/{made.id}/charge")).order

    async def _connect(self) -> Connection:
        while self._idle:
            since, connection = self._idle.pop()
            if time.monotonic() - since < IDLE_S:
                return connection
            await close(connection)
        return await asyncio.open_connection(HOST, self.port)


def payment(pan: str = PAN, cvv: str = "333", **changes: object) -> dict[str, object]:
    """The body of an authorization over 100.00; `changes` are further members."""
    card = {"cvv": cvv, "holder": "John Smith", "expiration_month": 12, "expiration_year": 2039}
    body: dict[str, object] = {"amount": "100.00", "pan": pan, "card": card}
    return body | {"location": {"ip": "6.6.6.6"}} | changes


async def read(reader: asyncio.StreamReader) -> Answer:
    """The next answer on a connection."""
    head = await reader.readuntil(b"\r\n\r\n")
    size = 0
    for line in head.lower().split(b"\r\n")[1:]:
        if line.startswith(b"content-length:"):
            size = int(line.partition(b":")[2])
    return Answer(int(head[9:12]), head, await reader.readexactly(size))


async def close(connection: Connection) -> None:
    """End a connection, whatever state it is in."""
    _, writer = connection
    writer.close()
    try:
        await writer.wait_closed()
    except OSError:
        return  # it was broken already
