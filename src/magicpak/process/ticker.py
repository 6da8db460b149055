"""A thread that does something at intervals, and that does not exist while this process forks."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import ClassVar

from magicpak.process.signals import deferred


class Ticker:
    """Calls `tick` every `seconds`, from `start` to `stop`, in a thread of its own."""

    _running: ClassVar[set["Ticker"]] = set()

    def __init__(self, tick: Callable[[], object], seconds: float) -> None:
        self._tick = tick
        self._seconds = seconds
        self._stopped = Event()
        self._thread: Thread | None = None

    def start(self) -> None:
        """Start the thread, unless it runs or the system has none for us."""
        if self._thread is not None:
            return
        self._stopped = Event()
        thread = Thread(target=self._run, args=(self._stopped,), daemon=True)
        with deferred():  # signals are for the thread that does the work
            try:
                thread.start()
            except RuntimeError:
                return
            self._thread = thread
            self._running.add(self)

    def stop(self) -> None:
        """End the thread, if it runs."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
            self._running.discard(self)

    def _run(self, stopped: Event) -> None:
        while not stopped.wait(self._seconds):
            self._tick()

    @classmethod
    @contextmanager
    def all_stopped(cls) -> Iterator[None]:
        """Let no ticker run while inside: fork(2) copies the locks that a thread holds, but not that thread."""
        running = tuple(cls._running)
        try:
            for ticker in running:
                ticker.stop()
            yield
        finally:
            for ticker in running:
                ticker.start()
