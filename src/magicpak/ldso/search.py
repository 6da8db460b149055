"""Lists of directories that a loader searches, and the tokens in them."""

import os
from collections.abc import Callable, Sequence
from typing import NamedTuple

from magicpak.ldso.loader import Loaded

TOKENS = ("ORIGIN", "LIB", "PLATFORM")


class SearchDirectory(NamedTuple):
    """One directory of a search path.

    `alternatives` are what it is on other processors (`$PLATFORM`). `through` is the object whose `$ORIGIN` is in it,
    `relative` tells that it depends on the current directory.
    """

    path: str
    alternatives: tuple[str, ...] = ()
    through: Loaded | None = None
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
        if "$" not in text:
            return [text]
        results: list[str] = []
        for platform in self.platforms or (None,):
            expanded = _substitute(text, {"ORIGIN": self.origin, "LIB": self.lib, "PLATFORM": platform})
            if expanded is not None and expanded not in results:
                results.append(expanded)
        return results


def _substitute(text: str, values: dict[str, str | None]) -> str | None:
    pieces = text.split("$")
    result = [pieces[0]]
    for piece in pieces[1:]:
        for name in TOKENS:
            if piece.startswith(name) or piece.startswith("{" + name + "}"):
                value = values[name]
                if value is None:
                    return None
                result.append(value + piece[len(name) + (2 if piece[0] == "{" else 0) :])
                break
        else:
            result.append("$" + piece)
    return "".join(result)


def has_origin(text: str) -> bool:
    """Tell whether `$ORIGIN` or `${ORIGIN}` is in `text`."""
    return "$ORIGIN" in text or "${ORIGIN}" in text


def glibc_directories(
    text: str, separators: str, owner: Loaded, tokens: Tokens, *, trusted: Callable[[str], bool] | None = None
) -> list[SearchDirectory]:
    """Return the directories of an RPATH, RUNPATH or LD_LIBRARY_PATH of `owner` as glibc takes them apart.

    An empty element is the current directory. With `trusted`, an element with `$ORIGIN` counts only where it begins
    with it and its expansion is trusted: what holds for the program itself under AT_SECURE.
    """
    for separator in separators[1:]:
        text = text.replace(separator, separators[0])
    result = []
    for element in text.split(separators[0]):
        expanded = tokens.expand(element)
        through_origin = has_origin(element)
        if trusted and through_origin:
            starts = element.startswith(("$ORIGIN", "${ORIGIN}"))
            expanded = [path for path in expanded if starts and trusted(path)]
        if expanded and (expanded[0] or not element):
            paths = [absolute(path) for path in expanded]
            through = owner if through_origin else None
            result.append(SearchDirectory(paths[0], tuple(paths[1:]), through, not expanded[0].startswith("/")))
    return without_repeats(result)


def absolute(path: str) -> str:
    """Return `path` seen from the current directory, without trailing slashes, `..` left as it is."""
    if not path.startswith("/"):
        path = os.path.join(os.getcwd(), path)
    return path.rstrip("/") or "/"


def without_repeats(directories: Sequence[SearchDirectory]) -> list[SearchDirectory]:
    """Return the directories in order, each once."""
    return list({directory.path: directory for directory in reversed(directories)}.values())[::-1]


def is_trusted(path: str, trusted_directories: Sequence[str]) -> bool:
    """Tell whether `path`, normalised as text, is one of the default directories or below one (glibc's dl-load.c)."""
    normal = os.path.normpath(path)
    return any(normal == directory or normal.startswith(directory + "/") for directory in trusted_directories)
