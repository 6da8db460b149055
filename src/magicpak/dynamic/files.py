"""Paths that programs have used, as the host had them before, with what else a program sees of the way there."""

import os
import stat

from magicpak.bundle.entry import Attributes, Directory, Layout
from magicpak.bundle.path import ROOT, BundlePath
from magicpak.bundle.plan import Because, Item, made_directory
from magicpak.collect.mirror import Mirror
from magicpak.dynamic.host_before import CHANGING, NO_CHANGES, HostBefore, HostChanges
from magicpak.files.cli_path import Location
from magicpak.tracing.trace import Access, Use


class FileCollector:
    """Collects files, the directories that were looked at or written into, and mount points, in a mirror of its own.

    `layout` is that of the items, `output` the real path of OUTPUT, `changes` are what the runs have changed.
    """

    def __init__(self, layout: Layout, output: str | None, changes: HostChanges) -> None:
        self._host = HostBefore(output, changes)
        self._now = HostBefore(output, NO_CHANGES)
        self._has_other_links = changes.has_other_links
        self._written = {*changes.written, os.path.dirname(output or "")}  # OUTPUT changes its directory too
        self._placed: set[tuple[str, str]] = set()
        self._holders: dict[tuple[str, str], Location | None] = {}
        self._directories: dict[Location, Because] = {}
        self.mirror = Mirror(layout, self._host)

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

        The latter is collected by its real path: a link that the run has made is not included. Raises CannotRead.
        """
        if (path, root) in self._placed:
            return
        self._placed.add((path, root))
        end = self._collect(path, because, root)
        if self._has_other_links:
            real = self._now.real(path, root)
            if end is None or end.host != real:
                self._collect(real, because, ROOT)

    def items(self) -> list[Item]:
        """Return everything that was collected."""
        for location, because in self._directories.items():
            status = self._host.existing_status(location.host)
            if location.host not in self._written:
                self.mirror.whole_directory(location, status, because)
            elif location.bundle != ROOT:
                attributes = Attributes(stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid)
                directory = Directory(attributes, self._host.source(location.host))
                self.mirror.add(Item(location.bundle, directory, because))
        for path in sorted(self._host.entered):
            self._add_mount_point(path)
        return self.mirror.take()

    def _collect(self, path: str, because: Because, root: BundlePath) -> Location | None:
        """Collect `path` from its directory on, to which the way is the same for everything in it."""
        directory, _, name = path.rpartition("/")
        key = directory, root
        if key not in self._holders:
            self._holders[key] = self.mirror.place(directory, because, root=root)
        holder = self._holders[key]
        end = self.mirror.place(name, because, holder, root) if holder is not None else None
        status = self._host.status(end.host) if end is not None else None
        if end is not None and status is not None and stat.S_ISDIR(status.st_mode):
            self._directories.setdefault(end, because)
        return end

    def _add_mount_point(self, path: BundlePath) -> None:
        because = Because("a mount point of a running system")
        self.mirror.directory(path.parent, because)
        try:
            status = os.stat(path)
            directory = Directory(Attributes(stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid))
        except OSError:
            directory = made_directory(path)
        self.mirror.add(Item(path, directory, because))
