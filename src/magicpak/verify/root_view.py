"""A directory as the root of a world, whoever has made it and for whatever machine; nothing leads out of it."""

import errno
import os
import stat
from collections.abc import Iterator
from typing import NamedTuple

from magicpak.bundle.path import ROOT, BundlePath
from magicpak.files.view import OPEN_TO_READ, has_capabilities
from magicpak.files.walk import KERNEL_DIRECTORIES, PathResolver

_MAY_EXECUTE = 0o111


class LinkAt(NamedTuple):
    """A link: its path, and its text."""

    path: BundlePath
    target: str


class DirectoryView:
    """A directory taken as root. Links are followed one by one, as in the plan: no privilege is needed for it.

    `closed` are the directories that we may not list.
    """

    def __init__(self, directory: str) -> None:
        """Take the directory."""
        self._root = os.path.realpath(directory).rstrip("/")
        self._walk = PathResolver(self._target, self._is_directory)
        self.closed: dict[str, None] = {}

    def reached(self, path: str) -> BundlePath:
        """Return where `path` leads, all links resolved. Raises OSError where that is nothing."""
        return self._walk.reached(path)

    def open(self, path: str) -> int:
        """Return a descriptor for reading what `path` leads to. Raises OSError."""
        return os.open(self._real(path), OPEN_TO_READ | os.O_NOFOLLOW)

    def is_directory(self, path: str) -> bool:
        """Tell whether `path` leads to a directory."""
        try:
            return self._is_directory(self.reached(path))
        except OSError:
            return False

    def has_capabilities(self, path: str) -> bool:
        """Tell whether `path` leads to a file with capabilities of its own."""
        return has_capabilities(self._real(path))

    def current_directory(self) -> str:
        """Return the root."""
        return ROOT

    def is_executable(self, path: str) -> bool:
        """Tell whether `path` leads to a file that somebody may execute."""
        try:
            mode = os.lstat(self._real(path)).st_mode
        except OSError:
            return False
        return stat.S_ISREG(mode) and bool(mode & _MAY_EXECUTE)

    def executables(self) -> Iterator[BundlePath]:
        """Yield the files that somebody may execute, in order."""
        for place, status in self._below(ROOT):
            if stat.S_ISREG(status.st_mode) and status.st_mode & _MAY_EXECUTE:
                yield place

    def links(self) -> Iterator[LinkAt]:
        """Yield all links, in order."""
        for place, status in self._below(ROOT):
            if stat.S_ISLNK(status.st_mode):
                yield LinkAt(place, os.readlink(self._root + place))

    def _real(self, path: str) -> str:
        return self._root + self.reached(path)

    def _below(self, directory: BundlePath) -> Iterator[tuple[BundlePath, os.stat_result]]:
        """Yield all that stands below `directory`, but for what the kernel makes."""
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
            self.closed[directory] = None
            return []

    def _target(self, place: BundlePath) -> str | None:
        try:
            return os.readlink(self._root + place)
        except OSError as error:
            if error.errno == errno.EINVAL:
                return None
            raise

    def _is_directory(self, place: BundlePath) -> bool:
        return stat.S_ISDIR(os.lstat(self._root + place).st_mode)
