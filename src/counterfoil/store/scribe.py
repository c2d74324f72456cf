"""Who writes the embedded database: transactions in, their results out; a program of its own.

The server gives SQLite's share of a payment to another processor this way, and its interpreter is
not stopped at every step of a statement. It imports next to nothing, so it needs little memory.
One at a time and in the order they came, each transaction happens whole or not at all. It ends when
the server does: what had come is written, and nobody is told. Messages are `marshal`'s, with their
length before them: both ends are this interpreter and this package.
"""

import marshal
import signal
import socket
import sys
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

import apsw

ANY: Final = -1  # wanted of a statement: nothing in particular
ROWS: Final = -2  # wanted of a statement: its rows
SIZE_BYTES: Final = 4
RECEIVE_BYTES: Final = 1 << 20
CACHE_KIB: Final = 2000  # of pages, a connection; the rest is in the system's memory in any case
PRAGMAS: Final = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "foreign_keys=ON",
    "secure_delete=ON",
    "trusted_schema=OFF",
    f"cache_size=-{CACHE_KIB}",
    "journal_size_limit=67108864",
    "wal_autocheckpoint=4000",  # pages: what is written again and again is copied once
)
Step: TypeAlias = tuple[str, list[Any], int]
"""A statement, its parameters, and what is wanted of it: how many rows it changes, ANY or ROWS."""


class Told(NamedTuple):
    """What became of a transaction: done, or not, and then perhaps because of an error.

    `rows` are those of the statements of which they were wanted; `broken`: a constraint was.
    """

    done: bool
    rows: Sequence[Sequence[tuple[Any, ...]]] = ()
    error: str = ""
    broken: bool = False


def connect(path: str) -> apsw.Connection:
    """A connection with our settings; raises `apsw.Error`."""
    connection = apsw.Connection(path, statementcachesize=200)
    connection.set_busy_timeout(5000)
    for pragma in PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")
    return connection


def perform(connection: apsw.Connection, steps: Sequence[Step], *, kept: bool = True) -> Told:
    """Carry a transaction out; not `kept`: undo it having told its rows; raises no `apsw.Error`."""
    rows: list[list[tuple[Any, ...]]] = []
    try:
        connection.execute("BEGIN IMMEDIATE")
        for sql, given, wanted in steps:
            before = connection.total_changes()
            found = connection.execute(sql, given)
            if wanted == ROWS:
                rows.append(found.fetchall())
            elif wanted != ANY and connection.total_changes() - before != wanted:
                connection.execute("ROLLBACK")
                return Told(done=False)
        connection.execute("COMMIT" if kept else "ROLLBACK")
    except apsw.Error as error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        return Told(done=False, error=str(error), broken=isinstance(error, apsw.ConstraintError))
    return Told(done=True, rows=rows)


def framed(message: Any) -> bytes:
    """A message of numbers, texts, bytes, lists and tuples, as it is sent."""
    body = marshal.dumps(message)
    return len(body).to_bytes(SIZE_BYTES) + body


class Incoming:
    """Messages out of what is received, piece by piece."""

    def __init__(self) -> None:
        self._waiting = bytearray()

    def messages(self, data: bytes | memoryview) -> Iterator[Any]:
        """Those that are whole now."""
        self._waiting += data
        while len(self._waiting) >= SIZE_BYTES:
            end = SIZE_BYTES + int.from_bytes(self._waiting[:SIZE_BYTES])
            if len(self._waiting) < end:
                return
            body = self._waiting[SIZE_BYTES:end]
            del self._waiting[:end]
            yield marshal.loads(body)  # noqa: S302 (our own)


def serve(connection: apsw.Connection, line: socket.socket) -> None:
    """Carry out what comes until the other end closes."""
    incoming = Incoming()
    room = memoryview(bytearray(RECEIVE_BYTES))  # a new one each time would be most of receiving
    while size := line.recv_into(room):
        for steps, kept in incoming.messages(room[:size]):
            line.sendall(framed(tuple(perform(connection, steps, kept=kept))))


def main(path: str, descriptor: int) -> None:
    """Write what comes on that descriptor."""
    for each in (signal.SIGINT, signal.SIGTERM):  # the server ends us, when it has ended itself
        signal.signal(each, signal.SIG_IGN)
    connection = connect(path)
    with socket.socket(fileno=descriptor) as line:
        serve(connection, line)
    connection.close()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
