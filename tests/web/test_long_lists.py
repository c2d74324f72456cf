"""A long list is put into form while others are served."""

import asyncio

import pytest
from msgspec.structs import replace
from tests.contract.stores import Till
from tests.web.shop import open_shop

pytestmark = pytest.mark.anyio
ORDERS = 2_000
AUTH = ("project", "password")


async def test_who_asks_for_one_order_does_not_wait_for_a_list_of_all() -> None:
    shop = await open_shop()
    till = Till(shop.store)
    large = tuple((f"name{number}", "value") for number in range(50))
    orders = [await till.put(replace(till.order(), custom=large)) for _ in range(ORDERS)]
    done: list[str] = []

    async def ask(path: str) -> None:
        answer = await shop.client.get(path, auth=AUTH)
        assert answer.status_code == 200
        assert len(answer.json()["orders"]) == (ORDERS if path == "/orders/" else 1)
        done.append(path)

    one = f"/orders/{orders[-1].id}"
    await asyncio.gather(ask("/orders/"), ask(one))
    assert done == [one, "/orders/"]
