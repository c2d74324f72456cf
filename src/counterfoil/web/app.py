"""One server, four wires at their native paths: the first part of a path says whose it is."""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import accumulate
from time import perf_counter_ns
from typing import Final

from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.registry import Collector
from starlette.types import Receive, Scope, Send

from counterfoil.core.errors import Refused
from counterfoil.core.ports import Store
from counterfoil.core.timers import Backlog
from counterfoil.engine.backlog import Waiting, Watch
from counterfoil.exchange import Exchange, Handler, Reply

JSON: Final = b"application/json"
MICRO: Final = 1_000_000
BUCKETS_US: Final = (
    1_000,
    2_500,
    5_000,
    10_000,
    25_000,
    50_000,
    100_000,
    250_000,
    MICRO,
    5 * MICRO,
)
PROMETHEUS: Final = "text/plain; version=0.0.4; charset=utf-8"


class Metrics(Collector):
    """Requests and their time by wire, and what waits: never an id, a path or anything of a card.

    Counted in plain numbers and put into form when somebody reads them: a counter of the library
    takes a lock, and one process has one loop.
    """

    def __init__(self, wires: Iterable[str]) -> None:
        self.registry = CollectorRegistry()
        self.registry.register(self)
        self.waiting: Mapping[Backlog, Waiting] = {}
        self._answers: dict[tuple[str, int], int] = {}
        self._within = {wire: [0] * (len(BUCKETS_US) + 1) for wire in wires}
        self._sums_us = dict.fromkeys(self._within, 0)

    def answered(self, wire: str, status: int, took_us: int) -> None:
        """Count an answer."""
        key = (wire, status)
        self._answers[key] = self._answers.get(key, 0) + 1
        self._within[wire][bisect_left(BUCKETS_US, took_us)] += 1
        self._sums_us[wire] += took_us

    def collect(self) -> Iterator[Metric]:
        """The numbers as the library writes them."""
        requests = CounterMetricFamily(
            "counterfoil_requests", "Requests answered", labels=("wire", "status")
        )
        for (wire, status), count in self._answers.items():
            requests.add_metric((wire, str(status)), count)
        yield requests
        duration = HistogramMetricFamily(
            "counterfoil_request_seconds", "Time to answer", labels=("wire",)
        )
        for wire, counts in self._within.items():
            bounds = [*(str(bound / MICRO) for bound in BUCKETS_US), "+Inf"]
            buckets = list(zip(bounds, accumulate(counts), strict=True))
            duration.add_metric((wire,), buckets, self._sums_us[wire] / MICRO)
        yield duration
        yield self._gauge("waiting", "What waits", lambda each: each.depth)
        late = "How long the first of what waits has been due"
        yield self._gauge("late_seconds", late, lambda each: each.late_us / MICRO)
        yield self._gauge("parked", "What is tried no more", lambda each: each.parked)

    def _gauge(self, name: str, meaning: str, of: Callable[[Waiting], float]) -> Metric:
        family = GaugeMetricFamily(f"counterfoil_{name}", meaning, labels=("what",))
        for what, waiting in self.waiting.items():
            family.add_metric((what,), of(waiting))
        return family


class Served:
    """The application: wires by the first part of their paths, health and metrics beside them."""

    def __init__(
        self, wires: Mapping[str, tuple[str, Handler]], store: Store, watch: Watch | None = None
    ) -> None:
        self._wires = wires
        self._watch = watch
        self._store = store
        self.under_way = 0  # requests of the wires
        self.metrics = Metrics({name for name, _ in wires.values()})

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
        self.under_way += 1
        try:
            answer = await handle(Exchange(scope, receive))
        finally:
            self.under_way -= 1
        await reply(send, answer)
        self.metrics.answered(name, answer.status, (perf_counter_ns() - began) // 1000)

    async def _own(self, path: str) -> Reply:
        match path:
            case "/health/live":
                return Reply(200, b'{"status":"live"}')
            case "/health/ready":
                if await self._store.ready():
                    return Reply(200, b'{"status":"ready"}')
                return Reply(503, b'{"status":"not ready"}')
            case "/metrics":
                if self._watch is not None:
                    self.metrics.waiting = await looked(self._watch)
                return Reply(200, generate_latest(self.metrics.registry), content_type=PROMETHEUS)
            case _:
                return Reply(404, b'{"message":"Not found"}')


async def looked(watch: Watch) -> Mapping[Backlog, Waiting]:
    """What waits; nothing of it while the store is away."""
    try:
        return await watch.look()
    except Refused:
        return {}


async def reply(send: Send, answer: Reply) -> None:
    """Send an answer."""
    kind = JSON if answer.content_type == "application/json" else answer.content_type.encode()
    headers = [(b"content-length", b"%d" % len(answer.body)), (b"content-type", kind)]
    for name, value in answer.headers.items():
        headers.append((name.encode("latin-1"), value.encode("latin-1")))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
