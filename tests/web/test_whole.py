"""Head and body of an answer leave in one piece, whatever else is written."""

from asyncio import Transport
from typing import Final

import pytest

from counterfoil.web.http import Whole

HEAD: Final = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n"


class Line(Transport):
    """Keeps what is written, piece by piece."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes | bytearray | memoryview] = []
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Keep it."""
        self.written.append(data)

    def is_closing(self) -> bool:
        """Whether it was closed."""
        return self.closed

    def close(self) -> None:
        """End."""
        self.closed = True

    def pause_reading(self) -> None:
        """Nothing is read."""

    def resume_reading(self) -> None:
        """Nothing is read."""


@pytest.mark.parametrize(
    ("pieces", "written"),
    [
        ((HEAD, b"{}"), [HEAD + b"{}"]),
        ((HEAD, b"{}", HEAD, b"[]"), [HEAD + b"{}", HEAD + b"[]"]),
        ((HEAD, b""), [HEAD]),
        ((HEAD, HEAD), [HEAD + HEAD]),  # a body that looks like a head
        ((b"HTTP/1.1 100 Continue\r\n\r\n",), [b"HTTP/1.1 100 Continue\r\n\r\n"]),
        ((HEAD + b"{}",), [HEAD + b"{}"]),
        ((HEAD, b"2\r\n{}\r\n", b"0\r\n\r\n"), [HEAD + b"2\r\n{}\r\n", b"0\r\n\r\n"]),
    ],
)
def test_what_is_written(pieces: tuple[bytes, ...], written: list[bytes]) -> None:
    line = Line()
    whole = Whole(line)
    for piece in pieces:
        whole.write(piece)
    assert line.written == written
    whole.flush()
    assert line.written == written


def test_a_head_alone_is_sent_before_the_end() -> None:
    line = Line()
    whole = Whole(line)
    whole.write(HEAD)
    assert line.written == []
    whole.close()
    assert line.written == [HEAD]
    assert whole.is_closing()
