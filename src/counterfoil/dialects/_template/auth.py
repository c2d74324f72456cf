"""How a caller proves who they are: `Authorization: Bearer login.secret`, on every call."""

from typing import Final

from counterfoil.core.merchant import Merchant
from counterfoil.dialects._template.errors import Failure
from counterfoil.engine.directory import Directory

# The name under which the store keeps this wire's credentials.
WIRE: Final = "template"
CHALLENGE: Final = {"WWW-Authenticate": 'Bearer realm="Counterfoil"'}


async def caller(directory: Directory, header: str | None) -> Merchant:
    """The merchant whose key this is; raises `Failure` (401). Source: RFC 6750, section 2.1."""
    scheme, _, key = (header or "").partition(" ")
    login, point, secret = key.strip().partition(".")
    if scheme.lower() == "bearer" and point:
        merchant = await directory.recognise(WIRE, login, secret)
        if merchant is not None:
            return merchant
    raise Failure(401, "unauthorized", "the key is missing or wrong", headers=CHALLENGE)
