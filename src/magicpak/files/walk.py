"""Views with a root of their own, in which paths are followed by ourselves, so that nothing leads out."""

import errno
import os
from collections.abc import Iterator
from typing import Protocol

from magicpak.bundle.path import ROOT, BundlePath, resolve
from magicpak.files.view import FileView


class RootView(FileView, Protocol):
    """What a loader sees, and what of it can be executed or leads nowhere."""

    def reached(self, path: str) -> BundlePath:
        """Return where `path` leads, all links resolved. Raises OSError where that is nothing."""

    def is_executable(self, path: str) -> bool:
        """Return whether `path` leads to a file that somebody may execute."""

    def executables(self) -> Iterator[BundlePath]:
        """Yield the files that somebody may execute, in order."""


class Places(Protocol):
    """What stands at a place of a view: at a path that has no link on its way."""

    def target(self, place: BundlePath) -> str | None:
        """Return the text of the link at `place`, None for what is not a link. Raises OSError for nothing."""

    def is_directory_at(self, place: BundlePath) -> bool:
        """Return whether a directory is at `place`."""


class PathResolver:
    """Follows paths from the root of a view; where a directory leads is found out once."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self._directories: dict[str, BundlePath | None] = {}

    def reached(self, path: str) -> BundlePath:
        """Return where `path` leads, all links resolved, `..` stopping at the root.

        Raises OSError; its `filename` is how far a path with links leads, with what would come after it.
        """
        above, _, name = path.rpartition("/")
        if name in ("", ".", ".."):
            return self._followed(path)
        if above not in self._directories:
            self._directories[above] = self._directory(above)
        directory = self._directories[above]
        if directory is None:
            raise path_error(errno.ENOENT, path)
        place = directory.joined(name)
        return place if self._places.target(place) is None else self._followed(name, directory)

    def _directory(self, path: str) -> BundlePath | None:
        try:
            place = self._followed(path)
        except (FileNotFoundError, NotADirectoryError):
            return None
        return place if self._places.is_directory_at(place) else None

    def _followed(self, path: str, start: BundlePath = ROOT) -> BundlePath:
        end = resolve(path, self._places.target, start)
        if end.error:
            raise path_error(end.error, end.missing)
        return end.place


def path_error(number: int, path: str) -> OSError:
    """Return the error that the kernel would give for `path`."""
    return OSError(number, os.strerror(number), path)
