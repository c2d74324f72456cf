"""Callbacks of the PayFunc wire: to the address that the order named, signed, in order."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey
from tests.courier.receiver import Receiver, receiving, says
from tests.payfunc.conftest import POOR, Shop, claims, opened

from counterfoil import wiring
from counterfoil.config import Settings
from counterfoil.core.callbacks import Endpoint

pytestmark = pytest.mark.anyio


async def come(receiver: Receiver, count: int) -> list[bytes]:
    """What came, once there is so much of it."""
    await until(lambda: len(receiver.bodies) >= count)
    return receiver.bodies


async def until(good: Callable[[], bool]) -> None:
    """Wait for it."""
    for _ in range(500):
        if good():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it did not come")


async def test_an_order_is_told_to_the_address_it_named(shop: Shop) -> None:
    key = RSAKey.import_key((await shop.ask("GET", "/key", key="")).text)
    async with receiving(says("200 OK")) as one, receiving(says("200 OK")) as other:
        made = await shop.order(500, callback=one.url("/a?order=1"))
        await shop.order(7, callback=other.url("/b"))
        await shop.order(8)
        await shop.event(made["id"], type="charge", items=200)
        bodies = await come(one, 2)
        await come(other, 1)
        told = [jwt.decode(body.decode(), key, algorithms=["RS256"]).claims for body in bodies]
        assert [each["status"] for each in told] == [
            {"ordered": 500},
            {"ordered": 300, "charged": 200},
        ]
        assert {each["iss"] for each in told} == {"payfunc"}
        assert all("/a?order=1 " in head for head in one.heads)
        assert all("application/jwt; charset=utf-8" in head for head in one.heads)
        await asyncio.sleep(0.1)
        assert (len(one.bodies), len(other.bodies)) == (2, 1)


async def test_tokens_are_for_whom_the_deployment_says(tmp_path: Path) -> None:
    async with (
        opened(tmp_path, signed_for="production") as shop,
        receiving(says("200 OK")) as receiver,
    ):
        token = await shop.card()
        made = await shop.order(5, token, callback=receiver.url())
        (told,) = await come(receiver, 1)
        recurring = str(made["payment"]["card"])  # type: ignore[index]
        for each in (token, recurring, told.decode()):
            assert claims(each)["aud"] == "production"
        assert made["aud"] == "production"


async def test_a_refusal_is_told_as_an_error(shop: Shop) -> None:
    async with receiving(says("200 OK")) as receiver:
        payment = {"type": "card", "card": await shop.card(POOR)}
        asked = {"items": 5, "currency": "EUR", "callback": receiver.url(), "payment": payment}
        answer = await shop.ask("POST", "/order", asked)
        bodies = await come(receiver, 1)
        assert json.loads(bodies[0]) == answer.json()
        assert "application/json; charset=utf-8" in receiver.heads[0]


async def test_an_unpaid_order_is_told_as_pending(shop: Shop) -> None:
    account = await shop.account(POOR)
    async with receiving(says("200 OK")) as receiver:
        payment = {"type": "account", "account": account}
        await shop.order(5, payment=payment, callback=receiver.url())
        key = RSAKey.import_key((await shop.ask("GET", "/key", key="")).text)
        told = jwt.decode((await come(receiver, 1))[0].decode(), key, algorithms=["RS256"]).claims
        assert told["status"] == {"pending": 5}
        assert told["event"][0]["type"] == "pend"


async def test_an_endpoint_of_the_merchants_own_gets_json(shop: Shop) -> None:

    async with receiving(says("200 OK")) as receiver:
        settings = Settings(database=f"sqlite:///{shop.database}")
        async with wiring.parts(settings) as parts:
            now = parts.clock.now()
            await parts.store.save_endpoint(
                Endpoint(merchant=1, id=7, wire="payfunc", url=receiver.url(), created=now)
            )
        await asyncio.sleep(1.1)
        made = await shop.order(5)
        told = json.loads((await come(receiver, 1))[0])
        assert (told["id"], told["status"]) == (made["id"], {"ordered": 5})
