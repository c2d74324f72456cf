"""Connectors: one folder an acquirer, found by scanning; none of them knows another.

A connector package shows `connector = Connector(...)` and nothing else is edited to add one. A
package from outside names its `Connector` in the entry-point group `counterfoil.connectors`. A name
that starts with `_` is no connector (`_template` is what `tools/new.py` copies).
"""

import pkgutil
from collections.abc import Callable, Iterable
from enum import StrEnum
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Final

from counterfoil.core.authenticator import Authenticator
from counterfoil.core.bank import Bank
from counterfoil.core.declines import Decline
from counterfoil.core.order import Kind
from counterfoil.core.ports import Acquirer
from counterfoil.core.record import Record

GROUP: Final = "counterfoil.connectors"


class Place(Record):
    """Where a connector works: the folder it may keep files in (None: memory only), and settings.

    `stem` begins the name of every file it makes; `options` are its own settings, as text.
    """

    folder: Path | None = None
    stem: str = "counterfoil"
    options: tuple[tuple[str, str], ...] = ()


class Behaviour(StrEnum):
    """What a host that is being tested with does when it is asked."""

    APPROVE = "approve"
    DECLINE = "decline"
    TIMEOUT_BEFORE = "timeout_before"  # never booked, never answered
    TIMEOUT_AFTER = "timeout_after"  # booked as approved, never answered
    LATE = "late"  # booked as approved; the answer comes by itself, later
    DUPLICATE = "duplicate"  # answered, and the same answer comes by itself once more
    WRONG_ECHO = "wrong_echo"  # answered with another amount; nothing is booked


class Rehearsal(Record):
    """How the contract suite makes a connector's host behave, without a network.

    `card` gives the card number by which one kind of operation behaves so, and all others are
    approved; `decline` is what DECLINE says; `options` open the connector so that late answers come
    within milliseconds.
    """

    card: Callable[[Behaviour, Kind], str]
    decline: Decline
    options: tuple[tuple[str, str], ...] = ()


class Issuers(Record):
    """A connector's way to the issuers of cards; `bank` where the pages of a test bank need it."""

    authenticator: Authenticator
    bank: Bank | None = None


class Connector(Record):
    """An acquirer that terminals can choose by `name`; `rehearsal` where it is testable offline.

    `issuers` opens its way to 3-D Secure, given a secret of this installation.
    """

    name: str
    open: Callable[[Place], Acquirer]
    rehearsal: Rehearsal | None = None
    issuers: Callable[[bytes], Issuers] | None = None


class ConnectorError(Exception):
    """A connector package or its settings are not what they must be."""


def found() -> tuple[Connector, ...]:
    """Every connector there is, by name; raises `ConnectorError` where two share one."""
    own = [
        _checked(f"{__name__}.{module.name}", import_module(f"{__name__}.{module.name}"))
        for module in pkgutil.iter_modules(__path__)
        if module.ispkg and not module.name.startswith("_")
    ]
    both = [*own, *loaded(entry_points(group=GROUP))]
    names = [each.name for each in both]
    if len(set(names)) != len(names):
        raise ConnectorError(f"two connectors share a name: {', '.join(sorted(names))}")
    return tuple(sorted(both, key=lambda each: each.name))


def loaded(entries: Iterable[EntryPoint]) -> list[Connector]:
    """The connectors that entry points name, each `package` or `package:connector`.

    Raises `ConnectorError` where one names something else.
    """
    return [_checked(entry.value, entry.load()) for entry in entries]


def whole_number(options: dict[str, str], name: str, default: int) -> int:
    """A setting as a whole number, not negative; raises `ConnectorError`."""
    text = options.get(name, str(default))
    if not (text.isascii() and text.isdigit()):
        raise ConnectorError(f"option {name} is a whole number, not {text!r}")
    return int(text)


def settings(place: Place, known: Iterable[str]) -> dict[str, str]:
    """The options by name; raises `ConnectorError` for one that the connector does not know."""
    names = tuple(known)
    for name, _ in place.options:
        if name not in names:
            raise ConnectorError(f"unknown option {name}; there are: {', '.join(names)}")
    return dict(place.options)


def _checked(where: str, shown: object) -> Connector:
    connector = shown if isinstance(shown, Connector) else getattr(shown, "connector", None)
    if not isinstance(connector, Connector):
        raise ConnectorError(f"{where} shows no `connector = Connector(...)`")
    return connector
