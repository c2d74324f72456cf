"""What the engine asks of 3-D Secure: one Protocol, whatever directory stands behind it."""

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeAlias

from counterfoil.core.merchant import Merchant
from counterfoil.core.money import Money
from counterfoil.core.ports import CardData
from counterfoil.core.record import Record
from counterfoil.core.threeds import Authentication, Browser, Form, Result, Version


class Request(Record):
    """That the holder of a card be authenticated for a payment.

    `session` is the unguessable token by which our own addresses know the payment, `number` what is
    to come back with the browser unchanged (MD, threeDSSessionData). `seeds` are 36 secret bytes
    from which our transaction ids are made. `at` is now.
    """

    merchant: Merchant
    terminal: str
    amount: Money
    card: CardData
    session: str
    number: str
    seeds: bytes
    base: str
    at: int
    browser: Browser | None = None
    notify_url: str | None = None
    first_of_series: bool = False


class Verdict(Record):
    """How it goes on: a `form` for the browser, or a `result`; exactly one of them.

    `method`: the form only shows the browser to the issuer, and it is to be asked again after that.
    """

    version: Version
    transaction: str
    form: Form | None = None
    result: Result | None = None
    method: bool = False
    acs: str | None = None
    directory: str | None = None


class Delivered(Record):
    """A result as the issuer's side delivered it by itself (RReq), and whose it is."""

    session: str
    transaction: str
    acs: str
    directory: str
    result: Result


Receiver: TypeAlias = Callable[[Delivered], Awaitable[bool]]


class Authenticator(Protocol):
    """A way to the issuers of cards. It keeps nothing that the store should keep."""

    async def begin(self, request: Request) -> Verdict:
        """Ask. Whatever it raises is taken as: could not be authenticated (status U)."""
        ...

    async def proceed(self, request: Request, known: Authentication) -> Verdict:
        """Ask again, after the browser has shown itself to the issuer."""
        ...

    def payer_answer(self, text: str, request: Request, known: Authentication) -> Result:
        """What a PaRes says; raises `Refused(BAD_PAYER_ANSWER)` where it is not this payment's."""
        ...

    def challenge_answer(self, text: str, known: Authentication) -> None:
        """Check a CRes; raises `Refused(BAD_CHALLENGE_ANSWER)`. What it says does not count."""
        ...

    def listen(self, receive: Receiver) -> None:
        """Hand results that are delivered to `receive`, which says whether it took them."""
        ...
