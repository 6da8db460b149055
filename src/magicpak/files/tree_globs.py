"""What a pattern of `--include` matches below a view, in which no link leads out: for the host, wcmatch does it."""

import stat
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from magicpak.bundle.globs import is_literal, path_matcher

if TYPE_CHECKING:
    from magicpak.files.source import SourceView

_ANY_DIRECTORIES = "**"


def matching_names(pattern: str, directory: str, view: "SourceView") -> Iterator[str]:
    """Yield the existing paths, relative to `directory`, that `pattern` matches as `glob_paths` does."""
    parts = [part for part in pattern.split("/") if part]
    found: Iterable[str] = [""]
    for index, part in enumerate(parts):
        is_last = index == len(parts) - 1
        step = _PatternPart(
            part, directory, view, is_last=is_last, directories_only=not is_last or pattern.endswith("/")
        )
        found = dict.fromkeys(name for each in found for name in step.matches(each))
    yield from (name for name in found if name)


class _PatternPart:
    """One component of a pattern."""

    def __init__(self, part: str, directory: str, view: "SourceView", *, is_last: bool, directories_only: bool) -> None:
        self._part = part
        self._directory = directory
        self._view = view
        self._is_last = is_last
        self._directories_only = directories_only
        self._is_match = None if is_literal(part) else path_matcher(part)

    def matches(self, above: str) -> Iterator[str]:
        """Yield what matches in the directory `above`."""
        if self._part == _ANY_DIRECTORIES:
            yield above
            yield from self._below(above)
        elif self._is_match is None:
            name = _joined(above, self._part)
            if self._exists(name):
                yield name
        else:
            for name in filter(self._is_match, self._names(above)):
                if self._exists(_joined(above, name)):
                    yield _joined(above, name)

    def _below(self, above: str) -> Iterator[str]:
        """Yield what is below the directory `above`, without following links; a link is an end, not on the way."""
        waiting = [above]
        while waiting:
            directory = waiting.pop()
            for name in self._names(directory):
                path = _joined(directory, name)
                is_directory = stat.S_ISDIR(self._mode(path))
                if is_directory or (self._is_last and self._exists(path)):
                    yield path
                if is_directory:
                    waiting.append(path)

    def _names(self, directory: str) -> list[str]:
        try:
            return self._view.names(self._path(directory))
        except OSError:
            return []

    def _exists(self, name: str) -> bool:
        if self._directories_only:
            return self._view.is_directory(self._path(name))
        mode = self._mode(name)
        return not self._is_lost(name) if stat.S_ISLNK(mode) else mode != 0

    def _is_lost(self, name: str) -> bool:
        """Return whether the link `name` leads nowhere else than to nothing: in a loop, which wcmatch skips, too."""
        try:
            self._view.status(self._path(name))
        except FileNotFoundError:
            return False
        except OSError:
            return True
        return False

    def _mode(self, name: str) -> int:
        """Return the mode of what is at `name`, not following a link; 0 for nothing."""
        try:
            return self._view.link_status(self._path(name)).st_mode
        except OSError:
            return 0

    def _path(self, name: str) -> str:
        return _joined(self._directory.rstrip("/"), name) or "/"


def _joined(directory: str, name: str) -> str:
    return f"{directory}/{name}" if directory and name else directory or name
