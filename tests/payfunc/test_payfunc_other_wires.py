"""An order of the PayFunc wire, read and changed through the Razorpay wire: the amounts agree."""

import base64
import json

import pytest
from tests.payfunc.conftest import Shop

from counterfoil.demo import KEY_ID, KEY_SECRET

pytestmark = pytest.mark.anyio
LOGIN = "Basic " + base64.b64encode(f"{KEY_ID}:{KEY_SECRET}".encode()).decode()
Found = dict[str, object]


async def razorpay(shop: Shop, method: str, path: str, body: object = None) -> Found:
    """What the Razorpay wire answers the same merchant."""
    headers = {"Authorization": LOGIN, "Content-Type": "application/json"}
    content = None if body is None else json.dumps(body).encode()
    answer = await shop.client.request(method, path, headers=headers, content=content)
    assert answer.status_code == 200, answer.text
    found: Found = answer.json()
    return found


async def only(shop: Shop) -> tuple[Found, Found]:
    """The one order there is and its one payment, on the Razorpay wire."""
    (order,) = rows(await razorpay(shop, "GET", "/v1/orders?expand[]=payments"))
    payments = order["payments"]
    assert isinstance(payments, dict)
    (payment,) = rows(payments)
    return order, payment


def rows(found: Found) -> list[Found]:
    listed = found["items"]
    assert isinstance(listed, list)
    return listed


async def test_every_step_is_the_same_money_on_the_razorpay_wire(shop: Shop) -> None:
    made = await shop.order(500, number="A-17")
    order, payment = await only(shop)
    assert (order["amount"], order["amount_paid"], order["receipt"]) == (50_000, 0, "A-17")
    assert (payment["status"], payment["amount"]) == ("authorized", 50_000)
    assert (await shop.event(made["id"], type="charge", items=200)).is_success
    order, payment = await only(shop)
    assert (order["amount"], order["amount_paid"]) == (50_000, 20_000)
    assert (await shop.event(made["id"], type="refund", items=50)).is_success
    order, payment = await only(shop)
    assert payment["amount_refunded"] == 5_000
    assert (await shop.event(made["id"], type="cancel")).is_success
    await razorpay(shop, "POST", f"/v1/payments/{payment['id']}/refund", {"amount": 3_000})
    shown = await shop.shown(made["id"])
    assert shown["status"] == {"charged": 120, "refunded": 80, "cancelled": 300}
    _, payment = await only(shop)
    assert payment["amount_refunded"] == 8_000


async def test_an_order_that_an_account_owes_is_unpaid_there(shop: Shop) -> None:
    account = await shop.account()
    await shop.order(12.5, payment={"type": "account", "account": account})
    (order,) = rows(await razorpay(shop, "GET", "/v1/orders"))
    assert (order["amount"], order["amount_paid"], order["amount_due"]) == (1_250, 0, 1_250)
    assert order["status"] == "created"


async def test_a_razorpay_order_is_the_same_money_here(shop: Shop) -> None:
    body = {"amount": 50_000, "currency": "INR", "receipt": "r-1"}
    await razorpay(shop, "POST", "/v1/orders", body)
    (shown,) = (await shop.ask("GET", "/order")).json()
    assert (shown["number"], shown["status"]) == ("r-1", {"created": 500})
    assert shown["items"] == {"price": 500, "status": ["created"]}
