"""Whatever shops ask of an invoice in whatever order: captures, voids and refunds keep to limits.

Histories are driven over HTTP against a gateway in memory and compared with a plain tally.
"""

import asyncio
import json
from dataclasses import dataclass, field
from decimal import Decimal

from httpx2 import Response
from hypothesis import given
from hypothesis import strategies as st
from tests.afterpay.shop import Shop, item, open_shop
from tests.property.steady import STEADY

AMOUNTS = st.integers(1, 120)
STEPS = st.one_of(
    st.tuples(st.just("capture"), st.none() | AMOUNTS),
    st.tuples(st.just("void"), st.none() | AMOUNTS),
    st.tuples(st.just("refund"), st.none() | AMOUNTS),
    st.tuples(st.just("update"), AMOUNTS),
)


@dataclass
class Tally:
    """What must stand, kept in the plainest way."""

    authorized: int = 100
    voided: int = 0
    captures: dict[str, list[int]] = field(default_factory=dict)

    @property
    def captured(self) -> int:
        return sum(amount for amount, _ in self.captures.values())

    @property
    def remaining(self) -> int:
        return self.authorized - self.voided - self.captured


@STEADY
@given(st.lists(STEPS, min_size=1, max_size=14))
def test_no_history_breaks_a_limit(steps: list[tuple[str, int | None]]) -> None:
    asyncio.run(played(steps))


async def played(steps: list[tuple[str, int | None]]) -> None:
    shop, tally = await open_shop(), Tally()
    await shop.order("1", [item("x", 100)])
    for what, amount in steps:
        await step(shop, tally, what, amount)
        await compared(shop, tally)


async def step(shop: Shop, tally: Tally, what: str, amount: int | None) -> None:
    rows = {} if amount is None else {"items": [item("x", amount)]}
    if what == "capture":
        body = None if amount is None else {"orderDetails": rows}
        wanted = tally.remaining if amount is None else amount
        answer = await shop.post("/orders/1/captures", body)
        assert (answer.status_code == 200) == (0 < wanted <= tally.remaining), answer.text
        if answer.status_code == 200:
            tally.captures[json.loads(answer.content)["captureNumber"]] = [wanted, 0]
            agrees(answer, tally)
    elif what == "void":
        body = None if amount is None else {"cancellationDetails": rows}
        wanted = tally.remaining if amount is None else amount
        answer = await shop.post("/orders/1/voids", body)
        assert (answer.status_code == 200) == (0 < wanted <= tally.remaining), answer.text
        if answer.status_code == 200:
            tally.voided += wanted
            agrees(answer, tally)
    elif what == "refund":
        await refund(shop, tally, amount)
    elif what == "update" and amount is not None:
        answer = await shop.post("/orders/1/updateOrder", {"updateOrderSummary": rows})
        fits = tally.remaining > 0 and amount >= tally.captured
        assert (answer.status_code == 200) == fits, answer.text
        if fits:
            tally.authorized, tally.voided = amount, 0


async def refund(shop: Shop, tally: Tally, amount: int | None) -> None:
    if amount is None:
        answer = await shop.post("/orders/1/refunds")
        left = [each for each in tally.captures.values() if each[0] > each[1]]
        assert (answer.status_code == 200) == bool(left), answer.text
        for each in left:
            each[1] = each[0]
        if left:
            agrees(answer, tally)
        return
    for number, (whole, gone) in tally.captures.items():
        body = {"captureNumber": number, "orderItems": [item("x", amount)]}
        answer = await shop.post("/orders/1/refunds", body)
        assert (answer.status_code == 200) == (amount <= whole - gone), answer.text
        if answer.status_code == 200:
            tally.captures[number][1] += amount
            agrees(answer, tally)
            return


def agrees(answer: Response, tally: Tally) -> None:
    """The totals that a call answers are those of the tally."""
    said = json.loads(answer.content)
    whole = said.get("totalAuthorizedAmount", said.get("authorizedAmount"))
    assert (whole, said["remainingAuthorizedAmount"]) == (tally.authorized, tally.remaining)
    gone = sum(each for _, each in tally.captures.values())
    totals = said["totalCapturedAmount"], said["totalRefundedAmount"]
    assert totals == (tally.captured, gone)


async def compared(shop: Shop, tally: Tally) -> None:
    """The wire, the core's buckets and the tally say the same."""
    shown = await shop.get("/orders/1")
    captures = {
        each["captureNumber"]: [each["amount"], each["totalRefundedAmount"]]
        for each in shown["captures"]
    }
    assert captures == tally.captures
    assert all(0 <= gone <= whole for whole, gone in captures.values())
    refunded = -sum((each["amount"] for each in shown["refunds"]), Decimal(0))
    assert refunded == sum(gone for _, gone in tally.captures.values())
    voided = sum((each["cancellationAmount"] for each in shown["cancellations"]), Decimal(0))
    assert voided == tally.voided
    assert tally.captured + tally.voided <= tally.authorized
    assert shown["orderDetails"]["totalGrossAmount"] == tally.authorized
