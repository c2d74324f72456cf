"""Accounts of the PayFunc wire: tried again until they pay, and what is counted of that."""

import asyncio

import pytest
from msgspec.structs import replace
from tests.payfunc.conftest import GOOD, POOR, Shop, claims

from counterfoil import wiring
from counterfoil.config import Settings
from counterfoil.dialects.payfunc.queries import PAGE

pytestmark = pytest.mark.anyio


def by(account: str, **more: object) -> dict[str, object]:
    """A payment by an account."""
    return {"type": "account", "account": account, **more}


def kinds(order: dict[str, object]) -> list[str]:
    """The types of an order's events."""
    events = order["event"]
    assert isinstance(events, list)
    return [each["type"] for each in events]


async def test_three_days_of_a_card_without_funds(shop: Shop) -> None:
    account = await shop.account(POOR)
    made = await shop.order(1337.42, payment=by(account))
    payment = made["payment"]
    assert isinstance(payment, dict)
    first, second = payment["schedule"]
    assert (payment["type"], payment["due"]) == ("account", first)
    assert (made["status"], await shop.status(account)) == ({"pending": 1337.42}, "pending")
    await shop.walk(23)
    assert kinds(await shop.shown(made["id"])) == ["pend"]
    await shop.walk(2)
    shown = await shop.shown(made["id"])
    assert kinds(shown) == ["pend", "fail"]
    assert shown["payment"]["due"] == second  # type: ignore[index]
    assert await shop.status(account) == "pending"
    await shop.walk(48)
    shown = await shop.shown(made["id"])
    assert kinds(shown) == ["pend", "fail", "fail"]
    assert "due" not in shown["payment"]  # type: ignore[operator]
    assert (shown["status"], await shop.status(account)) == ({"pending": 1337.42}, "suspended")
    await shop.walk(200)
    assert kinds(await shop.shown(made["id"])) == ["pend", "fail", "fail"]


async def test_another_card_pays_what_is_owed(shop: Shop) -> None:
    account = await shop.account(POOR)
    made = await shop.order(10, payment=by(account, charge="auto", schedule=[1]))
    await shop.walk(2)
    assert await shop.status(account) == "suspended"
    method = {"type": "token", "card": await shop.card(GOOD)}
    assert (await shop.ask("POST", f"/account/{account}/method", method)).status_code == 201
    assert (await shop.ask("PUT", "/retry")).json() == {"paid": 1, "unpaid": 0, "errors": 0}
    shown = await shop.shown(made["id"])
    assert kinds(shown) == ["pend", "fail", "fail", "order", "charge"]
    assert (shown["status"], await shop.status(account)) == ({"charged": 10}, "active")
    payment = shown["payment"]
    assert isinstance(payment, dict)
    assert (payment["type"], payment["account"], payment["last4"]) == ("card", account, "1111")
    assert not {"schedule", "due"} & set(payment)
    assert (await shop.ask("PUT", "/retry")).json() == {"paid": 0, "unpaid": 0, "errors": 0}


async def test_a_timer_pays_as_soon_as_it_can(shop: Shop) -> None:
    account = await shop.account(POOR)
    made = await shop.order(10, payment=by(account))
    await shop.ask(
        "POST", f"/account/{account}/method", {"type": "token", "card": await shop.card()}
    )
    await shop.walk(24)
    assert (await shop.shown(made["id"]))["status"] == {"ordered": 10}
    assert await shop.status(account) == "active"
    await shop.walk(50)
    assert kinds(await shop.shown(made["id"])) == ["pend", "fail", "order"]


async def test_methods_are_tried_in_their_order(shop: Shop) -> None:
    account = await shop.account(POOR, GOOD)
    made = await shop.order(10, payment=by(account))
    assert (made["status"], await shop.status(account)) == ({"ordered": 10}, "active")
    assert kinds(made) == ["order"]


async def test_a_manual_try_shifts_no_schedule(shop: Shop) -> None:
    account = await shop.account(POOR)
    made = await shop.order(10, payment=by(account))
    for _ in range(3):
        assert (await shop.ask("PUT", "/retry")).json()["unpaid"] == 1
    shown = await shop.shown(made["id"])
    assert shown["payment"]["due"] == made["payment"]["due"]  # type: ignore[index]
    assert kinds(shown) == ["pend", "fail", "fail", "fail"]


async def test_no_schedule_is_no_try(shop: Shop) -> None:
    account = await shop.account(POOR)
    await shop.order(10, payment=by(account, schedule=[]))
    assert await shop.status(account) == "suspended"


async def test_what_is_pending_can_be_given_up(shop: Shop) -> None:
    account = await shop.account(POOR)
    made = await shop.order(10, payment=by(account))
    assert (await shop.event(made["id"], type="cancel", items=11)).status_code == 400
    assert (await shop.event(made["id"], type="charge")).status_code == 400
    assert (await shop.event(made["id"], type="cancel")).status_code == 201
    assert (await shop.event(made["id"], type="cancel")).status_code == 400
    shown = await shop.shown(made["id"])
    assert (shown["status"], kinds(shown)) == ({"cancelled": 10}, ["pend", "cancel"])
    assert await shop.status(account) == "active"
    await shop.walk(100)
    assert kinds(await shop.shown(made["id"])) == ["pend", "cancel"]


async def test_a_part_of_what_is_pending_can_be_cancelled(shop: Shop) -> None:
    account = await shop.account(POOR)
    made = await shop.order(10, payment=by(account))
    answer = await shop.event(made["id"], type="cancel", items=4)
    assert (answer.status_code, answer.json()["items"]) == (201, 4)
    shown = await shop.shown(made["id"])
    assert shown["status"] == {"pending": 6, "cancelled": 4}
    assert shown["items"] == [
        {"price": 6, "status": ["pending"]},
        {"price": 4, "status": ["cancelled"]},
    ]
    assert kinds(shown) == ["pend", "cancel"]
    assert (await shop.event(made["id"], type="cancel", items=7)).status_code == 400
    await shop.ask(
        "POST", f"/account/{account}/method", {"type": "token", "card": await shop.card()}
    )
    await shop.walk(25)
    shown = await shop.shown(made["id"])
    assert shown["status"] == {"cancelled": 4, "ordered": 6}
    assert kinds(shown) == ["pend", "cancel", "fail", "order"]
    assert (await shop.event(made["id"], type="charge")).is_success
    assert (await shop.shown(made["id"]))["status"] == {"cancelled": 4, "charged": 6}
    assert (await shop.event(made["id"], type="refund", items=7)).status_code == 400
    assert (await shop.event(made["id"], type="refund")).is_success
    assert (await shop.shown(made["id"]))["status"] == {"cancelled": 4, "refunded": 6}


async def test_pieces_of_what_is_pending_can_be_cancelled(shop: Shop) -> None:
    account = await shop.account(POOR)
    line = {"name": "sock", "price": 3}
    made = await shop.order([{**line, "quantity": 3}, {"price": 1}], payment=by(account))
    assert (await shop.event(made["id"], type="cancel", items=1)).status_code == 400
    event = (await shop.event(made["id"], type="cancel", items=line)).json()
    assert event["items"] == line
    shown = await shop.shown(made["id"])
    assert shown["status"] == {"pending": 7, "cancelled": 3}
    assert shown["items"][0]["status"] == ["cancelled", "pending", "pending"]  # type: ignore[index]
    many = {**line, "quantity": 3}
    assert (await shop.event(made["id"], type="cancel", items=many)).status_code == 400
    assert (await shop.event(made["id"], type="cancel")).is_success
    shown = await shop.shown(made["id"])
    assert (shown["status"], kinds(shown)) == ({"cancelled": 10}, ["pend", "cancel", "cancel"])
    assert await shop.status(account) == "active"


async def test_an_account_key_sees_and_does_its_own_only(shop: Shop) -> None:
    mine, other = await shop.account(POOR), await shop.account(POOR)
    shop.keys["mine"] = (await shop.ask("POST", f"/account/{mine}")).text
    assert claims(shop.keys["mine"])["account"] == mine
    own = await shop.order(1, payment=by(mine))
    foreign = await shop.order(2, payment=by(other))
    listed = (await shop.ask("GET", "/order", key="mine")).json()
    assert [each["id"] for each in listed] == [own["id"]]
    assert (await shop.ask("GET", f"/order/{foreign['id']}", key="mine")).status_code == 404
    assert (await shop.ask("GET", f"/account/{other}", key="mine")).status_code == 401
    assert (await shop.ask("PUT", "/retry", key="mine")).json()["unpaid"] == 1
    assert (await shop.ask("PUT", "/retry")).json()["unpaid"] == 2
    asked = {"items": 1, "currency": "EUR", "payment": by(other)}
    assert (await shop.ask("POST", "/order", asked, key="mine")).status_code == 401
    await shop.walk(73)
    assert (await shop.ask("GET", "/account/me", key="mine")).status_code == 401


async def test_twenty_retries_at_once_pay_once(shop: Shop) -> None:
    account = await shop.account(POOR)
    made = await shop.order(10, payment=by(account))
    method = {"type": "token", "card": await shop.card(GOOD)}
    await shop.ask("POST", f"/account/{account}/method", method)
    answers = await asyncio.gather(*(shop.ask("PUT", "/retry") for _ in range(20)))
    assert sum(each.json()["paid"] for each in answers) == 1
    assert (await shop.shown(made["id"]))["status"] == {"ordered": 10}


async def test_an_account_that_is_switched_off_takes_no_order(shop: Shop) -> None:
    account = await shop.account(GOOD)
    url = f"sqlite:///{shop.database}"
    async with wiring.parts(Settings(database=url)) as parts:
        kept = (await parts.store.every_kept(1, "account", 10))[-1]
        off = kept.body.replace("{", '{"off":true,', 1)
        assert await parts.store.keep(replace(kept, body=off), kept.body)
    assert await shop.status(account) == "inactive"
    asked = {"items": 1, "currency": "EUR", "payment": by(account)}
    assert (await shop.ask("POST", "/order", asked)).status_code == 400


async def test_a_retry_finds_what_many_accounts_owe(shop: Shop) -> None:
    made = [shop.ask("POST", "/account", {"method": []}) for _ in range(PAGE)]
    assert {each.status_code for each in await asyncio.gather(*made)} == {201}
    first, last = await shop.account(POOR), await shop.account(POOR)
    for account in (last, first):
        await shop.order(10, payment=by(account))
    assert (await shop.ask("PUT", "/retry")).json() == {"paid": 0, "unpaid": 2, "errors": 0}
    card = {"type": "token", "card": await shop.card()}
    await shop.ask("POST", f"/account/{last}/method", card)
    assert (await shop.ask("PUT", "/retry")).json() == {"paid": 1, "unpaid": 1, "errors": 0}
