"""Dialects: one folder a wire, found by scanning; none of them knows another.

A dialect package shows `dialect = Dialect(...)`. A folder whose name starts with `_` is none
(`_template` is what `make dialect` copies).
"""

import pkgutil
from collections.abc import Callable
from importlib import import_module

from starlette.types import ASGIApp

from counterfoil.core.record import Record
from counterfoil.engine.gateway import Gateway


class Dialect(Record):
    """A wire: its name, the first parts of the paths it owns, and the application behind them."""

    name: str
    segments: tuple[str, ...]
    app: Callable[[Gateway], ASGIApp]


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
