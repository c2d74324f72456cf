"""Orders that are paid in several parts: whoever works on them, the sums agree on all four wires.

The parts are made on the Razorpay wire; what each wire then moves is read off the core's buckets.
"""

import asyncio
from collections import Counter
from os import environ
from random import Random
from typing import Any, Final

import pytest
from tests.contract.wires import Desk, open_desk
from tests.four.tally import Tally
from tests.four.views import bizon, posted
from tests.four.wires import MAKES, Case, succeeded

from counterfoil.core.rules import Bucket, settled
from counterfoil.dialects.razorpay import ids

HISTORIES: Final = 150
SOAK: Final = 1_500
DESK_LASTS: Final = 50
HELD: Final = (Bucket.AUTHORIZED, Bucket.CHARGED, Bucket.REFUNDED)
STEPS: Final = 10
WHOLE: Final = 10_000
ONE: Final = environ.get("SEED")


def buckets(case: Case) -> dict[Bucket, int]:
    """What stands in each bucket, over all payments."""
    sums = dict.fromkeys(Bucket, 0)
    for payment in case.stored().payments:
        for bucket, minor in settled(payment).items():
            sums[bucket] += minor
    return sums


async def compared(case: Case) -> None:
    """Every wire says what the buckets hold."""
    sums = buckets(case)
    left, back, given = sums[Bucket.CHARGED], sums[Bucket.REFUNDED], sums[Bucket.REVERSED]
    shown: Any = await bizon(case)
    assert (shown["amount_charged"], shown["amount_refunded"]) == (left + back, back)
    shown = await case.read("payfunc", f"/order/{case.order}")
    said = {word: case.minor(amount) for word, amount in shown["status"].items()}
    parts = (said.get(word, 0) for word in ("ordered", "charged", "refunded"))
    assert tuple(parts) == (sums[Bucket.AUTHORIZED], left, back)
    assert sum(said.values()) == WHOLE
    shown = await case.read("afterpay", f"/api/v3/orders/{case.order}")
    rows = ("captures", "amount"), ("refunds", "amount"), ("cancellations", "cancellationAmount")
    found = tuple(sum(case.minor(each[amount]) for each in shown[name]) for name, amount in rows)
    assert found == (left + back, -back, given)
    await on_razorpay(case, left + back, back, sums[Bucket.AUTHORIZED])
    await posted(case, left)


async def on_razorpay(case: Case, charged: int, refunded: int, reserved: int) -> None:
    """What is charged of a payment is its amount; what that leaves reserved is not shown."""
    shown = await case.read("razorpay", f"/v1/orders/{case.begun}?expand[]=payments")
    assert (shown["amount_paid"], shown["amount_due"]) == (charged, WHOLE - charged)
    payments = shown["payments"]["items"]
    captured = [each for each in payments if each["captured"]]
    assert sum(each["amount"] for each in captured) == charged
    assert sum(each["amount_refunded"] for each in captured) == refunded
    waiting = sum(each["amount"] for each in payments if each["status"] == "authorized")
    assert waiting <= reserved


async def step(case: Case) -> tuple[str, str]:
    """Something done through some wire, and what it answered; a refusal is as good."""
    random = case.random
    part = random.randint(10, 50) * 100
    rows = {"items": case.rows(part)}
    payments = len(case.stored().payments)
    name = ids.written("pay_", case.order, random.randint(1, max(1, payments)))
    number = random.choice([*case.numbers(), "none"])
    bizon_path, afterpay = f"/orders/{case.order}", f"/api/v3/orders/{case.order}"
    back = {"captureNumber": number, **rows}
    event = {"type": random.choice(["charge", "cancel", "refund"]), "items": part / 100}
    wire, method, path, body = random.choice(
        (
            ("bizon", "PUT", f"{bizon_path}/charge", {"amount": part / 100}),
            ("bizon", "PUT", f"{bizon_path}/refund", {"amount": part / 100}),
            ("razorpay", "POST", f"/v1/payments/{name}/capture", {"amount": part}),
            ("razorpay", "POST", f"/v1/payments/{name}/refund", {}),
            ("payfunc", "POST", f"/order/{case.order}/event", event),
            ("payfunc", "POST", f"/order/{case.order}/event", {"type": event["type"]}),
            ("afterpay", "POST", f"{afterpay}/captures", None),
            ("afterpay", "POST", f"{afterpay}/captures", {"orderDetails": rows}),
            ("afterpay", "POST", f"{afterpay}/voids", {"cancellationDetails": rows}),
            ("afterpay", "POST", f"{afterpay}/refunds", back),
            ("afterpay", "POST", f"{afterpay}/refunds", None),
        )
    )
    answer = await case.ask(wire, method, path, body)
    assert answer.status_code < 500, answer.text
    return wire, f"{wire} {method} {path} {body}: {answer.text[:300]}"


async def play(seed: int, desk: Desk) -> Counter[str]:
    """A history, from its seed; what moved money, and how often."""
    case, moved = Case(desk, Random(seed), currency="EUR", several=False), Counter[str]()
    case.tally = Tally(WHOLE)
    given = {"amount": WHOLE, "currency": "EUR", "payment_capture": 0, "partial_payment": True}
    case.begun = (await case.ask("razorpay", "POST", "/v1/orders", given)).json()["id"]
    case.order = max(number for _, number in desk.store._orders)
    log = [f"SEED={seed}"]
    try:
        for _ in range(STEPS):
            before = buckets(case)
            part = case.random.choice([2_000, 3_000, 5_000])
            if part <= WHOLE - sum(before[each] for each in HELD) and case.random.random() < 0.4:
                assert succeeded(await MAKES["razorpay"](case, part))
                log.append(f"paid {part}")
            else:
                wire, said = await step(case)
                log.append(said)
                moved[wire] += buckets(case) != before
            await compared(case)
    except BaseException as error:
        error.add_note("\n".join(log))
        raise
    return moved


async def every(seeds: range) -> Counter[str]:
    """All those histories."""
    moved, desk = Counter[str](), await open_desk()
    for at, seed in enumerate(seeds, start=1):
        moved += await play(seed, desk)
        desk = desk if at % DESK_LASTS else await open_desk()
    return moved


def test_sums_of_several_payments_agree() -> None:
    seeds = range(HISTORIES) if ONE is None else range(int(ONE), int(ONE) + 1)
    moved = asyncio.run(every(seeds))
    assert ONE is not None or min(moved[wire] for wire in MAKES) > HISTORIES // 10, moved


@pytest.mark.soak
def test_sums_of_several_payments_agree_again_and_again() -> None:
    asyncio.run(every(range(SOAK)))
