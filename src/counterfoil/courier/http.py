"""Posts callbacks over HTTP; whatever the other end does, what comes back is a receipt.

One time limit holds for all of a post: resolving, connecting, sending, reading. No redirect is
followed, no cookie kept, no proxy asked, nothing unpacked. Once the head of an answer is there, it
is the answer; of its body only the beginning is read, as far as it comes in time.
"""

import asyncio
import socket
import ssl
import time
from collections.abc import Mapping
from contextvars import ContextVar
from datetime import datetime
from email.utils import parsedate_to_datetime
from ipaddress import ip_address
from typing import Final

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from counterfoil.core.callbacks import ANSWER_MAX, Callback, Receipt
from counterfoil.courier.guard import Forbidden, Guard, Lookup, Network, Target, system_lookup
from counterfoil.version import VERSION

TIMEOUT_S: Final = 10  # of a whole post; the standard's 15 to 30 s hold up too much of a queue
KEEP_ALIVE_S: Final = 4  # shorter than the 5 s after which common servers close what is idle
CONNECTIONS_MAX: Final = 1024  # open files; how many go to one address is for who posts to bound
BUFFER_BYTES: Final = 4096  # of an answer, before reading pauses; we keep ANSWER_MAX
RETRY_AFTER_MAX_S: Final = 86_400
DIGITS_MAX: Final = 9
HEADERS: Final = {
    "User-Agent": f"Counterfoil/{VERSION}",
    "Accept": "*/*",
    "Accept-Encoding": "identity",
}

# The first row that fits says why there is no answer.
WHYS: Final[tuple[tuple[type[Exception], str], ...]] = (
    (TimeoutError, "timeout"),
    (aiohttp.ClientConnectorDNSError, "no such name"),
    (aiohttp.ClientSSLError, "tls"),
    (ssl.SSLError, "tls"),
    (aiohttp.ClientConnectorError, "unreachable"),
    (aiohttp.ServerDisconnectedError, "connection closed"),
    (ConnectionError, "connection closed"),
    (aiohttp.InvalidURL, "bad url"),
    (aiohttp.ClientError, "broken answer"),
    (OSError, "unreachable"),
    (ValueError, "broken answer"),
)

_TARGET: ContextVar[Target] = ContextVar("target")


class HttpCourier:
    """Implements `core.callbacks.Courier`; made inside a running event loop.

    `allowed`: networks of the operator's own that may be told too. `plain`: http may go to public
    addresses. `resolver` gives the numeric addresses of a name. `tls`: whom to trust instead of the
    machine's authorities.
    """

    def __init__(
        self,
        *,
        allowed: tuple[Network, ...] = (),
        plain: bool = False,
        resolver: Lookup = system_lookup,
        tls: ssl.SSLContext | None = None,
        timeout_ms: int = TIMEOUT_S * 1000,
    ) -> None:
        self._guard = Guard(allowed, plain=plain, lookup=resolver)
        self._timeout_s = timeout_ms / 1000
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                resolver=_Checked(self._guard),
                use_dns_cache=False,
                socket_factory=self._socket,
                ssl=tls or ssl.create_default_context(),
                limit=CONNECTIONS_MAX,
                limit_per_host=0,
                keepalive_timeout=KEEP_ALIVE_S,
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=HEADERS,
            timeout=aiohttp.ClientTimeout(total=None),
            auto_decompress=False,
            trust_env=False,
            read_bufsize=BUFFER_BYTES,
        )

    @property
    def guard(self) -> Guard:
        """What says where a callback may go: an endpoint's address is asked of it beforehand."""
        return self._guard

    async def post(self, url: str, callback: Callback) -> Receipt:
        """What came of it; never raises for what an address does or is."""
        began = time.monotonic_ns()
        most_s = min(self._timeout_s, callback.timeout_s or self._timeout_s)
        deadline = asyncio.get_running_loop().time() + most_s
        try:
            async with asyncio.timeout_at(deadline):
                response = await self._ask(url, callback)
        except Forbidden as error:
            return Receipt(took_us=_since(began), why=error.why)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return Receipt(took_us=_since(began), why=_why(error))
        answer = await _beginning(response, deadline)
        return Receipt(
            took_us=_since(began),
            status=response.status,
            answer=printable(answer),
            retry_after_s=retry_after_s(response.headers),
        )

    async def close(self) -> None:
        """Let go of connections."""
        await self._session.close()

    async def _ask(self, url: str, callback: Callback) -> aiohttp.ClientResponse:
        """The answer, as far as its head."""
        _TARGET.set(self._guard.target(url))
        return await self._session.post(
            URL(url, encoded=True),
            data=callback.body,
            headers=[("Content-Type", callback.content_type), *callback.headers],
            allow_redirects=False,
        )

    def _socket(self, row: aiohttp.AddrInfoType) -> socket.socket:
        """The last gate: every connection passes here with the number it goes to."""
        family, kind, protocol, _, address = row
        self._guard.check(ip_address(str(address[0])))
        return socket.socket(family, kind, protocol)


class _Checked(AbstractResolver):
    """Gives aiohttp the addresses that were checked, and no others.

    It is asked once for each new connection. Numbers it is not asked for: `Guard.target` has
    checked those.
    """

    def __init__(self, guard: Guard) -> None:
        self._guard = guard

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The checked addresses of the target that is being posted to."""
        target = _TARGET.get()
        assert (host, port) == (target.host, target.port)
        return [
            ResolveResult(
                hostname=host,
                host=str(address),
                port=port,
                family=family,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST,
            )
            for address in await self._guard.addresses(target)
        ]

    async def close(self) -> None:
        """Nothing is held."""


async def _beginning(response: aiohttp.ClientResponse, deadline: float) -> bytes:
    """The first bytes of an answer; what breaks or dawdles after its head cuts it short."""
    found = b""
    try:
        async with asyncio.timeout_at(deadline):
            while chunk := await response.content.read(ANSWER_MAX - len(found)):
                found += chunk
    except (aiohttp.ClientError, OSError):
        pass  # its head is the answer
    finally:
        response.close()  # unless it was read to its end, its connection serves no other post
    return found


def printable(answer: bytes) -> str:
    """The text of an answer as it may be shown: what does not print is a blank."""
    text = answer.decode("utf-8", "replace")
    return "".join(each if each.isprintable() else " " for each in text)


def retry_after_s(headers: Mapping[str, str]) -> int | None:
    """For how many seconds the address asks to be left alone, a day at most; None: it does not.

    A date counts from the answer's own `Date`, so that no two clocks are compared; without one it
    means nothing. Source: RFC 9110, section 10.2.3.
    """
    text = headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        pause_s = int(text[:DIGITS_MAX])
    else:
        until, sent = _date(text), _date(headers.get("Date", ""))
        if until is None or sent is None:
            return None
        pause_s = int((until - sent).total_seconds())
    return min(max(pause_s, 0), RETRY_AFTER_MAX_S)


def _date(text: str) -> datetime | None:
    """An instant as HTTP writes it; one without a zone is none."""
    try:
        found = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return None if found.tzinfo is None else found


def _why(error: Exception) -> str:
    if isinstance(error, aiohttp.ClientConnectorError) and isinstance(
        error.os_error, ConnectionRefusedError
    ):
        return "connection refused"
    return next(why for kind, why in WHYS if isinstance(error, kind))


def _since(began: int) -> int:
    return (time.monotonic_ns() - began) // 1000
