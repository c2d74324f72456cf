"""Accounts over the wire: made, shown, changed, given cards and keys.

What the gateway needs of an account is in the engine; everything else that this wire says of one is
kept with it as text. A method's token names account and card, and is good for orders of both.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

import msgspec
from msgspec.structs import replace

from counterfoil.core.accounts import Account, Instrument, standing
from counterfoil.core.declines import Decline
from counterfoil.core.minor import payable
from counterfoil.dialects.payfunc import auth
from counterfoil.dialects.payfunc.call import Call, Kind
from counterfoil.dialects.payfunc.errors import (
    ACCOUNT,
    CONTACT,
    METHOD,
    bad_argument,
    declined,
    encode,
    invalid,
    malformed,
    not_authorized,
    not_found,
    unusable,
)
from counterfoil.dialects.payfunc.identifiers import LONG, formed, identifier, number
from counterfoil.dialects.payfunc.identifiers import account as numbered
from counterfoil.dialects.payfunc.items import plain
from counterfoil.dialects.payfunc.reading import Reader
from counterfoil.dialects.payfunc.render import Object, card, stamp

AN_ACCOUNT: Final = Kind(ACCOUNT, "A valid account to be created.")
A_METHOD: Final = Kind(METHOD, "A valid method to be created.")
A_CONTACT: Final = Kind(CONTACT, "A contact.")
TYPE: Final = "method"
CURRENCY: Final = "SEK"
RHYTHM: Final = "monthly"
RHYTHMS: Final = frozenset({"yearly", "quarterly", "monthly", "weekly", "daily"})
METHODS_MAX: Final = 20
TOKEN_MAX: Final = 8192
_read: Final = msgspec.json.Decoder(dict[str, object], float_hook=Decimal).decode


def facts(account: Account) -> dict[str, object]:
    """What this wire says of the account."""
    return {} if account.facts is None else _read(account.facts)


def addressed(call: Call) -> int:
    """The account in the path, by its id or as `me`; raises `Failure` where it is another's."""
    caller = call.caller
    if call.named == "me" and caller.account is not None:
        return caller.account
    if not formed(call.named):
        raise bad_argument("id", "authly.Identifier", "An identifier of 16 characters.")
    found = numbered(call.named)
    if not caller.private and found != caller.account:
        raise not_authorized()
    if found is None:
        raise not_found()
    return found


async def find(call: Call) -> Account:
    """The account in the path; raises `Failure`."""
    account = await call.desk.accounts.find(call.merchant, addressed(call))
    if account is None:
        raise not_found()
    return account


async def create(call: Call, given: object) -> Object:
    """A new account; raises `Failure`."""
    reader = Reader(given)
    chosen = reader.fitting("id", "authly.Identifier", LONG.fullmatch)
    methods = reader.given.get("method")
    if not isinstance(methods, list) or len(methods) > METHODS_MAX:
        reader.fault("method", "Account.Method.Creatable[]")
        methods = []
    said = _members(reader)
    number_ = reader.text("number")
    if number_ is not None:
        said["number"] = number_
    customer = reader.inner(contact(call))
    if customer is not None:
        said["customer"] = customer.given
    if reader.flaws:
        raise invalid(AN_ACCOUNT.named, AN_ACCOUNT.description, reader.flaws)
    instruments = [await instrument(call, each) for each in methods]
    if chosen is not None:
        said["id"] = chosen
    made = Account(
        merchant=call.merchant,
        id=call.desk.gateway.orders.engine.ids.next() if chosen is None else numbered(chosen) or 0,
        instruments=tuple(instruments),
        facts=encode(said).decode(),
    )

    def first(known: Account | None) -> Account:
        if known is not None:
            raise malformed("id", "authly.Identifier", "The identifier is taken.")
        return made

    return await shown(call, await call.desk.accounts.alter(call.merchant, made.id, first))


async def instrument(call: Call, given: object) -> Instrument:
    """A method to be: the card that a token stands for, which is used up; raises `Failure`."""
    reader = Reader(given)
    token = reader.text("card", required=True, longest=TOKEN_MAX)
    if reader.given.get("type") != "token":
        reader.fault("type", "string", "token")
    if reader.flaws or token is None:
        raise invalid(A_METHOD.named, A_METHOD.description, reader.flaws)
    found = await call.desk.cards.found(call.merchant, token, private=call.caller.private)
    if found.wrong:
        raise declined(Decline.INVALID_CARD_NUMBER)
    if await call.desk.gateway.store.card(call.merchant, found.card.id) is None:
        raise unusable()
    if found.ticket is not None:
        await call.desk.cards.use(call.merchant, token)
    return Instrument(card=found.card, since=call.desk.gateway.clock.now())


async def add(call: Call, given: object) -> Object:
    """The method that a card is once it is added to the account in the path; raises `Failure`."""
    account = await find(call)
    added = await instrument(call, given)

    def more(known: Account | None) -> Account:
        assert known is not None
        if len(known.instruments) >= METHODS_MAX:
            raise invalid(A_METHOD.named, f"An account has at most {METHODS_MAX} methods.")
        return replace(known, instruments=(*known.instruments, added))

    return await method(
        call, await call.desk.accounts.alter(call.merchant, account.id, more), added
    )


async def alter(call: Call, given: object) -> Object:
    """The account with other settings; raises `Failure`."""
    account = await find(call)
    reader = Reader(given)
    said = _members(reader)
    if reader.flaws:
        raise invalid(AN_ACCOUNT.named, AN_ACCOUNT.description, reader.flaws)
    return await shown(call, await _said(call, account.id, said))


async def rename(call: Call, given: object) -> object:
    """The contact, now the account's customer; raises `Failure`."""
    account = await find(call)
    if not isinstance(given, dict):
        raise invalid(A_CONTACT.named, A_CONTACT.description)
    await _said(call, account.id, {"customer": given})
    return given


async def _said(call: Call, account: int, said: Mapping[str, object]) -> Account:
    def changed(known: Account | None) -> Account:
        assert known is not None
        return replace(known, facts=encode(facts(known) | dict(said)).decode())

    return await call.desk.accounts.alter(call.merchant, account, changed)


def _members(reader: Reader) -> dict[str, object]:
    """The settings that may be given and changed."""
    said: dict[str, object] = {}
    currency = reader.fitting("currency", "isoly.Currency", payable)
    limit = reader.number("limit")
    rhythm = reader.given.get("schedule")
    if isinstance(rhythm, str | dict):
        named = rhythm.get("frequency") if isinstance(rhythm, dict) else rhythm
        if named not in RHYTHMS:
            reader.fault("schedule", "Account.Schedule")
        said["schedule"] = rhythm
    elif rhythm is not None:
        reader.fault("schedule", "Account.Schedule")
    if currency is not None:
        said["currency"] = currency
    if limit is not None:
        said["limit"] = Decimal(plain(limit))
    return said


def contact(call: Call) -> str:
    """What the account's customer is called in this request."""
    return "contact" if call.renamed else "customer"


async def shown(call: Call, account: Account) -> Object:
    """The account as this wire shows it."""
    said = facts(account)
    if "customer" in said:
        said[contact(call)] = said.pop("customer")
    return {
        "currency": CURRENCY,
        "schedule": RHYTHM,
        **said,
        "id": named(account),
        "method": [await method(call, account, each) for each in account.instruments],
        "status": standing(account).value,
        "balance": [],
        "total": 0,
    }


def named(account: Account) -> str:
    """The account's id."""
    return str(facts(account).get("id") or identifier(account.id))


async def method(call: Call, account: Account, known: Instrument) -> Object:
    """A method with the token by which an order may be paid with it."""
    claims: Object = {
        "iss": "payfunc",
        "iat": known.since // auth.SECOND_US,
        "aud": call.desk.audience,
        "type": TYPE,
        "account": named(account),
        "card": identifier(known.card.id),
        **card(known.card),
    }
    token = await call.desk.cards.signed(claims)
    return {"type": "card", "created": stamp(known.since), "token": token, **card(known.card)}


async def payer(call: Call, token: str) -> Account:
    """The account that a method's token names, with that card alone; raises `Failure`."""
    claims = await call.desk.signing.claims(token) or {}
    account, own = numbered(str(claims.get("account"))), number(str(claims.get("card")))
    found = None
    if claims.get("type") == TYPE and account is not None:
        found = await call.desk.accounts.find(call.merchant, account)
    known = [each for each in found.instruments if each.card.id == own] if found else []
    if found is None or not known:
        raise unusable()
    return replace(found, instruments=tuple(known))


async def key(call: Call, _: object) -> str:
    """A key for the account in the path, good for three days; raises `Failure`."""
    account, gateway = await find(call), call.desk.gateway
    known = await gateway.directory.known(auth.WIRE, str(call.caller.claims["sub"]))
    assert known is not None
    credential, merchant = known
    base, now = gateway.base or call.exchange.base, gateway.clock.now()
    return auth.issue(
        credential, merchant, auth.ACCOUNT, base=base, now=now, account=named(account)
    )
