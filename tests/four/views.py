"""What each of the four wires shows of an order, in the form in which a tally says it must."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from tests.contract.wires import MERCHANT
from tests.four.tally import Tally, View
from tests.four.wires import Case

from counterfoil.core.ledger import Account
from counterfoil.core.rules import Bucket, settled
from counterfoil.dialects.razorpay import ids
from counterfoil.engine.verify import differences


async def bizon(case: Case) -> View:
    """The order with its operations."""
    (shown,) = (await case.read("bizon", f"/orders/{case.order}?expand=operations"))["orders"]
    sums: dict[str, int] = {}
    for each in shown["operations"]:
        if each["status"] == "success":
            sums[each["type"]] = sums.get(each["type"], 0) + case.minor(each["amount"])
    names = ("amount", "amount_charged", "amount_refunded")
    return {
        "status": shown["status"],
        **{name: case.minor(shown[name]) for name in names},
        "operations": sums,
    }


async def razorpay(case: Case) -> View:
    """The order, its payments and their refunds."""
    name = ids.written("order_", case.order)
    shown = await case.read("razorpay", f"/v1/orders/{name}?expand[]=payments")
    payments, back = [], 0
    for each in shown["payments"]["items"]:
        given = each["status"], each["amount"], each["amount_refunded"], each["captured"]
        payments.append(given)
        assert await case.read("razorpay", f"/v1/payments/{each['id']}") == each
        found = await case.read("razorpay", f"/v1/payments/{each['id']}/refunds?count=100")
        back += sum(
            refund["amount"] for refund in found["items"] if refund["status"] == "processed"
        )
    return {
        "status": shown["status"],
        "amounts": tuple(shown[name] for name in ("amount", "amount_paid", "amount_due")),
        "payments": payments,
        "refunds": back,
    }


async def payfunc(case: Case) -> View:
    """The map of amounts; the parts of a total say the same, and so do units moved as units."""
    shown = await case.read("payfunc", f"/order/{case.order}")
    status = {word: case.minor(amount) for word, amount in shown["status"].items()}
    if not case.lines or case.by_units:
        assert parts(case, shown["items"]) == status
    return {"status": status}


def parts(case: Case, items: Any) -> dict[str, int]:
    """What items come to, status by status."""
    found: dict[str, int] = {}
    for each in items if isinstance(items, list) else [items]:
        for word in each["status"]:
            found[word] = found.get(word, 0) + case.minor(each["price"])
    return found


async def afterpay(case: Case) -> View | None:
    """The order with everything in it; the lists of their own say the same."""
    path = f"/api/v3/orders/{case.order}"
    if case.tally.standing == "declined":
        assert (await case.ask("afterpay", "GET", path)).status_code == 400
        return None
    shown = await case.read("afterpay", path)
    for name in ("captures", "refunds"):
        assert (await case.read("afterpay", f"{path}/{name}"))[name] == shown[name]
    captures = [
        (case.minor(each["amount"]), case.minor(each["totalRefundedAmount"]))
        for each in shown["captures"]
    ]
    for each in shown["captures"]:
        of = [e["amount"] for e in shown["refunds"] if e["captureNumber"] == each["captureNumber"]]
        assert -sum(of) == each["totalRefundedAmount"] == each["amount"] - each["balance"]
    details = shown["orderDetails"]
    return {
        "status": details["status"],
        "total": case.minor(details["totalGrossAmount"]),
        "captures": captures,
        "refunded": -sum(case.minor(each["amount"]) for each in shown["refunds"]),
        "voided": sum(case.minor(each["cancellationAmount"]) for each in shown["cancellations"]),
    }


VIEWS: Final[Mapping[str, Callable[[Case], Awaitable[View | None]]]] = {
    "bizon": bizon,
    "razorpay": razorpay,
    "payfunc": payfunc,
    "afterpay": afterpay,
}
SAID: Final[Mapping[str, Callable[[Tally], View | None]]] = {
    "bizon": Tally.bizon,
    "razorpay": Tally.razorpay,
    "payfunc": Tally.payfunc,
    "afterpay": Tally.afterpay,
}


async def agree(case: Case) -> None:
    """All four wires, the core's fold and the ledger say what the tally says."""
    for wire, view in VIEWS.items():
        assert await view(case) == SAID[wire](case.tally), wire
    folded(case)
    await posted(case, case.tally.charged - case.tally.refunded)


def folded(case: Case) -> None:
    """The core's buckets hold what the tally does; what waits stands where it was."""
    sums = dict.fromkeys(Bucket, 0)
    for payment in case.stored().payments:
        for bucket, minor in settled(payment).items():
            sums[bucket] += minor
    tally = case.tally
    wanted = {
        Bucket.AUTHORIZED: tally.remaining,
        Bucket.CHARGED: tally.charged - tally.refunded,
        Bucket.REFUNDED: tally.refunded,
        Bucket.REVERSED: tally.reversed + tally.released,
    }
    assert {bucket: sums[bucket] for bucket in wanted} == wanted


async def posted(case: Case, kept: int) -> None:
    """The ledger follows from the operations, and the acquirer owes what was charged and kept."""
    (evidence,) = await case.desk.store.evidence(MERCHANT, case.order - 1, 1)
    assert differences(evidence) == []
    owed = sum(
        each.minor
        for each in evidence.postings
        if each.account is Account.CLEARING and each.currency == case.currency
    )
    assert -owed == kept
