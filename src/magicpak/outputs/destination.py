"""Where a bundle directory goes: to an unused name, or into an empty directory, which stays the same directory."""

import os
import stat
from collections.abc import Sequence
from contextlib import suppress
from typing import Protocol

from magicpak.bundle.entry import Attributes
from magicpak.errors import OutputNotUsable, reason
from magicpak.files.view import link_text
from magicpak.outputs.metadata import MetadataWriter
from magicpak.process.tempdirs import DIRECTORY, remove_tree
from magicpak.text import printable

_NAME_LENGTH = 48  # characters of at most four bytes: with the rest below the 255 bytes of a name
_HINT = "choose a new or empty directory: magicpak never overwrites anything"


class Destination(Protocol):
    """A place for a tree; `create` once, then either `commit` or `rollback`."""

    def create(self) -> int:
        """Return the descriptor of a new directory that becomes the bundle's root. Raises OSError."""

    def commit(self, metadata: MetadataWriter) -> None:
        """Move the bundle to its place. Raises OSError or OutputNotUsable."""

    def rollback(self) -> bool:
        """Remove what was created; return whether nothing of it is left."""


def destination_for(path: str) -> Destination:
    """Return the destination for `path`, without changing anything. Raises OutputNotUsable."""
    if not path:
        raise OutputNotUsable("''", "is an empty path")
    clean = _without_trailing_dots(path)
    try:
        status = os.stat(clean)
    except (FileNotFoundError, NotADirectoryError):
        require_creatable(path, clean)
        return NewDirectory(path, clean)
    except OSError as error:
        raise OutputNotUsable(path, f"cannot be accessed: {reason(error)}") from error
    if not stat.S_ISDIR(status.st_mode):
        raise OutputNotUsable(path, "already exists and is not a directory", _HINT)
    try:
        _require_empty(path, os.listdir(clean))
    except OSError as error:
        raise OutputNotUsable(path, f"cannot be read: {reason(error)}") from error
    if not os.access(clean, os.W_OK | os.X_OK, effective_ids=True):
        raise OutputNotUsable(path, "is not writable")
    return EmptyDirectory(path, clean)


def _without_trailing_dots(path: str) -> str:
    clean = path
    while clean.endswith(("/", "/.")) and clean.strip("/"):
        clean = clean.removesuffix(".").rstrip("/")
    return clean or path


def _require_empty(path: str, names: Sequence[str]) -> None:
    if names:
        raise OutputNotUsable(path, f"is not empty (it contains {printable(min(names))})", _HINT)


def _require_current_directory(path: str) -> None:
    try:
        os.getcwd()
    except OSError as error:
        raise OutputNotUsable(path, "cannot be created: the current directory no longer exists") from error


def require_creatable(path: str, clean: str) -> None:
    """Raise OutputNotUsable if nothing can be created at `clean`; messages call it `path`."""
    if os.path.islink(clean):
        raise OutputNotUsable(path, f"is a link to {printable(link_text(clean))}, which does not exist")
    parent, name = os.path.split(clean)
    if name in {"", ".", ".."}:
        raise OutputNotUsable(path, "does not name a directory that can be created")
    if not clean.startswith("/"):
        _require_current_directory(path)
    while not os.path.lexists(parent or "."):
        parent = os.path.dirname(parent)
    ancestor = parent or "."
    if not os.path.isdir(ancestor):
        raise OutputNotUsable(path, f"cannot be created: {printable(ancestor)} is not a directory")
    if not os.access(ancestor, os.W_OK | os.X_OK, effective_ids=True):
        raise OutputNotUsable(path, f"cannot be created: {printable(ancestor)} is not writable")


class TimeBefore:
    """The modification time of the directory at `path` before something is created in it. Raises OSError."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._before = os.stat(path).st_mtime_ns
        self._after: int | None = None

    def note_creation(self) -> None:
        """Remember the time that the first creation has given it."""
        if self._after is None:
            self._after = os.stat(self._path).st_mtime_ns

    def is_changed_by_others(self) -> bool:
        """Return whether it has another time than that creation gave it, or cannot be looked at."""
        try:
            return self._after != os.stat(self._path).st_mtime_ns
        except OSError:
            return True

    def restore(self) -> None:
        """Put the time back where that is permitted."""
        with suppress(OSError):
            os.utime(self._path, ns=(os.stat(self._path).st_atime_ns, self._before))


class NewDirectory:
    """A path that does not exist: the bundle is written beside it under another name, and then renamed.

    `path` is as the user wrote it, `clean` has no slash at the end.
    """

    def __init__(self, path: str, clean: str) -> None:
        self._path = path
        self._parent_path, self._name = os.path.split(clean)
        self._staging = f".{self._name[:_NAME_LENGTH]}.magicpak-{os.urandom(8).hex()}"
        self._parents: list[str] = []
        self._parent = self._root = -1
        self._time: TimeBefore | None = None

    def create(self) -> int:
        """Create the missing parents and the directory that will be renamed; return its descriptor."""
        self._create_parents(self._parent_path)
        self._parent = os.open(self._parent_path or ".", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        self._root = _create_root(self._staging, self._parent)
        if self._time is not None:
            self._time.note_creation()
        return self._root

    def _create_parents(self, path: str) -> None:
        missing = []
        while path and not os.path.lexists(path):
            missing.append(path)
            path = os.path.dirname(path)
        time = self._time = TimeBefore(path or ".")
        for directory in reversed(missing):
            with suppress(FileExistsError):  # created meanwhile, or `new/..`
                os.mkdir(directory)
                time.note_creation()
                self._parents.append(directory)

    def commit(self, metadata: MetadataWriter) -> None:
        """Give the root the mode and owner of the host's root, and rename it, without replacing anything.

        Only an empty directory that appears between the check and the rename could be replaced (rename(2)).
        """
        host = os.stat("/")
        metadata.finish(self._root, Attributes(stat.S_IMODE(host.st_mode), host.st_uid, host.st_gid), "/")
        self._require_free()
        os.rename(self._staging, self._name, src_dir_fd=self._parent, dst_dir_fd=self._parent)
        self._close()

    def _require_free(self) -> None:
        with suppress(FileNotFoundError):
            os.stat(self._name, dir_fd=self._parent, follow_symlinks=False)
            raise OutputNotUsable(self._path, "appeared while the bundle was being written")

    def rollback(self) -> bool:
        """Remove the unfinished bundle and the parents that were created for it.

        The directory that holds them gets its time back if nobody else has changed it meanwhile.
        """
        time = self._time if self._time is not None and not self._time.is_changed_by_others() else None
        is_removed = self._parent < 0 or remove_tree(self._staging, self._parent)
        self._close()
        for directory in reversed(self._parents):
            with suppress(OSError):
                os.rmdir(directory)
        if time is not None and is_removed and not any(map(os.path.lexists, self._parents)):
            time.restore()
        return is_removed

    def _close(self) -> None:
        for descriptor in (self._root, self._parent):
            if descriptor >= 0:
                os.close(descriptor)


class EmptyDirectory:
    """An existing, empty directory, which may be a mount point or somebody's current directory, so it is not replaced.

    The bundle is written to a directory inside it, the entries of which then move up. `path` is as the user wrote it,
    `clean` has no slash at the end.
    """

    def __init__(self, path: str, clean: str) -> None:
        self._path = path
        self._clean = clean
        self._staging = f".magicpak-{os.urandom(8).hex()}"
        self._moved: list[str] = []
        self._directory = self._root = -1
        self._times = 0, 0

    def create(self) -> int:
        """Create the directory inside; return its descriptor. Raises OutputNotUsable if OUTPUT is no longer empty."""
        self._directory = os.open(self._clean, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        status = os.fstat(self._directory)
        self._times = status.st_atime_ns, status.st_mtime_ns
        _require_empty(self._path, os.listdir(self._directory))
        self._root = _create_root(self._staging, self._directory)
        return self._root

    def commit(self, metadata: MetadataWriter) -> None:
        """Move all entries up, without replacing anything, and set the time of the directory."""
        _require_empty(self._path, [name for name in os.listdir(self._directory) if name != self._staging])
        for name in sorted(os.listdir(self._root)):
            os.rename(name, name, src_dir_fd=self._root, dst_dir_fd=self._directory)
            self._moved.append(name)
        os.rmdir(self._staging, dir_fd=self._directory)
        metadata.finish_time(self._directory, "/")
        self._close()

    def rollback(self) -> bool:
        """Empty the directory again, and restore its times unless somebody else has put something into it."""
        if self._directory < 0:
            return True
        are_removed = [remove_tree(name, self._directory) for name in (*self._moved, self._staging)]
        with suppress(OSError):
            if not os.listdir(self._directory):
                os.utime(self._directory, ns=self._times)
        self._close()
        return all(are_removed)

    def _close(self) -> None:
        for descriptor in (self._root, self._directory):
            if descriptor >= 0:
                os.close(descriptor)


def _create_root(name: str, parent: int) -> int:
    """Create the directory that becomes the bundle's root, or the entries of which do; return its descriptor."""
    os.mkdir(name, 0o700, dir_fd=parent)
    root = os.open(name, DIRECTORY, dir_fd=parent)
    for attribute in ("system.posix_acl_default", "system.posix_acl_access"):
        with suppress(OSError):  # inherited from a parent's default list; mostly there is none
            os.removexattr(root, attribute)
    return root
