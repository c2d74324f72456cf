"""The real server process over one database: started, waited for, asked, stopped or killed.

What it writes goes to files in the folder, standard output and standard error apart, one pair for
each start, so that a test can read or scan all of it afterwards.
"""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from msgspec import json

from counterfoil.config import Settings
from counterfoil.connectors.sandbox.book import open_book
from counterfoil.core.order import Kind, Outcome
from counterfoil.core.record import Record
from counterfoil.database import open_store

COMPILED: Final = os.environ.get("COMPILED", "")  # where `make compiled` put the package
PROGRAM: Final = str(Path(sys.executable).with_name("counterfoil"))
READY: Final = "ready on http://"
START_S: Final = 30  # on a busy machine; a test that promises less measures `took_s`
STOP_S: Final = 40  # the server drains for 25 s at most
COMMAND_S: Final = 60
REFUSED_S: Final = 15  # for a server that should not have started at all


class Finished(Record):
    """A command that has ended."""

    status: int
    out: str
    err: str


class Server:
    """A gateway's process; `environment` are its settings as variables, without the prefix.

    `url` is its database's address where that is no file in the folder; then `database` is what
    its files are named after.
    """

    def __init__(self, folder: Path, *options: str, url: str = "", **environment: str) -> None:
        self.folder = folder
        self.database = folder / f"{url.rpartition('/')[2].partition('?')[0] or 'gateway'}.db"
        self.url = url or f"sqlite:///{self.database}"
        environment.setdefault("folder", str(folder))
        self.port = 0
        self.took_s = 0.0
        self._options = options
        self._environment = environment
        self._starts = 0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The process that was started last."""
        assert self._process is not None
        return self._process

    def launch(self) -> None:
        """Start the process and wait for nothing."""
        self._starts += 1
        command = [PROGRAM, "serve", "--port", "0", "--database", self.url, *self._options]
        with self._out().open("wb") as out, self._err().open("wb") as err:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=self._variables()
            )

    def start(self) -> None:
        """Start the process and wait until it says that requests are served."""
        began = time.monotonic()
        self.launch()
        while time.monotonic() - began < START_S and self.process.poll() is None:
            for line in self._out().read_text().splitlines(keepends=True):
                if line.startswith(READY) and line.endswith("\n"):
                    self.port = int(line.rpartition(":")[2])
                    self.took_s = time.monotonic() - began
                    return
            time.sleep(0.01)
        self.kill()
        raise AssertionError(f"not ready after {START_S} s: {self._err().read_text()}")

    def ask_to_stop(self) -> None:
        """Send SIGTERM."""
        self.process.send_signal(signal.SIGTERM)

    def wait(self) -> int:
        """The exit status, once it has ended."""
        return self.process.wait(STOP_S)

    def stop(self) -> None:
        """Stop it as an orchestrator does; it ends well."""
        self.ask_to_stop()
        status = self.wait()
        assert status == 0, f"exit status {status}: {self._err().read_text()}"

    def kill(self) -> None:
        """End it as a power cut does."""
        self.process.kill()
        self.process.wait()

    def command(self, *words: str) -> Finished:
        """Another command on the same database, as its own process."""
        return program(*words, "--database", self.url, **self._environment)

    def verify(self) -> None:
        """Assert that `counterfoil verify` finds nothing wrong."""
        done = self.command("verify")
        assert done.status == 0, done.err

    def pending(self) -> int:
        """How many operations have no answer."""
        counts = json.decode(self.command("verify", "--json").out, type=dict[str, object])
        pending = counts.get("pending", 0)
        assert isinstance(pending, int)
        return pending

    def written(self) -> bytes:
        """Everything it has written to standard output and standard error, of all starts."""
        files = sorted(self.folder.glob("gateway.*.out")) + sorted(
            self.folder.glob("gateway.*.err")
        )
        return b"".join(file.read_bytes() for file in files)

    def errors(self) -> str:
        """What the last start has written to standard error."""
        return self._err().read_text()

    def _out(self) -> Path:
        return self.folder / f"gateway.{self._starts}.out"

    def _err(self) -> Path:
        return self.folder / f"gateway.{self._starts}.err"

    def _variables(self) -> dict[str, str]:
        return variables(self._environment)


@contextmanager
def serving(folder: Path, *options: str, **environment: str) -> Iterator[Server]:
    """A demo gateway that serves; at the end it is stopped, and has to end well."""
    server = Server(folder, "--demo", *options, **environment)
    server.start()
    try:
        yield server
    except BaseException:
        server.kill()
        raise
    server.stop()


def program(*words: str, **environment: str) -> Finished:
    """The program with those words, ended."""
    done = subprocess.run(
        [PROGRAM, *words],
        check=False,
        capture_output=True,
        stdin=subprocess.DEVNULL,
        timeout=REFUSED_S if words[0] == "serve" else COMMAND_S,
        env=variables(environment),
    )
    return Finished(status=done.returncode, out=done.stdout.decode(), err=done.stderr.decode())


def variables(settings: Mapping[str, str]) -> dict[str, str]:
    """The environment without any setting of ours but these; what it starts is compiled, or not."""
    inherited = {name: text for name, text in os.environ.items() if not name.startswith("COUNTER")}
    if COMPILED:
        inherited["PYTHONPATH"] = str(Path(COMPILED).resolve())
    return inherited | {f"COUNTERFOIL_{name.upper()}": text for name, text in settings.items()}


Booked = dict[int, tuple[int, Kind, int, str]]


def ours(url: str) -> Booked:
    """Every approved operation by its id: order, kind, minor units, currency."""

    async def read() -> Booked:
        found: Booked = {}
        store = await open_store(Settings(database=url), create=False)
        try:
            for merchant in await store.merchants():
                after = 0
                while run := await store.evidence(merchant.id, after, 500):
                    after = run[-1].order.id
                    for each in run:
                        found |= {
                            operation.id: (
                                each.order.id,
                                operation.kind,
                                operation.amount.minor,
                                operation.amount.currency,
                            )
                            for operation in each.operations
                            if operation.outcome is Outcome.APPROVED
                        }
        finally:
            await store.close()
        return found

    return asyncio.run(read())


def theirs(database: Path) -> Booked:
    """The same of the test bank's book; no reference is booked twice."""
    book = open_book(database.with_name(f"{database.stem}.sandbox.jsonl"))
    found: Booked = {}
    try:
        for entry in book.entries():
            assert entry.reference not in found, f"{entry.reference} is booked twice"
            if entry.outcome is Outcome.APPROVED:
                found[entry.reference] = (entry.order, entry.kind, entry.minor, entry.currency)
    finally:
        book.close()
    return found


def assert_books_agree(server: Server) -> None:
    """Assert that the bank has booked what we hold approved, and nothing else."""
    mine, bank = ours(server.url), theirs(server.database)
    only_mine = sorted(mine.items() - bank.items())
    only_bank = sorted(bank.items() - mine.items())
    assert not only_mine, f"{len(only_mine)} approved here and not booked there: {only_mine[:5]}"
    assert not only_bank, f"{len(only_bank)} booked there and not approved here: {only_bank[:5]}"
