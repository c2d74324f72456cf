"""Webhooks: an order is accepted, its customer was asked, its customer has paid.

Source: specification, section 12. No call of this wire waits for them. The signature covers the
instant of the attempt, so it differs from one attempt to the next; the body does not.
"""

import hashlib
import hmac
from typing import Final
from uuid import NAMESPACE_URL, uuid5

from counterfoil.core import rules
from counterfoil.core.callbacks import Callback, Told
from counterfoil.core.errors import Code
from counterfoil.core.events import Event, Notice
from counterfoil.core.order import Order
from counterfoil.core.rules import Standing
from counterfoil.core.schedule import SECOND_US, Schedule
from counterfoil.dialects.afterpay import facts
from counterfoil.dialects.afterpay.render import (
    EXPIRED,
    STATUS,
    View,
    customer_number,
    encode,
    money,
    number_of,
    number_of_act,
    stamp,
)

MINUTE_S: Final = 60
VERSION: Final = "1.0"


class Webhook:
    """The wire's form of a callback."""

    schedule = Schedule(pauses_s=tuple(each * MINUTE_S for each in (1, 5, 15, 60, 360, 720)))
    events = frozenset({Event.PAYMENT_AUTHORIZED, Event.ORDER_REJECTED, Event.INVOICE_PAID})

    def callback(self, told: Told) -> Callback:
        """`{"Header": ..., "Body": ...}`, signed with the newest secret in force."""
        name, body = content(told)
        country = told.order.client.country if told.order.client else None
        header = {
            "TransmittedTimestamp": stamp(told.notice.at),
            "ClientId": told.merchant.id,
            "MessageName": name,
            "Version": VERSION,
            "MessageId": str(uuid5(NAMESPACE_URL, f"counterfoil:{told.id}")),
            "ShopId": told.endpoint.login or told.merchant.name,
            "CountryCode": country or "",
        }
        sent = encode({"Header": header, "Body": body})
        return Callback(body=sent, headers=signature(told, sent))


def content(told: Told) -> tuple[str, View]:
    """The message's name and its body."""
    order = told.order
    if told.notice.event is Event.INVOICE_PAID:
        return "InvoiceStatus_PaymentReceived", received(order, told.notice)
    number: View = {"OrderNumber": number_of(order)}
    if not waited(order):
        reference = facts.of_order(order).references.get("parentTransactionReference", "")
        more = {"AdditionalPaymentInfo": "", "ParentTransactionReference": reference}
        return "AuthorizeAccepted", {**number, **more}
    ended = {None: STATUS[Standing.AUTHORIZED], Code.SESSION_EXPIRED: EXPIRED}
    status = ended.get(order.closed, STATUS[Standing.REVERSED])
    return "CustomerAuthenticationCompleted", {**number, "Status": status}


def received(order: Order, notice: Notice) -> View:
    """What a customer paid of an invoice."""
    paid = next(each for each in facts.of_order(order).paid if each.at == notice.at)
    _, charge = rules.find(order, paid.capture)
    return {
        "InvoiceNumber": number_of_act(charge),
        "CustomerNumber": customer_number(order) or "",
        "InvoiceOriginalAmount": money(order, charge.amount.minor),
        "PaidAmount": money(order, paid.minor),
        "Currency": order.amount.currency,
    }


def waited(order: Order) -> bool:
    """Whether its customer had to be asked, or nothing was ever authorized."""
    return order.closed is not None or any(
        payment.method is not None and payment.secure3d is not None for payment in order.payments
    )


def signature(told: Told, body: bytes) -> tuple[tuple[str, str], ...]:
    """`t=<unix seconds>,v1=<HMAC-SHA256 of t, a full stop and the body>`."""
    if not told.secrets:
        return ()
    at = told.now // SECOND_US
    made = hmac.new(told.secrets[0].reveal().encode(), f"{at}.".encode() + body, hashlib.sha256)
    return (("Riverty-Signature", f"t={at},v1={made.hexdigest()}"),)
