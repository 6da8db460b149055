"""Large files, copied by as many threads as there are processors: the kernel does the work, without Python's lock."""

import os
from collections import deque
from collections.abc import Callable
from threading import Lock, Thread

from magicpak.bundle.entry import Copy
from magicpak.bundle.path import BundlePath

LARGE = 256 * 1024
"""From this size on, in bytes, a file is worth handing over."""

_MOST_THREADS = 4
_MOST_OPEN = 64  # files that wait or are copied at once; each has two descriptors


class CopyJob:
    """One file to be copied between two open descriptors, which belong to the job."""

    __slots__ = ("entry", "error", "lock", "path", "source", "target")

    def __init__(self, entry: Copy, source: int, target: int, path: BundlePath) -> None:
        """Take what is copied, and what it is in the bundle."""
        self.entry = entry
        self.source = source
        self.target = target
        self.path = path
        self.error: BaseException | None = None
        self.lock = Lock()  # held while it is not done
        self.lock.acquire()

    def close(self) -> None:
        """Close both descriptors."""
        os.close(self.source)
        os.close(self.target)


class CopyPool:
    """Copies jobs with `copy`, and hands each to `finish` in the order in which they came, in the caller's thread.

    What `copy` has raised is then the job's `error`. The threads are started with the signals held back that the caller
    holds back, and hold them back too.
    """

    def __init__(self, copy: Callable[[Copy, int, int], None], finish: Callable[[CopyJob], None]) -> None:
        """Take what copies bytes, from any thread, and what is done when a job is copied."""
        self._copy = copy
        self._finish = finish
        self._waiting: deque[CopyJob] = deque()
        self._unfinished: deque[CopyJob] = deque()
        self._threads: list[Thread] = []
        self._most = min(_MOST_THREADS, len(os.sched_getaffinity(0))) - 1

    def add(self, job: CopyJob) -> None:
        """Take over `job`. Raises what finishing an earlier one raises."""
        self._unfinished.append(job)
        self._waiting.append(job)
        if len(self._threads) < min(self._most, len(self._waiting) - 1):  # the caller can do one itself
            self._start_thread()
        while len(self._unfinished) >= _MOST_OPEN or (not self._most and self._unfinished):
            self._finish_first()

    def finish_all(self) -> None:
        """Wait until all jobs are done, helping with them. Raises what finishing one raises."""
        while self._unfinished:
            self._finish_first()

    def cancel(self) -> None:
        """Drop what has not begun, wait for what has, and close everything."""
        self._waiting.clear()
        for thread in self._threads:
            thread.join()
        self._threads.clear()
        while self._unfinished:
            self._unfinished.popleft().close()

    def _start_thread(self) -> None:
        thread = Thread(target=self._work, daemon=True)
        try:
            thread.start()
        except RuntimeError:  # no thread can be had: the caller does all
            self._most = 0
            return
        self._threads.append(thread)

    def _work(self) -> None:
        """Copy until nothing waits; the next `add` hires anew."""
        while self._do_one():
            pass

    def _do_one(self) -> bool:
        try:
            job = self._waiting.popleft()
        except IndexError:
            return False
        try:
            self._copy(job.entry, job.source, job.target)
        except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
            job.error = error
        job.lock.release()
        return True

    def _finish_first(self) -> None:
        first = self._unfinished[0]
        while not first.lock.acquire(blocking=False):
            if not self._do_one():
                first.lock.acquire()
                break
        self._unfinished.popleft()
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        try:
            self._finish(first)
        finally:
            first.close()
