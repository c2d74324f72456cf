"""How a caller proves who they are: the header X-Auth-Key, on every call.

A key is a login and its secret with a full stop between them; to its owner it is one opaque text.
"""

from counterfoil.core.merchant import Merchant
from counterfoil.dialects.afterpay.errors import Failure
from counterfoil.engine.directory import Directory

DENIED = "Authorization has been denied for this request."


async def caller(directory: Directory, key: str | None) -> Merchant:
    """The merchant whose key it is; raises `Failure` (401)."""
    login, _, secret = (key or "").strip().rpartition(".")
    if login and secret:
        merchant = await directory.recognise("afterpay", login, secret)
        if merchant is not None:
            return merchant
    raise Failure(401, DENIED)
