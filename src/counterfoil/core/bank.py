"""What the pages of a test bank need of it: a cardholder is asked, and answers."""

from enum import StrEnum
from typing import Protocol

from counterfoil.core.money import Money
from counterfoil.core.record import Record


class Choice(StrEnum):
    """What a cardholder does at the test bank."""

    APPROVE = "approve"
    DECLINE = "decline"


class Return(Record):
    """Where the cardholder's browser goes, and with what."""

    url: str
    fields: tuple[tuple[str, str], ...]


class Question(Record):
    """What the cardholder is shown: who wants how much from which card.

    `to`: where the bank wants to be told the choice, besides where it asked.
    """

    merchant: str
    amount: Money
    last4: str
    to: Return | None = None


class BadQuestionError(Exception):
    """The browser brings nothing that this bank could ask about; the text says why."""


class Bank(Protocol):
    """A test bank that asks cardholders. Every method raises `BadQuestionError`."""

    def payer(self, pareq: str) -> Question:
        """What a PaReq asks (version 1)."""
        ...

    def payer_answer(self, pareq: str, choice: Choice) -> str:
        """The PaRes to it."""
        ...

    def challenge(self, creq: str, state: str) -> Question:
        """What a CReq asks (version 2); `state` is what the bank wrote into its own address."""
        ...

    async def challenge_answer(self, state: str, choice: Choice) -> Return:
        """Tell the directory first (RReq), then send the browser back with the CRes."""
        ...

    def method(self, data: str) -> Return:
        """Where the method page reports that it has seen the browser."""
        ...
