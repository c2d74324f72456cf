"""What a webhook has asked to be told of: this wire's names, kept with the endpoint."""

from typing import Final

import msgspec

from counterfoil.core.callbacks import Endpoint
from counterfoil.core.record import Record


class Subscription(Record):
    """The events by name (none: all), and what else was said of the webhook.

    `once` is the idempotency key of its last change and what was asked under it, `gone`: it was
    removed under one.
    """

    events: tuple[str, ...] = ()
    alert_email: str | None = None
    updated: int = 0
    once: tuple[str, bytes] | None = None
    gone: bool = False


_read: Final = msgspec.json.Decoder(Subscription).decode


def of(endpoint: Endpoint) -> Subscription:
    """What the endpoint has asked for."""
    return _read(endpoint.facts) if endpoint.facts else Subscription(updated=endpoint.created)


def wants(endpoint: Endpoint, name: str) -> bool:
    """Whether it is to be told of that."""
    known = of(endpoint).events
    return not known or name in known
