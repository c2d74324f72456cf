"""Pages rendered from views: what they show, what they never show, and what guards them."""

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Final

import pytest
from msgspec.structs import replace
from tests.web.kinds import FORM, LOOK, everything

from counterfoil.exchange import Reply
from counterfoil.slip import page
from counterfoil.slip.view import (
    CARD,
    LAYOUTS,
    Detour,
    Field,
    Flaw,
    Message,
    News,
    Typed,
)
from counterfoil.slip.words import LANGUAGES, words

WEIGHT_MAX: Final = 60_000  # bytes of a page with all that it loads
AUTOCOMPLETE: Final = {
    Field.PAN: "cc-number",
    Field.HOLDER: "cc-name",
    Field.MONTH: "cc-exp-month",
    Field.YEAR: "cc-exp-year",
    Field.CVV: "cc-csc",
}
Attributes = dict[str, str | None]


@dataclass
class Parsed(HTMLParser):
    """The elements of a page by their tags, the ids, and the text that is read."""

    tags: list[tuple[str, Attributes]] = field(default_factory=list)
    text: str = ""

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[Attributes]:
        return [attributes for name, attributes in self.tags if name == tag]

    def by_id(self, name: str) -> Attributes:
        (found,) = [attributes for _, attributes in self.tags if attributes.get("id") == name]
        return found


def parsed(reply: Reply) -> Parsed:
    found = Parsed()
    found.feed(reply.body.decode())
    return found


def test_a_page_shows_who_is_paid_and_how_much() -> None:
    found = parsed(page.card_form(FORM))
    for text in ("Books & <Sons>", "€9.99", 'A "book" <script>alert(1)</script>', "A-1"):
        assert text in found.text
    assert "Pay €9.99 to Books & <Sons>" in found.text


def test_the_inputs_are_those_of_the_wire_and_browsers_can_fill_them_in() -> None:
    found = parsed(page.card_form(FORM))
    visible = [each for each in found.all("input") if each.get("type") != "hidden"]
    assert {each["name"]: each["autocomplete"] for each in visible} == AUTOCOMPLETE
    hidden = {each["name"]: each["value"] for each in found.all("input") if each not in visible}
    assert hidden == {"form": "n", "key": "k"}
    (form,) = found.all("form")
    assert (form["method"], form["action"]) == ("post", "/pay/1.abc?language=en")


def test_every_input_has_a_label_and_a_place_for_what_is_wrong() -> None:
    found = parsed(page.card_form(FORM))
    labelled = {each["for"] for each in found.all("label")}
    assert labelled == {each.value for each in CARD}
    for each in CARD:
        described = found.by_id(each.value)["aria-describedby"]
        assert described is not None
        for name in described.split():
            found.by_id(name)


def test_what_is_wrong_stands_beside_its_input_and_the_cursor_goes_to_the_first() -> None:
    flaws = (
        Flaw(field=Field.CVV, message=page.FLAWS["cvv"]),
        Flaw(field=Field.MONTH, message=page.FLAWS["month"]),
    )
    reply = page.card_form(replace(FORM, flaws=flaws))
    found = parsed(reply)
    assert reply.status == 422
    assert {e["id"] for e in found.all("input") if e.get("aria-invalid") == "true"} == {
        "expiration_month",
        "cvv",
    }
    assert [e["id"] for e in found.all("input") if "autofocus" in e] == ["expiration_month"]
    assert page.FLAWS["cvv"] in found.text
    assert [e for _, e in found.tags if e.get("role") == "alert"]


def test_what_may_be_shown_again_is() -> None:
    typed = Typed(holder='Ada "L"', month="07", year="31")
    found = parsed(page.card_form(replace(FORM, typed=typed)))
    values = {each["id"]: each.get("value") for each in found.all("input") if "id" in each}
    assert values == {
        "pan": None,
        "cvv": None,
        "holder": 'Ada "L"',
        "expiration_month": "07",
        "expiration_year": "31",
    }


def test_what_the_merchant_does_not_require_is_optional() -> None:
    found = parsed(page.card_form(replace(FORM, cvv_required=False, holder_required=False)))
    required = {e["id"] for e in found.all("input") if e.get("aria-required") == "true"}
    assert required == {"pan", "expiration_month", "expiration_year"}
    assert found.text.count("(optional)") == 2


def test_wallets_are_offered_as_the_order_says() -> None:
    for wallets in ((), ("apple_pay",), ("apple_pay", "google_pay")):
        found = parsed(page.card_form(replace(FORM, wallets=wallets)))
        offered = tuple(e["value"] for e in found.all("button") if e.get("name") == "wallet")
        assert offered == wallets


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_in_every_language_is_whole(language: str) -> None:
    for reply in everything(replace(LOOK, language=language)):
        found = parsed(reply)
        (html,) = found.all("html")
        assert (html["lang"], html["dir"]) == (language, words(language).direction)
        assert len(found.all("h1")) == len(found.all("main")) == len(found.all("title")) == 1
        ids = [attributes["id"] for _, attributes in found.tags if "id" in attributes]
        assert len(ids) == len(set(ids))
        assert "{" not in found.text.replace("{amount}", "{")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts_differ_by_a_class_alone(layout: str) -> None:
    for mobile in (False, True):
        found = parsed(
            page.card_form(replace(FORM, look=replace(LOOK, layout=layout, mobile=mobile)))
        )
        (html,) = found.all("html")
        assert html["class"] == f"layout-{layout}{' mobile' if mobile else ''}"


@pytest.mark.parametrize("news", News)
def test_what_pages_tell(news: News) -> None:
    reply = page.message(Message(look=LOOK, news=news, back="http://shop/?a=1&b=2"))
    assert reply.status == page.TELLINGS[news].status
    found = parsed(reply)
    assert page.TELLINGS[news].title in found.text
    assert found.all("form") == []
    assert "http://shop/?a=1&b=2" in [each["href"] for each in found.all("a")]


def test_a_detour_posts_what_it_is_given_and_can_be_pressed() -> None:
    fields = (("MD", "a=b"), ("PaReq", "x"))
    view = Detour(look=LOOK, action="http://acs/?a&b", method="POST", fields=fields)
    reply = page.detour(view)
    found = parsed(reply)
    (form,) = found.all("form")
    assert (form["id"], form["method"], form["action"]) == ("form3d", "post", "http://acs/?a&b")
    assert "data-submit" in form
    assert [(each["name"], each["value"]) for each in found.all("input")] == list(fields)
    assert len(found.all("button")) == 1
    assert "form-action 'self' https: http:" in reply.headers["Content-Security-Policy"]


def test_nothing_inline_runs_or_styles_and_nothing_comes_from_elsewhere() -> None:
    for reply in everything():
        found = parsed(reply)
        assert not found.all("style")
        for tag, attributes in found.tags:
            assert "style" not in attributes, tag
            assert not [name for name in attributes if name.startswith("on")], tag
            loaded = attributes.get("src") or (tag == "link" and attributes.get("href"))
            assert not loaded or loaded.startswith("/pay/static/"), (tag, loaded)
        for script in found.all("script"):
            assert script["src"]


def test_every_page_is_guarded() -> None:
    for reply in everything():
        assert reply.headers["Cache-Control"] == "no-store"
        assert reply.headers["Referrer-Policy"] == "same-origin"
        assert reply.headers["X-Frame-Options"] == "DENY"
        assert reply.headers["X-Content-Type-Options"] == "nosniff"
        policy = reply.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
        assert "frame-ancestors 'none'; base-uri 'none'" in policy
        assert "unsafe" not in policy


@pytest.mark.parametrize(
    ("to", "targets"),
    [
        (None, "'self'"),
        ("https://shop.com/a", "'self' https:"),
        ("http://shop.com/a", "'self' https: http:"),
    ],
)
def test_forms_lead_to_ourselves_and_on_to_the_shop(to: str | None, targets: str) -> None:
    assert f"form-action {targets};" in page.policy(to)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_page_with_all_that_it_loads_is_light(language: str) -> None:
    files = sum(len(each.body) for each in page.FILES.values())
    heaviest = max(len(each.body) for each in everything(replace(LOOK, language=language)))
    assert heaviest + files < WEIGHT_MAX


def test_files_are_named_by_what_is_in_them_and_kept() -> None:
    for static in page.FILES.values():
        assert re.fullmatch(r"/pay/static/[a-z]+\.[0-9a-f]{16}\.(css|js|svg)", static.path)
        reply = page.file(static.path)
        assert reply is not None
        assert (reply.status, reply.body) == (200, static.body)
        assert reply.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert reply.content_type == static.kind
    assert page.file("/pay/static/../page.py") is None
    assert page.file("/pay/static/checkout.css") is None
