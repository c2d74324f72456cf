"""Where the book's lines are written: the end of a file that processes may share, or memory.

Nothing written is changed. `lock` keeps other processes out between a look and a write; only a line
that a full disk cut short is taken off again.
"""

import errno
import fcntl
import os
from mmap import mmap
from pathlib import Path
from typing import Final, Protocol

ROOM_BYTES: Final = 1024 * 1024  # by which a mapped file grows


class Tape(Protocol):
    """Bytes that only grow."""

    def lock(self) -> None:
        """Keep other processes from writing."""
        ...

    def unlock(self) -> None:
        """Let them."""
        ...

    def size(self) -> int:
        """How many bytes there are."""
        ...

    def read(self, start: int, count: int) -> bytes:
        """At most so many bytes from there."""
        ...

    def append(self, line: bytes) -> None:
        """Write at the end; raises `OSError`, and then nothing is written."""
        ...

    def cut(self, size: int) -> None:
        """Take off what is beyond; only ever the beginning of a line."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...


class File:
    """A file, without fsync: what is written survives the death of the process."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def lock(self) -> None:
        """Keep other processes from writing; the system unlocks for a process that dies."""
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)

    def unlock(self) -> None:
        """Let them."""
        fcntl.flock(self._descriptor, fcntl.LOCK_UN)

    def size(self) -> int:
        """How many bytes are written: a writer that was killed leaves zero bytes after them."""
        size = os.fstat(self._descriptor).st_size
        while size and os.pread(self._descriptor, 1, size - 1) == b"\0":
            start = max(0, size - ROOM_BYTES)
            size = start + len(os.pread(self._descriptor, size - start, start).rstrip(b"\0"))
        return size

    def read(self, start: int, count: int) -> bytes:
        """At most so many bytes from there, of those written."""
        return os.pread(self._descriptor, count, start).rstrip(b"\0")

    def append(self, line: bytes) -> None:
        """Write at the end in one piece; call it under the lock."""
        written = os.write(self._descriptor, line)
        if written != len(line):
            self.cut(self.size() - written)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def cut(self, size: int) -> None:
        """Take off what is beyond; call it under the lock."""
        os.ftruncate(self._descriptor, size)

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)
        self._descriptor = -1  # the number may soon be another file's


class Mapped(File):
    """A file that one process alone writes, through memory: no call into the system for a line.

    What was written survives the death of the process, as with a file. The file is longer than what
    is written, by zero bytes; they are cut off when it is closed, or by whoever opens it next.
    """

    def __init__(self, path: Path) -> None:
        """Raises `BlockingIOError` where another process writes the file."""
        super().__init__(path)
        fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)  # until this process ends
        self._end = super().size()
        self._map = self._grown()

    def lock(self) -> None:
        """It is locked as long as it is open."""

    def unlock(self) -> None:
        """Nobody else is let in."""

    def size(self) -> int:
        """How many bytes are written."""
        return self._end

    def append(self, line: bytes) -> None:
        """Write at the end; raises `OSError` where the disk is full, and then nothing is."""
        if self._end + len(line) > len(self._map):
            grown = self._grown()
            self._map.close()
            self._map = grown
        self._map[self._end : self._end + len(line)] = line
        self._end += len(line)

    def cut(self, size: int) -> None:
        """Take off what is beyond."""
        self._map[size : self._end] = bytes(self._end - size)
        self._end = size

    def close(self) -> None:
        """Cut off the zero bytes, and close the file."""
        self._map.close()
        os.ftruncate(self._descriptor, self._end)
        super().close()

    def _grown(self) -> mmap:
        size = (self._end // ROOM_BYTES + 2) * ROOM_BYTES  # a line is far shorter than the room
        os.posix_fallocate(self._descriptor, 0, size)  # a hole in a full disk would be fatal
        return mmap(self._descriptor, size)


class Memory:
    """The same for one process, in memory: it grows, so it is for tests and trials."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def lock(self) -> None:
        """Nobody else is there."""

    def unlock(self) -> None:
        """Nobody else is there."""

    def size(self) -> int:
        """How many bytes there are."""
        return len(self._bytes)

    def read(self, start: int, count: int) -> bytes:
        """At most so many bytes from there."""
        return bytes(self._bytes[start : start + count])

    def append(self, line: bytes) -> None:
        """Write at the end."""
        self._bytes += line

    def cut(self, size: int) -> None:
        """Take off what is beyond."""
        del self._bytes[size:]

    def close(self) -> None:
        """Forget it."""
        self._bytes.clear()
