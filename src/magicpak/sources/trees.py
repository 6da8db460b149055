"""Directories of the host with all that is in them."""

import os
import stat
from typing import NamedTuple

from magicpak.bundle.entry import Directory
from magicpak.bundle.path import BundlePath
from magicpak.bundle.plan import Because, Item
from magicpak.errors import CannotRead
from magicpak.sources.mirror import Mirror, attributes_of


class _Branch(NamedTuple):
    """A directory to walk: its real path, its place in the bundle, and the real path of the tree that it is part of."""

    real: str
    where: BundlePath
    root: str


class Trees:
    """Walks trees, each directory once.

    Links in a tree bring what they lead to, directories as trees too, except for directories above themselves.
    """

    def __init__(self, mirror: Mirror) -> None:
        """Take what collects the items."""
        self._mirror = mirror
        self._walked: set[tuple[str, str]] = set()
        self._files: list[str] = []
        self._waiting: list[_Branch] = []

    def mirrored(self, path: str, because: Because) -> list[str]:
        """Collect the tree at the absolute `path` of the host, and return the real paths of its regular files."""
        return self._walk(path, None, because)

    def moved(self, path: str, at: BundlePath, because: Because) -> list[str]:
        """Collect the file or tree at `path` as `at` in the bundle, and return the real paths of its regular files."""
        return self._walk(path, at, because)

    def _walk(self, path: str, at: BundlePath | None, because: Because) -> list[str]:
        self._files = []
        self._reach(path, at, because)
        while self._waiting:
            self._branch(self._waiting.pop(), because, moved=at is not None)
        return self._files

    def _reach(self, path: str, at: BundlePath | None, because: Because) -> None:
        """Collect what `path` leads to, a directory as a branch that waits to be walked."""
        if at is None:
            end = self._mirror.place(path, because)
            if end is None:
                return
            if os.path.isdir(end):
                self._waiting.append(_Branch(end, self._mirror.standing(path, end), end))
            else:
                self._files.append(end)
            return
        real = os.path.realpath(path)
        if os.path.isdir(real):
            self._waiting.append(_Branch(real, self._mirror.directory(at, because), real))
        elif os.path.exists(real):
            self._mirror.place_at(real, at, because)
            self._files.append(real)

    def _branch(self, branch: _Branch, because: Because, *, moved: bool) -> None:
        if (branch.real, branch.where) in self._walked or self._mirror.is_off_limits(branch.real):
            return
        self._walked.add((branch.real, branch.where))
        try:
            if branch.where != "/":
                attributes = attributes_of(os.lstat(branch.real))
                self._mirror.add(Item(branch.where, Directory(attributes, source=branch.real), because))
            with os.scandir(branch.real) as listing:
                children = sorted(listing, key=lambda child: child.name)
            for child in children:
                self._child(child, branch, because, moved=moved)
        except OSError as error:
            raise CannotRead(error.filename or branch.real, error) from None

    def _child(self, child: os.DirEntry[str], branch: _Branch, because: Because, *, moved: bool) -> None:
        where = branch.where.joined(child.name)
        status = child.stat(follow_symlinks=False)
        if stat.S_ISDIR(status.st_mode):
            self._waiting.append(_Branch(child.path, where, branch.root))
        elif stat.S_ISLNK(status.st_mode):
            self._link(child.path, where, status, branch, because, moved=moved)
        elif self._mirror.leaf(where, child.path, status, because) and stat.S_ISREG(status.st_mode):
            self._files.append(child.path)

    def _link(  # noqa: PLR0913 - the parts of one link
        self, path: str, where: BundlePath, status: os.stat_result, branch: _Branch, because: Because, *, moved: bool
    ) -> None:
        end = os.path.realpath(path)
        is_above = os.path.isdir(end) and BundlePath(path).is_under(end)
        if not moved:
            if is_above:
                self._mirror.place(where, because)
            else:
                self._reach(where, None, because)
            return
        target = self._mirror.link(where, path, status, because)
        if is_above or BundlePath(end).is_under(branch.root):
            return
        if target.startswith("/"):
            self._reach(target, None, because)
        else:
            self._reach(path, BundlePath(f"{where.parent}/{target}"), because)
