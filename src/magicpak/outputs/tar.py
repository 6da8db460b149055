"""A plan as the members of a tar archive."""

import os
from collections.abc import Iterable, Mapping
from typing import assert_never

from magicpak.bundle.entry import Attributes, Content, Copy, Directory, Fifo, Link
from magicpak.bundle.plan import Item
from magicpak.errors import reason
from magicpak.outputs.copy import SMALL, open_source, pieces, read_small
from magicpak.outputs.metadata import (
    MetadataWarnings,
    TimePolicy,
    attribute_kind,
    attribute_value,
    portable_attributes,
)
from magicpak.outputs.sink import Write
from magicpak.outputs.tar_header import END, Kind, Member, header, padding
from magicpak.process.signals import raise_if_interrupted

_ITEMS_BETWEEN_SIGNALS = 32


class TarWriter:
    """Writes a plan, in its order and in one pass, with the owners of the plan, whoever runs this.

    Names begin at the root, which is no member: like COPY, an archive says nothing of the directory that it goes to.
    A file with holes is written in full: of all formats for holes, only some readers know each, and BuildKit's ADD
    writes zeros into them. `files`, `size` and `copied` are what was written so far.
    """

    def __init__(self, write: Write, times: TimePolicy) -> None:
        self.files = self.size = self.copied = 0
        self._write = write
        self._times = times
        self._first: dict[tuple[int, int], str] = {}
        self._warnings = MetadataWarnings()

    @property
    def warnings(self) -> tuple[str, ...]:
        """What could not be preserved so far."""
        return self._warnings.lines()

    def write(self, items: Iterable[Item]) -> None:
        """Write the items of a plan, and the end. Raises OSError, SourceChanged, CannotRead, Interrupted."""
        for count, item in enumerate(items):
            if not count % _ITEMS_BETWEEN_SIGNALS:
                raise_if_interrupted()
            match item.entry:
                case Copy() as entry:
                    self._add_copy(item, entry)
                case Directory(attributes, source):
                    extended = self._extended(source, item.path) if source is not None else {}
                    self._write(self._header(item, Kind.DIRECTORY, attributes, extended=extended))
                case Link(target, attributes):
                    attributes = attributes._replace(mode=0o777)
                    self._write(self._header(item, Kind.LINK, attributes, link=os.fsencode(target)))
                case Content(data, attributes):
                    self._write(self._header(item, Kind.FILE, attributes, len(data)) + data + padding(len(data)))
                    self.files += 1
                    self.size += len(data)
                case Fifo(attributes):
                    self._write(self._header(item, Kind.FIFO, attributes))
                case _:
                    assert_never(item.entry)
        self._write(END)

    def _add_copy(self, item: Item, entry: Copy) -> None:
        self.files += 1
        first = self._first.setdefault(entry.inode, item.path)
        if first is not item.path:
            self._write(self._header(item, Kind.HARD_LINK, entry.attributes, link=_encoded(first)))
            return
        size = entry.size
        source = open_source(entry)
        try:
            extended = self._extended(entry.extended or source, item.path)
            head = self._header(item, Kind.FILE, entry.attributes, size, extended=extended)
            if size <= SMALL:
                self._write(head + read_small(entry, source) + padding(size))
            else:
                self._write(head)
                for piece in pieces(entry, source):
                    self._write(piece)
                    self.copied += len(piece)
                self._write(padding(size))
        finally:
            os.close(source)
        self.size += size
        self.copied = self.size

    def _header(
        self,
        item: Item,
        kind: Kind,
        attributes: Attributes,
        size: int = 0,
        *,
        link: bytes = b"",
        extended: Mapping[str, bytes] | None = None,
    ) -> bytes:
        mode, uid, gid, mtime_ns = attributes
        time = self._times.time_for(mtime_ns)
        return header(Member(_encoded(item.path), kind, mode, uid, gid, time, size, link, extended or {}))

    def _extended(self, source: int | str, path: str) -> dict[str, bytes]:
        """Return the extended attributes of `source`; what cannot be read or named is a warning."""
        found = {}
        for name in portable_attributes(source):
            if "=" in name:
                self._warnings.add(attribute_kind(name), path, "a tar archive has no = in its name")
                continue
            try:
                found[name] = attribute_value(source, name)
            except OSError as error:
                self._warnings.add(attribute_kind(name), path, reason(error))
        return found


def _encoded(path: str) -> bytes:
    return os.fsencode(path)[1:]
