"""Verification required: a card whose issuer wants to know who is there (3-D Secure 1 and 2).

The issuer's decline for want of it, or the merchant's rule, starts the authentication, on an order
of its own which nobody is shown until it is paid. The error names that order's id, and the repeated
request brings what the bank has said, by itself or with the card; as often as there is more to ask.
Version 2 where the payment describes the customer's browser, else version 1.
"""

from contextlib import suppress
from typing import Final
from urllib.parse import quote

from counterfoil.core.declines import Decline
from counterfoil.core.errors import Code, Refused
from counterfoil.core.order import Order
from counterfoil.core.ports import CardData
from counterfoil.core.threeds import Authentication, Demand, Step
from counterfoil.dialects.payfunc.browsers import described, origin
from counterfoil.dialects.payfunc.call import Call
from counterfoil.dialects.payfunc.cards import Found
from counterfoil.dialects.payfunc.errors import Failure, declined, malformed, not_enrolled
from counterfoil.dialects.payfunc.identifiers import handle, number
from counterfoil.dialects.payfunc.naming import names
from counterfoil.dialects.payfunc.proofs import CHALLENGE, METHOD, PARES, TRANSACTION, Proof
from counterfoil.dialects.payfunc.render import chosen
from counterfoil.dialects.payfunc.schema import Asked
from counterfoil.engine import authenticate, awaiting, session
from counterfoil.engine.authenticate import Answer, ChallengeAnswer, PayerAnswer, Start
from counterfoil.engine.awaiting import form_of
from counterfoil.engine.perform import Done, Once

REASON, RULE = "required", "settings"
WINDOW: Final = "01"  # 250 by 400, the smallest: a shop may give the frame more room


async def begin(
    call: Call, asked: Asked, card: Found, order: Order, once: Once | None = None
) -> Done:
    """The order, where its holder need not be asked after all; raises `Failure` where he must."""
    merchant, gateway = call.caller.merchant, call.desk.gateway
    engine, terminal = gateway.orders.engine, order.payments[-1].terminal
    if merchant.terminal(terminal).connector not in engine.authenticators:
        raise declined(Decline.AUTHENTICATION_REQUIRED)
    sealed = await gateway.store.card(merchant.id, card.card.id)
    if sealed is None:
        raise Refused(Code.NO_STORED_CARD)
    pan = engine.vault.open(merchant.id, sealed)
    start = Start(
        demand=demand(call, asked, card),
        data=CardData(pan=pan, card=card.card, cvv=card.cvv),
        once=once,
        at_once=asked.draft.auto_charge,
        names=await names(engine, merchant.id, asked.id),
    )
    done = await authenticate.begin(engine, merchant, order, start)
    if form_of(done.order) is None:
        return await settled(call, card, done)
    await call.desk.cards.wait(merchant.id, card, done.order.id)
    raise required(done.order)


def demand(call: Call, asked: Asked, card: Found) -> Demand:
    """What the engine is asked for; the address is where the bank sends the frame of version 2."""
    assert card.place is not None
    base, given = call.desk.gateway.base or call.exchange.base, asked.paid.browser
    reason = RULE if call.caller.merchant.secure3d else REASON
    if given is None:
        return Demand(reason=reason, base=base)
    location, parent = asked.draft.location, origin(given.get("parent"))
    mode = "show" if parent is None else f"iframe&parent={quote(parent, safe='')}"
    merchant = quote(str(call.caller.claims["sub"]), safe="")
    where = f"{base}/card/{handle(card.place)}/verification"
    return Demand(
        reason=reason,
        base=base,
        browser=described(call, given, location.ip if location else None),
        notify_url=f"{where}?merchant={merchant}&mode={mode}",
    )


async def waiting(call: Call, asked: Asked, card: Found) -> Order | None:
    """The order that this request goes on with; None: it begins anew. Raises `Failure`."""
    if card.waits is None:
        return None
    engine = call.desk.gateway.orders.engine
    order = await awaiting.expire(engine, call.merchant, card.waits)
    brought = asked.paid.proof is not None or card.brought is not None
    if not brought and form_of(order) is None and not order.payments[-1].log:
        return None
    same = (order.amount, order.lines) == (asked.draft.amount, asked.draft.lines)
    if same and (asked.id in {None, chosen(order)} or number(asked.id) == order.id):
        return order
    if not brought:
        return None
    if same:
        raise malformed("id", "authly.Identifier", "Not the identifier that was given out.")
    raise malformed("items", "number", "Not what the verification was for.")


async def resumed(call: Call, asked: Asked, card: Found, order: Order) -> Done:
    """The order that waited, authorized, once for a key; raises `Failure` or `Refused`."""
    once = call.once()

    async def act() -> Done:
        return await go_on(call, asked, card, order, once)

    done = await call.desk.gateway.orders.once(call.caller.merchant, once, act)
    if done.order.id != order.id or form_of(done.order) is not None:
        # It is the key of the request that had the order wait: that is answered as it was.
        return await go_on(call, asked, card, order)
    if done.order.closed is not None:
        raise Refused(done.order.closed)
    return done


async def go_on(
    call: Call, asked: Asked, card: Found, order: Order, once: Once | None = None
) -> Done:
    """The order that waited, authorized; raises `Failure`, also where more is asked, or `Refused`.

    What does not prove anything leaves it waiting.
    """
    merchant, engine = call.caller.merchant, call.desk.gateway.orders.engine
    proof, known = asked.paid.proof or card.brought, authentication(order)
    if proof is not None and proof.kind == METHOD and known.step is Step.METHOD:
        await seen(call, order, proof)
        with suppress(Refused):  # somebody was quicker, or it is too late: as is found below
            await authenticate.resume(engine, merchant, order.id)
        order = await call.desk.gateway.store.load(merchant.id, order.id)
        known = authentication(order)
    if form_of(order) is None:
        return await settled(call, card, Done(order=order))
    if proof is None or (proof.kind == METHOD and known.result is None):
        raise required(order)
    answered = answer(proof, known)
    done = await authenticate.complete(engine, merchant, order.id, answered, once)
    return await settled(call, card, done)


async def settled(call: Call, card: Found, done: Done) -> Done:
    """What was done, where it came to an authorization; raises `Failure` or `Refused` if not.

    An approval uses the card's token up, and so does doubt; after a decline it is good again.
    """
    log = done.order.payments[-1].log
    if log and log[0].decline is None:
        await call.desk.cards.spend(call.merchant, card)
        return done
    await call.desk.cards.wait(call.merchant, card, None)
    if log:
        return done
    result = authentication(done.order).result
    if result is not None and result.status is None:
        raise not_enrolled()
    raise Refused(done.order.closed or Code.AUTHENTICATION_FAILED)


async def seen(call: Call, order: Order, proof: Proof) -> None:
    """The issuer's method page has seen the browser; raises `Refused` for another transaction."""
    if proof.transaction != authentication(order).transaction:
        raise Refused(Code.BAD_CHALLENGE_ANSWER)
    engine = call.desk.gateway.orders.engine
    place = session.Place(order.merchant, order.id)
    token = session.token(engine.vault, awaiting.PURPOSE, place)
    await awaiting.seen(engine, token)


def answer(proof: Proof, known: Authentication) -> Answer:
    """What was brought, as the engine takes it; raises `Refused` where it is of another version."""
    if (proof.kind == PARES) is not known.version.first:
        raise Refused(Code.BAD_PAYER_ANSWER)
    if proof.kind == PARES:
        return PayerAnswer(text=proof.text or "")
    if proof.kind == CHALLENGE and proof.transaction not in {None, known.transaction}:
        raise Refused(Code.BAD_CHALLENGE_ANSWER)
    return ChallengeAnswer(text=proof.text)


def authentication(order: Order) -> Authentication:
    """The authentication of an order that waits, or has waited."""
    known = order.payments[-1].authentication
    assert known is not None
    return known


def required(order: Order) -> Failure:
    """Verification required; clients branch on its words."""
    form, known = form_of(order), authentication(order)
    assert form is not None
    data = {"type": METHOD, TRANSACTION: known.transaction, "messageVersion": known.version.value}
    if known.version.first:
        data = {"pareq": dict(form.fields)["PaReq"]}
    elif known.acs is not None:
        more = {"acsTransID": known.acs, "messageType": "CReq", "challengeWindowSize": WINDOW}
        data |= {"type": CHALLENGE, **more}
    details = {"visible": known.step is not Step.METHOD, "method": "POST", "url": form.url}
    content = {
        "property": "payment.card",
        "type": "Card.Token",
        "description": "verification required",
        "details": {**details, "data": data},
    }
    more_ = {"content": content, "id": chosen(order), "error": "verification required"}
    return Failure(400, "malformed content", more_)
