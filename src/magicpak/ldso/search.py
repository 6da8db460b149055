"""The directories that a loader searches, the tokens in them, and their subdirectories for certain processors."""

import itertools
import os
import re
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from magicpak.files.view import FileView
from magicpak.ldso.loader import Loaded
from magicpak.ldso.machines import Machine

_DST = r"\$(?:(ORIGIN|LIB|PLATFORM)(?![A-Za-z0-9_])|\{(ORIGIN|LIB|PLATFORM)\})"  # dynamic string tokens
_HWCAPS = "glibc-hwcaps"


class SearchDirectory(NamedTuple):
    """One directory of a search path.

    `alternatives` are the directories on other processors (`$PLATFORM` in an RPATH or RUNPATH). `origin_owner` is the
    object whose `$ORIGIN` is part of it, `relative` tells whether it depends on the current directory.
    """

    path: str
    alternatives: tuple[str, ...] = ()
    origin_owner: Loaded | None = None
    relative: bool = False


class SearchList:
    """The directories of one search path, in order, each of which is looked at once, when a search comes to it.

    As in ld.so, those that are absent by `is_absent` cost nothing after that, whatever name is looked for.
    """

    def __init__(self, directories: Sequence[SearchDirectory], is_absent: Callable[[SearchDirectory], bool]) -> None:
        self._directories = directories
        self._is_absent = is_absent
        self._present: list[SearchDirectory] = []
        self._unseen = deque(directories)

    def __iter__(self) -> Iterator[SearchDirectory]:
        return iter(self._directories)

    def __len__(self) -> int:
        return len(self._directories)

    def present(self) -> Iterator[SearchDirectory]:
        """Yield the directories that are not absent, in order."""
        index = 0
        while index < len(self._present) or self._unseen:
            if index < len(self._present):
                yield self._present[index]
                index += 1
            elif not self._is_absent(directory := self._unseen.popleft()):
                self._present.append(directory)


class DirectoryPaths:
    """The paths in search lists, for messages: many objects have the same lists, which are gone through once."""

    def __init__(self) -> None:
        self._known: dict[tuple[SearchList, ...], list[str]] = {}

    def of(self, *lists: SearchList) -> list[str]:
        """Return the paths of the directories in `lists`, in order, each once."""
        if lists not in self._known:
            self._known[lists] = list(dict.fromkeys(directory.path for each in lists for directory in each))
        return self._known[lists]


class Tokens(NamedTuple):
    """The values of the dynamic string tokens of one object; `origin` is None if it is unknown or not trusted."""

    origin: str | None
    lib: str
    platforms: tuple[str, ...]

    def expand(self, text: str) -> list[str]:
        """Return `text` with its tokens replaced (ld.so(8)), once for each platform if `$PLATFORM` is in it.

        The list is empty if a token has no value, since the loader drops such an element. Other tokens do not change.
        """
        if not has_token(text):
            return [text]
        results: list[str] = []
        for platform in self.platforms or (None,):
            expanded = _substitute(text, {"ORIGIN": self.origin, "LIB": self.lib, "PLATFORM": platform})
            if expanded is not None and expanded not in results:
                results.append(expanded)
        return results


def _substitute(text: str, values: dict[str, str | None]) -> str | None:
    """Return `text` with its tokens replaced by `values`; None if one of them has no value."""
    names = _names(text)
    if any(values[name] is None for name in names):
        return None
    return re.sub(_DST, lambda match: values[match[1] or match[2]] or "", text)


def _names(text: str) -> list[str]:
    return [plain or braced for plain, braced in re.findall(_DST, text)] if "$" in text else []


def has_token(text: str) -> bool:
    """Return whether `text` has a dynamic string token: `$LIB` or `${LIB}`, but not `$LIBRARY` or `${LIB`."""
    return "$" in text and re.search(_DST, text) is not None


def has_origin(text: str) -> bool:
    """Return whether `text` has `$ORIGIN` or `${ORIGIN}`."""
    return "ORIGIN" in _names(text)


def starts_with_origin(text: str) -> bool:
    """Return whether `$ORIGIN` is the first component of the path `text`, and nowhere else in it."""
    match = re.match(_DST, text) if text.startswith("$") else None
    if match is None or (match[1] or match[2]) != "ORIGIN":
        return False
    return text[match.end() :][:1] in ("", "/") and not has_origin(text[match.end() :])


def glibc_directories(
    text: str,
    separators: str,
    owner: Loaded,
    tokens: Tokens,
    files: FileView,
    *,
    trusted: Callable[[str], bool] | None = None,
) -> SearchList:
    """Return the directories of an RPATH, RUNPATH or LD_LIBRARY_PATH of `owner` as glibc parses it.

    An empty element is the current directory. Under AT_SECURE an element with `$ORIGIN` counts only if that is its
    first component; with `trusted`, which is for the program itself, its expansion must be trusted too.
    """
    for separator in separators[1:]:
        text = text.replace(separator, separators[0])
    result = []
    for element in text.split(separators[0]):
        expansions = tokens.expand(element)
        uses_origin = has_origin(element)
        if owner.secure and uses_origin:
            starts = starts_with_origin(element)
            expansions = [path for path in expansions if starts and (trusted is None or trusted(path))]
        if expansions and (expansions[0] or not element):
            paths = [absolute(path, files) for path in expansions]
            origin_owner = owner if uses_origin else None
            result.append(SearchDirectory(paths[0], tuple(paths[1:]), origin_owner, not expansions[0].startswith("/")))
    return present_for_glibc(without_repeats(result), files)


def present_for_glibc(directories: Sequence[SearchDirectory], files: FileView) -> SearchList:
    """Return `directories` as a list; glibc takes what is not a directory for absent (open_path in elf/dl-load.c)."""

    def is_absent(directory: SearchDirectory) -> bool:
        return not any(map(files.is_directory, (directory.path, *directory.alternatives)))

    return SearchList(directories, is_absent)


def absolute(path: str, files: FileView) -> str:
    """Return `path` joined to the current directory of `files`, without trailing slashes; `..` stays."""
    if not path.startswith("/"):
        path = os.path.join(files.current_directory(), path)
    return path.rstrip("/") or "/"


def without_repeats(directories: Sequence[SearchDirectory]) -> list[SearchDirectory]:
    """Return the directories in order, without those that come a second time."""
    unique: dict[str, SearchDirectory] = {}
    for directory in directories:
        unique.setdefault(directory.path, directory)
    return list(unique.values())


def is_trusted(path: str, trusted_directories: Sequence[str]) -> bool:
    """Return whether `path`, normalised as text, is one of the default directories or below one (glibc's dl-load.c)."""
    normal = os.path.normpath(path)
    return any(normal == directory or normal.startswith(directory + "/") for directory in trusted_directories)


def hwcaps_level(path: str) -> str | None:
    """Return the directory below glibc-hwcaps/ that `path` is in, such as `x86-64-v3`; None if it is in none."""
    above, _, level = os.path.dirname(path).rpartition("/")
    return level if os.path.basename(above) == _HWCAPS else None


class HwcapsDirectories:
    """The subdirectories of search directories that have variants for certain processors (see hwcaps in ld.so(8)).

    With `legacy` they include tls/ and similar ones, which older loaders search.
    """

    def __init__(self, machine: Machine, files: FileView, *, legacy: bool) -> None:
        self._machine = machine
        self._is_directory = files.is_directory
        self._legacy = ("tls", *machine.legacy_hwcaps) if legacy else ()
        self._subdirectories: dict[str, list[str]] = {}

    def baseline_first(self, directory: str, name: str) -> list[str]:
        """Return the paths where `name` can be in `directory`: for any processor first, then the least demanding."""
        subdirectories = self._subdirectories.get(directory)
        if subdirectories is None:
            subdirectories = self._subdirectories[directory] = self._existing(directory)
        base = directory if directory != "/" else ""
        return [f"{base}/{name}", *(f"{subdirectory}/{name}" for subdirectory in subdirectories)]

    def _existing(self, directory: str) -> list[str]:
        levels = []
        if self._machine.hwcaps and self._is_directory(f"{directory}/{_HWCAPS}"):
            levels = [f"{directory}/{_HWCAPS}/{level}" for level in self._machine.hwcaps]
        present = [name for name in self._legacy if self._is_directory(f"{directory}/{name}")]
        nested = [
            "/".join((directory, *combination))
            for length in range(1, len(self._legacy) + 1 if present else 1)
            for combination in itertools.combinations(self._legacy, length)
            if combination[0] in present
        ]
        return [path for path in nested + levels if self._is_directory(path)]
