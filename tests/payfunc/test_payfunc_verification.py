"""Verification required: the error's words, ways to resume, what a proof is good for."""

import pytest
from tests.payfunc.conftest import Json, Shop

pytestmark = pytest.mark.anyio

CARD = "4200000000000000"
APPROVED, DENIED = "YAED53A345D", "N"


async def demanded(shop: Shop, pan: str = CARD, amount: float = 7.42) -> tuple[Json, str, Json]:
    """An order that demands verification: what was asked, the card's token, the error."""
    token = await shop.card(pan)
    asked: Json = {
        "items": amount,
        "currency": "EUR",
        "payment": {"type": "card", "card": token},
    }
    answer = await shop.ask("POST", "/order", asked, key="public")
    assert answer.status_code == 400, answer.text
    error: Json = answer.json()
    return asked, token, error


@pytest.mark.parametrize("pan", [CARD, "5555550000004444"])
async def test_the_error_is_the_documented_one(pan: str, shop: Shop) -> None:
    _, _, error = await demanded(shop, pan)
    content = error["content"]
    assert isinstance(content, dict)
    details = content.pop("details")
    url, data = details.pop("url"), details.pop("data")
    assert url.startswith("http://127.0.0.1:8080/test/")
    assert data.keys() == {"pareq"}
    fields = {"PaReq": data["pareq"], "TermUrl": "http://127.0.0.1:8080/back", "MD": "1"}
    assert (await shop.client.post(url, data=fields)).status_code == 200
    assert details == {"visible": True, "method": "POST"}
    assert content == {
        "property": "payment.card",
        "type": "Card.Token",
        "description": "verification required",
    }
    assert (error["status"], error["type"]) == (400, "malformed content")
    assert (await shop.ask("GET", "/order")).json() == []


async def test_the_order_brings_the_proof(shop: Shop) -> None:
    asked, token, error = await demanded(shop)
    payment = {"type": "card", "card": token, "verification": {"type": "pares", "data": APPROVED}}
    again = {**asked, "id": error["id"], "payment": payment}
    answer = await shop.ask("POST", "/order", again, key="public")
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert (made["id"], made["status"]) == (error["id"], {"ordered": 7.42})
    assert [each["id"] for each in (await shop.ask("GET", "/order")).json()] == [error["id"]]
    assert (await shop.ask("POST", "/order", again, key="public")).status_code == 400
    assert (await shop.event(made["id"], type="charge")).status_code == 201


async def test_nobody_is_shown_an_order_that_only_waits(shop: Shop) -> None:
    _, _, error = await demanded(shop)
    change = [{"id": error["id"], "event": [{"type": "cancel"}]}]
    for answer in (
        await shop.ask("GET", f"/order/{error['id']}"),
        await shop.ask("GET", f"/order/{error['id']}", accept="application/jwt"),
        await shop.event(error["id"], type="charge"),
        await shop.ask("PATCH", "/order", change),
    ):
        assert (answer.status_code, answer.json()) == (404, {"status": 404, "type": "not found"})


async def test_the_card_brings_the_proof(shop: Shop) -> None:
    asked, token, error = await demanded(shop)
    change = {"verification": {"type": "pares", "data": APPROVED}}
    new = await shop.ask("PATCH", f"/card/{token}", change, key="public")
    assert new.status_code == 200, new.text
    payment = {"type": "card", "card": new.text}
    answer = await shop.ask("POST", "/order", {**asked, "payment": payment}, key="public")
    assert (answer.status_code, answer.json()["id"]) == (201, error["id"])


@pytest.mark.parametrize(
    ("proof", "text"),
    [
        (DENIED, "3-D Secure authentication failure."),
        ("garbled!", "3-D Secure problem."),
    ],
)
async def test_a_proof_that_is_none(proof: str, text: str, shop: Shop) -> None:
    asked, token, _ = await demanded(shop)
    payment = {"type": "card", "card": token, "verification": {"type": "pares", "data": proof}}
    answer = await shop.ask("POST", "/order", {**asked, "payment": payment})
    content = answer.json()["content"]
    assert (answer.status_code, content["property"]) == (400, "card.pares")
    assert content["description"] == text
    assert (await shop.ask("GET", "/order")).json() == []


async def test_a_proof_is_good_for_its_amount_only(shop: Shop) -> None:
    asked, token, _ = await demanded(shop)
    payment = {"type": "card", "card": token, "verification": {"type": "pares", "data": APPROVED}}
    answer = await shop.ask("POST", "/order", {**asked, "items": 8, "payment": payment})
    assert answer.status_code == 400
    good = await shop.ask("POST", "/order", {**asked, "payment": payment})
    assert good.status_code == 201


async def test_an_account_is_charged_without_asking(shop: Shop) -> None:
    account = await shop.account(CARD)
    made = await shop.order(5, payment={"type": "account", "account": account})
    assert made["status"] == {"ordered": 5}
