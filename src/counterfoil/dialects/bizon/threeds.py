"""3-D Secure as it is asked for on this wire: when an order demands it, and its completion."""

import re
from typing import Final

from counterfoil.core.threeds import Browser, Demand
from counterfoil.dialects.bizon.call import Call
from counterfoil.dialects.bizon.reading import Reader
from counterfoil.dialects.bizon.schema import is_address
from counterfoil.engine.authenticate import (
    Answer,
    ChallengeAnswer,
    PayerAnswer,
    complete,
    resume,
)
from counterfoil.engine.orders import Draft
from counterfoil.engine.perform import Done

MESSAGE_MAX: Final = 65_536  # characters of a PaRes or CRes; honest ones have a few thousand
HEADER_MAX: Final = 2048
DEFAULT_LANGUAGE: Final = "en"
LANGUAGE: Final = re.compile(r"[A-Za-z0-9-]{1,35}", re.ASCII)  # RFC 5646, section 4.4.1
WHOLE: Final = re.compile(r"-?[0-9]{1,6}", re.ASCII)
DEPTHS: Final = range(1, 49)
PIXELS: Final = range(100_000)
MINUTES: Final = range(-14 * 60, 14 * 60 + 1)


def demand(reader: Reader, draft: Draft, call: Call) -> Demand | None:
    """What the order demands of 3-D Secure; None: nothing.

    The merchant's own result and its exemption go first, then what the caller says, then the
    project's rule.
    """
    options = reader.block("options")
    said = None if options is None else options.flag("force3d")
    if not (call.merchant.secure3d if said is None else said):
        return None
    options = reader.inner("options")
    if draft.secure3d is not None or options.flag("exemption_mit"):
        return None
    return Demand(
        reason="force3d" if said else "settings",
        base=call.gateway.base or call.exchange.base,
        browser=_browser(reader.inner("secure3d").block("browser_details"), draft),
        return_url=options.address("return_url"),
        notify_url=options.address("secure3d20_return_url"),
    )


def _browser(details: Reader | None, draft: Draft) -> Browser | None:
    """The cardholder's browser; what is not said of it is taken as commonly is."""
    if details is None:
        return None
    place = draft.location
    return Browser(
        accept=_line(details, "browser_accept_header", "*/*"),
        language=_language(details),
        user_agent=_line(details, "browser_user_agent", "unknown"),
        ip=_address(details) or (place.ip if place else None),
        java=details.flag("browser_java_enabled") or False,
        color_depth=_whole(details, "browser_color_depth", DEPTHS, 24),
        height=_whole(details, "browser_screen_height", PIXELS, 0),
        width=_whole(details, "browser_screen_width", PIXELS, 0),
        timezone=_whole(details, "browser_timezone", MINUTES, 0),
    )


def _line(details: Reader, name: str, default: str) -> str:
    written = details.text(name, HEADER_MAX) or default
    if not written.isprintable():
        details.fault(name, "must be one line of text")
        return default
    return written


def _language(details: Reader) -> str:
    """The first language of a list as browsers send it."""
    written = details.text("browser_language", HEADER_MAX) or DEFAULT_LANGUAGE
    first = re.split("[,;]", written)[0].strip().replace("_", "-")
    if LANGUAGE.fullmatch(first) is None:
        details.fault("browser_language", "must be a language tag")
        return DEFAULT_LANGUAGE
    return first


def _address(details: Reader) -> str | None:
    written = details.text("browser_ip") or None
    if written is not None and not is_address(written):
        details.fault("browser_ip", "must be an IPv4 or IPv6 address")
        return None
    return written


def _whole(details: Reader, name: str, allowed: range, default: int) -> int:
    written = details.scalar(name)
    if not written:
        return default
    if WHOLE.fullmatch(written) is None or int(written) not in allowed:
        details.fault(name, f"must be a whole number from {allowed.start} to {allowed.stop - 1}")
        return default
    return int(written)


async def finish_first(call: Call) -> Done:
    """POST /orders/:id/complete: a PaRes."""
    reader = await call.read()
    number = call.order()
    reader.required("PaRes")
    text = reader.text("PaRes", MESSAGE_MAX)
    reader.finish(number)
    return await _completed(call, number, PayerAnswer(text=text or ""))


async def finish_second(call: Call) -> Done:
    """POST /orders/:id/complete3d20: perhaps a CRes; the result on file counts."""
    reader = await call.read(empty=True)
    number = call.order()
    text = reader.text("cres", MESSAGE_MAX)
    reader.finish(number)
    return await _completed(call, number, ChallengeAnswer(text=text or None))


async def go_on(call: Call) -> Done:
    """POST /orders/:id/resume: after the method step."""
    await call.read(empty=True)
    number, once, orders = call.order(), call.once(), call.gateway.orders

    async def act() -> Done:
        return await resume(orders.engine, call.merchant, number, once)

    return await orders.once(call.merchant, once, act)


async def _completed(call: Call, number: int, answer: Answer) -> Done:
    once, orders = call.once(), call.gateway.orders

    async def act() -> Done:
        return await complete(orders.engine, call.merchant, number, answer, once)

    return await orders.once(call.merchant, once, act)
