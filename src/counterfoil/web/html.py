"""Plain pages for a browser: escaped, never stored, nothing in them but what we wrote.

`form-action` is left open on purpose: some browsers apply it to every redirect that follows, and
these forms end at the merchant's address.
"""

import re
from collections.abc import Iterable, Mapping
from html import escape
from string import Template
from typing import Final
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from counterfoil.exchange import CutShortError, Exchange, Reply, TooLargeError

HEADERS: Final[Mapping[str, str]] = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "base-uri 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
HTML: Final = "text/html; charset=utf-8"
FIELDS_MAX: Final = 50
ADDRESS: Final = "%:/?#[]@!$&'()*+,;=~"  # stands for itself in an address (RFC 3986, 2.2)
SCRIPT: Final = b"document.querySelector('form').submit();\n"  # of a page that goes on by itself
SCRIPT_TYPE: Final = "text/javascript; charset=utf-8"
NAMED: Final = re.compile("&amp;(?=[A-Za-z0-9]+=)")
PAGE: Final = Template("""\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title>
$head</head>
<body>
<main>
<h1>$title</h1>
$body
</main>
</body>
</html>
""")


def page(status: int, title: str, body: str, head: str = "") -> Reply:
    """A page; `body` and `head` are markup, `title` is text."""
    text = PAGE.substitute(title=escape(title), body=body, head=head)
    return Reply(status, text.encode(), HEADERS, HTML)


def paragraph(text: str) -> str:
    """Text as a paragraph."""
    return f"<p>{escape(text)}</p>"


def attribute(text: str) -> str:
    """Text for a value in quotes, readable also for clients that search a page without parsing it.

    The `&name=` of a query stands for itself there. Source: HTML, named character reference state.
    """
    return NAMED.sub("&", escape(text))


def form(name: str, url: str, fields: Iterable[tuple[str, str]], button: str) -> str:
    """A form of hidden fields that is posted by its button."""
    inputs = "".join(
        f'<input type="hidden" name="{escape(field)}" value="{attribute(value)}">\n'
        for field, value in fields
    )
    return (
        f'<form id="{escape(name)}" method="post" action="{attribute(url)}">\n{inputs}'
        f'<button type="submit">{escape(button)}</button>\n</form>'
    )


def with_order(url: str, order: int) -> str:
    """A shop's address with `order_id` added to its query, fit for a header.

    What an address may not hold (letters beyond ASCII, blanks, controls) is percent-encoded; an
    `order_id` that is there already gives way.
    """
    parts = urlsplit(url)
    given = [each for each in parts.query.split("&") if each and each.split("=")[0] != "order_id"]
    query = "&".join((*given, urlencode({"order_id": order})))
    return quote(urlunsplit(parts._replace(query=query)), safe=ADDRESS)


class UnreadableError(Exception):
    """A form is too large, cut short, or has too many fields."""


async def given(exchange: Exchange) -> dict[str, str]:
    """The fields of a form, and of the query; raises `UnreadableError`."""
    try:
        body = await exchange.body()
        text = body.decode("utf-8", "replace")
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=FIELDS_MAX)
        return exchange.query | dict(pairs)
    except (TooLargeError, CutShortError, ValueError) as error:
        raise UnreadableError from error
