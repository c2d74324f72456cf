"""Webhooks: which messages there are, what they say, and that their signature can be checked."""

import hashlib
import hmac
import json
from collections.abc import Callable
from decimal import Decimal
from random import Random
from uuid import UUID

import pytest
from msgspec.structs import replace
from tests.afterpay.shop import Shop, item, open_shop
from tests.four.wires import MAKES, Case

from counterfoil.core.callbacks import Callback, Endpoint, Told
from counterfoil.core.card import Secret
from counterfoil.core.errors import Code
from counterfoil.core.events import Event, Notice
from counterfoil.core.order import Order, Secure3d
from counterfoil.dialects import found
from counterfoil.dialects.afterpay.notify import Webhook

pytestmark = pytest.mark.anyio

AT = 1_768_478_400_000_000
ENDPOINT = Endpoint(merchant=1, id=9, wire="afterpay", url="https://shop.example/", created=AT)


async def made(shop: Shop) -> Order:
    await shop.order("1001", [item("x", 10)], parentTransactionReference="P")
    (order,) = shop.desk.store._orders.values()
    return order


async def told(
    shop: Shop, order: Order, *secrets: str, later: int = 0, notice: Notice | None = None
) -> Callback:
    merchant = await shop.desk.store.merchant(1)
    assert merchant is not None
    first = Notice(order=order.id, sequence=1, event=Event.PAYMENT_AUTHORIZED, at=AT)
    return Webhook().callback(
        Told(
            merchant=merchant,
            endpoint=ENDPOINT,
            notice=notice or first,
            order=order,
            secrets=tuple(map(Secret, secrets)),
            now=AT + later * 1_000_000,
        )
    )


def proved(order: Order) -> Order:
    payment = replace(order.payments[0], secure3d=Secure3d(reason="login"))
    return replace(order, payments=(payment,))


async def test_the_wire_shows_its_form() -> None:
    (dialect,) = (each for each in found() if each.name == "afterpay")
    assert isinstance(dialect.form, Webhook)


async def test_an_accepted_order_is_told() -> None:
    shop = await open_shop()
    callback = await told(shop, await made(shop))
    said = json.loads(callback.body)
    header, body = said["Header"], said["Body"]
    assert header["TransmittedTimestamp"] == "2026-01-15T12:00:00Z"
    assert (header["MessageName"], header["Version"]) == ("AuthorizeAccepted", "1.0")
    assert (header["ClientId"], header["ShopId"], header["CountryCode"]) == (1, "Demo", "")
    assert UUID(header["MessageId"])
    assert body["OrderNumber"] == "1001"
    assert body.keys() == {"OrderNumber", "AdditionalPaymentInfo", "ParentTransactionReference"}
    assert set(map(type, body.values())) == {str}
    assert callback.headers == ()


@pytest.mark.parametrize(
    ("change", "status"),
    [
        (proved, "Accepted"),
        (lambda order: replace(order, closed=Code.AUTHENTICATION_FAILED), "Cancelled"),
        (lambda order: replace(order, closed=Code.SESSION_EXPIRED), "Expired"),
    ],
)
async def test_what_became_of_a_login_is_told(
    change: Callable[[Order], Order], status: str
) -> None:
    shop = await open_shop()
    said = json.loads((await told(shop, change(await made(shop)))).body)
    assert said["Header"]["MessageName"] == "CustomerAuthenticationCompleted"
    assert said["Body"] == {"OrderNumber": "1001", "Status": status}


async def test_a_payment_of_an_invoice_is_told() -> None:
    shop = await open_shop()
    order = await made(shop)
    await shop.good("/orders/1001/captures", {"invoiceNumber": "I1"})
    path = "/orders/1001/captures/I1/payments"
    assert await shop.good(path, {"amount": "4.50"}, "k") == await shop.good(
        path, {"amount": "4.50"}, "k"
    )
    assert (await shop.good(path))["paidAmount"] == Decimal("5.5")
    assert await shop.refused(path) == "400.003"
    assert await shop.refused("/orders/1001/captures/I2/payments") == "400.132"
    notices = [
        each
        for each in await shop.desk.store.notices(1, order.id, 1)
        if each.event is Event.INVOICE_PAID
    ]
    assert [each.sequence for each in notices] == [3, 4]
    now = shop.desk.store._orders[1, order.id]
    body = json.loads((await told(shop, now, notice=notices[0])).body, parse_float=Decimal)
    assert body["Header"]["MessageName"] == "InvoiceStatus_PaymentReceived"
    assert body["Body"] == {
        "InvoiceNumber": "I1",
        "CustomerNumber": "AP000000001",
        "InvoiceOriginalAmount": 10,
        "PaidAmount": Decimal("4.5"),
        "Currency": "EUR",
    }
    await shop.good("/orders/1001/refunds")  # what was paid is the customer's again


async def test_a_card_is_not_paid_like_an_invoice() -> None:
    shop = await open_shop()
    case = Case(shop.desk, Random(1), currency="EUR", several=True)
    await MAKES["bizon"](case, 1_000)
    ((_, number),) = shop.desk.store._orders
    capture = (await shop.good(f"/orders/{number}/captures"))["captureNumber"]
    assert await shop.refused(f"/orders/{number}/captures/{capture}/payments") == "400.000"


async def test_the_signature_is_over_the_instant_and_the_body() -> None:
    shop = await open_shop()
    order = await made(shop)
    first, again = await told(shop, order, "new", "old"), await told(shop, order, "new", later=60)
    assert first.body == again.body
    for callback, at in ((first, 1_768_478_400), (again, 1_768_478_460)):
        signed = hmac.new(b"new", b"%d." % at + callback.body, hashlib.sha256).hexdigest()
        assert callback.headers == (("Riverty-Signature", f"t={at},v1={signed}"),)
