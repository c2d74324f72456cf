"""CardFunc: cards are posted once, and from then on a token stands for them.

A token names a card by a handle; number and date rest sealed, the check digits only in this
process's memory, so that after a restart a card is authorized without them. A token is good for one
order within an hour, whichever attempt of it succeeds; the kind `recurring` that an order answers
with may be charged again by the merchant's own server.
"""

import secrets
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from typing import Final, NamedTuple

import msgspec
from msgspec.structs import replace

from counterfoil.core.card import Card, Cvv, Pan
from counterfoil.core.keeping import Kept
from counterfoil.core.order import instant_of
from counterfoil.core.pan import describe, luhn
from counterfoil.dialects.payfunc.errors import CARD_CREATABLE, encode, invalid, unusable
from counterfoil.dialects.payfunc.identifiers import handle, handled, identifier, number
from counterfoil.dialects.payfunc.kept import Row, written
from counterfoil.dialects.payfunc.proofs import Proof, proof
from counterfoil.dialects.payfunc.reading import Reader
from counterfoil.dialects.payfunc.render import card as shown
from counterfoil.dialects.payfunc.signing import Claims, Signing
from counterfoil.engine.gateway import Gateway

KIND: Final = "payfunc card"
SINGLE, RECURRING = "single use", "recurring"
LIFE_US: Final = 60 * 60 * 1_000_000  # "at most 1-2 hours after creation"
SECOND_US: Final = 1_000_000
CODES_MAX: Final = 10_000
TOKENS_MAX: Final = 10_000
PAN_DIGITS: Final = range(12, 20)
CVV_DIGITS: Final = range(3, 5)
CENTURY: Final = 2000
MONTHS: Final = range(1, 13)
YEARS: Final = range(100)
UNCHECKED: Final = frozenset({"5555550000004444"})  # published for tests with a wrong check digit
NOT_A_CARD: Final = "Content must be a createable card."


class NewCard(NamedTuple):
    """A card as it was posted; of a change only what it names."""

    pan: Pan | None
    expires: tuple[int, int] | None
    cvv: Cvv | None
    proof: Proof | None = None


class Found(NamedTuple):
    """A card that a token stands for. `place` is None for one that may be charged again."""

    card: Card
    cvv: Cvv | None = None
    place: int | None = None
    until: int = 0
    wrong: bool = False
    brought: Proof | None = None
    waits: int | None = None

    @property
    def ticket(self) -> str | None:
        """The name of what may be paid with once."""
        return None if self.place is None else f"{KIND} {handle(self.place)}"


def read(given: object, *, whole: bool = True) -> NewCard:
    """The card in a body, or with `whole` false any part of one; raises `Failure`."""
    reader = Reader(given)
    pan = reader.fitting("pan", "Card.Pan", partial(_digits, PAN_DIGITS), required=whole)
    expires = _expires(reader, required=whole)
    code = reader.fitting("csc", "Card.Csc", partial(_digits, CVV_DIGITS))
    brought = proof(reader)
    if reader.flaws:
        raise invalid(CARD_CREATABLE, NOT_A_CARD)
    return NewCard(
        pan=None if pan is None else Pan(pan),
        expires=expires,
        cvv=None if code is None else Cvv(code),
        proof=brought,
    )


def _digits(count: range, text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) in count


def _expires(reader: Reader, *, required: bool) -> tuple[int, int] | None:
    """Month and year of two digits, as numbers or as texts."""
    given = reader.given.get("expires")
    if given is None and not required:
        return None
    numbers = [
        int(each)
        for each in (given if isinstance(given, list) else ())
        if isinstance(each, int | str)
        and str(each).isascii()
        and str(each).isdigit()
        and len(str(each)) <= 2  # noqa: PLR2004 (digits)
    ]
    match numbers:
        case [month, year] if month in MONTHS and year in YEARS:
            return month, year
    reader.fault("expires", "Card.Expires")
    return None


class Cards:
    """Cards of all merchants, and the tokens that stand for them."""

    def __init__(self, gateway: Gateway, signing: Signing, audience: str) -> None:
        self._gateway = gateway
        self._signing = signing
        self._audience = audience
        self._codes: OrderedDict[tuple[int, int], tuple[Cvv, int]] = OrderedDict()
        self._cards: dict[str, Card] = {}
        self._tokens: OrderedDict[Card | bytes, str] = OrderedDict()

    async def create(self, merchant: int, new: NewCard) -> str:
        """The token of a card that was posted."""
        engine = self._gateway.orders.engine
        assert new.pan is not None
        now, known = engine.clock.now(), engine.ids.next()
        card = _described(new.pan, known, new.expires)
        row = Row(
            card=card,
            issued=now,
            wrong=_wrong(new.pan),
            coded=new.cvv is not None,
            brought=new.proof,
        )
        while True:
            place = int.from_bytes(secrets.token_bytes(6))
            item = Kept(merchant=merchant, kind=KIND, id=place, body=written(row))
            sealed = engine.vault.seal(merchant, known, new.pan)
            if await self._gateway.store.keep(item, card=sealed):
                break
        self._remember(merchant, place, new.cvv, now)
        return await self._token(place, row)

    async def change(self, merchant: int, token: str, new: NewCard) -> str:
        """A new token in place of one, after a change of its card; raises `Failure`."""
        place, row, was = await self._row(merchant, token)
        engine = self._gateway.orders.engine
        card, sealed, wrong = row.card, None, row.wrong
        if new.pan is not None:
            known = engine.ids.next()
            expires = new.expires or (card.month, card.year % 100)
            card, wrong = _described(new.pan, known, expires), _wrong(new.pan)
            sealed = engine.vault.seal(merchant, known, new.pan)
        elif new.expires is not None:
            card = replace(card, month=new.expires[0], year=CENTURY + new.expires[1])
        same = card == row.card  # what was brought, and what waits, is about one card
        after = replace(
            row,
            card=card,
            turn=row.turn + 1,
            wrong=wrong,
            coded=row.coded or new.cvv is not None,
            brought=new.proof or (row.brought if same else None),
            waits=row.waits if same else None,
        )
        item = Kept(merchant=merchant, kind=KIND, id=place, body=written(after))
        if not await self._gateway.store.keep(item, was, card=sealed):
            raise unusable()
        if new.cvv is not None:
            self._remember(merchant, place, new.cvv, row.issued)
        return await self._token(place, after)

    async def show(self, merchant: int, token: str) -> dict[str, object]:
        """What may be seen of the card that a token stands for; raises `Failure`."""
        _, row, _ = await self._row(merchant, token)
        return shown(row.card) | ({"csc": "present"} if row.coded else {})

    async def found(self, merchant: int, token: str, *, private: bool) -> Found:
        """The card that an order is to be paid with; raises `Failure` where it cannot be."""
        claims = await self._claims(token)
        if claims.get("type") == RECURRING:
            card = self._cards.get(token) or _recurring(claims)
            if not private or card is None:
                raise unusable()
            if len(self._cards) >= TOKENS_MAX:
                self._cards.clear()
            self._cards[token] = card
            return Found(card)
        place, row, _ = await self._row(merchant, token)
        return _found(place, row, self._codes.get((merchant, place), (None, 0))[0])

    async def use(self, merchant: int, token: str) -> None:
        """Use a token up without an order; raises `Failure` where another was quicker."""
        place, row, was = await self._row(merchant, token)
        item = Kept(merchant=merchant, kind=KIND, id=place, body=written(replace(row, issued=0)))
        if not await self._gateway.store.keep(item, was):
            raise unusable()
        self._codes.pop((merchant, place), None)

    async def wait(self, merchant: int, found: Found, order: int | None) -> None:
        """Note the order that waits until the card's holder was asked; None: none does any more.

        Raises `Failure` where another card stands in its place by now.
        """
        await self._alter(merchant, found, lambda row: replace(row, waits=order, brought=None))

    async def spend(self, merchant: int, found: Found) -> None:
        """A card's token was good for an order."""
        await self._alter(merchant, found, lambda row: replace(row, issued=0))
        self.spent(merchant, found)

    async def _alter(self, merchant: int, found: Found, change: Callable[[Row], Row]) -> None:
        assert found.place is not None
        while True:
            was = await self._gateway.store.kept(merchant, KIND, found.place)
            assert was is not None
            row = msgspec.json.decode(was, type=Row)
            if row.card != found.card:
                raise unusable()
            item = Kept(merchant=merchant, kind=KIND, id=found.place, body=written(change(row)))
            if await self._gateway.store.keep(item, was):
                return

    def spent(self, merchant: int, found: Found) -> None:
        """Forget the check digits of a card that was authorized."""
        if found.place is not None:
            self._codes.pop((merchant, found.place), None)

    async def asked(self, merchant: int, named: str) -> Found:
        """The card whose holder was asked, by its handle or token; raises `Failure`.

        Its handle is enough to bring what proves itself, and for nothing else.
        """
        place = handled(named)
        if place is None:
            return await self.found(merchant, named, private=False)
        text = await self._gateway.store.kept(merchant, KIND, place)
        row = None if text is None else msgspec.json.decode(text, type=Row)
        if row is None or not self._alive(row):
            raise unusable()
        return _found(place, row)

    async def verified(self, merchant: int, found: Found, brought: Proof) -> str:
        """The token that takes the place of the one before, now that its holder was asked.

        The same again for the same; raises `Failure`.
        """
        kept = Row(card=found.card, issued=0)

        def bring(row: Row) -> Row:
            nonlocal kept
            if row.waits != found.waits or not self._alive(row):
                raise unusable()
            again = row.brought == brought
            kept = row if again else replace(row, turn=row.turn + 1, brought=brought)
            return kept

        await self._alter(merchant, found, bring)
        assert found.place is not None
        return await self._token(found.place, kept)

    async def recurring(self, card: Card) -> str:
        """The token by which a card may be charged again; the same each time."""
        known = self._tokens.get(card)
        return known or await self._sign(card, encode(recurring_claims(card, self._audience)))

    async def signed(self, claims: dict[str, object]) -> str:
        """Claims about a card as a token; the same claims are signed once."""
        text = encode(claims)
        return self._tokens.get(text) or await self._sign(text, text)

    async def _sign(self, mark: Card | bytes, claims: bytes) -> str:
        token = await self._signing.token(claims)
        if len(self._tokens) >= TOKENS_MAX:
            self._tokens.popitem(last=False)
        self._tokens[mark] = token
        return token

    async def _row(self, merchant: int, token: str) -> tuple[int, Row, str]:
        """The card that a token for a single use stands for, and as it rests."""
        claims = await self._claims(token)
        place = handled(str(claims.get("card")))
        text = None
        if claims.get("type") == SINGLE and place is not None:
            text = await self._gateway.store.kept(merchant, KIND, place)
        if place is None or text is None:
            raise unusable()
        row = msgspec.json.decode(text, type=Row)
        if claims.get("turn", 0) != row.turn or not self._alive(row):
            raise unusable()
        return place, row, text

    def _alive(self, row: Row) -> bool:
        return row.issued <= self._gateway.clock.now() <= row.issued + LIFE_US

    async def _claims(self, token: str) -> Claims:
        """What a token says that we signed."""
        claims = await self._signing.claims(token)
        if claims is None or claims.get("iss") != "cardfunc":
            raise unusable()
        return claims

    async def _token(self, place: int, row: Row) -> str:
        claims: dict[str, object] = {
            "iss": "cardfunc",
            "iat": row.issued // SECOND_US,
            "aud": self._audience,
            **shown(row.card),
            "type": SINGLE,
            "card": handle(place),
            **({"turn": row.turn} if row.turn else {}),
            **({"verification": {"type": row.brought.kind}} if row.brought else {}),
        }
        return await self._signing.token(encode(claims))

    def _remember(self, merchant: int, place: int, cvv: Cvv | None, since: int) -> None:
        now = self._gateway.clock.now()
        while self._codes:
            mark, (_, until) = next(iter(self._codes.items()))
            if until > now and len(self._codes) < CODES_MAX:
                break
            del self._codes[mark]
        if cvv is not None:
            self._codes[merchant, place] = (cvv, since + LIFE_US)


def _found(place: int, row: Row, code: Cvv | None = None) -> Found:
    return Found(row.card, code, place, row.issued + LIFE_US, row.wrong, row.brought, row.waits)


def recurring_claims(card: Card, audience: str) -> dict[str, object]:
    """What the token says by which a card may be charged again: nothing to pay with elsewhere."""
    return {
        "iss": "cardfunc",
        "iat": instant_of(card.id) // SECOND_US,
        "aud": audience,
        **shown(card),
        "type": RECURRING,
        "card": handle(card.id >> 8 & (1 << 48) - 1),
        "id": identifier(card.id),
    }


def _recurring(claims: Claims) -> Card | None:
    """The card as its own token describes it."""
    known = number(str(claims.get("id")))
    match claims.get("expires"):
        case [int() as month, int() as year] if known is not None and claims.get("scheme"):
            pan = Pan(f"{claims.get('iin')}000000{claims.get('last4')}")
            return describe(pan, known, month=month, year=CENTURY + year)
    return None


def _described(pan: Pan, known: int, expires: tuple[int, int] | None) -> Card:
    month, year = expires or (0, 0)
    return describe(pan, known, month=month, year=CENTURY + year)


def _wrong(pan: Pan) -> bool:
    return not luhn(pan.reveal()) and pan.reveal() not in UNCHECKED
