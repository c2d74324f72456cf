"""One suite for every connector that can be tested without a network: what each must do, each does.

Cases are made from what a connector says it supports; what it does not support makes no case.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final, TypeAlias

import msgspec
import pytest

from counterfoil.connectors import Behaviour, Connector, Place, Rehearsal, found
from counterfoil.core.answers import Answer, Approved, Declined
from counterfoil.core.card import Cvv, Pan
from counterfoil.core.declines import Decline
from counterfoil.core.money import Money
from counterfoil.core.order import Kind, id_at
from counterfoil.core.pan import describe
from counterfoil.core.ports import Acquirer, Capability, CardData, Inquiry, Instruction, Original

FIRST: Final = id_at(1_768_478_400_000_000)  # 2026-01-15T12:00:00Z
SHORT_S: Final = 0.02
LONG_S: Final = 5
CVV: Final = "8362"
CAN: Final = {
    Kind.REVERSE: Capability.REVERSE,
    Kind.REFUND: Capability.REFUND,
    Kind.CREDIT: Capability.CREDIT,
}


class Desk:
    """Somebody who uses one acquirer: numbers the instructions, and keeps all it was told."""

    def __init__(self, acquirer: Acquirer, rehearsal: Rehearsal) -> None:
        self.acquirer = acquirer
        self.rehearsal = rehearsal
        self.told: list[tuple[Inquiry, Answer]] = []
        self.said: list[Answer] = []
        self.telling = asyncio.Event()
        self._last = FIRST
        acquirer.listen(self.receive)

    async def receive(self, inquiry: Inquiry, answer: Answer) -> None:
        self.told.append((inquiry, answer))
        self.telling.set()

    def make(self, kind: Kind, minor: int, original: Instruction | None = None) -> Instruction:
        self._last += 256
        return Instruction(
            reference=self._last,
            merchant=7,
            order=FIRST,
            kind=kind,
            amount=Money(minor=minor, currency="EUR"),
            terminal="TERM",
            card=None if original is None else self._again(original),
            original=None
            if original is None
            else Original(reference=original.reference, amount=original.amount),
        )

    def _again(self, original: Instruction) -> CardData | None:
        return original.card if Capability.NEEDS_CARD in self.acquirer.supports else None

    def paying(self, behaviour: Behaviour, on: Kind, minor: int = 1000) -> Instruction:
        """An authorization (or, for a credit, that) with the card that behaves so."""
        kind = Kind.CREDIT if on is Kind.CREDIT else Kind.AUTHORIZE
        pan = Pan(self.rehearsal.card(behaviour, on))
        card = CardData(pan=pan, card=describe(pan, 1), cvv=Cvv(CVV))
        return msgspec.structs.replace(self.make(kind, minor), card=card)

    async def reach(self, behaviour: Behaviour, on: Kind) -> Instruction:
        """The instruction that will meet the behaviour, everything before it approved."""
        first = self.paying(behaviour, on)
        if on in {Kind.AUTHORIZE, Kind.CREDIT}:
            return first
        approved(await self.send(first), first)
        if on is not Kind.REFUND:
            return self.make(on, 1000, first)
        charge = self.make(Kind.CHARGE, 1000, first)
        approved(await self.send(charge), charge)
        return self.make(on, 1000, charge)

    async def send(self, instruction: Instruction) -> Answer:
        async with asyncio.timeout(LONG_S):
            answer = await self.acquirer.send(instruction)
        self.said.append(answer)
        return answer

    async def lose(self, instruction: Instruction) -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(SHORT_S):
                await self.acquirer.send(instruction)

    async def inquire(self, instruction: Instruction) -> Answer:
        inquiry = Inquiry(
            reference=instruction.reference,
            merchant=instruction.merchant,
            order=instruction.order,
            kind=instruction.kind,
            amount=instruction.amount,
            terminal=instruction.terminal,
        )
        return await self.acquirer.inquire(inquiry)


Act: TypeAlias = Callable[[Desk], Awaitable[None]]
Case: TypeAlias = tuple[Connector, Kind]


def perform(connector: Connector, folder: Path, act: Act) -> None:
    async def run() -> None:
        rehearsal = connector.rehearsal
        assert rehearsal is not None
        acquirer = connector.open(Place(folder=folder, stem="trial", options=rehearsal.options))
        try:
            await act(Desk(acquirer, rehearsal))
        finally:
            await acquirer.close()

    asyncio.run(run())


def approved(answer: Answer, instruction: Instruction) -> Approved:
    assert isinstance(answer, Approved)
    assert answer.reference == instruction.reference
    assert answer.amount == instruction.amount
    return answer


OFFLINE: Final = tuple(connector for connector in found() if connector.rehearsal is not None)


def supports(connector: Connector) -> frozenset[Capability]:
    said: list[frozenset[Capability]] = []

    async def act() -> None:
        acquirer = connector.open(Place())
        said.append(acquirer.supports)
        await acquirer.close()

    asyncio.run(act())
    return said[0]


SUPPORTS: Final = {connector.name: supports(connector) for connector in OFFLINE}


def able(*needed: Capability) -> list[Connector]:
    return [each for each in OFFLINE if SUPPORTS[each.name].issuperset(needed)]


def cases(*needed: Capability) -> list[Case]:
    """Every kind of operation that each able connector can be asked for."""
    return [
        (connector, kind)
        for connector in able(*needed)
        for kind in (Kind.AUTHORIZE, Kind.CHARGE, *CAN)
        if kind not in CAN or CAN[kind] in SUPPORTS[connector.name]
    ]


def name(value: object) -> str:
    match value:
        case Connector():
            return value.name
        case (Connector() as connector, kind):
            return f"{connector.name}-{kind}"
        case _:
            return str(value)


every_case = pytest.mark.parametrize("case", cases(), ids=name)
asked_later = pytest.mark.parametrize("case", cases(Capability.INQUIRE), ids=name)


def test_there_is_something_to_test() -> None:
    assert "sandbox" in {connector.name for connector in OFFLINE}


@every_case
def test_it_approves_with_the_echo_of_what_was_asked(case: Case, tmp_path: Path) -> None:
    async def act(desk: Desk) -> None:
        instruction = await desk.reach(Behaviour.APPROVE, case[1])
        assert approved(await desk.send(instruction), instruction).code == "00"
        assert desk.told == []

    perform(case[0], tmp_path, act)


@every_case
def test_it_declines_for_a_reason(case: Case, tmp_path: Path) -> None:
    async def act(desk: Desk) -> None:
        answer = await desk.send(await desk.reach(Behaviour.DECLINE, case[1]))
        assert isinstance(answer, Declined)
        assert answer.decline is desk.rehearsal.decline

    perform(case[0], tmp_path, act)


@pytest.mark.parametrize("connector", able(Capability.PARTIAL_CHARGE), ids=name)
def test_it_charges_a_part(connector: Connector, tmp_path: Path) -> None:
    async def act(desk: Desk) -> None:
        first = await desk.reach(Behaviour.APPROVE, Kind.AUTHORIZE)
        approved(await desk.send(first), first)
        charge = desk.make(Kind.CHARGE, 301, first)
        approved(await desk.send(charge), charge)

    perform(connector, tmp_path, act)


@pytest.mark.parametrize("connector", able(Capability.SEVERAL_CHARGES), ids=name)
def test_it_charges_part_after_part(connector: Connector, tmp_path: Path) -> None:
    async def act(desk: Desk) -> None:
        first = await desk.reach(Behaviour.APPROVE, Kind.AUTHORIZE)
        approved(await desk.send(first), first)
        for minor in (301, 302, 397):
            charge = desk.make(Kind.CHARGE, minor, first)
            approved(await desk.send(charge), charge)

    perform(connector, tmp_path, act)


@pytest.mark.parametrize("connector", able(Capability.PARTIAL_REVERSE), ids=name)
def test_it_reverses_a_part(connector: Connector, tmp_path: Path) -> None:
    async def act(desk: Desk) -> None:
        first = await desk.reach(Behaviour.APPROVE, Kind.AUTHORIZE)
        approved(await desk.send(first), first)
        reverse = desk.make(Kind.REVERSE, 1, first)
        approved(await desk.send(reverse), reverse)

    perform(connector, tmp_path, act)


@pytest.mark.parametrize("connector", able(Capability.REFUND), ids=name)
def test_it_refunds_a_charge_part_by_part(connector: Connector, tmp_path: Path) -> None:
    async def act(desk: Desk) -> None:
        charge = await desk.reach(Behaviour.APPROVE, Kind.CHARGE)
        approved(await desk.send(charge), charge)
        for minor in (999, 1):
            refund = desk.make(Kind.REFUND, minor, charge)
            approved(await desk.send(refund), refund)

    perform(connector, tmp_path, act)


@every_case
def test_the_same_instruction_twice_has_one_answer(case: Case, tmp_path: Path) -> None:
    async def act(desk: Desk) -> None:
        for behaviour in (Behaviour.APPROVE, Behaviour.DECLINE):
            instruction = await desk.reach(behaviour, case[1])
            first = await desk.send(instruction)
            assert await desk.send(instruction) == first

    perform(case[0], tmp_path, act)


@every_case
def test_an_answer_may_come_twice(case: Case, tmp_path: Path) -> None:
    async def act(desk: Desk) -> None:
        instruction = await desk.reach(Behaviour.DUPLICATE, case[1])
        answer = approved(await desk.send(instruction), instruction)
        async with asyncio.timeout(LONG_S):
            await desk.telling.wait()
        [(inquiry, again)] = desk.told
        assert inquiry.reference == instruction.reference
        assert again == answer

    perform(case[0], tmp_path, act)


@every_case
def test_an_answer_may_come_late(case: Case, tmp_path: Path) -> None:
    async def act(desk: Desk) -> None:
        instruction = await desk.reach(Behaviour.LATE, case[1])
        await desk.lose(instruction)
        async with asyncio.timeout(LONG_S):
            await desk.telling.wait()
        [(inquiry, answer)] = desk.told
        assert inquiry.reference == instruction.reference
        approved(answer, instruction)

    perform(case[0], tmp_path, act)


@every_case
def test_a_wrong_echo_is_handed_on_as_it_came(case: Case, tmp_path: Path) -> None:
    async def act(desk: Desk) -> None:
        instruction = await desk.reach(Behaviour.WRONG_ECHO, case[1])
        answer = await desk.send(instruction)
        assert isinstance(answer, Approved)
        assert answer.amount != instruction.amount

    perform(case[0], tmp_path, act)


@asked_later
def test_an_inquiry_repeats_the_answer(case: Case, tmp_path: Path) -> None:
    async def act(desk: Desk) -> None:
        for behaviour in (Behaviour.APPROVE, Behaviour.DECLINE, Behaviour.DUPLICATE):
            instruction = await desk.reach(behaviour, case[1])
            answer = await desk.send(instruction)
            assert await desk.inquire(instruction) == answer

    perform(case[0], tmp_path, act)


@asked_later
def test_an_inquiry_finds_what_was_approved_in_silence(case: Case, tmp_path: Path) -> None:
    async def act(desk: Desk) -> None:
        for behaviour in (Behaviour.TIMEOUT_AFTER, Behaviour.LATE):
            instruction = await desk.reach(behaviour, case[1])
            await desk.lose(instruction)
            approved(await desk.inquire(instruction), instruction)

    perform(case[0], tmp_path, act)


@asked_later
def test_an_inquiry_says_what_was_never_received(case: Case, tmp_path: Path) -> None:
    async def act(desk: Desk) -> None:
        lost = await desk.reach(Behaviour.TIMEOUT_BEFORE, case[1])
        await desk.lose(lost)
        wrong = await desk.reach(Behaviour.WRONG_ECHO, case[1])
        await desk.send(wrong)
        for instruction in (lost, wrong, desk.make(case[1], 1)):
            answer = await desk.inquire(instruction)
            assert isinstance(answer, Declined)
            assert answer.decline is Decline.NOT_RECEIVED

    perform(case[0], tmp_path, act)


@every_case
def test_no_card_data_is_kept_or_given_back(case: Case, tmp_path: Path) -> None:
    cards: list[str] = []
    shown: list[str] = []

    async def act(desk: Desk) -> None:
        for behaviour in (Behaviour.APPROVE, Behaviour.DECLINE, Behaviour.DUPLICATE):
            cards.append(desk.rehearsal.card(behaviour, case[1]))
            await desk.send(await desk.reach(behaviour, case[1]))
        cards.append(desk.rehearsal.card(Behaviour.LATE, case[1]))
        await desk.lose(await desk.reach(Behaviour.LATE, case[1]))
        shown.extend(f"{each!r} {each!s}" for each in (desk.acquirer, *desk.said, *desk.told))
        shown.append(msgspec.json.encode([desk.said, desk.told]).decode())

    perform(case[0], tmp_path, act)
    shown += [file.read_text() for file in tmp_path.rglob("*") if file.is_file()]
    for text in shown:
        assert re.search(rf"(?<!\d){CVV}(?!\d)", text) is None
        assert not any(card in text for card in cards)
