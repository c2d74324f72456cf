"""The processes that sign (`signer.py`): one, and a second where many wait and there is room.

They are asked for bare signatures of digests, over a line each, and answer in the order in which
they were asked. The event loop itself writes and reads those lines: no thread stands between.
"""

import asyncio
import atexit
import os
import sys
from collections import deque
from contextlib import suppress
from pathlib import Path
from socket import socketpair
from subprocess import Popen
from typing import Final

from counterfoil.dialects.payfunc import signer

SIGNERS_MAX: Final = 2  # one makes 4,000 signatures a second, more than half of what we can serve
FREE: Final = (os.cpu_count() or 1) - 1  # by the loop: more signers would only drive it off its own
MANY: Final = 4  # wait at a process: another is worth its memory
HELD_MAX: Final = 64  # at one process; with so few a line never fills, and a write never waits
SIGNATURE: Final = 256  # bytes: RSA of 2048 bits
READ_MAX: Final = HELD_MAX * SIGNATURE
Signature = asyncio.Future[bytes]


class Job:
    """A digest to be signed by a key (PEM); `again`: a process has ended over it before."""

    __slots__ = ("again", "digest", "key", "signature")

    def __init__(self, key: str, digest: bytes, signature: Signature) -> None:
        self.key = key
        self.digest = digest
        self.signature = signature
        self.again = False


class Signer:
    """One process, its line, what it is at, and which keys it knows."""

    def __init__(self) -> None:
        ours, theirs = socketpair()
        with theirs:
            program = [sys.executable, "-P", str(Path(signer.__file__))]
            self.process = Popen(program, stdin=theirs.fileno(), stdout=theirs.fileno())  # noqa: S603 (our own program)
        self.line = ours.detach()
        os.set_blocking(self.line, False)
        self.held: deque[Job] = deque()
        self._keys: dict[str, int] = {}
        self._untold = b""
        self._came = b""

    def take(self, job: Job) -> None:
        """Have it sign, once it is told so."""
        self.held.append(job)
        if job.key not in self._keys:
            self._untold += signer.FRAME.pack(b"K", 0, len(job.key)) + job.key.encode()
            self._keys[job.key] = len(self._keys)
        number = self._keys[job.key]
        self._untold += signer.FRAME.pack(b"S", number, len(job.digest)) + job.digest

    def tell(self) -> None:
        """Tell it what it has been given; where it has ended its line says so soon."""
        if self._untold:
            told, self._untold = self._untold, b""
            with suppress(BrokenPipeError, ConnectionResetError):
                os.write(self.line, told)

    def answered(self) -> bool:
        """Take what has come; False: it has ended."""
        try:
            came = os.read(self.line, READ_MAX)
        except BlockingIOError:
            return True
        except ConnectionResetError:
            return False
        self._came += came
        while len(self._came) >= SIGNATURE:
            signature = self.held.popleft().signature
            if not (signature.done() or signature.get_loop().is_closed()):
                signature.set_result(self._came[:SIGNATURE])
            self._came = self._came[SIGNATURE:]
        return bool(came)

    def close(self) -> None:
        """Let it end, and wait for that."""
        os.close(self.line)
        self.process.wait()


class Press:
    """All of them, `most` at the most; of one event loop at a time."""

    def __init__(self, most: int = SIGNERS_MAX) -> None:
        self._most = most
        self._signers: list[Signer] = []
        self._jobs: deque[Job] = deque()
        self._loop: asyncio.AbstractEventLoop | None = None

    def sign(self, key: str, digest: bytes) -> Signature:
        """The signature of a SHA-256 digest by a private key (PEM); it may raise `OSError`."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._move(loop)
        if not self._jobs:  # what else is asked for meanwhile goes the same way, in one write
            loop.call_soon(self._hand_out)
        job = Job(key, digest, loop.create_future())
        self._jobs.append(job)
        return job.signature

    def close(self) -> None:
        """End every process."""
        for each in self._signers:
            each.close()
        self._signers.clear()

    def _move(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._loop is None:
            atexit.register(self.close)
        self._loop = loop
        self._jobs.clear()
        for each in self._signers:
            loop.add_reader(each.line, self._read, each)

    def _hand_out(self) -> None:
        while self._jobs:
            free = min(self._signers, key=lambda each: len(each.held), default=None)
            if free is None or (len(free.held) >= MANY and len(self._signers) < self._most):
                free = Signer()
                self._signers.append(free)
                assert self._loop is not None
                self._loop.add_reader(free.line, self._read, free)
            if len(free.held) >= HELD_MAX:
                break
            free.take(self._jobs.popleft())
        for each in self._signers:
            each.tell()

    def _read(self, one: Signer) -> None:
        if not one.answered():
            self._lost(one)
        self._hand_out()

    def _lost(self, one: Signer) -> None:
        """It was killed: another does what it was at, once."""
        assert self._loop is not None
        self._loop.remove_reader(one.line)
        self._signers.remove(one)
        one.process.kill()
        one.close()
        for job in reversed(one.held):
            if not job.again:
                job.again = True
                self._jobs.appendleft(job)
            elif not job.signature.done():
                job.signature.set_exception(OSError("the signing process has ended"))


PRESS: Final = Press(max(1, min(SIGNERS_MAX, FREE)))
