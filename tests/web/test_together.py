"""What is written in one turn of the loop leaves in one piece; nothing waits longer."""

import asyncio
from asyncio import Transport
from typing import Final

import pytest

from counterfoil.web.http import Together

pytestmark = pytest.mark.anyio

HEAD: Final = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n"
Written = bytes | bytearray | memoryview


class Line(Transport):
    """Keeps what is written, piece by piece."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[Written] = []
        self.closed = False

    def write(self, data: Written) -> None:
        """Keep it."""
        assert not self.closed
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


async def test_what_is_written_in_one_turn_leaves_in_one_piece_after_it() -> None:
    line = Line()
    together = Together(line)
    for part in (HEAD, b"{}"):
        together.write(part)
    assert line.written == []
    await asyncio.sleep(0)
    assert line.written == [HEAD + b"{}"]


async def test_each_turn_sends_what_it_wrote() -> None:
    line = Line()
    together = Together(line)
    for part in (HEAD, b"{}"):
        together.write(part)
        await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert line.written == [HEAD, b"{}"]


async def test_answers_of_several_callers_leave_one_right_after_the_other() -> None:
    order: list[int] = []

    class Noting(Line):
        """Notes when it was written to."""

        def write(self, data: Written) -> None:
            """Note it."""
            order.append(int(bytes(data)))

    lines = [Together(Noting()) for _ in range(3)]
    for place, line in enumerate(lines):
        line.write(b"%d" % place)
        order.append(-1)
    await asyncio.sleep(0)
    assert order == [-1, -1, -1, 0, 1, 2]


async def test_what_was_written_is_sent_before_the_end_and_only_once() -> None:
    line = Line()
    together = Together(line)
    together.write(HEAD)
    together.close()
    assert line.written == [HEAD]
    assert together.is_closing()
    await asyncio.sleep(0)
    assert line.written == [HEAD]


async def test_whatever_else_a_transport_has_it_has() -> None:
    line = Line()
    assert getattr(Together(line), "written") is line.written  # noqa: B009 (it is not its own)
