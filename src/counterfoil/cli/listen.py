"""listen: a little receiver of callbacks, which says of each whether its signature is right."""

import asyncio
import signal
import sys
from datetime import timedelta
from typing import Final

import msgspec
from aiohttp import web
from cyclopts import App

from counterfoil.cli.output import say
from counterfoil.cli.serving import Json, listening
from counterfoil.config import SettingsError
from counterfoil.core.card import Secret
from counterfoil.courier import standard
from counterfoil.courier.http import printable
from counterfoil.courier.receiving import Finding, Known, Received, findings
from counterfoil.world import EPOCH, SystemClock

PORTS: Final = range(65_536)
STATUSES: Final = range(200, 600)
MICROSECONDS: Final = 1_000_000
IDS: Final = (standard.ID, "x-razorpay-event-id")
EVENTS: Final = ("type", "event")  # the member that names it: our own form's, the Razorpay wire's
VERDICTS: Final = {True: "right", False: "WRONG", None: "not checked"}
STOP_S: Final = 1  # what is being received may finish


def register(app: App) -> None:
    """Add this command."""
    app.command(listen)


def listen(
    *,
    host: str = "127.0.0.1",
    port: int = 9000,
    secret: tuple[str, ...] = (),
    basic: str | None = None,
    status: int = 200,
    json: Json = False,
) -> None:
    """Receive callbacks and print each of them, and whether its signature is right, until Ctrl-C.

    Where it is not: the very bytes that are signed, what they should have given, what came, and
    why. It understands Standard Webhooks, X-Razorpay-Signature and HTTP Basic.

    Example: counterfoil listen --port 9000 --secret whsec_…
    Example: counterfoil listen --basic login:password --status 500

    Parameters
    ----------
    host
        Address to listen on.
    port
        Port to listen on; 0 takes any that is free.
    secret
        A signing secret; may be given several times.
    basic
        login:password that HTTP Basic must bring.
    status
        What to answer, to see what is tried again.
    """
    if port not in PORTS:
        raise SettingsError(f"--port {port}: a port is 0 to 65535")
    if status not in STATUSES:
        raise SettingsError(f"--status {status}: an answer's status is 200 to 599")
    if basic is not None and ":" not in basic:
        raise SettingsError("--basic is login:password")
    known = Known(
        secrets=tuple(map(_secret, secret)), basic=None if basic is None else Secret(basic)
    )
    asyncio.run(_receive(host, port, Desk(known, status, as_json=json)))


def _secret(text: str) -> Secret:
    secret = Secret(text)
    try:
        if text.startswith(standard.PREFIX):
            standard.key_of(secret)
    except standard.SecretError as error:
        raise SettingsError(f"--secret: {error}") from error
    if not text:
        raise SettingsError("--secret: an empty text signs nothing")
    return secret


async def _receive(host: str, port: int, desk: "Desk") -> None:
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    server = web.Server(desk.take, auto_decompress=False, access_log=None)
    runner = web.ServerRunner(server, handle_signals=False, shutdown_timeout=STOP_S)
    with listening(host, port) as sockets:
        await runner.setup()
        try:
            for each in sockets:
                await web.SockSite(runner, each).start()
            chosen = sockets[0].getsockname()[1]
            shown = f"[{host}]" if ":" in host else host
            say(f"listening on http://{shown}:{chosen}/ (Ctrl-C ends it)")
            await ended.wait()
        finally:
            await runner.cleanup()


class Desk:
    """Takes what comes, prints it and answers."""

    def __init__(self, known: Known, status: int, *, as_json: bool) -> None:
        self._known = known
        self._status = status
        self._as_json = as_json
        self._clock = SystemClock()

    async def take(self, request: web.BaseRequest) -> web.Response:
        """One request, of any method and path."""
        body = await request.read()
        now = self._clock.now()
        headers = {name.lower(): text for name, text in request.headers.items()}
        received = Received(headers=headers, body=body, now_s=now // MICROSECONDS)
        found = findings(received, self._known)
        row: dict[str, object] = {
            "time": (EPOCH + timedelta(microseconds=now)).isoformat(timespec="milliseconds"),
            "method": request.method,
            "path": printable(request.path_qs.encode("utf-8", "replace")),
            "id": next((_shown(headers[name]) for name in IDS if name in headers), None),
            "event": _event(body),
            "size": len(body),
        }
        if self._as_json:
            _print_json(row, body, found)
        else:
            _print(row, body, found)
        sys.stdout.flush()
        return web.Response(status=self._status)


def _print_json(row: dict[str, object], body: bytes, found: tuple[Finding, ...]) -> None:
    checks = [
        {
            "scheme": each.scheme,
            "right": each.right,
            "why": each.why,
            "signed": None if each.signed is None else _escaped(each.signed),
            "expected": each.expected,
            "came": each.came,
        }
        for each in found
    ]
    content = body.decode("utf-8", "replace")
    print(msgspec.json.encode({**row, "body": content, "checks": checks}).decode())


def _print(row: dict[str, object], body: bytes, found: tuple[Finding, ...]) -> None:
    verdicts = [f"{each.scheme} {VERDICTS[each.right]}" for each in found]
    cells = ["" if cell is None else str(cell) for cell in row.values()]
    print("\t".join([*cells, ", ".join(verdicts) or "not checked"]))
    if sys.stdout.isatty():
        for line in _pretty(body).splitlines():
            print(f"    {_shown(line)}")
    for each in found:
        if each.why is not None:
            _print_fault(each)


def _print_fault(found: Finding) -> None:
    print(f"  {found.scheme}: {_shown(found.why or '')}")
    if found.signed is not None:
        print(f"    signed    {_escaped(found.signed)}")
    for each in found.expected:
        print(f"    expected  {each}")
    if found.came is not None:
        print(f"    came      {_shown(found.came)}")


def _event(body: bytes) -> str | None:
    """The name of what happened, where the body has a member for it."""
    try:
        content = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
        named = [bytes(content[name]) for name in EVENTS if name in content]
        return _shown(msgspec.json.decode(named[0], type=str)) if named else None
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def _pretty(body: bytes) -> str:
    try:
        return msgspec.json.format(body, indent=2).decode("utf-8", "replace")
    except (msgspec.MsgspecError, RecursionError):
        return body.decode("utf-8", "replace")


def _shown(text: str) -> str:
    return printable(text.encode("utf-8", "replace"))


def _escaped(content: bytes) -> str:
    """The bytes in ASCII, each that is none as its code."""
    return repr(content)[2:-1]
