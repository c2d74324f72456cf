"""Merchants that go on through every failover, and what they were told, and when.

A merchant that is told to come again comes again with the same key, sooner than it was told, until
there is an answer. What was answered is remembered; what broke the rules of answering, too.
"""

import asyncio
import re
import time
from itertools import count
from random import Random
from typing import Final, NamedTuple

from msgspec import json
from tests.e2e.client import PAN, Answer, Client, LostError, OrderView, Request, payment

from counterfoil.connectors.sandbox.table import card_for
from counterfoil.core.declines import Decline

CALLERS: Final = 16
AGAIN_S: Final = 0.1  # instead of the second that the answer says: it measures finer
CALM_S: Final = 0.5  # between two orders of a caller while nothing is measured
WINDOW_S: Final = 5  # before something is broken: the rate to come back to
CARDS: Final = (*(PAN,) * 7, card_for(Decline.DO_NOT_HONOR))
STEPS: Final = (("charge", "80.00"), ("refund", "30.00"), ("refund", "20.00"))
LATER: Final = re.compile(rb"^retry-after: [1-9]\d*\r$", re.IGNORECASE | re.MULTILINE)


class Told(NamedTuple):
    """An answer: when it was asked for, when it came, its status."""

    asked: float
    at: float
    status: int


class Load:
    """Callers of one gateway."""

    def __init__(self, port: int, random: Random) -> None:
        self._port = port
        self._random = random
        self._serial = count()
        self.calm = False
        self.over = False
        self.told: list[Told] = []
        self.known: dict[str, OrderView] = {}  # by id: as the last 200 showed it
        self.open: list[Request] = []  # nobody knows yet, or it never reached the acquirer
        self.marks: list[str] = []
        self.odd: list[str] = []

    async def caller(self) -> None:
        """Orders, one after another, until it is over."""
        async with Client(self._port) as client:
            while not self.over:
                await self._order(client)
                if self.calm:
                    await asyncio.sleep(CALM_S * self._random.random() * 2)

    async def _order(self, client: Client) -> None:
        """An order, authorized, charged and refunded in part, as far as it goes."""
        mark = f"mark-{next(self._serial)}"
        self.marks.append(mark)
        body = payment(self._random.choice(CARDS), merchant_order_id=mark)
        order = await self._answered(client, "POST", "/orders/authorize", body)
        for verb, amount in STEPS:
            if order is None:
                return
            path = f"/orders/{order.id}/{verb}"
            order = await self._answered(client, "PUT", path, {"amount": amount})

    async def _answered(
        self, client: Client, method: str, path: str, body: object
    ) -> OrderView | None:
        """The order as an approval showed it; None: there is none to be had now."""
        key = f"key-{next(self._serial)}"
        request = Request(method=method, path=path, body=json.encode(body), key=key)
        while True:
            began = time.monotonic()
            try:
                answer = await client.ask(request)
            except LostError:
                self.odd.append("a connection that broke off")
                return None
            self.told.append(Told(began, time.monotonic(), answer.status))
            match answer.status:
                case 200:
                    self.known[answer.order.id] = answer.order
                    return answer.order
                case 503 if LATER.search(answer.head):
                    await asyncio.sleep(AGAIN_S)
                case _:
                    self._other(request, answer)
                    return None

    def _other(self, request: Request, answer: Answer) -> None:
        if answer.status == 500 and answer.failure.order_id is not None:
            self.open.append(request)
        elif answer.status != 402:
            self.odd.append(f"{answer.status} {answer.body.decode()}")

    def rate(self, first: float, last: float) -> float:
        """Approvals a second in that span."""
        return sum(first <= each.at < last for each in self._approved()) / (last - first)

    def first(self, since: float) -> float | None:
        """When the first approval came that was asked for since then."""
        return min((each.at for each in self._approved() if each.asked > since), default=None)

    def at_rate(self, since: float, rate: float) -> float | None:
        """When the first second began that had the rate again."""
        times = sorted(each.at for each in self._approved() if each.asked > since)
        need = max(1, round(rate))
        runs = zip(times, times[need - 1 :], strict=False)
        return next((first for first, last in runs if last - first < 1), None)

    def longest(self, first: float, last: float) -> float:
        """How long the slowest answer of that span took."""
        return max(each.at - each.asked for each in self.told if first <= each.at < last)

    def tally(self, first: float, last: float, status: int) -> int:
        """How many answers of that status came in that span."""
        return sum(each.status == status and first <= each.at < last for each in self.told)

    def _approved(self) -> list[Told]:
        return [each for each in self.told if each.status == 200]
