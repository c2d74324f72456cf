"""The Bizon document's table of states, whole: what every call does to an order of every status."""

from pathlib import Path
from typing import Final

import pytest
from httpx2 import AsyncClient
from tests.conformance.conftest import Gateway, gateway

from counterfoil.config import Settings
from counterfoil.core import rules
from counterfoil.core.answers import Approved
from counterfoil.core.change import Change, change
from counterfoil.core.order import Kind, Order, instant_of
from counterfoil.core.rules import Command
from counterfoil.wiring import parts

pytestmark = pytest.mark.anyio

AUTH: Final = ("project", "password")
GOOD: Final = "4111111111111111"
CARDS: Final = {
    "authorized": GOOD,
    "declined": "4000000000000002",
    "fraud": "4100000000000019",
    "error": "4000000000000119",
}
CALLS: Final = (
    "reverse", "charge", "refund", "cancel", "rebill", "credit", "complete", "complete3d20",
    "resume",
)  # fmt: skip
# What becomes of it (of the new order, for rebill and credit); "-": 422, and nothing has changed.
# A rebill of a card that is declined is allowed, and declined.
TABLE: Final = """
            reverse   charge   refund    cancel    rebill      credit    complete    c3d20  resume
new         -         -        -         -         -           -         -           -      -
prepared    -         -        -         -         -           -         authorized  -      -
authorized  reversed  charged  -         reversed  authorized  -         -           -      -
charged     -         -        refunded  refunded  authorized  credited  -           -      -
reversed    -         -        -         -         authorized  -         -           -      -
partly      -         -        refunded  refunded  authorized  credited  -           -      -
refunded    -         -        -         -         authorized  credited  -           -      -
credited    -         -        -         -         authorized  -         -           -      -
declined    -         -        -         -         declined    -         -           -      -
fraud       -         -        -         -         fraud       -         -           -      -
error       -         -        -         -         error       -         -           -      -
rejected    -         -        -         -         authorized  -         -           -      -
chargedback -         -        -         -         authorized  -         -           -      -
partly-back -         -        -         -         authorized  -         -           -      -
"""
STATUSES: Final = {"partly": "refunded", "partly-back": "chargedback"}
DISPUTED: Final = {"chargedback": None, "partly-back": 1_99}  # minor units; None: all of it
ROWS: Final = [
    (line.split()[0], call, wanted)
    for line in TABLE.splitlines()[2:]
    for call, wanted in zip(CALLS, line.split()[1:], strict=True)
]
WAYS: Final[dict[str, tuple[tuple[str, dict[str, object]], ...]]] = {
    "prepared": (),
    "rejected": (("complete", {"PaRes": "N"}),),
    "charged": (("charge", {}),),
    "chargedback": (("charge", {}),),
    "partly-back": (("charge", {}),),
    "reversed": (("reverse", {}),),
    "partly": (("charge", {}), ("refund", {"amount": "1.99"})),
    "refunded": (("charge", {}), ("refund", {})),
    "credited": (("charge", {}), ("credit", {"amount": "9.99"})),
}
BODIES: Final[dict[str, dict[str, object]]] = {
    "rebill": {"amount": "9.99", "cvv": "123"},
    "credit": {"amount": "9.99"},
    "complete": {"PaRes": "YAED53A345D"},
}


class Project:
    """The demo project's calls."""

    def __init__(self, made: Gateway, folder: Path) -> None:
        self.client: AsyncClient = made.client
        self.clock = made.clock
        self.folder = folder

    async def call(self, path: str, body: dict[str, object] | None = None) -> tuple[int, str]:
        """The answer's status, and the order it is about."""
        answer = await self.client.post(path, json=body or {}, auth=AUTH)
        told = answer.json()
        return answer.status_code, told["orders"][0]["id"] if "orders" in told else told["order_id"]

    async def order(self, number: str) -> dict[str, object]:
        """An order with its operations."""
        answer = await self.client.get(f"/orders/{number}?expand=operations", auth=AUTH)
        found: dict[str, object] = answer.json()["orders"][0]
        return found

    async def authorize(self, pan: str, **options: object) -> str:
        """A new order's number."""
        card = {"cvv": "333", "holder": "A B", "expiration_month": 12, "expiration_year": 2040}
        asked = {"amount": "9.99", "pan": pan, "card": card, "location": {"ip": "6.6.6.6"}}
        return (await self.call("/orders/authorize", {**asked, "options": options}))[1]

    async def after(self, *calls: tuple[str, dict[str, object]], force3d: int) -> str:
        """An order that has been through those calls; the last one's order."""
        number = await self.authorize(GOOD, force3d=force3d)
        for verb, body in calls:
            number = (await self.call(f"/orders/{number}/{verb}", body))[1]
        return number

    async def made(self, status: str) -> str:
        """The number of an order of that status, or of the STATUSES that have two kinds."""
        if status == "new":
            return (await self.call("/orders/create", {"amount": "9.99"}))[1]
        if status in CARDS:
            return await self.authorize(CARDS[status])
        number = await self.after(*WAYS[status], force3d=int(status in {"prepared", "rejected"}))
        if status in DISPUTED:
            await self.disputed(number, DISPUTED[status])
        return number

    async def disputed(self, number: str, minor: int | None) -> None:
        """Have an acquirer report that the issuer took money back: begun and closed in one step."""
        async with parts(
            Settings(database=f"sqlite:///{self.folder / 'gateway.db'}"), self.clock
        ) as made:
            merchant, stamp = await made.store.merchant(1), made.ids.next()
            assert merchant is not None
            order = await made.store.load(merchant.id, int(number))
            terms = await made.engine.terms(merchant, order)

            def decide(order: Order) -> Change:
                command = Command(kind=Kind.DISPUTE, minor=minor)
                begun, operation = rules.begin(order, command, stamp=stamp, terms=terms)
                answer = Approved(reference=stamp, amount=operation.amount)
                reported = rules.finish(begun, stamp, answer, stamp=instant_of(stamp))
                assert reported is not None
                return change(reported[0], born=reported[1:], closed=reported[1:])

            await made.engine.commit(order, decide)


@pytest.mark.parametrize(("status", "call", "wanted"), ROWS)
async def test_what_a_call_does(tmp_path: Path, status: str, call: str, wanted: str) -> None:
    async with gateway(tmp_path) as made:
        project = Project(made, tmp_path)
        number = await project.made(status)
        before = await project.order(number)
        assert before["status"] == STATUSES.get(status, status)
        code, other = await project.call(f"/orders/{number}/{call}", BODIES.get(call))
        after = await project.order(number)
        if wanted == "-":
            assert (code, other) == (422, number)
        else:
            assert (await project.order(other))["status"] == wanted
            assert (other != number) is (call in {"rebill", "credit"})
        if wanted == "-" or other != number:
            assert after == before


async def test_orders_are_told_of_by_every_status_there_is(tmp_path: Path) -> None:
    known = {line.split()[0] for line in TABLE.splitlines()[2:]} - set(STATUSES)
    async with gateway(tmp_path) as made:
        project = Project(made, tmp_path)
        for status in sorted(known):
            number = await project.made(status)
            answer = await made.client.get(f"/orders/?status={status}", auth=AUTH)
            assert number in [order["id"] for order in answer.json()["orders"]]


async def test_a_chargeback_is_an_operation_that_lists_find(tmp_path: Path) -> None:
    async with gateway(tmp_path) as made:
        project = Project(made, tmp_path)
        number = await project.made("partly-back")
        told = (await project.order(number))["operations"]
        assert isinstance(told, list)
        seen = [(each["type"], each["status"], each["amount"]) for each in told]
        assert ("chargeback", "success", "1.99") in seen
        answer = await made.client.get("/operations/?type=chargeback", auth=AUTH)
        assert [each["order_id"] for each in answer.json()["operations"]] == [number]
