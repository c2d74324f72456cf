"""Whose hand writes the embedded database: a thread of this process, or a process of its own.

Both carry out transactions one after the other, in the order they are given, and say what became of
each. A server has the process (`scribe.py`), everything else the thread.
"""

import asyncio
import os
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, Protocol, TypeVar

import apsw

from counterfoil.core.errors import Code, Refused
from counterfoil.store import scribe
from counterfoil.store.scribe import Incoming, Step, Told

BUFFER_BYTES: Final = 1 << 20
Result = TypeVar("Result")
Work = Callable[[apsw.Connection], Result]


class Hand(Protocol):
    """Writes transactions."""

    async def write(self, steps: Sequence[Step], *, kept: bool = True) -> Told:
        """Carry a transaction out; raises `Refused` where nobody knows what became of it."""
        ...

    async def alone(self, work: Work[Result]) -> Result:
        """The result of other work on a connection, in a transaction between two others."""
        ...

    async def alive(self) -> bool:
        """Whether it writes."""
        ...

    async def close(self) -> None:
        """Write what was given, then end."""
        ...


class Near:
    """One thread, which owns its connection."""

    def __init__(self, path: Path) -> None:
        self._connection = scribe.connect(str(path))
        self._pool = ThreadPoolExecutor(1, "counterfoil-writer")

    async def write(self, steps: Sequence[Step], *, kept: bool = True) -> Told:
        """Described by `Hand`."""
        return await self._run(lambda: scribe.perform(self._connection, steps, kept=kept))

    async def alone(self, work: Work[Result]) -> Result:
        """Described by `Hand`."""
        return await self._run(lambda: transact(self._connection, work))

    async def alive(self) -> bool:
        """Described by `Hand`."""
        return True

    async def close(self) -> None:
        """Described by `Hand`."""
        await asyncio.to_thread(self._pool.shutdown)
        self._connection.close()

    async def _run(self, work: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)


class Far(asyncio.Protocol):
    """Another process, at the other end of a pair of sockets; begun anew when it was lost.

    What it was writing when it was lost may be there or not: `Refused(STORE_UNAVAILABLE)`.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._near = Near(path)  # for other work
        self.process: subprocess.Popen[bytes] | None = None
        self._transport: asyncio.WriteTransport | None = None
        self._flying: deque[asyncio.Future[Told]] = deque()
        self._incoming = Incoming()
        self._turn = asyncio.Lock()
        self._open = asyncio.Event()
        self._open.set()
        self._landed = asyncio.Event()
        self._landed.set()

    @classmethod
    async def opened(cls, path: Path) -> "Far":
        """One that writes; raises `OSError`."""
        made = cls(path)
        await made._begun()
        return made

    async def write(self, steps: Sequence[Step], *, kept: bool = True) -> Told:
        """Described by `Hand`."""
        while not self._open.is_set():
            await self._open.wait()
        message = scribe.framed((list(steps), kept))
        transport = self._transport or await self._begun()
        future: asyncio.Future[Told] = asyncio.get_running_loop().create_future()
        self._flying.append(future)
        self._landed.clear()
        transport.write(message)
        return await future

    async def alone(self, work: Work[Result]) -> Result:
        """Described by `Hand`."""
        async with self._turn:
            self._open.clear()
            try:
                await self._landed.wait()
                return await self._near.alone(work)
            finally:
                self._open.set()

    async def alive(self) -> bool:
        """Described by `Hand`."""
        return (await self._begun()).is_closing() is False

    async def close(self) -> None:
        """Described by `Hand`."""
        await self._landed.wait()
        if self._transport is not None:
            self._transport.close()
        await self._ended()
        await self._near.close()

    def data_received(self, data: bytes) -> None:
        """Results came."""
        for message in self._incoming.messages(data):
            future = self._flying.popleft()
            if not future.done():
                future.set_result(Told(*message))
        if not self._flying:
            self._landed.set()

    def connection_lost(self, _: Exception | None) -> None:
        """The process has ended; whoever waits is told that nobody knows."""
        self._transport = None
        self._incoming = Incoming()
        while self._flying:
            future = self._flying.popleft()
            if not future.done():
                future.set_exception(Refused(Code.STORE_UNAVAILABLE))
        self._landed.set()

    async def _begun(self) -> asyncio.WriteTransport:
        """The line to the process, which is started unless it runs; raises `Refused`."""
        async with self._turn:
            if self._transport is None:
                try:
                    self._transport = await self._start()
                except OSError as error:
                    raise Refused(Code.STORE_UNAVAILABLE) from error
            return self._transport

    async def _start(self) -> asyncio.WriteTransport:
        await self._ended()
        ours, its = socket.socketpair()
        with its:
            for each in (ours, its):
                each.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER_BYTES)
            self.process = _started(self._path, its.fileno())
        transport, _ = await asyncio.get_running_loop().create_connection(lambda: self, sock=ours)
        return transport

    async def _ended(self) -> None:
        if self.process is not None:
            await asyncio.to_thread(self.process.wait)


def _started(path: Path, line: int) -> "subprocess.Popen[bytes]":
    """The program at work; it finds packages where we do, without looking for them."""
    program = [sys.executable, "-S", "-P", scribe.__file__]
    known = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.Popen(  # noqa: S603 (our own)
        [*program, str(path), str(line)], pass_fds=[line], env=known
    )


def transact(connection: apsw.Connection, work: Work[Result]) -> Result:
    """The result of work in a transaction; raises what it raises, then nothing has happened."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        result = work(connection)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return result
