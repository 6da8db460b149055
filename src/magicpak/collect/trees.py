"""Directories of the host with all that is in them."""

import os
import stat
from typing import NamedTuple

from magicpak.bundle.layout import Layout
from magicpak.bundle.plan import Because
from magicpak.collect.mirror import Mirror
from magicpak.errors import CannotRead
from magicpak.files.cli_path import HOST_ROOT, Location


class _Branch(NamedTuple):
    """A directory to walk, and the directories in which links on the way to it stand, by their real paths."""

    spot: Location
    came_from: tuple[str, ...] = ()


class TreeCollector:
    """Walks trees, each directory once.

    Links in a tree bring what they lead to, directories as trees too, except for directories above themselves.
    """

    def __init__(self, mirror: Mirror) -> None:
        """Take what collects the items."""
        self._mirror = mirror
        self._walked: set[Location] = set()
        self._waiting: list[_Branch] = []

    def collect(self, path: str, because: Because, start: Location = HOST_ROOT) -> None:
        """Collect what `path`, taken from `start`, leads to, if that is anything. Raises CannotRead."""
        end = self._mirror.place(path, because, start)
        if end is not None and os.path.isdir(end.real):
            self._waiting.append(_Branch(end))
        while self._waiting:
            self._walk(self._waiting.pop(), because)

    def _walk(self, branch: _Branch, because: Because) -> None:
        spot = branch.spot
        if spot in self._walked or self._mirror.host.is_off_limits(spot.real):
            return
        self._walked.add(spot)
        try:
            self._mirror.whole_directory(spot, os.lstat(spot.real), because)
            with os.scandir(spot.real) as listing:
                children = sorted(listing, key=lambda child: child.name)
            for child in children:
                self._child(child, branch, because)
        except OSError as error:
            raise CannotRead(error.filename or spot.real, error) from None

    def _child(self, child: os.DirEntry[str], branch: _Branch, because: Because) -> None:
        if child.is_symlink():
            self._link(child.name, branch, because)
            return
        spot = Location(branch.spot.real.joined(child.name), branch.spot.at.joined(child.name))
        status = child.stat(follow_symlinks=False)
        if stat.S_ISDIR(status.st_mode):
            self._waiting.append(_Branch(spot, branch.came_from))
        else:
            self._mirror.leaf(spot, status, because)

    def _link(self, name: str, branch: _Branch, because: Because) -> None:
        end = self._mirror.place(name, because, branch.spot)
        if end is None or not os.path.isdir(end.real):
            return
        way = (*branch.came_from, branch.spot.real)
        if not any(os.path.commonpath((end.real, each)) == end.real for each in way):
            self._waiting.append(_Branch(end, way))
        elif self._mirror.layout is Layout.DIRECTORIES:
            link = branch.spot.real.joined(name)
            self._mirror.host.leave_out(link, "it is a link to a directory above itself, which cannot be a directory")
