"""HTTP over one connection: a bound to what comes ahead of a body, answers sent in one piece."""

import asyncio
from asyncio import BaseTransport, Transport
from typing import Final, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_BYTES_MAX: Final = 65_536  # request line and headers; far more than any client of ours sends


class Together:
    """A transport that sends what is written in one turn of the event loop together, after it.

    uvicorn writes head and body apart, which is two calls of the system and two packets. And what
    answers are ready in the same turn leave one right after the other, so that a caller on this
    machine is woken once for all of them: that costs more than the rest of sending.
    """

    __slots__ = ("_loop", "_transport", "_written", "is_closing", "pause_reading", "resume_reading")

    def __init__(self, transport: Transport) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport = transport
        self._written: list[bytes] = []
        self.is_closing = transport.is_closing
        self.pause_reading = transport.pause_reading
        self.resume_reading = transport.resume_reading

    def __getattr__(self, name: str) -> object:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Have this sent after what was written before it."""
        if not self._written:
            self._loop.call_soon(self.flush)
        self._written.append(data)

    def flush(self) -> None:
        """Send what was written."""
        if self._written:
            written, self._written = self._written, []
            self._transport.write(b"".join(written))

    def close(self) -> None:
        """Close the connection once everything is sent."""
        self.flush()
        self._transport.close()


class Bounded(HttpToolsProtocol):
    """Ends a connection whose request line and headers go on past the bound.

    They are counted read by read, so what one read brings (256 KiB at most) is let pass.
    """

    _head: int | None = None  # bytes read since a request began; None: its head is complete

    def connection_made(self, transport: BaseTransport) -> None:
        """A caller has connected."""
        super().connection_made(cast("Transport", Together(cast("Transport", transport))))

    def data_received(self, data: bytes) -> None:
        """Parse what was read."""
        if self._head is not None:
            self._head += len(data)
        super().data_received(data)
        if (self._head or 0) > HEAD_BYTES_MAX and not self.transport.is_closing():
            self.send_400_response("Request head too large.")

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._head = 0

    def on_headers_complete(self) -> None:
        """Its head is complete."""
        self._head = None
        super().on_headers_complete()
