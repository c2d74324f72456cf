"""The line to PostgreSQL: connections, what counts as losing one, texts as PostgreSQL holds them.

A statement that was not acknowledged is refused, never repeated: nobody knows whether it was done.
The connection it was sent on is given up, and the next caller gets a new one; so a database that
comes back is used again without anybody's help.
"""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any, Final, TypeAlias
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from counterfoil.core.errors import Code, Refused
from counterfoil.store.bulk import text
from counterfoil.store.migrate import StoreError
from counterfoil.store.options import Options
from counterfoil.store.queries import Query

Connection: TypeAlias = Any  # asyncpg's proxy of a pool's connection; it has no types
LOST: Final = (
    OSError,  # asyncio's TimeoutError is one
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.InvalidAuthorizationSpecificationError,
)
AGAIN: Final = (
    asyncpg.SerializationError,
    asyncpg.DeadlockDetectedError,
    asyncpg.LockNotAvailableError,
)
POOLER: Final = asyncpg.ProtocolViolationError  # what it says of settings of the session
GRACE_S: Final = 1  # for the server to give up first: then nothing is done later on
PASSWORD: Final = re.compile(r"(//[^:/@?]*):[^@/]*@|([?&]password=)[^&]*")
ESCAPE: Final = "\x1a"  # stands before what a text may not hold, and before itself


class Connecting(asyncpg.Connection):  # type: ignore[misc]  # asyncpg has no types
    """A connection that is not swept when it goes back to the pool: we leave nothing behind."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.made = time.monotonic()

    def get_reset_query(self) -> str:
        """Nothing to send."""
        return ""


class Hosts:
    """The hosts of an address, asked in turn for a share of the time; who failed comes last.

    The driver waits for the first as long as it may: one that is frozen would hide the others.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        user, at, hosts = parts.netloc.rpartition("@")
        self._urls = [
            urlunsplit(parts._replace(netloc=f"{user}{at}{host}")) for host in hosts.split(",")
        ]

    async def connect(self, _: str, *, timeout: float, **settings: Any) -> Connection:  # noqa: ASYNC109 (the driver's)
        """A connection to the first that will do; raises what the driver raises of the last."""
        share = timeout / len(self._urls)
        *first, last = tuple(self._urls)
        for url in first:
            try:
                return await asyncpg.connect(url, timeout=share, **settings)
            except LOST:
                self._urls.remove(url)
                self._urls.append(url)
        return await asyncpg.connect(last, timeout=share, **settings)


class Link:
    """A pool of connections to one database."""

    def __init__(self, pool: Any, options: Options) -> None:
        self.options = options
        self._pool = pool
        self._silent = 0.0  # when the server last let our time run out

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A connection to work on; raises `Refused` where there is none, or it is lost."""
        timeout_s = self.options.timeout_ms / 1000
        with reached():
            connection = await self._hearing(timeout_s)
        try:
            with reached():
                yield connection
        except Refused as refused:
            if isinstance(refused.__cause__, TimeoutError):
                self._silent = time.monotonic()
            with suppress(asyncpg.InterfaceError):  # it was lost so that the pool took it back
                connection.terminate()
            raise
        finally:
            with reached():
                await self._pool.release(connection, timeout=timeout_s)

    async def _hearing(self, timeout_s: float) -> Connection:
        """A connection made since the server last fell silent: the older may hang as well."""
        while True:
            connection = await self._pool.acquire(timeout=timeout_s)
            if connection.made >= self._silent:
                return connection
            connection.terminate()
            await self._pool.release(connection)

    async def fetch(self, sql: str, given: Sequence[object]) -> list[Any]:
        """The rows of one statement; raises `Refused` where the database cannot be reached."""
        async with self.connection() as connection:
            if self.options.pooled:  # or the second half might go over another connection
                async with connection.transaction():
                    found: list[Any] = await connection.fetch(sql, *given)
            else:
                found = await connection.fetch(sql, *given)
            return found

    async def close(self) -> None:
        """Let go of all connections, by force after a while."""
        try:
            await asyncio.wait_for(self._pool.close(), self.options.timeout_ms / 1000)
        except LOST:
            self._pool.terminate()


@contextmanager
def reached() -> Iterator[None]:
    """Work that needs the database; where that is lost, `Refused(STORE_UNAVAILABLE)`."""
    try:
        yield
    except asyncpg.DataError:
        raise
    except LOST as error:
        raise Refused(Code.STORE_UNAVAILABLE) from error


async def connect(url: str, options: Options) -> Link:
    """A link to the database of that address; raises `StoreError` where it cannot be reached."""
    timeout_s = options.timeout_ms / 1000
    limit = {"server_settings": {"statement_timeout": str(options.timeout_ms)}}
    own = {"statement_cache_size": 0} if options.pooled else limit
    try:
        pool = await asyncpg.create_pool(
            url,
            connect=Hosts(url).connect,
            min_size=0,
            max_size=options.connections,
            timeout=timeout_s,
            command_timeout=timeout_s + GRACE_S,
            connection_class=Connecting,
            max_inactive_connection_lifetime=0,
            max_cached_statement_lifetime=0,
            **own,
        )
    except (*LOST, asyncpg.PostgresError, ValueError) as error:
        raise unusable(url, error) from error
    link = Link(pool, options)
    try:
        await link.fetch("SELECT 1", ())
    except Refused as refused:
        pool.terminate()
        raise unusable(url, refused.__cause__) from refused
    return link


def unusable(url: str, error: object) -> StoreError:
    """What to tell of an address; without its password."""
    shown = PASSWORD.sub(lambda found: f"{found[1]}@" if found[1] else f"{found[2]}…", url)
    advice = "; behind a pooler set database_pooled" if isinstance(error, POOLER) else ""
    why = f"{error or type(error).__name__}{advice}"
    return StoreError(f"the database {shown} cannot be used: {why}")


def escaped(value: str) -> str:
    """The text as PostgreSQL can hold it: it knows no NUL."""
    if "\0" not in value and ESCAPE not in value:
        return value
    return value.replace(ESCAPE, ESCAPE * 2).replace("\0", f"{ESCAPE}0")


def plain(value: str) -> str:
    """The text that was escaped."""
    if ESCAPE not in value:
        return value
    parts = value.split(ESCAPE * 2)
    return ESCAPE.join(part.replace(f"{ESCAPE}0", "\0") for part in parts)


def given(value: object) -> object:
    """A parameter as PostgreSQL can hold it."""
    if isinstance(value, str):
        return escaped(value)
    if isinstance(value, list | tuple):
        return [given(each) for each in value]
    return value


def row(found: Sequence[Any]) -> tuple[Any, ...]:
    """A row with its texts as they were given."""
    return tuple(plain(value) if isinstance(value, str) else value for value in found)


async def read(connection: Connection, query: Query, **named: object) -> list[tuple[Any, ...]]:
    """The rows of a statement on that connection."""
    compiled = text(query.source)
    bound = compiled.bind(**{name: given(value) for name, value in named.items()})
    return [row(each) for each in await connection.fetch(compiled.sql, *bound)]
