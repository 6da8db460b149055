"""Host paths as items of the bundle, with every link on the way: the last stage of planning."""

import os
import stat
from collections.abc import Iterable

from magicpak.bundle.entry import Directory
from magicpak.bundle.layout import Layout
from magicpak.bundle.path import ROOT, BundlePath, PathWalk
from magicpak.bundle.plan import Because, Item, made_directory
from magicpak.errors import MagicpakError
from magicpak.files.cli_path import HOST_ROOT, Location
from magicpak.files.host import Host, attributes_of, description
from magicpak.text import printable


class Mirror:
    """Collects items so that a path leads to the same bytes in the bundle as on the host."""

    def __init__(self, layout: Layout, output: str | None = None) -> None:
        """Take the layout, and the real path of the output, which is never part of the bundle."""
        self.layout = layout
        self.host = Host(output)
        self._items: dict[BundlePath, Item] = {}
        self._others: list[Item] = []

    def take(self) -> list[Item]:
        """Return the items collected since the last call; a path with two of them is the plan's to judge."""
        items = [*self._items.values(), *self._others]
        self._items, self._others = {}, []
        return items

    def warnings(self) -> list[str]:
        """Return a line for each kind of thing that was left out."""
        return self.host.warnings()

    def __len__(self) -> int:
        """Return the number of paths collected so far."""
        return len(self._items)

    def after(self, count: int) -> list[Item]:
        """Return what was collected after the first `count` paths."""
        return list(self._items.values())[count:]

    def add(self, item: Item) -> None:
        """Collect `item`."""
        known = self._items.setdefault(item.path, item)
        if known is not item and (type(known.entry) is not type(item.entry) or known.entry != item.entry):
            self._others.append(item)

    def add_beside(self, items: Iterable[Item]) -> None:
        """Collect `items`, which are not counted among the paths collected: each was a matter of its own."""
        self._others += items

    def place(
        self, path: str, because: Because, start: Location = HOST_ROOT, root: BundlePath = ROOT
    ) -> Location | None:
        """Collect what `path`, taken from `start`, needs to resolve in the bundle for a process with the root `root`.

        Returns where it ends; None where that is nothing, or nothing that can be bundled. Raises CannotRead.
        """
        if self.layout is Layout.DIRECTORIES:
            return self._place_unlinked(path, because, start, root)
        way = PathWalk(path, start.at, start.real, root)
        while way.step():
            status = self._present(way.real)
            if status is None:
                return None
            if stat.S_ISLNK(status.st_mode):
                if not way.follow(self._link(Location(way.real, way.at), status, because, root)):
                    return None
            elif stat.S_ISDIR(status.st_mode):
                way.at = self._stand(Location(way.real, way.at), status, because)
            else:
                end = Location(way.real, way.at)
                return end if way.is_over and self.leaf(end, status, because) else None
        return Location(way.real, way.at)

    def _place_unlinked(self, path: str, because: Because, start: Location, root: BundlePath) -> Location | None:
        """Place `path` with a directory of its own for each directory on the way, whatever is a link on the host."""
        at, real = start.at, start.real
        names = [name for name in path.split("/") if name not in ("", ".")]
        for index, name in enumerate(names):
            if name == ".." and real == root:
                continue
            step = real.joined(name) if name != ".." else real.parent
            at = at.joined(name) if name != ".." else at.parent
            end = self.host.followed(step, root)
            if end is None or not stat.S_ISDIR(end.st_mode):
                return self._place_last(Location(step, at), end, because, root) if index == len(names) - 1 else None
            real = self.host.real(step, root)
            if self.host.is_off_limits(real):
                return None
            if at != ROOT:
                self._imply(Location(real, at), end, because)
        return Location(real, at)

    def _place_last(
        self, spot: Location, end: os.stat_result | None, because: Because, root: BundlePath
    ) -> Location | None:
        """Place what is no directory; a link stays one if it says the same here: one to a name beside it, or to none.

        `spot.real` may be a link here; `end` is what it leads to.
        """
        status = self._present(spot.real)
        if status is not None and stat.S_ISLNK(status.st_mode):
            target = self.host.target(spot.real)
            if "/" not in target and target not in (".", ".."):
                self._link(spot, status, because, root)
                beside = Location(spot.real.parent, spot.at.parent)
                loop = self.host.is_loop(spot.real, root)
                return None if loop else self._place_unlinked(target, because, beside, root)
            if end is None:
                self._link(spot, status, because, root)
        if end is None:
            return None
        there = Location(self.host.real(spot.real, root), spot.at)
        return there if not self.host.is_off_limits(there.real) and self.leaf(there, end, because) else None

    def place_at(self, source: str, at: BundlePath, because: Because) -> BundlePath:
        """Collect the file that `source` leads to as `at`, with the directories above it; return where it stands.

        Links of the host among those directories are kept, so that `/bin/x` is `/usr/bin/x` where `/bin` is a link.
        Raises CannotRead.
        """
        real = self.host.real(source)
        where = self.directory(at.parent, because).joined(at.name)
        self.leaf(Location(real, where), self.host.status_of(real), because)
        return where

    def directory(self, path: BundlePath, because: Because) -> BundlePath:
        """Collect the directories of `path`, as the host has them or made anew, and return where they end."""
        way = PathWalk(path)
        while way.step():
            end = self.host.followed(way.at)
            status = self.host.status(way.at)
            if end is None or status is None or not stat.S_ISDIR(end.st_mode):
                made = made_directory(way.at)
                self.add(Item(way.at, Directory(made.attributes, implied=True), because))
            elif stat.S_ISLNK(status.st_mode) and self.layout is Layout.HOST:
                way.follow(self._link(Location(way.at, way.at), status, because))
            else:
                self._imply(Location(self.host.real(way.at), way.at), end, because)
        return way.at

    def leaf(self, spot: Location, status: os.stat_result, because: Because) -> bool:
        """Collect the one thing at `spot`, which is no link and no directory; tell whether it can be bundled."""
        entry = self.host.file_entry(spot.real, status)
        if entry is not None:
            self.add(Item(spot.at, entry, because))
        elif stat.S_ISDIR(status.st_mode):
            message = f"{printable(spot.real)} is a directory where a file is due"
            raise MagicpakError(message)
        else:
            self.host.leave_out(spot.real, f"it is {description(status.st_mode)}")
        return entry is not None

    def whole_directory(self, spot: Location, status: os.stat_result, because: Because) -> None:
        """Collect the directory at `spot` for its own sake, with its time and all else that it is."""
        if spot.at != ROOT:
            self.add(Item(spot.at, Directory(attributes_of(status), self.host.source(spot.real)), because))

    def _stand(self, spot: Location, status: os.stat_result, because: Because) -> BundlePath:
        """Collect a directory on the way, and return where it stands: what has moved may meet a link of the host."""
        if spot.at != spot.real:
            there = self.host.status(spot.at)
            if there is not None and stat.S_ISLNK(there.st_mode):
                return self.directory(spot.at, because)
        self._imply(spot, status, because)
        return spot.at

    def _present(self, real: BundlePath) -> os.stat_result | None:
        return None if self.host.is_off_limits(real) else self.host.status(real)

    def _link(self, spot: Location, status: os.stat_result, because: Because, root: BundlePath = ROOT) -> str:
        entry = self.host.link(spot.real, status, root)
        self.add(Item(spot.at, entry, because))
        return entry.target

    def _imply(self, spot: Location, status: os.stat_result, because: Because) -> None:
        self.add(Item(spot.at, self.host.implied(spot, status), because))
