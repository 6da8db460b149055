"""Keeps the program on the tracer's own processor while it is a single thread.

Each stop hands the work from one process to the other. On one processor that takes a few microseconds; waking the other
up on a second one that is idle takes ten times as long, in a virtual machine a hundred microseconds. A program of
several threads needs all processors, and one that asks which it may use gets a true answer: then nothing is pinned.
"""

import ctypes
import os
import signal
from collections.abc import Callable, Iterable
from contextlib import suppress

_ALLOWED = 0.01  # seconds that a second thread may take before all of them get all processors: most are short


class Affinity:
    """Decides which processors the threads that are traced can run on: at first, all that we were given.

    `on_late` is called when several threads have been pinned to one for too long.
    """

    def __init__(self, on_late: Callable[[], None]) -> None:
        self.is_pinned = False
        self._all = os.sched_getaffinity(0)
        self._ours = {ctypes.CDLL(None).sched_getcpu()}
        self._is_over = len(self._all) == 1 or not self._ours <= self._all
        self._is_timed = False
        signal.signal(signal.SIGALRM, lambda _number, _frame: on_late())

    def inherited(self, tid: int, parent: int) -> None:
        """Note that `parent` has made the thread `tid`, which has inherited its processors, those of that moment."""
        if self.is_pinned:
            if not self._is_timed:
                self._time(_ALLOWED)
        elif _allowed(tid) == self._ours != _allowed(parent):
            _allow(tid, self._all)

    def pin(self, tid: int) -> None:
        """Give the thread `tid`, the only one that is traced, and ourselves, one processor."""
        if self.is_pinned:
            self._time(0)
        elif not self._is_over:
            self.is_pinned = True
            for each in (0, tid):
                _allow(each, self._ours)

    def unpin(self, tids: Iterable[int], *, for_good: bool = False) -> None:
        """Give all threads, and ourselves, all processors."""
        self._is_over |= for_good
        if self.is_pinned:
            self.is_pinned = False
            self._time(0)
            for each in (0, *tids):
                _allow(each, self._all)

    def _time(self, seconds: float) -> None:
        """Start the timer, which repeats itself lest it comes just before we begin to wait; 0 stops it."""
        if self._is_timed or seconds:
            signal.setitimer(signal.ITIMER_REAL, seconds, seconds)
            self._is_timed = bool(seconds)


def _allowed(tid: int) -> set[int]:
    try:
        return os.sched_getaffinity(tid)
    except OSError:  # it has just ended
        return set()


def _allow(tid: int, processors: set[int]) -> None:
    with suppress(OSError):  # it has just ended, or it is another user's: it runs on those that it has
        os.sched_setaffinity(tid, processors)
