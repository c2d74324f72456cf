"""What callbacks cost: slow addresses the others, and being told of it a payment.

The addresses of the first answer or hang in a process of their own. In the second two servers are
under load in turn, and the silent one's turn comes only when the other's outbox is empty.
"""

import argparse
import asyncio
import subprocess
import sys
import time
from collections.abc import Sequence
from ipaddress import ip_network
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, cast

import uvloop

from counterfoil.bench.cluster import free_port
from counterfoil.bench.load import LoadError
from counterfoil.bench.server import READY
from counterfoil.core.callbacks import Callback, Endpoint, Receipt
from counterfoil.core.card import Cvv, Pan
from counterfoil.core.money import Money
from counterfoil.core.ports import Store
from counterfoil.core.record import Record
from counterfoil.core.timers import Due
from counterfoil.courier.http import HttpCourier
from counterfoil.engine.audience import Audience
from counterfoil.engine.chores import kinds
from counterfoil.engine.deliver import Desk
from counterfoil.engine.orders import Draft, NewCard, Orders
from counterfoil.engine.perform import Engine
from counterfoil.engine.pump import Pump
from counterfoil.store.sqlite import open_store
from counterfoil.testing import MemoryVault, ScriptedAcquirer, demo_merchant
from counterfoil.wiring import STANDARD, forms
from counterfoil.world import SystemClock, WorkerIds

OURSELVES: Final = (ip_network("127.0.0.0/8"),)
CARD: Final = NewCard(
    pan=Pan("4111111111111111"), cvv=Cvv("123"), holder="A HOLDER", month=12, year=2030
)
AMOUNT: Final = Money(minor=100, currency="EUR")
ANSWER: Final = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
LOOK_S: Final = 0.02  # between two looks at what has come
FAN_S: Final = 120  # for all to be told; longer proves nothing
DRAIN_S: Final = 300


class Fan(Record):
    """So many orders, each told to so many addresses, of which some hang."""

    orders: int = 200
    addresses: int = 50
    hanging: int = 5


def fan_rate(fan: Fan, hanging: int, folder: Path) -> int:
    """Callbacks in a second at the addresses that never hang, while so many of the others do.

    Raises `LoadError` where they do not all come.
    """
    with TemporaryDirectory(dir=folder) as own:
        return uvloop.run(_fan(fan, hanging, Path(own) / "fan.db"))


async def _fan(fan: Fan, hanging: int, path: Path) -> int:
    port = free_port()
    store = await open_store(path)
    receiver = await _receiver(port, hanging)
    try:
        took_ns = await _told(store, port, fan)
    finally:
        await store.close()
        receiver.kill()
        await receiver.wait()
    return (fan.addresses - fan.hanging) * fan.orders * 1_000_000_000 // took_ns


async def _receiver(port: int, hanging: int) -> asyncio.subprocess.Process:
    made = await asyncio.create_subprocess_exec(
        *receive_command(port, hanging), stdout=asyncio.subprocess.PIPE
    )
    assert made.stdout is not None
    await made.stdout.readline()
    return made


async def _told(store: Store, port: int, fan: Fan) -> int:
    """Nanoseconds until the addresses that never hang have had all of theirs."""
    clock, vault = SystemClock(), MemoryVault()
    ids = WorkerIds(clock)
    audience = Audience(store, forms(), clock)
    engine = Engine(
        store=store,
        vault=vault,
        acquirers={"sandbox": ScriptedAcquirer(name="sandbox")},
        clock=clock,
        ids=ids,
    )
    engine.audience = audience
    await _begin(engine, port, fan)
    courier = Counting(fan)
    desk = Desk(
        store=store,
        vault=vault,
        clock=clock,
        wall=clock,
        ids=ids,
        audience=audience,
        courier=courier,
        turn=_at_once,
    )
    pump = Pump(store=store, clock=clock, ids=ids, kinds=kinds(engine, desk), lanes=audience.lanes)
    began = time.perf_counter_ns()
    running = asyncio.create_task(pump.run())
    try:
        async with asyncio.timeout(FAN_S):
            await courier.all_told.wait()
        return time.perf_counter_ns() - began
    except TimeoutError:
        raise LoadError(f"callbacks: not all of them came within {FAN_S} s") from None
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await courier.close()


class Counting(HttpCourier):
    """Says when the addresses that never hang have taken all of theirs."""

    def __init__(self, fan: Fan) -> None:
        super().__init__(allowed=OURSELVES)
        self.all_told = asyncio.Event()
        self._hanging = fan.hanging
        self._left = (fan.addresses - fan.hanging) * fan.orders

    async def post(self, url: str, callback: Callback) -> Receipt:
        """Post it, and count it where it was taken."""
        receipt = await super().post(url, callback)
        self._left -= receipt.delivered and int(url.rpartition("/")[2]) >= self._hanging
        if not self._left:
            self.all_told.set()
        return receipt


async def _begin(engine: Engine, port: int, fan: Fan) -> None:
    """The endpoints, and orders that each of them is to be told of."""
    merchant = demo_merchant(1, authorization_days=0)
    await engine.store.save_merchant(merchant)
    for number in range(fan.addresses):
        url = f"http://127.0.0.1:{port}/{number}"
        endpoint = Endpoint(merchant=1, id=number + 1, wire=STANDARD, url=url, created=0)
        await engine.store.save_endpoint(endpoint)
    orders = Orders(engine)
    for _ in range(fan.orders):
        await orders.authorize(merchant, Draft(amount=AMOUNT), CARD)


async def _at_once() -> None:
    """Nothing else is under way."""


def listen_to(port: int, database: Path) -> None:
    """Have merchant 1 of that database tell a port of this machine; raises `LoadError`."""
    command = (
        *(str(Path(sys.executable).with_name("counterfoil")), "webhooks", "endpoints", "add"),
        *(f"http://127.0.0.1:{port}/0", "--merchant", "1"),
        *("--database", f"sqlite:///{database}"),
    )
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 (ours)
    if done.returncode:
        raise LoadError(f"callbacks: {done.stderr.strip()[-300:]}")


def drain(database: Path, patience_s: int = DRAIN_S) -> None:
    """Return when nothing waits to be told; raises `LoadError`."""
    asyncio.run(_drain(database, patience_s))


async def _drain(database: Path, patience_s: int) -> None:
    store = await open_store(database, create=False)
    limit = time.monotonic() + patience_s
    try:
        while any(each.timer.kind is Due.DELIVER for each in await store.timers(1, 1)):
            if time.monotonic() > limit:
                raise LoadError(f"callbacks: after {patience_s} s some still wait")
            await asyncio.sleep(LOOK_S)
    finally:
        await store.close()


def receive_command(port: int, hanging: int = 0) -> tuple[str, ...]:
    """A receiver on that port, of which the first so many addresses (/0, /1, …) hang."""
    given = ("--port", str(port), "--hanging", str(hanging))
    return (sys.executable, "-m", "counterfoil.bench.callbacks", *given)


class Receiver(asyncio.Protocol):
    """Answers 200 to each request, or never, as its address would."""

    def __init__(self, hanging: int) -> None:
        self._hanging = hanging
        self._came = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep what is answered to."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by class

    def data_received(self, data: bytes) -> None:
        """Answer what is there as a whole."""
        self._came += data
        while (rest := _after(self._came)) is not None:
            address = int(self._came.split(b" ", 2)[1].removeprefix(b"/"))
            self._came = rest
            if address >= self._hanging and self._transport is not None:
                self._transport.write(ANSWER)


def _after(came: bytes) -> bytes | None:
    """What follows the first request, or None where it is not whole."""
    head, found, rest = came.partition(b"\r\n\r\n")
    if not found:
        return None
    length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
    return rest[length:] if len(rest) >= length else None


async def receive(port: int, hanging: int) -> None:
    """Answer until the process is ended."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Receiver(hanging), "127.0.0.1", port, backlog=1024)
    sys.stdout.write(f"{READY}127.0.0.1:{port}\n")
    sys.stdout.flush()
    await server.serve_forever()


def main(arguments: Sequence[str] | None = None) -> None:
    """The receiver's own command line."""
    parser = argparse.ArgumentParser(prog="python -m counterfoil.bench.callbacks")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--hanging", type=int, default=0)
    given = parser.parse_args(arguments)
    uvloop.run(receive(given.port, given.hanging))


if __name__ == "__main__":
    main()
