"""POST /order: an order is made, and paid with a card or by an account."""

from hashlib import sha256

from msgspec.structs import replace

from counterfoil.core.accounts import Account
from counterfoil.core.callbacks import Endpoint, origin
from counterfoil.core.card import Secret
from counterfoil.core.declines import Decline
from counterfoil.core.errors import Code, Refused
from counterfoil.core.order import Recurring
from counterfoil.dialects.payfunc import methods, naming, verifying
from counterfoil.dialects.payfunc.auth import ACCOUNT, WIRE
from counterfoil.dialects.payfunc.call import Call
from counterfoil.dialects.payfunc.errors import (
    declined,
    malformed,
    not_authorized,
    unanswered,
    unusable,
)
from counterfoil.dialects.payfunc.kept import by
from counterfoil.dialects.payfunc.render import hidden, paid
from counterfoil.dialects.payfunc.schema import Asked
from counterfoil.engine import stored
from counterfoil.engine.perform import Done, KeyTakenError
from counterfoil.engine.stored import Try


async def pay(call: Call, asked: Asked) -> Done:
    """The order, made; raises `Failure` or `Refused` where it is not."""
    if asked.draft.callback is not None:
        await listening(call, asked.draft.callback)
    if asked.paid.card is not None:
        return await by_card(call, asked, asked.paid.card)
    account = await payer(call, asked)
    if account.off:
        raise malformed("payment.account", "authly.Identifier", "The account is inactive.")
    return await by_account(call, asked, account)


async def by_account(call: Call, asked: Asked, account: Account) -> Done:
    """An order that the account pays, now or later; raises `Refused`."""
    merchant, draft = call.caller.merchant, asked.draft
    if "id" in methods.facts(account):
        draft = replace(draft, facts=by(draft.facts, methods.named(account)))
    try:
        draft = replace(draft, names=await taking(call, asked))
        waits_us = asked.paid.waits_us
        return await call.desk.accounts.pay(merchant, draft, account, waits_us, call.once())
    except Refused as refusal:  # perhaps by this very request, which has come twice
        done = await call.earlier() if refusal.code is Code.NAME_TAKEN else None
        if done is None:
            raise
        return done


async def by_card(call: Call, asked: Asked, token: str) -> Done:
    """An order on a card token: there is none unless it was authorized, or declined."""
    merchant, orders = call.caller.merchant, call.desk.gateway.orders
    card = await call.desk.cards.found(merchant.id, token, private=call.caller.private)
    if card.wrong:
        raise declined(Decline.INVALID_CARD_NUMBER)
    waiting = await verifying.waiting(call, asked, card)
    if waiting is not None:
        return await verifying.resumed(call, asked, card, waiting)
    by_itself = card.ticket is None  # the merchant's own initiative: nobody is there to be asked
    draft = replace(asked.draft, recurring=Recurring()) if by_itself else asked.draft
    order, once = orders.order(merchant, draft, card.card), call.once()

    async def act() -> Done:
        if merchant.secure3d and not by_itself:
            return await verifying.begin(call, asked, card, order, once)
        attempt = Try(
            card=card.card,
            cvv=card.cvv,
            at_once=asked.draft.auto_charge,
            ticket=card.ticket,
            until=card.until,
            fresh=True,
            names=await taking(call, asked),
        )
        return await stored.authorize(orders.engine, merchant, order, attempt, once)

    try:
        done = await orders.once(merchant, once, act)
    except KeyTakenError:
        raise unusable() from None
    if paid(done.order):
        call.desk.cards.spent(merchant.id, card)
    if hidden(done.order):
        own = orders.order(merchant, asked.draft, card.card)
        return await verifying.begin(call, asked, card, own)
    return done


async def taking(call: Call, asked: Asked) -> tuple[str, ...]:
    """What an order of the client's own id takes; raises `Refused`."""
    return await naming.names(call.desk.gateway.orders.engine, call.merchant, asked.id)


async def payer(call: Call, asked: Asked) -> Account:
    """The account that is to pay; raises `Failure`.

    By its id a merchant's server may charge any, an account's own key that one. With the token of a
    method whoever has it may: the token is good for nothing else.
    """
    caller, paid = call.caller, asked.paid
    if paid.token is not None:
        return await methods.payer(call, paid.token)
    number = paid.account
    if number is None and ACCOUNT in caller.audience:
        number = caller.account
    if not caller.private and (number is None or number != caller.account):
        raise not_authorized()
    account = None if number is None else await call.desk.accounts.find(call.merchant, number)
    if account is None:
        raise malformed("payment.account", "authly.Identifier", "There is no such account.")
    return account


def checked(done: Done) -> Done:
    """The order, where it was made as far as a caller is concerned; raises `Failure` if not."""
    if done.order.retries is not None or paid(done.order):
        return done
    for each in done.order.operations:
        if each.decline is not None:
            raise declined(each.decline)
    raise unanswered()


async def listening(call: Call, callback: str) -> None:
    """Have the order's own address told: one endpoint for all addresses of its host."""
    gateway, url = call.desk.gateway, origin(callback)
    engine = gateway.orders.engine
    number = int.from_bytes(sha256(url.encode()).digest()[:8]) >> 1
    known = [] if engine.audience is None else await engine.audience.of(call.merchant)
    if engine.audience is None or any(each.id == number for each in known):
        return
    now, key = gateway.clock.now(), (await call.desk.signing.key()).pem
    sealed = engine.vault.seal_secret((call.merchant, number), Secret(key), now)
    await gateway.store.save_endpoint(
        Endpoint(
            merchant=call.merchant,
            id=number,
            wire=WIRE,
            url=url,
            created=now,
            secrets=(sealed,),
            named=True,
        )
    )
    engine.audience.forget(call.merchant)
