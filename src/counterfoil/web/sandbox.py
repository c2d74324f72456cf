"""What only a sandbox deployment has over HTTP: its clock, and an order that anybody may pay.

The clock can be moved, so that a test of two days takes milliseconds.
"""

from collections.abc import Awaitable, Callable
from typing import Final

import msgspec

from counterfoil.config import SettingsError
from counterfoil.core.record import Record
from counterfoil.exchange import CutShortError, Exchange, Handler, Reply, TooLargeError

CLOCK: Final = "/sandbox/clock"
CHECKOUT: Final = "/sandbox/checkout"


class Advance(Record, forbid_unknown_fields=True):
    """What is asked: a duration such as 90, 30m, 48h or 2d."""

    advance: str


def serve(
    now: Callable[[], str],
    advance: Callable[[str], Awaitable[None]],
    order: Callable[[], Awaitable[str]],
) -> Handler:
    """`/sandbox/clock`: `GET` gives the time; `POST {"advance": "48h"}` moves it.

    It answers when everything that falls due on the way is done. `advance` moves the clock by such
    a text, and raises `SettingsError`. `GET /sandbox/checkout` leads to the page of a new `order`.
    """

    async def run(exchange: Exchange) -> Reply:
        if exchange.path == CHECKOUT and exchange.method == "GET":
            return Reply(303, b"", {"Location": await order(), "Cache-Control": "no-store"})
        if exchange.path != CLOCK:
            return _said(404, "Not found")
        if exchange.method == "POST":
            return await moved(exchange)
        if exchange.method not in {"GET", "HEAD"}:
            return _said(405, "Method not allowed", Allow="GET, HEAD, POST")
        return Reply(200, msgspec.json.encode({"now": now()}))

    async def moved(exchange: Exchange) -> Reply:
        try:
            asked = msgspec.json.decode(await exchange.body(), type=Advance)
            await advance(asked.advance)
        except (msgspec.DecodeError, CutShortError, TooLargeError):
            return _said(422, 'send {"advance": "48h"}')
        except SettingsError as error:
            return _said(422, str(error))
        return Reply(200, msgspec.json.encode({"now": now()}))

    return run


def _said(status: int, message: str, **headers: str) -> Reply:
    return Reply(status, msgspec.json.encode({"message": message}), headers)
