"""The connector that others are copied from: a host made of a function, and a real socket."""

import asyncio
from collections.abc import Callable

import msgspec
import pytest

from counterfoil.connectors import ConnectorError, Place
from counterfoil.connectors._template.acquirer import TemplateAcquirer, open_template
from counterfoil.connectors._template.declines import DECLINES
from counterfoil.connectors._template.link import NotConnectedError
from counterfoil.connectors._template.messages import Request, Response
from counterfoil.core.answers import Answer, Approved, Declined, Unknown
from counterfoil.core.card import Cvv, Pan
from counterfoil.core.declines import Decline
from counterfoil.core.money import Money
from counterfoil.core.order import Kind
from counterfoil.core.pan import describe
from counterfoil.core.ports import CardData, Inquiry, Instruction, Original

EURO = Money(minor=1000, currency="EUR")
CARD = CardData(
    pan=Pan("4111111111111111"),
    card=describe(Pan("4111111111111111"), 1, month=7, year=2031),
    cvv=Cvv("123"),
)
PAYING = Instruction(
    reference=11,
    merchant=1,
    order=10,
    kind=Kind.AUTHORIZE,
    amount=EURO,
    terminal="TERM",
    card=CARD,
)
INQUIRY = Inquiry(
    reference=11, merchant=1, order=10, kind=Kind.AUTHORIZE, amount=EURO, terminal="TERM"
)


class Host:
    """An acquirer's host: answers with a code, and with whatever a test wants changed."""

    def __init__(self, code: str = "00", **changed: object) -> None:
        self.code = code
        self.changed = changed
        self.asked: list[Request] = []

    async def carry(self, line: bytes) -> bytes:
        request = msgspec.json.decode(line, type=Request)
        self.asked.append(request)
        response = Response(
            reference=request.reference,
            amount=request.amount,
            currency=request.currency,
            code=self.code,
            auth_code="AUTH12",
        )
        return msgspec.json.encode(msgspec.structs.replace(response, **self.changed))


def send(host: Host, instruction: Instruction = PAYING) -> Answer:
    return asyncio.run(TemplateAcquirer(host.carry).send(instruction))


def test_yes() -> None:
    assert send(Host()) == Approved(reference=11, amount=EURO, auth_code="AUTH12")


def test_the_card_is_sent_and_shown_nowhere() -> None:
    host = Host()
    send(host)
    [request] = host.asked
    assert (request.pan, request.expires, request.cvv) == ("4111111111111111", "0731", "123")
    assert "4111" not in f"{request!r} {request}"


def test_a_follow_up_names_the_original() -> None:
    host = Host()
    original = Original(reference=11, amount=EURO)
    charge = msgspec.structs.replace(PAYING, kind=Kind.CHARGE, card=None, original=original)
    assert isinstance(send(host, charge), Approved)
    assert (host.asked[0].action, host.asked[0].original, host.asked[0].pan) == ("charge", 11, None)


@pytest.mark.parametrize("code", DECLINES)
def test_no_for_every_reason_in_the_table(code: str) -> None:
    assert send(Host(code)) == Declined(decline=DECLINES[code])


@pytest.mark.parametrize(
    ("host", "why"),
    [
        (Host("ZZ"), "code"),
        (Host("25"), "code"),
        (Host(reference=12), "echo"),
        (Host(amount=1001), "echo"),
        (Host(currency="USD"), "echo"),
        (Host(auth_code=5), "unreadable"),
    ],
)
def test_what_is_no_clear_answer_is_unknown(host: Host, why: str) -> None:
    assert send(host) == Unknown(why=why)


def raising(error: Exception) -> Callable[[bytes], "asyncio.Future[bytes]"]:
    def carry(_line: bytes) -> "asyncio.Future[bytes]":
        broken: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        broken.set_exception(error)
        return broken

    return carry


def test_only_a_connection_never_made_is_certain() -> None:
    not_made = TemplateAcquirer(raising(NotConnectedError("refused")))
    assert asyncio.run(not_made.send(PAYING)) == Declined(decline=Decline.NOT_SENT)
    broken = TemplateAcquirer(raising(ConnectionResetError("reset")))
    with pytest.raises(ConnectionResetError):
        asyncio.run(broken.send(PAYING))


def test_an_inquiry_says_what_became_of_it() -> None:
    assert asyncio.run(TemplateAcquirer(Host("00").carry).inquire(INQUIRY)) == Approved(
        reference=11, amount=EURO, auth_code="AUTH12"
    )
    never = asyncio.run(TemplateAcquirer(Host("25").carry).inquire(INQUIRY))
    assert never == Declined(decline=Decline.NOT_RECEIVED)


def test_an_inquiry_that_was_not_sent_says_nothing() -> None:
    not_made = TemplateAcquirer(raising(NotConnectedError("refused")))
    with pytest.raises(NotConnectedError):
        asyncio.run(not_made.inquire(INQUIRY))


@pytest.mark.parametrize(
    "options", [(), (("host", "127.0.0.1"),), (("port", "x"),), (("color", "red"),)]
)
def test_settings_are_checked(options: tuple[tuple[str, str], ...]) -> None:
    with pytest.raises(ConnectorError):
        open_template(Place(options=options))


def test_over_a_real_socket() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await Host().carry(await reader.readline()) + b"\n")
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    async def run() -> tuple[Answer, Answer]:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = str(server.sockets[0].getsockname()[1])
        acquirer = open_template(Place(options=(("host", "127.0.0.1"), ("port", port))))
        reached = await acquirer.send(PAYING)
        server.close()
        await server.wait_closed()
        refused = await acquirer.send(PAYING)
        await acquirer.close()
        return reached, refused

    reached, refused = asyncio.run(run())
    assert isinstance(reached, Approved)
    assert refused == Declined(decline=Decline.NOT_SENT)
