"""What the PayFunc wire forgets by itself, and what it must not."""

import pytest
from tests.payfunc.conftest import POOR, Shop

from counterfoil import wiring
from counterfoil.config import Settings
from counterfoil.core.keeping import KEEPING
from counterfoil.dialects.payfunc.call import ANSWERS
from counterfoil.dialects.payfunc.cards import KIND
from counterfoil.dialects.payfunc.cleaning import clean
from counterfoil.engine.chores import forget
from counterfoil.world import SystemClock

pytestmark = pytest.mark.anyio


async def cleaned(shop: Shop) -> tuple[int, int, int]:
    """Card tokens, answers and sealed cards that are left after the chores."""
    settings = Settings(database=f"sqlite:///{shop.database}")
    clock = SystemClock(wiring.clock_file(shop.database))
    async with wiring.parts(settings, clock) as parts:
        await clean(wiring.gateway(parts))
        await forget(parts.engine, KEEPING)
        store = parts.store
        sealed = [card async for card in store.every_card(1)]
        tokens, answers = [len(await store.every_kept(1, each, 99)) for each in (KIND, ANSWERS)]
        return tokens, answers, len(sealed)


async def test_a_token_and_its_card_are_forgotten_when_they_are_over(shop: Shop) -> None:
    await shop.card()
    assert await cleaned(shop) == (1, 0, 1)
    await shop.walk(3)
    assert await cleaned(shop) == (0, 0, 0)


async def test_a_card_that_was_paid_with_stays(shop: Shop) -> None:
    made = await shop.order(5)
    token = await shop.card(POOR)
    asked = {"items": 5, "currency": "EUR", "payment": {"type": "card", "card": token}}
    assert (await shop.ask("POST", "/order", asked)).status_code == 400
    await shop.walk(3)
    assert await cleaned(shop) == (0, 0, 2)
    again = {"type": "card", "card": made["payment"]["card"]}  # type: ignore[index]
    assert (await shop.order(6, payment=again))["status"] == {"ordered": 6}


async def test_a_method_keeps_its_card(shop: Shop) -> None:
    account = await shop.account()
    method = {"type": "token", "card": await shop.card()}
    assert (await shop.ask("POST", f"/account/{account}/method", method)).is_success
    await shop.walk(3)
    assert await cleaned(shop) == (0, 0, 1)
    made = await shop.order(5, payment={"type": "account", "account": account})
    assert made["status"] == {"ordered": 5}


async def test_an_answer_is_given_again_for_a_day(shop: Shop) -> None:
    keyed = {"Idempotency-Key": "k-1"}
    first = await shop.ask("POST", "/account", {"method": []}, **keyed)
    await shop.walk(23)
    assert (await cleaned(shop))[1] == 1
    assert (await shop.ask("POST", "/account", {"method": []}, **keyed)).text == first.text
    await shop.walk(2)
    assert (await cleaned(shop))[1] == 0


async def test_after_a_day_nobody_knows_whose_a_card_is(shop: Shop) -> None:
    await shop.card()
    await shop.order(5)
    await shop.walk(25)
    assert await cleaned(shop) == (0, 0, 2)
