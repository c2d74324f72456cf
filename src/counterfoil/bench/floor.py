"""The floor: the least any server on this stack could do for the same calls; the yardstick.

It decodes the same JSON, makes as many durable commits of as many rows of about the same size, and
answers with as many bytes. It decides nothing, checks nothing and keeps no books. It is as fast as
we can make it in plain Python: a slow floor would flatter the product.
"""

import argparse
import asyncio
import itertools
import signal
import socket
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias, TypedDict

import apsw
import msgspec
import uvicorn

from counterfoil.bench.writer import (
    CARDS,
    NOTICES,
    OPERATIONS,
    ORDERS,
    POSTINGS,
    TIMERS,
    Writer,
    connect,
)
from counterfoil.core.order import id_at
from counterfoil.core.record import Record

MERCHANT: Final = 1
PAGE: Final = 100
BACKLOG: Final = 2048
KEEP_ALIVE_S: Final = 75
SEALED: Final = b"s" * 53  # header, nonce, 16 digits and tag, as the vault seals them
FINGERPRINT: Final = b"f" * 32
CREATED: Final = b"o" * 210  # an order of the Razorpay wire without a payment, as it rests
PAYFUNC: Final = {"/order": "signed", "/order/": "order"}
SIZES: Final[Mapping[str, int]] = {
    "authorize": 829,
    "create": 234,
    "signed": 1869,
    "order": 1149,
    "charge": 1120,
    "refund": 1410,
    "get": 340,
    "list": 34_000,
    "filter": 34_000,
}


class Stage(NamedTuple):
    """The bodies a call writes, sized as the store encodes those of the smallest order."""

    order_begun: bytes
    operation_begun: bytes
    order_finished: bytes
    operation_finished: bytes
    accounts: tuple[tuple[str, int], ...]
    event: str
    timers: int = 0


STAGES: Final = {
    "authorize": Stage(
        b"o" * 560, b"p" * 114, b"o" * 697, b"p" * 242, (), "payment.authorized", timers=1
    ),
    "charge": Stage(
        b"o" * 843,
        b"p" * 145,
        b"o" * 976,
        b"p" * 278,
        (("fee", 30), ("receivable", 969), ("clearing", -999)),
        "order.charged",
    ),
    "refund": Stage(
        b"o" * 1176,
        b"p" * 199,
        b"o" * 1309,
        b"p" * 332,
        (("receivable", -999), ("clearing", 999)),
        "order.refunded",
    ),
}

Message: TypeAlias = dict[str, object]


class Scope(TypedDict):
    """What of the request line the floor looks at."""

    method: str
    path: str
    query_string: bytes


Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]


class Card(Record):
    """What an authorize call says of the card."""

    cvv: str
    expiration_month: int
    expiration_year: int
    holder: str


class Place(Record):
    """Where the customer is."""

    ip: str


class Authorize(Record):
    """The smallest authorize call."""

    amount: Decimal
    card: Card
    location: Place
    pan: str


class Create(Record):
    """The smallest order of the Razorpay wire."""

    amount: int
    currency: str
    receipt: str


class Instrument(Record):
    """What an order of the PayFunc wire is paid with."""

    type: str
    card: str


class Ordered(Record):
    """The smallest order of the PayFunc wire."""

    number: str
    items: Decimal
    currency: str
    payment: Instrument


class Answer:
    """An answer of a given size: the order's id, and filling."""

    def __init__(self, size: int) -> None:
        head, tail = b'{"orders":[{"id":"', b'"}]}'
        filling = max(size - len(head) - 19 - len(tail) - len(b'","x":"'), 0)
        self._head = head
        self._tail = b'","x":"' + b"." * filling + tail
        self._start: Message = {
            "type": "http.response.start",
            "status": 200,
            "headers": [
                (b"content-type", b"application/json"),
                (b"content-length", str(len(head) + 19 + len(self._tail)).encode()),
            ],
        }

    async def send(self, send: Send, order: int) -> None:
        """Answer about that order."""
        await send(self._start)
        body = b"%s%019d%s" % (self._head, order, self._tail)
        await send({"type": "http.response.body", "body": body})


class Floor:
    """The application: four writes and two reads."""

    def __init__(self, path: Path, sizes: Mapping[str, int]) -> None:
        self._writer = Writer(path)
        self._reader = connect(path)
        self._decode = msgspec.json.Decoder(Authorize).decode
        self._decode_order = msgspec.json.Decoder(Create).decode
        self._decode_ordered = msgspec.json.Decoder(Ordered).decode
        self._ids = itertools.count(id_at(time.time_ns() // 1000))
        self._answers = {name: Answer(size) for name, size in sizes.items()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        path = scope["path"]
        if path == "/v1/orders":
            name, order = "create", await self._create(receive)
        elif path in PAYFUNC:
            name, order = PAYFUNC[path], await self._order(receive)
        elif scope["method"] == "POST":
            name, order = "authorize", await self._authorize(receive)
        elif scope["method"] == "PUT":
            _, _, digits, name = path.split("/")
            order = await self._move(int(digits), STAGES[name])
        elif path == "/orders/":
            name = "filter" if b"status=" in scope["query_string"] else "list"
            order = self._page()
        elif path == "/ping":
            name, order = "get", 0
        else:
            name, order = "get", self._read(int(path[8:]))
        await self._answers[name].send(send, order)

    def close(self) -> None:
        """Finish the writes."""
        self._writer.close()
        self._reader.close()

    async def _create(self, receive: Receive) -> int:
        self._decode_order(await _body(receive))
        order = next(self._ids)
        await self._writer.commit(
            (
                (ORDERS, (order, MERCHANT, 1, CREATED)),
                (NOTICES, (order, MERCHANT, order, "order.created")),
            )
        )
        return order

    async def _authorize(self, receive: Receive) -> int:
        self._decode(await _body(receive))
        order, operation, card = next(self._ids), next(self._ids), next(self._ids)
        stage = STAGES["authorize"]
        await self._writer.commit(
            (
                (ORDERS, (order, MERCHANT, 1, stage.order_begun)),
                (OPERATIONS, (operation, MERCHANT, order, stage.operation_begun)),
                (CARDS, (card, MERCHANT, SEALED, FINGERPRINT)),
            )
        )
        await self._finish(order, operation, stage)
        return order

    async def _order(self, receive: Receive) -> int:
        self._decode_ordered(await _body(receive))
        order = next(self._ids)
        await self._move(order, STAGES["authorize"])
        return order

    async def _move(self, order: int, stage: Stage) -> int:
        operation = next(self._ids)
        await self._writer.commit(
            (
                (ORDERS, (order, MERCHANT, 3, stage.order_begun)),
                (OPERATIONS, (operation, MERCHANT, order, stage.operation_begun)),
            )
        )
        await self._finish(order, operation, stage)
        return order

    def _finish(self, order: int, operation: int, stage: Stage) -> asyncio.Future[None]:
        return self._writer.commit(
            (
                (ORDERS, (order, MERCHANT, 4, stage.order_finished)),
                (OPERATIONS, (operation, MERCHANT, order, stage.operation_finished)),
                (NOTICES, (operation, MERCHANT, order, stage.event)),
                *(
                    (POSTINGS, (operation, MERCHANT, account, "USD", minor))
                    for account, minor in stage.accounts
                ),
                *[(TIMERS, (operation, MERCHANT, order, operation))] * stage.timers,
            )
        )

    def _read(self, order: int) -> int:
        found = self._seen().execute("select body from orders where id = ?", (order,)).fetchall()
        return order if found else 0

    def _page(self) -> int:
        found = (
            self._seen()
            .execute("select id, body from orders order by id desc limit ?", (PAGE,))
            .fetchall()
        )
        return len(found)

    def _seen(self) -> apsw.Connection:
        """As in the product, what one turn of the loop reads is one transaction."""
        if not self._reader.in_transaction:
            self._reader.execute("begin")
            asyncio.get_running_loop().call_soon(self._reader.execute, "commit")
        return self._reader


async def _body(receive: Receive) -> bytes:
    message = await receive()
    body = message["body"]
    assert isinstance(body, bytes)
    while message.get("more_body"):
        message = await receive()
        more = message["body"]
        assert isinstance(more, bytes)
        body += more
    return body


def parse_sizes(text: str) -> dict[str, int]:
    """`authorize=829,get=340` over the sizes that hold where nothing is said."""
    given = (part.split("=") for part in text.split(",") if part)
    return {**SIZES, **{name: int(size) for name, size in given}}


class Ready(uvicorn.Server):
    """A server that says when requests are served."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Bind, then print the line the product prints."""
        await super().startup(sockets)
        sys.stdout.write(f"ready on http://{self.config.host}:{self.config.port}\n")
        sys.stdout.flush()


def serve(floor: Floor, port: int) -> None:
    """Serve with the product's own server settings until told to stop."""
    config = uvicorn.Config(
        floor,
        port=port,
        loop="uvloop",
        http="httptools",
        lifespan="off",
        access_log=False,
        log_level="warning",
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_S,
    )
    server = Ready(config)
    signal.signal(signal.SIGTERM, lambda *_: None)  # uvicorn raises it again when it has drained
    server.run()


def main(arguments: Sequence[str] | None = None) -> int:
    """Open the database and serve; the command line of the module."""
    parser = argparse.ArgumentParser(prog="python -m counterfoil.bench.floor")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--database", type=Path, required=True)
    parser.add_argument("--sizes", type=parse_sizes, default=SIZES)
    given = parser.parse_args(arguments)
    floor = Floor(given.database, given.sizes)
    try:
        serve(floor, given.port)
    finally:
        floor.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
