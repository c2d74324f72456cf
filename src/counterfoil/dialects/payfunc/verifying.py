"""Verification required: a card whose issuer wants to know who is there (3-D Secure 1).

The issuer's decline for want of it starts the authentication, on an order of its own which nobody
is shown until it is paid. The error names that order's id, and the repeated request brings the
issuer's answer, by itself or with the card.
"""

from typing import Final

from counterfoil.core.declines import Decline
from counterfoil.core.errors import Code, Refused
from counterfoil.core.order import Order
from counterfoil.core.ports import CardData
from counterfoil.core.threeds import Demand
from counterfoil.dialects.payfunc.call import Call
from counterfoil.dialects.payfunc.cards import Found
from counterfoil.dialects.payfunc.errors import Failure, malformed
from counterfoil.dialects.payfunc.identifiers import identifier
from counterfoil.dialects.payfunc.schema import Asked
from counterfoil.engine import authenticate
from counterfoil.engine.authenticate import PayerAnswer, Start
from counterfoil.engine.awaiting import form_of
from counterfoil.engine.perform import Done

REASON: Final = "required"


async def begin(call: Call, asked: Asked, card: Found, token: str) -> Done:
    """The order, where its holder need not be asked after all; raises `Failure` where he must."""
    merchant, gateway = call.caller.merchant, call.desk.gateway
    engine = gateway.orders.engine
    sealed = await gateway.store.card(merchant.id, card.card.id)
    if sealed is None:
        raise Refused(Code.NO_STORED_CARD)
    pan = engine.vault.open(merchant.id, sealed)
    order = gateway.orders.order(merchant, asked.draft, card.card)
    base = gateway.base or call.exchange.base
    start = Start(
        demand=Demand(reason=REASON, base=base),
        data=CardData(pan=pan, card=card.card, cvv=card.cvv),
        at_once=asked.draft.auto_charge,
    )
    done = await authenticate.begin(engine, merchant, order, start)
    form = form_of(done.order)
    if done.operation is not None or form is None:
        return done
    await call.desk.cards.wait(merchant.id, token, done.order.id)
    pareq = dict(form.fields).get("PaReq", "")
    raise required(done.order, form.url, pareq)


async def complete(call: Call, asked: Asked, order: int, proof: str, token: str) -> Done:
    """The order that waited, authorized; raises `Failure` or `Refused` where it is not."""
    merchant, gateway = call.caller.merchant, call.desk.gateway
    waiting = await gateway.store.load(merchant.id, order)
    if waiting.amount != asked.draft.amount:
        raise malformed("items", "number", "Not what the verification was for.")
    done = await authenticate.complete(
        gateway.orders.engine, merchant, order, PayerAnswer(text=proof)
    )
    if done.operation is None:
        raise Refused(Code.AUTHENTICATION_FAILED)
    await call.desk.cards.use(merchant.id, token)
    return done


def required(order: Order, url: str, pareq: str) -> Failure:
    """Verification required; clients branch on its words."""
    content = {
        "property": "payment.card",
        "type": "Card.Token",
        "description": "verification required",
        "details": {"visible": True, "method": "POST", "url": url, "data": {"pareq": pareq}},
    }
    more = {"content": content, "id": identifier(order.id), "error": "verification required"}
    return Failure(400, "malformed content", more)


def hidden(order: Order) -> bool:
    """Whether nobody is shown it: it waited for a cardholder, or was declined for want of that."""
    declines = [each.decline for each in order.operations]
    if not declines:
        return bool(order.payments) and order.payments[-1].authentication is not None
    return set(declines) == {Decline.AUTHENTICATION_REQUIRED} and order.retries is None
