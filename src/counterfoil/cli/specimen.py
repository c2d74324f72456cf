"""Made-up orders, taken through the rules, so that an address can be told of one to try it."""

from collections.abc import Callable
from typing import Final

from msgspec.structs import replace

from counterfoil.core import rules
from counterfoil.core.answers import Approved, Declined
from counterfoil.core.card import Brand, Card
from counterfoil.core.change import rejected
from counterfoil.core.declines import Decline
from counterfoil.core.errors import Code
from counterfoil.core.events import Event, Notice
from counterfoil.core.merchant import Merchant, Pricing
from counterfoil.core.money import Money
from counterfoil.core.order import Kind, Order, Payment, instant_of
from counterfoil.core.pricing import Terms
from counterfoil.core.rules import Command

# The operations that lead to an event; its own is the last.
# fmt: off
PATHS: Final = {
    Event.ORDER_CREATED:      (),
    Event.ORDER_REJECTED:     (),
    Event.PAYMENT_PENDING:    (Kind.AUTHORIZE,),
    Event.PAYMENT_AUTHORIZED: (Kind.AUTHORIZE,),
    Event.PAYMENT_FAILED:     (Kind.AUTHORIZE,),
    Event.ORDER_CHARGED:      (Kind.AUTHORIZE, Kind.CHARGE),
    Event.CHARGE_FAILED:      (Kind.AUTHORIZE, Kind.CHARGE),
    Event.ORDER_REVERSED:     (Kind.AUTHORIZE, Kind.REVERSE),
    Event.REVERSE_FAILED:     (Kind.AUTHORIZE, Kind.REVERSE),
    Event.ORDER_REFUNDED:     (Kind.AUTHORIZE, Kind.CHARGE, Kind.REFUND),
    Event.REFUND_FAILED:      (Kind.AUTHORIZE, Kind.CHARGE, Kind.REFUND),
    Event.ORDER_CREDITED:     (Kind.CREDIT,),
    Event.CREDIT_FAILED:      (Kind.CREDIT,),
    Event.ORDER_DISPUTED:     (Kind.AUTHORIZE, Kind.CHARGE, Kind.DISPUTE),
    Event.ORDER_RECOVERED:    (Kind.AUTHORIZE, Kind.CHARGE, Kind.DISPUTE, Kind.RECOVER),
}
# fmt: on
DECLINED: Final = frozenset(
    {
        *(Event.PAYMENT_FAILED, Event.CHARGE_FAILED, Event.REVERSE_FAILED),
        *(Event.REFUND_FAILED, Event.CREDIT_FAILED),
    }
)  # fmt: skip
MINOR: Final = 1000
NO: Final = Declined(decline=Decline.DO_NOT_HONOR)


def specimen(merchant: Merchant, event: Event, stamp: Callable[[], int]) -> tuple[Order, Notice]:
    """An order to which just that has happened, and the notice of it; `stamp` gives ids."""
    amount = Money(minor=MINOR, currency=merchant.currency)
    number = stamp()
    card = Card(id=number, first6="411111", last4="1111", brand=Brand.VISA, month=12, year=2040)
    payment = Payment(id=stamp(), amount=amount, terminal=merchant.terminals[0].name, card=card)
    paid = (payment,) if PATHS[event] else ()
    order = Order(merchant=merchant.id, id=number, amount=amount, reference="test", payments=paid)
    terms, about = Terms(pricing=Pricing(), accounting=amount.currency), None
    for kind in PATHS[event]:
        order, born = rules.begin(order, Command(kind=kind), stamp=stamp(), terms=terms)
        about, last = born.id, kind is PATHS[event][-1]
        if event is not Event.PAYMENT_PENDING:
            yes = Approved(reference=born.id, amount=born.amount, auth_code="TEST00")
            answer = NO if last and event in DECLINED else yes
            finished = rules.finish(order, born.id, answer, stamp=instant_of(stamp()))
            assert finished is not None
            order = finished[0]
    now = instant_of(stamp())
    if event is Event.ORDER_REJECTED:
        order = rejected(order, Code.SESSION_EXPIRED, now)
    told = max(1, len(PATHS[event]))
    notice = Notice(order=number, sequence=told, event=event, at=now, operation=about)
    return replace(order, told=told), notice
