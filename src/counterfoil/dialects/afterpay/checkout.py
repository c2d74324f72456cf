"""New orders: the methods on offer, and the authorization with its risk answer."""

from typing import Final

from msgspec.structs import replace

from counterfoil.core.declines import Decline
from counterfoil.core.errors import Refused
from counterfoil.core.merchant import Merchant
from counterfoil.core.money import Money
from counterfoil.core.order import Operation, Outcome
from counterfoil.dialects.afterpay import facts, numbers, schema
from counterfoil.dialects.afterpay.call import Call
from counterfoil.dialects.afterpay.errors import (
    FORMAT,
    MALFORMED,
    NUMBER_USED,
    REQUIRED,
    declined,
    invalid,
    risk,
)
from counterfoil.dialects.afterpay.facts import OrderFacts
from counterfoil.dialects.afterpay.login import url
from counterfoil.dialects.afterpay.reading import Reader
from counterfoil.dialects.afterpay.render import (
    OUTCOMES,
    PENDING,
    View,
    customer_view,
    expiration_date,
    present,
    reservation,
    uuid,
)
from counterfoil.dialects.afterpay.schema import CURRENCIES, Asked
from counterfoil.engine.orders import Draft
from counterfoil.engine.perform import Done

DEFAULT: Final = "EUR"
METHOD: Final = "invoice"
# Exactly one plain invoice is what shops look for; its terms are for the merchant's own page.
INVOICE: Final = {
    "type": "Invoice",
    "title": "Invoice",
    "tag": "Pay when you have received your order",
    "legalInfo": {"requiresCustomerConsent": False, "text": ""},
}


def currency_of(asked: Asked, merchant: Merchant) -> str:
    """The order's currency, or the merchant's own; raises `Failure` where it is not enabled."""
    own = [each for each in (merchant.currency, *merchant.currencies) if each in CURRENCIES]
    found = asked.currency or (own[0] if own else DEFAULT)
    if found not in merchant.currencies:
        raise invalid(FORMAT, "The currency is not enabled", "order.currency")
    return found


def offers(call: Call) -> View:
    """The methods on offer for an order: an invoice, plain."""
    reader = call.reader()
    order = None if reader is None else reader.inner("order")
    if reader is None or order is None:
        raise invalid(REQUIRED, "order is required", "order")
    asked = schema.summary(order)
    order.choice("country", schema.COUNTRIES)
    reader.choice("country", schema.COUNTRIES)
    reader.choice("conversationLanguage", schema.LANGUAGES)
    known = {name: described(reader, name) for name in ("customer", "deliveryCustomer")}
    reader.finish()
    asked.summary(currency_of(asked, call.merchant))
    once, engine = call.once(), call.gateway.orders.engine
    number = int.from_bytes(once.fingerprint[:7]) if once else engine.ids.next()
    return present(
        {
            "checkoutId": uuid("checkout", call.merchant.id, number),
            "outcome": OUTCOMES[Outcome.APPROVED],
            "paymentMethods": [INVOICE],
            "riskCheckMessages": [],
            **{name: customer_view(each) for name, each in known.items()},
        }
    )


def described(reader: Reader, name: str) -> dict[str, object] | None:
    """A customer of that name in a request, or None."""
    inner = reader.inner(name)
    return None if inner is None else schema.customer(inner)


async def authorize(call: Call) -> Done:
    """A new order and the answer of its risk check; raises `Failure`."""
    reader = call.reader()
    if reader is None:
        raise invalid(MALFORMED, "The body is required", "request")
    number, asked, kept = read(reader)
    currency = currency_of(asked, call.merchant)
    summary = asked.summary(currency)
    name = await call.free_name(numbers.ORDER, number)
    for _ in range(numbers.TRIES_MAX):
        names, customer = [name], dict(kept.customer)
        if "customerNumber" not in customer:
            (count,) = await call.numbers.next(call.merchant.id, numbers.CUSTOMER)
            names.append(f"{numbers.CUSTOMER}/{count}")
            customer["customerNumber"] = f"AP{count:09}"
        whole = replace(kept, number=number, summary=summary, customer=customer)
        draft = Draft(
            amount=Money(minor=summary.gross, currency=currency),
            reference=number,
            client=schema.client(customer),
            facts=facts.written(whole),
            method=METHOD,
            names=tuple(names),
        )
        try:
            return await call.gateway.orders.invoice(call.merchant, draft, call.once())
        except Refused as refusal:
            call.again(refusal, name)
    raise invalid(NUMBER_USED, "The number cannot be used now", "order.number")


def read(reader: Reader) -> tuple[str, Asked, OrderFacts]:
    """The order's number, what it is for and who buys it; raises `Failure` with all faults."""
    payment, order = reader.inner("payment"), reader.inner("order")
    for name in ("payment", "customer", "order"):
        reader.required(name)
    paid = {} if payment is None else schema.payment(payment)
    known = {name: described(reader, name) for name in ("customer", "deliveryCustomer")}
    number, asked = None, Asked(path="order.")
    if order is not None:
        number, asked = schema.order_number(order), schema.summary(order)
        if not asked.items:
            order.required("items")
    kept = OrderFacts(
        customer=known["customer"] or {},
        delivery=known["deliveryCustomer"],
        payment=paid,
        references=schema.references(reader),
    )
    reader.finish()
    assert number is not None
    return number, asked, kept


def answer(made: Done, call: Call) -> View:
    """What the risk check said: 200 whatever it was."""
    order = made.order
    operation = order.operations[0]  # a charge may have followed at once
    outcome, messages = judged(operation)
    known = facts.of_order(order)
    there = outcome in {OUTCOMES[Outcome.APPROVED], PENDING}
    login = operation.decline is Decline.AUTHENTICATION_REQUIRED
    return present(
        {
            "outcome": outcome,
            "customer": customer_view(known.customer),
            "deliveryCustomer": customer_view(known.delivery),
            "reservationId": reservation(order) if there else None,
            "checkoutId": uuid("checkout", order.merchant, order.id),
            "expirationDate": expiration_date(order, call.merchant),
            "riskCheckMessages": messages,
            "secureLoginUrl": url(call, order) if login else None,
        }
    )


def judged(operation: Operation) -> tuple[str, list[object]]:
    """The outcome of an authorization, and what the risk check has against it."""
    if operation.decline is Decline.AUTHENTICATION_REQUIRED:
        return PENDING, []
    if operation.decline is None:
        return OUTCOMES[operation.outcome], []
    return OUTCOMES[operation.outcome], [risk(operation.decline)]


def updated(made: Done, call: Call) -> View:
    """What an update answers; where the risk check of a higher total says no, nothing changed."""
    order, outcome = made.order, OUTCOMES[Outcome.APPROVED]
    for operation in made.operations:
        if operation.decline is not None and operation.kind != "authorize":
            raise declined(operation)
        outcome = OUTCOMES[operation.outcome]
    return present(
        {
            "outcome": outcome,
            "reservationId": reservation(order),
            "checkoutId": uuid("checkout", order.merchant, order.id),
            "expirationDate": expiration_date(order, call.merchant),
        }
    )
