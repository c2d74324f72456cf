"""One server, four wires at their native paths: the first part of a path says whose it is."""

from collections.abc import Mapping
from time import perf_counter_ns
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from starlette.types import Receive, Scope, Send

from counterfoil.core.ports import Store
from counterfoil.exchange import Exchange, Handler, Reply

JSON: Final = b"application/json"
PROMETHEUS: Final = "text/plain; version=0.0.4; charset=utf-8"


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

    def __init__(self, wires: Mapping[str, tuple[str, Handler]], store: Store) -> None:
        self._wires = wires
        self._store = store
        self.metrics = Metrics()
        self._counters: dict[tuple[str, int], Counter] = {}
        self._timers = {name: self.metrics.duration.labels(name) for name, _ in wires.values()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        assert scope["type"] == "http"
        path: str = scope["path"]
        wire = self._wires.get(path.split("/", 2)[1]) if path.startswith("/") else None
        if wire is None:
            await reply(send, await self._own(path))
            return
        name, handle = wire
        began = perf_counter_ns()
        answer = await handle(Exchange(scope, receive))
        await reply(send, answer)
        self._timers[name].observe((perf_counter_ns() - began) / 1e9)
        counter = self._counters.get((name, answer.status))
        if counter is None:
            counter = self.metrics.requests.labels(name, str(answer.status))
            self._counters[name, answer.status] = counter
        counter.inc()

    async def _own(self, path: str) -> Reply:
        match path:
            case "/health/live":
                return Reply(200, b'{"status":"live"}')
            case "/health/ready":
                if await self._store.ready():
                    return Reply(200, b'{"status":"ready"}')
                return Reply(503, b'{"status":"not ready"}')
            case "/metrics":
                return Reply(200, generate_latest(self.metrics.registry), content_type=PROMETHEUS)
            case _:
                return Reply(404, b'{"message":"Not found"}')


async def reply(send: Send, answer: Reply) -> None:
    """Send an answer."""
    kind = JSON if answer.content_type == "application/json" else answer.content_type.encode()
    headers = [(b"content-length", b"%d" % len(answer.body)), (b"content-type", kind)]
    for name, value in answer.headers.items():
        headers.append((name.encode("latin-1"), value.encode("latin-1")))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
