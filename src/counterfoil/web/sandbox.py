"""The clock of a sandbox deployment over HTTP, so that a test of two days takes milliseconds."""

from collections.abc import Awaitable, Callable
from typing import Final

import msgspec

from counterfoil.config import SettingsError
from counterfoil.core.record import Record
from counterfoil.exchange import CutShortError, Exchange, Handler, Reply, TooLargeError

PATH: Final = "/sandbox/clock"


class Advance(Record, forbid_unknown_fields=True):
    """What is asked: a duration such as 90, 30m, 48h or 2d."""

    advance: str


def clock(now: Callable[[], str], advance: Callable[[str], Awaitable[None]]) -> Handler:
    """`GET` gives the time; `POST {"advance": "48h"}` moves it, and answers when all that is done.

    `advance` moves the clock by such a text, with everything that falls due on the way; it raises
    `SettingsError`.
    """

    async def run(exchange: Exchange) -> Reply:
        if exchange.path != PATH:
            return _said(404, "Not found")
        if exchange.method == "POST":
            try:
                asked = msgspec.json.decode(await exchange.body(), type=Advance)
                await advance(asked.advance)
            except (msgspec.DecodeError, CutShortError, TooLargeError):
                return _said(422, 'send {"advance": "48h"}')
            except SettingsError as error:
                return _said(422, str(error))
        elif exchange.method not in {"GET", "HEAD"}:
            return _said(405, "Method not allowed", Allow="GET, HEAD, POST")
        return Reply(200, msgspec.json.encode({"now": now()}))

    return run


def _said(status: int, message: str, **headers: str) -> Reply:
    return Reply(status, msgspec.json.encode({"message": message}), headers)
