"""3-D Secure on this wire: what is asked, every way to go on, and the pages of banks."""

import json
import re
from html import unescape
from urllib.parse import parse_qs, urlsplit

import pytest
from httpx2 import Response
from tests.payfunc.conftest import BASE, Shop, claims
from tests.payfunc.visit import PARENT, challenged, creq, details, packed, paid, visit
from tests.web.browser import Page, submit

from counterfoil.connectors.sandbox.table import Authentication as How

pytestmark = pytest.mark.anyio


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
