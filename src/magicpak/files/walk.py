"""A world with a root of its own, in which links are followed by ourselves and nothing leads out."""

import errno
import os
from collections.abc import Callable, Iterator
from typing import Protocol

from magicpak.bundle.path import BundlePath, PathWalk
from magicpak.files.view import FileView

KERNEL_DIRECTORIES = ("/proc", "/sys", "/dev")


class RootView(FileView, Protocol):
    """What a loader sees, and what of it can be executed or leads nowhere."""

    def reached(self, path: str) -> BundlePath:
        """Return where `path` leads, all links resolved. Raises OSError where that is nothing."""

    def is_executable(self, path: str) -> bool:
        """Tell whether `path` leads to a file that somebody may execute."""

    def executables(self) -> Iterator[BundlePath]:
        """Yield the files that somebody may execute, in order."""


class PathResolver:
    """Follows paths from the root of a world; where a directory leads is found out once."""

    def __init__(self, target: Callable[[BundlePath], str | None], is_directory: Callable[[BundlePath], bool]) -> None:
        """Take what tells of a place on whose way there is no link what a link there says, and what is a directory.

        `target` returns None for what is no link, and raises OSError for nothing.
        """
        self._target = target
        self._is_directory = is_directory
        self._directories: dict[str, BundlePath | None] = {}

    def reached(self, path: str) -> BundlePath:
        """Return where `path` leads, all links resolved, `..` stopping at the root.

        Raises OSError; its `filename` is how far a way through links has come, with what would come after it.
        """
        above, _, name = path.rpartition("/")
        if name in ("", ".", ".."):
            return self._followed(path)
        if above not in self._directories:
            self._directories[above] = self._directory(above)
        directory = self._directories[above]
        if directory is None:
            raise failure(errno.ENOENT, path)
        place = directory.joined(name)
        return place if self._target(place) is None else self._followed(name, directory)

    def _directory(self, path: str) -> BundlePath | None:
        try:
            place = self._followed(path)
        except (FileNotFoundError, NotADirectoryError):
            return None
        return place if self._is_directory(place) else None

    def _followed(self, path: str, at: BundlePath | None = None) -> BundlePath:
        way = PathWalk(path, at, at) if at is not None else PathWalk(path)
        while way.step():
            try:
                target = self._target(way.at)
            except OSError as error:
                raise failure(error.errno or errno.EIO, BundlePath(f"{way.at}/{way.ahead}")) from None
            if target is not None and not way.follow(target):
                raise failure(errno.ELOOP, path)
        return way.at


def failure(number: int, path: str) -> OSError:
    """Return the error that the kernel would give for `path`."""
    return OSError(number, os.strerror(number), path)
