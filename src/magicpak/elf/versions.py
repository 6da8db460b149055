"""Symbol versions: those a file needs from each library, and those it defines (GNU's gABI extension, glibc's elf.h).

The loader compares these lists once, when it starts a program (glibc's elf/dl-version.c), for all symbols.
"""

import os
import struct
from collections.abc import Iterator, Mapping

from magicpak.elf.errors import ElfError, ElfErrorKind
from magicpak.elf.facts import VersionNeeded, Versions
from magicpak.elf.image import PAGE, MappedImage

DT_VERDEF, DT_VERNEED = 0x6FFFFFFC, 0x6FFFFFFE
_VER_FLG_WEAK = 2

MAX_RECORDS = 1 << 15
"""Version records of one kind in a file: the indexes of versions have 15 bits (vna_other, vd_ndx)."""

MAX_NAMES = 1 << 22
"""Characters of all names of versions and their files: 128 for each record, where a typical name has ten."""


def read_versions(memory: MappedImage, tags: Mapping[int, int], strings: int | None, *, little: bool) -> Versions:
    """Return the versions of a file with the dynamic `tags` and the string table at the address `strings`.

    There are none in a file that is damaged there, or has more of them than a linker can number, since it is undefined
    what the loader does. Raises OSError.
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
    """Yield the versions in the Verneed and Vernaux records, each of which has the distance to the next."""
    verneed, vernaux = struct.Struct(order + "2xHIII"), struct.Struct(order + "4xH2xII")
    at = 0
    while True:
        count, file, first, to_next = table.unpack(verneed, at)
        of, aux_at = strings.at(file), at + first
        for _ in range(count):
            flags, name, to_next_aux = table.unpack(vernaux, aux_at)
            yield VersionNeeded(of, strings.at(name), bool(flags & _VER_FLG_WEAK))
            if not to_next_aux:
                break
            aux_at += to_next_aux
        if not to_next:
            return
        at += to_next


def _defined(table: "_Table", strings: "_Strings", order: str) -> Iterator[str]:
    """Yield the names of the Verdef records, each of which has its own name first, then those that it inherits."""
    verdef, name = struct.Struct(order + "12xII"), struct.Struct(order + "I")
    at = 0
    while True:
        first, to_next = table.unpack(verdef, at)
        yield strings.at(table.unpack(name, at + first)[0])
        if not to_next:
            return
        at += to_next


class _Table:
    """Records by their distance from the first, read page by page; there are at most twice MAX_RECORDS.

    Chains of records can share their ends, so that a small file can have any number of them.
    """

    def __init__(self, memory: MappedImage, address: int) -> None:
        self._memory = memory
        self._address = address
        self._start, self._window = 0, b""
        self._left = 2 * MAX_RECORDS  # a version takes up to two: Verneed and Vernaux, Verdef and Verdaux

    def unpack(self, form: struct.Struct, at: int) -> tuple[int, ...]:
        self._left -= 1
        if self._left < 0:
            raise ElfError(why="has too many version records", kind=ElfErrorKind.MALFORMED)
        offset = at - self._start
        if offset < 0 or offset + form.size > len(self._window):
            self._start, offset = at, 0
            self._window = self._memory.read(self._address + at, form.size, PAGE)
        return form.unpack_from(self._window, offset)


class _Strings:
    """The string table of a file, read page by page; the strings that are asked for have at most MAX_NAMES characters.

    Strings can overlap, so that a small table can have any number of long ones.
    """

    def __init__(self, memory: MappedImage, address: int) -> None:
        self._memory = memory
        self._address = address
        self._start, self._window = 0, b""
        self._cache: dict[int, str] = {}
        self._left = MAX_NAMES

    def at(self, offset: int) -> str:
        string = self._cache.get(offset)
        if string is None:
            string = self._cache[offset] = os.fsdecode(self._read(offset))
            self._left -= len(string)
            if self._left < 0:
                raise ElfError(why="has names of versions that are too long", kind=ElfErrorKind.MALFORMED)
        return string

    def _read(self, offset: int) -> bytes:
        begin = offset - self._start
        end = self._window.find(b"\0", begin) if begin >= 0 else -1
        if end < 0:
            self._start, begin = max(offset - PAGE // 2, 0), min(offset, PAGE // 2)
            self._window = self._memory.read(self._address + self._start, begin + 1, PAGE)
            end = self._window.find(b"\0", begin)
        return self._window[begin:end] if end >= 0 else self._window[begin:]
