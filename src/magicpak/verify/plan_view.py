"""A plan as the root that it will be: links as planned, files read where they are copied from."""

import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import NamedTuple

from magicpak.bundle.entry import Content, Copy, Directory, Entry, Fifo, Link
from magicpak.bundle.path import BundlePath
from magicpak.bundle.plan import BundlePlan, Item
from magicpak.elf.cache import ElfCache, ElfFile
from magicpak.elf.errors import ElfError
from magicpak.files.root_view import RootView
from magicpak.files.view import has_capabilities, open_file

_MAY_EXECUTE = 0o111


class DanglingLink(NamedTuple):
    """A link that leads to nothing, and the place where nothing is."""

    item: Item
    end: BundlePath


class PlanView(RootView):
    """The finished plan taken as its own root.

    Where it has a base, `own` are the places of what is not the base's alone: programs and links to look at.
    """

    def __init__(self, plan: BundlePlan, own: Collection[BundlePath] | None = None) -> None:
        super().__init__()
        self._plan = plan
        self._own = own

    def entry(self, path: str) -> Entry | None:
        """Return the entry that `path` leads to; None for the root itself. Raises OSError."""
        item = self._plan.get(self.reached(path))
        return item.entry if item else None

    def open(self, path: str) -> int:
        """Return a descriptor of what will be there, as far as a loader can tell. Raises OSError."""
        match self.entry(path):
            case Copy(source=source):
                return open_file(source)
            case Content(data=data):
                return _file_of(data)
            case Fifo():
                reading, writing = os.pipe2(os.O_CLOEXEC)
                os.close(writing)
                return reading
            case _:
                return open_file("/")  # one directory is like another

    def has_capabilities(self, path: str) -> bool:
        """Return whether `path` leads to a file that gets capabilities of its own."""
        entry = self.entry(path)
        return isinstance(entry, Copy) and has_capabilities(entry.extended or entry.source)

    def is_executable(self, path: str) -> bool:
        """Return whether `path` leads to a file that somebody may execute."""
        try:
            item = self._plan.get(self.reached(path))
        except OSError:
            return False
        return item is not None and _is_executable(item)

    def executables(self) -> Iterator[BundlePath]:
        """Yield the files that somebody may execute, in order."""
        for item in self.own_items():
            if _is_executable(item):
                yield item.path

    def has(self, path: str) -> bool:
        """Return whether `path` leads to anything."""
        return self._plan.reached(path)[0] is not None

    def places(self) -> dict[tuple[int, int], BundlePath]:
        """Return the places of the files of the host, by their inodes; of several places the first."""
        copies = self._plan.where(lambda item: isinstance(item.entry, Copy))
        return {item.entry.inode: item.path for item in reversed(copies) if isinstance(item.entry, Copy)}

    def dangling_links(self) -> Iterator[DanglingLink]:
        """Yield the links that lead to nothing, in order."""
        for item in self.own_items():
            if not isinstance(item.entry, Link):
                continue
            try:
                self.reached(item.path)
            except OSError:
                yield DanglingLink(item, self._plan.reached(item.path)[1])

    def own_items(self) -> Iterable[Item]:
        """Return the items to look at, in order."""
        own = self._own
        return self._plan if own is None else self._plan.where(lambda item: item.path in own)

    def target(self, place: BundlePath) -> str | None:
        """Return the text of the link at `place`, None for what is not a link. Raises FileNotFoundError for nothing."""
        return self._plan.target(place)

    def is_directory_at(self, place: BundlePath) -> bool:
        """Return whether a directory is at `place`."""
        item = self._plan.get(place)
        return item is None or isinstance(item.entry, Directory)


class PlanElfCache(ElfCache):
    """The ELF files of a plan: what the host's cache has of them is not read again, and it gets what is read here."""

    _places: Mapping[tuple[int, int], BundlePath] | None = None

    def __init__(self, view: PlanView, host: ElfCache) -> None:
        super().__init__(view, host.upx, host.upx_timeout)
        self.by_inode = host.by_inode
        self._view = view
        self._host = host

    def place_of(self, path: str) -> str | None:
        """Return the place of the ELF file that is at `path` on the host, `path` if it is there too; None for none.

        A file that is not what it is on the host has none.
        """
        try:
            inode = self._host.get(path).inode
        except (OSError, ElfError):
            return None
        if self._is_at(path, inode):
            return path
        if self._places is None:
            self._places = {self.origin(inode): at for inode, at in self._view.places().items()}
        return self._places.get(inode)

    def _is_at(self, path: str, inode: tuple[int, int]) -> bool:
        try:
            return self.get(path).inode == inode
        except (OSError, ElfError):
            return False

    def _read(self, path: str) -> ElfFile | ElfError | OSError:
        try:
            entry = self._view.entry(path)
            if not isinstance(entry, Copy):
                return super()._read(path)
            status = os.stat(entry.source)
        except OSError as error:
            return error
        known = self.by_inode.get((status.st_dev, status.st_ino)) or super()._read(path)
        if isinstance(known, ElfFile) and known.mode != entry.attributes.mode:
            return known._replace(mode=entry.attributes.mode)
        return known


def _is_executable(item: Item) -> bool:
    return isinstance(item.entry, Copy) and bool(item.entry.attributes.mode & _MAY_EXECUTE)


def _file_of(data: bytes) -> int:
    descriptor = os.memfd_create("made", os.MFD_CLOEXEC)
    with open(descriptor, "wb", buffering=0, closefd=False) as file:
        file.write(data)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor
