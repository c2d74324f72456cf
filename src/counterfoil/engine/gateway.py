"""Everything a wire needs to serve its callers, in one value."""

from typing import NamedTuple

from counterfoil.core.ports import Clock, Store
from counterfoil.engine.directory import Directory
from counterfoil.engine.orders import Orders
from counterfoil.engine.wallets import Wallets


class Gateway(NamedTuple):
    """The engine's use cases, the directory, the store for reading, the clock.

    `base` is the public address of the API without a slash at its end, where one is configured;
    `checkout` that of payment pages (default: the same).
    `signed_for`: whom tokens that we sign are for.
    Without `wallets` no wallet's token is taken.
    """

    orders: Orders
    directory: Directory
    store: Store
    clock: Clock
    base: str | None = None
    checkout: str | None = None
    wallets: Wallets | None = None
    signed_for: str = "development"
