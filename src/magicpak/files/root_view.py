"""A view with a root of its own, in which links are followed by ourselves, so that nothing leads out."""

import errno
import os
from abc import ABC, abstractmethod
from collections.abc import Iterator

from magicpak.bundle.path import ROOT, BundlePath, resolve
from magicpak.files.view import FileView


class RootView(FileView, ABC):
    """A view with a root of its own, in which paths are followed by ourselves, so that nothing leads out.

    Its current directory is its root. Where a directory leads is found out once.
    """

    def __init__(self) -> None:
        self._directories: dict[str, BundlePath | int] = {}

    @abstractmethod
    def target(self, place: BundlePath) -> str | None:
        """Return the text of the link at `place`, None for what is not a link. Raises OSError for nothing.

        There is no link on the way to `place`, here and in `is_directory_at`.
        """

    @abstractmethod
    def is_directory_at(self, place: BundlePath) -> bool:
        """Return whether a directory is at `place`. Raises OSError for nothing."""

    @abstractmethod
    def is_executable(self, path: str) -> bool:
        """Return whether `path` leads to a file that somebody may execute."""

    @abstractmethod
    def executables(self) -> Iterator[BundlePath]:
        """Yield the files that somebody may execute, in order."""

    def is_directory(self, path: str) -> bool:
        """Return whether `path` leads to a directory."""
        try:
            return self.is_directory_at(self.reached(path))
        except OSError:
            return False

    def current_directory(self) -> str:
        """Return the root."""
        return ROOT

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
        if isinstance(directory, int):
            raise OSError(directory, os.strerror(directory), path)
        place = directory.joined(name)
        return place if self.target(place) is None else self._followed(name, directory)

    def _directory(self, path: str) -> BundlePath | int:
        """Return where the directory `path` is; an error number for nothing, and for what is not a directory."""
        try:
            place = self._followed(path)
        except (FileNotFoundError, NotADirectoryError) as error:
            return error.errno or errno.ENOENT
        return place if self.is_directory_at(place) else errno.ENOTDIR

    def _followed(self, path: str, start: BundlePath = ROOT) -> BundlePath:
        end = resolve(path, self.target, start)
        if end.error:
            raise OSError(end.error, os.strerror(end.error), end.missing)
        return end.place
