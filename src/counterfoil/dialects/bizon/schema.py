"""Requests: the members of each call as the document names them, read with all their faults.

A reader takes one member out of an object, notes what is wrong with it and goes on, so that all
faults of a request are answered together. Numbers keep their literal text (`Literal`): an amount
never passes through a binary float. `null` means absent; members that nobody named are ignored.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

import msgspec

from counterfoil.core.card import Cvv, Pan, expired, parse_pan
from counterfoil.core.errors import Refused
from counterfoil.core.merchant import Merchant
from counterfoil.core.money import Money, payable
from counterfoil.core.order import Client, Location, Recurring, Secure3d
from counterfoil.core.ports import Clock
from counterfoil.dialects.bizon.errors import Flaw, invalid
from counterfoil.engine.orders import Draft, NewCard

TEXT_MAX: Final = 255
SEGMENT_MAX: Final = 64
CUSTOM_FIELDS_MAX: Final = 10
HOLDER: Final = range(2, 41)
DESCRIPTOR_MERCHANT_MAX: Final = 22
DESCRIPTOR_MAX: Final = 37
MONTHS: Final = range(1, 13)
AMOUNT: Final = re.compile(r"[0-9]{1,12}(\.[0-9]{1,2})?", re.ASCII)
CVV: Final = re.compile(r"[0-9]{3,4}", re.ASCII)
YEAR: Final = re.compile(r"[0-9]{4}", re.ASCII)
MONTH: Final = re.compile(r"[0-9]{1,2}", re.ASCII)
COUNTRY: Final = re.compile(r"[A-Z]{2}", re.ASCII)
FLAGS: Final[Mapping[object, bool]] = {
    "0": False,
    "1": True,
    "false": False,
    "true": True,
}
MEMBER: Final = re.compile(rb'"(?:[^"\\]|\\.)*"\s*(:)?')


class Literal(str):
    """A JSON number with a point or exponent, as it was written."""

    __slots__ = ()


Given = Mapping[str, object]
_decode: Final = msgspec.json.Decoder(float_hook=Literal).decode


def read_body(body: bytes, *, empty: bool = False) -> Given:
    """The members of a request's body; raises `Failure` where it is not a JSON object.

    `empty`: this call may come without one. Two members of one name are a fault: which one counts
    is not for us to choose where money moves (RFC 8259, section 4).
    """
    if empty and not body.strip():
        return {}
    try:
        given = _decode(body)
    except (ValueError, RecursionError):
        raise invalid([Flaw("body", "body must be JSON")]) from None
    if not isinstance(given, dict):
        raise invalid([Flaw("body", "body must be a JSON object")])
    kept = _members(given)
    # As many colons as members: none was dropped. Else some stand in texts, and we look closer.
    if body.count(b":") != kept and sum(map(bool, MEMBER.findall(body))) != kept:
        raise invalid([Flaw("body", "body must not name a member twice")])
    return given


def _members(value: object) -> int:
    """How many members the decoder kept; where more were written, one was named twice."""
    if isinstance(value, dict):
        return len(value) + sum(map(_members, value.values()))
    if isinstance(value, list):
        return sum(map(_members, value))
    return 0


class Reader:
    """An object's members, read one by one; `flaws` is shared by the readers of inner objects."""

    def __init__(self, given: Given, path: str = "", flaws: list[Flaw] | None = None) -> None:
        self.given = given
        self.path = path
        self.flaws: list[Flaw] = [] if flaws is None else flaws

    def fault(self, name: str, message: str) -> None:
        """Note what is wrong with a member; the message continues its path."""
        self.flaws.append(Flaw(self.path + name, f"{self.path}{name} {message}"))

    def finish(self, order: int | None = None) -> None:
        """Raise `Failure` if anything was wrong."""
        if self.flaws:
            raise invalid(self.flaws, order)

    def inner(self, name: str) -> "Reader":
        """The reader of an object inside this one; of an empty one where it is absent."""
        given = self.given.get(name)
        if given is None or given == []:  # some clients write an empty object as an empty list
            return Reader({}, f"{self.path}{name}.", self.flaws)
        if not isinstance(given, dict):
            self.fault(name, "must be an object")
            return Reader({}, f"{self.path}{name}.", [])  # what is missing inside is no news
        return Reader(given, f"{self.path}{name}.", self.flaws)

    def block(self, name: str) -> "Reader | None":
        """The reader of an optional object inside this one, or None."""
        return self.inner(name) if self.given.get(name) else None

    def scalar(self, name: str) -> str | None:
        """A member as text; numbers as their decimal text."""
        if self.given.get(name) is None:
            return None
        value = self.quietly(name)
        if value is None:
            self.fault(name, "must be text")
        return value

    def quietly(self, name: str) -> str | None:
        """A member as text, or None where it is none; the caller says what is wrong with that."""
        value = self.given.get(name)
        if isinstance(value, str) and "\0" not in value:
            return value
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        return None

    def text(self, name: str, longest: int = TEXT_MAX) -> str | None:
        """A text of so many characters at most."""
        if self.given.get(name) is None:
            return None
        value = self.scalar(name)
        if value is not None and len(value) > longest:
            self.fault(name, f"may have at most {longest} characters")
            return None
        return value

    def required(self, name: str) -> bool:
        """Whether the member is there; if not, that is noted."""
        if self.given.get(name) is not None and self.given.get(name) != "":
            return True
        self.fault(name, "is required")
        return False

    def flag(self, name: str) -> bool | None:
        """A flag in any of its forms: 0, 1, true, false, and the same as text."""
        value = self.given.get(name)
        if value is None or value == "":
            return None
        found = FLAGS.get(str(value).lower())
        if found is None:
            self.fault(name, "must be 0 or 1")
        return found

    def address(self, name: str) -> str | None:
        """An absolute http or https address."""
        value = self.text(name, 2048)
        if not value:
            return None
        try:
            parts = urlsplit(value)
            good = parts.scheme in {"http", "https"} and bool(parts.hostname)
        except ValueError:
            good = False
        if not good:
            self.fault(name, "must be an absolute http or https address")
            return None
        return value

    def amount(self, name: str = "amount", *, required: bool = True) -> str | None:
        """An amount's decimal text, above zero; what its currency makes of it comes later."""
        if self.given.get(name) is None and not required:
            return None
        if not self.required(name):
            return None
        value = self.given[name]
        number = isinstance(value, int | str) and not isinstance(value, bool)
        written = str(value) if number else ""
        if AMOUNT.fullmatch(written) is None or not written.strip("0."):
            self.fault(
                name,
                "must be a number above zero, with at most two decimals "
                "and twelve digits before them",
            )
            return None
        return written


def money(reader: Reader, written: str | None, currency: str | None) -> Money | None:
    """The amount in its currency, where both could be read."""
    if written is None or currency is None:
        return None
    whole, _, fraction = written.partition(".")
    try:
        return Money.parse(f"{int(whole)}.{fraction}" if fraction else str(int(whole)), currency)
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
    if (extra := reader.block("extra_fields")) is not None:
        _descriptor(extra)
    return Draft(
        amount=amount or Money(minor=0, currency=code or merchant.currency),
        reference=reader.text("merchant_order_id"),
        description=reader.text("description"),
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
    if options.flag("force3d"):
        options.flaws.append(Flaw("options.force3d", "3-D Secure is not available"))
    auto_charge, first = options.flag("auto_charge"), options.flag("recurring")
    return terminal, auto_charge or False, first or False


def _descriptor(extra: Reader) -> None:
    """Check the dynamic descriptor's limits; the statement shows the terminal's own."""
    given = extra.block("dynamic_descriptor")
    if given is None:
        return
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
    good_month = MONTH.fullmatch(month) is not None and int(month) in MONTHS
    good_year = YEAR.fullmatch(year) is not None
    if not good_month:
        card.fault("expiration_month", "must be a month from 1 to 12")
    if not good_year:
        card.fault("expiration_year", "must be a year of four digits")
    if not (good_month and good_year):
        return 0, 0
    if expired(int(month), int(year), clock.today()):
        card.flaws.append(Flaw("card.expiration_year", "card has expired"))
    return int(month), int(year)
