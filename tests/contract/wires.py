"""Every wire, and a gateway in memory that serves them all: what the dialect contract runs on.

A wire's examples say how it is called, so the contract asks nothing of a wire but what it shows:
`dialect`, `errors.ERRORS`, `render.STATUS` and `OUTCOMES`, `routes.ROUTES`, its exchanges, and with
`routes.OPEN` the paths that anybody may read. The
template's are in `_examples`, because no demo data knows its credentials: here they are made.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from itertools import count
from pathlib import Path
from typing import Final, NamedTuple

from httpx2 import ASGITransport, AsyncClient, Response
from msgspec.structs import replace
from tests.conformance import exchange as documented
from tests.conformance.exchange import Exchange, Names, Shared, Step

from counterfoil import connectors, demo, dialects
from counterfoil.connectors import Place
from counterfoil.core.answers import Answer, Declined, Unknown
from counterfoil.core.declines import Decline
from counterfoil.core.errors import Code
from counterfoil.core.keeping import NOBODY, Kept
from counterfoil.core.merchant import Credential
from counterfoil.core.order import Kind, Order, Outcome
from counterfoil.core.ports import Acquirer, Capability, Inquiry, Instruction, Receiver
from counterfoil.core.rules import Standing
from counterfoil.dialects import Dialect
from counterfoil.dialects.razorpay import ids
from counterfoil.engine.directory import Directory
from counterfoil.engine.gateway import Gateway
from counterfoil.engine.orders import Orders
from counterfoil.engine.perform import Engine, Limits
from counterfoil.exchange import Node, Routes
from counterfoil.testing import FakeClock, MemoryStore, MemoryVault, SerialIds
from counterfoil.vault.wallets import SealedKeys, TokenVault
from counterfoil.web import returning
from counterfoil.web.app import Served
from counterfoil.web.bank.pages import serve
from counterfoil.wiring import issuers

BASE: Final = "http://127.0.0.1:8080"
KEY: Final = "Idempotency-Key"
MERCHANT: Final = 1
READS: Final = {"GET", "HEAD"}
ANSWERED: Final = {200, 201, 402}  # what a call that moved money, or was declined, is answered with
LIMITS: Final = Limits(acquirer_ms=2_000, replay_ms=2_000, replay_poll_ms=5)


def plain(order: Order) -> dict[str, str]:
    """An order in a path, on a wire that writes its number."""
    return {"order": str(order.id)}


def razorpay(order: Order) -> dict[str, str]:
    """What can be named of an order on the Razorpay wire."""
    found = {"order": ids.written("order_", order.id)}
    if order.payments:
        found["payment"] = ids.written("pay_", order.id, len(order.payments))
        if order.payments[-1].card is not None:
            found["carded"] = found["payment"]
    for each in order.operations:
        if each.kind is Kind.REFUND:
            found["refund"] = ids.written("rfnd_", order.id, each.ordinal)
    return found


ADDRESSES: Final[Mapping[str, Callable[[Order], dict[str, str]]]] = {"razorpay": razorpay}
LENT: Final[dict[tuple[int, str, int], Kept]] = {}  # signing keys, which take long to make


class Row(NamedTuple):
    """A row of a ROUTES table."""

    method: str
    path: str


class Wire:
    """A dialect and what its package shows."""

    def __init__(self, package: str) -> None:
        self.package = import_module(package)
        self.dialect: Dialect = self.package.dialect
        self.name = self.dialect.name
        errors, render = import_module(f"{package}.errors"), import_module(f"{package}.render")
        self.errors: Mapping[Code, object] = errors.ERRORS
        self.status: Mapping[Standing, str] = render.STATUS
        self.outcomes: Mapping[Outcome, str] = render.OUTCOMES
        self.hides: Callable[[Order], bool] = getattr(render, "hidden", lambda _: False)
        routes = import_module(f"{package}.routes")
        self.routes: Routes[object] = routes.ROUTES
        self.open: Mapping[str, object] = getattr(routes, "OPEN", {})

    @property
    def folder(self) -> Path:
        """Where its exchanges are."""
        home = Path(str(self.package.__file__)).parent
        return home / "examples" if (home / "examples").is_dir() else home / "_examples"

    def rows(self) -> list[Row]:
        """Every row of its ROUTES table."""
        return [Row(method, path) for path, node in paths(self.routes._root) for method in node]

    def names(self, order: Order) -> dict[str, str]:
        """What a path of this wire says of an order."""
        return ADDRESSES.get(self.name, plain)(order)

    def said(self, code: Code) -> tuple[int, str]:
        """Status and text of a refusal."""
        row = self.errors[code]
        status, message = getattr(row, "status", None), getattr(row, "message", None)
        assert isinstance(status, int), f"{self.name}: {code} has no status"
        assert isinstance(message, str), f"{self.name}: {code} has no message"
        return status, message


def paths(node: Node[object], path: str = "") -> Iterator[tuple[str, dict[str, object]]]:
    """Every path of a tree of routes, with what is there."""
    if node.here:
        yield path, node.here
    for part, inner in node.parts.items():
        yield from paths(inner, f"{path}/{part}")
    if node.free is not None:
        yield from paths(node.free, f"{path}/{{}}")


def every() -> list[Wire]:
    """The wires that the scan finds, and the template."""
    names = [each.serve.__module__.removesuffix(".routes") for each in dialects.found()]
    return [Wire(name) for name in (*names, f"{dialects.__name__}._template")]


WIRES: Final = every()


class Example:
    """A documented exchange of a wire."""

    def __init__(self, wire: Wire, path: Path) -> None:
        self.wire = wire
        self.path = path
        self.said: Exchange = documented.read(path)
        self.common: Shared = documented.shared(path)
        self.name = f"{wire.name}:{path.relative_to(wire.folder).with_suffix('')}"

    @property
    def ask(self) -> Step:
        """The request that it documents."""
        return self.said.request

    @property
    def headers(self) -> dict[str, str]:
        """The headers of its request."""
        return {**self.common.headers, **self.ask.headers}

    @property
    def moves(self) -> bool:
        """Whether it asks for money to be moved, and an acquirer is asked."""
        return self.ask.method not in READS and self.said.response.status in ANSWERED

    @property
    def follows(self) -> bool:
        """Whether it is about an order that is there."""
        return documented.NAME.search(self.ask.path) is not None

    @property
    def call(self) -> tuple[str, str]:
        """The row of the ROUTES table that it is an example of."""
        parts = self.ask.path.partition("?")[0].rstrip("/").split("/")
        fitting = [
            row
            for row in self.wire.rows()
            if row.method == self.ask.method and fits(row.path.rstrip("/").split("/"), parts)
        ]
        return min(fitting, key=lambda row: row.path.count("{}"), default=Row("", ""))


def fits(row: list[str], parts: list[str]) -> bool:
    """Whether a path is one of a row's; a part in braces stands for any text."""
    return len(row) == len(parts) and all(
        ours in {"{}", theirs} for ours, theirs in zip(row, parts, strict=True)
    )


def examples(wire: Wire) -> list[Example]:
    """A wire's exchanges."""
    return [Example(wire, path) for path in documented.examples(wire.folder)]


EXAMPLES: Final = [example for wire in WIRES for example in examples(wire)]
MOVES: Final = [example for example in EXAMPLES if example.moves]


def readable(wire: Wire) -> list[Step]:
    """What can be read of an order that was just made: rows with one id, named as examples do."""
    named = {
        example.call: example.ask.path
        for example in EXAMPLES
        if example.wire is wire and example.said.response.status == 200
    }
    found = []
    for row in wire.rows():
        if row.method in READS and row.path.count("{}") < 2:
            path = row.path
            if "{}" in row.path:
                unnamed = "{nothing}" if wire.name in ADDRESSES else "{order}"
                path = named.get((row.method, row.path), row.path.replace("{}", unnamed))
            found.append(Step(method=row.method, path=path))
    return found


class Bank:
    """The test bank, which takes a moment, counts what it is asked, and may be struck dumb.

    While it `declines` it says no to everything; while it `mumbles` nobody hears what it answers.
    """

    def __init__(self, bank: Acquirer) -> None:
        self._bank = bank
        self.asked = 0
        self.dumb = self.declines = self.mumbles = False
        self.unheard: list[tuple[Instruction, Answer]] = []

    @property
    def name(self) -> str:
        """The test bank's."""
        return self._bank.name

    @property
    def supports(self) -> frozenset[Capability]:
        """What the test bank can do."""
        return self._bank.supports

    async def send(self, instruction: Instruction) -> Answer:
        """Its answer, after others had their turn."""
        self.asked += 1
        await asyncio.sleep(0)
        if self.dumb:
            return Unknown(why="dumb")
        no = Declined(decline=Decline.DO_NOT_HONOR)
        answer = no if self.declines else await self._bank.send(instruction)
        if not self.mumbles:
            return answer
        self.unheard.append((instruction, answer))
        return Unknown(why="mumbled")

    async def inquire(self, inquiry: Inquiry) -> Answer:
        """Its answer."""
        return await self._bank.inquire(inquiry)

    def listen(self, receive: Receiver) -> None:
        """Late answers are its own."""
        self._bank.listen(receive)

    async def close(self) -> None:
        """Close it."""
        await self._bank.close()


class Desk:
    """A gateway in memory, and a client of it."""

    def __init__(self, engine: Engine, bank: Bank, clock: FakeClock, app: Served) -> None:
        assert isinstance(engine.store, MemoryStore)
        self.engine = engine
        self.store = engine.store
        self.bank = bank
        self.clock = clock
        self.app = app
        self.client = AsyncClient(transport=ASGITransport(app=app), base_url=BASE)
        self.keys: Names = {}
        self.names: Names = documented.calendar(clock.today())
        self.serials = count(1)

    async def scene(self, example: Example) -> None:
        """Send what comes before an example's request; `names` holds what it saved."""
        self.names["serial"] = str(next(self.serials))
        for item in example.said.setup:
            step = example.common.steps[item] if isinstance(item, str) else item
            answer = await self.send(example, step)
            for name, place in step.save.items():
                self.names[name] = documented.find(answer, place)

    async def send(self, example: Example, step: Step | None = None, **more: str) -> Response:
        """The answer to a step of an example (its request), a second later; `more` are headers."""
        self.clock.advance(1)
        asked = step or example.ask
        self.clock.advance(asked.advance_days * documented.DAY_S)
        headers = {**example.common.headers, **asked.headers, **more}
        body = None if asked.body is None else documented.fill(asked.body, self.names).encode()
        return await self.client.request(
            asked.method,
            documented.fill(asked.path, self.names),
            headers=self.known(headers),
            content=body,
        )

    def known(self, headers: Mapping[str, str]) -> dict[str, str]:
        """The headers with the names of now."""
        return {
            each: documented.fill(value, self.names) for each, value in headers.items() if value
        }

    async def keyed(self, example: Example, key: str, step: Step | None = None) -> Response:
        """The same, under an idempotency key."""
        return await self.send(example, step, **{KEY: key})

    def knows(self, step: Step) -> bool:
        """Whether everything that the step names is there."""
        return set(documented.NAME.findall(f"{step.path} {step.body}")) <= self.names.keys()

    def filled(self, step: Step) -> Step:
        """The step with the names of now."""
        body = step.body and documented.fill(step.body, self.names)
        return replace(step, path=documented.fill(step.path, self.names), body=body)

    def used(self, key: str) -> bool:
        """Whether any merchant has used that key."""
        return any(used == key for _, used in self.store._keys)

    def done(self) -> tuple[int, int]:
        """How much was done: commits, and instructions to the bank."""
        return self.store.commits, self.bank.asked


async def open_desk() -> Desk:
    """A desk with demo data, and the demo's login and password on every wire that has no others."""
    store, vault, clock = MemoryStore(), MemoryVault(), FakeClock()
    await demo.seed(store, vault, clock)
    for wire in WIRES:
        if await store.credential(wire.name, demo.LOGIN) is None:
            secret = vault.hash_secret(demo.PASSWORD)
            await store.save_credential(
                Credential(wire=wire.name, login=demo.LOGIN, merchant=MERCHANT, secret_hash=secret)
            )
    sandbox = next(each for each in connectors.found() if each.name == "sandbox")
    bank = Bank(sandbox.open(Place()))
    engine = Engine(
        store=store,
        vault=vault,
        acquirers={"sandbox": bank},
        clock=clock,
        ids=SerialIds(clock),
        limits=LIMITS,
    )
    bank.listen(engine.receive)
    pages = issuers(engine, vault)
    assert pages is not None
    gateway = Gateway(
        orders=Orders(engine),
        directory=Directory(store, vault, clock),
        store=store,
        clock=clock,
        wallets=TokenVault(vault.hash_secret, SealedKeys(vault)),
    )
    handlers = {
        segment: (wire.name, wire.dialect.serve(gateway))
        for wire in WIRES
        for segment in wire.dialect.owned
    }
    handlers["complete"] = ("browser", returning.serve(engine))
    handlers["test"] = ("bank", serve(pages))
    desk = Desk(engine, bank, clock, Served(handlers, store))
    store._kept |= LENT
    for wire in WIRES:
        if wire.dialect.keys is not None:
            found = await wire.dialect.keys(gateway, MERCHANT, BASE)
            desk.keys |= {f"{wire.name}_{name}": value for name, value in found.items()}
    desk.names |= desk.keys
    LENT.update({place: item for place, item in store._kept.items() if place[0] == NOBODY})
    return desk
