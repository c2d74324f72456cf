"""Several processes that serve together: started, watched, replaced, stopped.

The parent serves nobody: it holds the port, tells the children to stop, and starts another where
one has died. A child that is left alone drains and ends.
"""

import asyncio
import os
import select
import signal
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Final

from counterfoil.cli.output import say

PAUSE_S: Final = 1  # before a process that died is replaced, so that none dies in a circle
PATIENCE_S: Final = 60  # for all to serve
LOOK_S: Final = 0.2
Serve = Callable[[Callable[[int], None]], None]


class Family:
    """Children that each run `serve`; it is given what to call, in its loop, when it serves."""

    def __init__(self, serve: Serve, size: int, ready: Callable[[], None]) -> None:
        self._serve = serve
        self._size = size
        self._ready = ready
        self._children: set[int] = set()
        self._stopping = False
        self._status = 0
        self._serving, self._told = os.pipe()  # a byte from each child that serves
        self._orphaned, self._life = os.pipe()  # its end says that the parent is gone

    def serve(self) -> int:
        """Run until told to stop; 0 when all children ended well."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        for _ in range(self._size):
            self._start()
        if self._all_serve():
            self._ready()
        while self._children:
            if not self._ended():
                time.sleep(LOOK_S)
            elif not self._stopping:
                say("a serving process has died; another one takes its place")
                time.sleep(PAUSE_S)
                self._start()
        return self._status

    def _all_serve(self) -> bool:
        """Whether all children serve; where one ends before, all are told to stop."""
        waiting, limit = self._size, time.monotonic() + PATIENCE_S
        while waiting and not self._stopping:
            readable, _, _ = select.select([self._serving], [], [], LOOK_S)
            waiting -= len(os.read(self._serving, waiting)) if readable else 0
            if self._ended() or time.monotonic() > limit:
                self._status = self._status or 1
                self._stop()
        return not self._stopping

    def _start(self) -> None:
        child = os.fork()
        if child:
            self._children.add(child)
            return
        os.setpgid(0, 0)  # a terminal's interrupt goes to the parent, which passes it on once
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        os.close(self._life)
        self._serve(self._said)
        sys.stdout.flush()
        os._exit(0)

    def _said(self, _: int) -> None:
        """Tell the parent that this child serves, and stop when the parent is gone."""
        stop = partial(os.kill, os.getpid(), signal.SIGTERM)
        loop = asyncio.get_running_loop()
        loop.add_reader(self._orphaned, lambda: (loop.remove_reader(self._orphaned), stop()))
        os.write(self._told, b".")

    def _ended(self) -> bool:
        """Whether a child has ended; remembers how, if it should not have."""
        if not self._children:
            return False
        child, status = os.waitpid(-1, os.WNOHANG)
        if not child:
            return False
        self._children.discard(child)
        ended = os.waitstatus_to_exitcode(status)
        if self._stopping and ended != -signal.SIGTERM:  # so ends one that did not serve yet
            self._status = self._status or abs(ended)
        return True

    def _stop(self, *_: object) -> None:
        self._stopping = True
        for child in self._children:
            os.kill(child, signal.SIGTERM)
