"""Assembly: the one place that knows every part."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import asynccontextmanager
from functools import partial
from os import environ
from pathlib import Path
from typing import Final

import structlog

from counterfoil import connectors, dialects
from counterfoil.config import MASTER_KEY, PREFIX, Settings, SettingsError
from counterfoil.connectors import Place
from counterfoil.core.bank import Bank
from counterfoil.core.callbacks import Form
from counterfoil.core.ports import (
    Acquirer,
    Clock,
    OperationQuery,
    OrderQuery,
    Store,
    Vault,
    VaultError,
)
from counterfoil.courier.late import LateCourier
from counterfoil.courier.standard import StandardForm
from counterfoil.database import numbered, open_store
from counterfoil.demo import sample, seed
from counterfoil.engine import chores
from counterfoil.engine.audience import Audience
from counterfoil.engine.awaiting import receive
from counterfoil.engine.backlog import Watch
from counterfoil.engine.deliver import Desk
from counterfoil.engine.directory import Directory
from counterfoil.engine.gateway import Gateway
from counterfoil.engine.guide import Secured
from counterfoil.engine.orders import Orders
from counterfoil.engine.perform import Engine, Limits
from counterfoil.engine.pump import Pump
from counterfoil.engine.resolve import Resolved
from counterfoil.engine.turn import Turn
from counterfoil.logs import processors
from counterfoil.store.workers import LEASE_S, Lease
from counterfoil.vault import (
    KeyRing,
    MasterKey,
    create_master,
    first_keys,
    master_from_file,
    master_from_text,
)
from counterfoil.vault.wallets import KeysFile, SealedKeys, TokenVault
from counterfoil.web import returning, sandbox
from counterfoil.web.app import Served
from counterfoil.web.bank import pages
from counterfoil.web.checkout import routes as checkout
from counterfoil.world import SystemClock, WorkerIds, seconds

ID_MAX: Final = 2**63 - 1
STANDARD: Final = "standard"  # our own form, by the Standard Webhooks specification
BUSY: Final = 4  # requests under way at once: from then on payments go before callbacks
RUN: Final = 500  # operations without an answer read at a time


class Parts:
    """The parts of a running gateway."""

    def __init__(
        self,
        *,
        settings: Settings,
        store: Store,
        vault: KeyRing,
        clock: Clock,
        ids: WorkerIds,
        acquirers: Mapping[str, Acquirer],
    ) -> None:
        self.settings = settings
        self.store = store
        self.vault = vault
        self.clock = clock
        self.ids = ids
        self.acquirers = acquirers
        self.lease: Lease | None = None  # where the worker's number is not this process's alone
        limits = Limits(acquirer_ms=settings.acquirer_timeout_ms)
        self.engine = Engine(
            store=store, vault=vault, acquirers=acquirers, clock=clock, ids=ids, limits=limits
        )
        for acquirer in acquirers.values():
            acquirer.listen(self.engine.receive)
        self.audience = Audience(store, forms(), clock)
        self.engine.audience = self.audience
        self.bank = issuers(self.engine, vault)


def issuers(engine: Engine, vault: Vault) -> Bank | None:
    """Give the engine every acquirer's way to issuers; the test bank that cardholders can visit."""
    bank: Bank | None = None
    for connector in connectors.found():
        if connector.issuers is not None and connector.name in engine.acquirers:
            opened = connector.issuers(vault.hash_secret(f"counterfoil issuers {connector.name}"))
            opened.authenticator.listen(partial(receive, engine))
            engine.authenticators[connector.name] = opened.authenticator
            bank = bank or opened.bank
    return bank


@asynccontextmanager
async def parts(
    settings: Settings, clock: Clock | None = None, *, serving: bool = False, create: bool = True
) -> AsyncIterator[Parts]:
    """Everything open and ready, closed at the end.

    `serving`: this process is the one that serves the embedded database. `create`: where there is
    no database it is made. Raises `SettingsError`, `StoreError`, `VaultError`, `OSError`, or what a
    connector raises.
    """
    clock = clock or SystemClock(clock_file(settings.beside))
    store = await open_store(settings, create=create, serving=serving)
    acquirers: dict[str, Acquirer] = {}
    lease: Lease | None = None
    try:
        lease = await numbered(settings, store)
        worker = lease.number if lease else settings.worker or 0
        ids = WorkerIds(clock, worker, await newest(store))
        vault = await _vault(settings, store, ids)
        acquirers |= await _acquirers(settings, store, serving=serving and settings.embedded)
        made = Parts(
            settings=settings,
            store=store,
            vault=vault,
            clock=clock,
            ids=ids,
            acquirers=acquirers,
        )
        made.lease = lease
        if settings.demo:
            await seed(store, vault, clock)
        yield made
    finally:
        for acquirer in acquirers.values():
            await acquirer.close()
        if lease is not None:
            await lease.release()
        await store.close()


@asynccontextmanager
async def opened(settings: Settings, *, create: bool = False) -> AsyncIterator[Store]:
    """The store alone, closed at the end; raises `SettingsError`, `StoreError`, `OSError`."""
    store = await open_store(settings, create=create)
    try:
        yield store
    finally:
        await store.close()


@asynccontextmanager
async def assembled(settings: Settings, clock: Clock | None = None) -> AsyncIterator[Served]:
    """The application, with its chores running."""
    if not structlog.is_configured():  # served within another program, which says where logs go
        structlog.configure(processors=processors())
    async with parts(settings, clock, serving=True) as made:
        regular = chores.chores(made.engine, settings.keeping, started=made.ids.next())
        for merchant in await made.store.merchants():
            await made.store.let_go(merchant.id, made.ids.worker)
        async with (
            telling(made) as (app, pump),
            working(chores.run([*regular, *_watch(made, pump)], tell), pump.run()),
        ):
            yield app


@asynccontextmanager
async def working(*work: Coroutine[object, object, None]) -> AsyncIterator[None]:
    """Such work running beside, cancelled at the end."""
    tasks = [asyncio.create_task(each) for each in work]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def forms() -> dict[str, Form]:
    """How merchants can be told, by the name an endpoint has for it."""
    found: dict[str, Form] = {STANDARD: StandardForm()}
    return found | {each.name: each.form for each in dialects.found() if each.form is not None}


@asynccontextmanager
async def telling(made: Parts) -> AsyncIterator[tuple[Served, Pump]]:
    """The application, and what runs its timers and has its callbacks carried."""
    settings = made.settings
    courier = LateCourier(allowed=settings.networks)
    desk = Desk(
        store=made.store,
        vault=made.vault,
        clock=made.clock,
        wall=SystemClock(),
        ids=made.ids,
        audience=made.audience,
        courier=courier,
        turn=Turn(lambda: app.under_way >= BUSY, settings.callbacks_busy),
        base=settings.base_url,
        signed_for=settings.signed_for,
    )
    pump = Pump(
        store=made.store,
        clock=made.clock,
        ids=made.ids,
        kinds=chores.kinds(made.engine, desk),
        lanes=made.audience.lanes,
    )
    made.engine.nudge = pump.nudge
    app = served(made, pump)
    try:
        yield app, pump
    finally:
        await courier.close()


def tell(chore: str, outcome: object) -> None:
    """Log what a chore did, if that is news."""
    log = structlog.get_logger()
    if isinstance(outcome, Exception):
        log.error("chore failed", chore=chore, error=repr(outcome))
    elif isinstance(outcome, Resolved) and outcome.found:
        log.info("operations without an answer", found=outcome.found, closed=outcome.closed)


def gateway(made: Parts) -> Gateway:
    """What every wire is served with."""
    files = KeysFile(wallets_file(made.settings.beside))
    return Gateway(
        orders=Orders(made.engine),
        directory=Directory(made.store, made.vault, made.clock),
        store=made.store,
        clock=made.clock,
        base=made.settings.base_url,
        signed_for=made.settings.signed_for,
        checkout=made.settings.checkout_url,
        wallets=TokenVault(made.vault.hash_secret, SealedKeys(made.vault), files),
    )


def served(made: Parts, pump: Pump) -> Served:
    """The application over those parts."""
    own = gateway(made)
    wires = {
        segment: (dialect.name, handler)
        for dialect in dialects.found()
        for handler in (dialect.serve(own),)
        for segment in dialect.owned
    }
    wires["pay"] = ("checkout", checkout.serve(own, Secured(made.engine)))
    clock = made.clock
    if made.settings.demo and isinstance(clock, SystemClock):

        async def advance(by: str) -> None:
            clock.advance(seconds(by))
            await follow(clock, pump)

        def now() -> str:
            return clock.today().isoformat()

        wires["sandbox"] = ("sandbox", sandbox.serve(now, advance, partial(sample, own.orders)))
    wires["complete"] = ("browser", returning.serve(made.engine))
    if made.bank is not None:
        wires["test"] = ("bank", pages.serve(made.bank))
    return Served(wires, made.store, Watch(made.store, made.clock))


async def follow(clock: SystemClock, pump: Pump) -> None:
    """Move the clock to where another process or a caller has put it, timer by timer."""
    behind = clock.behind_us()
    if behind > 0:
        await pump.walk(clock.now() + behind, clock.reach)
        clock.look()


def clock_file(database: Path) -> Path:
    """Where a sandbox deployment's clock offset rests."""
    return database.with_suffix(".clock")


def book_file(database: Path) -> Path:
    """Where the test bank keeps its book."""
    return database.with_name(f"{database.stem}.sandbox.jsonl")


def wallets_file(database: Path) -> Path:
    """Where the keys of the sandbox's own wallet tokens rest."""
    return database.with_name(f"{database.stem}.wallets.json")


def key_file(database: Path) -> Path:
    """Where the embedded database's master key rests unless another place is named."""
    return database.with_suffix(".key")


def master_key(settings: Settings, *, create: bool) -> MasterKey:
    """The vault's master key: from the environment, the file named, or beside the database.

    Raises `SettingsError` where there is none, `VaultError` where the file is not safe.
    """
    text = environ.get(PREFIX + MASTER_KEY)
    if text:
        return master_from_text(text)
    if settings.master_key_file is not None:
        return master_at(Path(settings.master_key_file))
    beside = key_file(settings.beside)
    if beside.exists():
        return master_at(beside)
    if create:
        beside.parent.mkdir(parents=True, exist_ok=True)
        try:
            return create_master(beside)
        except VaultError:
            if not beside.exists():
                raise
            return master_at(beside)  # another process was quicker
    raise SettingsError(
        f"the master key {beside} is missing; without it no stored card can be read. "
        f"Put it back, or set {PREFIX}MASTER_KEY_FILE or {PREFIX}{MASTER_KEY}"
    )


def master_at(path: Path) -> MasterKey:
    """The master key in a file; raises `VaultError` where it is not safe."""
    return master_from_file(path)


async def _acquirers(settings: Settings, store: Store, *, serving: bool) -> dict[str, Acquirer]:
    """The test bank, and every acquirer that a terminal names or that has settings of its own."""
    named = {terminal.connector for each in await store.merchants() for terminal in each.terminals}
    opened: dict[str, Acquirer] = {}
    for connector in connectors.found():
        options = settings.options(connector.name)
        if connector.name == "sandbox":
            options = (
                ("latency_ms", str(settings.sandbox_latency_ms)),
                ("late_ms", str(settings.sandbox_late_ms)),
                *((("alone", "yes"),) if serving else ()),
            )
        elif not options and connector.name not in named:
            continue
        beside = settings.beside
        place = Place(folder=beside.parent, stem=beside.stem, options=options)
        opened[connector.name] = connector.open(place)
    return opened


async def newest(store: Store) -> int:
    """The greatest id in use: a clock that was set back since must not repeat it."""
    newest = max((key.id for key in await store.data_keys()), default=0)
    for merchant in await store.merchants():
        orders = await store.orders(OrderQuery(merchant=merchant.id, limit=1))
        closed = await store.operations(OperationQuery(merchant=merchant.id, limit=1))
        found = [*(each.id for each in orders), *(each.operation.id for each in closed)]
        newest = max(newest, merchant.id, *found)
        while waiting := await store.pending(merchant.id, ID_MAX, RUN, after=newest):
            newest = waiting[-1].operation.id
    return newest


async def _vault(settings: Settings, store: Store, ids: WorkerIds) -> KeyRing:
    keys = await store.data_keys()
    master = master_key(settings, create=not keys)
    if not keys:
        keys = await store.found_vault(first_keys(master, ids.next()))
    return KeyRing(master, keys)


def _watch(made: Parts, pump: Pump) -> tuple[chores.Chore, ...]:
    """What wires do by themselves; and to follow what a command in another process may change."""
    clock = made.clock

    async def look() -> None:
        if isinstance(clock, SystemClock):
            await follow(clock, pump)

    async def learn() -> None:
        made.vault.learn(await made.store.data_keys())

    async def renew() -> None:
        if made.lease is not None:
            made.ids.worker = await made.lease.renew()

    return (
        *dialects.chores(gateway(made)),
        chores.Chore("clock", 1, look),
        chores.Chore("keys", 1, learn),
        chores.Chore("lease", LEASE_S // 3, renew),
    )
