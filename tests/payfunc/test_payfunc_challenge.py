"""3-D Secure 2 and the address that a bank's page posts to: ways through, and what is refused."""

import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from html import unescape
from urllib.parse import parse_qs, urlsplit

import pytest
from httpx2 import Response
from tests.payfunc.conftest import BASE, Json, Shop, claims
from tests.web.browser import Page, submit

from counterfoil.connectors.sandbox.table import Authentication as How
from counterfoil.connectors.sandbox.table import card_authenticated

pytestmark = pytest.mark.anyio

PARENT = "https://shop.example"
BROWSER: Json = {
    "colorDepth": 24,
    "java": False,
    "javascript": True,
    "locale": "sv-SE",
    "parent": PARENT,
    "resolution": [2560, 1440],
    "timezone": -60,
}


class Visit:
    """A customer who pays 7.42 with one card, and what the shop's page knows."""

    def __init__(self, shop: Shop, token: str, browser: Json | None = BROWSER) -> None:
        self.shop = shop
        self.token = token
        self.browser = browser
        self.merchant = str(claims(shop.keys["public"])["sub"])

    async def order(self, **more: object) -> Response:
        """The answer to the order; `verification` belongs to the payment, `key` says which."""
        key = str(more.pop("key", "public"))
        payment: Json = {"type": "card", "card": self.token}
        if self.browser is not None:
            payment["client"] = {"browser": self.browser, "ip": "6.6.6.6"}
        if "verification" in more:
            payment["verification"] = more.pop("verification")
        asked = {"items": 7.42, "currency": "EUR", "payment": payment, **more}
        return await self.shop.ask("POST", "/order", asked, key=key)

    async def asked(self, **more: object) -> Json:
        """The error of an order that is answered with `verification required`."""
        answer = await self.order(**more)
        error: Json = answer.json()
        assert answer.status_code == 400, answer.text
        content = error["content"]
        assert isinstance(content, dict)
        assert content["description"] == "verification required", error
        return error

    def address(self, mode: str = "show") -> str:
        """Where the bank's page is to come back to."""
        return (
            f"{BASE}/card/{claims(self.token)['card']}/verification"
            f"?mode={mode}&merchant={self.merchant}"
        )

    async def back(self, address: str | None = None, **fields: str) -> Response:
        """The answer to what the bank's page brings."""
        return await self.shop.client.post(address or self.address(), data=fields)


async def visit(shop: Shop, how: How, *, old: bool = False) -> Visit:
    """A customer whose issuer demands to be asked and then does that; `old`: version 1."""
    pan = card_authenticated(how, asks=True)
    return Visit(shop, await shop.card(pan), None if old else BROWSER)


def details(error: Json) -> Json:
    """What the error says that is to be done."""
    content = error["content"]
    assert isinstance(content, dict)
    found: Json = content["details"]
    return found


def packed(value: object) -> str:
    """As a browser carries it."""
    return urlsafe_b64encode(json.dumps(value).encode()).decode()


def creq(error: Json) -> str:
    """The CReq that a client makes of the error."""
    data = details(error)["data"]
    assert isinstance(data, dict)
    return packed({name: text for name, text in data.items() if name != "type"})


async def challenged(here: Visit, error: Json, choice: str = "approve") -> str:
    """What the cardholder brings back from the issuer's page."""
    url = str(details(error)["url"])
    page = Page(await here.shop.client.post(url, data={"creq": creq(error)}))
    page = Page(await submit(here.shop.client, page.forms[choice]))
    return dict(page.forms["cresform"].fields)["cres"]


async def paid(here: Visit, shop: Shop, error: Json, **more: object) -> None:
    """The order is made under the id that the error promised, and its token is used up."""
    answer = await here.order(**more)
    assert answer.status_code == 201, answer.text
    assert answer.json()["id"] == error["id"]
    assert answer.json()["status"] == {"ordered": 7.42}
    assert [each["id"] for each in (await shop.ask("GET", "/order")).json()] == [error["id"]]
    again = await here.order(**more)
    assert (again.status_code, again.json()["content"]["type"]) == (400, "model.Card")


async def test_what_a_method_step_and_a_challenge_look_like(shop: Shop) -> None:
    here = await visit(shop, How.METHOD_CHALLENGE)
    error = await here.asked()
    assert (error["status"], error["type"]) == (400, "malformed content")
    found = details(error)
    data = found["data"]
    assert isinstance(data, dict)
    assert (found["visible"], found["method"]) == (False, "POST")
    assert found["url"] == f"{BASE}/test/3ds-method"
    assert data.keys() == {"type", "threeDSServerTransID", "messageVersion"}
    assert data["type"] == "method"
    report = packed({"threeDSServerTransID": data["threeDSServerTransID"]})
    answer = await here.back(threeDSMethodData=report)
    assert answer.headers["content-type"] == "application/jwt; charset=utf-8"
    assert claims(answer.text)["verification"] == {"type": "method"}
    assert (await here.order()).json()["content"]["type"] == "model.Card"  # replaced
    here.token = answer.text
    second = await here.asked()
    assert second["id"] == error["id"]
    found = details(second)
    assert (found["visible"], found["method"]) == (True, "POST")
    asked = found["data"]
    assert isinstance(asked, dict)
    assert asked["type"] == "challenge"
    assert asked["threeDSServerTransID"] == data["threeDSServerTransID"]
    assert asked["messageType"] == "CReq"
    assert asked["messageVersion"] == data["messageVersion"]
    assert asked.keys() == data.keys() | {"acsTransID", "messageType", "challengeWindowSize"}
    assert all(isinstance(each, str) for each in asked.values())
    here.token = (await here.back(cres=await challenged(here, second))).text
    assert claims(here.token)["verification"] == {"type": "challenge"}
    await paid(here, shop, error)


async def test_the_method_step_alone_may_be_enough(shop: Shop) -> None:
    here = await visit(shop, How.METHOD)
    error = await here.asked()
    data = details(error)["data"]
    assert isinstance(data, dict)
    await paid(here, shop, error, verification={"type": "method", "data": data})


async def test_a_frictionless_issuer_asks_nobody(shop: Shop) -> None:
    here = await visit(shop, How.FRICTIONLESS)
    assert (await here.order()).status_code == 201
    again = await here.order()
    assert (again.status_code, again.json()["content"]["type"]) == (400, "model.Card")


@pytest.mark.parametrize("way", ["cres", "object", "members", "without"])
async def test_the_order_brings_the_challenge(way: str, shop: Shop) -> None:
    here = await visit(shop, How.CHALLENGE)
    error = await here.asked(number="A-1")
    cres = await challenged(here, error)
    proof: dict[str, object] = {
        "cres": {"data": cres},
        "object": {"data": {"cres": cres}},
        "members": {"data": details(error)["data"]},
        "without": {},
    }
    verification = {"type": "challenge", **proof[way]}  # type: ignore[dict-item]
    await paid(here, shop, error, verification=verification, id=error["id"])


async def test_the_card_brings_the_challenge(shop: Shop) -> None:
    here = await visit(shop, How.CHALLENGE)
    error = await here.asked()
    change = {"verification": {"type": "challenge", "data": await challenged(here, error)}}
    answer = await shop.ask("PATCH", f"/card/{here.token}", change, key="public")
    assert answer.status_code == 200, answer.text
    here.token = answer.text
    await paid(here, shop, error)


@pytest.mark.parametrize("old", [True, False])
async def test_a_frame_is_told_and_so_is_its_parent_alone(old: bool, shop: Shop) -> None:
    here = await visit(shop, How.CHALLENGE, old=old)
    error = await here.asked()
    if old:
        address = f"{here.address('iframe')}&parent={PARENT}"
        answer = await here.back(address, PaRes="Y1")
    else:
        url = str(details(error)["url"])
        page = Page(await shop.client.post(url, data={"creq": creq(error)}))
        page = Page(await submit(shop.client, page.forms["approve"]))
        form = page.forms["cresform"]
        query = parse_qs(urlsplit(form.action).query)
        assert (query["mode"], query["parent"]) == (["iframe"], [PARENT])
        answer = await submit(shop.client, form)
    assert answer.status_code == 200, answer.text
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert policy.endswith(f"frame-ancestors {PARENT}")
    told = dict(re.findall(r'data-(\w+)="([^"]*)"', answer.text))
    assert (told["name"], told["to"]) == ("card", PARENT)
    here.token = json.loads(unescape(told["value"]))
    await paid(here, shop, error)


@pytest.mark.parametrize("parent", ["", "null", "javascript:x", "https://a b", "https://[", "x"])
async def test_a_frame_without_a_parent_is_told_nothing(parent: str, shop: Shop) -> None:
    here = await visit(shop, How.CHALLENGE, old=True)
    error = await here.asked()
    answer = await here.back(f"{here.address('iframe')}&parent={parent}", PaRes="Y1")
    assert (answer.status_code, answer.json()["type"]) == (400, "invalid query argument")
    await paid(here, shop, error, verification={"type": "pares", "data": "Y1"})


async def test_a_frame_is_told_of_a_refusal(shop: Shop) -> None:
    here = await visit(shop, How.CHALLENGE, old=True)
    await here.asked()
    address = f"{here.address('iframe')}&parent={PARENT}"
    answer = await here.back(address, PaRes="garbled!")
    assert answer.status_code == 400
    told = dict(re.findall(r'data-(\w+)="([^"]*)"', answer.text))
    error = json.loads(unescape(told["value"]))
    assert told["name"] == "error"
    assert (error["type"], error["content"]["property"]) == ("malformed content", "card.pares")


async def test_the_bank_s_page_for_a_command_line(shop: Shop) -> None:
    """As the public client does it: every hidden field is sent back, with `authenticated`."""
    for said, status in (("authenticated", 201), ("refused", 400)):
        here = await visit(shop, How.CHALLENGE, old=True)
        error = await here.asked()
        url = str(details(error)["url"])
        data = details(error)["data"]
        assert isinstance(data, dict)
        first = {"PaReq": data["pareq"], "TermUrl": here.address(), "MD": "data"}
        fields = hidden(await shop.client.post(url, data=first))
        assert fields.keys() >= first.keys()
        last = await shop.client.post(url, data={**fields, "authenticated": said, "MD": ""})
        assert f'action="{here.address()}"' in last.text
        answer = await here.back(PaRes=hidden(last)["PaRes"])
        assert answer.status_code == 200, answer.text
        here.token = answer.text
        made = await here.order()
        assert made.status_code == status, made.text
    content = made.json()["content"]
    assert content["description"] == "3-D Secure authentication failure."


def hidden(answer: Response) -> dict[str, str]:
    """The hidden fields of a page, as that client reads them: with an expression, by lines."""
    found = re.findall(r'input type="hidden" name="([a-zA-z0-9]+)" value="(.+)"', answer.text)
    return dict(found)


async def test_the_issuer_s_page_for_a_command_line(shop: Shop) -> None:
    """As the public client does it, which spells one member wrong."""
    here = await visit(shop, How.CHALLENGE)
    error = await here.asked()
    data = details(error)["data"]
    assert isinstance(data, dict)
    wrong = {name: text for name, text in data.items() if name not in {"type", "acsTransID"}}
    asked = packed({**wrong, "acsTransId": data["acsTransID"]})
    page = await shop.client.post(str(details(error)["url"]), data={"creq": asked})
    action = re.findall(r'action="(.+)"', page.text)[-1]
    fields = {"threeDSServerTransID": hidden(page)["threeDSServerTransID"]}
    last = await shop.client.post(action, data={**fields, "challengeStatus": "pass"})
    here.token = (await here.back(cres=hidden(last)["cres"])).text
    await paid(here, shop, error)


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
    assert (await here.order(id=error["id"])).json()["content"]["property"] == "id"
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
