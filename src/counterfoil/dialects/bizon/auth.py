"""How a caller proves who they are: HTTP Basic, project login and password, on every call."""

import binascii
from typing import Final

from counterfoil.core.merchant import Merchant
from counterfoil.dialects.bizon.errors import Failure
from counterfoil.engine.directory import Directory

CHALLENGE: Final = {"WWW-Authenticate": 'Basic realm="Counterfoil", charset="UTF-8"'}


async def caller(directory: Directory, header: str | None) -> Merchant:
    """The project whose credentials these are; raises `Failure` (401). Source: RFC 7617."""
    scheme, _, encoded = (header or "").partition(" ")
    if scheme.lower() == "basic":
        try:
            decoded = binascii.a2b_base64(encoded.strip(), strict_mode=True).decode()
        except (binascii.Error, ValueError):
            decoded = ""
        login, colon, password = decoded.partition(":")
        if colon:
            merchant = await directory.recognise("bizon", login, password)
            if merchant is not None:
                return merchant
    raise Failure(401, "rejected", "Invalid credentials", headers=CHALLENGE)
