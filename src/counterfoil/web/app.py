"""One server, four wires at their native paths: the first part of a path says whose it is."""

from collections.abc import Awaitable, Callable, Mapping
from time import perf_counter_ns

import msgspec
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from counterfoil.core.ports import Store

Send_ = Callable[[Message], Awaitable[None]]


class Metrics:
    """Counters by wire: never an id, a path or anything of a card."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "counterfoil_requests_total",
            "Requests answered",
            ("wire", "status"),
            registry=self.registry,
        )
        self.duration = Histogram(
            "counterfoil_request_seconds",
            "Time to answer",
            ("wire",),
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5, 30),
            registry=self.registry,
        )


class Served:
    """The application: wires by the first part of their paths, health and metrics beside them."""

    def __init__(self, wires: Mapping[str, tuple[str, ASGIApp]], store: Store) -> None:
        self._wires = wires
        self._store = store
        self.metrics = Metrics()
        self._counters: dict[tuple[str, int], Counter] = {}
        self._timers = {name: self.metrics.duration.labels(name) for name, _ in wires.values()}
        self.lifespan: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "lifespan":
            assert self.lifespan is not None
            await self.lifespan(scope, receive, send)
            return
        path: str = scope["path"]
        segment = path.split("/", 2)[1] if "/" in path else ""
        wire = self._wires.get(segment)
        if wire is None:
            await self._own(path, send)
            return
        name, app = wire
        began = perf_counter_ns()
        status = 500

        async def tell(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await app(scope, receive, tell)
        finally:
            self._timers[name].observe((perf_counter_ns() - began) / 1e9)
            self._count(name, status)

    def _count(self, name: str, status: int) -> None:
        counter = self._counters.get((name, status))
        if counter is None:
            counter = self._counters[name, status] = self.metrics.requests.labels(name, str(status))
        counter.inc()

    async def _own(self, path: str, send: Send) -> None:
        match path:
            case "/health/live":
                await _reply(send, 200, {"status": "live"})
            case "/health/ready":
                ready = await self._store.ready()
                await _reply(
                    send, 200 if ready else 503, {"status": "ready" if ready else "not ready"}
                )
            case "/metrics":
                await _reply(send, 200, generate_latest(self.metrics.registry))
            case _:
                await _reply(send, 404, {"message": "Not found"})


async def _reply(send: Send, status: int, body: dict[str, str] | bytes) -> None:
    plain = isinstance(body, bytes)
    content = b"text/plain; version=0.0.4; charset=utf-8" if plain else b"application/json"
    encoded = body if isinstance(body, bytes) else msgspec.json.encode(body)
    headers = [(b"content-type", content), (b"content-length", str(len(encoded)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": encoded})
