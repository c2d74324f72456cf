"""An acquirer on unreliable lines, with a book of its own that never errs.

It carries out each reference once. What it was asked about and had not seen, or was told to reverse
before it came, it will not carry out any more. Whatever no bank may ever be asked is a fault.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import NoReturn

from msgspec.structs import replace
from tests.simulation.faults import Chance, Fate

from counterfoil.core.answers import Answer, Approved, Declined, Unknown
from counterfoil.core.declines import Decline
from counterfoil.core.money import Money
from counterfoil.core.order import Kind
from counterfoil.core.ports import Capability, Inquiry, Instruction, Receiver
from counterfoil.testing.acquirer import EVERYTHING

NEVER_CAME = frozenset({Fate.LOST, Fate.REFUSED, Fate.DELAYED})
TOO_LATE_MS = (3_100, 5_000, 9_000, 20_000, 60_000)  # all beyond the time limit of the engine


class Entry:
    """What the bank made of an instruction. `undone`: taken back, as if it had never been."""

    def __init__(self, asked: Instruction, *, approved: bool) -> None:
        self.reference = asked.reference
        self.merchant = asked.merchant
        self.order = asked.order
        self.kind = asked.kind
        self.amount = asked.amount
        self.original = asked.original.reference if asked.original else None
        self.approved = approved
        self.undone = False
        self.released = 0

    @property
    def stands(self) -> bool:
        """Whether it holds or has moved money."""
        return self.approved and not self.undone


class Bank:
    """The acquirer. `faults`: what it was asked that must never be asked."""

    def __init__(
        self, name: str, chance: Chance, note: Callable[[str], None], *, mute: bool
    ) -> None:
        self.name = name
        self.supports = EVERYTHING - {Capability.INQUIRE} if mute else EVERYTHING
        self.down = False
        self.book: dict[int, Entry] = {}
        self.faults: list[str] = []
        self.coming: dict[asyncio.Task[None], None] = {}
        self.deliver: Receiver | None = None
        self.note = note
        self._chance = chance
        self._blocked: set[int] = set()
        self._followed: dict[int, list[Entry]] = {}
        self._refunds: dict[int, list[tuple[Entry, int]]] = {}
        self._asked: Counter[int] = Counter()

    async def send(self, instruction: Instruction) -> Answer:
        """The answer, if it arrives."""
        self._asked[instruction.reference] += 1
        if self._asked[instruction.reference] > 1 and instruction.kind is not Kind.REVERSE:
            self._fault(instruction, "sent twice")
        fate = Fate.REFUSED if self._unreachable() else self._chance.fate()
        self.note(f"send {instruction.kind} {instruction.reference} {fate}")
        await self._chance.pause(0, 1, 5, 20)
        if fate in NEVER_CAME:
            return await self._never_came(instruction, fate)
        answer = self.arrive(instruction, declined=fate is Fate.DECLINED)
        match fate:
            case Fate.SILENT:
                await _forever()
            case Fate.BROKEN:
                raise ConnectionError
            case Fate.LATE:
                self._later(self._tell(instruction, answer, TOO_LATE_MS))
                await _forever()
            case Fate.TWICE:
                self._later(self._tell(instruction, answer, (0, 1, 10, 1_000)))
            case Fate.WRONG:
                answer = _misquoted(answer)
        await self._chance.pause(0, 1, 5, 20, 200, 2_500)
        return answer

    async def inquire(self, inquiry: Inquiry) -> Answer:
        """What the book says; not being in it is final."""
        await self._chance.pause(0, 1, 5)
        if self._unreachable() or self._chance.once_in(6):
            raise ConnectionError
        if self._chance.once_in(8):
            await asyncio.sleep(self._chance.pick((1, 30)))
            return Unknown(why="timeout")
        answer = self.truth(inquiry.reference)
        self.note(f"inquire {inquiry.kind} {inquiry.reference} {type(answer).__name__}")
        await self._chance.pause(0, 1, 20, 500)
        return _misquoted(answer) if self._chance.once_in(20) else answer

    def truth(self, reference: int) -> Answer:
        """What the book says of a reference; one that is not in it can come no more."""
        entry = self.book.get(reference)
        if entry is None:
            self._blocked.add(reference)
        if entry is None or entry.undone:
            return Declined(decline=Decline.NOT_RECEIVED)
        return _answer(entry)

    def arrive(self, instruction: Instruction, *, declined: bool = False) -> Answer:
        """Carry it out, or find that it was."""
        entry = self.book.get(instruction.reference)
        if entry is not None:
            return _answer(entry)
        if instruction.reference in self._blocked:
            return Declined(decline=Decline.INVALID_TRANSACTION)
        if instruction.reference < 0:
            return self._undo(instruction, failing=declined)
        entry = Entry(instruction, approved=not declined)
        if entry.approved:
            self._examine(instruction, entry)
        self._enter(entry)
        return _answer(entry)

    def listen(self, receive: Receiver) -> None:
        """Late answers go to whichever process lives: `deliver`."""

    async def close(self) -> None:
        """Nothing to let go of."""

    def _unreachable(self) -> bool:
        return self.down and not self._chance.calm

    async def _never_came(self, instruction: Instruction, fate: Fate) -> Answer:
        if fate is Fate.REFUSED:
            raise ConnectionError
        if fate is Fate.DELAYED:
            self._later(self._come_late(instruction))
        return await _forever()

    async def _come_late(self, instruction: Instruction) -> None:
        await self._chance.pause(*TOO_LATE_MS)
        await self._tell(instruction, self.arrive(instruction), (0, 10))

    async def _tell(
        self, instruction: Instruction, answer: Answer, after_ms: tuple[int, ...]
    ) -> None:
        await self._chance.pause(*after_ms)
        assert self.deliver is not None
        self.note(f"tell {instruction.kind} {instruction.reference} {type(answer).__name__}")
        await self.deliver(question(instruction), answer)

    def _later(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        assert isinstance(task, asyncio.Task)
        self.coming[task] = None
        task.add_done_callback(self.coming.pop)

    def _undo(self, instruction: Instruction, *, failing: bool) -> Answer:
        assert instruction.original is not None
        if failing:
            return Declined(decline=Decline.SYSTEM_MALFUNCTION)
        was = self.book.get(instruction.original.reference)
        if was is None or not was.approved:
            self._blocked.add(instruction.original.reference)
            return Declined(decline=Decline.ORIGINAL_NOT_FOUND)
        refunds = (each for each, _ in self._refunds.get(was.reference, ()))
        if any(each.stands for each in (*self._followed.get(was.reference, ()), *refunds)):
            self._fault(instruction, "taken back under what follows it")
        if instruction.amount != was.amount or was.kind not in {Kind.AUTHORIZE, Kind.CHARGE}:
            self._fault(instruction, "taken back wrongly")
        was.undone = True
        entry = Entry(instruction, approved=True)
        self.book[entry.reference] = entry
        return _answer(entry)

    def _examine(self, instruction: Instruction, entry: Entry) -> None:
        """What a bank would refuse; ours never asks it."""
        if entry.kind in {Kind.AUTHORIZE, Kind.CREDIT}:
            return
        if entry.kind is Kind.REFUND:
            self._examine_refund(instruction, entry)
            return
        original = self.book.get(entry.original or 0)
        if original is None or not original.stands or original.kind is not Kind.AUTHORIZE:
            self._fault(instruction, "follows nothing that stands")
            return
        if (original.merchant, original.order) != (entry.merchant, entry.order):
            self._fault(instruction, "follows another order")
        left = self._left(original)
        if entry.amount.minor > left:
            self._fault(instruction, f"overdraws the {left} that are left")
        if instruction.final:
            entry.released = left - entry.amount.minor

    def _examine_refund(self, instruction: Instruction, entry: Entry) -> None:
        """Limited per charge, whatever it says of several."""
        if sum(part.minor for part in instruction.parts) != entry.amount.minor:
            self._fault(instruction, "has parts that are not its amount")
        for part in instruction.parts:
            charge = self.book.get(part.charge)
            if charge is None or not charge.stands or charge.kind is not Kind.CHARGE:
                self._fault(instruction, "follows nothing that stands")
                return
            if (charge.merchant, charge.order) != (entry.merchant, entry.order):
                self._fault(instruction, "follows another order")
            refunds = self._refunds.setdefault(charge.reference, [])
            left = charge.amount.minor - sum(minor for each, minor in refunds if each.stands)
            if part.minor > left:
                self._fault(instruction, f"overdraws the {left} that are left")
            refunds.append((entry, part.minor))

    def _left(self, authorization: Entry) -> int:
        """What may still be charged or reversed."""
        gone = (
            each.amount.minor + each.released
            for each in self._followed.get(authorization.reference, ())
            if each.stands and each.kind is not Kind.REFUND
        )
        return authorization.amount.minor - sum(gone)

    def _enter(self, entry: Entry) -> None:
        self.book[entry.reference] = entry
        if entry.original is not None:
            self._followed.setdefault(entry.original, []).append(entry)

    def _fault(self, instruction: Instruction, what: str) -> None:
        self.faults.append(
            f"{self.name}: {instruction.kind} {instruction.reference} of order "
            f"{instruction.order} {what}"
        )


def question(instruction: Instruction) -> Inquiry:
    """The inquiry that names an instruction."""
    return Inquiry(
        reference=instruction.reference,
        merchant=instruction.merchant,
        order=instruction.order,
        kind=instruction.kind,
        amount=instruction.amount,
        terminal=instruction.terminal,
    )


def _answer(entry: Entry) -> Answer:
    if entry.approved:
        return Approved(reference=entry.reference, amount=entry.amount, auth_code="AUTH12")
    return Declined(decline=Decline.DO_NOT_HONOR)


def _misquoted(answer: Answer) -> Answer:
    if not isinstance(answer, Approved):
        return Unknown(why="garbled")
    amount = Money(minor=answer.amount.minor + 1, currency=answer.amount.currency)
    return replace(answer, amount=amount)


async def _forever() -> NoReturn:
    await asyncio.Event().wait()
    raise AssertionError
