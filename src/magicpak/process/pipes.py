"""Pipes to a child process: its output is read and its input written as far as neither has to wait."""

import fcntl
import os
import select
from collections.abc import Callable
from contextlib import suppress

from magicpak.process.signals import blocked
from magicpak.text import count_noun

TAIL = 1 << 16
"""Bytes that an OutputTail keeps of a program that we run for the user."""

LONGEST_LINE = 1 << 14
"""Bytes of a line that an OutputTail hands on: nobody reads more of one, and binary data need not have any end."""

_CHUNK = 1 << 16
_FIRST_FREE = 3  # after stdin, stdout and stderr


class ChildPipes:
    """Our ends of the pipes to a child: its stdin, and any number of pipes that it writes to.

    Each end is closed when it is done, or by `close`, and once, whatever a signal handler raises meanwhile. They are
    opened with signals blocked. `stdin` is a descriptor, -1 when closed.
    """

    def __init__(self) -> None:
        self.stdin = -1
        self._unsent = memoryview(b"")
        self._readers: dict[int, Callable[[bytes], object]] = {}
        self._poller = select.poll()

    @property
    def is_reading(self) -> bool:
        """Whether more can come from the child."""
        return bool(self._readers)

    def open_stdin(self) -> int:
        """Make the pipe that is the child's stdin, and return the child's end. Raises OSError."""
        theirs, self.stdin = pipe()
        return theirs

    def open_reader(self, on_chunk: Callable[[bytes], object]) -> int:
        """Make a pipe that the child writes to, and return the child's end. Raises OSError.

        `on_chunk` is called with each piece that was read, and at the end with an empty one.
        """
        ours, theirs = pipe()
        self._readers[ours] = on_chunk
        self._poller.register(ours, select.POLLIN)
        return theirs

    def send(self, data: bytes) -> None:
        """Have `data` written to the child's stdin, which is closed after that."""
        if not data:
            self.close_stdin()
            return
        os.set_blocking(self.stdin, False)
        self._unsent = memoryview(data)
        self._poller.register(self.stdin, select.POLLOUT)

    def move(self, seconds: float) -> bool:
        """Wait for `seconds` at most until something can be read or written, and do it; return whether there was."""
        ready = self._poller.poll(max(seconds, 0) * 1000)
        for descriptor, _events in ready:
            if descriptor == self.stdin:
                self._write()
            else:
                self._read(descriptor)
        return bool(ready)

    def close_stdin(self) -> None:
        """Let the child read the end of its stdin."""
        self._close(self.stdin)

    def close(self) -> None:
        """Close all that is open."""
        for descriptor in (self.stdin, *self._readers):
            self._close(descriptor)

    def _read(self, descriptor: int) -> None:
        chunk = os.read(descriptor, _CHUNK)
        self._readers[descriptor](chunk)
        if not chunk:
            self._close(descriptor)

    def _write(self) -> None:
        try:
            self._unsent = self._unsent[os.write(self.stdin, self._unsent[:_CHUNK]) :]
        except BrokenPipeError:  # nobody reads the rest
            self._unsent = self._unsent[:0]
        if not self._unsent:
            self.close_stdin()

    def _close(self, descriptor: int) -> None:
        with blocked():  # else the number might be closed and not yet forgotten
            if descriptor >= 0:
                with suppress(KeyError):  # stdin, while nothing is being sent
                    self._poller.unregister(descriptor)
                self._readers.pop(descriptor, None)
                if descriptor == self.stdin:
                    self.stdin = -1
                os.close(descriptor)


class OutputTail:
    """The last `limit` bytes of what comes out of a pipe; `on_line` is called with each line.

    Of a line that is longer than LONGEST_LINE it gets the beginning, and how much more there was.
    """

    def __init__(self, limit: int = TAIL, on_line: Callable[[bytes], None] | None = None) -> None:
        self.kept = bytearray()
        self._limit = limit
        self._line = bytearray()
        self._line_left = 0
        self._on_line = on_line

    def take(self, chunk: bytes) -> None:
        """Add what was read; an empty chunk is the end."""
        self.kept += chunk
        del self.kept[: -self._limit]
        if self._on_line is None:
            return
        *lines, rest = chunk.split(b"\n")
        for line in lines:
            self._extend_line(line)
            self._end_line(self._on_line)
        self._extend_line(rest)
        if not chunk and self._line:
            self._end_line(self._on_line)

    def _extend_line(self, piece: bytes) -> None:
        taken = piece[: LONGEST_LINE - len(self._line)]
        self._line += taken
        self._line_left += len(piece) - len(taken)

    def _end_line(self, on_line: Callable[[bytes], None]) -> None:
        more = f" and {count_noun(self._line_left, 'more byte')}" if self._line_left else ""
        on_line(bytes(self._line) + more.encode())
        self._line.clear()
        self._line_left = 0


def pipe() -> tuple[int, int]:
    """Return the ends of a pipe, above 2 even where we were started without stdin, stdout or stderr. Raises OSError."""
    ends = os.pipe()
    if min(ends) >= _FIRST_FREE:
        return ends
    higher = tuple(fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, _FIRST_FREE) for end in ends)
    for end in ends:
        os.close(end)
    return higher[0], higher[1]
