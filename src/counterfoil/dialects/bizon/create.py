"""POST /orders/create: what a merchant says of an order's payment page."""

import re
from typing import Final

import msgspec
from msgspec.structs import replace

from counterfoil.core.merchant import Merchant
from counterfoil.core.session import Session
from counterfoil.dialects.bizon import schema
from counterfoil.dialects.bizon.call import Call
from counterfoil.dialects.bizon.reading import Reader
from counterfoil.engine.pages import path_of
from counterfoil.engine.perform import Done

SECOND_US: Final = 1_000_000
TIMEOUT: Final = re.compile(r"([0-9]{1,9})([smhd]?)", re.ASCII)
UNITS_S: Final = {"s": 1, "m": 60, "": 60, "h": 3600, "d": 86_400}
TIMEOUT_S_MAX: Final = 366 * 86_400  # longer than any offer stands
LANGUAGE_MAX: Final = 35  # the longest tag that RFC 5646 asks software to take
TEMPLATE_MAX: Final = 64
RETRIES: Final = 3  # payments on one page where the project lets a customer try again


async def opened(call: Call) -> tuple[Done, str]:
    """The order, and its page's address."""
    reader = await call.read()
    draft = schema.draft(reader, call.merchant)
    page, expires = session(reader, call.merchant, call.gateway.clock.now())
    draft = replace(draft, session=page, expires=expires, facts=extra(reader))
    reader.finish()
    made = await call.gateway.orders.create(call.merchant, draft, call.once())
    base = call.gateway.checkout or call.gateway.base or call.exchange.base
    return made, base + path_of(call.gateway.orders.engine.vault, made.order)


def session(reader: Reader, merchant: Merchant, now: int) -> tuple[Session, int | None]:
    """The page's options, and when it expires. Look at the reader's flaws before use."""
    options = reader.inner("options")
    shared = options.flag("static_link") or False
    if shared and "bizon.static_link" not in merchant.settings:
        options.fault("static_link", "is not enabled for the project")
    timeout_s = _timeout_s(options) or merchant.page_timeout_s
    expires = None if shared else now + timeout_s * SECOND_US
    return Session(
        tries=RETRIES if "bizon.page_retry" in merchant.settings else 1,
        return_url=options.address("return_url"),
        language=options.text("language", LANGUAGE_MAX) or None,
        template=options.text("template", TEMPLATE_MAX) or None,
        mobile=options.flag("mobile") or False,
        terminal=options.scalar("terminal") or None,
        auto_charge=options.flag("auto_charge") or False,
        force3d=options.flag("force3d"),
        secure3d_return_url=options.address("secure3d20_return_url"),
        exempt=options.flag("exemption_mit") or False,
        recurring=options.flag("recurring") or False,
        apple_pay=_wallet(options, merchant, "apple_pay"),
        google_pay=_wallet(options, merchant, "google_pay"),
        shared=shared,
    ), expires


def _wallet(options: Reader, merchant: Merchant, wallet: str) -> bool:
    """Whether the button is shown: the flag counts only where the project has it switched off."""
    wanted = options.flag(f"{wallet}_enabled") or False
    return wanted or f"bizon.{wallet}" in merchant.settings


def _timeout_s(options: Reader) -> int | None:
    """Seconds, from `30m` and its like; a bare number is minutes."""
    written = options.scalar("expiration_timeout")
    if not written:
        return None
    found = TIMEOUT.fullmatch(written)
    seconds = int(found.group(1)) * UNITS_S[found.group(2)] if found else 0
    if not 0 < seconds <= TIMEOUT_S_MAX:
        options.fault(
            "expiration_timeout", "must be a time such as 90s, 30m, 12h or 7d, 366d at most"
        )
        return None
    return seconds


def extra(reader: Reader) -> str | None:
    """What `extra_fields` says besides the descriptor, as JSON: kept, and given to nobody yet."""
    fields = reader.inner("extra_fields")
    attributes, oneclick = fields.inner("attributes"), fields.inner("oneclick")
    known = {
        "invoice_id": attributes.text("invoice_id") or fields.text("invoice_id"),
        "customer_id": oneclick.text("customer_id"),
        "prechecked": oneclick.flag("prechecked"),
    }
    said = {name: value for name, value in known.items() if value is not None}
    return msgspec.json.encode(said).decode() if said else None
