"""Host paths as items of the plan, with every link on the way: the last stage of planning."""

import os
import stat
from collections.abc import Iterable

from magicpak.bundle.entry import Copy, Directory, Layout, Link
from magicpak.bundle.path import ROOT, BundlePath, PathWalk, resolve
from magicpak.bundle.plan import Because, Item, made_directory
from magicpak.errors import MagicpakError
from magicpak.files.cli_path import HOST_ROOT, Location
from magicpak.files.host import Host, attributes_of, describe_file_type
from magicpak.text import printable


class Mirror:
    """Collects items so that a path leads to the same bytes in the bundle as on `host`."""

    def __init__(self, layout: Layout, host: Host) -> None:
        self.layout = layout
        self.host = host
        self._items: dict[BundlePath, Item] = {}
        self._others: list[Item] = []
        self._kept_links: set[BundlePath] = set()

    def take(self) -> list[Item]:
        """Return the items collected since the last call; a path with two of them is the plan's to judge."""
        items = [item for item in self.collected() if not self._is_beyond_kept_link(item)]
        self._items, self._others = {}, []
        return items

    def collected(self) -> list[Item]:
        """Return what `take` would, and keep it."""
        return [*self._items.values(), *self._others]

    def keep_link(self, location: Location, because: Because) -> None:
        """Collect the link at `location` as it is, whatever the layout. Where it leads, everything is collected.

        What is collected by a path through it is not needed there, and not taken. Raises CannotRead.
        """
        self._kept_links.add(location.bundle)
        entry = self.host.link(location.host, self.host.existing_status(location.host))
        self._items[location.bundle] = Item(location.bundle, entry, because)

    def _is_beyond_kept_link(self, item: Item) -> bool:
        """Return whether a link that is kept leads to the same as `item`, which is at the link or below."""
        path = item.path
        while path not in self._kept_links:
            if path == ROOT or not self._kept_links:
                return False
            path = path.parent
        place = resolve(item.path.parent, self._link_target).place.joined(item.path.name)
        if isinstance(item.entry, Directory):
            place = resolve(place, self._link_target).place
        there = self._items.get(place)
        if there is None or there is item:
            return False
        if isinstance(item.entry, Copy) and isinstance(there.entry, Copy):
            return item.entry.inode == there.entry.inode
        if isinstance(item.entry, Link) and isinstance(there.entry, Link):
            return item.entry.target == there.entry.target
        return isinstance(item.entry, Directory) and isinstance(there.entry, Directory)

    def _link_target(self, place: BundlePath) -> str | None:
        entry = self._items[place].entry if place in self._items else None
        return entry.target if isinstance(entry, Link) else None

    def __len__(self) -> int:
        """Return the number of paths collected so far."""
        return len(self._items)

    def __contains__(self, path: BundlePath) -> bool:
        """Return whether something was collected for `path`."""
        return path in self._items or any(item.path == path for item in self._others)

    def after(self, count: int) -> list[Item]:
        """Return what was collected after the first `count` paths."""
        return list(self._items.values())[count:]

    def add(self, item: Item) -> None:
        """Collect `item`."""
        known = self._items.setdefault(item.path, item)
        if known is not item and (type(known.entry) is not type(item.entry) or known.entry != item.entry):
            self._others.append(item)

    def add_uncounted(self, items: Iterable[Item]) -> None:
        """Collect `items` of another mirror, which do not count among the paths collected here."""
        self._others += items

    def place(
        self, path: str, because: Because, start: Location = HOST_ROOT, root: BundlePath = ROOT
    ) -> Location | None:
        """Collect what `path`, taken from `start`, needs to resolve in the bundle for a process with the root `root`.

        Returns where it ends; None where that is nothing, or nothing that can be bundled. Raises CannotRead.
        """
        if self.layout is Layout.DIRECTORIES:
            return self._place_unlinked(path, because, start, root)
        walk = PathWalk(path, start.bundle, start.host, root)
        while walk.step():
            here = Location(walk.real, walk.at)
            status = self._status(here.host)
            if status is None:
                return None
            if stat.S_ISLNK(status.st_mode):
                if not walk.follow(self._link(here, status, because, root)):
                    return None
            elif stat.S_ISDIR(status.st_mode):
                walk.at = self._pass_directory(here, status, because)
            else:
                return here if walk.is_over and self.leaf(here, status, because) else None
        return Location(walk.real, walk.at)

    def _place_unlinked(self, path: str, because: Because, start: Location, root: BundlePath) -> Location | None:
        """Place `path` with a directory of its own for each directory on the way, whatever is a link on the host."""
        at, real = start.bundle, start.host
        names = [name for name in path.split("/") if name not in ("", ".")]
        for index, name in enumerate(names):
            if name == ".." and real == root:
                continue
            step = real.joined(name) if name != ".." else real.parent
            at = at.joined(name) if name != ".." else at.parent
            end = self.host.followed_status(step, root)
            if end is None or not stat.S_ISDIR(end.st_mode):
                return self._place_last(Location(step, at), end, because, root) if index == len(names) - 1 else None
            real = self.host.real(step, root)
            if self.host.is_off_limits(real):
                return None
            if at != ROOT:
                self._imply(Location(real, at), end, because)
        return Location(real, at)

    def _place_last(
        self, location: Location, end: os.stat_result | None, because: Because, root: BundlePath
    ) -> Location | None:
        """Place what is not a directory; a link stays one if it leads to a name beside it, or to nothing.

        `location` may be that of a link; `end` is what it leads to.
        """
        status = self._status(location.host)
        if status is not None and stat.S_ISLNK(status.st_mode):
            target = self.host.target(location.host)
            if "/" not in target and target not in (".", ".."):
                self._link(location, status, because, root)
                beside = Location(location.host.parent, location.bundle.parent)
                loop = self.host.is_loop(location.host, root)
                return None if loop else self._place_unlinked(target, because, beside, root)
            if end is None:
                self._link(location, status, because, root)
        if end is None:
            return None
        there = Location(self.host.real(location.host, root), location.bundle)
        return there if not self.host.is_off_limits(there.host) and self.leaf(there, end, because) else None

    def place_at(self, source: str, at: BundlePath, because: Because) -> BundlePath:
        """Collect the file that `source` leads to as `at`, with the directories above it; return its place.

        Links of the host among those directories are kept, so that `/bin/x` is `/usr/bin/x` where `/bin` is a link.
        Raises CannotRead.
        """
        real = self.host.real(source)
        place = self.directory(at.parent, because).joined(at.name)
        self.leaf(Location(real, place), self.host.existing_status(real), because)
        return place

    def directory(self, path: BundlePath, because: Because) -> BundlePath:
        """Collect the directories of `path`, as the host has them or newly made, and return where they end."""
        walk = PathWalk(path)
        while walk.step():
            end = self.host.followed_status(walk.at)
            status = self.host.status(walk.at)
            if end is None or status is None or not stat.S_ISDIR(end.st_mode):
                made = made_directory(walk.at)
                self.add(Item(walk.at, Directory(made.attributes, implied=True), because))
            elif stat.S_ISLNK(status.st_mode) and self.layout is Layout.HOST:
                walk.follow(self._link(Location(walk.at, walk.at), status, because))
            else:
                self._imply(Location(self.host.real(walk.at), walk.at), end, because)
        return walk.at

    def leaf(self, location: Location, status: os.stat_result, because: Because) -> bool:
        """Collect what is at `location`, neither a link nor a directory; return whether it can be bundled."""
        if self.host.is_kernels(location.host, status):  # a single file can be mounted, too
            self.host.skip(location.host, "provided by the kernel at run time")
            return False
        entry = self.host.file_entry(location.host, status)
        if entry is not None:
            self.add(Item(location.bundle, entry, because))
        elif stat.S_ISDIR(status.st_mode):
            raise MagicpakError(f"{printable(location.host)} is a directory where a file is expected")
        else:
            self.host.skip(location.host, describe_file_type(status.st_mode))
        return entry is not None

    def whole_directory(self, location: Location, status: os.stat_result, because: Because) -> None:
        """Collect the directory at `location` for its own sake, with its time and all its attributes."""
        if location.bundle != ROOT:
            entry = Directory(attributes_of(status), self.host.source(location.host))
            self.add(Item(location.bundle, entry, because))

    def _pass_directory(self, location: Location, status: os.stat_result, because: Because) -> BundlePath:
        """Collect a directory on the way, and return its place: what has moved may meet a link of the host."""
        if location.bundle != location.host:
            there = self.host.status(location.bundle)
            if there is not None and stat.S_ISLNK(there.st_mode):
                return self.directory(location.bundle, because)
        self._imply(location, status, because)
        return location.bundle

    def _status(self, real: BundlePath) -> os.stat_result | None:
        return None if self.host.is_off_limits(real) else self.host.status(real)

    def _link(self, location: Location, status: os.stat_result, because: Because, root: BundlePath = ROOT) -> str:
        entry = self.host.link(location.host, status, root)
        self.add(Item(location.bundle, entry, because))
        return entry.target

    def _imply(self, location: Location, status: os.stat_result, because: Because) -> None:
        self.add(Item(location.bundle, self.host.implied_directory(location, status), because))
