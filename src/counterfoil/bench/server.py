"""Processes under measurement: started on a free port, waited for, watched, ended.

What a server writes goes to a file in the folder, so that no pipe fills; its end is shown when the
server does not come up.
"""

import http.client
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from counterfoil.bench.calls import Call
from counterfoil.bench.load import LoadError
from counterfoil.bench.lua import who

READY: Final = "ready on http://"
START_S: Final = 60
STOP_S: Final = 30
IN_MEMORY: Final = frozenset({"tmpfs", "ramfs"})


class Server:
    """A running server; leaving the context ends it. `settings` are variables of its own."""

    def __init__(self, command: Sequence[str], name: str, logs: Path, **settings: str) -> None:
        self.name = name
        self.log = logs / f"{name}.log"
        self._command = command
        self._settings = {f"COUNTERFOIL_{key.upper()}": text for key, text in settings.items()}
        self.base = ""
        self.pid = 0
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603 (our own server)
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=os.environ | self._settings,
            )
        self.pid = self._process.pid
        try:
            self.base = self._wait()
        except LoadError:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Ask it to end; insist after a while."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def memory_kb(self) -> int:
        """Resident memory now, in kB; 0 where the system does not say (it is Linux's /proc).

        What the server has, and what the processes that it started have each for itself.
        """
        process = Path(f"/proc/{self.pid}")
        try:
            children = (process / "task" / process.name / "children").read_text("ascii").split()
            own = [_kb(process / ".." / each, "Private_") for each in children]
            return _kb(process, "Rss:") + sum(own)
        except OSError:
            return 0

    def _wait(self) -> str:
        assert self._process is not None
        limit = time.monotonic() + START_S
        while time.monotonic() < limit and self._process.poll() is None:
            for line in self.log.read_text(encoding="utf-8", errors="replace").splitlines():
                if READY in line:
                    return "http://" + line.partition(READY)[2].split()[0].rstrip("/")
            time.sleep(0.05)
        said = self.log.read_text(encoding="utf-8", errors="replace").strip()[-500:]
        raise LoadError(f"the {self.name} server did not get ready: {said}")


def serve_command(given: Sequence[str], port: int, database: str) -> tuple[str, ...]:
    """The product's own command; `given` stands for its beginning where it is another one."""
    begin = given or (str(Path(sys.executable).with_name("counterfoil")), "serve", "--demo")
    where = ("--host", "127.0.0.1", "--port", str(port))
    return (*begin, *where, "--database", database)


def floor_command(port: int, database: Path, sizes: Mapping[str, int]) -> tuple[str, ...]:
    """The floor, answering with so many bytes."""
    return (
        *(sys.executable, "-m", "counterfoil.bench.floor", "--port", str(port)),
        *("--database", str(database)),
        *("--sizes", ",".join(f"{name}={size}" for name, size in sizes.items())),
    )


def ask(base: str, call: Call, order: str = "") -> bytes:
    """The body of one answer; raises `LoadError` unless it is a success."""
    connection = http.client.HTTPConnection(base.removeprefix("http://"), timeout=START_S)
    headers = {
        "Authorization": who(call),
        "Content-Type": "application/json",
        "Accept": call.accept or "*/*",
    }
    try:
        connection.request(call.method, call.path.replace("{id}", order), call.body, headers)
        answer = connection.getresponse()
        body = answer.read()
    except (OSError, http.client.HTTPException) as error:
        raise LoadError(f"{call.name}: {error}") from error
    finally:
        connection.close()
    if answer.status not in {http.client.OK, http.client.CREATED}:
        raise LoadError(f"{call.name}: {answer.status} {body[:300]!r}")
    return body


def filesystem(path: Path, mounts: str) -> str:
    """The kind of file system that holds the path, by the text of /proc/mounts."""
    best, kind = "", ""
    for line in mounts.splitlines():
        _, point, found, *_ = line.split()
        if path.is_relative_to(point) and len(point) >= len(best):
            best, kind = point, found
    return kind


def disk_folder(given: Path | None) -> Path:
    """A folder for databases, not in memory: a commit there costs nothing and proves nothing.

    Raises `LoadError` where the one that was given is in memory.
    """
    table = Path("/proc/mounts")
    mounts = table.read_text(encoding="utf-8") if table.exists() else ""
    choices = [given] if given else [Path(tempfile.gettempdir()), Path("/var/tmp"), Path.cwd()]  # noqa: S108 (a place to look, not a name)
    for folder in choices:
        if folder.is_dir() and filesystem(folder.resolve(), mounts) not in IN_MEMORY:
            return folder
    raise LoadError("--folder: name a folder on a disk; a commit in memory costs nothing")


def _kb(process: Path, kind: str) -> int:
    """Memory of that kind, in kB. Source: Linux, proc(5), `smaps_rollup`."""
    lines = (process / "smaps_rollup").read_text("ascii").splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith(kind))
