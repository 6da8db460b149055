"""Directories of the host with everything in them."""

import os
import stat
from typing import NamedTuple

from magicpak.bundle.entry import Layout
from magicpak.bundle.plan import Because
from magicpak.collect.mirror import Mirror
from magicpak.errors import CannotRead
from magicpak.files.cli_path import HOST_ROOT, Location


class _Branch(NamedTuple):
    """A directory to walk, and the real paths of the directories that hold the links on the way to it."""

    location: Location
    link_directories: tuple[str, ...] = ()


class TreeCollector:
    """Walks trees, each directory once.

    Links in a tree include what they lead to, directories as trees too, except for directories above themselves.
    """

    def __init__(self, mirror: Mirror) -> None:
        self._mirror = mirror
        self._walked: set[Location] = set()
        self._waiting: list[_Branch] = []

    def collect(self, path: str, because: Because, start: Location = HOST_ROOT) -> None:
        """Collect what `path`, taken from `start`, leads to, if that is anything. Raises CannotRead."""
        end = self._mirror.place(path, because, start)
        if end is not None and os.path.isdir(end.host):
            self._waiting.append(_Branch(end))
        while self._waiting:
            self._walk(self._waiting.pop(), because)

    def _walk(self, branch: _Branch, because: Because) -> None:
        location = branch.location
        if location in self._walked or self._mirror.host.is_off_limits(location.host):
            return
        self._walked.add(location)
        try:
            self._mirror.whole_directory(location, os.lstat(location.host), because)
            with os.scandir(location.host) as listing:
                children = sorted(listing, key=lambda child: child.name)
            for child in children:
                self._collect_child(child, branch, because)
        except OSError as error:
            raise CannotRead(error.filename or location.host, error) from None

    def _collect_child(self, child: os.DirEntry[str], branch: _Branch, because: Because) -> None:
        if child.is_symlink():
            self._collect_link(child.name, branch, because)
            return
        location = branch.location.joined(child.name)
        status = child.stat(follow_symlinks=False)
        if stat.S_ISDIR(status.st_mode):
            self._waiting.append(_Branch(location, branch.link_directories))
        else:
            self._mirror.leaf(location, status, because)

    def _collect_link(self, name: str, branch: _Branch, because: Because) -> None:
        end = self._mirror.place(name, because, branch.location)
        if end is None or not os.path.isdir(end.host):
            return
        directories = (*branch.link_directories, branch.location.host)
        if not any(os.path.commonpath((end.host, each)) == end.host for each in directories):
            self._waiting.append(_Branch(end, directories))
        elif self._mirror.layout is Layout.DIRECTORIES:
            link = branch.location.host.joined(name)
            self._mirror.host.skip(link, "a link to a directory above itself cannot become a directory")
