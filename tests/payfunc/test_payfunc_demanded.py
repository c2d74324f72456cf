"""Verification that the merchant's own rule demands; many at once, silence, and what is told."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.courier.receiver import receiving, says
from tests.payfunc.conftest import GOOD, Json, Shop, opened
from tests.payfunc.test_payfunc_callbacks import come
from tests.payfunc.visit import Visit, challenged, details, paid, visit

from counterfoil import wiring
from counterfoil.config import Settings
from counterfoil.connectors import Behaviour
from counterfoil.connectors.sandbox.table import Authentication as How
from counterfoil.connectors.sandbox.table import card_authenticated, card_doing
from counterfoil.core.ports import OrderQuery

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def strict(folder: Path, *, unproved: bool = False) -> AsyncIterator[Shop]:
    """A shop whose merchant has every customer asked; the acquirer has 300 ms to answer."""
    settings = Settings(database=f"sqlite:///{folder / 'gateway.db'}", demo=True)
    async with wiring.parts(settings) as parts:
        known = await parts.store.merchant(1)
        assert known is not None
        await parts.store.save_merchant(replace(known, secure3d=True, unproved=unproved))
    async with opened(folder, timeout_ms=300) as shop:
        yield shop


async def test_the_merchant_s_rule_asks_on_every_card_but_never_an_account(tmp_path: Path) -> None:
    async with strict(tmp_path) as shop:
        here = Visit(shop, await shop.card(GOOD), None)
        error = await here.asked()
        proof = {"type": "pares", "data": "Y1"}
        await paid(here, shop, error, verification=proof)
        made = await shop.shown(error["id"])
        payment = made["payment"]
        assert isinstance(payment, dict)
        recurring = await shop.order(2, payment["card"])
        assert recurring["status"] == {"ordered": 2}
        account = await shop.account(GOOD)
        pays = await shop.order(3, payment={"type": "account", "account": account})
        assert pays["status"] == {"ordered": 3}
        here = Visit(shop, await shop.card(card_authenticated(How.CHALLENGE)))
        error = await here.asked(key="private")
        cres = await challenged(here, error)
        answer = await here.order(verification={"type": "challenge", "data": cres})
        assert (answer.status_code, answer.json()["id"]) == (201, error["id"])


async def test_a_key_is_good_for_one_question_and_one_order(tmp_path: Path) -> None:
    async with strict(tmp_path) as shop:
        payment: Json = {"type": "card", "card": await shop.card(GOOD)}
        asked: Json = {"items": 7.42, "currency": "EUR", "payment": payment}
        first = {"Idempotency-Key": "one"}
        answers = [await shop.ask("POST", "/order", asked, **first) for _ in range(2)]
        assert answers[0].json()["error"] == "verification required"
        assert answers[0].json() == answers[1].json()


async def test_who_bears_the_risk_goes_on_unproved(tmp_path: Path) -> None:
    async with strict(tmp_path, unproved=True) as shop:
        for how in (How.UNAVAILABLE, How.NOT_ENROLLED, How.SILENT):
            here = Visit(shop, await shop.card(card_authenticated(how)))
            assert (await here.order()).status_code == 201, how


async def test_a_directory_that_is_silent_is_waited_for_a_while(tmp_path: Path) -> None:
    async with strict(tmp_path) as shop:
        here = Visit(shop, await shop.card(card_authenticated(How.SILENT)), None)
        answer = await here.order()
        content = answer.json()["content"]
        assert (answer.status_code, content["property"]) == (400, "card.pares")
        assert (await shop.ask("GET", "/order")).json() == []


async def test_an_acquirer_that_is_silent_after_the_verification(tmp_path: Path) -> None:
    async with strict(tmp_path) as shop:
        here = Visit(shop, await shop.card(card_doing(Behaviour.TIMEOUT_AFTER)), None)
        error = await here.asked()
        proof = {"type": "pares", "data": "Y1"}
        answer = await here.order(verification=proof)
        assert (answer.status_code, answer.json()["type"]) == (504, "backend timeout")
        again = await here.order(verification=proof)
        assert again.json()["content"]["type"] == "model.Card"  # in doubt it is not good again
        assert [each["id"] for each in (await shop.ask("GET", "/order")).json()] == [error["id"]]


async def test_of_many_with_one_proof_one_makes_the_order(shop: Shop) -> None:
    here = await visit(shop, How.CHALLENGE, old=True)
    error = await here.asked()
    proof = {"type": "pares", "data": "Y1"}
    answers = await asyncio.gather(*(here.order(verification=proof) for _ in range(20)))
    good = [each.json()["id"] for each in answers if each.status_code == 201]
    assert set(good) == {error["id"]}
    assert all(each.status_code in {201, 400} for each in answers)
    assert await authorized(shop) == 1


async def authorized(shop: Shop) -> int:
    """Operations of the demo merchant that were approved, as they rest."""
    settings = Settings(database=f"sqlite:///{shop.database}")
    async with wiring.parts(settings) as parts:
        orders = await parts.store.orders(OrderQuery(merchant=1, limit=100))
        return sum(each.decline is None for order in orders for each in order.operations)


async def test_of_many_method_steps_one_goes_on(shop: Shop) -> None:
    here = await visit(shop, How.METHOD)
    error = await here.asked()
    proof = {"type": "method", "data": details(error)["data"]}
    answers = await asyncio.gather(*(here.order(verification=proof) for _ in range(10)))
    assert {each.json()["id"] for each in answers if each.status_code == 201} == {error["id"]}
    assert await authorized(shop) == 1


async def test_what_another_wire_has_completed_is_answered(shop: Shop) -> None:
    here = await visit(shop, How.CHALLENGE, old=True)
    error = await here.asked()
    settings = Settings(database=f"sqlite:///{shop.database}")
    async with wiring.parts(settings) as parts:
        order = (await parts.store.orders(OrderQuery(merchant=1, limit=1)))[0]
    done = await shop.client.post(
        f"/orders/{order.id}/complete", json={"PaRes": "Y1"}, auth=("project", "password")
    )
    assert done.json()["orders"][0]["status"] == "authorized"
    await paid(here, shop, error)


async def test_the_address_is_told_of_the_order_alone(shop: Shop) -> None:
    async with receiving(says("200 OK")) as receiver:
        here = await visit(shop, How.CHALLENGE, old=True)
        await here.asked(callback=receiver.url())
        answer = await here.order(
            callback=receiver.url(), verification={"type": "pares", "data": "N"}
        )
        assert answer.status_code == 400
        await here.asked(callback=receiver.url())
        made = await here.order(
            callback=receiver.url(), verification={"type": "pares", "data": "Y1"}
        )
        assert made.status_code == 201
        await come(receiver, 1)
        await asyncio.sleep(0.3)
        assert len(receiver.bodies) == 1
        assert "application/jwt; charset=utf-8" in receiver.heads[0]
