"""Signals: held back while something must not be interrupted, and without effect once the work is committed."""

import signal
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager

from magicpak.errors import Interrupted

Mask = set[int | signal.Signals]

_ENDING = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP})


def blocked() -> AbstractContextManager[Mask]:
    """Block all signals while inside, so that no handler runs, which may raise; gives the mask that was in force."""
    return _masked(signal.SIG_BLOCK, signal.valid_signals())


def deferred() -> AbstractContextManager[Mask]:
    """Defer SIGINT, SIGTERM and SIGHUP while inside: one that arrives meanwhile is handled at the end.

    Only the calling thread is guarded (pthread_sigmask(3)). Long work calls `raise_if_interrupted` now and then.
    """
    return _masked(signal.SIG_BLOCK, _ENDING)


def interruptible() -> AbstractContextManager[Mask]:
    """Let SIGINT, SIGTERM and SIGHUP through while inside `deferred`: they raise Interrupted here."""
    return _masked(signal.SIG_UNBLOCK, _ENDING)


@contextmanager
def _masked(how: int, signals: Iterable[int]) -> Iterator[Mask]:
    earlier = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    try:
        signal.pthread_sigmask(how, signals)  # runs the handlers of what came just before, which may raise
        yield earlier
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, earlier)


def raise_if_interrupted() -> None:
    """Raise Interrupted if a signal is deferred, so that what was begun is undone before the signal is handled."""
    for number in sorted(signal.sigpending() & _ENDING):
        if signal.getsignal(number) is not signal.SIG_IGN:  # the kernel lists what is ignored too, as under nohup(1)
            raise Interrupted(number)


class Committed:
    """Whether the process has done what it was started for, so that a signal is too late to undo it."""

    _is_so = False

    @classmethod
    def now(cls) -> None:
        """Declare it done: from now on a signal that would end the process has no effect."""
        cls._is_so = True

    @classmethod
    def already(cls) -> bool:
        """Return whether it is done."""
        return cls._is_so
