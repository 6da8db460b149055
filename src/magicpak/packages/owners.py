"""Which package of the system owns which file.

Even if `/lib` is a link to `usr/lib`, a package may list `/lib/x`: dpkg keeps the name that the package was built with.
The links that count are those in the root directory, and in those of its directories that hold a file in question
(Fedora's `/usr/sbin`). Links further below do not: no package of Debian lists a file through one.
"""

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from magicpak.bundle.path import resolve
from magicpak.files.view import HOST
from magicpak.packages import apk, dpkg, rpm
from magicpak.packages.database import Package, PathNames

if TYPE_CHECKING:
    from magicpak.files.source import SourceView

_DATABASES = (dpkg.query, dpkg.query_distroless, apk.query, rpm.query)
"""Each is queried for the paths that have no owner yet."""


MAX_ALIASES = 32
"""Links that count for one directory: a merged /usr has one to three."""


class FileOwners(NamedTuple):
    """The owners of those paths that have one, and a warning for each part of a database that is unreadable."""

    by_path: Mapping[str, Package]
    warnings: tuple[str, ...]


def owners(paths: Iterable[str], files: "SourceView" = HOST) -> FileOwners:
    """Return the package that owns each of `paths`, without those that no package owns.

    The paths are absolute and real, those inside `files`: no directory in them is a link. Each database is read
    once, in a time that grows with its size. Errors of what is read are warnings.
    """
    by_path: dict[str, Package] = {}
    warnings: list[str] = []
    unowned = names_of(paths, files)
    for query in _DATABASES:
        if not unowned:
            break
        by_name, its_warnings = query(unowned.values(), files)
        warnings += its_warnings
        for path, names in unowned.items():
            if owner := next((by_name[name] for name in names if name in by_name), None):
                by_path[path] = owner
        unowned = {path: names for path, names in unowned.items() if path not in by_path}
    return FileOwners(by_path, tuple(warnings))


def source_owners(paths: Iterable[str], files: "SourceView") -> FileOwners:
    """Return the same for `paths` of the host, of files that are inside `files`, by those paths."""
    inside = {path: place for path in paths if (place := files.inside(path)) is not None}
    found = owners(inside.values(), files)
    by_path = {path: found.by_path[place] for path, place in inside.items() if place in found.by_path}
    return found._replace(by_path=by_path)


def names_of(paths: Iterable[str], files: "SourceView") -> dict[str, PathNames]:
    """Return for each of `paths`, in order, the names that a database may have: the path itself, then those by links.

    The paths are absolute, those inside `files`, and no directory in them is a link.
    """
    parts = {path: os.path.split(path) for path in paths}
    directories = {directory for directory, _ in parts.values()}
    links_to: dict[str, list[tuple[int, str]]] = {}
    for number, (link, end) in enumerate(_links(files, directories).items()):
        links_to.setdefault(end, []).append((number, link))
    aliases = {directory: (directory, *_aliases(links_to, directory)) for directory in directories}
    return {
        path: tuple(os.fsencode(os.path.join(each, name)) for each in aliases[directory])
        for path, (directory, name) in parts.items()
    }


def _aliases(links_to: Mapping[str, Sequence[tuple[int, str]]], directory: str) -> list[str]:
    """Return the names of `directory` that lead through a link to it, or to a directory above it, at most MAX_ALIASES.

    `links_to` has the links by the directory that they lead to, each with a number, by which they are in order.
    """
    prefix = os.path.join(directory, "")
    ends = [prefix[: slash.end()] for slash in re.finditer("/", prefix)]
    found = sorted((number, link, end) for end in ends for number, link in links_to.get(end, ())[:MAX_ALIASES])
    return [os.path.join(link, prefix[len(end) :]).rstrip("/") for _, link, end in found[:MAX_ALIASES]]


def _links(files: "SourceView", directories: Iterable[str]) -> dict[str, str]:
    """Return the links that count, each with the directory that it leads to, which ends in a slash."""
    tops = {"/" + directory.split("/")[1] for directory in directories}
    texts = {link: text for each in sorted({"/", *tops}) for link, text in _links_in(files, each)}
    return {link: os.path.join(resolve(link, texts.get).place, "") for link in texts}


def _links_in(files: "SourceView", directory: str) -> Iterator[tuple[str, str]]:
    """Yield the links in one directory with their texts, in order."""
    try:
        with os.scandir(files.physical(files.real(directory))) as entries:
            names = sorted(entry.name for entry in entries if entry.is_symlink())
        for name in names:
            link = os.path.join(directory, name)
            yield link, files.link_text(link)
    except OSError:  # as if it had no more links
        return
