"""What a browser posts: read, judged, turned into a card. Whatever is wrong is said, all of it.

The card number and check digits become types that mask themselves at once; the plain fields that
held them go no further than this module.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Final
from urllib.parse import parse_qsl

from counterfoil.core.card import Cvv, Pan
from counterfoil.core.merchant import Merchant
from counterfoil.core.pan import expired, parse_pan
from counterfoil.core.record import Record
from counterfoil.engine.orders import NewCard
from counterfoil.exchange import Exchange
from counterfoil.slip.page import FLAWS, PATTERNS
from counterfoil.slip.view import Field, Flaw, Typed

FIELDS_MAX: Final = 50
TEXT_MAX: Final = 200  # characters of any one field that are looked at
CENTURY: Final = 2000
MONTH: Final = re.compile(r"0?[1-9]|1[0-2]", re.ASCII)
YEAR: Final = re.compile(r"[0-9]{2}|[0-9]{4}", re.ASCII)
CVV: Final = re.compile(r"[0-9]{3,4}", re.ASCII)
HOLDER: Final = range(2, 41)
# What 3-D Secure 2 wants to know of a browser, by the names of the Bizon wire. Source: its page
# "Additional capabilities".
BROWSER: Final = (
    "browser_color_depth",
    "browser_java_enabled",
    "browser_language",
    "browser_screen_height",
    "browser_screen_width",
    "browser_timezone",
    "window_height",
    "window_width",
)


class Posted(Record):
    """A form as it was posted; `card` None: there are flaws."""

    name: str
    key: str
    typed: Typed
    card: NewCard | None = None
    flaws: tuple[Flaw, ...] = ()
    wallet: str | None = None
    browser: tuple[tuple[str, str], ...] = ()


async def posted(exchange: Exchange, merchant: Merchant, today: datetime) -> Posted:
    """The form in a request; raises `TooLargeError`, `CutShortError`, `ValueError` for no form."""
    text = (await exchange.body()).decode("utf-8", "replace")
    pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=FIELDS_MAX)
    return read(dict(pairs), exchange, merchant, today)


def read(
    sent: Mapping[str, str], exchange: Exchange, merchant: Merchant, today: datetime
) -> Posted:
    """A form by its fields."""
    given = {name: value.strip()[:TEXT_MAX] for name, value in sent.items()}
    flaws: dict[Field, str] = {}
    month, year = _expiry(given, flaws, today)
    pan, cvv = _pan(given, flaws), _cvv(given, flaws, required=merchant.cvv_required)
    holder = _holder(given, flaws, required=merchant.holder_required)
    wallet = given.get("wallet")
    card = None
    if pan is not None and not flaws:
        card = NewCard(pan=pan, cvv=cvv, holder=holder, month=month, year=year)
    return Posted(
        name=given.get("form", ""),
        key=given.get("key", ""),
        typed=Typed(
            holder=given.get(Field.HOLDER, ""),
            month=given.get(Field.MONTH, "")[:2],
            year=given.get(Field.YEAR, "")[:4],
            way=given.get("method", ""),
            bank=given.get("bank", ""),
            purse=given.get("purse", ""),
            vpa=given.get(Field.VPA, ""),
            email=given.get(Field.EMAIL, ""),
            contact=given.get(Field.CONTACT, "").replace(" ", "").replace("-", ""),
        ),
        card=card,
        flaws=() if wallet else tuple(Flaw(field=field, message=flaws[field]) for field in flaws),
        wallet=wallet,
        browser=_browser(exchange, given),
    )


def payer_flaws(typed: Typed, *, vpa: bool) -> tuple[Flaw, ...]:
    """What is wrong with what was typed of a payer; `vpa`: an UPI address is wanted too."""
    asked = {Field.EMAIL: typed.email, Field.CONTACT: typed.contact}
    if vpa:
        asked = {Field.VPA: typed.vpa, **asked}
    return tuple(
        Flaw(field=field, message=FLAWS[field.value])
        for field, text in asked.items()
        if re.fullmatch(PATTERNS[field], text, re.ASCII) is None
    )


def _pan(given: Mapping[str, str], flaws: dict[Field, str]) -> Pan | None:
    written = given.get(Field.PAN, "")
    pan = parse_pan(written)
    if pan is None:
        flaws[Field.PAN] = FLAWS["pan_wrong" if written else "pan"]
    return pan


def _expiry(given: Mapping[str, str], flaws: dict[Field, str], today: datetime) -> tuple[int, int]:
    month, year = given.get(Field.MONTH, ""), given.get(Field.YEAR, "")
    if MONTH.fullmatch(month) is None:
        flaws[Field.MONTH] = FLAWS["month"]
    if YEAR.fullmatch(year) is None:
        flaws[Field.YEAR] = FLAWS["year"]
    if Field.MONTH in flaws or Field.YEAR in flaws:
        return 0, 0
    whole = int(year) if int(year) >= CENTURY else CENTURY + int(year) % 100
    if expired(int(month), whole, today):
        flaws[Field.YEAR] = FLAWS["expired"]
    return int(month), whole


def _cvv(given: Mapping[str, str], flaws: dict[Field, str], *, required: bool) -> Cvv | None:
    written = given.get(Field.CVV, "")
    if not written and not required:
        return None
    if CVV.fullmatch(written) is None:
        flaws[Field.CVV] = FLAWS["cvv"]
        return None
    return Cvv(written)


def _holder(given: Mapping[str, str], flaws: dict[Field, str], *, required: bool) -> str | None:
    written = given.get(Field.HOLDER, "")
    if not written and not required:
        return None
    if len(written) not in HOLDER or not written.isprintable():
        flaws[Field.HOLDER] = FLAWS["holder"]
    return written


def _browser(exchange: Exchange, given: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """The browser's details; empty where no script ran that could tell them."""
    told = [(name, given[name]) for name in BROWSER if given.get(name)]
    if not told:
        return ()
    heard = (
        ("browser_accept_header", exchange.header(b"accept")),
        ("browser_ip", exchange.client),
        ("browser_user_agent", exchange.header(b"user-agent")),
    )
    return (*told, *[(name, value) for name, value in heard if value])
