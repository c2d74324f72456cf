"""A shop that speaks the Razorpay wire to a gateway in memory."""

import base64
from typing import Any, Final

from httpx2 import Response
from tests.contract.wires import Desk, open_desk

from counterfoil import demo
from counterfoil.core.timers import Due
from counterfoil.engine.timed import abandon, charge, release, seek

KEYS: Final = base64.b64encode(f"{demo.KEY_ID}:{demo.KEY_SECRET}".encode()).decode()
PROJECT: Final = base64.b64encode(f"{demo.LOGIN}:{demo.PASSWORD}".encode()).decode()
PAYER: Final = {"email": "gaurav.kumar@example.com", "contact": "9999999988"}
CARD: Final = {
    "number": "4100280000001007",
    "name": "Gaurav Kumar",
    "expiry_month": 12,
    "expiry_year": 39,
    "cvv": "123",
}
AMOUNT: Final = 50_000
WORK: Final = {Due.ABANDON: abandon, Due.RELEASE: release, Due.CHARGE: charge, Due.RESOLVE: seek}


class Shop:
    """Asks, a second later each time; `ok` wants a 200, `no` gives the error object."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    async def ask(self, method: str, path: str, body: object = None, **headers: str) -> Response:
        """The answer."""
        self.desk.clock.advance(1)
        known = {"Authorization": f"Basic {KEYS}", **headers}
        return await self.desk.client.request(method, path, json=body, headers=known)

    async def ok(self, method: str, path: str, body: object = None, **headers: str) -> Any:
        """What is answered with 200."""
        answer = await self.ask(method, path, body, **headers)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def no(self, method: str, path: str, body: object = None) -> Any:
        """The error object of a refusal."""
        answer = await self.ask(method, path, body)
        assert answer.status_code >= 400, answer.text
        return answer.json()["error"]

    async def bizon(self, method: str, path: str, body: object = None) -> Any:
        """The first order that the Bizon wire answers with, as the same merchant."""
        answer = await self.ask(method, path, body, Authorization=f"Basic {PROJECT}")
        assert answer.status_code == 200, answer.text
        return answer.json()["orders"][0]

    async def order(self, **more: object) -> str:
        """A new order."""
        made = await self.ok("POST", "/v1/orders", {"amount": AMOUNT, "currency": "INR", **more})
        return str(made["id"])

    async def begin(self, order: str | None, method: str = "netbanking", **more: object) -> Any:
        """An attempt to pay it: what may follow."""
        known: dict[str, dict[str, object]] = {
            "netbanking": {"bank": "HDFC"},
            "wallet": {"wallet": "payzapp"},
            "card": {"card": CARD},
            "upi": {"vpa": "success@razorpay"},
        }
        means = known[method]
        given = {"amount": AMOUNT, "currency": "INR", **PAYER, "method": method, **means, **more}
        if order is not None:
            given["order_id"] = order
        return await self.ok("POST", "/v1/payments/create/json", given)

    async def decide(self, begun: Any, outcome: str = "success") -> Response:
        """What the payer presses on the bank's page."""
        self.desk.clock.advance(1)
        return await self.desk.client.post(begun["next"][0]["url"], data={"outcome": outcome})

    async def pay(self, order: str | None, method: str = "netbanking", **more: object) -> str:
        """A payment whose payer agrees."""
        begun = await self.begin(order, method, **more)
        assert (await self.decide(begun)).status_code == 200
        return str(begun["razorpay_payment_id"])

    async def later(self, seconds: int) -> None:
        """Let time pass, and do what has fallen due."""
        self.desk.clock.advance(seconds)
        now, store = self.desk.clock.now(), self.desk.store
        for errand in await store.timers(1, 1_000):
            if errand.timer.due <= now and errand.timer.kind in WORK:
                worked = await WORK[errand.timer.kind](self.desk.engine, errand)
                await store.settle([worked.settled], [])

    async def payment(self, number: str) -> Any:
        """A payment as it stands."""
        return await self.ok("GET", f"/v1/payments/{number}")


async def open_shop() -> Shop:
    """A shop of a new gateway."""
    return Shop(await open_desk())
