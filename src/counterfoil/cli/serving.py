"""serve, demo, migrate, keys: a gateway, its database and what to call it with."""

import asyncio
import gc
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Annotated, Final

import uvicorn
import uvloop
from cyclopts import App, Parameter
from msgspec.structs import replace

from counterfoil import demo as seeded
from counterfoil import issuing, logs, wiring
from counterfoil.cli.family import Family
from counterfoil.cli.opening import among
from counterfoil.cli.output import print_json, say
from counterfoil.config import Settings, SettingsError, from_environment
from counterfoil.database import migrated
from counterfoil.web.app import Served
from counterfoil.web.http import Bounded
from counterfoil.wiring import Parts

BACKLOG: Final = 2048
COLLECTIONS: Final = (20_000, 20, 50)  # requests leave no cycles behind; look for them seldom
KEEP_ALIVE_S: Final = 75  # longer than the callers' pools and balancers keep what is idle
DRAIN_S: Final = 25  # what is running may finish; less than orchestrators wait before they kill
Json = Annotated[bool, Parameter("--json", help="For programs.")]


def register(app: App) -> None:
    """Add these commands."""
    app.command(serve)
    app.command(demo)
    app.command(migrate)
    app.command(keys)


def serve(  # noqa: PLR0913 (each is a documented option)
    *,
    host: str | None = None,
    port: int | None = None,
    database: str | None = None,
    workers: int | None = None,
    demo: bool = False,
    base_url: str | None = None,
    log_level: str | None = None,
) -> int:
    """Serve all wires until told to stop; SIGTERM lets what is running finish.

    Example: counterfoil serve --demo --port 8080 --database sqlite:///data/counterfoil.db
    Every option may also be given as a variable: COUNTERFOIL_PORT=8080.

    Parameters
    ----------
    host
        Address to listen on (default 127.0.0.1).
    port
        Port to listen on (default 8080); 0 takes any that is free.
    database
        sqlite:///path or postgresql://user@host/name; its schema is made and brought up to date.
    workers
        Processes that share the port; the embedded database is served by one.
    demo
        Seed the demo merchants, and say what to call them with.
    base_url
        The public address of the API, for links.
    log_level
        debug, info, warning or error (default info).
    """
    settings = from_environment(
        host=host,
        port=port,
        database=database,
        demo=demo or None,
        base_url=base_url,
        log_level=log_level,
        workers=workers,
    )
    if settings.workers > 1:
        return several(settings)
    run(settings, lambda port: _say_ready(settings, port))
    return 0


def several(settings: Settings) -> int:
    """Serve with several processes; the exit status."""
    asyncio.run(_prepare(settings))  # schema, keys and demo are made once, not by each
    with listening(settings.host, settings.port, shared=True) as bound:
        port = bound[0].getsockname()[1]
        ready = partial(_say_ready, settings, port)
        own = replace(settings, port=port)
        return Family(partial(run, own, shared=True), settings.workers, ready).serve()


def run(settings: Settings, ready: Callable[[int], None], *, shared: bool = False) -> None:
    """Serve in this process until told to stop; `ready` is told the port."""
    listener = logs.configure(settings.log_level)
    try:
        uvloop.run(_serve(settings, ready, shared=shared))
    finally:
        listener.stop()


async def _prepare(settings: Settings) -> None:
    async with wiring.parts(settings):
        pass


async def _serve(settings: Settings, ready: Callable[[int], None], *, shared: bool) -> None:
    with listening(settings.host, settings.port, shared=shared) as sockets:
        async with wiring.assembled(settings) as app:
            gc.freeze()  # what is there now stays; nothing is gained by looking through it again
            gc.set_threshold(*COLLECTIONS)
            server = Ready(app, settings, ready)
            for number in (signal.SIGTERM, signal.SIGINT):
                # Until now a signal ends the process; from now on it drains. It does nothing when
                # uvicorn raises it once more at the end, so that the exit status is 0.
                signal.signal(number, server.handle_exit)
            await server.serve(sockets)


@contextmanager
def listening(host: str, port: int, *, shared: bool = False) -> Iterator[list[socket.socket]]:
    """A socket bound to each address of the host; raises `SettingsError` where that cannot be.

    Nobody is let in before the server listens on them. `shared`: other processes of ours bind the
    same, and the system spreads callers over those that listen.
    """
    with ExitStack() as stack:
        try:
            bound = _bound(stack, host, port, shared=shared)
        except (OSError, UnicodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "no such host"
            raise SettingsError(f"cannot listen on {host}:{port}: {why}") from error
        yield bound


def _bound(stack: ExitStack, host: str, port: int, *, shared: bool) -> list[socket.socket]:
    bound: list[socket.socket] = []
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    for family, kind, protocol, _, address in dict.fromkeys(found):
        each = stack.enter_context(socket.socket(family, kind, protocol))
        each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            each.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        bound.append(each)
        chosen = bound[0].getsockname()[1]  # what is free for the first is for all
        each.bind((address[0], port or chosen, *address[2:]))
    return bound


class Ready(uvicorn.Server):
    """A server that says when requests are served."""

    def __init__(self, app: Served, settings: Settings, ready: Callable[[int], None]) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                host=settings.host,
                port=settings.port,
                loop="uvloop",
                http=Bounded,
                lifespan="off",
                access_log=False,
                log_config=None,
                backlog=BACKLOG,
                timeout_keep_alive=KEEP_ALIVE_S,
                timeout_graceful_shutdown=DRAIN_S,
            )
        )
        self._tell_ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Bind, then say so."""
        await super().startup(sockets)
        bound = self.servers[0].sockets[0].getsockname()[1] if self.servers else self.config.port
        self._tell_ready(bound)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Say that it stops, and let what is running finish."""
        say(
            f"stopping: {len(self.server_state.tasks)} requests under way, "
            f"at most {DRAIN_S} s (a second signal: at once)"
        )
        await super().shutdown(sockets)


def _say_ready(settings: Settings, port: int) -> None:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    address = f"http://{host}:{port}"
    if settings.demo:
        sys.stdout.write(welcome(address))
    sys.stdout.write(f"ready on {address}\n")
    sys.stdout.flush()


def demo(*, database: str | None = None, json: Json = False) -> None:
    """Seed the demo merchants into a database, and print what to call them with.

    Example: counterfoil demo --database sqlite:///data/counterfoil.db

    Parameters
    ----------
    database
        sqlite:///path or postgresql://user@host/name.
    """
    settings = from_environment(database=database, demo=True)

    asyncio.run(_prepare(settings))
    if json:
        print_json(credentials())
    else:
        print(welcome(f"http://{settings.host}:{settings.port}"), end="")


def migrate(*, database: str | None = None) -> None:
    """Bring a database to the newest schema; safe to run twice, and from two places at once.

    Example: counterfoil migrate --database sqlite:///data/counterfoil.db

    Parameters
    ----------
    database
        sqlite:///path or postgresql://user@host/name.
    """
    settings = from_environment(database=database)
    before, after = migrated(settings)
    say(f"at step {after} already" if before == after else f"from step {before} to step {after}")


def keys(
    *,
    merchant: int = 1,
    base_url: str | None = None,
    database: str | None = None,
    json: Json = False,
) -> int:
    """Print what a merchant calls the wires with: of the demo merchant all, of another its tokens.

    Keys of the PayFunc wire say where the API is; give the address that clients see.

    Example: counterfoil keys --json
    Example: counterfoil keys --merchant 3 --base-url https://pay.example

    Parameters
    ----------
    merchant
        Its id.
    base_url
        The public address of the API (default: where this machine would serve it).
    database
        sqlite:///path or postgresql://user@host/name.
    """
    settings = from_environment(database=database, base_url=base_url)
    base = settings.base_url or f"http://{settings.host}:{settings.port}"

    async def act(parts: Parts) -> dict[str, dict[str, str]] | None:
        if await parts.store.merchant(merchant) is None:
            return None
        demo = await parts.store.credential("bizon", seeded.LOGIN)
        own = credentials() if demo is not None and demo.merchant == merchant else {}
        return own | await issuing.keys(parts, merchant, base)

    found = among(database, act)
    if found is None:
        say("no such merchant here; seed the demo's: counterfoil demo")
        return 1
    if json:
        print_json(found)
    else:
        for wire, named in found.items():
            for name, value in named.items():
                print(f"{wire}\t{name}\t{value}")
    return 0


def credentials() -> dict[str, dict[str, str]]:
    """The demo merchant's logins and passwords by wire."""
    return {
        "bizon": {"login": seeded.LOGIN, "password": seeded.PASSWORD},
        "razorpay": {
            "key_id": seeded.KEY_ID,
            "key_secret": seeded.KEY_SECRET,
            "webhook_secret": seeded.WEBHOOK_SECRET,
        },
        "afterpay": {"auth_key": seeded.AUTH_KEY},
    }


def welcome(address: str) -> str:
    """What a new user may paste first."""
    host, login = address.removeprefix("http://"), f"{seeded.LOGIN}:{seeded.PASSWORD}"
    return f"""
Counterfoil, seeded for a demonstration. No card is real and no money moves.

  Bizon    login {seeded.LOGIN}, password {seeded.PASSWORD}   (with a reserve: project_reserve)
  Razorpay key {seeded.KEY_ID}, secret {seeded.KEY_SECRET}
  AfterPay X-Auth-Key {seeded.AUTH_KEY}
  PayFunc  keys are tokens: counterfoil keys

Pay an order in the browser, with card 4111 1111 1111 1111 or a wallet's button:

  {address}/sandbox/checkout

Authorize a payment from a program:

  curl -s 'http://{login}@{host}/orders/authorize' -d '{{
    "amount": 9.99,
    "pan": "4111111111111111",
    "card": {{"cvv": "333", "holder": "John Smith",
             "expiration_month": 12, "expiration_year": 2030}},
    "location": {{"ip": "6.6.6.6"}}
  }}'

Then, with the id it answers: charge it, refund a part, look at it.

  curl -s -X PUT 'http://{login}@{host}/orders/ID/charge'
  curl -s -X PUT 'http://{login}@{host}/orders/ID/refund' -d '{{"amount": 1.99}}'
  curl -s 'http://{login}@{host}/orders/ID?expand=card,operations.cashflow'

{further(address, login)}"""


def further(address: str, login: str) -> str:
    """What may be pasted next."""
    host = address.removeprefix("http://")
    return f"""\
Make an order that a customer pays in the browser: at the address that stands behind Location.

  curl -si 'http://{login}@{host}/orders/create' -d '{{"amount": 9.99, "description": "A book"}}'
{_other_wires(address)}
Other test cards: 4000000000000002 is declined, 4000000000009995 lacks funds (docs/sandbox.md).
Health {address}/health/ready   Metrics {address}/metrics
"""


def _other_wires(address: str) -> str:
    return f"""
The same merchant on the Razorpay wire:
  curl -s -u {seeded.KEY_ID}:{seeded.KEY_SECRET} '{address}/v1/orders' \\
    -d amount=50000 -d currency=INR -d receipt=receipt-1

An order by invoice on the AfterPay wire; then capture and refund it, in full or by items.

  curl -s {address}/api/v3/checkout/authorize -H 'X-Auth-Key: {seeded.AUTH_KEY}' \\
       -H 'Content-Type: application/json' -d '{{
    "payment": {{"type": "Invoice"}},
    "customer": {{"firstName": "Ada", "lastName": "Lovelace"}},
    "order": {{"number": "1001", "currency": "EUR", "items": [
      {{"productId": "1", "description": "Book", "grossUnitPrice": 12.00, "quantity": 5}}]}}
  }}'
  curl -s -X POST {address}/api/v3/orders/1001/captures -H 'X-Auth-Key: {seeded.AUTH_KEY}'
  curl -s -X POST {address}/api/v3/orders/1001/refunds -H 'X-Auth-Key: {seeded.AUTH_KEY}'
  curl -s {address}/api/v3/orders/1001 -H 'X-Auth-Key: {seeded.AUTH_KEY}'
"""
