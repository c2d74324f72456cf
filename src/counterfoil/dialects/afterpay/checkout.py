"""New orders: the methods on offer, and the authorization with its risk answer."""

from typing import Final

from msgspec.structs import replace

from counterfoil.core.declines import Decline
from counterfoil.core.errors import Refused
from counterfoil.core.merchant import Merchant
from counterfoil.core.money import Money
from counterfoil.core.order import Operation, Order, Outcome
from counterfoil.core.rules import Plan
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
from counterfoil.dialects.afterpay.facts import OrderFacts, Summary
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


async def offers(call: Call) -> View:
    """The methods on offer for an order: an invoice, plain.

    An order that is told in full, with its number and customer, is kept: it can be authorized by
    the checkout's id alone.
    """
    reader = call.reader()
    order = None if reader is None else reader.inner("order")
    if reader is None or order is None:
        raise invalid(REQUIRED, "order is required", "order")
    asked = schema.summary(order)
    order.choice("country", schema.COUNTRIES)
    reader.choice("country", schema.COUNTRIES)
    reader.choice("conversationLanguage", schema.LANGUAGES)
    known = {name: described(reader, name) for name in ("customer", "deliveryCustomer")}
    number = None if order.value("number") is None else schema.order_number(order)
    reader.finish()
    amount = Money(minor=0, currency=currency_of(asked, call.merchant))
    summary = asked.summary(amount.currency)
    whole = OrderFacts(
        number=number,
        summary=summary,
        customer=known["customer"] or {},
        delivery=known["deliveryCustomer"],
    )
    told = number is not None and bool(whole.customer) and bool(summary.items)
    place = await keep(call, whole, replace(amount, minor=summary.gross), told=told)
    return present(
        {
            "checkoutId": uuid("checkout", call.merchant.id, place),
            "outcome": OUTCOMES[Outcome.APPROVED],
            "paymentMethods": [INVOICE],
            "riskCheckMessages": [],
            **{name: customer_view(each) for name, each in known.items()},
        }
    )


async def keep(call: Call, whole: OrderFacts, amount: Money, *, told: bool) -> int:
    """The number of a checkout; one that is told in full is an order that nobody has paid yet."""
    once, orders = call.once(), call.gateway.orders
    order = Order(
        merchant=call.merchant.id,
        id=orders.engine.ids.next(),
        amount=amount,
        facts=facts.written(whole),
    )
    if not told:
        return int.from_bytes(once.fingerprint[:7]) if once else order.id
    name = f"{numbers.CHECKOUT}/{uuid('checkout', order.merchant, order.id)}"

    async def act() -> Done:
        made, _ = await orders.engine.begin_all(
            call.merchant, order, lambda now: Plan(order=now, names=(name,)), once=once
        )
        return Done(order=made)

    return (await orders.once(call.merchant, once, act)).order.id


def described(reader: Reader, name: str, *, whole: bool = False) -> dict[str, object] | None:
    """A customer of that name in a request, or None; `whole`: with all that its country demands."""
    inner = reader.inner(name)
    found = None if inner is None else schema.customer(inner)
    if whole and inner is not None and found is not None:
        schema.demand(inner, found)
    return found


async def authorize(call: Call) -> Done:
    """A new order and the answer of its risk check; raises `Failure`."""
    reader = call.reader()
    if reader is None:
        raise invalid(MALFORMED, "The body is required", "request")
    number, summary, currency, kept = await asked_for(call, reader)
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


async def asked_for(call: Call, reader: Reader) -> tuple[str, Summary, str, OrderFacts]:
    """The order's number, what it is for, its currency and the rest; perhaps from a checkout."""
    named = reader.text("checkoutId")
    if named is None or reader.value("order") is not None:
        whole = "afterpay.customer_fields" in call.merchant.settings
        number, asked, kept = read(reader, whole=whole)
        currency = currency_of(asked, call.merchant)
        return number, asked.summary(currency), currency, kept
    payment = reader.inner("payment")
    reader.required("payment")
    paid = {} if payment is None else schema.payment(payment)
    references, merchant = schema.references(reader), call.merchant.id
    name = f"{numbers.CHECKOUT}/{named.lower()}"
    holder = await call.gateway.orders.engine.named(merchant, name)
    if holder is None:
        reader.fault(FORMAT, "checkoutId", "is not one whose order was told in full")
    reader.finish()
    assert holder is not None
    order = await call.gateway.store.load(merchant, holder)
    known = facts.of_order(order)
    assert known.number is not None
    assert known.summary is not None
    kept = replace(known, payment=paid, references=references, checkout=named.lower())
    return known.number, known.summary, order.amount.currency, kept


def read(reader: Reader, *, whole: bool) -> tuple[str, Asked, OrderFacts]:
    """The order's number, what it is for and who buys it; raises `Failure` with all faults."""
    payment, order = reader.inner("payment"), reader.inner("order")
    for name in ("payment", "customer", "order"):
        reader.required(name)
    paid = {} if payment is None else schema.payment(payment)
    customer = described(reader, "customer", whole=whole)
    delivery = described(reader, "deliveryCustomer")
    number, asked = None, Asked(path="order.")
    if order is not None:
        number, asked = schema.order_number(order), schema.summary(order)
        if not asked.items:
            order.required("items")
    kept = OrderFacts(
        customer=customer or {},
        delivery=delivery,
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
            "checkoutId": checkout_of(order),
            "expirationDate": expiration_date(order, call.merchant),
            "riskCheckMessages": messages,
            "secureLoginUrl": url(call, order) if login else None,
        }
    )


def checkout_of(order: Order) -> str:
    """The UUID of the checkout that the order was made in."""
    return facts.of_order(order).checkout or uuid("checkout", order.merchant, order.id)


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
            "checkoutId": checkout_of(order),
            "expirationDate": expiration_date(order, call.merchant),
        }
    )
