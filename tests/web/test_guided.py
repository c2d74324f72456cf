"""3-D Secure where our own pages lead the browser: it goes on by itself after the method step."""

from typing import Final

import pytest
from httpx2 import ASGITransport, AsyncClient
from msgspec.structs import replace
from tests.engine.issuers import BASE, SECOND, Secured, fields_of, secured
from tests.web.browser import Page, submit

from counterfoil.connectors.sandbox.table import Authentication as How
from counterfoil.core.order import Order
from counterfoil.core.rules import Standing, standing
from counterfoil.engine.authenticate import SESSION_US, resume
from counterfoil.slip.page import FILES
from counterfoil.web import returning
from counterfoil.web.app import Served

pytestmark = pytest.mark.anyio

GUIDED: Final = replace(SECOND, guided=True, return_url="https://shop.example/")


def browser(desk: Secured) -> AsyncClient:
    """A browser that sees only where it comes back to."""
    app = Served({"complete": ("browser", returning.serve(desk.desk.engine))}, desk.desk.store)
    return AsyncClient(transport=ASGITransport(app=app), base_url=BASE)


def report(desk: Secured, order: Order) -> str:
    """Where the issuer's method page reports."""
    return desk.bank.method(fields_of(order)["threeDSMethodData"]).url


async def test_after_the_method_step_it_goes_on_to_the_end() -> None:
    desk = await secured()
    order = (await desk.begin(GUIDED, How.METHOD)).order
    async with browser(desk) as client:
        page = Page(await client.post(report(desk, order)))
        assert page.scripts == [FILES["checkout.js"].path]  # which sends it by itself
        answer = await submit(client, page.forms["form3d"])
        again = await client.post(report(desk, order))
    assert answer.headers["location"] == f"https://shop.example/?order_id={order.id}"
    assert again.headers["location"] == answer.headers["location"]
    assert standing(await desk.desk.now(order)) is Standing.AUTHORIZED


async def test_after_the_method_step_it_goes_on_to_the_bank() -> None:
    desk = await secured()
    order = (await desk.begin(GUIDED, How.METHOD_CHALLENGE)).order
    async with browser(desk) as client:
        for _ in range(2):
            page = Page(await client.post(report(desk, order)))
            assert page.forms["form3d"].action.startswith(f"{BASE}/test/acs3d20?state=")
            assert "creq" in dict(page.forms["form3d"].fields)


async def test_a_method_page_that_reports_too_late_leads_to_the_end() -> None:
    desk = await secured()
    order = (await desk.begin(GUIDED, How.METHOD)).order
    url = report(desk, order)
    desk.desk.clock.advance(SESSION_US // 1_000_000)
    async with browser(desk) as client:
        answer = await client.post(url)
    assert answer.headers["location"] == f"https://shop.example/?order_id={order.id}"
    assert standing(await desk.desk.now(order)) is Standing.REJECTED


async def test_elsewhere_the_shop_goes_on() -> None:
    desk = await secured()
    order = (await desk.begin(SECOND, How.METHOD)).order
    async with browser(desk) as client:
        page = Page(await client.post(report(desk, order)))
    assert page.forms == {}
    assert fields_of((await resume(desk.desk.engine, desk.desk.merchant, order.id)).order)
