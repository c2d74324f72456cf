"""Pages from views: templates, the headers that guard them, and the files they name.

Every page is complete in one answer and a style sheet, a script and an icon of our own; nothing
inline runs or styles, nothing comes from another host, nothing is kept by a cache on the way.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from counterfoil.core.declines import Decline
from counterfoil.core.pan import RANGES
from counterfoil.exchange import Reply
from counterfoil.slip.view import (
    CardForm,
    Choice,
    Decision,
    Detour,
    Field,
    Look,
    Message,
    News,
)
from counterfoil.slip.words import LANGUAGES, mark, words

FOLDER: Final = Path(__file__).parent
HTML: Final = "text/html; charset=utf-8"
TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
STATIC: Final = "/pay/static/"
KEPT: Final = {"Cache-Control": "public, max-age=31536000, immutable"}  # the name has the hash
HASH_DIGITS: Final = 16
GUARDS: Final = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",  # the address of a page is for its customer alone
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(self)",
}
BRANDS: Final = {  # with a mark of their own in templates/brands.html
    "visa": "Visa",
    "mastercard": "Mastercard",
    "maestro": "Maestro",
    "amex": "American Express",
    "discover": "Discover",
    "diners": "Diners Club",
    "jcb": "JCB",
    "unionpay": "UnionPay",
    "mir": "Mir",
    "card": "",
}
SHOWN: Final = ("visa", "mastercard", "amex")  # while no number is typed


class Telling(NamedTuple):
    """How a page without a form looks: status, symbol, title, text."""

    status: int
    symbol: str
    title: str
    text: str


TELLINGS: Final[Mapping[News, Telling]] = {
    News.PAID: Telling(
        200,
        "yes",
        mark("Payment accepted"),
        mark("Thank you. Your payment to {merchant} was accepted."),
    ),
    News.DECLINED: Telling(
        200,
        "no",
        mark("Payment declined"),
        mark("Your bank declined the payment. No money was taken."),
    ),
    News.FAILED: Telling(
        200,
        "no",
        mark("Payment not completed"),
        mark("The payment could not be made. No money was taken."),
    ),
    News.CLOSED: Telling(
        200, "info", mark("Payment finished"), mark("This payment is finished already.")
    ),
    News.WAITING: Telling(
        200,
        "wait",
        mark("Your payment is being processed"),
        mark("Do not pay again. This usually takes a few seconds."),
    ),
    News.EXPIRED: Telling(
        410,
        "info",
        mark("This page has expired"),
        mark("No money was taken. Go back to {merchant} and start again."),
    ),
    News.MISSING: Telling(
        404, "info", mark("Page not found"), mark("Check the address, or go back to the shop.")
    ),
    News.OUTDATED: Telling(
        403,
        "info",
        mark("This form is out of date"),
        mark("Nothing was paid with it. Open the payment page again."),
    ),
    News.UNUSABLE: Telling(
        422,
        "no",
        mark("Your bank's answer cannot be used"),
        mark("Nothing was charged. Go back to the shop and try again."),
    ),
    News.TROUBLE: Telling(
        503,
        "no",
        mark("Something went wrong"),
        mark("Open the payment page again: it shows whether the payment was made."),
    ),
}


class Static(NamedTuple):
    """A file that pages name: its address, which changes with what is in it."""

    path: str
    body: bytes
    kind: str


def _static() -> dict[str, Static]:
    found: dict[str, Static] = {}
    for file in sorted((FOLDER / "static").iterdir()):
        body = file.read_bytes()
        mark_of = hashlib.sha256(body).hexdigest()[:HASH_DIGITS]
        path = f"{STATIC}{file.stem}.{mark_of}{file.suffix}"
        found[file.name] = Static(path, body, TYPES[file.suffix])
    return found


# What may be typed of a payer, for Python and for a browser alike.
PATTERNS: Final[Mapping[Field, str]] = {
    Field.VPA: r"[\w.\-]{1,250}@[\w.\-]{1,64}",
    Field.EMAIL: r"(?=.{3,40}$)[^@\s]+@[^@\s]+",
    Field.CONTACT: r"\+?(?:[ \-]?[0-9]){7,14}",
}
WAYS: Final[Mapping[str, str]] = {
    "card": mark("Card"),
    "upi": "UPI",
    "netbanking": mark("Net banking"),
    "wallet": mark("Digital wallet"),
}
# Of what went wrong a customer is told only what they can mend.
NOTICES: Final = {
    Decline.INSUFFICIENT_FUNDS: mark("The card does not hold enough money. Try another card."),
    Decline.EXPIRED_CARD: mark("The card has expired. Try another card."),
}
DECLINED: Final = mark("Your bank declined the payment. Try again, or use another card.")
FAILED: Final = mark("The payment could not be made. No money was taken. Try again.")
FILES: Final = _static()
_by_path: Final = {file.path: file for file in FILES.values()}
_environment: Final = Environment(
    loader=FileSystemLoader(FOLDER / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    auto_reload=False,
)
_environment.globals |= {
    "file": lambda name: FILES[name].path,
    "languages": LANGUAGES,
    "Field": Field,
    "brands": BRANDS,
    "shown": SHOWN,
    "ways": WAYS,
    "patterns": PATTERNS,
    "ranges": " ".join(f"{first}-{last}:{brand}" for first, last, brand in RANGES),
}


def file(path: str) -> Reply | None:
    """A style sheet, script or picture; None where there is none of that name and content."""
    found = _by_path.get(path)
    if found is None:
        return None
    headers = {**KEPT, "X-Content-Type-Options": "nosniff"}
    return Reply(200, found.body, headers, content_type=found.kind)


def card_form(view: CardForm) -> Reply:
    """The page that asks for a card; 422 where something was wrong with what was typed."""
    status = 422 if view.flaws else 200
    return _page("pay.html", view.look, status=status, view=view, texts=_texts(view))


def choice(view: Choice) -> Reply:
    """The page that asks how a payer wants to pay; 422 as the other."""
    status = 422 if view.flaws else 200
    texts = _texts(view)
    return _page("choice.html", view.look, status=status, to=view.action, view=view, texts=texts)


def decision(view: Decision) -> Reply:
    """The test bank's page."""
    return _page("bank.html", view.look, to=view.action, view=view)


def message(view: Message) -> Reply:
    """A page that tells something."""
    telling = TELLINGS[view.news]
    to = view.onward.action if view.onward else None
    return _page(
        "message.html", view.look, status=telling.status, to=to, view=view, telling=telling
    )


def detour(view: Detour) -> Reply:
    """A page that sends the browser on with a form, by itself where scripts run."""
    return _page("detour.html", view.look, to=view.action, view=view)


def framed(reply: Reply) -> Reply:
    """The page, fit for a frame or window of a shop's: nothing is at stake that it could press."""
    lonely = {"X-Frame-Options", "Cross-Origin-Opener-Policy"}
    headers = {name: text for name, text in reply.headers.items() if name not in lonely}
    policy = headers["Content-Security-Policy"].replace(" frame-ancestors 'none';", "")
    return reply._replace(headers={**headers, "Content-Security-Policy": policy})


def _page(
    template: str, look: Look, *, status: int = 200, to: str | None = None, **more: object
) -> Reply:
    spoken = words(look.language)
    amount = None if look.amount is None else spoken.money(look.amount)
    text = _environment.get_template(template).render(
        look=look, words=spoken, _=spoken.say, amount=amount, **more
    )
    headers = {**GUARDS, "Content-Security-Policy": policy(to or look.return_url)}
    headers["Content-Language"] = look.language
    return Reply(status, text.encode(), headers, content_type=HTML)


def policy(to: str | None) -> str:
    """What a page may load and where its forms may lead; `to` is an address they do lead to.

    A browser holds `form-action` against every redirect behind a form too, and where those of a
    shop lead only the shop knows: so of its address only the scheme counts.
    """
    targets = "'self'"
    if to is not None:
        targets += " https:" + (" http:" if urlsplit(to).scheme == "http" else "")
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        f"form-action {targets}; frame-ancestors 'none'; base-uri 'none'"
    )


# What the script says beside an input, and what the server says there: the same.
FLAWS: Final[Mapping[str, str]] = {
    "pan": mark("Enter the card number."),
    "pan_wrong": mark("This card number is not valid. Check its digits."),
    "holder": mark("Enter the name as it stands on the card, 2 to 40 characters."),
    "month": mark("Enter the month, 01 to 12."),
    "year": mark("Enter the year as two or four digits."),
    "expired": mark("This card has expired."),
    "cvv": mark("Enter the security code, 3 or 4 digits."),
    "vpa": mark("Enter your UPI address, such as name@bank."),
    "email": mark("Enter your email address."),
    "contact": mark("Enter your phone number, 7 to 14 digits."),
    "paying": mark("Paying…"),
}


def _texts(view: CardForm) -> str:
    spoken = words(view.look.language)
    return json.dumps({name: spoken.say(text) for name, text in FLAWS.items()}, ensure_ascii=False)
