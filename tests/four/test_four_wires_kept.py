"""What each wire keeps of an order beside the money is not lost by what the others do to it."""

from random import Random
from typing import Final

import pytest
from tests.contract.wires import open_desk
from tests.four.tally import Tally
from tests.four.wires import MAKES, Case

from counterfoil.dialects.razorpay import ids

pytestmark = pytest.mark.anyio
WHOLE: Final = 18_500


async def made(wire: str) -> Case:
    """An order of that wire; a PayFunc one has lines."""
    case = Case(await open_desk(), Random(1), currency="EUR", several=True)
    case.tally, case.lines = Tally(WHOLE), [(WHOLE, 1)]
    assert (await MAKES[wire](case, WHOLE)).is_success
    ((_, case.order),) = case.desk.store._orders
    return case


async def noted(case: Case) -> None:
    """Its notes, replaced on the Razorpay wire."""
    path = f"/v1/orders/{ids.written('order_', case.order)}"
    answer = await case.ask("razorpay", "PATCH", path, {"notes": {"a": "b"}})
    assert (answer.status_code, answer.json()["notes"]) == (200, {"a": "b"})


async def tracked(case: Case) -> None:
    """All of it captured and a parcel tracked, on the AfterPay wire."""
    path = f"/api/v3/orders/{case.order}/captures"
    number = (await case.ask("afterpay", "POST", path)).json()["captureNumber"]
    told = {"type": "Shipment", "shippingCompany": "DHL", "trackingId": "1"}
    answer = await case.ask("afterpay", "POST", f"{path}/{number}/shipping-details", told)
    assert answer.status_code == 200, answer.text


READS: Final = {
    "bizon": "/orders/{}",
    "payfunc": "/order/{}",
    "afterpay": "/api/v3/orders/{}",
}


@pytest.mark.parametrize("wire", MAKES)
async def test_an_order_is_read_by_its_name_on_every_wire(wire: str) -> None:
    case = await made(wire)
    (order,) = (await case.read("bizon", f"/orders/?merchant_order_id={case.name}"))["orders"]
    assert (order["id"], order["amount"]) == (str(case.order), "185.00")
    (order,) = (await case.read("razorpay", f"/v1/orders?receipt={case.name}"))["items"]
    assert (order["id"], order["amount"]) == (ids.written("order_", case.order), WHOLE)
    order = await case.read("payfunc", f"/order/{case.order}")
    assert (order["number"], order["payment"]["amount"]) == (case.name, 185)
    order = (await case.read("afterpay", f"/api/v3/orders/{case.name}"))["orderDetails"]
    assert (order["orderNumber"], order["totalGrossAmount"]) == (case.name, 185)


async def test_a_capture_takes_from_one_payment_and_says_how_much() -> None:
    case = await made("razorpay")
    given = {"amount": 10_000, "currency": "EUR"}
    made_of_parts = {**given, "payment_capture": 0, "partial_payment": True}
    order = (await case.ask("razorpay", "POST", "/v1/orders", made_of_parts)).json()["id"]
    case.begun = order
    for minor in (6_000, 4_000):
        assert (await MAKES["razorpay"](case, minor)).json()["status"] == "authorized"
    path = f"/api/v3/orders/{max(number for _, number in case.desk.store._orders)}/captures"
    both = {"orderDetails": {"totalGrossAmount": 100}}
    answer = await case.ask("afterpay", "POST", path, both)
    assert (answer.status_code, answer.json()[0]["code"]) == (400, "400.117")
    for captured, remaining in ((40, 60), (60, 0)):
        said = (await case.ask("afterpay", "POST", path)).json()
        assert (said["capturedAmount"], said["remainingAuthorizedAmount"]) == (captured, remaining)
    shown = await case.read("razorpay", f"/v1/orders/{order}")
    assert (shown["amount_paid"], shown["status"]) == (10_000, "paid")


@pytest.mark.parametrize("wire", READS)
async def test_new_notes_leave_what_other_wires_keep(wire: str) -> None:
    case = await made(wire)
    path = READS[wire].format(case.order)
    before = await case.read(wire, path)
    await noted(case)
    after = await case.read(wire, path)
    assert {name: after[name] for name in after if name != "updated"} == {
        name: before[name] for name in before if name != "updated"
    }


@pytest.mark.parametrize("wire", MAKES)
async def test_tracking_leaves_what_other_wires_keep(wire: str) -> None:
    case = await made(wire)
    await noted(case)
    await tracked(case)
    for each, path in READS.items():
        await case.read(each, path.format(case.order))
    shown = await case.read("razorpay", f"/v1/orders/{ids.written('order_', case.order)}")
    assert (shown["notes"], shown["status"]) == ({"a": "b"}, "paid")
    await noted(case)
    (capture,) = (await case.read("afterpay", f"/api/v3/orders/{case.order}"))["captures"]
    assert capture["shippingDetails"][0]["trackingId"] == "1"
