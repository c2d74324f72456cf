"""The bank's own book: one line of JSON for each instruction it booked, appended and never changed.

The file is the truth. The most recent entries are kept in memory besides, as a fold of the file
that catches up when another process has written; older ones are found by reading backwards.
References sort by time (`core/order.py`), so a reference above all that memory has let go of, and
not in memory, is new. A book holds no card number and no check digits.
"""

from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Final, TypeAlias

import msgspec

from counterfoil.connectors.sandbox.entry import Entry
from counterfoil.connectors.sandbox.tape import File, Mapped, Memory, Tape
from counterfoil.core.order import Kind, Outcome

RECENT_MAX: Final = 10_000  # entries in memory: a second of the fastest load, 3 MB
SCRIPTS_MAX: Final = 50_000  # references kept in memory by which later operations misbehave
SCRIPT: Final = b'"script":'
LINE_BYTES: Final = 256  # about the length of a line; none is longer than twice this
BLOCK_BYTES: Final = 1 << 18  # read at a time
HEAD: Final = b'{"reference":'


class BookError(Exception):
    """The file is no book, or was damaged."""


Totals: TypeAlias = dict[int, dict[Kind, int]]


class Book:
    """The entries on a tape; the first of a reference stands, whichever process wrote it."""

    def __init__(self, tape: Tape, recent_max: int = RECENT_MAX, *, alone: bool = False) -> None:
        """Reads the end of the tape; raises `BookError` where that is no book.

        `alone`: no other process writes on it, so nothing is locked or looked for.
        """
        self._alone = alone
        self._ragged = False
        self._tape = tape
        self._recent_max = recent_max
        self._recent: OrderedDict[int, Entry] = OrderedDict()
        self._let_go = 0  # no reference above this has left memory
        self._scripts: OrderedDict[int, str] = OrderedDict()
        self._scripts_let_go = 0  # the same for the references that misbehave
        self._position = 0  # what the tape holds up to here is in memory, or has been
        self._encode = msgspec.json.Encoder().encode
        self._decode = msgspec.json.Decoder(Entry).decode
        self._begin()

    def write(self, entry: Entry) -> Entry:
        """The entry that stands: this one, now booked, or the one its reference already has.

        Raises `OSError`; then nothing is booked.
        """
        if self._alone:
            if self._ragged:
                self._tape.cut(self._position)
                self._ragged = False
            return self._look(entry.reference) or self._append(entry)
        self._tape.lock()
        try:
            if self._catch_up():
                self._tape.cut(self._position)  # a writer died before it could take this off
            return self._look(entry.reference) or self._append(entry)
        finally:
            self._tape.unlock()

    def _append(self, entry: Entry) -> Entry:
        line = self._encode(entry) + b"\n"
        self._tape.append(line)
        self._position += len(line)
        self._keep(entry)
        return entry

    def find(self, reference: int) -> Entry | None:
        """The entry of that reference; None is certain."""
        entry = self._recent.get(reference)
        if entry is None:
            self._catch_up()
            entry = self._look(reference)
        return entry

    def script(self, reference: int) -> str | None:
        """The row of the table by which what follows that reference misbehaves, if one does."""
        if not self._alone:
            self._catch_up()
        found = self._scripts.get(reference)
        if found is None and reference <= self._scripts_let_go:
            entry = self._look(reference)
            found = None if entry is None else entry.script
        return found

    def entries(self) -> Iterator[Entry]:
        """Every entry booked so far, oldest first, read as it is asked for."""
        for line in self._lines(0, self._tape.size()):
            yield self._decoded(line)

    def totals(self) -> Totals:
        """Approved minor units of each kind, by the reference that the operations go back to.

        An authorization, and whatever names no original, goes back to itself. It takes memory for
        each such reference: for tests and closings, not for the way of a payment.
        """
        sums: Totals = {}
        for entry in self.entries():
            if entry.outcome is Outcome.APPROVED:
                root = None if entry.kind is Kind.AUTHORIZE else entry.original
                kinds = sums.setdefault(root or entry.reference, {})
                kinds[entry.kind] = kinds.get(entry.kind, 0) + entry.minor
        return sums

    def close(self) -> None:
        """Let go of the tape; a book that is closed raises `ValueError`."""
        self._tape.close()

    def _begin(self) -> None:
        size = self._tape.size()
        start = max(0, size - self._recent_max * LINE_BYTES)
        if start:
            start += self._tape.read(start, 2 * LINE_BYTES).find(b"\n") + 1
        self._position = start
        self._catch_up()
        rest = self._tape.read(self._position, len(HEAD))
        if rest and not (rest.startswith(HEAD) or HEAD.startswith(rest)):
            raise BookError("the file is not a book of the test bank")
        self._ragged = bool(rest)  # half a line: its writer died unanswered; who writes cuts it
        if start:
            self._let_go = max(self._let_go, max(self._recent, default=0))
            for line in self._lines(0, start):
                if SCRIPT in line:
                    self._remember(self._decoded(line))

    def _catch_up(self) -> int:
        """Take in what others wrote; gives how many bytes are left that are no whole line."""
        size = self._tape.size()
        if size != self._position:
            for line in self._lines(self._position, size):
                self._position += len(line) + 1
                self._keep(self._decoded(line))
        return size - self._position

    def _look(self, reference: int) -> Entry | None:
        entry = self._recent.get(reference)
        if entry is None and reference <= self._let_go:
            return self._search(reference)
        return entry

    def _remember(self, entry: Entry) -> None:
        if entry.script is not None:
            self._scripts[entry.reference] = entry.script
            if len(self._scripts) > SCRIPTS_MAX:
                gone, _ = self._scripts.popitem(last=False)
                self._scripts_let_go = max(self._scripts_let_go, gone)

    def _keep(self, entry: Entry) -> None:
        self._remember(entry)
        self._recent[entry.reference] = entry
        if len(self._recent) > self._recent_max:
            gone, _ = self._recent.popitem(last=False)
            self._let_go = max(self._let_go, gone)

    def _lines(self, start: int, end: int) -> Iterator[bytes]:
        rest = b""
        while start < end:
            block = self._tape.read(start, min(BLOCK_BYTES, end - start))
            start += len(block)
            *whole, rest = (rest + block).split(b"\n")
            yield from whole

    def _search(self, reference: int) -> Entry | None:
        wanted = b"%b%d," % (HEAD, reference)
        end = self._position
        while end > 0:
            start = max(0, end - BLOCK_BYTES)
            block = self._tape.read(start, end - start + len(wanted))
            at = block.rfind(wanted)
            if at >= 0:
                return self._decoded(next(self._lines(start + at, self._position)))
            end = start
        return None

    def _decoded(self, line: bytes) -> Entry:
        try:
            return self._decode(line)
        except msgspec.MsgspecError as error:
            raise BookError("a line of the test bank's book is damaged") from error


def open_book(path: Path | None, *, alone: bool = False) -> Book:
    """The book in that file, which is made where it is missing; None: in memory.

    Raises `OSError`, or `BookError` where the file is something else, or another process writes it
    and this one wants to be `alone`.
    """
    if path is None:
        return Book(Memory())
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        tape = Mapped(path) if alone else File(path)
    except BlockingIOError as locked:
        raise BookError(
            f"another process writes {path}: is the gateway running already?"
        ) from locked
    try:
        return Book(tape, alone=alone)
    except BookError as damaged:
        tape.close()
        raise BookError(f"{path}: {damaged}") from damaged
