"""Where a bundle directory goes: to a name that is free, or into an empty directory that stays what it is."""

import os
import stat
from collections.abc import Sequence
from contextlib import suppress
from typing import Protocol

from magicpak.bundle.entry import Attributes
from magicpak.errors import OutputNotUsable, reason
from magicpak.outputs.metadata import MetadataWriter
from magicpak.process.tempdirs import DIRECTORY, remove_tree
from magicpak.text import printable

_NAME_SHOWN = 48  # characters of at most four bytes: with the rest below the 255 bytes of a name


class Destination(Protocol):
    """Somewhere a tree can be written to; `make` once, then either `commit` or `undo`."""

    def make(self) -> int:
        """Return the descriptor of an empty directory that becomes the bundle's root. Raises OSError."""
        ...

    def commit(self, metadata: MetadataWriter) -> None:
        """Let the bundle stand at its place. Raises OSError or OutputNotUsable."""
        ...

    def rollback(self) -> bool:
        """Remove what was made; return whether all is as before."""
        ...


def destination_for(path: str) -> Destination:
    """Look at `path`, changing nothing, and return what it is as a place. Raises OutputNotUsable."""
    clean = _without_trailing_dots(path)
    try:
        status = os.stat(clean)
    except (FileNotFoundError, NotADirectoryError):
        _refuse_unmakeable(path, clean)
        return NewDirectory(path, clean)
    except OSError as error:
        raise OutputNotUsable(path, f"cannot be looked at: {reason(error)}") from error
    if not stat.S_ISDIR(status.st_mode):
        raise OutputNotUsable(path, "is there already and no directory", "name a directory that is new or empty")
    try:
        _refuse_full(path, os.listdir(clean))
    except OSError as error:
        raise OutputNotUsable(path, f"cannot be listed: {reason(error)}") from error
    if not os.access(clean, os.W_OK | os.X_OK, effective_ids=True):
        raise OutputNotUsable(path, "is a directory that cannot be written to")
    return EmptyDirectory(path, clean)


def _without_trailing_dots(path: str) -> str:
    clean = path
    while clean.endswith(("/", "/.")) and clean.strip("/"):
        clean = clean.removesuffix(".").rstrip("/")
    return clean or path


def _refuse_full(path: str, names: Sequence[str]) -> None:
    if names:
        hint = "name a directory that is new or empty; nothing is ever overwritten"
        raise OutputNotUsable(path, f"is a directory that holds something already: {printable(min(names))}", hint)


def _refuse_a_removed_start(path: str) -> None:
    try:
        os.getcwd()
    except OSError as error:
        raise OutputNotUsable(path, "cannot be made: the current directory was removed") from error


def _refuse_unmakeable(path: str, clean: str) -> None:
    if os.path.islink(clean):
        raise OutputNotUsable(path, f"is a link to {printable(os.readlink(clean))}, which does not exist")
    parent, name = os.path.split(clean)
    if name in {"", ".", ".."}:
        raise OutputNotUsable(path, "names nothing that can be made")
    if not clean.startswith("/"):
        _refuse_a_removed_start(path)
    while not os.path.lexists(parent or "."):
        parent = os.path.dirname(parent)
    ancestor = parent or "."
    if not os.path.isdir(ancestor):
        raise OutputNotUsable(path, f"cannot be made: {printable(ancestor)} is no directory")
    if not os.access(ancestor, os.W_OK | os.X_OK, effective_ids=True):
        raise OutputNotUsable(path, f"cannot be made: {printable(ancestor)} cannot be written to")


class NewDirectory:
    """A path where nothing is: the bundle grows beside it under another name, and is renamed once."""

    def __init__(self, path: str, clean: str) -> None:
        """Take the path as the user wrote it, and without a slash at its end."""
        self._path = path
        self._parent_path, self._name = os.path.split(clean)
        self._staging = f".{self._name[:_NAME_SHOWN]}.magicpak-{os.urandom(8).hex()}"
        self._parents: list[str] = []
        self._parent = self._root = -1

    def make(self) -> int:
        """Make the missing parents, and the directory that will be renamed."""
        self._make_parents(self._parent_path)
        self._parent = os.open(self._parent_path or ".", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        self._root = _made_root(self._staging, self._parent)
        return self._root

    def _make_parents(self, path: str) -> None:
        missing = []
        while path and not os.path.lexists(path):
            missing.append(path)
            path = os.path.dirname(path)
        for directory in reversed(missing):
            with suppress(FileExistsError):  # made meanwhile, or `new/..`
                os.mkdir(directory)
                self._parents.append(directory)

    def commit(self, metadata: MetadataWriter) -> None:
        """Give the root the mode and owner of the host's root, and rename it, over nothing.

        Only an empty directory that appears between the look and the rename could be replaced (rename(2)).
        """
        host = os.stat("/")
        metadata.finish(self._root, Attributes(stat.S_IMODE(host.st_mode), host.st_uid, host.st_gid), "/")
        with suppress(FileNotFoundError):
            os.stat(self._name, dir_fd=self._parent, follow_symlinks=False)
            raise OutputNotUsable(self._path, "has appeared while the bundle was being written")
        os.rename(self._staging, self._name, src_dir_fd=self._parent, dst_dir_fd=self._parent)
        self._close()

    def rollback(self) -> bool:
        """Remove the unfinished bundle with all it holds, and the parents that were made for it."""
        gone = self._parent < 0 or remove_tree(self._staging, self._parent)
        self._close()
        for directory in reversed(self._parents):
            with suppress(OSError):
                os.rmdir(directory)
        return gone

    def _close(self) -> None:
        for descriptor in (self._root, self._parent):
            if descriptor >= 0:
                os.close(descriptor)


class EmptyDirectory:
    """A directory that is there and empty: it may be a mount point or somebody's current directory, so it stays.

    The bundle grows in a directory of its own inside, and what it holds moves up at the end.
    """

    def __init__(self, path: str, clean: str) -> None:
        """Take the path as the user wrote it, and without a slash at its end."""
        self._path = path
        self._clean = clean
        self._staging = f".magicpak-{os.urandom(8).hex()}"
        self._moved: list[str] = []
        self._directory = self._root = -1
        self._times = 0, 0

    def make(self) -> int:
        """Make the directory inside. Raises OutputNotUsable where it is no longer empty."""
        self._directory = os.open(self._clean, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        status = os.fstat(self._directory)
        self._times = status.st_atime_ns, status.st_mtime_ns
        _refuse_full(self._path, os.listdir(self._directory))
        self._root = _made_root(self._staging, self._directory)
        return self._root

    def commit(self, metadata: MetadataWriter) -> None:
        """Move all up, over nothing, and set the time of the directory."""
        _refuse_full(self._path, [name for name in os.listdir(self._directory) if name != self._staging])
        for name in sorted(os.listdir(self._root)):
            os.rename(name, name, src_dir_fd=self._root, dst_dir_fd=self._directory)
            self._moved.append(name)
        os.rmdir(self._staging, dir_fd=self._directory)
        metadata.finish_time(self._directory, "/")
        self._close()

    def rollback(self) -> bool:
        """Empty it of what was made, and give it back its times."""
        if self._directory < 0:
            return True
        gone = [remove_tree(name, self._directory) for name in (*self._moved, self._staging)]
        with suppress(OSError):
            os.utime(self._directory, ns=self._times)
        self._close()
        return all(gone)

    def _close(self) -> None:
        for descriptor in (self._root, self._directory):
            if descriptor >= 0:
                os.close(descriptor)


def _made_root(name: str, parent: int) -> int:
    """Make the directory that becomes the bundle's root, or whose contents do, and return its descriptor."""
    os.mkdir(name, 0o700, dir_fd=parent)
    root = os.open(name, DIRECTORY, dir_fd=parent)
    for attribute in ("system.posix_acl_default", "system.posix_acl_access"):
        with suppress(OSError):  # what a parent's default list gave it; mostly there is none
            os.removexattr(root, attribute)
    return root
