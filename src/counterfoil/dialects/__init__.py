"""Dialects: one folder a wire, found by scanning; none of them knows another.

A dialect package shows `dialect = Dialect(...)`. A folder whose name starts with `_` is none
(`_template` is what `make dialect` copies). Here is also what every wire does alike: idempotency
keys, and numbers that stay as they were written.
"""

import pkgutil
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from importlib import import_module
from typing import Final

import msgspec

from counterfoil.core.callbacks import Form
from counterfoil.core.record import Record
from counterfoil.engine.chores import Chore
from counterfoil.engine.gateway import Gateway
from counterfoil.engine.orders import Orders
from counterfoil.engine.perform import Once
from counterfoil.exchange import Exchange, Handler

KEY: Final = re.compile(r'"([ -!#-~]{1,255})"|([!#-~]{1,255})', re.ASCII)


class Literal(str):
    """A JSON number with a point or exponent, as it was written: no amount becomes a float."""

    __slots__ = ()


class Dialect(Record):
    """A wire: its name, the first parts of the paths it owns, and what answers there.

    `settings` are the names of those that a merchant may have on this wire alone. `form` is how it
    tells merchants of what happens, where it has callbacks. `keys` gives what a merchant (its id)
    calls the wire at an address with, where that is more than a login and a password. `chores` is
    what the wire does by itself, now and then. `unserved` are first parts of paths that its
    documents have besides: what asks for them gets this wire's own form of "not found".
    """

    name: str
    segments: tuple[str, ...]
    serve: Callable[[Gateway], Handler]
    settings: tuple[str, ...] = ()
    form: Form | None = None
    keys: Callable[[Gateway, int, str], Awaitable[Mapping[str, str]]] | None = None
    chores: Callable[[Gateway], Sequence[Chore]] | None = None
    unserved: tuple[str, ...] = ()

    @property
    def owned(self) -> tuple[str, ...]:
        """All first parts of paths whose answer is this wire's."""
        return self.segments + self.unserved


def found() -> tuple[Dialect, ...]:
    """Every dialect there is, by name; raises `TypeError` where a package shows none."""
    dialects: list[Dialect] = []
    for module in pkgutil.iter_modules(__path__):
        if module.ispkg and not module.name.startswith("_"):
            package = import_module(f"{__name__}.{module.name}")
            if not isinstance(package.dialect, Dialect):
                raise TypeError(f"{package.__name__} shows no dialect")
            dialects.append(package.dialect)
    return tuple(dialects)


def chores(gateway: Gateway) -> Iterator[Chore]:
    """What the wires do by themselves."""
    for each in found():
        if each.chores is not None:
            yield from each.chores(gateway)


class BadKeyError(Exception):
    """The Idempotency-Key is not 1 to 255 printable characters."""


def once(exchange: Exchange, orders: Orders, asked: Mapping[str, object]) -> Once | None:
    """The caller's idempotency key with the keyed hash of what it asked; raises `BadKeyError`.

    Quoted as a structured field or bare. Source: draft-ietf-httpapi-idempotency-key-header-07.
    """
    given = exchange.header(b"idempotency-key")
    if given is None:
        return None
    found = KEY.fullmatch(given.strip())
    if found is None:
        raise BadKeyError
    canonical = msgspec.json.encode(asked, enc_hook=str, order="deterministic").decode()
    fingerprint = orders.fingerprint(f"{exchange.method} {exchange.path}\n{canonical}")
    return Once(key=found.group(1) or found.group(2), fingerprint=fingerprint)
