"""Directories of our own, made and removed so that neither a signal nor a link diverts the work."""

import errno
import os
import signal
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from magicpak.errors import Interrupted, MagicpakError, reason
from magicpak.text import printable

DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
HELD = 64  # descriptors that a DirectoryStack keeps open; the usual limit for a process is 1024

_SIGNALS = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP})


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Hold SIGINT, SIGTERM and SIGHUP back while inside; one that came meanwhile is acted upon at the end.

    Only the calling thread is guarded (pthread_sigmask(3)). What takes long calls `raise_if_interrupted` now and then.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    try:
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)  # runs the handlers of what came just before
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def interruptible() -> Iterator[None]:
    """Let SIGINT, SIGTERM and SIGHUP through while inside, where they are held back: they raise Interrupted here."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def raise_if_interrupted() -> None:
    """Raise Interrupted if a signal is being held back, so that what was begun is undone before the signal's turn."""
    for number in sorted(signal.sigpending() & _SIGNALS):
        if signal.getsignal(number) is not signal.SIG_IGN:  # the kernel lists what is ignored too, as under nohup(1)
            raise Interrupted(number)


class Committed:
    """Whether the process has done what it was started for, so that a signal is too late to undo it."""

    _is_so = False

    @classmethod
    def now(cls) -> None:
        """Say that it is done: from here on a signal that would end the process has nothing to end."""
        cls._is_so = True

    @classmethod
    def already(cls) -> bool:
        """Tell whether it is done."""
        return cls._is_so


@contextmanager
def private_directory() -> Iterator[str]:
    """Yield the absolute path of a new directory that is ours alone, in TMPDIR or else /tmp; at exit it is removed.

    Raises MagicpakError where none can be made.
    """
    path = ""
    try:
        with uninterrupted():
            path = _made_private_directory()
        yield path
    finally:
        try:
            with uninterrupted():
                remove_tree(path)
        except Interrupted:  # it came before the signals were held back
            with uninterrupted():
                remove_tree(path)
            raise


def _made_private_directory() -> str:
    name = f"magicpak-{os.urandom(16).hex()}"
    candidates = [os.path.abspath(directory) for directory in (os.environ.get("TMPDIR"), "/tmp") if directory]  # noqa: S108 - where none is named
    details = []
    for directory in candidates:
        path = os.path.join(directory, name)
        try:
            os.mkdir(path, 0o700)
        except OSError as error:
            details.append(f"{printable(directory)}: {reason(error)}")
        else:
            os.chmod(path, 0o700)  # whatever the umask
            return path
    message = "no directory for temporary files can be made"
    raise MagicpakError(message, details=details, hints=["set TMPDIR to a directory in which you may write"])


class DirectoryStack:
    """The way from a directory down to one below it, held by descriptors, so that no link or rename can divert it.

    However deep it goes, few descriptors are open: one that was closed is opened again as the `..` of the directory
    below it, and must have the device and inode number that it had. Paths may be longer than PATH_MAX.
    """

    def __init__(self, root: int) -> None:
        """Begin at the directory with the descriptor `root`, which stays the caller's."""
        self.fd = root
        self._above: list[int | tuple[int, int]] = []

    def enter(self, name: str) -> None:
        """Go down to the directory `name`. Raises OSError, also where `name` is a link."""
        below = os.open(name, DIRECTORY, dir_fd=self.fd)
        self._above.append(self.fd)
        self.fd = below
        farthest = len(self._above) - HELD
        if farthest > 0 and isinstance(descriptor := self._above[farthest], int):
            self._above[farthest] = _identity(descriptor)
            os.close(descriptor)

    def leave(self) -> int:
        """Go up again, and return the descriptor of the directory that was left, for the caller to close.

        Raises OSError (ESTALE) where somebody has moved that directory meanwhile.
        """
        left, above = self.fd, self._above[-1]
        if not isinstance(above, int):
            known, above = above, os.open("..", DIRECTORY, dir_fd=left)
            if _identity(above) != known:
                os.close(above)
                raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))
        self._above.pop()
        self.fd = above
        return left

    def close(self) -> None:
        """Close what is open below the root."""
        for descriptor in [*self._above[1:], self.fd] if self._above else ():
            if isinstance(descriptor, int):
                os.close(descriptor)
        self._above.clear()


def _identity(descriptor: int) -> tuple[int, int]:
    status = os.fstat(descriptor)
    return status.st_dev, status.st_ino


def remove_tree(path: str, parent: int | None = None) -> bool:
    """Remove what stands at `path`, relative to the directory with the descriptor `parent`; follows no link.

    What cannot be removed stays, and does not keep the rest from being removed. Returns whether nothing is left.
    """
    try:
        if stat.S_ISDIR(os.stat(path, dir_fd=parent, follow_symlinks=False).st_mode):
            with suppress(OSError):
                _unlock(path, parent)
            _remove_contents(path, parent)
            os.rmdir(path, dir_fd=parent)
        else:
            os.unlink(path, dir_fd=parent)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def _remove_contents(path: str, parent: int | None) -> None:
    """Empty a directory, without recursion: a tree may be deeper than Python's stack."""
    root = os.open(path, DIRECTORY, dir_fd=parent)
    way = DirectoryStack(root)
    try:
        pending = [_remove_files(root)]
        while pending:
            if pending[-1]:
                with suppress(OSError):
                    _unlock(pending[-1][-1], way.fd)
                try:
                    way.enter(pending[-1][-1])
                except OSError:
                    pending[-1].pop()
                else:
                    pending.append(_remove_files(way.fd))
                continue
            pending.pop()
            if pending:
                os.close(way.leave())
                with suppress(OSError):
                    os.rmdir(pending[-1].pop(), dir_fd=way.fd)
    finally:
        way.close()
        os.close(root)


def _remove_files(directory: int) -> list[str]:
    """Remove all that is no directory, and return the names of those that are."""
    with os.scandir(directory) as entries:
        found = list(entries)
    for entry in found:
        if not entry.is_dir(follow_symlinks=False):
            with suppress(OSError):
                os.unlink(entry.name, dir_fd=directory)
    return [entry.name for entry in found if entry.is_dir(follow_symlinks=False)]


def _unlock(name: str, parent: int | None) -> None:
    """Give the owner of a directory every right to it: unless one is root, its contents cannot be removed else."""
    handle = os.open(name, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
    try:
        os.chmod(f"/proc/self/fd/{handle}", 0o700)  # chmod(2) of the name could follow a link
    finally:
        os.close(handle)
