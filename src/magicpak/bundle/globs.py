"""What a pattern matches: wildcards of `--include` and `--exclude`; the only user of wcmatch."""

import os
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

_WILDCARDS = frozenset("*?[")
_OF_NAMES = r"(?!\.|.*\*\*)(?:[\w.+*?-]|\[(?:\w+|0-9)\])+"  # what wcmatch takes as Python's fnmatch does
_ESCAPES = str.maketrans({"\\": "\\\\"})  # a backslash in a pattern is a character like any other


def is_literal(pattern: str) -> bool:
    """Return whether `pattern` has no wildcard, so that it is a path as it is."""
    return _WILDCARDS.isdisjoint(pattern)


def glob_paths(pattern: str, root: str) -> Iterator[str]:
    """Yield the existing paths that an `--include` pattern matches below the directory `root`, in no certain order.

    `*` and `?` stay within a component and match a leading dot too, `**` is any number of directories (links are not
    followed), `[...]` is a set.
    """
    if re.fullmatch(_OF_NAMES, pattern, re.ASCII):
        yield from _names_like(pattern, root)  # without wcmatch, whose import takes as long as a third of a run
        return
    from wcmatch import glob

    flags = glob.GLOBSTAR | glob.DOTGLOB | glob.CASE
    with _sets_as_they_are():
        found = glob.glob(pattern.translate(_ESCAPES), flags=flags, root_dir=root, limit=0)
    yield from found


def _names_like(pattern: str, directory: str) -> Iterator[str]:
    """Yield what wcmatch finds: not a link in a loop."""
    from fnmatch import fnmatchcase

    with suppress(OSError), os.scandir(directory) as entries:
        for entry in entries:
            if fnmatchcase(entry.name, pattern):
                with suppress(OSError):
                    entry.is_dir()
                    yield entry.name


def path_matcher(pattern: str) -> Callable[[str], object]:
    """Return what matches whole paths against `pattern`, whose `*` and `?` match any character, `/` too."""
    from wcmatch import fnmatch

    (regex,), _ = fnmatch.translate(pattern.translate(_ESCAPES), flags=fnmatch.DOTMATCH | fnmatch.CASE)
    with _sets_as_they_are():
        return re.compile(regex).fullmatch  # `$` lets a newline follow


@contextmanager
def _sets_as_they_are() -> Iterator[None]:
    """Let `re` not warn of a `[` in a set, which a later Python could take for a set in a set."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        yield


def literal_pattern(path: str) -> str:
    """Return the pattern that matches `path` and nothing else."""
    return re.sub(r"([*?\[])", r"[\1]", path)
