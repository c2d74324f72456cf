"""Which database the settings name: opened, brought to the newest schema, shared by number."""

import asyncio
from importlib import import_module
from types import ModuleType

from counterfoil.config import Settings, SettingsError
from counterfoil.core.ports import Store
from counterfoil.store import sqlite
from counterfoil.store.moving import File, House
from counterfoil.store.options import Options
from counterfoil.store.workers import Lease, Shared


async def open_store(settings: Settings, *, create: bool, serving: bool = False) -> Store:
    """The store that the settings name, for who serves or not.

    Raises `SettingsError`, `StoreError`, `OSError`.
    """
    if settings.embedded:
        return await sqlite.open_store(settings.path, create=create, apart=serving)
    options = _options(settings)
    opened: Store = await _server().open_store(settings.database, options, create=create)
    return opened


def migrated(settings: Settings) -> tuple[str | None, str]:
    """Bring the database to the newest schema; the steps it was at and is at now.

    Raises `SettingsError`, `StoreError`, `OSError`.
    """
    if settings.embedded:
        return sqlite.migrate_file(settings.path)
    work = _server().migrate_database(settings.database, _options(settings))
    steps: tuple[str | None, str] = asyncio.run(work)
    return steps


async def numbered(settings: Settings, store: Store) -> Lease | None:
    """A worker number that no other process has; None where the number is settled otherwise."""
    if settings.worker is None and isinstance(store, Shared):
        return await store.lease()
    return None


async def open_house(settings: Settings) -> House:
    """The database as rows, for moving; raises as `open_store` does."""
    if settings.embedded:
        return File(settings.path)
    house: House = await _server("server").open_server(settings.database, _options(settings))
    return house


def _server(name: str = "postgres") -> ModuleType:
    try:
        return import_module(f"counterfoil.store.{name}")
    except ModuleNotFoundError as error:
        raise SettingsError("PostgreSQL needs its driver: install counterfoil[postgres]") from error


def _options(settings: Settings) -> Options:
    return Options(
        connections=settings.database_connections,
        timeout_ms=settings.database_timeout_ms,
        pooled=settings.database_pooled,
        alone=settings.database_by_merchant,
    )
