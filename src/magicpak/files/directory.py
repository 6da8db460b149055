"""A directory taken as root, whoever has made it and for whatever machine; nothing leads out of it."""

import os
import stat
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from magicpak.bundle.entry import HostPath
from magicpak.bundle.path import ROOT, BundlePath, resolve
from magicpak.errors import InvalidUsage
from magicpak.files.root_view import RootView
from magicpak.files.view import (
    HOST,
    KERNEL_DIRECTORIES,
    has_capabilities,
    is_below,
    link_target,
    link_text,
    open_file,
    real_path,
)
from magicpak.text import printable

if TYPE_CHECKING:
    from magicpak.files.source import SourceView

_MAY_EXECUTE = 0o111


def open_root(directory: str) -> "SourceView":
    """Return what `--root` names: the host for `/`. Raises InvalidUsage where that is not a directory."""
    if not os.path.isdir(directory):
        why = "is not a directory" if os.path.lexists(directory) else "does not exist"
        raise InvalidUsage(f"--root {printable(directory)} {why}")
    return HOST if real_path(directory) == ROOT else DirectoryView(directory)


class LinkAt(NamedTuple):
    """A link: its path, and its text."""

    path: BundlePath
    target: str


class DirectoryView(RootView):
    """A directory taken as root: a `SourceView`. Links are followed one by one: that needs no privilege.

    `unreadable` are the directories that we may not list.
    """

    is_this_system = False
    own_program = "/bin/sh"

    def __init__(self, directory: str) -> None:
        super().__init__()
        self._root = real_path(directory).rstrip("/")
        self.unreadable: dict[str, None] = {}

    def open(self, path: str) -> int:
        """Return a descriptor of what `path` leads to, as `open_file` does. Raises OSError."""
        return open_file(self._end(path), os.O_NOFOLLOW)

    def has_capabilities(self, path: str) -> bool:
        """Return whether `path` leads to a file with capabilities of its own."""
        return has_capabilities(self._end(path))

    def physical(self, place: str) -> HostPath:
        """Return the path of the host of what is at `place`, on the way to which there is no link."""
        return self._root + place if place != ROOT else self._root or ROOT

    def inside(self, path: HostPath) -> str | None:
        """Return the path inside of what is at `path` of the host, which has no links; None where it is outside."""
        return path[len(self._root) :] or ROOT if is_below(path, (self._root,)) else None

    def real(self, path: str) -> str:
        """Return the path that `path` leads to, as far as it leads anywhere."""
        end = resolve(path, self.target)
        return end.missing if end.error else end.place

    def status(self, path: str) -> os.stat_result:
        """Return the status of what `path` leads to. Raises OSError."""
        return os.lstat(self._end(path))

    def link_status(self, path: str) -> os.stat_result:
        """Return the status of what is at `path`, not following a link. Raises OSError."""
        return os.lstat(self._place(path))

    def link_text(self, path: str) -> str:
        """Return the text of the link at `path`. Raises OSError."""
        return link_text(self._place(path))

    def names(self, path: str) -> list[str]:
        """Return the names in the directory that `path` leads to. Raises OSError."""
        return os.listdir(self._end(path))

    def exists(self, path: str) -> bool:
        """Return whether `path` leads to anything."""
        return self._mode(path) != 0

    def is_file(self, path: str) -> bool:
        """Return whether `path` leads to a regular file."""
        return stat.S_ISREG(self._mode(path))

    def is_executable(self, path: str) -> bool:
        """Return whether `path` leads to a file that somebody may execute."""
        mode = self._mode(path)
        return stat.S_ISREG(mode) and bool(mode & _MAY_EXECUTE)

    def program(self, path_or_name: str, search_path: str | None = None) -> str | None:
        """Return the path of a program as execvp(3) finds it, in `search_path` or else in our own PATH."""
        from magicpak.process.exec import find_program

        found = find_program(path_or_name, search_path, self.is_executable)
        return found if found is None or found.startswith("/") else f"/{found}"

    def glob(self, pattern: str, directory: str) -> Iterator[str]:
        """Yield what `pattern` of `--include` matches below `directory`."""
        from magicpak.files.tree_globs import matching_names

        return matching_names(pattern, directory, self)

    def executables(self) -> Iterator[BundlePath]:
        """Yield the files that somebody may execute, in order."""
        for place, status in self._below(ROOT):
            if stat.S_ISREG(status.st_mode) and status.st_mode & _MAY_EXECUTE:
                yield place

    def links(self) -> Iterator[LinkAt]:
        """Yield all links, in order."""
        for place, status in self._below(ROOT):
            if stat.S_ISLNK(status.st_mode):
                yield LinkAt(place, link_text(self._root + place))

    def target(self, place: BundlePath) -> str | None:
        """Return the text of the link at `place`, None for what is not a link. Raises OSError for nothing."""
        return link_target(self._root + place)

    def is_directory_at(self, place: BundlePath) -> bool:
        """Return whether a directory is at `place`. Raises OSError for nothing."""
        return stat.S_ISDIR(os.lstat(self._root + place).st_mode)

    def _end(self, path: str) -> HostPath:
        """Return the path of the host of what `path` leads to. Raises OSError."""
        return self.physical(self.reached(path))

    def _place(self, path: str) -> HostPath:
        """Return the path of the host of what is at `path`, not following a link. Raises OSError."""
        above, _, name = path.rpartition("/")
        if name in ("", ".", ".."):
            return self._end(path)
        return self.physical(self.reached(above).joined(name))

    def _mode(self, path: str) -> int:
        """Return the mode of what `path` leads to; 0 for nothing, and for what cannot be looked up."""
        try:
            return self.status(path).st_mode
        except (OSError, ValueError):  # ValueError: a null character
            return 0

    def _below(self, directory: BundlePath) -> Iterator[tuple[BundlePath, os.stat_result]]:
        """Yield everything below `directory`, but for the kernel's directories."""
        waiting = [directory]
        while waiting:
            above = waiting.pop()
            children = self._children(above)
            inside = []
            for child in children:
                place = above.joined(child.name)
                if child.is_dir(follow_symlinks=False):
                    inside += [] if place in KERNEL_DIRECTORIES else [place]
                else:
                    yield place, child.stat(follow_symlinks=False)
            waiting += reversed(inside)

    def _children(self, directory: BundlePath) -> list[os.DirEntry[str]]:
        try:
            with os.scandir(self._root + directory) as listing:
                return sorted(listing, key=lambda child: child.name)
        except PermissionError:
            self.unreadable[directory] = None
            return []
