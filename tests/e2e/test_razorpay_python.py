"""The vendor's own Python client against the real server: every call of its orders page and beyond.

Its exceptions, its retries and its signature helpers are the judges here, not ours.
"""

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib import import_module
from typing import Any, ClassVar, Final
from urllib.request import Request, urlopen

import pytest
from tests.e2e.server import Server

from counterfoil import demo

CARD: Final = {
    "number": "4100280000001007",
    "name": "Gaurav Kumar",
    "expiry_month": "12",
    "expiry_year": "39",
    "cvv": "123",
}
PAYER: Final = {"email": "gaurav.kumar@example.com", "contact": "9999999988"}
DELIVERED_S: Final = 20
razorpay: Final = import_module("razorpay")
BadRequest: Final = import_module("razorpay.errors").BadRequestError
Gateway: Final = import_module("razorpay.errors").GatewayError
Unsigned: Final = import_module("razorpay.errors").SignatureVerificationError


class Hook(BaseHTTPRequestHandler):
    """A shop's address: keeps every callback."""

    got: ClassVar[list[tuple[dict[str, str], bytes]]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.got.append(({name.lower(): text for name, text in self.headers.items()}, body))
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base's name)
        """Nothing."""


@pytest.fixture(scope="module")
def shop() -> Iterator[str]:
    """The address of a shop that listens."""
    with HTTPServer(("127.0.0.1", 0), Hook) as listening:
        thread = threading.Thread(target=listening.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.server_port}/hook"
        listening.shutdown()


@pytest.fixture
def client(server: Server) -> Any:
    base = f"http://127.0.0.1:{server.port}"
    return razorpay.Client(auth=(demo.KEY_ID, demo.KEY_SECRET), base_url=base)


def order(client: Any, **more: object) -> Any:
    return client.order.create(data={"amount": 50000, "currency": "INR", **more})


def paid(client: Any, made: Any, **more: object) -> Any:
    """The hand-over of a card payment of the order, by one-time password."""
    given = {"amount": "50000", "currency": "INR", "order_id": made["id"], **PAYER, **more}
    begun = client.payment.createPaymentJson({"card": CARD, **given, "method": "card"})
    client.payment.otpGenerate(begun["razorpay_payment_id"])
    return client.payment.otpSubmit(begun["razorpay_payment_id"], {"otp": "123456"})


def test_orders_as_the_page_has_them(client: Any) -> None:
    made = order(client, receipt="receipt#1", notes={"key1": "value3", "key2": "value2"})
    assert (made["status"], made["amount_due"], made["attempts"]) == ("created", 50000, 0)
    account = {"account_number": "765432123456789", "name": "G. Kumar", "ifsc": "HDFC0000053"}
    validated = order(client, method="netbanking", receipt="BILL1", bank_account=account)
    assert validated["receipt"] == "BILL1"
    listed = client.order.all({"receipt": "BILL1", "expand[]": ["payments", "transfers"]})
    assert (listed["count"], listed["items"][0]["id"]) == (1, validated["id"])
    assert client.order.all({"authorized": True, "count": 1, "skip": 0})["items"] == []
    assert client.order.fetch(made["id"]) == made
    assert client.order.payments(made["id"])["items"] == []
    notes = {"notes_key_1": "Beam me up Scotty. 1", "notes_key_2": "Engage"}
    assert client.order.edit(made["id"], {"notes": notes})["notes"] == notes


def test_a_payment_is_made_signed_refunded_and_read(client: Any) -> None:
    made = order(client)
    handed = paid(client, made)
    assert client.utility.verify_payment_signature(handed)
    with pytest.raises(Unsigned):
        client.utility.verify_payment_signature({**handed, "razorpay_signature": "0" * 64})
    payment = client.payment.fetch(handed["razorpay_payment_id"], {"expand[]": "card"})
    assert (payment["status"], payment["card"]["last4"]) == ("captured", "1007")
    assert client.order.fetch(made["id"])["status"] == "paid"
    assert client.payment.fetchCardDetails(payment["id"])["network"] == "Visa"
    assert client.card.fetch(payment["card_id"])["id"] == payment["card_id"]
    assert client.payment.edit(payment["id"], {"notes": {"a": "b"}})["notes"] == {"a": "b"}
    part = client.payment.refund(payment["id"], {"amount": 20000, "speed": "optimum"})
    rest = client.refund.create({"payment_id": payment["id"]})
    assert (part["speed_processed"], rest["amount"]) == ("instant", 30000)
    assert client.refund.fetch(rest["id"]) == rest
    assert client.refund.edit(rest["id"], {"notes": {"c": "d"}})["notes"] == {"c": "d"}
    assert client.payment.fetch_refund_id(payment["id"], part["id"]) == part
    assert client.payment.fetch_multiple_refund(payment["id"])["count"] == 2
    assert {each["id"] for each in client.refund.all()["items"]} >= {part["id"], rest["id"]}
    assert payment["id"] in {each["id"] for each in client.payment.all()["items"]}
    assert client.payment.fetch(payment["id"])["refund_status"] == "full"


def test_capture_is_whole_and_once(client: Any) -> None:
    handed = paid(client, order(client, payment_capture=0))
    number = handed["razorpay_payment_id"]
    with pytest.raises(BadRequest, match="must be equal to the amount authorized"):
        client.payment.capture(number, 49999, {"currency": "INR"})
    assert client.payment.capture(number, 50000, {"currency": "INR"})["captured"] is True
    with pytest.raises(BadRequest, match="already been captured"):
        client.payment.capture(number, 50000, {"currency": "INR"})


def test_refusals_are_the_clients_own_exceptions(client: Any, server: Server) -> None:
    with pytest.raises(BadRequest, match="The id provided does not exist"):
        client.order.fetch("order_AAAAAAAAAAAAAA")
    with pytest.raises(BadRequest, match=r"at least INR 1\.00"):
        order(client, amount=1)
    with pytest.raises(BadRequest, match="not found on the server"):
        client.invoice.all()
    sick = {**CARD, "number": "4100280000020007"}
    with pytest.raises(Gateway, match="temporary technical issue"):
        paid(client, order(client), card=sick)
    stranger = razorpay.Client(
        auth=(demo.KEY_ID, "wrong"), base_url=f"http://127.0.0.1:{server.port}"
    )
    with pytest.raises(BadRequest, match="Authentication failed"):
        stranger.order.all()


def test_upi_is_answered_by_itself(client: Any) -> None:
    assert client.payment.validateVpa({"vpa": "gaurav.kumar@exampleupi"})["success"] is True
    for vpa, status in (("success@razorpay", "captured"), ("failure@razorpay", "failed")):
        given = {"amount": 50000, "currency": "INR", "order_id": order(client)["id"], **PAYER}
        begun = client.payment.createUpi({**given, "method": "upi", "vpa": vpa})
        number = begun["razorpay_payment_id"]
        assert client.payment.fetch(number)["status"] == "created"
        assert status == until(lambda n=number: settled(client, n))
    assert client.payment.fetchDownTime()["count"] == 0
    assert client.payment.fetchPaymentMethods()["upi"] is True


def settled(client: Any, number: str) -> str | None:
    status: str = client.payment.fetch(number)["status"]
    return None if status in {"created", "authorized"} else status  # it is captured by itself


def until(look: Any) -> Any:
    """What is found, once it is there."""
    end = time.monotonic() + DELIVERED_S
    while time.monotonic() < end:
        found = look()
        if found is not None:
            return found
        time.sleep(0.05)
    raise AssertionError("it never came")


def test_webhooks_arrive_signed_for_the_clients_helper(client: Any, shop: str) -> None:
    names = ["payment.authorized", "payment.captured", "order.paid", "refund.processed"]
    given = {"url": shop, "secret": demo.WEBHOOK_SECRET, "events": names}
    assert client.webhook.create(given)["secret_exists"] is True
    time.sleep(1.1)  # who listens is looked up again each second
    made = order(client)
    handed = paid(client, made)
    client.payment.refund(handed["razorpay_payment_id"], {"amount": 100})
    until(lambda: len(told(made["id"])) >= 4 or None)
    found = told(made["id"])
    assert [event["event"] for _, _, event in found] == names
    for headers, body, event in found:
        signature = headers["x-razorpay-signature"]
        assert client.utility.verify_webhook_signature(
            body.decode(), signature, demo.WEBHOOK_SECRET
        )
        assert len(headers["x-razorpay-event-id"]) == 14
        assert event["entity"] == "event"
        assert event["contains"] == list(event["payload"])
    statuses = [event["payload"]["payment"]["entity"]["status"] for _, _, event in found]
    assert statuses == ["authorized", "captured", "captured", "captured"]
    fees = [event["payload"]["payment"]["entity"]["fee"] for _, _, event in found]
    assert fees[0] is None
    assert found[2][2]["payload"]["order"]["entity"]["status"] == "paid"
    assert len({headers["x-razorpay-event-id"] for headers, _, _ in found}) == 4


def told(made: str) -> list[tuple[dict[str, str], bytes, Any]]:
    """The callbacks about an order, as they came."""
    read = [(headers, body, json.loads(body)) for headers, body in Hook.got]
    return [each for each in read if each[2]["payload"]["payment"]["entity"]["order_id"] == made]


def test_php_forms_and_its_idempotency_header(client: Any, server: Server) -> None:
    handed = paid(client, order(client))
    form = f"payment_id={handed['razorpay_payment_id']}&amount=100&notes%5Bwhy%5D=torn"
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "X-Refund-Idempotency": f"key-{time.monotonic_ns()}",
    }
    first, again = (post(server, "/v1/refunds/", form, headers) for _ in range(2))
    assert first == again
    labelled = {**headers, "Content-Type": "application/json"}
    assert post(server, "/v1/refunds/", form, labelled)["id"] == first["id"]
    assert client.payment.fetch(handed["razorpay_payment_id"])["amount_refunded"] == 100


def post(server: Server, path: str, body: str, headers: dict[str, str]) -> Any:
    """A form as the PHP client sends it."""
    known = razorpay.client.requests.auth._basic_auth_str(demo.KEY_ID, demo.KEY_SECRET)
    request = Request(
        f"http://127.0.0.1:{server.port}{path}",
        data=body.encode(),
        headers={**headers, "Authorization": known},
    )
    with urlopen(request) as answer:  # noqa: S310 (the same)
        return json.loads(answer.read())


def test_the_books_balance(server: Server) -> None:
    server.verify()
