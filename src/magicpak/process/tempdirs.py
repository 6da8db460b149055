"""Directories of our own, made and removed so that neither a signal nor a link diverts the work."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from magicpak.errors import Interrupted, MagicpakError, reason
from magicpak.process.signals import deferred
from magicpak.text import printable

DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
HELD = 8
"""Descriptors that a DirectoryStack keeps open: enough for nearly all trees, and little of what a process may have."""

REMOVING = HELD + 4
"""Descriptors that `remove_tree` opens at once, at most: a DirectoryStack, its root, its end, and one to look at."""


@contextmanager
def private_directory() -> Iterator[str]:
    """Yield the absolute path of a new directory that is ours alone, in TMPDIR or else /tmp; at exit it is removed.

    Raises MagicpakError where none can be made.
    """
    path = ""
    try:
        with deferred():
            path = _made_private_directory()
        yield path
    finally:
        try:
            with deferred():
                remove_tree(path)
        except Interrupted:  # it came before signals were deferred
            with deferred():
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
    message = "cannot create a directory for temporary files"
    raise MagicpakError(message, details=details, hints=["set TMPDIR to a directory that you can write to"])


class DirectoryStack:
    """The path from a directory down to one below it, held by descriptors, so that no link or rename can divert it.

    It begins at the directory with the descriptor `root`, which stays the caller's. However deep it goes, few
    descriptors are open: one that was closed is opened again as the `..` of the directory below it, and must have the
    device and inode number that it had. Paths may be longer than PATH_MAX.
    """

    def __init__(self, root: int) -> None:
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
    """Remove what stands at `path`, relative to the directory with the descriptor `parent`, and follow no link.

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
    stack = DirectoryStack(root)
    try:
        pending = [_remove_files(root)]
        while pending:
            if pending[-1]:
                with suppress(OSError):
                    _unlock(pending[-1][-1], stack.fd)
                try:
                    stack.enter(pending[-1][-1])
                except OSError:
                    pending[-1].pop()
                else:
                    pending.append(_remove_files(stack.fd))
                continue
            pending.pop()
            if pending:
                os.close(stack.leave())
                with suppress(OSError):
                    os.rmdir(pending[-1].pop(), dir_fd=stack.fd)
    finally:
        stack.close()
        os.close(root)


def _remove_files(directory: int) -> list[str]:
    """Remove everything but directories, whose names are returned."""
    with os.scandir(directory) as entries:
        found = list(entries)
    for entry in found:
        if not entry.is_dir(follow_symlinks=False):
            with suppress(OSError):
                os.unlink(entry.name, dir_fd=directory)
    return [entry.name for entry in found if entry.is_dir(follow_symlinks=False)]


def _unlock(name: str, parent: int | None) -> None:
    """Give the owner of a directory every right to it: otherwise only root can remove its contents."""
    handle = os.open(name, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
    try:
        os.chmod(f"/proc/self/fd/{handle}", 0o700)  # chmod(2) of the name could follow a link
    finally:
        os.close(handle)
