"""For any history of operations, driven through whichever wire, all four wires report the same.

Every history follows from its seed. A failure prints that and what was done;
`SEED=7 pytest tests/four` replays that one alone. `make soak` runs ten times as many.
"""

import asyncio
from collections import Counter
from os import environ
from random import Random
from typing import Final, NamedTuple

import pytest
from msgspec.structs import replace
from tests.contract.wires import MERCHANT, Desk, open_desk
from tests.four.tally import Move, Tally
from tests.four.views import agree
from tests.four.wires import MAKES, UNITS, VERBS, Case, succeeded

from counterfoil.core.order import Kind
from counterfoil.core.ports import Inquiry
from counterfoil.core.rates import Rate

HISTORIES: Final = 1_000
SOAK: Final = 10_000
ONE: Final = environ.get("SEED")
STEPS: Final = 8
TRIES: Final = 3  # to find a step that moves something
DESK_LASTS: Final = 60  # histories; then its lists have become long
MIXED: Final = "mixed"
DRIVEN: Final = (*MAKES, MIXED)
LEAST: Final = 10  # times that each verb must have moved money for the test to prove much
MOODS: Final = ((False, False),) * 12 + ((True, False), (True, True), (False, True))


class Terms(NamedTuple):
    """An order's currency, the one it is accounted in, and whether there may be many charges."""

    currency: str
    home: str
    several: bool


TERMS: Final = (
    Terms("EUR", "USD", several=True),
    Terms("EUR", "EUR", several=False),
    Terms("USD", "USD", several=True),
    Terms("JPY", "JPY", several=False),
    Terms("KWD", "EUR", several=True),
)


class Desks:
    """A gateway in memory for each of the terms, a new one now and then."""

    def __init__(self) -> None:
        self._open: dict[Terms, tuple[Desk, int]] = {}

    async def of(self, terms: Terms) -> Desk:
        """The gateway of those terms."""
        desk, used = self._open.get(terms, (None, 0))
        if desk is None or used >= DESK_LASTS:
            desk, used = await opened(terms), 0
        self._open[terms] = desk, used + 1
        return desk


async def opened(terms: Terms) -> Desk:
    """A gateway whose demo merchant has those terms."""
    desk = await open_desk()
    store, day = desk.store, desk.clock.today().date().isoformat()
    merchant = await store.merchant(MERCHANT)
    assert merchant is not None
    await store.save_merchant(
        replace(
            merchant,
            currencies=tuple({each.currency for each in TERMS}),
            accounting_currency=terms.home,
            terminals=merchant.terminals[:1],
            multiple_charges=terms.several,
        )
    )
    rates = [Rate(day=day, source="EUR", target=each, rate="1.25") for each in ("KWD", "JPY")]
    await store.save_rates(rates)
    return desk


class History:
    """One order, from its seed: what was done, and through which wire."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.driven = DRIVEN[seed % len(DRIVEN)]
        self.home = self.random.choice([*MAKES]) if self.driven == MIXED else self.driven
        invoice = self.home == "afterpay"
        self.terms = self.random.choice(TERMS[:2] if invoice else TERMS)
        self.moved = Counter[str]()
        self.log: list[str] = []

    async def run(self, desk: Desk) -> None:
        """Make the order, work on it, and read it through every wire after each step."""
        currency, several = self.terms.currency, self.terms.several
        case = Case(desk, self.random, currency=currency, several=several)
        await self._make(case)
        for _ in range(self.random.randint(1, STEPS)):
            if case.tally.standing == "declined":
                return
            wire = self.random.choice([*VERBS]) if self.driven == MIXED else self.home
            await self._step(case, wire)

    async def _make(self, case: Case) -> None:
        """The order, authorized; where it is declined on the Razorpay wire, once more."""
        whole = self._whole(case)
        case.tally = Tally(whole)
        case.at_once = self.home != "afterpay" and self.random.random() < 0.2
        charge = (Move(Kind.CHARGE, whole),) if case.at_once else ()
        for _ in range(2):
            self._mood(case)
            known = set(case.desk.store._orders)
            answer = await MAKES[self.home](case, whole)
            case.order = max(set(case.desk.store._orders) - known, default=(0, case.order))[1]
            self._note(case, f"{self.home} {whole} {self.terms} {case.lines}", answer.text)
            done = (Move(Kind.AUTHORIZE, whole),)
            await self._follow(case, done, charge, ok=succeeded(answer))
            if self.home != "razorpay" or case.tally.standing != "declined":
                break
        self.moved[f"{self.home} made"] += case.tally.authorized > 0

    def _whole(self, case: Case) -> int:
        """An amount; of a PayFunc order perhaps that of lines."""
        if self.home != "payfunc" or self.random.random() < 0.5:
            return self.random.choice([1_000, 18_500, 99_990])
        count = self.random.randint(1, 3)
        case.lines = [
            (self.random.randint(1, 90) * 10, self.random.randint(1, 4)) for _ in range(count)
        ]
        case.by_units = self.driven == "payfunc"
        return sum(price * quantity for price, quantity in case.lines)

    async def _step(self, case: Case, wire: str) -> None:
        """Something that is often possible, with an amount that may be."""
        for _ in range(TRIES):
            verb = self.random.choice(VERBS[wire] if not case.lines else VERBS[wire] + UNITS[wire])
            asked = verb(case, self._minor(case))
            if asked.moves:
                break
        self._mood(case)
        answer = await case.ask(wire, asked.method, asked.path, asked.body)
        self._note(case, f"{wire} {asked}", answer.text)
        before = case.tally.stands
        await self._follow(case, asked.moves, ok=succeeded(answer))
        self.moved[f"{wire} {asked.name}"] += before != case.tally.stands

    def _minor(self, case: Case) -> int | None:
        """All, a part, the whole of something, or a little more."""
        most = self.random.choice([each for each in case.tally.stands if each] or [10])
        part = self.random.randint(1, max(1, most // 10)) * 10
        return self.random.choice([None, part, part, part, most, most + 10])

    def _mood(self, case: Case) -> None:
        """How the bank is to answer next."""
        case.desk.bank.declines, case.desk.bank.mumbles = self.random.choice(MOODS)

    def _note(self, case: Case, what: str, said: str) -> None:
        bank = case.desk.bank
        self.log.append(f"{what} declines={bank.declines} mumbles={bank.mumbles}: {said[:300]}")

    async def _follow(
        self, case: Case, moves: tuple[Move, ...], then: tuple[Move, ...] = (), *, ok: bool
    ) -> None:
        """Count what it came to, also when an answer comes late, and compare.

        `then` follows by itself where it is approved.
        """
        bank, tally = case.desk.bank, case.tally
        sent = [each for each in moves if each.minor]
        heard = not sent or not (bank.declines or bank.mumbles)
        assert ok == (bool(moves) and heard)
        approved = not (sent and bank.declines)
        tally.ask(moves)
        if sent and bank.mumbles:
            await agree(case)
            await self._hear(case)
        tally.waits = ()
        for move in moves + then if approved else ():
            tally.take(move)
        if not approved and not tally.authorized:
            tally.failed.append(tally.whole)
        await agree(case)

    async def _hear(self, case: Case) -> None:
        """The bank's answers come after all."""
        bank = case.desk.bank
        bank.declines = bank.mumbles = False
        for asked, answer in bank.unheard:
            inquiry = Inquiry(
                reference=asked.reference,
                merchant=asked.merchant,
                order=asked.order,
                kind=asked.kind,
                amount=asked.amount,
                terminal=asked.terminal,
            )
            await case.desk.engine.receive(inquiry, answer)
        bank.unheard.clear()


async def play(seeds: range) -> Counter[str]:
    """Play those histories; a failure names the seed and what was done."""
    desks, moved = Desks(), Counter[str]()
    for seed in seeds:
        history = History(seed)
        try:
            await history.run(await desks.of(history.terms))
        except BaseException as error:
            error.add_note("\n".join([f"SEED={seed}", *history.log]))
            raise
        moved += history.moved
    return moved


def played(driven: str, histories: int) -> None:
    """So many histories of all, those that are driven so; each verb moves money often."""
    if ONE is not None:
        asyncio.run(play(range(int(ONE), int(ONE) + 1)))
        return
    moved = asyncio.run(play(range(DRIVEN.index(driven), histories, len(DRIVEN))))
    assert min(moved.values()) >= LEAST, moved


@pytest.mark.parametrize("driven", DRIVEN)
def test_four_wires_report_the_same(driven: str) -> None:
    played(driven, HISTORIES)


@pytest.mark.soak
@pytest.mark.parametrize("driven", DRIVEN)
def test_four_wires_report_the_same_ten_thousand_times(driven: str) -> None:
    played(driven, SOAK)
