"""HTTP over one connection, with a bound to what a caller may send ahead of a body."""

from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_BYTES_MAX: Final = 65_536  # request line and headers; far more than any client of ours sends


class Bounded(HttpToolsProtocol):
    """Ends a connection whose request line and headers go on past the bound.

    They are counted read by read, so what one read brings (256 KiB at most) is let pass.
    """

    _head: int | None = None  # bytes read since a request began; None: its head is complete

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
