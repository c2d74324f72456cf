"""One HTTP request and its answer, as every wire sees them; and which handler a path leads to.

A general toolkit's request, response and router objects cost more than all our own work on a read,
so the wires use these few (measured in the decision record "the path from socket to wire").
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Final, Generic, NamedTuple, TypeVar
from urllib.parse import parse_qsl, unquote, urlsplit

from starlette.types import Receive, Scope

BODY_MAX: Final = 1024 * 1024  # bytes; the largest honest order is a few kilobytes
NOT_NOW: Final = 503
Found = TypeVar("Found")


class TooLargeError(Exception):
    """The body is larger than BODY_MAX."""


class CutShortError(Exception):
    """The caller went away before the body was whole: what was asked is not known."""


class Exchange:
    """A request. Header names are asked for in lower case, as bytes."""

    __slots__ = ("_headers", "_receive", "_scope", "method", "path")

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self._scope = scope
        self._receive = receive
        self._headers: dict[bytes, bytes] = dict(reversed(scope["headers"]))
        self.method: str = scope["method"]
        self.path: str = scope["path"]

    def header(self, name: bytes) -> str | None:
        """The header's value, or None; of repeated ones the first."""
        value = self._headers.get(name)
        return None if value is None else value.decode("latin-1")

    @property
    def parts(self) -> list[str]:
        """The parts of the path, each decoded by itself: one may hold a slash."""
        raw: bytes = self._scope.get("raw_path") or self.path.encode()
        sent = raw.partition(b"?")[0].decode("latin-1")
        return [unquote(part) for part in sent.split("/")[1:]]

    @property
    def raw_query(self) -> str:
        """The query string as it was sent."""
        raw: bytes = self._scope["query_string"]
        return raw.decode("utf-8", "replace")

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """The query string's parameters, as they come."""
        text = self.raw_query
        return parse_qsl(text, keep_blank_values=True) if text else []

    @property
    def query(self) -> dict[str, str]:
        """The query string's parameters; of repeated ones the last."""
        return dict(self.pairs)

    @property
    def base(self) -> str:
        """The address it was sent to, as far as its path."""
        host = self.header(b"host") or "localhost"
        return f"{self._scope['scheme']}://{host}"

    @property
    def client(self) -> str | None:
        """The address of who called; behind a trusted proxy, as the proxy says."""
        client: tuple[str, int] | None = self._scope.get("client")
        return client[0] if client else None

    async def body(self) -> bytes:
        """The body, whole.

        Raises `TooLargeError` as soon as that is clear, without reading the rest, and
        `CutShortError`.
        """
        body = b""
        more = True
        while more and len(body) <= BODY_MAX:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise CutShortError
            body += message.get("body", b"")
            more = message.get("more_body", False)
        if len(body) > BODY_MAX:
            raise TooLargeError
        return body


class Reply(NamedTuple):
    """An answer; `headers` besides Content-Type and Content-Length."""

    status: int
    body: bytes
    headers: Mapping[str, str] = {}
    content_type: str = "application/json"


def again(status: int) -> Mapping[str, str]:
    """The header that tells when to come again (in a second), where the status is 503."""
    return {"Retry-After": "1"} if status == NOT_NOW else {}


Handler = Callable[[Exchange], Awaitable[Reply]]


class NoRouteError(Exception):
    """Nothing is at this path; or, where `allowed` is not empty, not with this method."""

    def __init__(self, allowed: Iterable[str] = ()) -> None:
        super().__init__("no such path or method")
        self.allowed = tuple(allowed)


def is_web_address(text: str) -> bool:
    """Whether a browser may be sent there: an absolute http or https address."""
    try:
        parts = urlsplit(text)
        return parts.scheme in {"http", "https"} and bool(parts.hostname)
    except ValueError:
        return False


class Node(Generic[Found]):
    """A place on the way of paths: the parts that lead on, and what is here by method."""

    def __init__(self) -> None:
        self.parts: dict[str, Node[Found]] = {}
        self.free: Node[Found] | None = None
        self.here: dict[str, Found] = {}

    def step(self, part: str) -> "Node[Found]":
        """The place after that part, made where it is missing."""
        if part.startswith("{"):
            self.free = self.free or Node()
            return self.free
        return self.parts.setdefault(part, Node())


class Routes(Generic[Found]):
    """What is at which path. A part in braces stands for any text; named parts come before it."""

    def __init__(self, rows: Iterable[tuple[str, str, Found]]) -> None:
        """Rows of methods (separated by blanks), path and what is there."""
        self._root: Node[Found] = Node()
        self._plain: dict[tuple[str, str], Found] = {}  # named parts only: found in one step
        for methods, path, there in rows:
            if "{" not in path:
                self._plain.update({(method, path): there for method in methods.split()})
            node = self._root
            for part in path.split("/")[1:]:
                node = node.step(part)
            node.here.update(dict.fromkeys(methods.split(), there))

    def find(self, method: str, path: str) -> tuple[Found, str]:
        """What is there, and the last part of the path that stood for any text.

        Raises `NoRouteError`.
        """
        plain = self._plain.get((method, path))
        if plain is not None:
            return plain, ""
        return self.find_parts(method, path.split("/")[1:])

    def find_parts(self, method: str, parts: Iterable[str]) -> tuple[Found, str]:
        """The same, by the parts of the path."""
        node, free = self._root, ""
        for part in parts:
            step = node.parts.get(part)
            if step is None:
                if node.free is None or not part:
                    raise NoRouteError
                step, free = node.free, part
            node = step
        there = node.here.get(method)
        if there is None:
            raise NoRouteError(sorted(node.here))
        return there, free
