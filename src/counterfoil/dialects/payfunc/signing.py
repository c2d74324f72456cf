"""Signed answers: the deployment's key where it rests, tokens by it, and what they say.

The key is made once, sealed by the vault and kept beside orders; nobody but this package asks for
it. Whoever wants to check our tokens gets its public half. A token that is shown to us again is
checked once.
"""

import asyncio
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from hashlib import sha256
from typing import Final, NamedTuple

import msgspec
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from counterfoil.core.card import SealedSecret, Secret
from counterfoil.core.keeping import NOBODY, SEALED, Kept
from counterfoil.core.ports import Clock, Store, Vault
from counterfoil.dialects.payfunc.press import PRESS

BITS: Final = 2048
EXPONENT: Final = 65_537
NUMBER: Final = 1
OWNER: Final = (NOBODY, NUMBER)
KNOWN_MAX: Final = 1000
Claims = Mapping[str, object]


def _text(part: bytes) -> bytes:
    return urlsafe_b64encode(part).rstrip(b"=")


HEADER: Final = _text(b'{"alg":"RS256","typ":"JWT"}')


async def signed(claims: bytes, key: str) -> str:
    """The claims (JSON) as a token by a private key (PEM). Source: RFC 7515, section 3.1."""
    text = HEADER + b"." + _text(claims)
    signature = await PRESS.sign(key, sha256(text).digest())
    return (text + b"." + _text(signature)).decode()


class Key(NamedTuple):
    """The deployment's key: private as PEM, and as one that checks."""

    pem: str
    public: RSAKey

    @property
    def public_pem(self) -> str:
        """The public half, as PEM (SubjectPublicKeyInfo)."""
        return self.public.as_pem(private=False).decode()

    @property
    def jwks(self) -> bytes:
        """The public half as a JWK set. Source: RFC 7517."""
        shown = self.public.as_dict(private=False)
        shown |= {"alg": "RS256", "use": "sig", "kid": self.public.thumbprint()}
        return msgspec.json.encode({"keys": [shown]}, order="sorted")


class Signing:
    """Tokens by the deployment's key, which is made when it is first needed."""

    def __init__(self, store: Store, vault: Vault, clock: Clock) -> None:
        self._store = store
        self._vault = vault
        self._clock = clock
        self._key: Key | None = None
        self._read: dict[str, Claims] = {}

    async def key(self) -> Key:
        """The key; of two processes that make one at once the second takes the first's."""
        if self._key is None:
            text = await self._store.kept(NOBODY, SEALED, NUMBER)
            if text is None:
                made = await asyncio.to_thread(new_key)
                sealed = self._vault.seal_secret(OWNER, Secret(made), self._clock.now())
                body = msgspec.json.encode(sealed).decode()
                await self._store.keep(Kept(merchant=NOBODY, kind=SEALED, id=NUMBER, body=body))
                text = await self._store.kept(NOBODY, SEALED, NUMBER)
                assert text is not None
            rests = msgspec.json.decode(text, type=SealedSecret)
            pem = self._vault.open_secret(OWNER, rests).reveal()
            self._key = Key(pem, RSAKey.import_key(pem))
        return self._key

    async def token(self, claims: bytes) -> str:
        """The claims (JSON), signed."""
        return await signed(claims, (await self.key()).pem)

    async def claims(self, token: str) -> Claims | None:
        """What a token says; None where it is none that we signed."""
        known = self._read.get(token)
        if known is None:
            try:
                read = jwt.decode(token, (await self.key()).public, algorithms=["RS256"])
            except (JoseError, ValueError):
                return None
            if len(self._read) >= KNOWN_MAX:
                self._read.clear()
            known = self._read[token] = read.claims
        return known


def new_key() -> str:
    """A private key, as PEM."""
    key = rsa.generate_private_key(EXPONENT, BITS)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
