"""One HTTP request and its answer, as every wire sees them; and which handler a path leads to.

A general toolkit's request, response and router objects cost more than all our own work on a read,
so the wires use these few (measured in the decision record "the path from socket to wire").
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Final, Generic, NamedTuple, TypeVar
from urllib.parse import parse_qsl

from starlette.types import Receive, Scope

BODY_MAX: Final = 1024 * 1024  # bytes; the largest honest order is a few kilobytes
ANY: Final = "*"
Found = TypeVar("Found")


class TooLargeError(Exception):
    """The body is larger than BODY_MAX."""


class Exchange:
    """A request. Header names are asked for in lower case, as bytes."""

    __slots__ = ("_receive", "_scope", "method", "path")

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self._scope = scope
        self._receive = receive
        self.method: str = scope["method"]
        self.path: str = scope["path"]

    def header(self, name: bytes) -> str | None:
        """The header's value, or None."""
        for key, value in self._scope["headers"]:
            if key == name:
                text: str = value.decode("latin-1")
                return text
        return None

    @property
    def query(self) -> dict[str, str]:
        """The query string's parameters; of repeated ones the last."""
        raw: bytes = self._scope["query_string"]
        return dict(parse_qsl(raw.decode("latin-1"), keep_blank_values=True)) if raw else {}

    @property
    def base(self) -> str:
        """The address it was sent to, as far as its path."""
        host = self.header(b"host") or "localhost"
        return f"{self._scope['scheme']}://{host}"

    async def body(self) -> bytes:
        """The body; raises `TooLargeError` as soon as that is clear, without reading the rest."""
        message = await self._receive()
        body: bytes = message.get("body", b"")
        while message.get("more_body", False) and len(body) <= BODY_MAX:
            message = await self._receive()
            body += message.get("body", b"")
        if len(body) > BODY_MAX:
            raise TooLargeError
        return body


class Reply(NamedTuple):
    """An answer; `headers` besides Content-Type and Content-Length."""

    status: int
    body: bytes
    headers: Mapping[str, str] = {}
    content_type: str = "application/json"


Handler = Callable[[Exchange], Awaitable[Reply]]


class NoRouteError(Exception):
    """Nothing is at this path; or, where `allowed` is not empty, not with this method."""

    def __init__(self, allowed: Iterable[str] = ()) -> None:
        super().__init__("no such path or method")
        self.allowed = tuple(allowed)


class Routes(Generic[Found]):
    """What is at which path. A part in braces stands for any text; named parts come before it."""

    def __init__(self, rows: Iterable[tuple[str, str, Found]]) -> None:
        """Rows of methods (separated by blanks), path and what is there."""
        self._root: dict[str, object] = {}
        for methods, path, there in rows:
            node = self._root
            for part in path.split("/")[1:]:
                step = node.setdefault(ANY if part.startswith("{") else part, {})
                assert isinstance(step, dict)
                node = step
            for method in methods.split():
                node[f"{method} "] = there  # no part of a path ends in a blank here

    def find(self, method: str, path: str) -> tuple[Found, str]:
        """What is there, and the last part of the path that stood for any text.

        Raises `NoRouteError`.
        """
        node: object = self._root
        free = ""
        for part in path.split("/")[1:]:
            assert isinstance(node, dict)
            step = node.get(part)
            if step is None:
                step, free = node.get(ANY), part
                if step is None or not part:
                    raise NoRouteError
            node = step
        assert isinstance(node, dict)
        there = node.get(f"{method} ")
        if there is None:
            allowed = [key[:-1] for key in node if key.endswith(" ")]
            raise NoRouteError(sorted(allowed))
        return there, free
