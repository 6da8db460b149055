"""Lists of directories that a loader searches, and the tokens in them."""

import os
import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from magicpak.files.view import FileView
from magicpak.ldso.loader import Loaded

_DOLLAR_NAME = r"\$(?:(ORIGIN|LIB|PLATFORM)(?![A-Za-z0-9_])|\{(ORIGIN|LIB|PLATFORM)\})"  # compiled where there is a `$`


class SearchDirectory(NamedTuple):
    """One directory of a search path.

    `alternatives` are what it is on other processors (`$PLATFORM`). `origin_owner` is the object whose `$ORIGIN` is in
    it, `relative` tells that it depends on the current directory.
    """

    path: str
    alternatives: tuple[str, ...] = ()
    origin_owner: Loaded | None = None
    relative: bool = False


class Tokens(NamedTuple):
    """What the dynamic string tokens of one object stand for; `origin` None where it is unknown or not trusted."""

    origin: str | None
    lib: str
    platforms: tuple[str, ...]

    def expand(self, text: str) -> list[str]:
        """Return `text` with its tokens replaced (ld.so(8)), once for each platform if `$PLATFORM` is in it.

        An element with a token that has no value is dropped: the list is empty then. Other tokens stay as they are.
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
    return re.sub(_DOLLAR_NAME, lambda match: values[match[1] or match[2]] or "", text)


def _names(text: str) -> list[str]:
    return [plain or braced for plain, braced in re.findall(_DOLLAR_NAME, text)] if "$" in text else []


def has_token(text: str) -> bool:
    """Tell whether a dynamic string token is in `text`: `$LIB` or `${LIB}`, but not `$LIBRARY` or `${LIB`."""
    return "$" in text and re.search(_DOLLAR_NAME, text) is not None


def has_origin(text: str) -> bool:
    """Tell whether `$ORIGIN` or `${ORIGIN}` is in `text`."""
    return "ORIGIN" in _names(text)


def starts_with_origin(text: str) -> bool:
    """Tell whether `$ORIGIN` is the first component of the path `text`, and is nowhere else in it."""
    match = re.match(_DOLLAR_NAME, text) if text.startswith("$") else None
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
) -> list[SearchDirectory]:
    """Return the directories of an RPATH, RUNPATH or LD_LIBRARY_PATH of `owner` as glibc takes them apart.

    An empty element is the current directory. Under AT_SECURE an element with `$ORIGIN` counts only where that is its
    first component; with `trusted`, which is for the program itself, its expansion must be trusted too.
    """
    for separator in separators[1:]:
        text = text.replace(separator, separators[0])
    result = []
    for element in text.split(separators[0]):
        expanded = tokens.expand(element)
        through_origin = has_origin(element)
        if owner.secure and through_origin:
            starts = starts_with_origin(element)
            expanded = [path for path in expanded if starts and (trusted is None or trusted(path))]
        if expanded and (expanded[0] or not element):
            paths = [absolute(path, files) for path in expanded]
            origin_owner = owner if through_origin else None
            result.append(SearchDirectory(paths[0], tuple(paths[1:]), origin_owner, not expanded[0].startswith("/")))
    return without_repeats(result)


def absolute(path: str, files: FileView) -> str:
    """Return `path` seen from the current directory of `files`, without trailing slashes, `..` left as it is."""
    if not path.startswith("/"):
        path = os.path.join(files.current_directory(), path)
    return path.rstrip("/") or "/"


def without_repeats(directories: Sequence[SearchDirectory]) -> list[SearchDirectory]:
    """Return the directories in order, each where it comes first."""
    once: dict[str, SearchDirectory] = {}
    for directory in directories:
        once.setdefault(directory.path, directory)
    return list(once.values())


def is_trusted(path: str, trusted_directories: Sequence[str]) -> bool:
    """Tell whether `path`, normalised as text, is one of the default directories or below one (glibc's dl-load.c)."""
    normal = os.path.normpath(path)
    return any(normal == directory or normal.startswith(directory + "/") for directory in trusted_directories)
