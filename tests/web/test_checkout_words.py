"""What pages say: every message in every language, amounts and dates as people write them there."""

import re
from pathlib import Path
from string import Formatter
from typing import Final

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from counterfoil import slip
from counterfoil.core.money import Money
from counterfoil.dialects import razorpay
from counterfoil.slip.words import DEFAULT, FOLDER, LANGUAGES, chosen, words
from counterfoil.web import checkout

HOMES: Final = [Path(str(each.__file__)).parent for each in (slip, checkout, razorpay)]
METHODS: Final = [("**.py", "python"), ("**.html", "jinja2.ext:babel_extract")]
KEYWORDS: Final = {"mark": None, "_": None}
OTHERS: Final = [language for language in LANGUAGES if language != DEFAULT]
SAME: Final = {"MM", "YY"}  # which some languages write alike
LETTERS: Final = {  # what a text in the language cannot do without
    "ar": re.compile("[\u0600-\u06ff]"),
    "hi": re.compile("[\u0900-\u097f]"),
    "ja": re.compile("[\u3040-\u30ff\u4e00-\u9fff]"),
    "ru": re.compile("[\u0400-\u04ff]"),
    "uk": re.compile("[\u0400-\u04ff]"),
    "zh": re.compile("[\u4e00-\u9fff]"),
}
EUROS: Final = Money(minor=124_950, currency="EUR")
AT: Final = 1_768_512_600_000_000  # 2026-01-15T21:30:00Z


def said() -> set[str]:
    """Every message that a page can say."""
    found = [
        each
        for home in HOMES
        for each in extract_from_dir(home, METHODS, {"**.html": {}}, keywords=KEYWORDS)
    ]
    return {message for _, _, message, _, _ in found if isinstance(message, str)}


SAID: Final = said()


def placeholders(text: str) -> set[str]:
    return {field for _, field, _, _ in Formatter().parse(text) if field is not None}


LABELS: Final = ("Card number", "Expiry date", "Security code", "Name on card", "Valid until")


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_two_things_on_the_form_have_one_name(language: str) -> None:
    assert len({words(language).say(label) for label in LABELS}) == len(LABELS)


def test_the_tools_find_the_messages() -> None:
    assert {"Card number", "Pay {amount}", "This page has expired", "Paying…"} <= SAID


@pytest.mark.parametrize("language", OTHERS)
def test_every_message_is_translated_and_none_is_left_over(language: str) -> None:
    with (FOLDER / f"{language}.po").open("rb") as file:
        catalogue = read_po(file, abort_invalid=True)
    known = {str(each.id): each for each in catalogue if each.id}
    assert set(known) == SAID
    for message, each in known.items():
        text = str(each.string)
        assert text.strip(), message
        assert not each.fuzzy, message
        assert placeholders(text) == placeholders(message), message
        if message not in SAME:
            assert text != message, message
            assert language not in LETTERS or LETTERS[language].search(text), message


def test_no_catalogue_is_of_no_language() -> None:
    assert {path.stem for path in FOLDER.iterdir()} == set(OTHERS)
    with pytest.raises(KeyError):
        words("xx")


def test_a_message_is_filled_in() -> None:
    filled = words("de").say("Pay {amount} to {merchant}", amount="1 €", merchant="{amount}")
    assert filled == "1 € an {amount} zahlen"
    assert words("en").say("Pay {amount}", amount="€1") == "Pay €1"


@pytest.mark.parametrize(
    ("language", "amount"),
    [
        ("en", "€1,249.50"),
        ("de", "1.249,50 €"),
        ("fr", "1 249,50 €"),
        ("pl", "1 249,50 €"),
        ("ja", "€1,249.50"),
        ("nl", "€ 1.249,50"),
        ("hi", "€1,249.50"),
    ],
)
def test_amounts_are_written_as_there(language: str, amount: str) -> None:
    assert re.sub(r"\s", " ", words(language).money(EUROS)) == amount


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_amount_keeps_its_digits_in_every_language(language: str) -> None:
    for amount, digits in (
        (EUROS, "124950"),
        (Money(minor=9_007_199_254_740_993, currency="JPY"), "9007199254740993"),
        (Money(minor=1_005, currency="KWD"), "1005"),
    ):
        assert re.sub("[^0-9]", "", words(language).money(amount)) == digits


def test_dates_are_written_as_there_and_say_their_zone() -> None:
    assert words("en").instant(AT, "UTC").replace("\u202f", " ") == "1/15/26, 9:30 PM UTC"
    assert words("de").instant(AT, "UTC") == "15.01.26, 21:30 UTC"
    assert words("de").instant(AT, "Europe/Kyiv").startswith("15.01.26, 23:30 ")
    assert words("ja").instant(AT, "Asia/Tokyo").startswith("2026/01/16 6:30 ")


def test_directions() -> None:
    assert {language for language in LANGUAGES if words(language).direction == "rtl"} == {"ar"}


@pytest.mark.parametrize(
    ("wanted", "accepted", "language"),
    [
        ("de", "fr", "de"),
        ("pt-BR", None, "pt"),
        ("ZH_hans", None, "zh"),
        ("xx", "fr", "fr"),
        (None, "xx, fr;q=0.5, de;q=0.8", "de"),
        (None, "fr;q=0, it;q=0.1", "it"),
        (None, "de;q=nan, nl", "nl"),
        (None, "fr;q=1e999", "en"),
        (None, "de, fr", "de"),
        (None, "*", "en"),
        ("", "", "en"),
        (None, None, "en"),
        ("x" * 10_000, "," * 10_000, "en"),
    ],
)
def test_the_language_is_the_order_s_or_else_the_browser_s(
    wanted: str | None, accepted: str | None, language: str
) -> None:
    assert chosen(wanted, accepted) == language
