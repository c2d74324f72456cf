"""A real PostgreSQL for tests: one cluster a session, on loopback, as a user without privileges.

A database is made for each folder that a test names, as a copy of a migrated one; the oldest are
dropped again. Nothing waits for the disk: what is written survives the server's death all the same.
"""

import asyncio
import atexit
import hashlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from functools import cache
from pathlib import Path
from typing import Final

import asyncpg

from counterfoil.store.postgres import migrate_database

BINARIES: Final = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
USERS: Final = ("postgres", "nobody")  # whoever is there: PostgreSQL does not run as root
START_S: Final = 60
KEPT: Final = 6  # databases; a test may use several
FAST: Final = ("fsync=off", "full_page_writes=off")


class Cluster:
    """A server with its own folder, started at once; `settings` are lines of its configuration."""

    def __init__(self, *settings: str) -> None:
        assert BINARIES, "PostgreSQL is missing: apt-get install postgresql"
        self.folder = Path(tempfile.mkdtemp(prefix="counterfoil-cluster-"))
        self.port = free_port()
        self._settings = settings
        self._kept: list[str] = []
        self._process: subprocess.Popen[bytes] | None = None
        self._user, self._group = whose(self.folder)
        atexit.register(self.remove)
        self._run("initdb", "-D", str(self.place), "-U", "counterfoil", "-A", "trust", "-E", "UTF8")
        self.start()

    @property
    def place(self) -> Path:
        """Where the server keeps its files."""
        return self.folder / "cluster"

    def url(self, database: str = "postgres") -> str:
        """The address of one of its databases."""
        return f"postgresql://counterfoil@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Start it and wait until it answers."""
        given = ("listen_addresses=127.0.0.1", f"port={self.port}", "unix_socket_directories=")
        words = [word for each in (*given, *self._settings) for word in ("-c", each)]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [binary("postgres"), "-D", str(self.place), *words],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                user=self._user,
                group=self._group,
                extra_groups=[] if self._user else None,
            )
        self._wait()

    def stop(self, how: int = signal.SIGINT) -> None:
        """Stop it: at once and cleanly (SIGINT), or as a power cut does (SIGQUIT)."""
        assert self._process is not None
        self._process.send_signal(how)
        self._process.wait(START_S)

    def remove(self) -> None:
        """Stop it and remove its files."""
        if self._process is not None and self._process.poll() is None:
            self.stop(signal.SIGQUIT)
        shutil.rmtree(self.folder, ignore_errors=True)

    async def database(self, folder: Path) -> str:
        """The address of that folder's database, made if it is not there."""
        name = "t" + hashlib.sha256(str(folder).encode()).hexdigest()[:20]
        if name not in self._kept:
            await self._make(name)
        return self.url(name)

    async def _make(self, name: str) -> None:
        connection = await asyncpg.connect(self.url())
        try:
            if not self._kept:
                await connection.execute("CREATE DATABASE ours")
                await migrate_database(self.url("ours"))
            while len(self._kept) >= KEPT:
                await connection.execute(f"DROP DATABASE {self._kept.pop(0)} WITH (FORCE)")
            await connection.execute(f"CREATE DATABASE {name} TEMPLATE ours")
            self._kept.append(name)
        finally:
            await connection.close()

    def _run(self, *words: str) -> None:
        subprocess.run(
            [binary(words[0]), *words[1:]],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd=self.folder,
            user=self._user,
            group=self._group,
            extra_groups=[] if self._user else None,
        )

    def _wait(self) -> None:
        async def ask() -> bool:
            try:
                await (await asyncpg.connect(self.url(), timeout=1)).close()
            except (OSError, asyncpg.PostgresError):
                return False
            return True

        began = time.monotonic()
        while not asyncio.run(ask()):
            assert self._process is not None
            said = (self.folder / "log").read_text(errors="replace")[-500:]
            assert self._process.poll() is None, said
            assert time.monotonic() - began < START_S, said
            time.sleep(0.05)


def whose(folder: Path) -> tuple[int | None, int | None]:
    """As whom a server runs, and owns the folder: as ourselves, unless that is root."""
    if os.geteuid() != 0:
        return None, None
    known = {each.pw_name: each for each in pwd.getpwall()}
    user = next(known[name] for name in USERS if name in known)
    os.chown(folder, user.pw_uid, user.pw_gid)
    return user.pw_uid, user.pw_gid


def binary(name: str) -> str:
    """One of PostgreSQL's programs, of the newest version there is."""
    return str(BINARIES[-1] / name)


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@cache
def shared() -> Cluster:
    """The cluster of this session, started when the first test asks for it."""
    return Cluster(*FAST)


async def url_of(folder: Path) -> str:
    """The address of that folder's database on the shared cluster."""
    cluster = await asyncio.to_thread(shared)
    return await cluster.database(folder)


def fresh_url(folder: Path) -> str:
    """The same, where no loop runs."""
    return asyncio.run(url_of(folder))
