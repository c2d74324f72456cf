"""PostgreSQL nodes under Patroni with etcd and HAProxy, each from Debian, all on loopback.

Every program runs as a user without privileges, on ports that were free, in one temporary folder.
Whatever was started is ended, also what Patroni started itself.
"""

import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Final, Self

from counterfoil.bench.cluster import binary, free_port, whose
from counterfoil.bench.load import LoadError

HOST: Final = "127.0.0.1"
NEEDED: Final = ("etcd", "patroni", "haproxy")
START_S: Final = 90  # until a node is what it should be: a copy of the leader may have to be made
LOOK_S: Final = 0.1
# How soon Patroni notices: the leader's lease, the pause between two looks, and how long it tries.
TTL_S: Final = 20
LOOP_S: Final = 2
RETRY_S: Final = 5
SETTINGS: Final = {
    "ttl": TTL_S,
    "loop_wait": LOOP_S,
    "retry_timeout": RETRY_S,
    "synchronous_mode": True,
    "postgresql": {
        "use_pg_rewind": True,
        "parameters": {"max_connections": 100, "shared_buffers": "64MB", "wal_keep_size": "256MB"},
    },
}
BALANCER: Final = """\
global
  maxconn 400
defaults
  mode tcp
  timeout connect 2s
  timeout check 1s
  timeout client 30m
  timeout server 30m
listen counterfoil
  bind {host}:{port}
  option httpchk OPTIONS /primary
  http-check expect status 200
  default-server inter 1s fall 2 rise 1 on-marked-down shutdown-sessions
"""


class Ground:
    """A folder, and as whom programs run in it."""

    def __init__(self) -> None:
        missing = [name for name in NEEDED if found(name) is None]
        if missing:
            raise LoadError(
                f"{' '.join(missing)} missing: apt-get install etcd-server patroni haproxy"
            )
        self.folder = Path(tempfile.mkdtemp(prefix="counterfoil-failover-")).resolve()
        self._user, self._group = whose(self.folder)

    def start(self, name: str, *words: str) -> "subprocess.Popen[bytes]":
        """A program that runs until it is ended; what it says goes into a file of its name."""
        with (self.folder / f"{name}.log").open("ab") as log:
            return subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env={"PATH": os.environ["PATH"], "HOME": str(self.folder), "LC_ALL": "C.UTF-8"},
                user=self._user,
                group=self._group,
                extra_groups=None if self._user is None else [],
            )

    def write(self, name: str, text: str) -> str:
        """A file for a program to read; its path."""
        path = self.folder / name
        path.write_text(text)
        return str(path)

    def remove(self) -> None:
        """Remove every file."""
        shutil.rmtree(self.folder, ignore_errors=True)


class Node:
    """One PostgreSQL and the Patroni that looks after it."""

    def __init__(self, name: str, ground: Ground, etcd: int) -> None:
        self.name = name
        self.port = free_port()
        self.watch = free_port()  # where Patroni tells what the node is
        self._ground = ground
        self._place = ground.folder / name
        self._file = ground.write(f"{name}.json", json.dumps(self._settings(etcd)))
        self._patroni: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start Patroni, which starts the rest; wait for nothing."""
        self._patroni = self._ground.start(self.name, program("patroni"), self._file)

    def signal(self, number: int) -> None:
        """Send it to every process of the node at once, PostgreSQL's children too."""
        for process in self._processes():
            with suppress(ProcessLookupError):
                os.kill(process, number)

    def kill(self) -> None:
        """End all of it as a power cut does."""
        for _ in range(2):  # what was being started meanwhile
            self.signal(signal.SIGKILL)
        if self._patroni is not None:
            self._patroni.wait()

    def is_(self, what: str) -> bool:
        """Whether Patroni says that the node is that: `primary`, `replica`, `sync`."""
        connection = HTTPConnection(HOST, self.watch, timeout=1)
        try:
            connection.request("OPTIONS", f"/{what}")
            return connection.getresponse().status == 200
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()

    def is_standby(self) -> bool:
        """Whether it is the synchronous standby; one that is being promoted is both."""
        return self.is_("sync") and not self.is_("primary")

    def _processes(self) -> list[int]:
        running = self._patroni is not None and self._patroni.poll() is None
        found = [self._patroni.pid] if self._patroni is not None and running else []
        with suppress(OSError, ValueError, IndexError):
            server = int((self._place / "postmaster.pid").read_text().splitlines()[0])
            if Path(f"/proc/{server}/cwd").readlink() == self._place:  # and not another of its pid
                found.append(server)
        return [each for process in found for each in (process, *children(process))]

    def _settings(self, etcd: int) -> dict[str, object]:
        at = f"{HOST}:{self.port}"
        trusted = [f"host {whom} all {HOST}/32 trust" for whom in ("all", "replication")]
        return {
            "scope": "counterfoil",
            "name": self.name,
            "restapi": {
                "listen": f"{HOST}:{self.watch}",
                "connect_address": f"{HOST}:{self.watch}",
            },
            "etcd3": {"host": f"{HOST}:{etcd}"},
            "bootstrap": {"dcs": SETTINGS, "initdb": [{"encoding": "UTF8"}, "data-checksums"]},
            "postgresql": {
                "listen": at,
                "connect_address": at,
                "data_dir": str(self._place),
                "bin_dir": str(Path(binary("postgres")).parent),
                "pgpass": str(self._ground.folder / f"{self.name}.pass"),
                "authentication": {
                    "superuser": {"username": "postgres"},
                    "replication": {"username": "postgres"},
                },
                "pg_hba": trusted,
                "parameters": {"unix_socket_directories": str(self._ground.folder)},
                "remove_data_directory_on_rewind_failure": True,
                "remove_data_directory_on_diverged_timelines": True,
            },
        }


class Nodes:
    """Two nodes, etcd, and a balancer in front of the leader; ended with the block."""

    def __init__(self) -> None:
        self.ground = Ground()
        self.port = free_port()
        self._etcd = etcd, _ = free_port(), free_port()
        self.nodes = [Node(name, self.ground, etcd) for name in ("a", "b")]
        self._others: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        try:
            self._start(*self._etcd)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for node in self.nodes:
            node.kill()
        for process in self._others:
            process.kill()
            process.wait()
        self.ground.remove()

    def url(self, database: str, *, balanced: bool) -> str:
        """The address of the leader, whoever that is."""
        each = ",".join(f"{HOST}:{node.port}" for node in self.nodes)
        at = f"{HOST}:{self.port}" if balanced else each
        more = "" if balanced else "?target_session_attrs=read-write"
        return f"postgresql://postgres@{at}/{database}{more}"

    def whole(self) -> tuple[Node, Node]:
        """The leader and its synchronous standby, once there are both."""
        both = [tuple(self.nodes), tuple(reversed(self.nodes))]

        def found() -> list[tuple[Node, ...]]:
            return [each for each in both if each[0].is_("primary") and each[1].is_standby()]

        wait(lambda: bool(found()), START_S)
        leader, standby = found()[0]
        return leader, standby

    def _start(self, etcd: int, peer: int) -> None:
        own, others = f"http://{HOST}:{etcd}", f"http://{HOST}:{peer}"
        words = {
            "--data-dir": str(self.ground.folder / "etcd"),
            "--name": "one",
            "--listen-client-urls": own,
            "--advertise-client-urls": own,
            "--listen-peer-urls": others,
            "--initial-advertise-peer-urls": others,
            "--initial-cluster": f"one={others}",
        }
        given = [each for pair in words.items() for each in pair]
        self._others.append(self.ground.start("etcd", program("etcd"), *given))
        lines = "".join(
            f"  server {node.name} {HOST}:{node.port} check port {node.watch}\n"
            for node in self.nodes
        )
        file = self.ground.write("haproxy", BALANCER.format(host=HOST, port=self.port) + lines)
        self._others.append(self.ground.start("balancer", program("haproxy"), "-db", "-f", file))
        for node in self.nodes:
            node.start()
        self.whole()


def program(name: str) -> str:
    """Where that program is."""
    path = found(name)
    assert path is not None
    return path


def found(name: str) -> str | None:
    """The same, if it is anywhere; Debian has some where only administrators look."""
    return shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")


def children(process: int) -> list[int]:
    """The processes that it started, and theirs."""
    found: list[int] = []
    with suppress(OSError):
        for task in Path(f"/proc/{process}/task").iterdir():
            for child in map(int, (task / "children").read_text().split()):
                found += [child, *children(child)]
    return found


def wait(until: Callable[[], bool], limit_s: float) -> float:
    """Wait until it is so; how long that took."""
    began = time.monotonic()
    while not until():
        if time.monotonic() - began > limit_s:
            raise LoadError(f"not so after {limit_s} s")
        time.sleep(LOOK_S)
    return time.monotonic() - began
