"""Requests: the members of each call as the document names them."""

import re
from functools import lru_cache
from ipaddress import ip_address
from typing import Final

from counterfoil.core.card import Cvv, Pan
from counterfoil.core.errors import Refused
from counterfoil.core.merchant import Merchant
from counterfoil.core.minor import payable
from counterfoil.core.money import Money
from counterfoil.core.order import Client, Location, Recurring, Secure3d
from counterfoil.core.pan import expired, parse_pan
from counterfoil.core.ports import Clock
from counterfoil.dialects.bizon.errors import Flaw
from counterfoil.dialects.bizon.reading import TEXT_MAX, Reader
from counterfoil.engine.orders import Draft, NewCard

SEGMENT_MAX: Final = 64
CUSTOM_FIELDS_MAX: Final = 10
HOLDER: Final = range(2, 41)
DESCRIPTOR_MERCHANT_MAX: Final = 22
DESCRIPTOR_MAX: Final = 37
MONTHS: Final = {written: int(written) for n in range(1, 13) for written in (f"{n}", f"{n:02d}")}
CVV: Final = re.compile(r"[0-9]{3,4}", re.ASCII)
YEAR: Final = re.compile(r"[0-9]{4}", re.ASCII)
COUNTRY: Final = re.compile(r"[A-Z]{2}", re.ASCII)


def money(reader: Reader, written: str | None, currency: str | None) -> Money | None:
    """The amount in its currency, where both could be read."""
    if written is None or currency is None:
        return None
    shortest = written.lstrip("0")
    try:
        return Money.parse(shortest if shortest[0] != "." else "0" + shortest, currency)
    except Refused:
        reader.fault("amount", "has more decimals than its currency")
        return None


def currency(reader: Reader, default: str) -> str | None:
    """A currency of ISO 4217 that orders can be in; whether it is enabled is decided later."""
    code = reader.scalar("currency")
    if not code:
        return default
    if not payable(code):
        reader.fault("currency", "must be a currency code of ISO 4217")
        return None
    return code


def draft(reader: Reader, merchant: Merchant, *, default_currency: str | None = None) -> Draft:
    """What every call that makes an order may say of it. Look at the reader's flaws before use."""
    written = reader.amount()
    code = currency(reader, default_currency or merchant.currency)
    amount = money(reader, written, code)
    options = reader.block("options")
    terminal, auto_charge, first = (
        (None, False, False) if options is None else _options(options, merchant)
    )
    extra = reader.block("extra_fields")
    return Draft(
        amount=amount or Money(minor=0, currency=code or merchant.currency),
        reference=reader.text("merchant_order_id"),
        description=reader.text("description"),
        descriptor=None if extra is None else _descriptor(extra),
        segment=reader.text("segment", SEGMENT_MAX),
        client=client(reader.block("client")),
        location=location(reader.block("location")),
        custom=custom_fields(reader),
        terminal=terminal,
        auto_charge=auto_charge,
        secure3d=secure3d(reader.block("secure3d")),
        recurring=recurring(reader.block("recurring_details"), first=first),
    )


def _options(options: Reader, merchant: Merchant) -> tuple[str | None, bool, bool]:
    """Terminal, automatic charge, first of a series; the others are checked."""
    terminal = options.scalar("terminal") or None
    if terminal is not None and all(terminal != known.name for known in merchant.terminals):
        options.fault("terminal", "is unknown")
    options.flag("exemption_mit")
    options.address("return_url")
    options.address("secure3d20_return_url")
    options.flag("force3d")
    auto_charge, first = options.flag("auto_charge"), options.flag("recurring")
    return terminal, auto_charge or False, first or False


def _descriptor(extra: Reader) -> str | None:
    """What the statement is to show instead of the terminal's own descriptor."""
    given = extra.block("dynamic_descriptor")
    if given is None:
        return None
    merchant, city = given.scalar("merchant") or "", given.scalar("city") or ""
    country = given.scalar("country")
    if (
        len(merchant) > DESCRIPTOR_MERCHANT_MAX
        or len(merchant) + len(city) > DESCRIPTOR_MAX
        or (country is not None and COUNTRY.fullmatch(country) is None)
    ):
        extra.fault(
            "dynamic_descriptor",
            f"may have a merchant of {DESCRIPTOR_MERCHANT_MAX} characters, {DESCRIPTOR_MAX} "
            "with its city, and an alpha-2 country",
        )
        return None
    return " ".join(part for part in (merchant, city, country) if part) if merchant else None


def client(reader: Reader | None) -> Client | None:
    """The customer as described."""
    if reader is None:
        return None
    return Client(**{name: reader.text(name) for name in Client.__struct_fields__})


def location(reader: Reader | None) -> Location | None:
    """Where the customer is."""
    if reader is None:
        return None
    ip = reader.text("ip") or None
    if ip is not None and not is_address(ip):
        reader.fault("ip", "must be an IPv4 or IPv6 address")
    return Location(ip=ip)


@lru_cache(maxsize=4096)
def is_address(text: str) -> bool:
    """Whether the text is an IP address."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def custom_fields(reader: Reader) -> tuple[tuple[str, str], ...]:
    """Up to ten members of the merchant's own."""
    inner = reader.block("custom_fields")
    if inner is None:
        return ()
    if len(inner.given) > CUSTOM_FIELDS_MAX:
        reader.fault("custom_fields", f"may have at most {CUSTOM_FIELDS_MAX} members")
        return ()
    found: list[tuple[str, str]] = []
    for name in sorted(inner.given):
        found_before = len(inner.flaws)
        value = inner.scalar(name)
        if len(inner.flaws) > found_before:
            inner.flaws[found_before:] = []  # the member's name is the client's own: not repeated
            reader.fault("custom_fields", "values must be text")
        if value is None:
            continue
        if len(value) > TEXT_MAX or len(name) > TEXT_MAX:
            reader.fault("custom_fields", f"values may have at most {TEXT_MAX} characters")
        found.append((name, value))
    return tuple(found)


def secure3d(reader: Reader | None) -> Secure3d | None:
    """An authentication that the merchant had made elsewhere."""
    if reader is None:
        return None
    values = {name: reader.text(name) for name in ("xid", "cavv", "eci", "ds_trans_id")}
    if not any(values.values()):
        return None
    eci = values.pop("eci")
    return Secure3d(reason="external", eci=eci and (eci.lstrip("0") or "0"), **values)


def recurring(reader: Reader | None, *, first: bool) -> Recurring | None:
    """How the payment belongs to a series."""
    if reader is None:
        return Recurring(first=True) if first else None
    parent = reader.text("parent_order_id")
    trace_id, indicator = reader.text("trace_id"), reader.text("indicator")
    if not (first or parent or trace_id or indicator):
        return None
    return Recurring(first=first, parent=parent, trace_id=trace_id, indicator=indicator)


def new_card(reader: Reader, merchant: Merchant, clock: Clock) -> NewCard | None:
    """The card of an authorization, all of it required as far as the project says."""
    pan = card_number(reader)
    card = reader.inner("card")
    if merchant.cvv_required:
        card.required("cvv")
    if merchant.holder_required:
        card.required("holder")
    has_month, has_year = card.required("expiration_month"), card.required("expiration_year")
    month, year = _expiry(card, clock) if has_month and has_year else (0, 0)
    holder, cvv = _holder(card), check_digits(card)
    if pan is None:
        return None
    return NewCard(pan=pan, cvv=cvv, holder=holder, month=month, year=year)


def credit_card(reader: Reader, clock: Clock) -> NewCard | None:
    """The card of a credit: its number, and what else happens to be given."""
    pan = card_number(reader)
    card = reader.inner("card")
    dated = card.given.get("expiration_month") and card.given.get("expiration_year")
    month, year = _expiry(card, clock) if dated else (0, 0)
    holder = _holder(card)
    return None if pan is None else NewCard(pan=pan, holder=holder, month=month, year=year)


def card_number(reader: Reader) -> Pan | None:
    """The card number, its check digit right. The message never repeats it."""
    if not reader.required("pan"):
        return None
    written = reader.quietly("pan")
    pan = None if written is None else parse_pan(written)
    if pan is None:
        reader.fault("pan", "is not a valid card number")
    return pan


def check_digits(reader: Reader) -> Cvv | None:
    """Three or four digits, where given."""
    value = reader.scalar("cvv")
    if value is None or value == "":
        return None
    if CVV.fullmatch(value) is None:
        reader.fault("cvv", "must be three or four digits")
        return None
    return Cvv(value)


def _holder(card: Reader) -> str | None:
    holder = card.scalar("holder")
    if holder and len(holder) not in HOLDER:
        card.fault("holder", f"must have {HOLDER.start} to {HOLDER.stop - 1} characters")
    return holder or None


def _expiry(card: Reader, clock: Clock) -> tuple[int, int]:
    month, year = card.quietly("expiration_month") or "", card.quietly("expiration_year") or ""
    month_number = MONTHS.get(month)
    good_year = YEAR.fullmatch(year) is not None
    if month_number is None:
        card.fault("expiration_month", "must be a month from 1 to 12")
    if not good_year:
        card.fault("expiration_year", "must be a year of four digits")
    if month_number is None or not good_year:
        return 0, 0
    if expired(month_number, int(year), clock.today()):
        card.flaws.append(Flaw("card.expiration_year", "card has expired"))
    return month_number, int(year)
