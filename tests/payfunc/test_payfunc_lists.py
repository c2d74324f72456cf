"""Lists of the PayFunc wire that go on, and accounts by the name that they have from 2021."""

from urllib.parse import parse_qs, urlsplit

import pytest
from httpx2 import Response
from tests.payfunc.conftest import POOR, Shop, claims

pytestmark = pytest.mark.anyio


def following(answer: Response) -> str | None:
    """Where a list goes on."""
    link = answer.headers.get("link")
    if link is None:
        return None
    assert link.endswith('>; rel="next"')
    return str(link)[1:].partition(">")[0]


async def walked(shop: Shop, path: str, key: str = "private") -> list[list[str]]:
    """The ids of every page of a list."""
    pages: list[list[str]] = []
    here: str | None = path
    while here is not None:
        answer = await shop.ask("GET", here, key=key)
        assert answer.status_code == 200, answer.text
        pages.append([each["id"] for each in answer.json()])
        here = following(answer)
    return pages


async def test_a_list_of_orders_goes_on_where_its_link_says(shop: Shop) -> None:
    made = [str((await shop.order(each))["id"]) for each in range(1, 6)][::-1]
    assert await walked(shop, "/order?limit=2") == [made[:2], made[2:4], made[4:]]
    assert await walked(shop, "/order?limit=5") == [made]
    assert await walked(shop, "/order") == [made]
    assert await walked(shop, "/order?limit=3&start=2020-01-01") == [made[:3], made[3:]]
    link = following(await shop.ask("GET", "/order?limit=1&end=2099-01-01"))
    assert parse_qs(urlsplit(link or "").query) == {
        "limit": ["1"],
        "end": ["2099-01-01"],
        "before": [made[0]],
    }


async def test_an_account_walks_past_the_orders_of_others(shop: Shop) -> None:
    mine, other = await shop.account(), await shop.account()
    shop.keys["mine"] = (await shop.ask("POST", f"/account/{mine}")).text
    own = []
    for each in range(1, 7):
        payment = {"type": "account", "account": mine if each % 2 else other}
        made = await shop.order(each, payment=payment)
        own += [made["id"]] if each % 2 else []
    assert await walked(shop, "/order?limit=2", "mine") == [own[:0:-1], own[:1]]


@pytest.mark.parametrize("wrong", ["limit=0", "limit=251", "limit=x", "before=x", "before=1"])
async def test_what_is_no_page_is_said(wrong: str, shop: Shop) -> None:
    answer = await shop.ask("GET", f"/order?{wrong}")
    assert (answer.status_code, answer.json()["type"]) == (400, "invalid query argument")
    assert answer.json()["argument"]["name"] == wrong.partition("=")[0]


async def test_a_list_of_accounts_goes_on(shop: Shop) -> None:
    for _ in range(4):
        await shop.account()
    pages = await walked(shop, "/account?limit=2")
    assert [len(each) for each in pages] == [2, 2, 1]
    assert [[each for page in pages for each in page]] == await walked(shop, "/account")


async def test_a_customer_is_an_account(shop: Shop) -> None:
    contact = {"type": "person", "name": "Jo"}
    made = (await shop.ask("POST", "/customer", {"method": [], "contact": contact})).json()
    assert made["contact"] == contact
    assert "customer" not in made
    account = (await shop.ask("GET", f"/account/{made['id']}")).json()
    assert account == {**{k: v for k, v in made.items() if k != "contact"}, "customer": contact}
    token = await shop.card(POOR)
    method = {"type": "token", "card": token}
    assert (await shop.ask("POST", f"/customer/{made['id']}/method", method)).status_code == 201
    other = {"type": "organization", "name": "Jo & Co"}
    answer = await shop.ask("PUT", f"/customer/{made['id']}/contact", other)
    assert (answer.status_code, answer.json()) == (200, other)
    shown = (await shop.ask("GET", f"/customer/{made['id']}/")).json()
    assert (shown["contact"], len(shown["method"])) == (other, 1)
    assert (await shop.ask("GET", "/customer")).json()[-1] == shown
    shop.keys["mine"] = (await shop.ask("POST", f"/customer/{made['id']}")).text
    assert claims(shop.keys["mine"])["account"] == made["id"]
    assert (await shop.ask("GET", "/customer/me", key="mine")).json()["id"] == made["id"]
    changed = await shop.ask("PATCH", "/customer/me", {"limit": 5}, key="mine")
    assert changed.json()["limit"] == 5
    order = await shop.order(5, payment={"type": "customer"}, customer=made["id"])
    assert order["customer"] == made["id"]
    assert order["status"] == {"pending": 5}
    assert (await shop.ask("GET", "/customers")).status_code == 404


async def test_another_merchants_card_is_no_method(shop: Shop) -> None:
    made = await shop.order(5)
    card = made["payment"]["card"]  # type: ignore[index]
    asked = {"method": [{"type": "token", "card": card}]}
    assert (await shop.ask("POST", "/account", asked)).status_code == 201
    shop.keys["other"] = await shop.foreign()
    answer = await shop.ask("POST", "/account", asked, key="other")
    assert (answer.status_code, answer.json()["content"]["type"]) == (400, "model.Card")
