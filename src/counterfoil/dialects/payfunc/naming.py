"""Orders by their ids: our own, which say their numbers, and those that clients have chosen.

A chosen id is a name of the merchant's with the number of the try. It stands for the order that was
made. What was declined, or was given up while its cardholder was asked, leaves it to the next try.
"""

from typing import Final

from counterfoil.core.errors import Code, Refused
from counterfoil.core.order import Order
from counterfoil.dialects.payfunc.identifiers import number
from counterfoil.dialects.payfunc.kept import ours
from counterfoil.dialects.payfunc.render import hidden, named
from counterfoil.engine import awaiting
from counterfoil.engine.perform import Engine

NAME: Final = "payfunc.order/{}/{}"
TRIES_MAX: Final = 50  # of one id; each is looked at by the next


async def find(engine: Engine, merchant: int, text: str) -> Order | None:
    """The order that is shown by that id; nobody is shown one that only waits or waited."""
    order = await _own(engine, merchant, text)
    if order is not None and not hidden(order):
        return order
    for tried in range(TRIES_MAX):
        holder = await engine.named(merchant, NAME.format(text, tried))
        if holder is None:
            break
        order = await engine.store.load(merchant, holder)
        if named(order) == text:
            return order
    return None


async def names(engine: Engine, merchant: int, chosen: str | None) -> tuple[str, ...]:
    """The name that a new order of a chosen id takes; raises `Refused(NAME_TAKEN)`.

    An order of this wire that waits for its cardholder under that id is given up.
    """
    if chosen is None:
        return ()
    order = await _own(engine, merchant, chosen)
    if order is not None and not (ours(order) and hidden(await _given_up(engine, order))):
        raise Refused(Code.NAME_TAKEN, name=chosen)
    for tried in range(TRIES_MAX):
        name = NAME.format(chosen, tried)
        holder = await engine.named(merchant, name)
        if holder is None:
            return (name,)
        order = await engine.store.load(merchant, holder)
        if named(await _given_up(engine, order)) == chosen:
            break
    raise Refused(Code.NAME_TAKEN, name=chosen)


async def _own(engine: Engine, merchant: int, text: str) -> Order | None:
    """The order whose number the id says."""
    known = number(text)
    if known is None:
        return None
    try:
        return await engine.store.load(merchant, known)
    except Refused as refusal:
        if refusal.code is not Code.ORDER_NOT_FOUND:
            raise
    return None


async def _given_up(engine: Engine, order: Order) -> Order:
    return await awaiting.expire(engine, order.merchant, order.id, early=True)
