"""The layers of an image as one plan: each on those below it (OCI image specification, layer.md)."""

import os
import re
import tarfile
from collections.abc import Mapping
from typing import IO

from magicpak.base.directory import MAX_ENTRIES
from magicpak.base.tar_stream import TarStream, unpack_file
from magicpak.bundle.entry import Attributes, Copy, Directory, Entry, Fifo, Link
from magicpak.bundle.path import ROOT, BundlePath, resolve
from magicpak.bundle.plan import Because, BundlePlan, Item, made_directory
from magicpak.errors import MagicpakError
from magicpak.text import printable

_WHITEOUT, _OPAQUE = ".wh.", ".wh..wh..opq"
_TIME = re.compile(r"(-?[0-9]{1,12})(?:\.([0-9]{1,9}))?[0-9]*")
_NS = 1_000_000_000


class LayerStack:
    """Applies layers, the lowest first; the bytes of files go to the private `directory`, under names of our own."""

    def __init__(self, directory: str, because: Because) -> None:
        self._directory = directory
        self._because = because
        self._items: dict[BundlePath, Item] = {}
        self._count = 0

    @property
    def plan(self) -> BundlePlan:
        """What the layers that were applied make together."""
        return BundlePlan(self._items)

    def apply(self, path: str, name: str) -> str:
        """Apply the layer in the archive at `path`, called `name`; return the digest without compression.

        Raises MagicpakError.
        """
        lower, self._items = self._items, dict(self._items)
        own: dict[BundlePath, None] = {}
        removed: set[BundlePath] = set()
        emptied: set[BundlePath] = set()
        stream = TarStream(path, name)
        for member, data in stream.members():
            place = self._place(member.name, name)
            if place is None:
                continue
            if place.name == _OPAQUE:
                emptied.add(place.parent)
            elif place.name.startswith(_WHITEOUT):
                removed.add(place.parent.joined(place.name.removeprefix(_WHITEOUT)))
            elif (entry := self._entry(member, data, place, name)) is not None:
                self._put(place, entry)
                own |= dict.fromkeys([place])
        self._remove(lower, own, removed, emptied)
        return stream.digest

    def _place(self, text: str, layer: str) -> BundlePath | None:
        """Return where a member goes, through links of the directories above it; None for the root."""
        if ".." in text.split("/"):
            raise MagicpakError(f"{printable(layer)} has the path {printable(text)}, which leads out of the image")
        path = BundlePath(text)
        if path == ROOT:
            return None
        above = resolve(path.parent, self._target)
        return (above.missing if above.error else above.place).joined(path.name)

    def _target(self, place: BundlePath) -> str | None:
        item = self._items.get(place)
        return item.entry.target if item is not None and isinstance(item.entry, Link) else None

    def _put(self, place: BundlePath, entry: Entry) -> None:
        self._count += 1
        if self._count > MAX_ENTRIES:
            message = f"the image has more than {MAX_ENTRIES} entries"
            raise MagicpakError(message)
        self._items[place] = Item(place, entry, self._because)
        while (place := place.parent) != ROOT:
            known = self._items.get(place)
            if known is not None and isinstance(known.entry, Directory):
                break
            self._items[place] = Item(place, made_directory(place), self._because)

    def _entry(self, member: tarfile.TarInfo, data: IO[bytes] | None, place: BundlePath, layer: str) -> Entry | None:
        """Return what `member` is, its bytes unpacked; None for a device, which no bundle has."""
        attributes = Attributes(member.mode & 0o7777, member.uid, member.gid, _time(member.pax_headers, member.mtime))
        if data is not None:
            return self._file(member, data, attributes)
        if member.isdir():
            return Directory(attributes)
        if member.issym():
            return Link(member.linkname, attributes)
        if member.islnk():
            target = self._place(member.linkname, layer)
            item = self._items.get(target) if target is not None else None
            if item is None or isinstance(item.entry, Directory):
                what = f"{printable(place)}, a hard link to {printable(member.linkname)}, which is not there"
                raise MagicpakError(f"{printable(layer)} has {what}")
            return item.entry
        return Fifo(attributes) if member.isfifo() else None

    def _file(self, member: tarfile.TarInfo, data: IO[bytes], attributes: Attributes) -> Copy:
        path = os.path.join(self._directory, str(self._count))
        unpack_file(data, path, member.size)
        time = attributes.mtime_ns or 0
        os.utime(path, ns=(time, time))
        status = os.stat(path)
        attributes = attributes._replace(mtime_ns=status.st_mtime_ns)
        return Copy(path, status.st_size, (status.st_dev, status.st_ino), attributes)

    def _remove(
        self,
        lower: Mapping[BundlePath, Item],
        own: Mapping[BundlePath, None],
        removed: set[BundlePath],
        emptied: set[BundlePath],
    ) -> None:
        """Remove what whiteouts name from the layers below, and what is in something else than a directory."""
        kept: dict[BundlePath, Item] = {}
        needed = {above for path in own for above in _above(path)}
        for path in sorted(self._items, key=lambda path: path.parts):
            holder = kept.get(path.parent)
            if path.parent != ROOT and (holder is None or not isinstance(holder.entry, Directory)):
                continue
            is_lower = path in lower and path not in own and path not in needed
            if not is_lower or (path not in removed and path.parent not in emptied):
                kept[path] = self._items[path]
        self._items = kept


def _above(path: BundlePath) -> list[BundlePath]:
    found = []
    while (path := path.parent) != ROOT:
        found.append(path)
    return found


def _time(records: Mapping[str, str], seconds: float) -> int:
    """Return the time of change in ns since the epoch: a pax header has it as decimal digits."""
    match = _TIME.fullmatch(records.get("mtime", ""))
    if match is None:
        return int(seconds) * _NS
    fraction = int((match[2] or "0").ljust(9, "0"))
    whole = int(match[1])
    return whole * _NS + (-fraction if match[1].startswith("-") else fraction)
