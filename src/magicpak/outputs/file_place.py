"""Where a bundle that is one file goes: to an unused name, as a whole or not at all, or through a pipe."""

import os
import stat
import sys
from collections.abc import Callable

from magicpak.errors import MagicpakError, OutputNotUsable, reason
from magicpak.outputs.destination import NewDirectory, require_creatable
from magicpak.outputs.sink import Sink
from magicpak.process.signals import Committed, deferred
from magicpak.process.tempdirs import remove_tree
from magicpak.text import printable

_STDOUT = 1
_ARCHIVE = "archive"
_HINT = "choose a new name: magicpak never overwrites anything"
Fill = Callable[[Sink], None]
"""Writes the file. Raises OSError and MagicpakError."""


class FilePlace:
    """A path that does not exist yet, a named pipe or device, or stdout for None; messages call it `name`."""

    def __init__(self, name: str, path: str | None) -> None:
        self._name = name
        self._path = path

    def check(self) -> None:
        """Raise OutputNotUsable if nothing could be written there now, without changing anything."""
        if self._path is None:
            self._check_stdout()
        elif not self._path:
            raise OutputNotUsable(printable(self._name) or "''", "is an empty path")
        elif (mode := self._mode(self._path)) is None:
            require_creatable(self._name, self._path)
        elif stat.S_ISDIR(mode):
            raise OutputNotUsable(self._name, "is a directory", _HINT)
        elif not _is_stream(mode):
            raise OutputNotUsable(self._name, "already exists", _HINT)
        elif not os.access(self._path, os.W_OK, effective_ids=True):
            raise OutputNotUsable(self._name, "is not writable")

    def write(self, fill: Fill) -> None:
        """Let `fill` write the file; after a failure or a signal nothing is there, unless a reader has it already.

        A signal interrupts what waits for a reader. Raises OutputNotUsable, and what `fill` raises.
        """
        self.check()
        try:
            if self._path is None:
                fill(Sink(_STDOUT))
                Committed.now()
            elif self._mode(self._path) is None:
                with deferred():
                    self._create(self._path, fill)
            else:
                _fill_stream(self._path, fill)
                Committed.now()
        except OSError as error:
            raise OutputNotUsable(self._name, f"cannot be written: {reason(error)}") from error

    def _check_stdout(self) -> None:
        if sys.stdout is None:
            raise OutputNotUsable(self._name, "is closed")
        if os.isatty(_STDOUT):
            raise OutputNotUsable(self._name, "is a terminal", "redirect it to a file, or to a program such as tar")

    def _mode(self, path: str) -> int | None:
        """Return the kind and mode of what `path` leads to; None for nothing."""
        try:
            return os.stat(path).st_mode
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise OutputNotUsable(self._name, f"cannot be accessed: {reason(error)}") from error

    def _create(self, path: str, fill: Fill) -> None:
        place = _NewFile(self._name, path)
        try:
            directory = place.create()
            target = os.open(_ARCHIVE, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666, dir_fd=directory)
            try:
                fill(Sink(target))
            finally:
                os.close(target)
            place.commit_file()
            Committed.now()
        except BaseException as error:
            if not place.rollback() and isinstance(error, MagicpakError):
                error.details += (f"cannot remove everything that was written beside {printable(self._name)}",)
            raise


class _NewFile(NewDirectory):
    """A file that is written in a new directory beside its path."""

    def commit_file(self) -> None:
        """Move the file to its path without replacing anything, and remove the directory that was made for it."""
        self._require_free()
        try:  # unlike rename(2), link(2) replaces nothing
            os.link(_ARCHIVE, self._name, src_dir_fd=self._root, dst_dir_fd=self._parent)
        except OSError:  # it appeared just now, or the file system has no hard links
            self._require_free()
            os.rename(_ARCHIVE, self._name, src_dir_fd=self._root, dst_dir_fd=self._parent)
        remove_tree(self._staging, self._parent)
        self._close()


def _is_stream(mode: int) -> bool:
    return stat.S_ISFIFO(mode) or stat.S_ISCHR(mode)


def _fill_stream(path: str, fill: Fill) -> None:
    target = os.open(path, os.O_WRONLY | os.O_CLOEXEC | os.O_NOCTTY)
    try:
        fill(Sink(target))
    finally:
        os.close(target)
