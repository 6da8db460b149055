"""Paths that programs have used, as the host had them before, with what else a program sees of the way there."""

import os
import stat

from magicpak.bundle.entry import Attributes, Directory
from magicpak.bundle.path import ROOT, BundlePath
from magicpak.bundle.plan import Because, Item, made_directory
from magicpak.collect.mirror import Mirror
from magicpak.dynamic.host_before import CHANGING, HostBefore, HostChanges
from magicpak.files.cli_path import Location
from magicpak.tracing.trace import Access, Use


class FileCollector:
    """Collects files, the directories that were looked at or written into, and mount points, apart from other items."""

    def __init__(self, mirror: Mirror, past: HostChanges) -> None:
        """Take the mirror in whose layout the items are, and what the runs have changed."""
        self._host = HostBefore(mirror.host.output, past)
        self._now = HostBefore(mirror.host.output, HostChanges({}, frozenset(), frozenset(), False, ()))
        self._past = past
        self._written = {*past.written, os.path.dirname(mirror.host.output or "")}  # OUTPUT changes its directory too
        self._placed: set[tuple[str, str]] = set()
        self._holders: dict[tuple[str, str], Location | None] = {}
        self._directories: dict[Location, Because] = {}
        self.mirror = Mirror(mirror.layout)
        self.mirror.host = self._host

    def add(self, use: Use, because: Because) -> None:
        """Collect what one use needs. Raises CannotRead."""
        if use.root != ROOT:
            self._host.add_root(use.root)
            self._now.add_root(use.root)
        root = BundlePath(use.root)
        if use.access is Access.CONNECTED:
            self.place(os.path.dirname(use.path), because, root)
        elif use.access not in CHANGING:
            self.place(use.path, because, root)
        else:
            self._collect(use.path, because, root)
            self._collect(use.real, because, ROOT)
            if use.access is not Access.CHANGED:
                self._collect(os.path.dirname(use.real), because, ROOT)

    def place(self, path: str, because: Because, root: BundlePath = ROOT) -> None:
        """Collect what `path` led to before the runs, for a process with the root `root`, and what it leads to now.

        The latter comes by its real path: a link that the run has made is not in. Raises CannotRead.
        """
        if (path, root) in self._placed:
            return
        self._placed.add((path, root))
        end = self._collect(path, because, root)
        if self._past.has_other_links:
            real = self._now.real(path, root)
            if end is None or end.real != real:
                self._collect(real, because, ROOT)

    def items(self) -> list[Item]:
        """Return all that was collected."""
        for spot, because in self._directories.items():
            status = self._host.status_of(spot.real)
            if spot.real not in self._written:
                self.mirror.whole_directory(spot, status, because)
            elif spot.at != ROOT:
                attributes = Attributes(stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid)
                self.mirror.add(Item(spot.at, Directory(attributes, self._host.source(spot.real)), because))
        for path in sorted(self._host.entered):
            self._mount_point(path)
        return self.mirror.take()

    def _collect(self, path: str, because: Because, root: BundlePath) -> Location | None:
        """Collect `path` from its directory on, to which the way is the same for all that is in it."""
        directory, _, name = path.rpartition("/")
        key = directory, root
        if key not in self._holders:
            self._holders[key] = self.mirror.place(directory, because, root=root)
        holder = self._holders[key]
        end = self.mirror.place(name, because, holder, root) if holder is not None else None
        status = self._host.status(end.real) if end is not None else None
        if end is not None and status is not None and stat.S_ISDIR(status.st_mode):
            self._directories.setdefault(end, because)
        return end

    def _mount_point(self, path: BundlePath) -> None:
        because = Because("the mount point of what a running system has there")
        self.mirror.directory(path.parent, because)
        try:
            status = os.stat(path)
            directory = Directory(Attributes(stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid))
        except OSError:
            directory = made_directory(path)
        self.mirror.add(Item(path, directory, because))
