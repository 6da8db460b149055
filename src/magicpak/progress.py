"""The last row of a terminal: what is going on, how far it has come, and for how long."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from os import get_terminal_size
from threading import Event, Lock, Thread
from time import monotonic
from typing import NamedTuple

from magicpak.process.tempdirs import uninterrupted
from magicpak.text import printable, write_error

_BEAT = 0.2  # seconds between two looks at the clock
_WIDTH = 20  # columns of a bar
_USUAL_COLUMNS = 80
_TO_THE_END = "\x1b[K"  # erases the rest of the line, ECMA-48 (EL)


class _Activity(NamedTuple):
    """What is going on, in words; what tells in words how far it has come; and when it began."""

    what: str
    measure: Callable[[], str] | None
    since: float


class StatusLine:
    """Shows on stderr, a terminal, what takes more than a second; the row is empty again before anything else is there.

    It is looked at by whoever calls `look`, or by a thread of its own.
    """

    def __init__(self) -> None:
        """Begin with nothing going on."""
        self._lock = Lock()
        self._task: _Activity | None = None
        self._line = ""
        self._over = Event()
        self._thread: Thread | None = None

    def begin(self, what: str, measure: Callable[[], str] | None = None) -> None:
        """Take what is going on from now on, and what tells how far it has come; the latter is called by any thread."""
        with self.freed():
            self._task = _Activity(what, measure, monotonic())

    def look(self) -> None:
        """Show what there is to show by now."""
        with self._lock:
            task = self._task
            seconds = int(monotonic() - task.since) if task else 0
            if task is None or not seconds:
                return
            far = f" {task.measure()}" if task.measure else ""
            line = _fitting(_as_carried(printable(task.what)), f"{far} {_dots()} {seconds} s")
            if line != self._line:
                self._line = line
                write_error(f"\r{line}{_TO_THE_END}")

    def keep_looking(self) -> None:
        """Let a thread look, if one can be had, until `rest`: nothing may be forked (fork(2)) before that."""
        if self._thread is not None:
            return
        self._over = Event()
        thread = Thread(target=self._look_until, args=(self._over,), daemon=True)
        try:
            with uninterrupted():  # signals are for the thread that does the work
                thread.start()
        except RuntimeError:
            return
        self._thread = thread

    def rest(self) -> None:
        """End the thread, if there is one, and show nothing any more."""
        self._over.set()
        with self.freed():
            self._task = None
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    @contextmanager
    def freed(self) -> Iterator[None]:
        """Keep the row empty while inside."""
        with self._lock:
            if self._line:
                self._line = ""
                write_error(f"\r{_TO_THE_END}")
            yield

    def _look_until(self, over: Event) -> None:
        while not over.wait(_BEAT):
            self.look()


class ProgressBar:
    """How much of a whole is done, counted by any thread."""

    def __init__(self, whole: Callable[[], int]) -> None:
        """Take what returns the whole; it is asked when that is first shown."""
        self._lock = Lock()
        self._done = 0
        self._ask = whole
        self._whole: int | None = None

    def add(self, amount: int) -> None:
        """Count `amount` as done."""
        with self._lock:
            self._done += amount

    def bar(self) -> str:
        """Return it as a bar and in percent."""
        if self._whole is None:
            self._whole = self._ask()
        percent = min(100 * self._done // self._whole, 100) if self._whole else 0
        return f"[{'#' * (_WIDTH * percent // 100):{_WIDTH}}] {percent} %"


def _fitting(head: str, tail: str) -> str:
    """Return `head` and `tail` on one row that is not full, for a full one may wrap; `head` is cut first."""
    room = _columns() - 1
    return _cut(_cut(head, room - len(tail)) + tail, room)


def _cut(text: str, columns: int) -> str:
    """Return as much of the beginning of `text` as fits into so many columns of a terminal."""
    if text.isascii():
        return text[: max(columns, 0)]
    from unicodedata import east_asian_width

    for index, character in enumerate(text):
        columns -= 2 if east_asian_width(character) in ("W", "F") else 1
        if columns < 0:
            return text[:index]
    return text


def _as_carried(text: str) -> str:
    """Return `text` with escapes for what the encoding of stderr has not."""
    return text.encode(sys.stderr.encoding, "backslashreplace").decode(sys.stderr.encoding)


def _dots() -> str:
    return "…" if _as_carried("…") == "…" else "..."


def _columns() -> int:
    try:
        return get_terminal_size(sys.stderr.fileno()).columns or _USUAL_COLUMNS
    except (OSError, ValueError):
        return _USUAL_COLUMNS
