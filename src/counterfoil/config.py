"""Settings: read once, from options and `COUNTERFOIL_…` variables; an unknown one is an error.

Every limit stands here or beside what it limits, with its unit and its reason.
"""

import os
from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import msgspec

from counterfoil.core.keeping import DAY_US, Keeping
from counterfoil.core.record import Record

PREFIX: Final = "COUNTERFOIL_"
DATABASE: Final = "sqlite:///data/counterfoil.db"
MASTER_KEY: Final = "MASTER_KEY"
LEAST: Final = {
    "callbacks_busy": 1,
    "callbacks_kept_days": 1,
    "keys_kept_hours": 24,  # the AfterPay documents promise a day
    "database_connections": 1,
    "database_timeout_ms": 1,
    "acquirer_timeout_ms": 0,
    "sandbox_latency_ms": 0,
    "sandbox_late_ms": 0,
}
SERVERS: Final = ("postgresql://", "postgres://")


class SettingsError(Exception):
    """A setting cannot be used; the message says which, and what it should be."""


class Settings(Record):
    """How a gateway runs. Each is also an option of `serve` or a variable `COUNTERFOIL_NAME`.

    `database`: `sqlite:///path` or `postgresql://user@host/name`. `database_connections`: at most
    so many, of one process. `database_timeout_ms`: how long one statement may take.
    `database_pooled`: through a pooler that gives each transaction another connection.
    `database_by_merchant`: each batch holds one merchant's changes, for engines that distribute.
    `folder`: where the files of a PostgreSQL deployment are (the test bank's book, the clock).
    `base_url`: the public address, for links (default: as called).
    `checkout_url`: the public address of payment pages (default: the API's).
    `master_key_file`: the file with the vault's master key; where none is given, one is made beside
    the embedded database, or in `folder`. `worker`: this process's number, 0 to 255, part of every
    id (default: 0 on the embedded database; on PostgreSQL one that no other process has).
    `workers`: processes that share the port and a PostgreSQL database.
    `acquirer_timeout_ms`: how long an answer is waited for. `sandbox_latency_ms` and
    `sandbox_late_ms`: how slow the test bank is, and how late its late answers come.
    `callbacks_allow`: networks of your own that callbacks may go to, such as `10.1.0.0/16`,
    separated by blanks (`demo` allows this machine itself). `callbacks_busy`: how many callbacks go
    in a second while many requests are under way. `callbacks_kept_days`: how long what merchants
    were told is kept. `keys_kept_hours`: how long an idempotency key is known. `connectors`:
    settings of other acquirers, `name.option=value` separated by blanks. `log_level`: debug, info,
    warning or error.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    database: str = DATABASE
    database_connections: int = 8
    database_timeout_ms: int = 5_000
    database_pooled: bool = False
    database_by_merchant: bool = False
    folder: str = "data"
    demo: bool = False
    base_url: str | None = None
    checkout_url: str | None = None
    master_key_file: str | None = None
    worker: int | None = None
    acquirer_timeout_ms: int = 20_000
    sandbox_latency_ms: int = 0
    sandbox_late_ms: int = 30_000
    callbacks_allow: str = ""
    callbacks_busy: int = 30
    callbacks_kept_days: int = 90
    keys_kept_hours: int = 24
    connectors: str = ""
    workers: int = 1
    log_level: str = "info"

    def options(self, connector: str) -> tuple[tuple[str, str], ...]:
        """The settings of one acquirer, as pairs; raises `SettingsError`."""
        found: list[tuple[str, str]] = []
        for word in self.connectors.split():
            name, equals, value = word.partition("=")
            owner, dot, option = name.partition(".")
            if not (equals and dot and owner and option):
                raise SettingsError(f"connectors: {word!r} is not name.option=value")
            if owner == connector:
                found.append((option, value))
        return tuple(found)

    @property
    def keeping(self) -> Keeping:
        """For how long what is done is kept."""
        return Keeping(
            keys_us=self.keys_kept_hours * DAY_US // 24,
            callbacks_us=self.callbacks_kept_days * DAY_US,
        )

    @property
    def networks(self) -> tuple[IPv4Network | IPv6Network, ...]:
        """The networks callbacks may go to besides the public one; raises `SettingsError`."""
        words = self.callbacks_allow.split() + (["127.0.0.0/8", "::1/128"] if self.demo else [])
        try:
            return tuple(ip_network(word) for word in words)
        except ValueError as error:
            raise SettingsError(f"callbacks_allow: {error}") from error

    @property
    def embedded(self) -> bool:
        """Whether the database is a file that this process serves by itself."""
        return not self.database.startswith(SERVERS)

    @property
    def path(self) -> Path:
        """The embedded database's file; raises `SettingsError` for any other kind of address."""
        scheme, _, path = self.database.partition("///")
        if scheme == "sqlite:" and path:
            return Path(path)
        kind = self.database.partition("//")[0]  # the rest may hold a password
        raise SettingsError(
            f"database must be sqlite:///path or postgresql://user@host/name, not {kind!r}"
        )

    @property
    def beside(self) -> Path:
        """What the files of this deployment are named after; raises `SettingsError`."""
        if self.embedded:
            return self.path
        name = urlsplit(self.database).path.strip("/") or "counterfoil"
        return Path(self.folder) / f"{name}.db"


def from_environment(environment: Mapping[str, str] = os.environ, **options: object) -> Settings:
    """Options that were given, else variables, else defaults; raises `SettingsError`."""
    known = set(Settings.__struct_fields__)
    given: dict[str, object] = {}
    for name, value in environment.items():
        if not name.startswith(PREFIX) or name == PREFIX + MASTER_KEY:
            continue
        field = name.removeprefix(PREFIX).lower()
        if field not in known:
            raise SettingsError(f"{name} is no setting; there are: {', '.join(sorted(known))}")
        given[field] = value
    given |= {name: value for name, value in options.items() if value is not None}
    try:
        settings = msgspec.convert(given, Settings, strict=False)
    except msgspec.ValidationError as error:
        raise SettingsError(str(error)) from error
    _check(settings)
    return settings


def _check(settings: Settings) -> None:
    if not 0 <= (settings.worker or 0) <= 255:  # noqa: PLR2004 (eight bits of every id)
        raise SettingsError("worker must be a number from 0 to 255")
    if not 0 <= settings.port <= 65_535:  # noqa: PLR2004 (sixteen bits; 0 takes any that is free)
        raise SettingsError("port must be a number from 0 to 65535")
    if settings.workers < 1 or (settings.workers > 1 and settings.embedded):
        raise SettingsError("the embedded database is served by one process: workers must be 1")
    if settings.log_level not in {"debug", "info", "warning", "error"}:
        raise SettingsError("log_level must be debug, info, warning or error")
    for name, least in LEAST.items():
        if getattr(settings, name) < least:
            raise SettingsError(f"{name} must be at least {least}")
