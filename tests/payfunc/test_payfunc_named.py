"""Ids that clients choose: taken once, shown everywhere, free again where nothing came of them."""

import asyncio

import pytest
from tests.payfunc.conftest import GOOD, POOR, Json, Shop, claims
from tests.payfunc.visit import visit

from counterfoil.connectors.sandbox.table import Authentication as How
from counterfoil.dialects.payfunc.identifiers import identifier, number
from counterfoil.dialects.payfunc.naming import TRIES_MAX

pytestmark = pytest.mark.anyio

CHOSEN = "Order-2026_11-20"
ACCOUNT = "Customer-0000001"
TAKEN = {
    "status": 400,
    "type": "malformed content",
    "content": {
        "property": "id",
        "type": "authly.Identifier",
        "description": "The identifier is taken.",
    },
}
ASKS = "4200000000000000"


async def asked(shop: Shop, pan: str = GOOD, /, **more: object) -> Json:
    """The body of an order under the chosen id."""
    payment = {"type": "card", "card": await shop.card(pan)}
    return {"id": CHOSEN, "items": 10, "currency": "EUR", "payment": payment, **more}


async def refused(shop: Shop, body: Json) -> Json:
    """The error that an order is answered with."""
    answer = await shop.ask("POST", "/order", body, key="public")
    assert answer.status_code == 400, answer.text
    found: Json = answer.json()
    return found


async def test_an_order_has_the_id_that_its_client_chose(shop: Shop) -> None:
    made = await shop.order(10, id=CHOSEN, callback="https://shop.example/told")
    other = await shop.order(20)
    assert made["id"] == (await shop.shown(CHOSEN))["id"] == CHOSEN
    assert claims((await shop.ask("GET", f"/order/{CHOSEN}", accept="application/jwt")).text)[
        "id"
    ] == (CHOSEN)
    listed = await shop.ask("GET", "/order")
    assert [each["id"] for each in listed.json()] == [other["id"], CHOSEN]
    assert (await shop.event(CHOSEN, type="charge", items=6)).status_code == 201
    changed = await shop.ask("PATCH", "/order", [{"id": CHOSEN, "event": [{"type": "refund"}]}])
    assert changed.json()[0]["id"] == CHOSEN
    assert (await shop.shown(CHOSEN))["status"] == {"ordered": 4, "refunded": 6}
    assert await refused(shop, await asked(shop)) == TAKEN
    assert await refused(shop, await asked(shop, POOR)) == TAKEN


async def test_a_list_goes_on_past_a_chosen_id(shop: Shop) -> None:
    first = await shop.order(1)
    await shop.order(2, id=CHOSEN)
    await shop.order(3)
    seen = (await shop.ask("GET", f"/order?before={CHOSEN}")).json()
    assert [each["id"] for each in seen] == [first["id"]]
    page = await shop.ask("GET", "/order?limit=2")
    assert page.json()[1]["id"] == CHOSEN
    rest = await shop.ask("GET", page.headers["Link"].partition(">")[0][1:])
    assert [each["id"] for each in rest.json()] == [first["id"]]
    assert (await shop.ask("GET", "/order?before=Nobody-has-that_")).status_code == 404


async def test_of_two_at_once_one_gets_the_id(shop: Shop) -> None:
    bodies = [await asked(shop) for _ in range(8)]
    answers = await asyncio.gather(*(shop.ask("POST", "/order", body) for body in bodies))
    good = [each for each in answers if each.status_code == 201]
    assert [each.json()["id"] for each in good] == [CHOSEN]
    assert all(each.json() == TAKEN for each in answers if each not in good)
    assert len((await shop.ask("GET", "/order")).json()) == 1


async def test_one_request_that_comes_twice_is_not_refused(shop: Shop) -> None:
    account = await shop.account(POOR)
    by: Json = {"payment": {"type": "account", "account": account}}
    for body in (await asked(shop), {**await asked(shop), **by, "id": "Another-chosen-1"}):
        named: dict[str, str] = {"Idempotency-Key": str(body["id"])}
        same = [shop.ask("POST", "/order", body, **named) for _ in range(4)]
        answers = await asyncio.gather(*same)
        assert {each.status_code for each in answers} == {201}
        assert {each.json()["id"] for each in answers} == {body["id"]}


async def test_what_was_declined_leaves_the_id_free(shop: Shop) -> None:
    body = await asked(shop, POOR)
    assert (await refused(shop, body))["error"] == "insufficient funds"
    assert (await refused(shop, body))["error"] == "insufficient funds"
    assert (await shop.ask("GET", f"/order/{CHOSEN}")).status_code == 404
    made = await shop.order(10, id=CHOSEN)
    listed = (await shop.ask("GET", "/order")).json()
    assert [each["status"] for each in listed] == [{"ordered": 10}, {"denied": 10}, {"denied": 10}]
    assert [each["id"] for each in listed].count(CHOSEN) == 1
    assert (await shop.shown(listed[1]["id"]))["status"] == {"denied": 10}
    assert await shop.shown(CHOSEN) == {
        name: value for name, value in made.items() if name not in {"iss", "iat", "aud"}
    }


async def test_an_id_has_so_many_tries(shop: Shop) -> None:
    body = await asked(shop, POOR)
    for _ in range(TRIES_MAX):
        assert (await refused(shop, body))["error"] == "insufficient funds"
    assert await refused(shop, body) == TAKEN


async def test_an_order_that_waits_keeps_the_id_for_its_proof(shop: Shop) -> None:
    body = await asked(shop, ASKS)
    assert (await refused(shop, body))["id"] == CHOSEN
    assert (await shop.ask("GET", f"/order/{CHOSEN}")).status_code == 404
    payment = {**body["payment"], "verification": {"type": "pares", "data": "YAED53A345D"}}  # type: ignore[dict-item]
    made = await shop.ask("POST", "/order", {**body, "payment": payment}, key="public")
    assert (made.status_code, made.json()["id"]) == (201, CHOSEN)
    assert await refused(shop, await asked(shop, ASKS)) == TAKEN


async def test_another_card_takes_the_id_from_an_order_that_waits(shop: Shop) -> None:
    body = await asked(shop, ASKS)
    error = await refused(shop, body)
    made = await shop.order(10, id=error["id"])
    assert made["id"] == CHOSEN
    payment = {**body["payment"], "verification": {"type": "pares", "data": "YAED53A345D"}}  # type: ignore[dict-item]
    late = await shop.ask("POST", "/order", {**body, "payment": payment})
    assert late.status_code == 400
    assert len((await shop.ask("GET", "/order")).json()) == 1


async def test_an_id_that_an_error_carried_is_good_with_another_card(shop: Shop) -> None:
    body = {key: value for key, value in (await asked(shop, ASKS)).items() if key != "id"}
    named = str((await refused(shop, body))["id"])
    poor = await refused(shop, await asked(shop, POOR, id=named))
    assert poor["error"] == "insufficient funds"
    assert (await shop.order(10, id=named))["id"] == named
    assert (await shop.shown(named))["status"] == {"ordered": 10}
    assert (await shop.event(named, type="charge")).status_code == 201
    assert await refused(shop, await asked(shop, id=named)) == TAKEN


async def test_a_merchants_own_rule_takes_the_id_at_once(shop: Shop) -> None:
    here = await visit(shop, How.FRICTIONLESS)
    answer = await here.order(id=CHOSEN)
    assert (answer.status_code, answer.json()["id"]) == (201, CHOSEN)
    assert await refused(shop, await asked(shop)) == TAKEN


async def test_an_order_that_pends_keeps_its_id(shop: Shop) -> None:
    for pans in ((POOR,), ()):
        account = await shop.account(*pans)
        by = {"type": "account", "account": account}
        named = f"Pending-{len(pans)}-000000"
        made = await shop.order(10, id=named, payment=by)
        assert (made["id"], made["status"]) == (named, {"pending": 10})
        assert await refused(shop, await asked(shop, id=named)) == TAKEN
        assert (await shop.event(named, type="cancel")).status_code == 201
        assert (await shop.shown(named))["status"] == {"cancelled": 10}


async def test_ids_of_our_own_form_and_wrong_ones(shop: Shop) -> None:
    free = identifier(number((await shop.order(1))["id"]) - 256)  # type: ignore[arg-type, operator]
    assert (await shop.order(10, id=free))["id"] == free
    assert (await shop.shown(free))["status"] == {"ordered": 10}
    shown = (await shop.ask("GET", "/order")).json()[1]
    assert await refused(shop, await asked(shop, id=shown["id"])) == TAKEN
    for wrong in ("short", "seventeen-letters", "sixteen.letters!", 12):
        body = await asked(shop, id=wrong)
        assert (await refused(shop, body))["content"]["type"] == "model.Order.Creatable"  # type: ignore[index]


async def test_another_merchant_may_choose_the_same(shop: Shop) -> None:
    await shop.order(10, id=CHOSEN)
    shop.keys["foreign"] = await shop.foreign()
    answer = await shop.ask("GET", f"/order/{CHOSEN}", key="foreign")
    assert answer.status_code == 404


async def test_an_account_has_the_id_that_its_client_chose(shop: Shop) -> None:
    method = [{"type": "token", "card": await shop.card()}]
    body = {"id": ACCOUNT, "number": "17", "method": method}
    answers = await asyncio.gather(*(shop.ask("POST", "/account", body) for _ in range(2)))
    made = next(each.json() for each in answers if each.status_code == 201)
    assert sorted(each.status_code for each in answers) == [201, 400]
    again = await shop.ask("POST", "/account", {"id": ACCOUNT, "method": []})
    assert (made["id"], again.json()) == (ACCOUNT, TAKEN)
    assert (await shop.ask("GET", f"/account/{ACCOUNT}")).json()["id"] == ACCOUNT
    assert [each["id"] for each in (await shop.ask("GET", "/account")).json()][-1] == ACCOUNT
    key = (await shop.ask("POST", f"/account/{ACCOUNT}")).text
    assert claims(key)["account"] == claims(made["method"][0]["token"])["account"] == ACCOUNT
    shop.keys["own"] = key
    assert (await shop.ask("GET", "/account/me", key="own")).json()["id"] == ACCOUNT
    for payment in (
        {"type": "account", "account": ACCOUNT},
        {"type": "account", "token": made["method"][0]["token"]},
    ):
        order = await shop.order(5, payment=payment)
        assert order["payment"]["account"] == ACCOUNT  # type: ignore[index]
        shown = await shop.ask("GET", f"/order/{order['id']}", key="own")
        assert shown.json()["payment"]["account"] == ACCOUNT


async def test_a_list_of_accounts_goes_on_past_a_chosen_id(shop: Shop) -> None:
    for named in (ACCOUNT, "Customer-0000002"):
        await shop.ask("POST", "/account", {"id": named, "method": []})
    page = await shop.ask("GET", "/account?limit=2")
    rest = await shop.ask("GET", page.headers["Link"].partition(">")[0][1:])
    ids = [page.json()[-1]["id"], rest.json()[0]["id"]]
    assert sorted(ids) == [ACCOUNT, "Customer-0000002"]
    after = await shop.ask("GET", f"/account?after={ids[0]}")
    assert [each["id"] for each in after.json()] == [ids[1]]


async def test_a_card_that_waits_may_be_given_an_id_later(shop: Shop) -> None:
    body = await asked(shop, ASKS)
    bare = {name: value for name, value in body.items() if name != "id"}
    first = await refused(shop, bare)
    assert first["id"] != (await refused(shop, body))["id"] == CHOSEN
    assert (await refused(shop, bare))["id"] == CHOSEN
    wrong = proved({**body, "id": "Another-chosen-1"})
    assert (await refused(shop, wrong))["content"]["property"] == "id"  # type: ignore[index]
    made = await shop.ask("POST", "/order", proved(bare), key="public")
    assert (made.status_code, made.json()["id"]) == (201, CHOSEN)


def proved(body: Json) -> Json:
    """The body with what the cardholder's bank says."""
    payment = body["payment"]
    assert isinstance(payment, dict)
    verification = {"type": "pares", "data": "YAED53A345D"}
    return {**body, "payment": {**payment, "verification": verification}}


async def test_of_many_that_are_asked_at_once_one_is_authorized(shop: Shop) -> None:
    bodies = [await asked(shop, ASKS) for _ in range(5)]
    for _ in range(2):
        errors = await asyncio.gather(*(shop.ask("POST", "/order", body) for body in bodies))
        assert {each.status_code for each in errors} == {400}
    tries = [*(proved(body) for body in bodies), await asked(shop), await asked(shop)]
    answers = await asyncio.gather(*(shop.ask("POST", "/order", body) for body in tries))
    assert [each.json()["id"] for each in answers if each.status_code == 201] == [CHOSEN]
    listed = (await shop.ask("GET", "/order")).json()
    assert [(each["id"], each["status"]) for each in listed] == [(CHOSEN, {"ordered": 10})]
