"""Our own form: the specification's vector, the body word for word, and what a receiver finds."""

import time
from base64 import b64encode
from pathlib import Path
from typing import Final

import msgspec
import pytest
from msgspec.structs import replace

from counterfoil.core.answers import Approved, Declined
from counterfoil.core.callbacks import Endpoint, Form, Told
from counterfoil.core.card import Secret
from counterfoil.core.declines import Decline
from counterfoil.core.errors import Code
from counterfoil.core.events import Event, Notice, event_of
from counterfoil.core.merchant import Pricing
from counterfoil.core.money import Money
from counterfoil.core.order import Kind, Order, Payment, id_at
from counterfoil.core.pricing import Terms
from counterfoil.core.rules import Command, begin, finish
from counterfoil.courier import StandardForm, new_secret, sign, verify
from counterfoil.courier.standard import TOLERANCE_S, Mismatch, SecretError
from counterfoil.testing import demo_merchant
from counterfoil.testing.world import START_US

# The specification's own example.
KNOWN: Final = Secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
ID: Final = "msg_p5jXN8AQM9LWM0D4loKWxJek"
AT: Final = 1_614_265_330
BODY: Final = b'{"test": 2432232314}'
SIGNATURE: Final = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
HEADERS: Final = {
    "webhook-id": ID,
    "webhook-timestamp": str(AT),
    "webhook-signature": SIGNATURE,
}
OTHER: Final = new_secret(b"k" * 32)
FIRST: Final = id_at(START_US)
SECOND_US: Final = 1_000_000
ENDPOINT: Final = Endpoint(
    merchant=1, id=2, wire="standard", url="https://shop.example/hook", created=START_US
)


def ordered(currency: str = "EUR") -> Order:
    amount = Money(minor=10_000, currency=currency)
    payment = Payment(id=FIRST + 256, amount=amount, terminal="main")
    return Order(merchant=1, id=FIRST, amount=amount, payments=(payment,), reference="A-17 «é»")


def after(order: Order, *steps: tuple[Kind, int, Decline | None]) -> Order:
    """The order after those operations, a second each, answered half a second later."""
    terms = Terms(pricing=Pricing(fee_bps=100, reserve_bps=300), accounting=order.amount.currency)
    for count, (kind, minor, decline) in enumerate(steps, start=1 + len(order.operations)):
        moment = START_US + count * SECOND_US
        command = Command(kind=kind, minor=minor)
        order, operation = begin(order, command, stamp=id_at(moment), terms=terms)
        approved = Approved(reference=operation.id, amount=operation.amount)
        answer = approved if decline is None else Declined(decline=decline)
        done = finish(order, operation.id, answer, stamp=moment + SECOND_US // 2)
        assert done is not None
        order = done[0]
    return order


def told(order: Order, *, now: int = START_US, secrets: tuple[Secret, ...] = (KNOWN,)) -> Told:
    """What is told of the order's last operation."""
    operations = order.operations
    notice = Notice(
        order=order.id,
        sequence=7,
        event=event_of(operations[-1]) if operations else Event.ORDER_REJECTED,
        at=order.updated,
        operation=operations[-1].id if operations else None,
    )
    return Told(
        merchant=demo_merchant(),
        endpoint=ENDPOINT,
        notice=notice,
        order=order,
        secrets=secrets,
        now=now,
    )


def read(body: bytes) -> dict[str, object]:
    return msgspec.json.decode(body, type=dict[str, object])


def test_the_known_vector() -> None:
    assert sign(KNOWN, identifier=ID, timestamp=AT, body=BODY) == SIGNATURE
    assert verify([KNOWN], HEADERS, BODY, now_s=AT) is None


def test_it_is_a_form() -> None:
    form: Form = StandardForm()
    assert form.events == frozenset(Event)
    pauses = [form.schedule.pause_us(tries, 0) for tries in range(1, 11)]
    hours = [2, 5, 10, 14, 20, 24]
    seconds = [5, 300, 1800, *(hour * 3600 for hour in hours)]
    assert pauses == [*(second * SECOND_US for second in seconds), None]


def test_the_body_says_what_happened_and_where_the_money_stands() -> None:
    order = after(ordered(), (Kind.AUTHORIZE, 10_000, None), (Kind.CHARGE, 6_000, None))
    callback = StandardForm().callback(told(order))
    assert callback.content_type == "application/json"
    assert read(callback.body) == {
        "type": "order.charged",
        "timestamp": "2026-01-15T12:00:02.500000Z",
        "data": {
            "sequence": 7,
            "order": {
                "id": str(FIRST),
                "reference": "A-17 «é»",
                "status": "charged",
                "amount": "100.00",
                "currency": "EUR",
                "authorized": "40.00",
                "charged": "60.00",
                "reversed": "0.00",
                "refunded": "0.00",
                "credited": "0.00",
                "disputed": "0.00",
                "created": "2026-01-15T12:00:00.000000Z",
                "rejected": None,
            },
            "operation": {
                "id": str(id_at(START_US + 2 * SECOND_US)),
                "kind": "charge",
                "outcome": "approved",
                "amount": "60.00",
                "currency": "EUR",
                "created": "2026-01-15T12:00:02.000000Z",
                "closed": "2026-01-15T12:00:02.500000Z",
                "number": None,
                "decline": None,
            },
        },
    }


def test_what_failed_says_why() -> None:
    order = after(ordered("KWD"), (Kind.AUTHORIZE, 10_000, Decline.INSUFFICIENT_FUNDS))
    content = read(StandardForm().callback(told(order)).body)
    assert content["type"] == "payment.failed"
    shown = msgspec.convert(content["data"], dict[str, dict[str, object] | int])
    assert isinstance(shown["operation"], dict)
    assert shown["operation"]["decline"] == "insufficient_funds"
    assert shown["operation"]["outcome"] == "declined"
    assert shown["operation"]["amount"] == "10.000"


def test_an_order_that_was_rejected_says_why() -> None:
    order = replace(
        ordered(), payments=(), closed=Code.MALFORMED_AMOUNT, closed_at=START_US + SECOND_US
    )
    content = read(StandardForm().callback(told(order)).body)
    assert (content["type"], content["timestamp"]) == (
        "order.rejected",
        "2026-01-15T12:00:01.000000Z",
    )
    shown = msgspec.convert(content["data"], dict[str, dict[str, object] | int | None])
    assert isinstance(shown["order"], dict)
    assert (shown["order"]["rejected"], shown["operation"]) == ("malformed_amount", None)


def test_every_attempt_has_the_same_body_and_id_and_its_own_timestamp() -> None:
    order = after(ordered(), (Kind.AUTHORIZE, 10_000, None))
    made = [
        StandardForm().callback(told(order, now=START_US + hour * 3600 * SECOND_US))
        for hour in range(3)
    ]
    assert len({each.body for each in made}) == 1
    heads = [dict(each.headers) for each in made]
    assert {head["webhook-id"] for head in heads} == {f"msg_{FIRST}_7"}
    first = START_US // SECOND_US
    for hour, (head, callback) in enumerate(zip(heads, made, strict=True)):
        now_s = first + hour * 3600
        assert head["webhook-timestamp"] == str(now_s)
        assert verify([KNOWN], head, callback.body, now_s=now_s) is None
    assert len({head["webhook-signature"] for head in heads}) == 3


def test_while_a_secret_is_exchanged_both_fit() -> None:
    order = after(ordered(), (Kind.AUTHORIZE, 10_000, None))
    callback = StandardForm().callback(told(order, secrets=(OTHER, KNOWN)))
    headers, now_s = dict(callback.headers), START_US // SECOND_US
    assert len(headers["webhook-signature"].split(" ")) == 2
    for secret in (KNOWN, OTHER):
        assert verify([secret], headers, callback.body, now_s=now_s) is None
    third = new_secret(b"x" * 24)
    assert verify([third], headers, callback.body, now_s=now_s) is Mismatch.WRONG
    assert verify([third, OTHER], headers, callback.body, now_s=now_s) is None


def test_without_a_secret_nothing_is_signed() -> None:
    order = after(ordered(), (Kind.AUTHORIZE, 10_000, None))
    headers = dict(StandardForm().callback(told(order, secrets=())).headers)
    assert sorted(headers) == ["webhook-id", "webhook-timestamp"]


@pytest.mark.parametrize(
    ("away_s", "why"),
    [
        (0, None),
        (TOLERANCE_S, None),
        (-TOLERANCE_S, None),
        (TOLERANCE_S + 1, Mismatch.TOO_OLD),
        (-TOLERANCE_S - 1, Mismatch.TOO_NEW),
    ],
)
def test_five_minutes_are_allowed(away_s: int, why: Mismatch | None) -> None:
    assert verify([KNOWN], HEADERS, BODY, now_s=AT + away_s) is why


@pytest.mark.parametrize("name", HEADERS)
def test_every_header_is_needed(name: str) -> None:
    left = {each: text for each, text in HEADERS.items() if each != name}
    assert verify([KNOWN], left, BODY, now_s=AT) is Mismatch.MISSING


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("webhook-timestamp", "", Mismatch.MALFORMED),
        ("webhook-timestamp", "1614265330.0", Mismatch.MALFORMED),
        ("webhook-timestamp", "-1", Mismatch.MALFORMED),
        ("webhook-timestamp", "\u0661", Mismatch.MALFORMED),
        ("webhook-timestamp", "9" * 5000, Mismatch.MALFORMED),
        ("webhook-timestamp", "01614265330", Mismatch.WRONG),
        ("webhook-signature", "", Mismatch.MALFORMED),
        ("webhook-signature", SIGNATURE.removeprefix("v1,"), Mismatch.MALFORMED),
        ("webhook-signature", SIGNATURE.replace("v1", "v1a"), Mismatch.MALFORMED),
        ("webhook-signature", "v1,", Mismatch.WRONG),
        ("webhook-signature", "v1,é", Mismatch.WRONG),
        ("webhook-signature", SIGNATURE.lower(), Mismatch.WRONG),
        ("webhook-signature", f"v1a,AAAA v2,BBBB {SIGNATURE} v1,CCCC", None),
        ("webhook-id", "msg_other", Mismatch.WRONG),
    ],
)
def test_headers_are_read_strictly(name: str, text: str, why: Mismatch | None) -> None:
    assert verify([KNOWN], HEADERS | {name: text}, BODY, now_s=AT) is why


def test_a_new_secret_is_its_bytes() -> None:
    assert new_secret(b"\xff" * 32).reveal() == f"whsec_{b64encode(bytes([255]) * 32).decode()}"
    assert "f" not in str(new_secret(b"f" * 24))
    for size in (0, 23, 65):
        with pytest.raises(AssertionError):
            new_secret(b"k" * size)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "whsec_",
        "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "whsec_MfKQ",
        "whsec_!!!!",
        "whsec_" + "é" * 32,
    ],
)
def test_what_is_no_secret_signs_nothing(text: str) -> None:
    with pytest.raises(SecretError) as found:
        sign(Secret(text), identifier=ID, timestamp=AT, body=BODY)
    assert "MfKQ" not in str(found.value)


def test_the_check_in_the_documents_is_right() -> None:
    page = (Path(__file__).parents[2] / "docs" / "webhooks.md").read_text("utf-8")
    names: dict[str, object] = {}
    exec(page.partition("```python\n")[2].partition("```")[0], names)  # noqa: S102 (our own page)
    check = names["check"]
    assert callable(check)
    now = time.time_ns() // 1000
    order = after(ordered(), (Kind.AUTHORIZE, 10_000, None))
    made = StandardForm().callback(told(order, now=now, secrets=(OTHER, KNOWN)))
    headers = dict(made.headers)
    for secret in (OTHER, KNOWN):
        check(secret.reveal(), headers, made.body)
    with pytest.raises(ValueError, match="no signature fits"):
        check(OTHER.reveal(), headers, made.body + b" ")
    with pytest.raises(ValueError, match="too old"):
        check(KNOWN.reveal(), HEADERS, BODY)
