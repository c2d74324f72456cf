"""Keys for a merchant: what an operator hands out, and what a demonstration begins with."""

from collections.abc import Mapping
from secrets import token_bytes, token_urlsafe
from typing import Final

from counterfoil.core.accounts import Account
from counterfoil.core.errors import Code, Refused
from counterfoil.core.merchant import Credential
from counterfoil.dialects.payfunc import auth
from counterfoil.dialects.payfunc.identifiers import handle, identifier
from counterfoil.dialects.payfunc.signing import Signing
from counterfoil.engine.accounts import Accounts
from counterfoil.engine.gateway import Gateway

ACCOUNT: Final = 1  # no other account has so old a number


async def keys(gateway: Gateway, merchant: int, base: str) -> Mapping[str, str]:
    """A merchant's keys for the API at that address, an account of its own, and what checks tokens.

    Account and credential are made where they are not there. Raises `Refused(ORDER_NOT_FOUND)`
    where there is no such merchant.
    """
    store, engine = gateway.store, gateway.orders.engine
    known = await store.merchant(merchant)
    if known is None:
        raise Refused(Code.ORDER_NOT_FOUND, order=str(merchant))
    credential = await credential_of(gateway, merchant)

    def there(found: Account | None) -> Account:
        return found or Account(merchant=merchant, id=ACCOUNT)

    await Accounts(gateway.orders).alter(merchant, ACCOUNT, there)
    signing = Signing(store, engine.vault, gateway.clock)
    now = gateway.clock.now()
    issued = {
        name: auth.issue(
            credential,
            known,
            name,
            base=base,
            now=now,
            account=identifier(ACCOUNT) if name == auth.ACCOUNT else None,
        )
        for name in (auth.PUBLIC, auth.PRIVATE, auth.ACCOUNT)
    }
    return {**issued, "verify_pem": (await signing.key()).public_pem}


async def credential_of(gateway: Gateway, merchant: int) -> Credential:
    """The merchant's credential on this wire, made where there is none."""
    for each in await gateway.store.credentials(merchant):
        if each.wire == auth.WIRE:
            return each
    login = handle(int.from_bytes(token_bytes(6)))
    hashed = gateway.orders.engine.vault.hash_secret(token_urlsafe(32))
    made = Credential(wire=auth.WIRE, login=login, merchant=merchant, secret_hash=hashed)
    await gateway.store.save_credential(made)
    return made
