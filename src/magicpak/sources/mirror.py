"""Host paths as items of the bundle, with every link on the way: the last stage of planning."""

import errno
import os
import stat

from magicpak.bundle.entry import Attributes, Copy, Directory, Fifo, Link
from magicpak.bundle.layout import Layout
from magicpak.bundle.path import ROOT, BundlePath
from magicpak.bundle.plan import Because, Item, made_directory
from magicpak.display import shown
from magicpak.errors import CannotRead, MagicpakError

_MOST_LINKS = 40  # as many as the kernel follows, path_resolution(7)
_VIRTUAL = ("/proc/", "/sys/")


class Mirror:
    """Collects items so that a path leads to the same bytes in the bundle as on the host."""

    def __init__(self, layout: Layout, output: str | None = None) -> None:
        """Take the layout, and the real path of the output, which is never part of the bundle."""
        self._layout = layout
        self._output = None if output is None else output.rstrip("/") + "/"
        self._items: dict[tuple[BundlePath, bool], Item] = {}
        self._status: dict[str, os.stat_result | None] = {}
        self._left_out: dict[str, list[str]] = {}

    def take(self) -> list[Item]:
        """Return the items collected since the last call."""
        items, self._items = list(self._items.values()), {}
        return items

    def remarks(self) -> list[str]:
        """Return a line for each kind of thing that was left out."""
        return [
            f"{shown(paths[0])}{f' and {len(paths) - 1} more' if len(paths) > 1 else ''} left out: {why}"
            for why, paths in self._left_out.items()
        ]

    def place(self, path: str, because: Because) -> str | None:
        """Collect what the absolute `path` of the host needs to resolve in the bundle.

        Returns the real path on the host of what it ends at; None where it ends at nothing, or at what cannot be
        bundled. Raises MagicpakError.
        """
        if self._layout is Layout.DIRECTORIES:
            return self._place_real(path, because)
        at = ROOT
        todo = _components(path)
        links = 0
        while todo:
            name = todo.pop()
            if name in ("", "."):
                continue
            if name == "..":
                at = at.parent
                continue
            at = at.joined(name)
            status = self._lstat(at)
            if status is None:
                return None
            if stat.S_ISLNK(status.st_mode):
                links += 1
                if links > _MOST_LINKS:
                    raise _loop(path)
                target = self.link(at, at, status, because)
                at = ROOT if target.startswith("/") else at.parent
                todo += _components(target)
            elif stat.S_ISDIR(status.st_mode):
                self._imply(at, status, because)
            elif todo:
                return None
            else:
                return str(at) if self.leaf(at, str(at), status, because) else None
        return str(at)

    def standing(self, path: str, real: str) -> BundlePath:
        """Return where the directory `path` of the host, which is really `real`, stands in the bundle."""
        return BundlePath(real if self._layout is Layout.HOST else path)

    def place_at(self, source: str, at: BundlePath, because: Because) -> BundlePath:
        """Collect the file that `source` leads to as `at`, with the directories above it; return where it stands.

        Links of the host among those directories are kept, so that `/bin/x` is `/usr/bin/x` where `/bin` is a link.
        """
        real = os.path.realpath(source)
        where = self.directory(at.parent, because).joined(at.name)
        status = self._lstat(real)
        if status is None:
            raise CannotRead(source, FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT)))
        self.leaf(where, real, status, because)
        return where

    def directory(self, path: BundlePath, because: Because) -> BundlePath:
        """Collect the directories of `path`, as the host has them or made anew, and return where they end."""
        at = ROOT
        todo = _components(path)
        links = 0
        while todo:
            name = todo.pop()
            if name in ("", "."):
                continue
            if name == "..":
                at = at.parent
                continue
            at = at.joined(name)
            status = self._lstat(at)
            if status is not None and stat.S_ISLNK(status.st_mode):
                end = self._stat(at)
                if (
                    self._layout is Layout.HOST
                    and end is not None
                    and stat.S_ISDIR(end.st_mode)
                    and links < _MOST_LINKS
                ):
                    links += 1
                    target = self.link(at, at, status, because)
                    at = ROOT if target.startswith("/") else at.parent
                    todo += _components(target)
                    continue
                status = end
            if status is not None and stat.S_ISDIR(status.st_mode):
                self._imply(at, status, because)
            else:
                made = made_directory(at)
                self.add(Item(at, Directory(made.attributes, implied=True), because))
        return at

    def _place_real(self, path: str, because: Because) -> str | None:
        """Collect `path` with real directories above it; a link to a file stays one if it says the same there."""
        where = (
            BundlePath(os.path.normpath(path))
            if ".." not in path.split("/")
            else BundlePath(os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path)))
        )
        real = os.path.realpath(path)
        end = self._lstat(real)
        if end is not None and stat.S_ISLNK(end.st_mode):
            raise _loop(path)
        self.directory(where.parent, because)
        status = self._lstat(str(where))
        if status is not None and stat.S_ISLNK(status.st_mode):
            target = os.readlink(where)
            beside = BundlePath(os.path.join(where.parent, target))
            if end is None or (not stat.S_ISDIR(end.st_mode) and os.path.realpath(beside) == real and beside != where):
                self.link(where, str(where), status, because)
                if end is not None:
                    self._place_real(beside, because)
                return real if end is not None else None
        if end is None:
            return None
        if stat.S_ISDIR(end.st_mode):
            if where != ROOT:
                self._imply(where, end, because)
            return real
        return real if self.leaf(where, real, end, because) else None

    def leaf(self, where: BundlePath, real: str, status: os.stat_result, because: Because) -> bool:
        """Collect the one thing at `real`, which is no link and no directory; tell whether it can be bundled."""
        if self.is_off_limits(real):
            return False
        mode = status.st_mode
        if stat.S_ISREG(mode):
            inode = (status.st_dev, status.st_ino)
            self.add(Item(where, Copy(real, status.st_size, inode, attributes_of(status)), because))
            return True
        if stat.S_ISFIFO(mode):
            self.add(Item(where, Fifo(attributes_of(status)), because))
            return True
        what = "it is a socket" if stat.S_ISSOCK(mode) else "it is a device" if not stat.S_ISDIR(mode) else ""
        if not what:
            raise MagicpakError(f"{shown(real)} is a directory where a file is due")
        self._left_out.setdefault(what, []).append(real)
        return False

    def is_off_limits(self, real: str) -> bool:
        """Tell whether `real` is the output itself or a file that the kernel makes; the latter is remarked on."""
        path = real + "/"  # compared as text, since every file of a tree comes by
        if self._output is not None and path.startswith(self._output):
            return True
        if path.startswith(_VIRTUAL):
            self._left_out.setdefault("the kernel makes it, it is no file", []).append(real)
            return True
        return False

    def link(self, where: BundlePath, real: str, status: os.stat_result, because: Because) -> str:
        """Collect the symbolic link at `real` as it is, and return its target. Raises CannotRead."""
        try:
            target = os.readlink(real)
        except OSError as error:
            raise CannotRead(real, error) from None
        self.add(Item(where, Link(target, attributes_of(status)), because))
        return target

    def _imply(self, where: BundlePath, status: os.stat_result, because: Because) -> None:
        attributes = Attributes(stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid)
        if where in ("/tmp", "/var/tmp"):  # noqa: S108 - the bundle's
            attributes = made_directory(where).attributes
        self.add(Item(where, Directory(attributes, str(where), implied=True), because))

    def add(self, item: Item) -> None:
        """Collect `item`; the first for a path stays."""
        implied = isinstance(item.entry, Directory) and item.entry.implied
        self._items.setdefault((item.path, implied), item)

    def _lstat(self, path: str) -> os.stat_result | None:
        if path not in self._status:
            try:
                self._status[path] = os.lstat(path)
            except (FileNotFoundError, NotADirectoryError):
                self._status[path] = None
            except OSError as error:
                raise CannotRead(path, error) from None
        return self._status[path]

    @staticmethod
    def _stat(path: str) -> os.stat_result | None:
        try:
            return os.stat(path)
        except OSError:
            return None


def _components(path: str) -> list[str]:
    return path.split("/")[::-1]


def attributes_of(status: os.stat_result) -> Attributes:
    """Return mode, owner and time as they stand in `status`."""
    return Attributes(stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid, status.st_mtime_ns)


def _loop(path: str) -> MagicpakError:
    return CannotRead(path, OSError(errno.ELOOP, os.strerror(errno.ELOOP)))
