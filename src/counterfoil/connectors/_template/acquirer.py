"""An instruction becomes a question, an answer becomes a verdict; everything else is Unknown.

Whatever this raises is taken as Unknown by the engine, so that only three things are caught: a
connection that was never made, an answer that cannot be read, and an echo that is not ours.
"""

from typing import Final

import msgspec

from counterfoil.connectors import ConnectorError, Place, settings, whole_number
from counterfoil.connectors._template.declines import DECLINES, NEVER_SEEN
from counterfoil.connectors._template.link import NotConnectedError, Transport, over_tcp
from counterfoil.connectors._template.messages import Request, Response
from counterfoil.core.answers import Answer, Approved, Declined, Unknown
from counterfoil.core.declines import Decline
from counterfoil.core.money import Money
from counterfoil.core.ports import Capability, Inquiry, Instruction, Receiver

SUPPORTS: Final = frozenset(
    {Capability.REVERSE, Capability.REFUND, Capability.PARTIAL_CHARGE, Capability.INQUIRE}
)
CENTURY: Final = 100


class TemplateAcquirer:
    """An `Acquirer` over any transport, so that a test hands in a host of its own."""

    def __init__(self, transport: Transport) -> None:
        self._carry = transport

    @property
    def name(self) -> str:
        """The name by which terminals choose it."""
        return "template"

    @property
    def supports(self) -> frozenset[Capability]:
        """What the host can do."""
        return SUPPORTS

    async def send(self, instruction: Instruction) -> Answer:
        """The host's answer; raises `OSError` where the connection broke."""
        try:
            return await self._ask(_request(instruction))
        except NotConnectedError:
            return Declined(decline=Decline.NOT_SENT)

    async def inquire(self, inquiry: Inquiry) -> Answer:
        """What became of it; raises `OSError`, also where no connection was made."""
        request = Request(
            action="inquire",
            reference=inquiry.reference,
            terminal=inquiry.terminal,
            amount=inquiry.amount.minor,
            currency=inquiry.amount.currency,
        )
        return await self._ask(request)

    def listen(self, receive: Receiver) -> None:
        """Nothing: the host never speaks unasked."""

    async def close(self) -> None:
        """No connection outlives its question."""

    async def _ask(self, request: Request) -> Answer:
        line = await self._carry(msgspec.json.encode(request))
        try:
            response = msgspec.json.decode(line, type=Response)
        except msgspec.MsgspecError:
            return Unknown(why="unreadable")
        return _answer(request, response)


def open_template(place: Place) -> TemplateAcquirer:
    """The acquirer at options `host` and `port`; raises `ConnectorError` where one is missing."""
    options = settings(place, ("host", "port"))
    host, port = options.get("host"), whole_number(options, "port", 0)
    if not host or not port:
        raise ConnectorError("connector template needs the options host and port")
    return TemplateAcquirer(over_tcp(host, port))


def _request(instruction: Instruction) -> Request:
    card, original = instruction.card, instruction.original
    expires = None
    if card is not None and card.card.has_expiry:
        expires = f"{card.card.month:02d}{card.card.year % CENTURY:02d}"
    return Request(
        action=instruction.kind.value,
        reference=instruction.reference,
        terminal=instruction.terminal,
        amount=instruction.amount.minor,
        currency=instruction.amount.currency,
        original=None if original is None else original.reference,
        pan=None if card is None else card.pan.reveal(),
        expires=expires,
        cvv=None if card is None or card.cvv is None else card.cvv.reveal(),
    )


def _answer(request: Request, response: Response) -> Answer:
    asked = (request.reference, request.amount, request.currency)
    if asked != (response.reference, response.amount, response.currency):
        return Unknown(why="echo")
    if response.code == "00":
        return Approved(
            reference=response.reference,
            amount=Money(minor=response.amount, currency=response.currency),
            auth_code=response.auth_code,
            rrn=response.rrn,
        )
    if request.action == "inquire" and response.code == NEVER_SEEN:
        return Declined(decline=Decline.NOT_RECEIVED)
    decline = DECLINES.get(response.code)
    if decline is None:
        return Unknown(why="code")
    return Declined(decline=decline, rrn=response.rrn)
