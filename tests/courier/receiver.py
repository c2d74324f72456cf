"""A receiver on loopback that does what a test tells it to, byte by byte, and counts callers."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from ipaddress import ip_network
from typing import Final

from counterfoil.core.callbacks import Callback
from counterfoil.courier.http import HttpCourier

LOOPBACK: Final = (ip_network("127.0.0.0/8"),)
CALLBACK: Final = Callback(body=b'{"test": 1}', headers=(("x-test", "yes"),))
Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]


class Receiver:
    """What came, and how to be reached."""

    def __init__(self, answer: Answer) -> None:
        self.callers = 0
        self.heads: list[str] = []
        self.bodies: list[bytes] = []
        self.port = 0
        self._answer = answer
        self._connections: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    def url(self, path: str = "/hook") -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}{path}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, until it ends."""
        self.callers += 1
        task = asyncio.current_task()
        assert task is not None
        self._connections[task] = writer
        # To write to who is gone is a RuntimeError on uvloop.
        with suppress(ConnectionError, asyncio.IncompleteReadError, ssl.SSLError, RuntimeError):
            while not writer.is_closing():
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                self.heads.append(head)
                length = head.lower().partition("content-length: ")[2].split("\r\n")[0]
                self.bodies.append(await reader.readexactly(int(length)))
                await self._answer(writer)
                await writer.drain()

    async def let_go(self) -> None:
        """End every connection."""
        for writer in self._connections.values():
            writer.transport.abort()
        if self._connections:
            await asyncio.wait(self._connections)


def says(head: str, body: str = "", *, more: str = "") -> Answer:
    """An answer with that status line and body."""
    content = body.encode()

    async def act(writer: asyncio.StreamWriter) -> None:
        writer.write(f"HTTP/1.1 {head}\r\nContent-Length: {len(content)}\r\n{more}\r\n".encode())
        writer.write(content)

    return act


def sends(raw: bytes, *, close: bool = True) -> Answer:
    """Those bytes, and then the end of the connection, or silence."""

    async def act(writer: asyncio.StreamWriter) -> None:
        writer.write(raw)
        if close:
            writer.close()

    return act


def drips(raw: bytes) -> Answer:
    """Those bytes and then one more from time to time, for ever."""

    async def act(writer: asyncio.StreamWriter) -> None:
        writer.write(raw)
        while True:
            await asyncio.sleep(0.02)
            writer.write(b"a")
            await writer.drain()

    return act


@asynccontextmanager
async def receiving(answer: Answer, tls: ssl.SSLContext | None = None) -> AsyncIterator[Receiver]:
    """A receiver that listens."""
    receiver = Receiver(answer)
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0, ssl=tls)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
        await receiver.let_go()
        await server.wait_closed()


class Names:
    """A resolver: names and what they stand for, one answer after the other; the last one stays."""

    def __init__(self, **answers: Sequence[Sequence[str]]) -> None:
        self._answers = {name.replace("_", "."): list(rows) for name, rows in answers.items()}
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        """The addresses of a name, now."""
        assert port
        self.asked.append(host)
        rows = self._answers.get(host)
        if not rows:
            raise OSError("no such name")
        return rows.pop(0) if len(rows) > 1 else rows[0]


@asynccontextmanager
async def couriering(
    *, names: Names | None = None, tls: ssl.SSLContext | None = None, timeout_ms: int = 5_000
) -> AsyncIterator[HttpCourier]:
    """A courier that may go to loopback by IPv4."""
    courier = HttpCourier(
        allowed=LOOPBACK, resolver=names or Names(), tls=tls, timeout_ms=timeout_ms
    )
    try:
        yield courier
    finally:
        await courier.close()
