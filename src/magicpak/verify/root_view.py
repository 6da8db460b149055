"""A directory taken as root, whoever has made it and for whatever machine; nothing leads out of it."""

import os
import stat
from collections.abc import Iterator
from typing import NamedTuple

from magicpak.bundle.path import ROOT, BundlePath
from magicpak.files.view import (
    KERNEL_DIRECTORIES,
    RootView,
    has_capabilities,
    link_target,
    link_text,
    open_file,
    real_path,
)

_MAY_EXECUTE = 0o111


class LinkAt(NamedTuple):
    """A link: its path, and its text."""

    path: BundlePath
    target: str


class DirectoryView(RootView):
    """A directory taken as root. Links are followed one by one, as in the plan: that needs no privilege.

    `unreadable` are the directories that we may not list.
    """

    def __init__(self, directory: str) -> None:
        super().__init__()
        self._root = real_path(directory).rstrip("/")
        self.unreadable: dict[str, None] = {}

    def open(self, path: str) -> int:
        """Return a descriptor of what `path` leads to, as `open_file` does. Raises OSError."""
        return open_file(self._real(path), os.O_NOFOLLOW)

    def has_capabilities(self, path: str) -> bool:
        """Return whether `path` leads to a file with capabilities of its own."""
        return has_capabilities(self._real(path))

    def is_executable(self, path: str) -> bool:
        """Return whether `path` leads to a file that somebody may execute."""
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
                yield LinkAt(place, link_text(self._root + place))

    def _real(self, path: str) -> str:
        return self._root + self.reached(path)

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

    def target(self, place: BundlePath) -> str | None:
        """Return the text of the link at `place`, None for what is not a link. Raises OSError for nothing."""
        return link_target(self._root + place)

    def is_directory_at(self, place: BundlePath) -> bool:
        """Return whether a directory is at `place`. Raises OSError for nothing."""
        return stat.S_ISDIR(os.lstat(self._root + place).st_mode)
