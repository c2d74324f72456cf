"""3-D Secure against the real process: forms followed over HTTP, and across a kill."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from httpx2 import AsyncClient
from tests.e2e.server import Server, serving
from tests.web.asking import ASKED, CHALLENGED, METHOD, RETURN, Shop
from tests.web.browser import Page

pytestmark = pytest.mark.anyio

YEAR = datetime.now(UTC).year + 2


def client(server: Server) -> AsyncClient:
    """Somebody on the server's own machine."""
    return AsyncClient(base_url=f"http://127.0.0.1:{server.port}")


async def test_cardholders_pay_in_both_versions(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        async with client(server) as visitor:
            shop = Shop(visitor, YEAR)
            order, form = await shop.held(ASKED, return_url=RETURN, auto_charge=1)
            back = await shop.pressed(form, "approve")
            assert back.headers["location"] == f"{RETURN}&order_id={order}"
            assert await shop.status(order) == "charged"
            order, form = await shop.held(CHALLENGED, modern=True, return_url=RETURN)
            back = await shop.pressed(form, "decline", "cresform")
            assert back.headers["location"] == f"{RETURN}&order_id={order}"
            assert await shop.status(order) == "rejected"
            order, form = await shop.held(METHOD, modern=True)
            await shop.pressed(form, "methodform")
            assert (await shop.post(order, "resume")).status_code == 201
            assert (await shop.post(order, "complete3d20")).status_code == 200
            assert await shop.status(order) == "authorized"
            await shop.held(ASKED)
        server.verify()
        assert CHALLENGED.encode() not in server.written()


async def test_a_cardholder_at_the_bank_outlives_the_process(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        async with client(server) as visitor:
            shop = Shop(visitor, YEAR)
            first, one = await shop.held(ASKED)
            second, two = await shop.held(CHALLENGED, modern=True)
            brought = await shop.brought(one)
            cres = Page(await shop.pressed(two, "approve")).forms["cresform"]
        port = server.port
        server.kill()
        server.start()
        async with client(server) as visitor:
            shop = Shop(visitor, YEAR)
            for form in (brought, cres):
                moved = form.action.replace(f":{port}/", f":{server.port}/")
                answer = await visitor.post(moved, data=dict(form.fields))
                assert "Thank you" in answer.text, answer.text
            assert [await shop.status(each) for each in (first, second)] == ["authorized"] * 2
