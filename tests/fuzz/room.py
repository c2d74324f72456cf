"""A gateway in this process on a real store, asked without a client: any bytes can be sent.

A client library would refuse half of what a fuzzer says before the gateway could hear it.
"""

import asyncio
import base64
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Final

from starlette.types import Message, Scope

from counterfoil import demo
from counterfoil.config import Settings
from counterfoil.core.record import Record
from counterfoil.store.sqlite import SqliteStore
from counterfoil.testing import FakeClock
from counterfoil.web.app import Served
from counterfoil.wiring import parts, telling

HEADER: Final = base64.b64encode(f"{demo.LOGIN}:{demo.PASSWORD}".encode())
AUTHORIZATION: Final = (b"authorization", b"Basic " + HEADER)
HOST: Final = (b"host", b"127.0.0.1:8080")


class Request(Record):
    """What is sent, as the server would hand it on."""

    method: str
    path: str
    query: bytes = b""
    headers: tuple[tuple[bytes, bytes], ...] = (AUTHORIZATION,)
    body: bytes = b""


class Answer(Record):
    """What came back."""

    status: int
    headers: dict[bytes, bytes]
    body: bytes


class Room:
    """The gateway, and the loop that it runs on."""

    def __init__(self, runner: asyncio.Runner, app: Served, store: SqliteStore) -> None:
        self._runner = runner
        self._app = app
        self._store = store

    def ask(self, request: Request) -> Answer:
        """The answer to a request."""
        return self._runner.run(asked(self._app, request))

    def changes(self) -> int:
        """A number that is another when anybody has written."""
        written: int = self._store._near.pragma("data_version")
        return written


async def asked(app: Served, request: Request) -> Answer:
    """The application's answer."""
    scope: Scope = {
        "type": "http",
        "method": request.method,
        "path": request.path,
        "query_string": request.query,
        "scheme": "http",
        "headers": [HOST, *request.headers],
    }
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": request.body, "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    start, end = sent
    return Answer(status=start["status"], headers=dict(start["headers"]), body=end["body"])


@contextmanager
def opened(folder: Path) -> Iterator[Room]:
    """A room whose database is a new file in the folder."""
    settings = Settings(database=f"sqlite:///{folder / 'gateway.db'}", demo=True)
    stack = AsyncExitStack()
    with asyncio.Runner() as runner:
        made = runner.run(stack.enter_async_context(parts(settings, FakeClock(), serving=True)))
        assert isinstance(made.store, SqliteStore)
        try:
            app, _ = runner.run(stack.enter_async_context(telling(made)))
            yield Room(runner, app, made.store)
        finally:
            runner.run(stack.aclose())
