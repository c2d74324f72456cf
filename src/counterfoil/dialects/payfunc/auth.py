"""Who calls: keys are tokens (JWT, HS256) that this gateway signed, for a merchant and a purpose.

A key is signed with the keyed hash that rests as the merchant's credential on this wire, so that no
secret is handed out, and a new credential ends every key there was. Clients never check a key: they
read from it where the API is and where cards go.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey
from msgspec import json

from counterfoil.core.merchant import Credential, Merchant
from counterfoil.dialects.payfunc.errors import not_authorized
from counterfoil.dialects.payfunc.identifiers import account as numbered
from counterfoil.engine.directory import Directory
from counterfoil.exchange import Exchange

WIRE: Final = "payfunc"
PUBLIC, PRIVATE, ACCOUNT = "public", "private", "account"
AUDIENCES: Final = frozenset({PUBLIC, PRIVATE, ACCOUNT})
ANYBODY: Final = AUDIENCES
ALIASES: Final = {"customer": ACCOUNT}
AHEAD_S: Final = 60
MILLISECONDS: Final = 10**12  # keys of before 2020 have these in `iat`
ACCOUNT_KEY_S: Final = 3 * 24 * 3600
SECOND_US: Final = 1_000_000
KEY_MAX: Final = 4096  # characters
KNOWN_MAX: Final = 1000


class Caller(NamedTuple):
    """A merchant, what its key is for, the one account it speaks for, and what it says besides."""

    merchant: Merchant
    audience: frozenset[str]
    claims: Mapping[str, object]
    account: int | None = None

    @property
    def private(self) -> bool:
        """Whether the key may do what only a merchant's own server may."""
        return PRIVATE in self.audience


def issue(
    credential: Credential,
    merchant: Merchant,
    audience: str,
    *,
    base: str,
    now: int,
    account: str | None = None,
) -> str:
    """A key for one audience; `now` in microseconds since 1970 UTC.

    Source: specification "payfunc", 2.2, for the claims that clients read.
    """
    iat = now // SECOND_US
    claims: dict[str, object] = {
        "iss": base,
        "iat": iat,
        "sub": credential.login,
        "aud": audience,
        "name": merchant.name,
        "url": base,
        "type": "test" if merchant.terminals[0].connector == "sandbox" else "live",
        "currency": merchant.currency,
        "card": {"url": base, "id": credential.login},
    }
    if account is not None:
        claims |= {"account": account, "exp": iat + ACCOUNT_KEY_S}
    key = OctKey.import_key(credential.secret_hash)
    return jwt.encode({"alg": "HS256", "typ": "JWT"}, claims, key)


class Keys:
    """Keys that were shown, checked once while the credential stays the same."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self._known: dict[str, tuple[Credential, Caller]] = {}

    async def caller(self, exchange: Exchange, now: int) -> Caller:
        """Whose key this is; raises `Failure` (401)."""
        text = bearer(exchange)
        known = self._known.get(text)
        found = await self._directory.known(WIRE, known[0].login if known else subject(text))
        if found is None:
            raise not_authorized()
        credential, merchant = found
        if known is None or known[0].secret_hash != credential.secret_hash:
            if len(self._known) >= KNOWN_MAX:
                self._known.clear()
            known = self._known[text] = (credential, read(text, credential, merchant))
        caller = known[1]
        if not timely(caller.claims, now // SECOND_US):
            raise not_authorized()
        return caller if caller.merchant is merchant else caller._replace(merchant=merchant)


def read(text: str, credential: Credential, merchant: Merchant) -> Caller:
    """Who speaks by a key that the credential has signed; raises `Failure` (401)."""
    try:
        key = OctKey.import_key(credential.secret_hash)
        claims = jwt.decode(text, key, algorithms=["HS256"]).claims
    except (JoseError, ValueError):
        raise not_authorized() from None
    audience = claims.get("aud")
    named = audience if isinstance(audience, list) else [audience]
    purposes = frozenset(ALIASES.get(str(each), str(each)) for each in named) & AUDIENCES
    account = claims.get("account", claims.get("customer"))
    found = numbered(account) if isinstance(account, str) else None
    if not purposes or (ACCOUNT in purposes and found is None):
        raise not_authorized()
    return Caller(merchant, purposes, claims, found)


def bearer(exchange: Exchange) -> str:
    """The key in the header, whichever of its two names was used; raises `Failure` (401)."""
    one, other = exchange.header(b"authorization"), exchange.header(b"authentication")
    given = other if one is None else one
    if given is None or other not in {None, given}:
        raise not_authorized()
    scheme, _, key = given.partition(" ")
    key = key.strip()
    if scheme.lower() != "bearer" or not 0 < len(key) <= KEY_MAX or key.count(".") != 2:  # noqa: PLR2004 (header, claims, signature)
        raise not_authorized()
    return key


def subject(key: str) -> str:
    """Whose the key says it is, before it is checked; raises `Failure` (401)."""
    try:
        claims = json.decode(jws.extract_compact(key.encode()).payload)
    except (JoseError, ValueError):
        raise not_authorized() from None
    named = claims.get("sub") if isinstance(claims, dict) else None
    if not isinstance(named, str):
        raise not_authorized()
    return named


def timely(claims: Mapping[str, object], now_s: int) -> bool:
    """Whether the key was issued and has not run out."""
    issued, ends = claims.get("iat"), claims.get("exp", now_s + 1)
    if not isinstance(issued, int) or not isinstance(ends, int):
        return False
    issued = issued // 1000 if issued > MILLISECONDS else issued
    return issued <= now_s + AHEAD_S and now_s < ends
