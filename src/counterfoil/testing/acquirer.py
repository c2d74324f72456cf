"""An acquirer that says what its script says, and keeps its own book of what it approved.

A script line is an answer, or a function from the instruction to an answer (which may raise, as a
broken connection does). Lines are used up in turn; after the last one `otherwise` answers.

    acquirer = ScriptedAcquirer(approve, decline(Decline.INSUFFICIENT_FUNDS), unknown("timeout"))

The book is what a test compares with ours: whatever we believe, this is where the money stands.
"""

from collections import deque
from collections.abc import Callable
from typing import Final, TypeAlias

from counterfoil.core.answers import Answer, Approved, Declined, Unknown
from counterfoil.core.declines import Decline
from counterfoil.core.ports import Capability, Inquiry, Instruction, Receiver

Script: TypeAlias = Answer | Callable[[Instruction], Answer]

EVERYTHING: Final = frozenset(Capability) - {Capability.NEEDS_CARD}


def approve(instruction: Instruction) -> Approved:
    """Yes, with the echo of what was asked and auth code AUTH12."""
    return Approved(reference=instruction.reference, amount=instruction.amount, auth_code="AUTH12")


def decline(why: Decline = Decline.DO_NOT_HONOR) -> Declined:
    """No."""
    return Declined(decline=why)


def unknown(why: str = "timeout") -> Unknown:
    """Nobody knows; the book holds nothing. For an approval whose answer is lost: `lose`."""
    return Unknown(why=why)


class ScriptedAcquirer:
    """An `Acquirer` that answers from a script; everything it was told and said is kept.

    `instructions` and `inquiries` hold what it was asked, in order; `book` holds its approvals by
    reference. An instruction that comes again is answered from the book and booked once.
    """

    def __init__(
        self,
        *script: Script,
        otherwise: Script = approve,
        name: str = "scripted",
        supports: frozenset[Capability] = EVERYTHING,
    ) -> None:
        self.script: deque[Script] = deque(script)
        self.otherwise = otherwise
        self.instructions: list[Instruction] = []
        self.inquiries: list[Inquiry] = []
        self.book: dict[int, Approved] = {}
        self.booked: dict[int, Instruction] = {}
        self.closed = False
        self._name = name
        self._supports = supports
        self._receive: Receiver | None = None

    @property
    def name(self) -> str:
        """The name by which terminals choose it."""
        return self._name

    @property
    def supports(self) -> frozenset[Capability]:
        """What it can do."""
        return self._supports

    async def send(self, instruction: Instruction) -> Answer:
        """The next line of the script; raises what a scripted function raises."""
        self.instructions.append(instruction)
        if instruction.reference in self.book:
            return self.book[instruction.reference]
        line = self.script.popleft() if self.script else self.otherwise
        answer = line(instruction) if callable(line) else line
        if isinstance(answer, Approved):
            self._enter(instruction, answer)
        return answer

    async def inquire(self, inquiry: Inquiry) -> Answer:
        """What the book says; this host is always certain."""
        self.inquiries.append(inquiry)
        return self.book.get(inquiry.reference) or Declined(decline=Decline.NOT_RECEIVED)

    def lose(self, instruction: Instruction) -> Unknown:
        """A script line: approve and book it, but let the answer get lost on the way."""
        self._enter(instruction, approve(instruction))
        return Unknown(why="timeout")

    async def tell(self, instruction: Instruction, answer: Answer) -> None:
        """Hand in an answer late, or twice, as real hosts do."""
        assert self._receive is not None, "nobody listens"
        if isinstance(answer, Approved):
            self._enter(instruction, answer)
        await self._receive(instruction.inquiry, answer)

    def listen(self, receive: Receiver) -> None:
        """Late answers go to `receive`."""
        self._receive = receive

    async def close(self) -> None:
        """Nothing to let go of; `closed` remembers the call."""
        self.closed = True

    def _enter(self, instruction: Instruction, answer: Approved) -> None:
        self.book[instruction.reference] = answer
        self.booked[instruction.reference] = instruction
