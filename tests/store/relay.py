"""A line to a database that can be frozen: what hangs on it then hears nothing any more."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress


class Relay:
    """Passes bytes on; connections made after a freeze are served as before."""

    def __init__(self, target: int) -> None:
        self.port = 0
        self._target = target
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._tasks: set[asyncio.Task[None]] = set()

    def freeze(self) -> None:
        """Pass nothing more on for those that are connected now."""
        self._flowing.clear()
        self._flowing = asyncio.Event()
        self._flowing.set()

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection until either side ends it."""
        there, back = await asyncio.open_connection("127.0.0.1", self._target)
        both = (self._pass(reader, back), self._pass(there, writer))
        self._tasks.update(asyncio.create_task(each) for each in both)

    async def end(self) -> None:
        """End every connection."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        flowing = self._flowing
        try:
            with suppress(OSError):
                while read := await reader.read(65_536):
                    await flowing.wait()
                    writer.write(read)
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()


@asynccontextmanager
async def relayed(url: str) -> AsyncIterator[tuple[str, Relay]]:
    """The same database at another address, over a line."""
    port = url.partition("127.0.0.1:")[2].partition("/")[0]
    relay = Relay(int(port))
    server = await asyncio.start_server(relay.accept, "127.0.0.1", 0)
    relay.port = server.sockets[0].getsockname()[1]
    try:
        yield url.replace(f":{port}/", f":{relay.port}/"), relay
    finally:
        server.close()
        await relay.end()
        await server.wait_closed()
