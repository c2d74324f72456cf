"""Lists: filters, dates and pages, as the query string names them."""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from functools import cache
from typing import Final, NamedTuple, TypeVar
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from msgspec.structs import asdict

from counterfoil.core.merchant import Merchant
from counterfoil.core.order import id_at
from counterfoil.core.ports import ID_MAX, OperationQuery, OrderQuery, Span
from counterfoil.dialects.bizon.errors import Flaw, invalid
from counterfoil.dialects.bizon.render import BRANDS, KINDS, OUTCOMES, STATUS

PAGE_MAX: Final = 2000
VALUES_MAX: Final = 100  # values of one filter: each is a walk along an index
SECOND_US: Final = 1_000_000
DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
DATE_TIME: Final = re.compile(r"\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}:\d{2}", re.ASCII)
TOKEN: Final = re.compile(r"([ab])([0-9a-z]{1,13})", re.ASCII)
DIGITS: Final = "0123456789abcdefghijklmnopqrstuvwxyz"
Query = Mapping[str, str]
Ours = TypeVar("Ours")


class Page(NamedTuple):
    """A place in a list: the page before or after an id, and its size."""

    size: int
    before: int | None = None
    after: int | None = None


class Fields:
    """The query string's parameters, read with all their faults."""

    def __init__(self, given: Query, merchant: Merchant) -> None:
        self.given = given
        self.zone = zone(merchant.zone)
        self.flaws: list[Flaw] = []

    def fault(self, name: str, message: str) -> None:
        """Note what is wrong with a parameter."""
        self.flaws.append(Flaw(name, f"{name} {message}"))

    def finish(self) -> None:
        """Raise `Failure` if anything was wrong."""
        if self.flaws:
            raise invalid(self.flaws)

    def values(self, name: str) -> tuple[str, ...]:
        """The comma list of a filter, blanks trimmed; empty where it is not set."""
        found = tuple(
            value for part in self.given.get(name, "").split(",") if (value := part.strip())
        )
        if len(found) > VALUES_MAX:
            self.fault(name, f"may have at most {VALUES_MAX} values")
        return found

    def part(self, name: str) -> str | None:
        """A pattern, whole: commas are part of it."""
        return self.given.get(name) or None

    def instant(self, name: str, *, end: bool = False) -> int | None:
        """A date and time of the project's zone, in microseconds; a bare date is its first second.

        With `end`, the last microsecond of what was named.
        """
        text = self.given.get(name, "").strip()
        if not text:
            return None
        moment = _moment(text, self.zone)
        if moment is None:
            self.fault(name, "must be a date and time such as 2016-01-31 23:59:59")
            return None
        if end and DATE.fullmatch(text):
            moment += timedelta(days=1) - timedelta(seconds=1)
        seconds = round(moment.timestamp())
        return seconds * SECOND_US + (SECOND_US - 1 if end else 0)

    def day(self, name: str) -> str | None:
        """A date, as ISO 8601 text."""
        text = self.given.get(name, "").strip()
        if not text:
            return None
        try:
            if DATE.fullmatch(text):
                return datetime.fromisoformat(text).date().isoformat()
        except ValueError:
            pass
        self.fault(name, "must be a date such as 2016-01-31")
        return None

    def page(self) -> Page:
        """Where in the list, and how much of it."""
        size = PAGE_MAX
        if "per_page" in self.given:
            text = self.given["per_page"]
            if not (text.isascii() and text.isdigit() and 0 < len(text) < 10 and int(text)):  # noqa: PLR2004
                self.fault("per_page", "must be a whole number above zero")
            else:
                size = min(int(text), PAGE_MAX)
        token = self.given.get("page", "")
        if token in {"", "1"}:
            return Page(size)
        found = TOKEN.fullmatch(token)
        place = ID_MAX + 1 if found is None else int(found.group(2), 36)
        if found is None or place > ID_MAX:
            self.fault("page", "must be one that a link names")
            return Page(size)
        return Page(size, after=place) if found.group(1) == "a" else Page(size, before=place)


def _moment(text: str, zone: ZoneInfo) -> datetime | None:
    if not (DATE.fullmatch(text) or DATE_TIME.fullmatch(text)):
        return None
    try:
        return datetime.fromisoformat(text).replace(tzinfo=zone)
    except ValueError:  # the 31st of February
        return None


@cache
def zone(name: str) -> ZoneInfo:
    """A time zone by its IANA name."""
    return ZoneInfo(name)


def span(fields: Fields, merchant: Merchant) -> Span:
    """The page asked for, with one row more to see whether there are more."""
    first, last = fields.instant("created_from"), fields.instant("created_to", end=True)
    page = fields.page()
    return Span(
        merchant=merchant.id,
        limit=page.size + 1,
        before=ID_MAX if page.before is None else page.before,
        after=page.after,
        first=0 if first is None else min(max(0, id_at(first)), ID_MAX),
        last=ID_MAX if last is None else min(max(0, id_at(last + 1)) - 1, ID_MAX),
    )


def order_query(fields: Fields, merchant: Merchant) -> OrderQuery | None:
    """The query behind a list of orders; None where some value is outside its enumeration."""
    standings = named(fields.values("status"), STATUS)
    brands = named(fields.values("card.type"), BRANDS)
    query = OrderQuery(
        **asdict(span(fields, merchant)),
        standings=standings or (),
        brands=brands or (),
        references=fields.values("merchant_order_id"),
        subtypes=fields.values("card.subtype"),
        ips=fields.values("location.ip"),
        bins=fields.values("issuer.bin"),
        issuer_countries=fields.values("issuer.country"),
        issuer_part=fields.part("issuer.title"),
        name_part=fields.part("client.name"),
        email_part=fields.part("client.email"),
    )
    fields.finish()
    return None if standings is None or brands is None else query


def operation_query(fields: Fields, merchant: Merchant) -> OperationQuery | None:
    """The query behind a list of operations."""
    kinds = named(fields.values("type"), KINDS)
    outcomes = named(fields.values("status"), OUTCOMES)
    query = OperationQuery(
        **asdict(span(fields, merchant)),
        kinds=kinds or (),
        outcomes=outcomes or (),
    )
    fields.finish()
    return None if kinds is None or outcomes is None else query


def named(words: Iterable[str], table: Mapping[Ours, str]) -> tuple[Ours, ...] | None:
    """Ours for the wire's words; None where words were given and not one of them is known."""
    wanted = set(words)
    found = tuple(ours for ours, word in table.items() if word in wanted)
    return None if wanted and not found else found


def links(base: str, given: Query, page: Page, ids: list[int], *, more: bool) -> str | None:
    """The Link header of a page (RFC 8288), or None where everything fits on one.

    `ids` are the page's, newest first; `more`: something lies beyond it in the direction it was
    read.
    """
    older = more if page.after is None else page.after is not None
    newer = page.before is not None if page.after is None else more
    if not older and not newer:
        return None
    kept = {name: value for name, value in given.items() if name != "page"}
    found = [(_address(base, kept, None), "first")]
    if newer and ids:
        found.append((_address(base, kept, f"a{base36(ids[0])}"), "prev"))
    if older and ids:
        found.append((_address(base, kept, f"b{base36(ids[-1])}"), "next"))
    return ", ".join(f'<{address}>; rel="{relation}"' for address, relation in found)


def _address(base: str, kept: Query, token: str | None) -> str:
    query = urlencode({**kept, "page": token} if token else kept)
    return f"{base}?{query}" if query else base


def base36(number: int) -> str:
    """The number in digits and small letters."""
    written = ""
    while True:
        number, rest = divmod(number, 36)
        written = DIGITS[rest] + written
        if not number:
            return written
