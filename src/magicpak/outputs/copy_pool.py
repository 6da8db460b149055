"""Threads that copy large files, one for each processor: the kernel does the work, without Python's lock."""

import os
from collections import deque
from collections.abc import Callable
from threading import Lock, Thread

from magicpak.bundle.entry import Copy
from magicpak.bundle.path import BundlePath

LARGE = 256 * 1024
"""The size in bytes from which a file is worth handing to a thread."""

_MAX_THREADS = 4
_MAX_JOBS = 16
"""Jobs that are unfinished at once: four for each thread; each has two descriptors, of at least 64 for a process."""


class CopyJob:
    """A copy of `entry` to `path` in the bundle, between two open descriptors, which belong to the job."""

    __slots__ = ("entry", "error", "lock", "path", "source", "target")

    def __init__(self, entry: Copy, source: int, target: int, path: BundlePath) -> None:
        self.entry = entry
        self.source = source
        self.target = target
        self.path = path
        self.error: BaseException | None = None
        self.lock = Lock()  # held until the file is copied
        self.lock.acquire()

    def close(self) -> None:
        """Close both descriptors."""
        os.close(self.source)
        os.close(self.target)


class CopyPool:
    """Runs `copy` for jobs in several threads, and `finish` for each in the caller's thread, in the order of `add`.

    What `copy` raises becomes the job's `error`. The threads inherit the caller's mask of blocked signals.
    """

    def __init__(self, copy: Callable[[Copy, int, int], None], finish: Callable[[CopyJob], None]) -> None:
        self._copy = copy
        self._finish = finish
        self._waiting: deque[CopyJob] = deque()
        self._unfinished: deque[CopyJob] = deque()
        self._threads: list[Thread] = []
        self._max_threads = min(_MAX_THREADS, len(os.sched_getaffinity(0))) - 1

    def add(self, job: CopyJob) -> None:
        """Add `job`. Raises what `finish` raises for an earlier one."""
        self._unfinished.append(job)
        self._waiting.append(job)
        if len(self._threads) < min(self._max_threads, len(self._waiting) - 1):  # the caller can do one itself
            self._start_thread()
        while len(self._unfinished) >= _MAX_JOBS or (not self._max_threads and self._unfinished):
            self._finish_first()

    def finish_all(self) -> None:
        """Wait until all jobs are done, and help with them. Raises what `finish` raises."""
        while self._unfinished:
            self._finish_first()

    def cancel(self) -> None:
        """Drop the jobs that are waiting, wait for those that are being copied, and close all descriptors."""
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
        except RuntimeError:  # there can be no more threads: the caller copies alone
            self._max_threads = 0
            return
        self._threads.append(thread)

    def _work(self) -> None:
        """Copy until no job is waiting; the next `add` starts a new thread."""
        while self._copy_next():
            pass

    def _copy_next(self) -> bool:
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
            if not self._copy_next():
                first.lock.acquire()
                break
        self._unfinished.popleft()
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        try:
            self._finish(first)
        finally:
            first.close()
