"""Paying with a card that rests here: one commit, one authorization, for orders new or stored."""

from typing import Final

from msgspec.structs import replace

from counterfoil.core import rules
from counterfoil.core.card import Card, Cvv
from counterfoil.core.change import Change, KeyUse, change, taken
from counterfoil.core.errors import Code, Refused
from counterfoil.core.merchant import Merchant
from counterfoil.core.order import Kind, Operation, Order, Payment, Recurring
from counterfoil.core.ports import CardData
from counterfoil.core.record import Record
from counterfoil.core.rules import Command
from counterfoil.engine.ability import demand
from counterfoil.engine.perform import Done, Engine, Once

QUOTE: Final = '"'  # what no caller's key begins with


class Try(Record):
    """One try to authorize. `ticket` is what may be paid with once and is used up by an approval.

    `number` tells the tries of one occasion from those of another. `key` is the caller's, where a
    try before this one has used it. `fresh`: only a new order. `names` are taken with the order.
    """

    card: Card
    cvv: Cvv | None = None
    at_once: bool = False
    number: str | None = None
    key: str | None = None
    ticket: str | None = None
    until: int = 0
    fresh: bool = False
    names: tuple[str, ...] = ()


async def authorize(
    engine: Engine, merchant: Merchant, order: Order, attempt: Try, once: Once | None = None
) -> Done:
    """Authorize the order with a stored card; where no payment of it has that card, by a new one.

    Raises `Refused`: NO_STORED_CARD, CURRENCY_NOT_ENABLED, what the rules refuse, WRONG_STATE where
    it was to be new; `KeyTakenError` where the ticket or the caller's key is used.
    """
    if order.amount.currency not in merchant.currencies:
        raise Refused(Code.CURRENCY_NOT_ENABLED)
    sealed = await engine.store.card(merchant.id, attempt.card.id)
    if sealed is None:
        raise Refused(Code.NO_STORED_CARD)
    pan = engine.vault.open(merchant.id, sealed)
    data = CardData(pan=pan, card=attempt.card, cvv=attempt.cvv)
    terms = await engine.terms(merchant, order)
    ticket = await _ticket(engine, merchant, order, attempt)
    key = None
    if once is not None:
        used = engine.clock.now()
        key = KeyUse(key=once.key, fingerprint=once.fingerprint, order=order.id, used=used)

    def decide(order: Order) -> Change:
        if attempt.fresh and order.version:
            raise Refused(
                Code.WRONG_STATE, operation=Kind.AUTHORIZE, standing=rules.standing(order)
            )
        ready, payment = _ready(engine, merchant, order, attempt.card)
        command = Command(
            kind=Kind.AUTHORIZE,
            payment=payment.id,
            charge_next=attempt.at_once,
            number=attempt.number,
            key=once.key if once else attempt.key,
        )
        begun, born = rules.begin(ready, command, stamp=engine.ids.next(), terms=terms)
        demand(engine.acquirer(merchant, payment.terminal), begun, born)
        made = change(begun, born=(born,), key=key)
        refiled = order.version > 0
        names = tuple(taken(each, order) for each in attempt.names)
        return replace(made, token=ticket, refiled=refiled, names=names)

    made = await engine.commit(order, decide)
    assert made is not None
    return await engine.carry_out(merchant, made.order, made.born[0], data)


def _ready(engine: Engine, merchant: Merchant, order: Order, card: Card) -> tuple[Order, Payment]:
    """The order with a payment by that card, the latest there is or a new one."""
    left = rules.open_amount(order)
    for payment in reversed(order.payments):
        known = payment.card is not None and payment.card.id == card.id
        if known and payment.amount.minor <= left:
            return order, payment
    terminal = merchant.terminal(order.payments[0].terminal if order.payments else None)
    added = Payment(
        id=engine.ids.next(),
        amount=replace(order.amount, minor=left),
        terminal=terminal.name,
        descriptor=terminal.descriptor,
        card=card,
        recurring=Recurring(),
    )
    return replace(order, payments=(*order.payments, added)), added


async def _ticket(engine: Engine, merchant: Merchant, order: Order, attempt: Try) -> KeyUse | None:
    """The ticket's next use: one that was declined leaves it good for another.

    Each try takes a name of its own, so that of two at once one comes too late.
    """
    if attempt.ticket is None:
        return None
    tries = 0
    while True:
        key = f"{QUOTE}{attempt.ticket} {tries}"
        use = await engine.store.key_use(merchant.id, key)
        if use is None:
            return KeyUse(key=key, fingerprint=b"", order=order.id, used=attempt.until)
        if not _free_again(await engine.store.load(merchant.id, use.order)):
            raise Refused(Code.NO_STORED_CARD)
        tries += 1


def _free_again(order: Order) -> bool:
    """Whether the only thing that came of a ticket's use is that it was declined."""
    return all(_declined(each) for each in order.operations)


def _declined(operation: Operation) -> bool:
    return operation.decline is not None
