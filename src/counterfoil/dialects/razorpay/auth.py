"""How a caller proves who they are: HTTP Basic, key id and secret; on a few calls the id alone."""

import base64
import binascii
from typing import Final, NamedTuple

from counterfoil.core.merchant import Merchant
from counterfoil.dialects.razorpay.errors import NOWHERE, Failure
from counterfoil.engine.directory import Directory

WIRE: Final = "razorpay"
TEST: Final = "rzp_test_"  # what a key id begins with
LIVE: Final = "rzp_live_"
UNAUTHORIZED: Final = 401
MISSING: Final = "Please provide your api key for authentication purposes"
WRONG: Final = "Authentication failed"


class Caller(NamedTuple):
    """Who calls, and with which key."""

    merchant: Merchant
    key: str


async def caller(
    directory: Directory, header: str | None, *, public: bool = False, named: str | None = None
) -> Caller:
    """The account whose key pair this is; raises `Failure` (401).

    `public`: for this call the key id is enough, in the header without a secret, or as `named`.
    Source: RFC 7617 for the header.
    """
    scheme, _, encoded = (header or "").partition(" ")
    if scheme.lower() != "basic":
        return await _public(directory, named if public else None)
    try:
        decoded = base64.b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, ValueError):
        raise _refused(WRONG) from None
    key, _, secret = decoded.partition(":")
    if public and not secret:
        return await _public(directory, key)
    merchant = await directory.recognise(WIRE, key, secret)
    if merchant is None:
        raise _refused(WRONG)
    return Caller(merchant, key)


async def _public(directory: Directory, key: str | None) -> Caller:
    merchant = await directory.holder(WIRE, key) if key else None
    if merchant is None or key is None:
        raise _refused(WRONG if key else MISSING)
    return Caller(merchant, key)


def _refused(message: str) -> Failure:
    return Failure(message, status=UNAUTHORIZED, why=NOWHERE)
