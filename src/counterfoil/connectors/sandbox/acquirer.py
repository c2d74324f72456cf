"""The test bank's answers: every one follows from the instruction, the table and the book.

What is approved or declined is booked before anything is awaited, so that an inquiry is always
certain. An instruction that comes again is answered from the book, also where the first answer was
lost on purpose.
"""

import asyncio
from typing import Final, NoReturn

from msgspec.structs import replace

from counterfoil.connectors import Behaviour, Place, settings, whole_number
from counterfoil.connectors.sandbox.book import Book, open_book
from counterfoil.connectors.sandbox.entry import Entry
from counterfoil.connectors.sandbox.numbers import arn, rrn, trace_id
from counterfoil.connectors.sandbox.table import (
    AMOUNTS,
    BY_CARD,
    BY_NAME,
    DEFAULT,
    MISBEHAVIOURS,
    REFUSED_UPI,
    REFUSING_VPA,
    Row,
    customer_row,
)
from counterfoil.core.answers import Answer, Approved, Declined, Unknown
from counterfoil.core.declines import BY_CODE, REASONS, Decline
from counterfoil.core.minor import digits
from counterfoil.core.money import Money
from counterfoil.core.order import Kind, Outcome
from counterfoil.core.ports import Capability, Inquiry, Instruction, Receiver

NAME: Final = "sandbox"
AUTH_CODE: Final = "AUTH12"  # the documented example of the Bizon wire
LATE_MS: Final = 30_000  # longer than any time limit that a caller waits
UPI: Final = "upi"
UPI_MS: Final = 1_500  # a payer looks at his telephone; the documents say some two seconds
MS_PER_S: Final = 1000
DECIMALS: Final = 2  # of the currencies whose amounts mean something
SUPPORTS: Final = frozenset(Capability) - {Capability.NEEDS_CARD}
CLEARED: Final = frozenset({Kind.CHARGE, Kind.REFUND})  # what has an ARN
SAME_TRANSACTION: Final = frozenset({Kind.CHARGE, Kind.REVERSE})  # what keeps its original's RRN


class Sandbox:
    """An `Acquirer` in this process; `book` is what tests compare with ours."""

    def __init__(
        self, book: Book, *, latency_ms: int = 0, late_ms: int = LATE_MS, upi_ms: int = UPI_MS
    ) -> None:
        self.book = book
        self._latency_ms = latency_ms
        self._late_ms = late_ms
        self._upi_ms = upi_ms
        self._receive: Receiver | None = None
        self._coming: set[asyncio.Task[None]] = set()

    @property
    def name(self) -> str:
        """The name by which terminals choose it."""
        return NAME

    @property
    def supports(self) -> frozenset[Capability]:
        """What it can do: everything, without seeing the card again."""
        return SUPPORTS

    async def send(self, instruction: Instruction) -> Answer:
        """What the table says of the card; never returns for the rows that time out."""
        row = self._row(instruction)
        behaviour = row.behaviour if instruction.kind in row.on else Behaviour.APPROVE
        if behaviour is Behaviour.TIMEOUT_BEFORE:
            await _never()
        if behaviour is Behaviour.WRONG_ECHO:
            return _wrong(instruction)
        entry = _entry(instruction, row, behaviour)
        standing = self.book.write(entry)
        answer = _answer(standing)
        if standing is entry and _asks_payer(instruction):
            self._answer_in(self._upi_ms, instruction, answer)
            return Unknown(why="the payer is asked")
        if standing is entry and behaviour in MISBEHAVIOURS:
            await self._misbehave(behaviour, instruction, answer)
        if self._latency_ms:
            await asyncio.sleep(self._latency_ms / MS_PER_S)
        return answer

    async def inquire(self, inquiry: Inquiry) -> Answer:
        """What the book says; what it does not hold was never received."""
        entry = self.book.find(inquiry.reference)
        return Declined(decline=Decline.NOT_RECEIVED) if entry is None else _answer(entry)

    def listen(self, receive: Receiver) -> None:
        """Late and repeated answers go to `receive`; without it they go nowhere."""
        self._receive = receive

    async def close(self) -> None:
        """Forget the answers still to come, and close the book."""
        coming = tuple(self._coming)
        for task in coming:
            task.cancel()
        await asyncio.gather(*coming, return_exceptions=True)
        self.book.close()

    def _row(self, instruction: Instruction) -> Row:
        if instruction.card is not None:
            return _declining(instruction, BY_CARD.get(instruction.card.pan.reveal(), DEFAULT))
        if instruction.account == REFUSING_VPA:
            return REFUSED_UPI
        if instruction.original is not None:
            script = self.book.script(instruction.original.reference)
            if script is not None:
                return BY_NAME.get(script, DEFAULT)
        if instruction.payer is not None and instruction.kind is Kind.AUTHORIZE:
            proved = instruction.secure3d is not None
            return customer_row(instruction.payer, _owed(instruction), proved=proved)
        return DEFAULT

    async def _misbehave(
        self, behaviour: Behaviour, instruction: Instruction, answer: Answer
    ) -> None:
        if behaviour is Behaviour.TIMEOUT_AFTER:
            await _never()
        late = behaviour is Behaviour.LATE
        self._answer_in(self._late_ms if late else self._latency_ms, instruction, answer)
        if late:
            await _never()

    def _answer_in(self, delay_ms: int, instruction: Instruction, answer: Answer) -> None:
        coming = asyncio.create_task(self._tell(instruction, answer, delay_ms))
        self._coming.add(coming)
        coming.add_done_callback(self._coming.discard)

    async def _tell(self, instruction: Instruction, answer: Answer, delay_ms: int) -> None:
        await asyncio.sleep(delay_ms / MS_PER_S)
        if self._receive is not None:
            await self._receive(instruction.inquiry, answer)


def open_sandbox(place: Place) -> Sandbox:
    """The test bank, its book in `<stem>.sandbox.jsonl`.

    Options: `latency_ms`, `late_ms`, `upi_ms`, and `alone` where no other process serves the same
    database. Raises `ConnectorError` for other options, `OSError` or `BookError` for the file.
    """
    options = settings(place, ("latency_ms", "late_ms", "upi_ms", "alone"))
    latency_ms = whole_number(options, "latency_ms", 0)
    late_ms = whole_number(options, "late_ms", LATE_MS)
    path = None if place.folder is None else place.folder / f"{place.stem}.{NAME}.jsonl"
    return Sandbox(
        open_book(path, alone="alone" in options),
        latency_ms=latency_ms,
        late_ms=late_ms,
        upi_ms=whole_number(options, "upi_ms", UPI_MS),
    )


def _asks_payer(instruction: Instruction) -> bool:
    """Whether a person has to agree on a telephone before the bank can say anything."""
    return instruction.method == UPI and instruction.kind is Kind.AUTHORIZE


def _owed(instruction: Instruction) -> Money:
    """What an authorization comes to, with the one that it raises."""
    before = instruction.original.amount.minor if instruction.original else 0
    return replace(instruction.amount, minor=instruction.amount.minor + before)


def _declining(instruction: Instruction, row: Row) -> Row:
    """The row, declining where the check digits or the amount say so."""
    given = None if instruction.card is None else instruction.card.cvv
    decline = AMOUNTS.get(instruction.amount.minor) if row.by_amount else None
    if decline is not None and digits(instruction.amount.currency) != DECIMALS:
        decline = None
    first = instruction.kind is Kind.AUTHORIZE and instruction.recurring is None
    if row.asks and first and instruction.secure3d is None:
        decline = Decline.AUTHENTICATION_REQUIRED
    if row.cvv is not None and given is not None and given.reveal() != row.cvv:
        decline = Decline.CVV_FAILURE
    if decline is None:
        return row
    return replace(row, behaviour=Behaviour.DECLINE, decline=decline)


def _entry(instruction: Instruction, row: Row, behaviour: Behaviour) -> Entry:
    declined = row.decline if behaviour is Behaviour.DECLINE else None
    original = instruction.original
    return Entry(
        reference=instruction.reference,
        kind=instruction.kind,
        merchant=instruction.merchant,
        order=instruction.order,
        minor=instruction.amount.minor,
        currency=instruction.amount.currency,
        original=None if original is None else original.reference,
        outcome=Outcome.APPROVED if declined is None else Outcome.DECLINED,
        code="00" if declined is None else REASONS[declined].code,
        script=row.name,
    )


def _answer(entry: Entry) -> Answer:
    """The answer that goes with an entry, today and whenever it is asked for again."""
    original = entry.original if entry.kind in SAME_TRANSACTION else None
    number = rrn(original or entry.reference)
    if entry.outcome is not Outcome.APPROVED:
        return Declined(decline=BY_CODE[entry.code], rrn=number)
    return Approved(
        reference=entry.reference,
        amount=Money(minor=entry.minor, currency=entry.currency),
        auth_code=AUTH_CODE,
        rrn=number,
        arn=arn(entry.reference) if entry.kind in CLEARED else None,
        trace_id=trace_id(entry.reference) if entry.kind is Kind.AUTHORIZE else None,
    )


def _wrong(instruction: Instruction) -> Approved:
    amount = replace(instruction.amount, minor=instruction.amount.minor + 1)
    return Approved(reference=instruction.reference, amount=amount, auth_code=AUTH_CODE)


async def _never() -> NoReturn:
    """Wait until the caller's time limit cancels the wait."""
    await asyncio.Event().wait()
    raise AssertionError("nobody sets this event")
