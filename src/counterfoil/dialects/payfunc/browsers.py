"""The cardholder's browser as a payment describes it; what cannot be is taken as is common."""

import re
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from msgspec.structs import replace

from counterfoil.core.threeds import Browser
from counterfoil.dialects.payfunc.call import Call
from counterfoil.engine import guide

LOCALE: Final = re.compile(r"[A-Za-z0-9-]{1,35}", re.ASCII)
HOST: Final = re.compile(r"[A-Za-z0-9.:\[\]-]{1,253}", re.ASCII)
# Source: specification "payfunc", 3.2, `browser`; the second is the engine's name.
NAMES: Final = {
    "acceptHeader": "browser_accept_header",
    "userAgent": "browser_user_agent",
    "locale": "browser_language",
    "colorDepth": "browser_color_depth",
    "timezone": "browser_timezone",
}


def described(call: Call, given: Mapping[str, object], ip: str | None) -> Browser:
    """The browser; a public key is called with by the browser itself, so that adds what it sends.

    `ip` is where the merchant says that the customer is.
    """
    told = {NAMES[name]: str(given[name]) for name in NAMES if given.get(name) is not None}
    if LOCALE.fullmatch(told.get("browser_language", "")) is None:
        told.pop("browser_language", None)
    if given.get("java") is True:
        told["browser_java_enabled"] = "true"
    match given.get("resolution"):
        case [width, height]:
            told |= {"browser_screen_width": str(width), "browser_screen_height": str(height)}
    own = {} if call.caller.private else _own(call)
    place = given.get("ip") or ip or own.pop("browser_ip", None)
    found = guide.browser(tuple((own | told | {"browser_ip": str(place)}).items()))
    assert found is not None
    script = given.get("javascript") is not False
    return replace(found, ip=_address(place), javascript=script)


def _own(call: Call) -> dict[str, str]:
    """What the caller's own browser sends with every request."""
    exchange = call.exchange
    seen = {
        "browser_user_agent": exchange.header(b"user-agent"),
        "browser_ip": exchange.client,
    }
    return {name: text for name, text in seen.items() if text}


def _address(place: object) -> str | None:
    try:
        return str(ip_address(str(place)))
    except ValueError:
        return None


def origin(text: object) -> str | None:
    """The page that shows a frame, as browsers name it: scheme, host and port; None: it is none."""
    try:
        parts = urlsplit(text if isinstance(text, str) else "")
    except ValueError:
        return None
    if parts.scheme not in {"http", "https"} or HOST.fullmatch(parts.netloc) is None:
        return None
    return f"{parts.scheme}://{parts.netloc}"
