"""A wallet's button on the page of a test bank: one press pays, with the documents' test card."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.conformance.conftest import BASE, Gateway, gateway
from tests.web.shop import Inputs

pytestmark = pytest.mark.anyio

CREDENTIALS = ("project", "password")


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Gateway]:
    async with gateway(tmp_path) as made:
        yield made


async def pressed(here: Gateway, wallet: str, **options: object) -> tuple[str, int]:
    """The order whose page's button was pressed, and the status of what came."""
    asked = {"amount": "100", "options": {f"{wallet}_enabled": 1, **options}}
    made = await here.client.post("/orders/create", json=asked, auth=CREDENTIALS)
    path = made.headers["location"].removeprefix(BASE)
    shown = await here.client.get(path)
    assert f'name="wallet" value="{wallet}"' in shown.text
    inputs = Inputs()
    inputs.feed(shown.text)
    answer = await here.client.post(path, data={**inputs.hidden, "wallet": wallet})
    return str(made.json()["orders"][0]["id"]), answer.status_code


@pytest.mark.parametrize("wallet", ["apple_pay", "google_pay"])
async def test_one_press_pays(here: Gateway, wallet: str) -> None:
    number, status = await pressed(here, wallet, force3d=1, auto_charge=1)
    assert status == 303
    answer = await here.client.get(f"/orders/{number}?expand=secure3d,card", auth=CREDENTIALS)
    (order,) = answer.json()["orders"]
    assert (order["status"], order["pan"]) == ("charged", "410937****4320")
    assert order["secure3d"]["dsrp_type"] == wallet
    assert order["card"] == {"subtype": "classic", "type": "visa"}
