"""Whatever is sent to the Razorpay wire is answered in its form, and never by a fault of ours."""

import asyncio
from typing import Any, Final

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.razorpay.shop import AMOUNT, CARD, PAYER, Shop, open_shop

BANK: Final = {"account_number": "1", "name": "n", "ifsc": "HDFC0000053"}
OPTIONS: Final = {"automatic_expiry_period": 12, "manual_expiry_period": 20}
MONEY: Final = {"amount": AMOUNT, "currency": "INR"}
BODIES: Final[tuple[tuple[str, str, dict[str, Any]], ...]] = (
    ("POST", "/v1/orders", {**MONEY, "receipt": "r", "notes": {"a": "b"}, "partial_payment": 1}),
    ("POST", "/v1/orders", {**MONEY, "method": "upi", "bank_account": BANK}),
    (
        "POST",
        "/v1/orders",
        {**MONEY, "payment": {"capture": "automatic", "capture_options": OPTIONS}},
    ),
    ("PATCH", "/v1/orders/{order}", {"notes": {"a": "b"}}),
    ("POST", "/v1/payments/create/json", {**MONEY, **PAYER, "method": "card", "card": CARD}),
    (
        "POST",
        "/v1/payments/create/upi",
        {**MONEY, **PAYER, "upi": {"flow": "collect", "vpa": "a@b"}},
    ),
    ("POST", "/v1/payments/validate/vpa", {"vpa": "a@b"}),
    ("POST", "/v1/payments/{payment}/capture", {**MONEY}),
    ("POST", "/v1/payments/{payment}/refund", {"amount": 1, "speed": "normal", "receipt": "r"}),
    ("POST", "/v1/refunds", {"payment_id": "{payment}", "amount": 1, "notes": {}}),
    ("POST", "/v1/webhooks", {"url": "https://a.example", "events": ["order.paid"], "active": 1}),
    ("POST", "/v1/signatures/explain", {"body": "{}", "signature": "x"}),
)
ODD: Final = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=30),
    st.sampled_from(["", "0", "-1", "1e3", "\0", "é" * 300, "pay_AAAAAAAAAAAAAA", "{order}"]),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)


def members(body: dict[str, Any], path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """The paths of everything in it."""
    found = [(*path, name) for name in body]
    for name, value in body.items():
        found += members(value, (*path, name)) if isinstance(value, dict) else []
    return found


def put(body: dict[str, Any], path: tuple[str, ...], value: object) -> dict[str, Any]:
    """The body with another value there."""
    name, *rest = path
    return {**body, name: put(body[name], tuple(rest), value) if rest else value}


async def ask(shop: Shop, case: tuple[str, str, dict[str, Any]], place: int, odd: object) -> None:
    method, path, body = case
    order = await shop.order(payment_capture=0)
    names = {"order": order, "payment": await shop.pay(order)}
    paths = members(body)
    sent = put(body, paths[place % len(paths)], odd)
    if sent.get("payment_id") == "{payment}":
        sent["payment_id"] = names["payment"]
    answer = await shop.ask(method, path.format(**names), sent)
    assert answer.status_code in {200, 400}, answer.text
    if answer.status_code != 200:
        error = answer.json()["error"]
        expected = {"code", "description", "source", "step", "reason", "metadata"}
        assert set(error) - {"field"} == expected
        assert error["code"] == "BAD_REQUEST_ERROR"
        assert error["description"]


@settings(max_examples=80, deadline=None)
@given(st.sampled_from(BODIES), st.integers(0, 30), ODD)
def test_odd_values_are_answered(
    case: tuple[str, str, dict[str, Any]], place: int, odd: object
) -> None:
    async def act() -> None:
        await ask(await open_shop(), case, place, odd)

    asyncio.run(act())
