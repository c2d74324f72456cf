"""A PostgreSQL of one's own: on loopback, run as a user without privileges, removed afterwards.

Its settings are the server's defaults but for those given, so that every commit waits for the disk.
"""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Self

from counterfoil.bench.load import LoadError

BINARIES: Final = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
USERS: Final = ("postgres", "nobody")  # whoever is there: PostgreSQL does not run as root
START_S: Final = 60


class Cluster:
    """A server with its own folder, started at once; `settings` are lines of its configuration."""

    def __init__(self, *settings: str, within: Path | None = None) -> None:
        """Raises `LoadError` where PostgreSQL is not installed, or does not start."""
        self.folder = Path(tempfile.mkdtemp(prefix="counterfoil-cluster-", dir=within))
        self.port = free_port()
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None
        self._user, self._group = whose(self.folder)
        place = str(self.folder / "cluster")
        self._run("initdb", "-D", place, "-U", "counterfoil", "-A", "trust", "-E", "UTF8")
        self.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()

    def url(self, database: str = "postgres") -> str:
        """The address of one of its databases."""
        return f"postgresql://counterfoil@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Start it and wait until it answers."""
        given = ("listen_addresses=127.0.0.1", f"port={self.port}", "unix_socket_directories=")
        words = [word for each in (*given, *self._settings) for word in ("-c", each)]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 (a path found by us)
                [binary("postgres"), "-D", str(self.folder / "cluster"), *words],
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
        """Stop it: cleanly (SIGINT), or as a power cut does (SIGQUIT)."""
        assert self._process is not None
        self._process.send_signal(how)
        self._process.wait(START_S)

    def remove(self) -> None:
        """Stop it and remove its files."""
        if self._process is not None and self._process.poll() is None:
            self.stop(signal.SIGQUIT)
        shutil.rmtree(self.folder, ignore_errors=True)

    def make(self, database: str) -> str:
        """The address of a new database."""
        self._run("createdb", *self.where(), database)
        return self.url(database)

    def rest(self, database: str) -> None:
        """Do now what the server does by and by after much was written: vacuum, write pages."""
        for each in ("VACUUM ANALYZE", "CHECKPOINT"):
            self._run("psql", *self.where(), "-c", each, database)

    def where(self) -> Sequence[str]:
        """How PostgreSQL's own programs find it."""
        return ("-h", "127.0.0.1", "-p", str(self.port), "-U", "counterfoil")

    def _run(self, *words: str) -> None:
        subprocess.run(  # noqa: S603 (a path found by us)
            [binary(words[0]), *words[1:]],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd=self.folder,
            user=self._user,
            group=self._group,
            extra_groups=[] if self._user else None,
        )

    def _wait(self) -> None:
        assert self._process is not None
        limit = time.monotonic() + START_S
        asking = [binary("pg_isready"), "-q", *self.where(), "-d", "postgres"]
        while subprocess.run(asking, check=False).returncode:  # noqa: S603 (a path found by us)
            if self._process.poll() is not None or time.monotonic() > limit:
                said = (self.folder / "log").read_text(errors="replace")[-500:]
                raise LoadError(f"PostgreSQL did not start: {said}")
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
    """One of PostgreSQL's programs, of the newest version there is; raises `LoadError`."""
    if not BINARIES:
        raise LoadError("PostgreSQL is missing: apt-get install postgresql")
    return str(BINARIES[-1] / name)


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
