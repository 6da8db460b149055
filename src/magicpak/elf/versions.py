"""Symbol versions: which ones a file needs of whom, and which it defines (gABI extension of GNU, glibc's elf.h).

The loader compares these lists once when it starts a program (glibc's elf/dl-version.c), whatever symbols are used.
"""

import os
import struct
from collections.abc import Iterator, Mapping

from magicpak.elf.errors import ElfError
from magicpak.elf.facts import VersionNeeded, Versions
from magicpak.elf.image import PAGE, MappedImage

DT_VERDEF, DT_VERNEED = 0x6FFFFFFC, 0x6FFFFFFE
_VER_FLG_WEAK = 2
_MOST = 1 << 16  # of either kind in one file


def read_versions(memory: MappedImage, tags: Mapping[int, int], strings: int | None, *, little: bool) -> Versions:
    """Return the versions of a file whose dynamic section has `tags`, and its string table at the address `strings`.

    None are in one that is damaged there: what the loader makes of it nobody can tell. Raises OSError.
    """
    needs, definitions = tags.get(DT_VERNEED), tags.get(DT_VERDEF)
    if strings is None or (needs is None and definitions is None):
        return Versions()
    order = "<" if little else ">"
    table = _Strings(memory, strings)
    try:
        needed = tuple(_needed(_Table(memory, needs), table, order)) if needs is not None else ()
        defined = frozenset(_defined(_Table(memory, definitions), table, order)) if definitions is not None else None
    except ElfError:
        return Versions()
    return Versions(needed, defined)


def _needed(table: "_Table", strings: "_Strings", order: str) -> Iterator[VersionNeeded]:
    """Yield what Verneed and Vernaux records tell, each at its distance from the one before."""
    record, item = struct.Struct(order + "2xHIII"), struct.Struct(order + "4xH2xII")
    at = 0
    for _ in range(_MOST):
        count, file, first, following = table.unpack(record, at)
        of, each = strings.at(file), at + first
        for _ in range(count):
            flags, name, after = table.unpack(item, each)
            yield VersionNeeded(of, strings.at(name), bool(flags & _VER_FLG_WEAK))
            if not after:
                break
            each += after
        if not following:
            return
        at += following


def _defined(table: "_Table", strings: "_Strings", order: str) -> Iterator[str]:
    """Yield the names of Verdef records; each has its own first, then those that it inherits."""
    record, name = struct.Struct(order + "12xII"), struct.Struct(order + "I")
    at = 0
    for _ in range(_MOST):
        first, following = table.unpack(record, at)
        yield strings.at(table.unpack(name, at + first)[0])
        if not following:
            return
        at += following


class _Table:
    """Records by their distance from the first, read some at a time."""

    def __init__(self, memory: MappedImage, address: int) -> None:
        self._memory = memory
        self._address = address
        self._start, self._window = 0, b""

    def unpack(self, form: struct.Struct, at: int) -> tuple[int, ...]:
        offset = at - self._start
        if offset < 0 or offset + form.size > len(self._window):
            self._start, offset = at, 0
            self._window = self._memory.read(self._address + at, form.size, PAGE)
        return form.unpack_from(self._window, offset)


class _Strings:
    """The string table of a file, of which names that are near each other are read at once."""

    def __init__(self, memory: MappedImage, address: int) -> None:
        self._memory = memory
        self._address = address
        self._start, self._window = 0, b""
        self._known: dict[int, str] = {}

    def at(self, offset: int) -> str:
        known = self._known.get(offset)
        if known is None:
            known = self._known[offset] = os.fsdecode(self._read(offset))
        return known

    def _read(self, offset: int) -> bytes:
        begin = offset - self._start
        end = self._window.find(b"\0", begin) if begin >= 0 else -1
        if end < 0:
            self._start, begin = max(offset - PAGE // 2, 0), min(offset, PAGE // 2)
            self._window = self._memory.read(self._address + self._start, begin + 1, PAGE)
            end = self._window.find(b"\0", begin)
        return self._window[begin:end] if end >= 0 else self._window[begin:]
