"""What a merchant may be: the one gate for whatever an operator writes."""

import re
from collections.abc import Iterable, Iterator
from typing import Final
from zoneinfo import ZoneInfo

import msgspec
from msgspec.structs import replace

from counterfoil import connectors, dialects
from counterfoil.config import SettingsError
from counterfoil.core.merchant import Merchant, Pricing
from counterfoil.core.minor import payable
from counterfoil.core.record import Record

LOGIN_MAX: Final = 200  # characters; the width of its column
PAGE_S_MAX: Final = 366 * 86_400  # as an order may ask for itself
NAME_MAX: Final = 200
DAY_S: Final = 86_400
LATER_MAX_S: Final = 400 * DAY_S  # no issuer holds money so long
PERCENT: Final = re.compile(r"([0-9]{1,3})(?:\.([0-9]{1,2}))?", re.ASCII)
WHOLE: Final = 10_000  # basis points: all of it
OTHERWISE: Final = {"id", "wallet_keys"}  # what is never changed, or by a command of its own
SETTABLE: Final = tuple(name for name in Merchant.__struct_fields__ if name not in OTHERWISE)


def changed_by(known: Merchant, assignments: Iterable[str]) -> Merchant:
    """The merchant with those settings; raises `SettingsError` and then nothing has changed."""
    given: dict[str, object] = {}
    for each in assignments:
        name, equals, value = each.partition("=")
        if not equals or name not in SETTABLE:
            names = ", ".join(SETTABLE)
            raise SettingsError(f"{each!r} is not NAME=VALUE with a NAME of: {names}")
        try:
            given[name] = msgspec.json.decode(value)
        except (msgspec.DecodeError, UnicodeEncodeError):
            given[name] = value
    try:
        changed = msgspec.convert(msgspec.to_builtins(known) | given, Merchant)
    except msgspec.ValidationError as error:
        raise SettingsError(str(error)) from error
    for name in strange(given, changed):
        raise SettingsError(f"there is no setting {name}")
    return checked(replace(changed, id=known.id))


def strange(given: object, made: object, path: str = "") -> Iterator[str]:
    """The members of what was given that a record has no place for, each with where it stands."""
    if isinstance(made, Record) and isinstance(given, dict):
        for name, value in given.items():
            if name in made.__struct_fields__:
                yield from strange(value, getattr(made, name), f"{path}{name}.")
            else:
                yield f"{path}{name}"
    elif isinstance(made, tuple) and isinstance(given, list):
        for value, each in zip(given, made, strict=True):
            yield from strange(value, each, path)


def checked(merchant: Merchant) -> Merchant:
    """The merchant; raises `SettingsError` where it could not take a payment as it is."""
    for flaw in flaws(merchant):
        raise SettingsError(flaw)
    return merchant


def flaws(merchant: Merchant) -> Iterator[str]:
    """What is wrong with it, the first thing first."""
    if not _readable(merchant.name):
        yield f"a merchant's name is 1 to {NAME_MAX} characters that can be printed"
    for code in (*merchant.currencies, merchant.currency, merchant.accounting_currency):
        if not payable(code):
            yield f"{code!r} is no currency of ISO 4217 that can be paid in"
    if merchant.currency not in merchant.currencies:
        yield f"currency {merchant.currency} is not among currencies"
    if not _known_zone(merchant.zone):
        yield f"{merchant.zone!r} is no time zone of the IANA data base"
    yield from _times(merchant)
    yield from _pricing(merchant.pricing)
    yield from _terminals(merchant)
    known = [f"{each.name}.{name}" for each in dialects.found() for name in each.settings]
    for name in merchant.settings:
        if name not in known:
            yield f"settings: {name!r} is none of: {', '.join(known)}"


def _times(merchant: Merchant) -> Iterator[str]:
    if not 0 <= (merchant.charge_after_s or 0) <= LATER_MAX_S:
        yield f"charge_after_s is 0 to {LATER_MAX_S} seconds"
    if not 0 <= (merchant.authorization_days or 0) * DAY_S <= LATER_MAX_S:
        yield f"authorization_days are 0 to {LATER_MAX_S // DAY_S}"
    if not 0 < merchant.page_timeout_s <= PAGE_S_MAX:
        yield f"page_timeout_s is 1 to {PAGE_S_MAX} seconds"


def _terminals(merchant: Merchant) -> Iterator[str]:
    if not merchant.terminals:
        yield "a merchant needs at least one terminal"
    known = [connector.name for connector in connectors.found()]
    names: set[str] = set()
    for terminal in merchant.terminals:
        if not _readable(terminal.name):
            yield f"a terminal's name is 1 to {NAME_MAX} characters that can be printed"
        if terminal.name in names:
            yield f"two terminals are called {terminal.name}"
        names.add(terminal.name)
        if terminal.descriptor is not None and not _readable(terminal.descriptor):
            yield f"a descriptor is 1 to {NAME_MAX} characters that can be printed"
        if terminal.connector not in known:
            yield f"connector {terminal.connector!r} is none of: {', '.join(known)}"
        if terminal.pricing is not None:
            yield from _pricing(terminal.pricing)


def _pricing(pricing: Pricing) -> Iterator[str]:
    fee, reserve = pricing.fee_bps, pricing.reserve_bps
    if min(fee, reserve) < 0 or fee + reserve > WHOLE:
        yield "fee and reserve are 0 % to 100 %, also together"


def _known_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ValueError, KeyError, OSError):
        return False
    return True


def _readable(text: str) -> bool:
    return bool(text.strip()) and text.isprintable() and len(text) <= NAME_MAX


def check_login(login: str) -> None:
    """Raise `SettingsError` where callers could not give it by HTTP Basic (RFC 7617, section 2)."""
    if not (login.strip() and login.isprintable() and len(login) <= LOGIN_MAX and ":" not in login):
        raise SettingsError(f"a login is 1 to {LOGIN_MAX} printable characters, none of them ':'")


def basis_points(text: str) -> int:
    """A percentage such as 2.9 in hundredths of a percent; raises `SettingsError`."""
    found = PERCENT.fullmatch(text)
    if found is None:
        raise SettingsError(f"{text!r} is no percentage such as 2.9")
    return int(found.group(1)) * 100 + int((found.group(2) or "").ljust(2, "0"))


def percent(points: int) -> str:
    """Basis points as people write a percentage."""
    return f"{points // 100}.{points % 100:02d} %"
