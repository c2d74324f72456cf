"""What a bank brings and proves nothing: forged, foreign, late, twice; and what comes after."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode

import pytest
from tests.payfunc.conftest import Json, Shop, claims
from tests.payfunc.visit import Visit, challenged, details, paid, visit

from counterfoil.connectors.sandbox.table import Authentication as How
from counterfoil.connectors.sandbox.table import card_authenticated

pytestmark = pytest.mark.anyio


async def test_answers_of_another_payment_prove_nothing(shop: Shop) -> None:
    mine, theirs = await visit(shop, How.CHALLENGE), await visit(shop, How.CHALLENGE)
    error, other = await mine.asked(), await theirs.asked()
    cres, foreign = await challenged(mine, error), await challenged(theirs, other)
    turned = urlsafe_b64decode(cres + "=" * (-len(cres) % 4)).replace(b"Y", b"N")
    for wrong in (foreign, "junk", urlsafe_b64encode(turned[:-2]).decode()):
        answer = await mine.back(cres=wrong)
        assert (answer.status_code, answer.json()["content"]["property"]) == (400, "card.pares")
        proof = {"type": "challenge", "data": wrong}
        assert (await mine.order(verification=proof)).status_code == 400
    members = {"type": "challenge", "data": details(other)["data"]}
    assert (await mine.order(verification=members)).status_code == 400
    assert (await mine.back(PaRes="Y1")).status_code == 400  # of the other version
    assert (await mine.back(threeDSMethodData="e30")).status_code == 400
    assert (await mine.order(verification={"type": "pares", "data": "Y1"})).status_code == 400
    assert (await shop.ask("GET", "/order")).json() == []
    await paid(mine, shop, error, verification={"type": "challenge", "data": cres})


@pytest.mark.parametrize("report", ["", "e30", "W10", "!", "eyJ0aHJlZURTU2VydmVyVHJhbnNJRCI6MX0"])
async def test_a_method_page_reports_on_its_own_transaction(report: str, shop: Shop) -> None:
    here, other = await visit(shop, How.METHOD), await visit(shop, How.METHOD)
    await other.asked()
    error = await here.asked()
    assert (await here.back(threeDSMethodData=report)).status_code == 400
    proof = {"type": "method", "data": report}
    assert (await here.order(verification=proof)).status_code == 400
    foreign = {"type": "method", "data": details(await other.asked())["data"]}
    assert (await here.order(verification=foreign)).status_code == 400
    data = details(error)["data"]
    await paid(here, shop, error, verification={"type": "method", "data": data})


async def test_a_challenge_before_any_result_proves_nothing(shop: Shop) -> None:
    here = await visit(shop, How.LOST)
    error = await here.asked()
    cres = await challenged(here, error)
    assert (await here.back(cres=cres)).status_code == 400
    answer = await here.order(verification={"type": "challenge", "data": cres})
    assert answer.json()["content"]["description"] == "3-D Secure authentication failure."
    assert (await shop.ask("GET", "/order")).json() == []
    assert (await here.asked())["id"] == error["id"]


async def test_a_cardholder_who_declines_may_be_asked_again(shop: Shop) -> None:
    here = await visit(shop, How.CHALLENGE)
    error = await here.asked()
    cres = await challenged(here, error, "decline")
    proof = {"type": "challenge", "data": cres}
    answer = await here.order(verification=proof)
    content = answer.json()["content"]
    assert (answer.status_code, content["property"]) == (400, "card.pares")
    assert content["description"] == "3-D Secure authentication failure."
    assert (await shop.ask("GET", "/order")).json() == []
    again = await here.asked(verification=proof)  # replayed, it is worth nothing
    assert again["id"] != error["id"]
    cres = await challenged(here, again)
    await paid(here, shop, again, verification={"type": "challenge", "data": cres})


@pytest.mark.parametrize(
    ("how", "place"),
    [
        (How.DENIED, "card.pares"), (How.REJECTED, "card.pares"),
        (How.UNAVAILABLE, "card.pares"), (How.NOT_ENROLLED, "card.pan"),
    ],
)  # fmt: skip
async def test_an_issuer_that_says_no_at_once(how: How, place: str, shop: Shop) -> None:
    here = await visit(shop, how)
    for _ in range(2):
        answer = await here.order()
        assert (answer.status_code, answer.json()["content"]["property"]) == (400, place)
    assert (await shop.ask("GET", "/order")).json() == []


@pytest.mark.parametrize("old", [True, False])
async def test_late_answers_are_refused(old: bool, shop: Shop) -> None:
    here = await visit(shop, How.CHALLENGE, old=old)
    error = await here.asked()
    cres = "Y1" if old else await challenged(here, error)
    proof = {"type": "pares" if old else "challenge", "data": cres}
    await advance(shop, "31m")
    late = await here.back(**({"PaRes": cres} if old else {"cres": cres}))
    assert late.json()["content"]["description"] == "The session has expired."
    answer = await here.order(verification=proof)
    assert answer.json()["content"]["description"] == "The session has expired."
    again = await here.asked()
    assert again["id"] != error["id"]
    await advance(shop, "31m")
    gone = await here.back(PaRes="Y1")
    assert (gone.status_code, gone.json()["content"]["type"]) == (400, "model.Card")
    assert (await here.order()).json()["content"]["type"] == "model.Card"
    assert (await shop.ask("GET", "/order")).json() == []


async def advance(shop: Shop, by: str) -> None:
    """Let that time pass, timer by timer."""
    answer = await shop.client.post("/sandbox/clock", content=json.dumps({"advance": by}).encode())
    assert answer.status_code == 200, answer.text


async def test_what_is_asked_again_is_asked_of_the_same_order(shop: Shop) -> None:
    here = await visit(shop, How.CHALLENGE)
    error = await here.asked()
    assert await here.asked() == error
    other = await here.asked(items=8)  # another purchase is another order
    assert other["id"] != error["id"]
    assert (await here.asked(id=error["id"]))["id"] == error["id"]
    other = await here.asked(items=8)
    proof = {"type": "challenge", "data": await challenged(here, other)}
    answer = await here.order(verification=proof)
    assert answer.json()["content"]["property"] == "items"
    answer = await here.order(items={"price": 8}, verification=proof)
    assert answer.json()["content"]["property"] == "items"
    made = await here.order(items=8, verification=proof, id=other["id"])
    assert (made.status_code, made.json()["id"]) == (201, other["id"])


async def test_another_card_in_its_place_is_asked_for_itself(shop: Shop) -> None:
    here = await visit(shop, How.CHALLENGE, old=True)
    await here.asked()
    card = {"pan": "4111111111111111", "expires": [2, 39]}
    changed = await shop.ask("PUT", f"/card/{here.token}", card, key="public")
    here.token = changed.text
    stale = await here.back(PaRes="Y1")
    assert (stale.status_code, stale.json()["content"]["property"]) == (400, "card.pares")
    answer = await here.order(verification={"type": "pares", "data": "Y1"})
    assert answer.json()["payment"]["last4"] == "1111"


async def test_a_page_comes_twice_and_brings_the_same(shop: Shop) -> None:
    here = await visit(shop, How.CHALLENGE, old=True)
    error = await here.asked()
    first, second = await here.back(PaRes="Y1"), await here.back(PaRes="Y1")
    assert first.text == second.text
    here.token = first.text
    await paid(here, shop, error)
    assert (await here.back(PaRes="Y1")).json()["content"]["type"] == "model.Card"


async def test_who_posts_nothing_or_names_nobody(shop: Shop) -> None:
    here = await visit(shop, How.CHALLENGE, old=True)
    error = await here.asked()
    for body in (b"", b"PaRes=", b"MD=1", b"\xff", b"a=b&" * 30):
        answer = await shop.client.post(here.address(), content=body)
        assert answer.json()["content"]["type"] == "Card.Verification", body
    nobody = here.address().replace(here.merchant, "AAAAAAAA")
    assert (await here.back(nobody, PaRes="Y1")).status_code == 401
    for wrong in ("AAAAAAAA", "x", "a.b.c"):
        address = here.address().replace(str(claims(here.token)["card"]), wrong)
        answer = await here.back(address, PaRes="Y1")
        assert (answer.status_code, answer.json()["content"]["type"]) == (400, "model.Card")
    by_token = here.address().replace(str(claims(here.token)["card"]), here.token)
    here.token = (await here.back(by_token, PaRes="Y1")).text
    await paid(here, shop, error)
    assert (await shop.client.get(here.address())).status_code == 405


async def test_the_acquirer_s_no_leaves_the_token_good(shop: Shop) -> None:
    token = await shop.card("4200000000000000")
    asked: Json = {"items": 404.13, "currency": "EUR", "payment": {"type": "card", "card": token}}
    for _ in range(2):
        error = (await shop.ask("POST", "/order", asked)).json()
        assert error["content"]["description"] == "verification required"
        payment = {"verification": {"type": "pares", "data": "Y1"}, "type": "card", "card": token}
        answer = await shop.ask("POST", "/order", {**asked, "payment": payment})
        assert answer.json()["content"]["description"] == "Insufficient funds."
    again = {"items": 7, "currency": "EUR", "payment": {**payment, "verification": None}}
    assert (await shop.ask("POST", "/order", again)).json()["error"] == "verification required"
    made = await shop.ask("POST", "/order", {**again, "payment": payment})
    assert made.status_code == 201


async def test_an_issuer_that_is_never_content_has_declined(shop: Shop) -> None:
    here = Visit(shop, await shop.card("4000000901001109"), None)
    await here.asked()
    answer = await here.order(verification={"type": "pares", "data": "Y1"})
    assert answer.json()["content"]["description"] == "Additional authentication required."


async def test_wrong_check_digits_are_told_before_anybody_is_asked(shop: Shop) -> None:
    token = await shop.card("4200000000000000", csc="123")
    payment = {"type": "card", "card": token}
    answer = await shop.ask("POST", "/order", {"items": 7, "currency": "EUR", "payment": payment})
    assert answer.json()["content"]["property"] == "card.csc"


async def test_the_merchant_s_own_initiative_asks_nobody(shop: Shop) -> None:
    here = await visit(shop, How.CHALLENGE, old=True)
    error = await here.asked()
    made = (await here.order(verification={"type": "pares", "data": "Y1"})).json()
    assert made["id"] == error["id"]
    order = await shop.order(3, made["payment"]["card"])
    assert order["status"] == {"ordered": 3}


async def test_an_issuer_that_wants_the_customer_of_such_a_payment_declines_it(shop: Shop) -> None:
    asking = "4000000901001109"
    account = await shop.account(asking)
    pended = await shop.order(5, payment={"type": "account", "account": account})
    assert pended["status"] == {"pending": 5}


async def test_a_browser_as_nobody_describes_it(shop: Shop) -> None:
    junk: Json = {
        "colorDepth": "deep", "java": True, "javascript": False, "locale": "sv_SE", "parent": 1,
        "resolution": [1], "timezone": 1e9, "ip": "home", "acceptHeader": "\n", "userAgent": "",
    }  # fmt: skip
    good: Json = {"ip": "::1", "resolution": [800, 600], "acceptHeader": "text/html"}
    for browser in ({}, junk, good):
        pan = card_authenticated(How.CHALLENGE, asks=True)
        here = Visit(shop, await shop.card(pan), browser)
        error = await here.asked()
        assert details(error)["data"].keys() > {"acsTransID"}  # type: ignore[attr-defined]
        await here.asked(key="private")


async def test_one_request_under_a_key_has_one_answer(shop: Shop) -> None:
    here = await visit(shop, How.CHALLENGE, old=True)
    payment: Json = {"type": "card", "card": here.token}
    asked: Json = {"items": 7.42, "currency": "EUR", "payment": payment}
    first = {"Idempotency-Key": "one"}
    answers = [await shop.ask("POST", "/order", asked, **first) for _ in range(2)]
    assert answers[0].json()["error"] == "verification required"
    assert answers[0].json() == answers[1].json()
    proved = {**asked, "payment": {**payment, "verification": {"type": "pares", "data": "N"}}}
    second = {"Idempotency-Key": "two"}
    answers = [await shop.ask("POST", "/order", proved, **second) for _ in range(2)]
    assert answers[0].json()["content"]["property"] == "card.pares"
    assert answers[0].json() == answers[1].json()
    assert (await shop.ask("POST", "/order", asked)).json()["error"] == "verification required"
    proved = {**asked, "payment": {**payment, "verification": {"type": "pares", "data": "Y1"}}}
    third = {"Idempotency-Key": "three"}
    answers = [await shop.ask("POST", "/order", proved, **third) for _ in range(2)]
    assert [each.status_code for each in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()


@pytest.mark.parametrize("path", ["/me", "/merchant", "/merchant/abcdefgh/key", "/order/a/receipt"])
@pytest.mark.parametrize("key", ["", "private"])
async def test_what_is_not_served_is_not_found(path: str, key: str, shop: Shop) -> None:
    answer = await shop.ask("GET", path, key=key)
    assert (answer.status_code, answer.json()) == (404, {"status": 404, "type": "not found"})
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
