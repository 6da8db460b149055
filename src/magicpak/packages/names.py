"""The names that a package database may have for a file.

Even if `/lib` is a link to `usr/lib`, a package may list `/lib/x`: dpkg keeps the name that the package was built with.
The links that count are those in the root directory, and in those of its directories that hold a file in question
(Fedora's `/usr/sbin`). Links further below do not: no package of Debian lists a file through one.
"""

import os
from collections.abc import Iterable, Mapping

_MAX_LINKS = 8
"""How many links may follow one another."""


def names_of(paths: Iterable[str], root: str) -> dict[str, tuple[bytes, ...]]:
    """Return for each of `paths`, in order, the names that a database may have: the path itself, then those by links.

    The paths are absolute, as seen in `root`, and no directory in them is a link.
    """
    parts = {path: os.path.split(os.fsencode(path)) for path in paths}
    directories = {directory for directory, _ in parts.values()}
    links = _links(os.fsencode(root), directories)
    aliases = {directory: (directory, *_aliases(links, directory)) for directory in directories}
    return {
        path: tuple(os.path.join(each, name) for each in aliases[directory])
        for path, (directory, name) in parts.items()
    }


def _aliases(links: Mapping[bytes, bytes], directory: bytes) -> list[bytes]:
    """Return the names of `directory` that lead through one of `links`."""
    prefix = os.path.join(directory, b"")
    return [
        os.path.join(link, prefix[len(target) :]).rstrip(b"/")
        for link, target in links.items()
        if prefix.startswith(target)
    ]


def _links(root: bytes, directories: Iterable[bytes]) -> dict[bytes, bytes]:
    """Return the links that count, each with the directory that it leads to, which ends in a slash."""
    tops = {b"/" + directory.split(b"/")[1] for directory in directories}
    links = {link: target for each in sorted({b"/", *tops}) for link, target in _links_in(root, each)}
    return {link: os.path.join(_follow(links, target), b"") for link, target in links.items()}


def _links_in(root: bytes, directory: bytes) -> list[tuple[bytes, bytes]]:
    """Return the links in one directory with their targets, in order."""
    links = []
    try:
        with os.scandir(root + directory) as entries:
            for entry in entries:
                if entry.is_symlink():
                    target = os.path.join(directory, os.readlink(entry.path))
                    links.append((os.path.join(directory, entry.name), os.path.normpath(target)))
    except OSError:  # as if it had no more links
        pass
    return sorted(links)


def _follow(links: Mapping[bytes, bytes], path: bytes) -> bytes:
    for _ in range(_MAX_LINKS):
        link = next((link for link in links if path == link or path.startswith(link + b"/")), None)
        if link is None:
            break
        path = os.path.normpath(os.path.join(links[link], path[len(link) + 1 :]))
    return path
