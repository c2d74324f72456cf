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
