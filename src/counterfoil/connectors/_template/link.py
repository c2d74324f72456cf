"""How a question travels: one connection, one line there, one line back.

Only a connection that was never made is certain not to have carried anything.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

Transport: TypeAlias = Callable[[bytes], Awaitable[bytes]]  # gives the answer, or raises OSError
LINE_BYTES_MAX: Final = 16_384  # the longest answer that the host documents, and then some


class NotConnectedError(OSError):
    """No connection was made: not a byte has left."""


def over_tcp(host: str, port: int) -> Transport:
    """The transport to that host; the engine's time limit bounds each call."""

    async def carry(line: bytes) -> bytes:
        try:
            reader, writer = await asyncio.open_connection(host, port, limit=LINE_BYTES_MAX)
        except OSError as error:
            raise NotConnectedError("no connection to the host") from error
        try:
            writer.write(line + b"\n")
            await writer.drain()
            return await reader.readline()
        finally:
            writer.close()

    return carry
