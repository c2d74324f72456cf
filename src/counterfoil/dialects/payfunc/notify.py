"""Callbacks: the order as a token, posted to the address that the order itself named.

What is refused is posted as an error object. The token is signed by the deployment's key, which
rests with the endpoint as its secret; there is no signature besides.
"""

from functools import lru_cache
from typing import Final

from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from counterfoil.core.callbacks import Callback, Told
from counterfoil.core.events import Event
from counterfoil.core.order import Operation, Order
from counterfoil.core.schedule import Schedule
from counterfoil.dialects.payfunc import render
from counterfoil.dialects.payfunc.call import ISSUER, JWT, SECOND_US
from counterfoil.dialects.payfunc.cards import recurring_claims
from counterfoil.dialects.payfunc.errors import declined, encode
from counterfoil.dialects.payfunc.kept import JSON
from counterfoil.dialects.payfunc.signing import signed

MINUTE_S: Final = 60
KEYS_MAX: Final = 8
SILENT: Final = {Event.PAYMENT_PENDING, Event.ORDER_DISPUTED, Event.INVOICE_PAID}
EVENTS: Final = frozenset(Event) - SILENT
MADE: Final = frozenset({Event.ORDER_CREATED, Event.PAYMENT_FAILED})


class OrderToken:
    """The wire's form of a callback."""

    schedule = Schedule(pauses_s=(MINUTE_S, 5 * MINUTE_S, 30 * MINUTE_S))
    events = EVENTS

    async def callback(self, told: Told) -> Callback | None:
        """The order as a token; the error object where it, or a change of it, was declined.

        Nothing of an order that nobody is shown yet: its cardholder is being asked. An endpoint
        whose secret is no key of ours gets the same members as JSON.
        """
        order, operation = told.order, of(told)
        if render.hidden(order):
            return None
        if operation is not None and operation.decline is not None and order.retries is None:
            failure = declined(operation.decline)
            return Callback(body=failure.body(), content_type=JSON)
        key = told.secrets[0].reveal() if told.secrets else None
        if key is not None and not signs(key):
            key = None
        shown = render.order(order, told.notice.at, await _recurring(order, key, told.signed_for))
        iat = told.notice.at // SECOND_US
        body = encode(shown | {"iss": ISSUER, "iat": iat, "aud": told.signed_for})
        if key is None:
            return Callback(body=body, content_type=JSON)
        return Callback(body=(await signed(body, key)).encode(), content_type=JWT)


async def _recurring(order: Order, key: str | None, audience: str) -> str | None:
    payer = render.payer(order)
    if key is None or payer is None or payer.card is None or not render.paid(order):
        return None
    return await signed(encode(recurring_claims(payer.card, audience)), key)


def of(told: Told) -> Operation | None:
    """The operation that the callback tells of."""
    for operation in told.order.operations:
        if operation.id == told.notice.operation:
            return operation
    return None


@lru_cache(maxsize=KEYS_MAX)
def signs(secret: str) -> bool:
    """Whether the secret of an endpoint is a private key."""
    try:
        return RSAKey.import_key(secret).is_private
    except (JoseError, ValueError):
        return False
