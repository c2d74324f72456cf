"""3-D Secure in a browser: forms are followed from the shop to the bank and back."""

import html
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlencode

import pytest
from httpx2 import Response
from tests.conformance.conftest import BASE, gateway
from tests.web.asking import ASKED, CHALLENGED, FRICTIONLESS, METHOD, RETURN, Shop
from tests.web.browser import Form, Page, submit

from counterfoil.connectors.sandbox.table import Authentication, card_authenticated
from counterfoil.slip.words import LANGUAGES, words
from counterfoil.testing import FakeClock
from counterfoil.web.bank.pages import STYLE
from counterfoil.web.html import SCRIPT, with_order

pytestmark = pytest.mark.anyio


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[tuple[Shop, FakeClock]]:
    """A shop over a gateway of its own, and the gateway's clock."""
    async with gateway(tmp_path) as made:
        yield Shop(made.client), made.clock


Place = tuple[Shop, FakeClock]


def location(answer: Response) -> str:
    """Where the browser is sent."""
    assert answer.status_code == 303, answer.text
    assert answer.headers["cache-control"] == "no-store"
    return str(answer.headers["location"])


@pytest.mark.parametrize(("choice", "status"), [("approve", "authorized"), ("decline", "rejected")])
async def test_version_1_from_shop_to_shop(shop: Place, choice: str, status: str) -> None:
    here, _ = shop
    order, form = await here.held(ASKED, return_url=RETURN)
    for _ in range(2):  # pressed twice, it is sent on the same way
        assert location(await here.pressed(form, choice)) == f"{RETURN}&order_id={order}"
        assert await here.status(order) == status


async def test_a_shop_s_address_in_any_letters_is_gone_back_to(shop: Place) -> None:
    here, _ = shop
    order, form = await here.held(ASKED, return_url="http://shop.example/ü 漢\r\nSet-Cookie: a=b")
    back = await here.pressed(form, "approve")
    where = "http://shop.example/%C3%BC%20%E6%BC%A2Set-Cookie:%20a=b"
    assert location(back) == f"{where}?order_id={order}"
    assert "set-cookie" not in back.headers


@pytest.mark.parametrize(
    ("choice", "said"), [("approve", "Zahlung angenommen"), ("decline", "Zahlung nicht")]
)
async def test_without_a_shop_to_go_to_a_page_tells_how_it_ended(
    shop: Place, choice: str, said: str
) -> None:
    here, _ = shop
    here.client.headers["Accept-Language"] = "de-AT,de;q=0.9"
    _, form = await here.held(ASKED)
    answer = await here.pressed(form, choice)
    assert answer.status_code == 200
    assert said in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "frame-ancestors" not in answer.headers["content-security-policy"]  # shops frame it
    assert "x-frame-options" not in answer.headers


@pytest.mark.parametrize(("choice", "status"), [("approve", "authorized"), ("decline", "rejected")])
async def test_version_2_from_shop_to_shop(shop: Place, choice: str, status: str) -> None:
    here, _ = shop
    order, form = await here.held(CHALLENGED, modern=True, return_url=RETURN)
    for _ in range(2):
        back = await here.pressed(form, choice, "cresform")
        assert location(back) == f"{RETURN}&order_id={order}"
        assert await here.status(order) == status


async def test_a_frictionless_order_needs_no_browser(shop: Place) -> None:
    here, _ = shop
    answer = await here.order(FRICTIONLESS, modern=True)
    assert (answer.status_code, answer.json()["orders"][0]["status"]) == (200, "authorized")


async def test_the_method_step_then_the_return(shop: Place) -> None:
    here, _ = shop
    order, form = await here.held(METHOD, modern=True)
    assert (await here.pressed(form, "methodform")).status_code == 200
    resumed = (await here.post(order, "resume")).json()["orders"][0]
    assert resumed["status"] == "prepared"
    page = Page(resumed["form3d_html"])
    answer = await submit(here.client, page.forms["form3d"])
    assert "Payment accepted" in answer.text
    assert await here.status(order) == "authorized"


async def test_a_shop_that_takes_the_answers_itself(shop: Place) -> None:
    here, _ = shop
    order, form = await here.held(ASKED)
    own = tuple(
        (name, "http://shop.example/mine" if name == "TermUrl" else text)
        for name, text in form.fields
    )
    back = await here.brought(Form(action=form.action, method="POST", fields=own))
    assert back.action == "http://shop.example/mine"
    brought = dict(back.fields)
    answer = await here.post(order, "complete", PaRes=brought["PaRes"])
    assert answer.json()["orders"][0]["status"] == "authorized"


async def test_a_shop_that_takes_the_challenge_s_answer_itself(shop: Place) -> None:
    here, _ = shop
    notify = "http://shop.example/cres"
    order, form = await here.held(CHALLENGED, modern=True, secure3d20_return_url=notify)
    page = Page(await here.pressed(form, "approve"))
    assert page.forms["cresform"].action == notify
    brought = dict(page.forms["cresform"].fields)
    assert brought["threeDSSessionData"] == dict(form.fields)["threeDSSessionData"]
    assert await here.status(order) == "prepared"
    answer = await here.post(order, "complete3d20", cres=brought["cres"])
    assert answer.json()["orders"][0]["secure3d"]["eci"] == "2"


async def test_a_get_is_tolerated(shop: Place) -> None:
    here, _ = shop
    order, form = await here.held(ASKED)
    back = await here.brought(form)
    answer = await here.client.get(back.action, params={**query(back.action), **dict(back.fields)})
    assert answer.status_code == 200
    assert await here.status(order) == "authorized"


def query(url: str) -> dict[str, str]:
    name, _, text = url.partition("?")[2].partition("=")
    return {name: text}


async def test_pages_load_only_what_is_ours_and_run_nothing_inline(shop: Place) -> None:
    here, _ = shop
    _, first = await here.held(ASKED)
    _, second = await here.held(CHALLENGED, modern=True)
    _, method = await here.held(METHOD, modern=True)
    pages = [
        await submit(here.client, first),
        await submit(here.client, second),
        await here.pressed(second, "approve"),
        await submit(here.client, method),
    ]
    for answer in pages:
        assert answer.status_code == 200
        page = Page(answer)
        assert all(page.forms[name].buttons for name in page.forms)  # works without scripts
        assert {"/test/style.css"} == set(page.links)
        assert set(page.scripts) <= {"/test/submit.js"}
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert "1111111111111111" not in answer.text
        assert len(answer.content) < 8_000
    assert [len(Page(answer).scripts) for answer in pages] == [0, 0, 1, 1]
    assert (await here.client.get("/test/submit.js")).content == SCRIPT
    assert (await here.client.get("/test/style.css")).content == STYLE


async def test_the_cardholder_sees_who_wants_how_much(shop: Place) -> None:
    here, _ = shop
    _, form = await here.held(ASKED)
    page = Page(await submit(here.client, form))
    assert "Demo asks for 9.99 USD from your card ending in 1111." in page.text
    assert set(page.forms) == {"approve", "decline"}


async def test_forged_and_foreign_answers_leave_the_order_waiting(shop: Place) -> None:
    here, _ = shop
    (order, form), (_, other) = await here.held(ASKED), await here.held(ASKED)
    mine = await here.brought(form)
    theirs = dict((await here.brought(other)).fields)
    right = dict(mine.fields)
    for wrong in (
        {**right, "PaRes": theirs["PaRes"]},
        {**right, "PaRes": right["PaRes"][:40] + "AAAA" + right["PaRes"][44:]},
        {**right, "PaRes": ""},
        {**right, "MD": theirs["MD"]},
        {},
    ):
        answer = await here.client.post(mine.action, data=wrong)
        assert answer.status_code == 422, wrong
        assert "Nothing was charged." in answer.text
        assert await here.status(order) == "prepared"
    assert (await submit(here.client, mine)).status_code == 200
    assert await here.status(order) == "authorized"


@pytest.mark.parametrize("language", LANGUAGES)
async def test_an_unusable_answer_is_told_like_anything_else(shop: Place, language: str) -> None:
    here, _ = shop
    here.client.headers["Accept-Language"] = language
    _, form = await here.held(ASKED, return_url=RETURN)
    brought = await here.brought(form)
    for body, back in ((dict(brought.fields) | {"PaRes": ""}, 1), ("a=b&" * 60, 0)):
        encoded = body if isinstance(body, str) else urlencode(body)
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = await here.client.post(brought.action, content=encoded, headers=kind)
        assert answer.status_code == 422
        spoken = words(language)
        assert spoken.say("Your bank's answer cannot be used") in html.unescape(answer.text)
        assert f'<html lang="{language}" dir="{spoken.direction}"' in answer.text
        assert answer.headers["content-language"] == language
        assert answer.headers["cache-control"] == "no-store"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "x-frame-options" not in answer.headers  # shops show the bank in a frame
        assert answer.text.count(html.escape(RETURN)) == back


async def test_a_cres_before_any_result_finishes_nothing(shop: Place) -> None:
    here, _ = shop
    order, form = await here.held(card_authenticated(Authentication.LOST), modern=True)
    answer = await here.pressed(form, "approve", "cresform")
    assert answer.status_code == 422
    assert await here.status(order) == "prepared"


async def test_a_garbled_answer_finishes_nothing_but_the_result_is_on_file(shop: Place) -> None:
    here, _ = shop
    garbled = card_authenticated(Authentication.GARBLED)
    order, form = await here.held(garbled, modern=True)
    assert (await here.pressed(form, "approve", "cresform")).status_code == 422
    assert await here.status(order) == "prepared"
    assert (await here.post(order, "complete3d20")).status_code == 200
    order, form = await here.held(garbled)
    assert (await here.pressed(form, "approve")).status_code == 422
    assert await here.status(order) == "prepared"


def resting(folder: Path) -> bytes:
    """Everything in its files."""
    return b"".join(path.read_bytes() for path in folder.iterdir())


async def test_no_card_number_rests_or_is_written_anywhere(shop: Place, tmp_path: Path) -> None:
    here, _ = shop
    for pan in (ASKED, CHALLENGED):
        _, form = await here.held(pan, modern=pan is CHALLENGED)
        await here.pressed(form, "approve")
    await here.held(METHOD, modern=True)
    found = resting(tmp_path)
    assert b"PaReq" in found
    for pan in (ASKED, CHALLENGED, METHOD):
        assert pan.encode() not in found


async def test_late_answers_are_sent_on_but_refused(shop: Place) -> None:
    here, clock = shop
    order, form = await here.held(ASKED, return_url="http://shop.example/")
    brought = await here.brought(form)
    clock.advance(31 * 60)
    back = location(await submit(here.client, brought))
    assert back == f"http://shop.example/?order_id={order}"
    assert await here.status(order) == "rejected"


@pytest.mark.parametrize("place", ["secure3d", "secure3d20"])
async def test_nobody_finds_an_order_without_its_token(shop: Place, place: str) -> None:
    here, _ = shop
    _, form = await here.held(ASKED)
    fields = dict(form.fields)
    for session in ("", "?session=", "?session=1-1-x", f"?session={'a' * 5000}"):
        answer = await here.client.post(f"/complete/{place}{session}", data=fields)
        assert answer.status_code == 404


async def test_the_method_page_of_nobody_is_empty(shop: Place) -> None:
    here, _ = shop
    answer = await here.client.post("/complete/method?session=x", data={"threeDSMethodData": "x"})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/test/bank", 422),
        ("POST", "/test/bank?TermUrl=javascript:x", 422),
        ("GET", "/test/bank?TermUrl=http://%5B/", 422),
        ("POST", "/test/acs3d20", 422),
        ("GET", "/test/acs3d20", 405),
        ("POST", "/test/acs3d20/result", 422),
        ("POST", "/test/acs3d20/result?challengeStatus=pass", 422),
        ("POST", "/test/3ds-method", 422),
        ("GET", "/test/nothing", 404),
        ("GET", "/complete/nothing", 404),
        ("GET", "/complete/method", 405),
    ],
)
async def test_what_is_no_visit(shop: Place, method: str, path: str, status: int) -> None:
    here, _ = shop
    answer = await here.client.request(method, path)
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("text/html")
    assert ("allow" in answer.headers) == (status == 405)


@pytest.mark.parametrize("path", ["/test/bank", "/complete/secure3d"])
async def test_a_form_without_an_end_is_not_read(shop: Place, path: str) -> None:
    here, _ = shop
    for body in (b"a" * (1 << 20) + b"b", b"a=b&" * 60):
        assert (await here.client.post(path, content=body)).status_code == 422


async def test_what_comes_back_is_escaped(shop: Place) -> None:
    here, _ = shop
    _, form = await here.held(ASKED)
    evil = '"><script>alert(1)</script>'
    fields = {**dict(form.fields), "MD": evil, "TermUrl": f"{BASE}/{evil}"}
    answer = await here.client.post(form.action, data=fields)
    assert answer.status_code == 200
    assert "<script>alert" not in answer.text
    assert dict(Page(answer).forms["approve"].fields)["MD"] == evil


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        ("http://a.example", "http://a.example?order_id=5"),
        ("http://a.example/b?c=d#e", "http://a.example/b?c=d&order_id=5#e"),
        ("http://a.example/?order_id=1&x=y", "http://a.example/?x=y&order_id=5"),
        ("http://a.example/?x=%20&&order_id", "http://a.example/?x=%20&order_id=5"),
        ("http://a.example/ü 漢", "http://a.example/%C3%BC%20%E6%BC%A2?order_id=5"),
        ("http://a.example/\r\nX: y", "http://a.example/X:%20y?order_id=5"),
    ],
)
def test_the_order_s_number_is_added_to_an_address(url: str, wanted: str) -> None:
    assert with_order(url, 5) == wanted
