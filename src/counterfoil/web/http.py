"""HTTP over one connection: a bound to what comes ahead of a body, answers sent in one piece."""

from asyncio import BaseTransport, Transport
from typing import Final, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_BYTES_MAX: Final = 65_536  # request line and headers; far more than any client of ours sends
FINAL: Final = tuple(b"HTTP/1.1 %d" % hundreds for hundreds in (2, 3, 4, 5))  # not "100 Continue"


class Whole:
    """A transport that sends the head of an answer together with what is written next.

    uvicorn writes head and body apart, which is two calls of the system and two packets for a
    caller to be woken by.
    """

    __slots__ = ("_head", "_transport", "is_closing", "pause_reading", "resume_reading")

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._head = b""  # what waits for what is written next
        self.is_closing = transport.is_closing
        self.pause_reading = transport.pause_reading
        self.resume_reading = transport.resume_reading

    def __getattr__(self, name: str) -> object:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Send this, and a head before it; a head alone waits."""
        if self._head:
            head, self._head = self._head, b""
            self._transport.write(head + data)
        elif data.endswith(b"\r\n\r\n") and data.startswith(FINAL):
            self._head = data
        else:
            self._transport.write(data)

    def flush(self) -> None:
        """Send the head that waits: nothing follows it."""
        if self._head:
            self.write(b"")

    def close(self) -> None:
        """Close the connection when all was sent."""
        self.flush()
        self._transport.close()


class Bounded(HttpToolsProtocol):
    """Ends a connection whose request line and headers go on past the bound.

    They are counted read by read, so what one read brings (256 KiB at most) is let pass.
    """

    _head: int | None = None  # bytes read since a request began; None: its head is complete

    def connection_made(self, transport: BaseTransport) -> None:
        """A caller has connected."""
        super().connection_made(cast("Transport", Whole(cast("Transport", transport))))

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

    def on_response_complete(self) -> None:
        """An answer is complete; that to `HEAD` has no body."""
        cast("Whole", self.transport).flush()
        super().on_response_complete()
