"""Orders of the PayFunc wire: the worked tables, many at once, what tokens say, other wires."""

import asyncio
import base64
import json
from typing import Final

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey
from tests.payfunc.conftest import GOOD, POOR, Shop, claims

from counterfoil.core.errors import Code, Refused

pytestmark = pytest.mark.anyio

LINE: Final = {"name": "coat", "price": 119.60, "vat": 29.90}
# Start, events with their items, the items at the end, the map at the end. Source: specification
# "payfunc", 5.3; a to c are of the vendor's own tests. What is settled
# is booked by an operator, below.
Table = tuple[float, list[tuple[str, float | None]], list[tuple[float, str]], dict[str, float]]
TABLES: Final[dict[str, Table]] = {
    "a": (
        500,
        [("charge", 200), ("refund", 50), ("refund", 100)],
        [(300, "ordered"), (50, "charged"), (150, "refunded")],
        {"ordered": 300, "charged": 50, "refunded": 150},
    ),
    "b": (
        500,
        [("charge", 250), ("refund", 50), ("cancel", None)],
        [(200, "charged"), (50, "refunded"), (250, "cancelled")],
        {"charged": 200, "refunded": 50, "cancelled": 250},
    ),
    "c": (
        500,
        [("charge", 400), ("refund", 200), ("refund", None)],
        [(100, "ordered"), (400, "refunded")],
        {"ordered": 100, "refunded": 400},
    ),
    "e": (
        500,
        [("charge", None), ("refund", 125)],
        [(375, "charged"), (125, "refunded")],
        {"charged": 375, "refunded": 125},
    ),
    "f": (
        1000,
        [("charge", None), ("refund", 1.98)],
        [(998.02, "charged"), (1.98, "refunded")],
        {"charged": 998.02, "refunded": 1.98},
    ),
}


@pytest.mark.parametrize("name", TABLES)
async def test_a_worked_total(name: str, shop: Shop) -> None:
    start, events, items, status = TABLES[name]
    order = (await shop.order(start))["id"]
    for kind, amount in events:
        given = {"type": kind} | ({} if amount is None else {"items": amount})
        assert (await shop.event(order, **given)).status_code == 201
    shown = await shop.shown(order)
    assert shown["items"] == [{"price": price, "status": [word]} for price, word in items]
    assert shown["status"] == status
    assert [each["type"] for each in listed(shown["event"])] == ["order", *(e for e, _ in events)]


async def test_what_was_paid_out_stands_beside_what_was_charged(shop: Shop) -> None:
    made = await shop.order(500)
    order = str(made["id"])
    with pytest.raises(Refused, match=Code.WRONG_STATE):
        await shop.settle(order, reference="P-1", gross=50_000, fee=1_500)
    await shop.event(order, type="charge")
    await shop.event(order, type="refund", items=125)
    for _ in range(2):
        await shop.settle(order, reference="P-1", gross=50_000, fee=1_500)
    with pytest.raises(Refused, match=Code.NAME_TAKEN):
        await shop.settle(order, reference="P-1", gross=50_000, fee=1)
    await shop.settle(order, reference="P-2", gross=-12_500, fee=375)
    shown = await shop.shown(order)
    assert shown["status"] == {"charged": 375, "refunded": 125, "settled": 356.25}
    assert shown["items"] == [
        {"price": 375, "status": ["charged"]},
        {"price": 125, "status": ["refunded"]},
    ]
    events = listed(shown["event"])
    assert [each["type"] for each in events] == ["order", "charge", "refund", "settle", "settle"]
    assert {k: v for k, v in events[-1].items() if k != "date"} == {
        "type": "settle",
        "period": {"start": "2026-11-01", "end": "2026-11-30"},
        "gross": -125,
        "fee": -3.75,
        "net": -128.75,
        "currency": "EUR",
        "reference": "P-2",
    }


async def test_a_worked_line(shop: Shop) -> None:
    order = (await shop.order({**LINE, "quantity": 2}))["id"]
    for kind in ("charge", "refund", "charge"):
        assert (await shop.event(order, type=kind, items={**LINE, "quantity": 1})).is_success
    shown = await shop.shown(order)
    assert shown["items"] == {**LINE, "quantity": 2, "status": ["refunded", "charged"]}
    assert shown["status"] == {"charged": 149.5, "refunded": 149.5}


async def test_equal_lines_run_on_into_each_other(shop: Shop) -> None:
    line = {"name": "sock", "price": 10, "quantity": 2}
    order = (await shop.order([line, {"name": "hat", "price": 1}, line]))["id"]
    assert (
        await shop.event(order, type="charge", items={**line, "quantity": 5})
    ).status_code == 400
    assert (await shop.event(order, type="charge", items={**line, "quantity": 3})).is_success
    status = [each["status"] for each in listed((await shop.shown(order))["items"])]
    assert status == [["charged", "charged"], ["ordered"], ["charged", "ordered"]]
    assert (await shop.event(order, type="charge", items=[line])).status_code == 400
    assert (await shop.event(order, type="charge")).is_success
    assert (await shop.shown(order))["status"] == {"charged": 41}


async def test_an_event_says_no_more_than_was_understood(shop: Shop) -> None:
    order = (await shop.order(5))["id"]
    asked = {"items": 1, "descriptor": "SHOP 1", "error": 1, "date": "2001-01-01", "reference": "x"}
    event = (await shop.event(order, type="charge", **asked)).json()
    assert set(event) == {"type", "date", "items", "descriptor", "reference"}
    assert (event["items"], event["descriptor"]) == (1, "SHOP 1")
    assert event["reference"] != "x"
    assert event["date"] > "2020"
    assert listed((await shop.shown(order))["event"])[1] == event
    assert (await shop.event(order, type="charge", descriptor=5)).status_code == 400


async def test_money_is_moved_once_however_many_ask(shop: Shop) -> None:
    order = (await shop.order(500))["id"]
    answers = await asyncio.gather(
        *(shop.event(order, type="charge", items=100) for _ in range(20))
    )
    assert sorted(each.status_code for each in answers) == [201] * 5 + [400] * 15
    assert (await shop.shown(order))["status"] == {"charged": 500}


async def test_a_card_token_makes_one_order_however_many_ask(shop: Shop) -> None:
    token = await shop.card()
    asked = {"items": 5, "currency": "EUR", "payment": {"type": "card", "card": token}}
    answers = await asyncio.gather(*(shop.ask("POST", "/order", asked) for _ in range(20)))
    assert sorted(each.status_code for each in answers) == [201] + [400] * 19
    assert len((await shop.ask("GET", "/order")).json()) == 1


async def test_a_decline_leaves_the_token_good(shop: Shop) -> None:
    token = await shop.card("2221000000000009")
    asked = {"items": 404.13, "currency": "EUR", "payment": {"type": "card", "card": token}}
    for _ in range(3):
        answer = await shop.ask("POST", "/order", asked)
        assert (answer.status_code, answer.json()["error"]) == (400, "insufficient funds")
    assert (await shop.ask("POST", "/order", {**asked, "items": 5})).status_code == 201
    assert (await shop.ask("POST", "/order", {**asked, "items": 5})).status_code == 400


# Source: specification "payfunc", 9.5.
AMOUNTS: Final = {
    13.11: ("card.pan", "Invalid card number.", "invalid card number"),
    400.00: (None, "General input error.", "invalid input"),
    401.11: ("card.pan", "Unsupported card scheme.", "unsupported card"),
    401.40: ("currency", "Invalid currency.", "invalid currency"),
    401.50: ("description", "Invalid text on statement.", "invalid descriptor"),
    401.90: (None, "Invalid transaction.", "invalid transaction"),
    402.00: (None, "Acquirer rule violation.", "rule violation"),
    403.00: ("card.pares", "3-D Secure problem.", "3ds problem"),
    403.10: ("card.pares", "3-D Secure authentication failure.", "3ds authentication failure"),
    404.10: ("card.pan", "Declined by issuer or card scheme.", "card declined"),
    404.13: ("amount", "Insufficient funds.", "insufficient funds"),
    404.14: ("card.pan", "Suspected fraud.", "suspected fraud"),
    404.15: ("amount", "Amount limit exceeded.", "amount limit"),
    404.20: ("card.pan", "Merchant blocked by cardholder.", "blocked merchant"),
}


async def test_the_published_amounts(shop: Shop) -> None:
    token = await shop.card("2221000000000009")
    for amount, (place, text, code) in AMOUNTS.items():
        asked = {"items": amount, "currency": "EUR", "payment": {"type": "card", "card": token}}
        found = (await shop.ask("POST", "/order", asked)).json()
        assert (found["status"], found["error"]) == (400, code)
        assert found["type"] == ("malformed content" if place else "invalid content")
        assert found["content"]["description"] == text
        assert found["content"].get("property") == place
        assert place or found["content"]["type"] == "model.Authorization.Creatable"


@pytest.mark.parametrize(
    ("card", "text"),
    [
        ({"pan": GOOD, "expires": [1, 20]}, "Card expired."),
        ({"pan": "5500000000000004", "csc": "111"}, "Invalid CSC code."),
        ({"pan": "4111111111111112"}, "Invalid card number."),
    ],
)
async def test_what_is_wrong_with_a_card_is_said_by_the_order(
    card: dict[str, object], text: str, shop: Shop
) -> None:
    token = await shop.card(**card)  # type: ignore[arg-type]
    asked = {"items": 5, "currency": "EUR", "payment": {"type": "card", "card": token}}
    answer = await shop.ask("POST", "/order", asked)
    assert (answer.status_code, answer.json()["content"]["description"]) == (400, text)


async def test_tokens_are_signed_and_say_nothing_of_a_card(shop: Shop) -> None:
    token = await shop.card()
    asked = {"items": 7.42, "currency": "EUR", "payment": {"type": "card", "card": token}}
    order = await shop.ask("POST", "/order", asked, accept="*/*")
    assert order.headers["content-type"] == "application/jwt; charset=utf-8"
    recurring = claims(order.text)["payment"]["card"]  # type: ignore[index]
    pem = (await shop.ask("GET", "/key", key="")).text
    keys = KeySet.import_key_set((await shop.ask("GET", "/.well-known/jwks.json", key="")).json())
    for each in (token, order.text, recurring):
        for key in (RSAKey.import_key(pem), keys):
            found = jwt.decode(each, key, algorithms=["RS256"])
            assert found.header == {"alg": "RS256", "typ": "JWT"}
            assert found.claims["aud"] == "development"
        said = json.dumps(claims(each))
        assert GOOD not in said
        assert "987" not in said.replace(str(found.claims["iat"]), "")
        assert found.claims["iat"] <= claims(order.text)["iat"]


async def test_a_recurring_token_is_the_merchants_own(shop: Shop) -> None:
    made = await shop.order(5)
    again = {"type": "card", "card": made["payment"]["card"]}  # type: ignore[index]
    asked = {"items": 6, "currency": "EUR", "payment": again}
    assert (await shop.ask("POST", "/order", asked, key="public")).status_code == 400
    assert (await shop.order(6, payment=again))["status"] == {"ordered": 6}


async def test_a_new_token_replaces_the_old_one(shop: Shop) -> None:
    old = await shop.card()
    new = (await shop.ask("PATCH", f"/card/{old}", {"expires": [3, 39]}, key="public")).text
    asked = {"items": 5, "currency": "EUR", "payment": {"type": "card", "card": old}}
    assert (await shop.ask("POST", "/order", asked)).status_code == 400
    assert (await shop.order(5, new))["payment"]["expires"] == [3, 39]  # type: ignore[index]


async def test_an_hour_is_a_tokens_life(shop: Shop) -> None:
    token = await shop.card()
    await shop.walk(1)
    asked = {"items": 5, "currency": "EUR", "payment": {"type": "card", "card": token}}
    answer = await shop.ask("POST", "/order", asked)
    assert answer.json()["content"]["type"] == "model.Card"


async def test_bizon_shows_the_same_amounts(shop: Shop) -> None:
    order = str((await shop.order(500))["id"])
    await shop.event(order, type="charge", items=200)
    await shop.event(order, type="refund", items=50)
    number = str(int.from_bytes(base64.urlsafe_b64decode(order)[:8]))
    login = {"Authorization": "Basic cHJvamVjdDpwYXNzd29yZA=="}
    path = f"/orders/{number}?expand=operations"
    shown = (await shop.client.get(path, headers=login)).json()["orders"][0]
    assert shown["amount"] == "500.00"
    done = [(each["type"], each["amount"]) for each in shown["operations"]]
    assert done == [("authorize", "500.00"), ("charge", "200.00"), ("refund", "50.00")]
    assert (await shop.shown(number))["id"] == order


async def test_an_order_of_another_wire_is_shown(shop: Shop) -> None:
    login = {"Authorization": "Basic cHJvamVjdDpwYXNzd29yZA=="}
    body = {
        "amount": 9.99,
        "pan": GOOD,
        "card": {"cvv": "333", "holder": "JO", "expiration_month": 12, "expiration_year": 2039},
        "location": {"ip": "6.6.6.6"},
        "currency": "EUR",
    }
    answer = await shop.client.post(
        "/orders/authorize", headers=login, content=json.dumps(body).encode()
    )
    number = answer.json()["orders"][0]["id"]
    assert (await shop.shown(number))["status"] == {"ordered": 9.99}
    path = f"/orders/{number}/charge"
    await shop.client.put(path, headers=login, content=b'{"amount": 5}')
    shown = await shop.shown(number)
    assert shown["status"] == {"charged": 5, "cancelled": 4.99}
    assert [each["type"] for each in listed(shown["event"])] == ["order", "charge", "cancel"]
    assert (await shop.event(shown["id"], type="refund")).status_code == 201


async def test_a_declined_order_of_a_card_is_shown_as_denied(shop: Shop) -> None:
    asked = {"items": 5, "currency": "EUR"}
    payment = {"type": "card", "card": await shop.card(POOR)}
    assert (await shop.ask("POST", "/order", {**asked, "payment": payment})).status_code == 400
    shown = (await shop.ask("GET", "/order")).json()[0]
    assert shown["status"] == {"denied": 5}
    assert [(each["type"], each["original"]) for each in shown["event"]] == [("fail", "order")]


def listed(found: object) -> list[dict[str, object]]:
    """A list of objects."""
    assert isinstance(found, list)
    return found
