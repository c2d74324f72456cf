"""Paging over more rows than a page may have, while others go on making orders."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import pytest
from httpx2 import AsyncClient
from tests.conformance.conftest import BASE, gateway

pytestmark = pytest.mark.anyio

AUTH: Final = ("project", "password")
PAGE: Final = 2_000  # rows, as the document says
ORDERS: Final = PAGE + 7
AT_ONCE: Final = 200
LINK: Final = re.compile(r'<([^>]+)>; rel="([a-z]+)"')
ORDER: Final = {
    "amount": "9.99",
    "pan": "4111111111111111",
    "card": {"cvv": "333", "holder": "A B", "expiration_month": 12, "expiration_year": 2040},
    "location": {"ip": "6.6.6.6"},
}


async def make(client: AsyncClient, count: int) -> set[str]:
    """The numbers of so many new orders."""
    answers = [
        await asyncio.gather(
            *[
                client.post("/orders/authorize", json=ORDER, auth=AUTH)
                for _ in range(min(AT_ONCE, count - done))
            ]
        )
        for done in range(0, count, AT_ONCE)
    ]
    return {each.json()["orders"][0]["id"] for run in answers for each in run}


class Lists:
    """A client that follows links."""

    def __init__(self, client: AsyncClient) -> None:
        self.client = client

    async def page(self, path: str) -> tuple[list[str], dict[str, str]]:
        """The orders of a page's rows, and where its links lead."""
        answer = await self.client.get(path.removeprefix(BASE), auth=AUTH)
        assert answer.status_code == 200, answer.text
        told = answer.json()
        links = {name: url for url, name in LINK.findall(answer.headers.get("link", ""))}
        rows = told.get("orders") or told.get("operations")
        return [row.get("order_id") or row["id"] for row in rows], links


@pytest.fixture
async def full(tmp_path: Path) -> AsyncIterator[tuple[Lists, set[str]]]:
    async with gateway(tmp_path) as made:
        numbers = await make(made.client, ORDERS)
        assert len(numbers) == ORDERS
        yield Lists(made.client), numbers


async def test_more_than_a_page_is_paged_and_nothing_repeats(full: tuple[Lists, set[str]]) -> None:
    lists, numbers = full
    for path in ("/orders/", "/operations/", "/orders/?per_page=9999&status=authorized"):
        first, links = await lists.page(path)
        assert (len(first), set(links)) == (PAGE, {"first", "next"})
        later = await make(lists.client, 3)
        rest, back = await lists.page(links["next"])
        assert (len(rest), set(back)) == (len(numbers) - PAGE, {"first", "prev"})
        assert first + rest == sorted(numbers, key=int, reverse=True)
        again, on = await lists.page(back["prev"])
        assert (again, "next" in on) == (first, True)
        assert (await lists.page(back["first"]))[0][:3] == sorted(later, key=int, reverse=True)
        numbers |= later
