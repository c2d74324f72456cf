"""A real pgbouncer for tests, in transaction mode: each transaction may get another connection."""

import atexit
import os
import shutil
import socket
import subprocess
import tempfile
import time
from functools import cache
from pathlib import Path
from typing import Final

from tests.cluster import Databases, shared

from counterfoil.bench.cluster import free_port, whose

START_S: Final = 30
SETTINGS: Final = """\
[databases]
* = host=127.0.0.1 port={server} user=counterfoil
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 4
max_client_conn = 500
ignore_startup_parameters = extra_float_digits
"""


class Pooler:
    """A pgbouncer in front of a cluster: fewer connections to it than callers have."""

    def __init__(self, cluster: Databases) -> None:
        self.port = free_port()
        self._folder = Path(tempfile.mkdtemp(prefix="counterfoil-pooler-"))
        atexit.register(self.remove)
        user, group = whose(self._folder)
        file = self._folder / "pgbouncer.ini"
        file.write_text(SETTINGS.format(server=cluster.port, port=self.port))
        with (self._folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [program(), str(file)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                user=user,
                group=group,
                extra_groups=[] if user else None,
            )
        self._wait()

    def url(self, database: str) -> str:
        """The address of a database of the cluster, through the pooler."""
        return f"postgresql://counterfoil@127.0.0.1:{self.port}/{database}"

    def remove(self) -> None:
        """End it and remove its files."""
        self._process.kill()
        self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _wait(self) -> None:
        limit = time.monotonic() + START_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                said = (self._folder / "log").read_text()[-500:]
                assert self._process.poll() is None, said
                assert time.monotonic() < limit, said
                time.sleep(0.05)
            else:
                return


def program() -> str:
    """Where pgbouncer is: Debian has it where only administrators look."""
    found = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
    assert found, "pgbouncer is missing: apt-get install pgbouncer"
    return found


@cache
def pooler() -> Pooler:
    """The pooler of this session, in front of the shared cluster."""
    return Pooler(shared())


def pooled(url: str) -> str:
    """The address of the same database, through the pooler."""
    return pooler().url(url.rpartition("/")[2])
