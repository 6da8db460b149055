"""The last row of a terminal: what is going on, how far it has come, and for how long."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from os import get_terminal_size
from threading import Lock
from time import monotonic
from typing import NamedTuple

from magicpak.process.ticker import Ticker
from magicpak.text import printable, write_error

_BEAT = 0.2  # seconds between two looks at the clock
_WIDTH = 20  # columns of a bar
_USUAL_COLUMNS = 80
_TO_THE_END = "\x1b[K"  # erases the rest of the line, ECMA-48 (EL)


class _Activity(NamedTuple):
    """What is going on, in words; what returns in words how far it has come; and when it began."""

    what: str
    measure: Callable[[], str] | None
    since: float


class StatusLine:
    """Shows on stderr, a terminal, what takes more than a second; the row is empty again before anything else is there.

    A thread looks at the clock, so that the work has to call nothing, and is shown while it waits, too.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._activity: _Activity | None = None
        self._line = ""
        self._ticker = Ticker(self._refresh, _BEAT)

    def begin(self, what: str, measure: Callable[[], str] | None = None) -> None:
        """Set what is going on from now on, and what returns how far it has come, which the thread calls."""
        with self.cleared():
            self._activity = _Activity(what, measure, monotonic())
        self._ticker.start()

    def rest(self) -> None:
        """Show nothing any more."""
        self._ticker.stop()
        with self.cleared():
            self._activity = None

    @contextmanager
    def cleared(self) -> Iterator[None]:
        """Keep the row empty while inside."""
        with self._lock:
            if self._line:
                self._line = ""
                write_error(f"\r{_TO_THE_END}")
            yield

    def _refresh(self) -> None:
        """Show what there is to show by now."""
        with self._lock:
            activity = self._activity
            seconds = int(monotonic() - activity.since) if activity else 0
            if activity is None or not seconds:
                return
            measured = f" {activity.measure()}" if activity.measure else ""
            line = _fitted(_encodable(printable(activity.what)), f"{measured} {_dots()} {seconds} s")
            if line != self._line:
                self._line = line
                write_error(f"\r{line}{_TO_THE_END}")


class ProgressBar:
    """How much of a whole is done; `whole` is called when that is first shown."""

    def __init__(self, done: Callable[[], int], whole: Callable[[], int]) -> None:
        self._done = done
        self._whole = cache(whole)

    def text(self) -> str:
        """Return it as a bar and in percent."""
        whole = self._whole()
        percent = min(100 * self._done() // whole, 100) if whole else 0
        return f"[{'#' * (_WIDTH * percent // 100):{_WIDTH}}] {percent} %"


def _fitted(head: str, tail: str) -> str:
    """Return `head` and `tail` on one row that is not full, since a full one may wrap; `head` is cut first."""
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


def _encodable(text: str) -> str:
    """Return `text` with escapes for what the encoding of stderr lacks."""
    return text.encode(sys.stderr.encoding, "backslashreplace").decode(sys.stderr.encoding)


def _dots() -> str:
    return "…" if _encodable("…") == "…" else "..."


def _columns() -> int:
    try:
        return get_terminal_size(sys.stderr.fileno()).columns or _USUAL_COLUMNS
    except (OSError, ValueError):
        return _USUAL_COLUMNS
