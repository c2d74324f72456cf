"""What a page says in each language, and how amounts and dates are written there.

The English text is the message's name. Catalogues are gettext's (`locale/*.po`), read once, without
a step that compiles them. `mark` names a text that is said later, so that tools find it.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_datetime, get_timezone_name
from babel.messages.pofile import read_po
from babel.numbers import format_currency

from counterfoil.core.minor import digits
from counterfoil.core.money import Money

LANGUAGES: Final[Mapping[str, str]] = {
    "en": "English",
    "de": "Deutsch",
    "fr": "Français",
    "es": "Español",
    "it": "Italiano",
    "pt": "Português",
    "nl": "Nederlands",
    "pl": "Polski",
    "uk": "Українська",
    "ru": "Русский",
    "tr": "Türkçe",
    "ar": "العربية",
    "hi": "हिन्दी",
    "ja": "日本語",
    "zh": "中文",
}
DEFAULT: Final = "en"
FOLDER: Final = Path(__file__).with_name("locale")
UNIX: Final = datetime(1970, 1, 1, tzinfo=UTC)
ACCEPTED_MAX: Final = 20  # languages of a browser's header that are looked at


def mark(text: str) -> str:
    """The text, which is a message."""
    return text


class Words(NamedTuple):
    """A language: its name, its messages, its ways of writing."""

    language: str
    messages: Mapping[str, str]
    locale: Locale

    @property
    def direction(self) -> str:
        """`ltr` or `rtl`."""
        return self.locale.text_direction

    def say(self, text: str, **values: str) -> str:
        """The message in this language, its placeholders filled in."""
        return self.messages.get(text, text).format(**values)

    def money(self, amount: Money) -> str:
        """An amount as people write it there."""
        value = Decimal(amount.minor).scaleb(-digits(amount.currency))
        return format_currency(value, amount.currency, locale=self.locale)

    def instant(self, instant: int, zone: str) -> str:
        """An instant (microseconds since 1970 UTC) in a time zone, with the zone's name."""
        there = (UNIX + timedelta(microseconds=instant)).astimezone(ZoneInfo(zone))
        written = format_datetime(there, "short", locale=self.locale)
        return f"{written} {get_timezone_name(there, width='short', locale=self.locale)}"


@cache
def words(language: str) -> Words:
    """A language of LANGUAGES; raises `KeyError` for any other."""
    if language not in LANGUAGES:
        raise KeyError(language)
    messages = {} if language == DEFAULT else catalogue(FOLDER / f"{language}.po")
    return Words(language, messages, Locale.parse(language))


def catalogue(path: Path) -> dict[str, str]:
    """The messages of a catalogue; none of ours has a plural."""
    with path.open("rb") as file:
        return {str(each.id): str(each.string) for each in read_po(file) if each.id}


def chosen(wanted: str | None, accepted: str | None) -> str:
    """The language that was asked for if there is one, else the browser's best, else English.

    `accepted` is the header Accept-Language. Source: RFC 9110, section 12.5.4.
    """
    known = _known(wanted or "")
    if known is not None:
        return known
    offers: list[tuple[Decimal, int, str]] = []
    for place, part in enumerate((accepted or "").split(",")[:ACCEPTED_MAX]):
        name, _, weight = part.partition(";")
        known = _known(name)
        if known is not None and (rank := _weight(weight)) > 0:
            offers.append((-rank, place, known))
    return min(offers)[2] if offers else DEFAULT


def _known(name: str) -> str | None:
    """The language of a tag such as `pt-BR`, if pages speak it."""
    language = name.strip().lower().replace("_", "-").partition("-")[0]
    return language if language in LANGUAGES else None


def _weight(text: str) -> Decimal:
    name, _, value = text.strip().partition("=")
    if not name:
        return Decimal(1)
    plain = value.replace(".", "", 1)
    return Decimal(value) if name == "q" and plain.isascii() and plain.isdigit() else Decimal(0)
