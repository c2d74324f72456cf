"""The test bank: its numbers, what it remembers of a card, and what its book says."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec.structs import replace

from counterfoil.connectors import Behaviour, Place
from counterfoil.connectors.sandbox.acquirer import Sandbox, open_sandbox
from counterfoil.connectors.sandbox.numbers import arn, rrn, trace_id
from counterfoil.connectors.sandbox.table import card_doing, card_for
from counterfoil.core.answers import Answer, Approved, Declined
from counterfoil.core.card import Cvv, Pan
from counterfoil.core.declines import BY_CODE, REASONS, Decline
from counterfoil.core.money import Money
from counterfoil.core.order import Kind, Outcome, Secure3d, id_at
from counterfoil.core.pan import describe, luhn
from counterfoil.core.ports import CardData, Inquiry, Instruction, Original

NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)
FIRST = id_at(int(NOON.timestamp()) * 1_000_000)


def asked(
    reference: int, card: str | None = None, kind: Kind = Kind.AUTHORIZE, original: int = 0
) -> Instruction:
    euro = Money(minor=999, currency="EUR")
    pan = None if card is None else Pan(card)
    return Instruction(
        reference=FIRST + reference,
        merchant=1,
        order=FIRST,
        kind=kind,
        amount=euro,
        terminal="TERM",
        card=None if pan is None else CardData(pan=pan, card=describe(pan, 1), cvv=Cvv("123")),
        original=Original(reference=FIRST + original, amount=euro) if original else None,
    )


def run(act: Callable[[Sandbox], Awaitable[None]], place: Place | None = None) -> None:
    async def main() -> None:
        bank = open_sandbox(place or Place())
        try:
            await act(bank)
        finally:
            await bank.close()

    asyncio.run(main())


async def silent(bank: Sandbox, instruction: Instruction) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await bank.send(instruction)


def test_the_numbers_of_a_transaction() -> None:
    async def act(bank: Sandbox) -> None:
        first = await bank.send(asked(1, "4111111111111111"))
        charge = await bank.send(asked(2, kind=Kind.CHARGE, original=1))
        refund = await bank.send(asked(3, kind=Kind.REFUND, original=2))
        reverse = await bank.send(asked(4, kind=Kind.REVERSE, original=1))
        credit = await bank.send(asked(5, "4111111111111111", Kind.CREDIT))
        answers = [first, charge, refund, reverse, credit]
        known = [answer for answer in answers if isinstance(answer, Approved)]
        assert [each.auth_code for each in known] == ["AUTH12"] * 5
        assert [each.rrn == known[0].rrn for each in known] == [True, True, False, True, False]
        assert [each.arn is not None for each in known] == [False, True, True, False, False]
        assert [each.trace_id is not None for each in known] == [True] + [False] * 4

    run(act)


def test_numbers_have_their_forms() -> None:
    assert rrn(FIRST)[:6] == "601512"  # day 15 of 2026, at noon
    assert re.fullmatch(r"MCC\d{6}0115", trace_id(FIRST))
    assert arn(FIRST)[:11] == "74000006015"
    for reference in range(FIRST, FIRST + 10**15, 10**13 + 7):
        assert re.fullmatch(r"\d{12}", rrn(reference))
        assert re.fullmatch(r"MCC\d{10}", trace_id(reference))
        assert re.fullmatch(r"\d{23}", arn(reference))
        assert luhn(arn(reference))


def test_neighbours_have_different_numbers() -> None:
    references = range(FIRST, FIRST + 1000)
    for give in (rrn, arn, trace_id):
        assert len({give(reference) for reference in references}) == 1000


@pytest.mark.parametrize("kind", [Kind.CHARGE, Kind.REVERSE, Kind.REFUND, Kind.CREDIT])
def test_later_operations_remember_the_card_after_a_restart(kind: Kind, tmp_path: Path) -> None:
    place = Place(folder=tmp_path)

    async def before(bank: Sandbox) -> None:
        await bank.send(asked(1, card_for(Decline.LOST_CARD, kind)))
        if kind is Kind.REFUND:
            await bank.send(asked(2, kind=Kind.CHARGE, original=1))

    async def after(bank: Sandbox) -> None:
        original = 2 if kind is Kind.REFUND else 1
        answer = await bank.send(asked(3, kind=kind, original=original))
        assert isinstance(answer, Declined)
        assert answer.decline is Decline.LOST_CARD

    run(before, place)
    run(after, place)


def test_every_decline_comes_back_as_itself_from_the_book() -> None:
    async def act(bank: Sandbox) -> None:
        for at, decline in enumerate(BY_CODE.values()):
            instruction = asked(at, card_for(decline))
            answer = await bank.send(instruction)
            assert isinstance(answer, Declined)
            assert (answer.decline, answer.code) == (decline, None)
            assert await bank.inquire(inquiry(instruction)) == answer
        assert {each.outcome for each in bank.book.entries()} == {Outcome.DECLINED}

    run(act)


def inquiry(instruction: Instruction) -> Inquiry:
    return Inquiry(
        reference=instruction.reference,
        merchant=instruction.merchant,
        order=instruction.order,
        kind=instruction.kind,
        amount=instruction.amount,
        terminal=instruction.terminal,
    )


def test_the_book_holds_what_happened_and_nothing_else() -> None:
    async def act(bank: Sandbox) -> None:
        for at, behaviour in enumerate(
            (Behaviour.TIMEOUT_BEFORE, Behaviour.TIMEOUT_AFTER, Behaviour.LATE)
        ):
            await silent(bank, asked(at, card_doing(behaviour)))
        await bank.send(asked(3, card_doing(Behaviour.WRONG_ECHO)))
        await bank.send(asked(4, card_doing(Behaviour.DUPLICATE)))
        booked = [each.reference - FIRST for each in bank.book.entries()]
        assert booked == [1, 2, 4]

    run(act)


def test_what_was_lost_is_answered_when_it_comes_again() -> None:
    async def act(bank: Sandbox) -> None:
        instruction = asked(1, card_doing(Behaviour.TIMEOUT_AFTER))
        await silent(bank, instruction)
        assert isinstance(await bank.send(instruction), Approved)
        assert len(list(bank.book.entries())) == 1

    run(act)


def test_a_repeat_with_other_contents_gets_the_first_answer() -> None:
    async def act(bank: Sandbox) -> None:
        first = await bank.send(asked(1, "4111111111111111"))
        assert await bank.send(asked(1, card_for(Decline.LOST_CARD))) == first

    run(act)


def test_an_unknown_original_is_no_obstacle() -> None:
    async def act(bank: Sandbox) -> None:
        assert isinstance(await bank.send(asked(2, kind=Kind.CHARGE, original=1)), Approved)
        assert isinstance(await bank.send(asked(3, kind=Kind.REVERSE)), Approved)

    run(act)


def test_latency_comes_after_the_booking() -> None:
    async def act(bank: Sandbox) -> None:
        instruction = asked(1, "4111111111111111")
        await silent(bank, instruction)
        assert isinstance(await bank.inquire(inquiry(instruction)), Approved)

    run(act, Place(options=(("latency_ms", "200"),)))


def test_late_answers_without_a_listener_go_nowhere() -> None:
    async def act(bank: Sandbox) -> None:
        await bank.send(asked(1, card_doing(Behaviour.DUPLICATE)))
        await asyncio.sleep(0.01)

    run(act)


def test_closing_forgets_what_is_still_to_come() -> None:
    told: list[Answer] = []

    async def receive(_inquiry: Inquiry, answer: Answer) -> None:
        await asyncio.sleep(0)
        told.append(answer)

    async def act(bank: Sandbox) -> None:
        bank.listen(receive)
        await silent(bank, asked(1, card_doing(Behaviour.LATE)))

    run(act)
    assert told == []


def test_a_book_in_a_folder_is_named_by_its_stem(tmp_path: Path) -> None:
    async def act(bank: Sandbox) -> None:
        await bank.send(asked(1, "4111111111111111"))

    run(act, Place(folder=tmp_path / "new", stem="shop"))
    assert [file.name for file in (tmp_path / "new").iterdir()] == ["shop.sandbox.jsonl"]


@pytest.mark.parametrize(
    ("name", "minor", "code"),
    [
        ("Ada Lovelace", 999, None),
        ("", 999, None),
        ("Reject Me", 999, "05"),
        ("Underage", 999, "57"),
        ("ChargebackPresent Doe", 999, "59"),
        ("StrongCustomerAuthentication Doe", 999, "1A"),
        ("9 Doe", 900, None),
        ("9 Doe", 901, "61"),
        ("1234567890 Doe", 999, None),
        ("authorize.51 Doe", 999, "51"),
        ("charge.05 Doe", 999, None),
    ],
)
def test_a_customer_without_a_card_is_known_by_the_first_name(
    name: str, minor: int, code: str | None
) -> None:
    async def act(bank: Sandbox) -> None:
        who = replace(asked(1), method="invoice", payer=name)
        who = replace(who, amount=Money(minor=minor, currency="EUR"))
        answer = await bank.send(who)
        said = REASONS[answer.decline].code if isinstance(answer, Declined) else None
        assert said == code
        if name.startswith("Strong"):
            proved = replace(who, reference=FIRST + 2, secure3d=Secure3d(reason="login"))
            assert isinstance(await bank.send(proved), Approved)

    run(act)


def test_what_such_a_customer_does_later() -> None:
    async def act(bank: Sandbox) -> None:
        who = replace(asked(1), method="invoice", payer="charge.05 Doe")
        await bank.send(who)
        answer = await bank.send(asked(2, kind=Kind.CHARGE, original=1))
        assert isinstance(answer, Declined)

    run(act)


def test_a_limit_counts_what_was_authorized_before() -> None:
    async def act(bank: Sandbox) -> None:
        who = replace(asked(2, original=1), method="invoice", payer="10 Doe")
        assert isinstance(await bank.send(who), Declined)
        poor = replace(who, reference=FIRST + 3, payer="20 Doe")
        assert isinstance(await bank.send(poor), Approved)

    run(act)
