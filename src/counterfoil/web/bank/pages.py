"""The test bank in a browser: 3-D Secure 1 and 2, and the page by which it sees the browser.

A form that nobody has to press submits itself by a script of our own and has a button besides. What
the browser brings is checked by the bank; what it brings that is not the bank's is a 422.
"""

from collections.abc import Awaitable, Callable
from typing import Final

from counterfoil.core.bank import BadQuestionError, Bank, Choice, Question
from counterfoil.core.minor import digits, major
from counterfoil.exchange import Exchange, NoRouteError, Reply, Routes, is_web_address
from counterfoil.exchange import Handler as Serve
from counterfoil.web.html import (
    HEADERS,
    SCRIPT,
    SCRIPT_TYPE,
    UnreadableError,
    form,
    given,
    page,
    paragraph,
)

TITLE: Final = "Test bank"
MD_MAX: Final = 1024  # characters; the limit of both versions
BUTTONS: Final = {Choice.APPROVE: "Approve the payment", Choice.DECLINE: "Decline"}
AUTHENTICATED: Final = "authenticated"  # the member and its one good value, of CardFunc's simulator
STATUSES: Final = {"pass": Choice.APPROVE, "fail": Choice.DECLINE}
BACK: Final = "Thank you. You are on your way back."
HEAD: Final = '<link rel="stylesheet" href="/test/style.css">\n'
SUBMITS: Final = HEAD + '<script src="/test/submit.js" defer></script>\n'
STYLE: Final = b"""\
:root { color-scheme: light dark; }
body { font: 1rem/1.5 system-ui, sans-serif; margin: 0; padding: 1rem; }
main { max-width: 28rem; margin: 0 auto; }
h1 { font-size: 1.4rem; }
button { font: inherit; font-weight: 600; padding: .8rem 1rem; width: 100%; margin-bottom: .8rem;
  cursor: pointer; border: 1px solid; border-radius: .6rem; background: none; color: inherit; }
#approve button { background: #0b6b57; border-color: #0b6b57; color: #fff; }
"""
Fields = dict[str, str]
Handler = Callable[[Bank, Fields], Awaitable[Reply]]


async def first(bank: Bank, fields: Fields) -> Reply:
    """/test/bank: version 1. It asks, and then brings a signed PaRes to the merchant's TermUrl."""
    pareq, url, number = (fields.get(name, "") for name in ("PaReq", "TermUrl", "MD"))
    if not is_web_address(url) or len(number) > MD_MAX:
        raise BadQuestionError("no TermUrl, or a longer MD than there are")
    said = fields.get(AUTHENTICATED)
    if said is not None:
        choice = Choice.APPROVE if said == AUTHENTICATED else Choice.DECLINE
        brought = (("MD", number), ("PaRes", bank.payer_answer(pareq, choice)))
        going = form("paresform", url, brought, "Back to the shop")
        return page(200, TITLE, paragraph(BACK) + going, SUBMITS)
    asked = (("PaReq", pareq), ("TermUrl", url), ("MD", number))
    answers = {Choice.APPROVE: AUTHENTICATED, Choice.DECLINE: Choice.DECLINE.value}
    forms = "\n".join(
        form(choice, "/test/bank", (*asked, (AUTHENTICATED, answers[choice])), BUTTONS[choice])
        for choice in Choice
    )
    return page(200, TITLE, _said(bank.payer(pareq)) + forms, HEAD)


async def second(bank: Bank, fields: Fields) -> Reply:
    """/test/acs3d20: version 2."""
    question = bank.challenge(fields.get("creq", ""), fields.get("state", ""))
    assert question.to is not None
    session = fields.get("threeDSSessionData", "")[:MD_MAX]
    brought = (*question.to.fields, ("threeDSSessionData", session))
    forms = "\n".join(
        form(choice, question.to.url, (*brought, ("challengeStatus", status)), BUTTONS[choice])
        for status, choice in STATUSES.items()
    )
    return page(200, TITLE, _said(question) + forms, HEAD)


async def answered(bank: Bank, fields: Fields) -> Reply:
    """/test/acs3d20/result: the result is delivered, then the browser goes back with a CRes."""
    choice = STATUSES.get(fields.get("challengeStatus", ""))
    if choice is None:
        raise BadQuestionError("no choice")
    back = await bank.challenge_answer(fields.get("state", ""), choice)
    session = ("threeDSSessionData", fields.get("threeDSSessionData", "")[:MD_MAX])
    going = form("cresform", back.url, (*back.fields, session), "Back to the shop")
    return page(200, TITLE, paragraph(BACK) + going, SUBMITS)


async def method(bank: Bank, fields: Fields) -> Reply:
    """/test/3ds-method: the bank has seen the browser, and reports that."""
    back = bank.method(fields.get("threeDSMethodData", ""))
    return page(200, TITLE, form("methodform", back.url, back.fields, "Go on"), SUBMITS)


async def script(_: Bank, __: Fields) -> Reply:
    """/test/submit.js."""
    return Reply(200, SCRIPT, HEADERS, SCRIPT_TYPE)


async def style(_: Bank, __: Fields) -> Reply:
    """/test/style.css."""
    return Reply(200, STYLE, HEADERS, "text/css; charset=utf-8")


def _said(question: Question) -> str:
    amount = question.amount
    written = major(amount.minor, digits(amount.currency))
    return paragraph(
        f"{question.merchant} asks for {written} {amount.currency} "
        f"from your card ending in {question.last4}."
    )


# fmt: off
ROUTES: Final[Routes[Handler]] = Routes((
    ("GET POST", "/test/bank",           first),
    ("POST",     "/test/acs3d20",        second),
    ("POST",     "/test/acs3d20/result", answered),
    ("POST",     "/test/3ds-method",     method),
    ("GET",      "/test/submit.js",      script),
    ("GET",      "/test/style.css",      style),
))
# fmt: on


def serve(bank: Bank) -> Serve:
    """The pages of that bank."""

    async def run(exchange: Exchange) -> Reply:
        try:
            handler, _ = ROUTES.find(exchange.method, exchange.path)
            return await handler(bank, await given(exchange))
        except NoRouteError as error:
            if error.allowed:
                headers = {"Allow": ", ".join(error.allowed)}
                return page(405, "Not like this", "")._replace(headers={**HEADERS, **headers})
            return page(404, "Nothing is here", "")
        except UnreadableError:
            return page(422, TITLE, paragraph("This form cannot be read."), HEAD)
        except BadQuestionError as error:
            return page(422, TITLE, paragraph(f"This page was called with {error}."), HEAD)

    return run
