"""The names that a database of packages may have for a file.

Where `/lib` is a link to `usr/lib`, a package may still list `/lib/x`: dpkg keeps the name that the package was built
with. The links that count are those in the root directory, and in those of its directories that hold a file in question
(Fedora's `/usr/sbin`). Links further below are left out: no package of Debian lists a file through one.
"""

import os
from collections.abc import Iterable, Mapping

_MOST_LINKS = 8
"""How many links may lead on from one another."""


def names_of(paths: Iterable[str], root: str) -> dict[str, tuple[bytes, ...]]:
    """Return for each of `paths`, in their order, the names that may be listed: its own, then those through links.

    The paths are absolute, as they are seen in `root`, and have no links among their directories.
    """
    wanted = {path: os.path.split(os.fsencode(path)) for path in paths}
    directories = {directory for directory, _ in wanted.values()}
    links = _links(os.fsencode(root), directories)
    also = {directory: (directory, *_through(links, directory)) for directory in directories}
    return {
        path: tuple(os.path.join(each, name) for each in also[directory]) for path, (directory, name) in wanted.items()
    }


def _through(links: Mapping[bytes, bytes], directory: bytes) -> list[bytes]:
    """Return the names of `directory` that lead through one of the links."""
    inside = os.path.join(directory, b"")
    return [
        os.path.join(link, inside[len(target) :]).rstrip(b"/")
        for link, target in links.items()
        if inside.startswith(target)
    ]


def _links(root: bytes, directories: Iterable[bytes]) -> dict[bytes, bytes]:
    """Return the links that count, each with where it ends, which has a slash at the end."""
    tops = {b"/" + directory.split(b"/")[1] for directory in directories}
    links = {link: target for each in sorted({b"/", *tops}) for link, target in _links_in(root, each)}
    return {link: os.path.join(_followed(links, target), b"") for link, target in links.items()}


def _links_in(root: bytes, directory: bytes) -> list[tuple[bytes, bytes]]:
    """Return the links in one directory, in order, each with where it points."""
    found = []
    try:
        with os.scandir(root + directory) as entries:
            for entry in entries:
                if entry.is_symlink():
                    target = os.path.join(directory, os.readlink(entry.path))
                    found.append((os.path.join(directory, entry.name), os.path.normpath(target)))
    except OSError:  # then it is taken to have no more links
        pass
    return sorted(found)


def _followed(links: Mapping[bytes, bytes], path: bytes) -> bytes:
    for _ in range(_MOST_LINKS):
        link = next((link for link in links if path == link or path.startswith(link + b"/")), None)
        if link is None:
            break
        path = os.path.normpath(os.path.join(links[link], path[len(link) + 1 :]))
    return path
