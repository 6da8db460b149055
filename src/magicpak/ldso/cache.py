"""Reads and writes ld.so.cache (format: glibc's sysdeps/generic/dl-cache.h, ldconfig(8))."""

import struct
from typing import NamedTuple

_OLD_MAGIC = b"ld.so-1.7.0\0"
_NEW_MAGIC = b"glibc-ld.so.cache1.1"
_EXTENSION_MAGIC = 0xEAA42174
_TAG_HWCAPS = 1
_HWCAP_EXTENSION = 1 << 62
_ISA_LEVEL = 0x3FF << 32
_OLD_ENTRY = 12
_ENTRY = 24
_LITTLE, _BIG = 2, 3
_HEADER = 48
_MAX_STRING = 4096  # PATH_MAX, with the NUL
_INT_RANGE = 1 << 32

MAX_CACHE = 1 << 24
"""Bytes of a cache: a hundred thousand libraries take as many, and usual systems have a few thousand."""

MAX_OVERLAP = 4
"""How many times its size the strings of a cache may have: ldconfig lets a name be the end of its path."""


class CacheEntry(NamedTuple):
    """One library of the cache: its soname, path and flags, and the processors that it is for.

    `hwcaps` is None for any processor, otherwise the directory below glibc-hwcaps/, or empty for a legacy mask of bits.
    """

    name: str
    path: str
    flags: int
    hwcaps: str | None = None


def parse_cache(data: bytes) -> dict[str, list[CacheEntry]]:
    """Return the entries of a cache by name, in file order.

    It may have either format and byte order. A malformed or truncated one has no entries, since the loader ignores it,
    and so has one of more than MAX_CACHE bytes, or MAX_OVERLAP times as many in strings.
    """
    if len(data) > MAX_CACHE:
        return {}
    try:
        return _entries(data)
    except _TooLongError:
        return {}


class _TooLongError(Exception):
    """The strings of a cache overlap more than those that ldconfig writes."""


def _entries(data: bytes) -> dict[str, list[CacheEntry]]:
    start = 0
    if data.startswith(_OLD_MAGIC) and len(data) >= len(_OLD_MAGIC) + 4:
        entries: dict[str, list[CacheEntry]] = {}
        for order in "<>":
            (count,) = struct.unpack_from(order + "I", data, len(_OLD_MAGIC))
            end = len(_OLD_MAGIC) + 4 + count * _OLD_ENTRY
            if end > len(data):
                continue
            start = -(-end // 8) * 8
            if data[start:].startswith(_NEW_MAGIC):
                break
            return _old_entries(data, order, end)
        else:
            return entries
    return _new_entries(data, start) if data[start:].startswith(_NEW_MAGIC) else {}


def _old_entries(data: bytes, order: str, strings: int) -> dict[str, list[CacheEntry]]:
    entries: dict[str, list[CacheEntry]] = {}
    table = _CacheStrings(data)
    for flags, key, value in struct.iter_unpack(order + "iII", data[len(_OLD_MAGIC) + 4 : strings]):
        name, path = table.at(strings + key), table.at(strings + value)
        if name and path:
            entries.setdefault(name, []).append(CacheEntry(name, path, flags))
    return entries


def _new_entries(data: bytes, start: int) -> dict[str, list[CacheEntry]]:
    entries: dict[str, list[CacheEntry]] = {}
    if len(data) < start + _HEADER:
        return entries
    order = ">" if data[start + 28] & 3 == _BIG else "<"
    (count,) = struct.unpack_from(order + "I", data, start + 20)
    if data[start + 28] & 3 == 0 and start + _HEADER + count * _ENTRY > len(data):
        order = ">"  # before glibc 2.33 the header did not say
        (count,) = struct.unpack_from(">I", data, start + 20)
    end = start + _HEADER + count * _ENTRY
    if end > len(data):
        return entries
    table = _CacheStrings(data)
    hwcaps = _hwcaps_names(data, start, order, table)
    for flags, key, value, _, mask in struct.iter_unpack(order + "iIIIQ", data[start + _HEADER : end]):
        name, path = table.at(start + key), table.at(start + value)
        if name and path:
            entries.setdefault(name, []).append(CacheEntry(name, path, flags, _hwcaps_of(mask, hwcaps)))
    return entries


def _hwcaps_of(mask: int, names: list[str]) -> str | None:
    if not mask:
        return None
    index = mask & 0xFFFFFFFF
    is_extension = (mask & ~_ISA_LEVEL) >> 32 == _HWCAP_EXTENSION >> 32
    return names[index] if is_extension and index < len(names) else ""


def _hwcaps_names(data: bytes, start: int, order: str, table: "_CacheStrings") -> list[str]:
    (offset,) = struct.unpack_from(order + "I", data, start + 32)  # in the file, unlike those of strings
    if offset == 0 or offset + 8 > len(data):
        return []
    magic, count = struct.unpack_from(order + "II", data, offset)
    if magic != _EXTENSION_MAGIC or offset + 8 + count * 16 > len(data):
        return []
    for tag, _, section, size in struct.iter_unpack(order + "IIII", data[offset + 8 : offset + 8 + count * 16]):
        if tag == _TAG_HWCAPS and section + size <= len(data):
            offsets = struct.unpack_from(f"{order}{size // 4}I", data, section)
            return [table.at(start + position) or "" for position in offsets]
    return []


class _CacheStrings:
    """The strings of a cache by their positions, each read once; None for what has no end within PATH_MAX."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._known: dict[int, str | None] = {}
        self._left = MAX_OVERLAP * len(data)

    def at(self, offset: int) -> str | None:
        """Return the string at `offset`. Raises _TooLongError."""
        if offset not in self._known:
            end = self._data.find(b"\0", offset, offset + _MAX_STRING)
            self._left -= end - offset if end >= 0 else 0
            if self._left < 0:
                raise _TooLongError
            self._known[offset] = self._data[offset:end].decode("utf-8", "surrogateescape") if end >= 0 else None
        return self._known[offset]


def make_cache(entries: list[CacheEntry], *, little: bool) -> bytes:
    """Return a cache of `entries`, in the new format, which every glibc since 2.2 reads.

    The variants of a name for certain processors come before the one for any processor, since the loader stops there.
    """
    order = "<" if little else ">"
    hwcaps = sorted({entry.hwcaps for entry in entries if entry.hwcaps})
    ordered = sorted(entries, key=lambda entry: (*_sort_key(entry.name), entry.hwcaps is None, entry.flags, entry.path))
    ordered = _descending_by_name(ordered)
    strings, positions = bytearray(), {}
    base = _HEADER + len(ordered) * _ENTRY
    for text in [text for entry in ordered for text in (entry.name, entry.path)] + hwcaps:
        if text not in positions:
            positions[text] = base + len(strings)
            strings += text.encode("utf-8", "surrogateescape") + b"\0"
    masks = {None: 0} | {name: _HWCAP_EXTENSION | index for index, name in enumerate(hwcaps)}
    body = b"".join(
        struct.pack(order + "iIIIQ", e.flags, positions[e.name], positions[e.path], 0, masks[e.hwcaps or None])
        for e in ordered
    )
    extension_at = -(-(base + len(strings)) // 4) * 4
    padding = bytes(extension_at - base - len(strings))
    extension = b""
    if hwcaps:
        offsets = struct.pack(f"{order}{len(hwcaps)}I", *(positions[name] for name in hwcaps))
        extension = struct.pack(order + "II", _EXTENSION_MAGIC, 1)
        extension += struct.pack(order + "IIII", _TAG_HWCAPS, 0, extension_at + 24, len(offsets)) + offsets
    header = struct.pack(
        order + "20sIIB3xI12x",
        _NEW_MAGIC,
        len(ordered),
        len(strings),
        _LITTLE if little else _BIG,
        extension_at if hwcaps else 0,
    )
    return header + body + bytes(strings) + padding + extension


def _descending_by_name(ordered: list[CacheEntry]) -> list[CacheEntry]:
    """Return the entries by descending name, in the same order within a name: the loader bisects by name."""
    groups: dict[str, list[CacheEntry]] = {}
    for entry in ordered:
        groups.setdefault(entry.name, []).append(entry)
    return [entry for name in reversed(groups) for entry in groups[name]]


def _sort_key(name: str) -> tuple[list[tuple[int, int]], str]:
    """Return the key that orders names as the loader compares them (_dl_cache_libcmp): runs of digits as numbers.

    A digit comes after any other character. The end of a name counts as the character 0. A char and an int are as in C
    on x86: signed, of 8 and 32 bits.
    """
    keys: list[tuple[int, int]] = []
    raw = name.encode("utf-8", "surrogateescape")
    at = 0
    while at < len(raw):
        end = at
        while end < len(raw) and 0x30 <= raw[end] <= 0x39:  # noqa: PLR2004 - b"0" and b"9"
            end += 1
        if end > at:
            keys.append((1, (int(raw[at:end]) + _INT_RANGE // 2) % _INT_RANGE - _INT_RANGE // 2))
            at = end
        else:
            keys.append((0, raw[at] - 256 if raw[at] > 127 else raw[at]))  # noqa: PLR2004 - C's char is signed
            at += 1
    return [*keys, (0, 0)], name
