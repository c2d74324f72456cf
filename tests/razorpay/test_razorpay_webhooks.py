"""Webhooks of the Razorpay wire: which events, what they show, how they are signed and kept."""

import hashlib
import hmac
import json
from typing import Any, Final

import pytest
from msgspec.structs import replace
from tests.engine.desk import open_desk
from tests.razorpay.shop import AMOUNT, Shop, open_shop

from counterfoil import demo
from counterfoil.core.callbacks import Callback, Receipt, Told
from counterfoil.core.card import Secret
from counterfoil.core.history import as_of
from counterfoil.core.schedule import SECOND_US
from counterfoil.core.timers import Due, Settled, Timer
from counterfoil.dialects.razorpay import signatures
from counterfoil.dialects.razorpay.call import signed
from counterfoil.dialects.razorpay.notify import PAUSES_S, Webhook

pytestmark = pytest.mark.anyio
SECRET: Final = "hook-secret"
EVERYTHING: Final = [
    "payment.authorized", "payment.captured", "payment.failed", "order.paid", "refund.created",
    "refund.processed", "refund.failed", "refund.speed_changed",
]  # fmt: skip


async def hook(shop: Shop, *events: str, **more: object) -> Any:
    body = {"url": "https://shop.example/hook", "secret": SECRET, "events": list(events), **more}
    return await shop.ok("POST", "/v1/webhooks", body)


async def posts(shop: Shop) -> list[Callback]:
    """What the last made webhook would be posted, for all that happened since it was made."""
    store, vault = shop.desk.store, shop.desk.engine.vault
    merchant = await store.merchant(1)
    endpoint = (await store.endpoints(1))[-1]
    assert merchant is not None
    found: list[Callback] = []
    for _, notice in store.notices_told:
        if notice.event not in Webhook.events or not endpoint.wants(notice.event):
            continue
        order = await store.load(1, notice.order)
        told = Told(
            merchant=merchant,
            endpoint=endpoint,
            notice=notice,
            order=as_of(order, notice.at),
            secrets=tuple(
                vault.open_secret((1, endpoint.id), each) for each in endpoint.signing(notice.at)
            ),
            now=shop.desk.clock.now(),
        )
        made = Webhook().callback(told)
        found += [made, *made.then] if made else []
    return found


async def told(shop: Shop) -> list[Any]:
    return [json.loads(each.body) for each in await posts(shop)]


def entity(event: Any, kind: str) -> Any:
    return event["payload"][kind]["entity"]


async def test_a_paid_order_is_told_event_by_event_as_things_stood() -> None:
    shop = await open_shop()
    await hook(shop, *EVERYTHING)
    order = await shop.order(notes={"a": "b"})
    number = await shop.pay(order, "card")
    await shop.ok("POST", f"/v1/payments/{number}/refund", {"amount": 100})
    await shop.ok("PATCH", f"/v1/payments/{number}", {"notes": {"later": "1"}})
    found = await told(shop)
    assert [each["event"] for each in found] == [
        "payment.authorized",
        "payment.captured",
        "order.paid",
        "refund.created",
        "refund.processed",
    ]
    assert [entity(each, "payment")["status"] for each in found] == [
        "authorized",
        *["captured"] * 4,
    ]
    assert [entity(each, "payment")["amount_refunded"] for each in found] == [0, 0, 0, 100, 100]
    assert all(entity(each, "payment")["notes"] == {"a": "b"} for each in found)
    assert all(entity(each, "payment")["card"]["last4"] == "1007" for each in found)
    assert entity(found[2], "order")["amount_paid"] == AMOUNT
    assert found[3]["contains"] == ["refund", "payment"]
    assert len({each["account_id"] for each in found}) == 1


async def test_failures_and_what_is_given_back_are_told() -> None:
    shop = await open_shop()
    await hook(shop, *EVERYTHING)
    order = await shop.order(payment_capture=0)
    await shop.decide(await shop.begin(order), "failure")
    await shop.pay(order)
    await shop.later(4 * 24 * 3600)
    found = await told(shop)
    names = ["payment.failed", "payment.authorized", "refund.created", "refund.processed"]
    assert [each["event"] for each in found] == names
    assert entity(found[0], "payment")["error_reason"] == "payment_failed"
    assert entity(found[2], "payment")["status"] == "refunded"


async def test_a_wallet_that_cannot_be_refunded_at_once_is_told() -> None:
    shop = await open_shop()
    await hook(shop, "refund.speed_changed")
    number = await shop.pay(await shop.order(), "wallet")
    await shop.ok("POST", f"/v1/payments/{number}/refund", {"speed": "optimum"})
    assert [each["event"] for each in await told(shop)] == ["refund.speed_changed"]


async def test_an_address_gets_what_it_asked_for_and_no_more() -> None:
    shop = await open_shop()
    await hook(shop, "order.paid")
    order = await shop.order(partial_payment=True)
    await shop.pay(order, amount=20_000)
    assert await told(shop) == []
    await shop.pay(order, amount=30_000)
    assert [each["event"] for each in await told(shop)] == ["order.paid"]


async def test_every_event_has_an_id_and_the_same_body_at_every_attempt() -> None:
    shop = await open_shop()
    await hook(shop, *EVERYTHING)
    order = await shop.order()
    await shop.pay(order)
    first = await posts(shop)
    await shop.ok("PATCH", f"/v1/orders/{order}", {"notes": {"x": "y"}})
    assert await posts(shop) == first
    ids = [dict(each.headers)["X-Razorpay-Event-Id"] for each in first]
    assert len(set(ids)) == len(ids) == 3
    assert all(len(each) == 14 for each in ids)


async def test_what_happened_before_a_new_secret_keeps_the_old_one() -> None:
    shop = await open_shop()
    made = await hook(shop, *EVERYTHING)
    await shop.pay(await shop.order())
    await shop.ok("PUT", f"/v1/webhooks/{made['id']}", {"secret": "new-secret"})
    await shop.pay(await shop.order())
    found = await posts(shop)
    for each, secret in zip(found, [SECRET] * 3 + ["new-secret"] * 3, strict=True):
        expected = hmac.new(secret.encode(), each.body, hashlib.sha256).hexdigest()
        assert dict(each.headers)["X-Razorpay-Signature"] == expected


async def test_without_a_secret_nothing_is_signed() -> None:
    shop = await open_shop()
    body = {"url": "https://shop.example/hook", "events": EVERYTHING}
    await shop.ok("POST", "/v1/webhooks", body)
    await shop.pay(await shop.order())
    for each in await posts(shop):
        assert "X-Razorpay-Signature" not in dict(each.headers)


async def test_an_account_may_have_thirty() -> None:
    shop = await open_shop()
    made = [await hook(shop, "order.paid") for _ in range(30)]
    body = {"url": "https://shop.example/hook", "events": ["order.paid"]}
    assert "at most 30" in (await shop.no("POST", "/v1/webhooks", body))["description"]
    account = "acc_" + made[0]["owner_id"]
    assert await shop.ok("DELETE", f"/v2/accounts/{account}/webhooks/{made[0]['id']}") == []
    await hook(shop, "order.paid")
    listed = await shop.ok("GET", "/v1/webhooks?count=100")
    assert made[0]["id"] not in {each["id"] for each in listed["items"]}


async def test_the_standing_of_a_webhook_is_shown() -> None:
    shop = await open_shop()
    made = await hook(shop, "order.paid", active=False)
    assert (made["active"], made["secret_exists"]) == (False, True)
    shown = await shop.ok("PUT", f"/v1/webhooks/{made['id']}", {"active": True})
    assert (shown["active"], shown["events"]) == (True, ["order.paid"])
    assert (await shop.no("GET", "/v1/webhooks/AAAAAAAAAAAAAA"))["description"].endswith("exist")


async def test_what_takes_nothing_for_a_day_is_switched_off() -> None:
    desk = await open_desk()
    desk.audience.forms = {"razorpay": Webhook()}
    await desk.listens(wire="razorpay")
    desk.courier.script.extend([Receipt(took_us=9, status=500)] * 16)
    await desk.authorize()
    await desk.later(23 * 3600)
    assert (await desk.store.endpoints(1))[0].off is None
    await desk.later(3600)
    assert len(desk.courier.posts) == 16
    assert {callback.timeout_s for _, callback in desk.courier.posts} == {5}
    (endpoint,) = await desk.store.endpoints(1)
    assert endpoint.off == "the address took nothing from the first try to the last"


async def test_one_that_was_switched_off_says_so_and_is_switched_on_by_its_shop() -> None:
    shop = await open_shop()
    made = await hook(shop, "order.paid")
    path, store, now = f"/v1/webhooks/{made['id']}", shop.desk.store, shop.desk.clock.now()
    (endpoint,) = await store.endpoints(1)
    await store.save_endpoint(replace(endpoint, off="it took nothing", off_since=now))
    shown = await shop.ok("GET", path)
    assert (shown["active"], shown["disabled_at"]) == (False, now // SECOND_US)
    changed = await shop.ok("PUT", path, {"alert_email": "a@example.com"})
    assert (changed["active"], changed["disabled_at"]) == (False, now // SECOND_US)
    waiting = Timer(kind=Due.DELIVER, subject=7, lane=endpoint.id, due=now)
    await store.plant(1, [waiting])
    errand = (await store.timers(1, 9))[0]
    await store.settle([Settled(errand=errand, parked=True)], [])
    shown = await shop.ok("PUT", path, {"active": True})
    assert (shown["active"], shown["disabled_at"]) == (True, 0)
    assert [each.parked for each in await store.timers(1, 9)] == [False]


def test_the_measured_times_between_repetitions() -> None:
    times = [sum(PAUSES_S[: place + 1]) for place in range(len(PAUSES_S))]
    assert times[:5] == [6, 13, 20, 43, 82]
    assert times[5:7] == [164, 328]
    assert len(times) + 1 == 16
    assert times[-1] == 83_968  # some 23 hours


# Signatures: the check values of the specification, and every fault that is explained.

ORDER: Final = "order_Ab1Cd2Ef3Gh4Ij"
PAYMENT: Final = "pay_Kl5Mn6Op7Qr8St"
BODY: Final = b'{"entity":"event","event":"order.paid"}'
KEY: Final = Secret("s3cr3t_of_the_key")


def test_the_published_check_values() -> None:
    paid = "3ebff6c7a27ff58882438d1eba707fb9ba1a268929f47b3446e852ed7719a4d3"
    told = "0d2acdd5697ec314bfd88745ee770cd8b328b204de669580e784dc412268b2e2"
    assert signed(KEY, ORDER, PAYMENT) == paid
    assert signatures.of(Secret(SECRET), BODY) == told


@pytest.mark.parametrize(
    ("message", "secret", "why"),
    [
        (f"{PAYMENT}|{ORDER}", KEY, "wrong order"),
        (f"{ORDER}{PAYMENT}", KEY, "vertical bar"),
        (PAYMENT, KEY, "order id is missing"),
        (f"{ORDER}|{PAYMENT}", Secret(SECRET), "webhook secret"),
        ("something else", KEY, "other bytes or another key"),
    ],
)
def test_faults_of_a_payments_signature_are_named(message: str, secret: Secret, why: str) -> None:
    given = signatures.of(secret, message.encode())
    found = signatures.payment(given, ORDER, PAYMENT, KEY, [Secret(SECRET)])
    assert not found.matches
    assert why in str(found.why)
    assert KEY.reveal() not in str(found.shown())


@pytest.mark.parametrize(
    ("body", "secret", "why"),
    [
        (b'{"entity": "event", "event": "order.paid"}', SECRET, "written again with blanks"),
        (BODY + b"\n", SECRET, "line break"),
        (BODY, KEY.reveal(), "key secret"),
        (b"{}", SECRET, "other bytes"),
    ],
)
def test_faults_of_a_webhooks_signature_are_named(body: bytes, secret: str, why: str) -> None:
    given = signatures.of(Secret(secret), body)
    found = signatures.webhook(given, BODY, Secret(SECRET), [KEY])
    assert why in str(found.why)


def test_capital_letters_are_told_apart_and_what_is_right_is_right() -> None:
    right = signatures.of(Secret(SECRET), BODY)
    assert signatures.webhook(right, BODY, Secret(SECRET), []).matches
    assert "capital" in str(signatures.webhook(right.upper(), BODY, Secret(SECRET), []).why)
    assert signatures.webhook("x", b"\xff", Secret(SECRET), []).why


async def test_a_shop_may_ask_why() -> None:
    shop = await open_shop()
    await hook(shop, "order.paid")
    text = BODY.decode()
    right = signatures.of(Secret(SECRET), BODY)
    said = {"body": text, "signature": right}
    assert (await shop.ok("POST", "/v1/signatures/explain", said))["matches"] is True
    wrong = {"body": text, "signature": signatures.of(Secret(demo.KEY_SECRET), BODY)}
    told = await shop.ok("POST", "/v1/signatures/explain", wrong)
    assert "key secret" in told["why"]
