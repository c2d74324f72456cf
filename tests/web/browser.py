"""What a cardholder's browser does with our pages, as far as that can be done without one."""

from html.parser import HTMLParser
from typing import Final
from urllib.parse import urljoin

from httpx2 import AsyncClient, Response

from counterfoil.core.record import Record

REDIRECTS: Final = {301, 302, 303, 307, 308}


class Form(Record):
    """A form of hidden fields."""

    action: str
    method: str
    fields: tuple[tuple[str, str], ...]
    buttons: int = 0


class Page(HTMLParser):
    """The forms of a page by id, its scripts, and whatever its head loads.

    The page is an answer, or markup that a shop prints into its own page.
    """

    def __init__(self, answer: Response | str) -> None:
        super().__init__()
        self.url = "" if isinstance(answer, str) else str(answer.url)
        self.forms: dict[str, Form] = {}
        self.scripts: list[str | None] = []
        self.links: list[str | None] = []
        self.text = ""
        self._name = ""
        self.feed(answer if isinstance(answer, str) else answer.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take in a tag."""
        given = dict(attrs)
        match tag:
            case "form":
                self._name = given["id"] or ""
                action = urljoin(self.url, given["action"] or "")
                method = (given["method"] or "get").upper()
                self.forms[self._name] = Form(action=action, method=method, fields=())
            case "input" | "button":
                form = self.forms[self._name]
                if tag == "button":
                    self.forms[self._name] = Form(
                        action=form.action, method=form.method, fields=form.fields, buttons=1
                    )
                else:
                    field = (given["name"] or "", given["value"] or "")
                    self.forms[self._name] = Form(
                        action=form.action, method=form.method, fields=(*form.fields, field)
                    )
            case "script":
                self.scripts.append(given.get("src"))
            case "link":
                self.links.append(given.get("href"))

    def handle_data(self, data: str) -> None:
        """Take in text."""
        self.text += data


async def submit(client: AsyncClient, form: Form) -> Response:
    """Press its button. Redirects are not followed: they lead to the shop."""
    if form.method == "GET":  # what the address asked for is replaced, as browsers do
        return await client.get(form.action.partition("?")[0], params=list(form.fields))
    return await client.post(form.action, data=dict(form.fields))
