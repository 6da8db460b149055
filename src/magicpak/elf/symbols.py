"""The dynamic symbols of an ELF file, by name: those it defines, and those that other objects must define for it.

Sources: the gABI (symbol table, DT_HASH), GNU's DT_GNU_HASH, and what glibc's do_lookup_x takes for a definition.
"""

import struct
import sys
from array import array
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from magicpak.elf.errors import ElfError, ElfErrorKind
from magicpak.elf.image import MappedImage
from magicpak.elf.reader import dynamic_section

DT_HASH, DT_STRTAB, DT_SYMTAB, DT_STRSZ, DT_GNU_HASH = 4, 5, 6, 10, 0x6FFFFEF5
_SYMBOLS = {32: "III BB H", 64: "I BB H QQ"}
_UNDEFINED, _ABSOLUTE = 0, 0xFFF1
_GLOBAL, _WEAK, _UNIQUE = 1, 2, 10
_TLS = 6
_NATIVE = "<" if sys.byteorder == "little" else ">"
_VISIBLE = (0, 3)  # STV_DEFAULT, STV_PROTECTED
_MAX_COUNT = 1 << 22  # of symbols, and of buckets of a hash table: ten times those of the largest libraries
_MAX_STRINGS = 1 << 28  # bytes of the table of names: as many as those symbols have with 64 bytes each
MAX_NAMES = _MAX_STRINGS
"""Bytes of all names: no more than the table may have, though names in it can overlap."""

CHAIN_READ = 1 << 16
"""Bytes of a chain of GNU's hash table that are read at a time: usual chains have a few, a hostile one has no end."""


class Symbols(NamedTuple):
    """The names that a file defines, and those that it needs, without weak ones, which may stay undefined."""

    defined: frozenset[bytes]
    needed: frozenset[bytes]


def read_symbols(descriptor: int) -> Symbols:
    """Return the dynamic symbols of the ELF file open as `descriptor`. Raises ElfError and OSError."""
    defined, needed = set(), set()
    table, names = _table(descriptor)
    for name, info, other, index, value in table:
        binding, kind = info >> 4, info & 15
        if binding not in (_GLOBAL, _WEAK, _UNIQUE):
            continue
        if index == _UNDEFINED:
            if binding != _WEAK:
                needed.add(names.at(name))
        elif other & 3 in _VISIBLE and (value or index == _ABSOLUTE or kind == _TLS):
            defined.add(names.at(name))
    return Symbols(frozenset(defined), frozenset(needed - {b""}))


def imported_symbols(descriptor: int) -> frozenset[bytes]:
    """Return the names that the ELF file open as `descriptor` takes from other objects, weak ones too.

    Raises ElfError and OSError.
    """
    table, names = _table(descriptor)
    return frozenset([names.at(name) for name, _, _, index, _ in table if index == _UNDEFINED]) - {b""}


def _table(descriptor: int) -> "tuple[Iterator[tuple[int, int, int, int, int]], _Names]":
    """Return st_name, st_info, st_other, st_shndx and st_value of each symbol, and the names."""
    section = dynamic_section(descriptor)
    if section is None:
        return iter(()), _Names(b"")
    memory, tags, bits, order = section
    if DT_SYMTAB not in tags or DT_STRTAB not in tags:
        return iter(()), _Names(b"")
    form = struct.Struct(order + _SYMBOLS[bits])
    count = _count(memory, tags, bits, order, form.size)
    table = memory.read(tags[DT_SYMTAB], count * form.size, count * form.size) if count else b""
    size = min(tags.get(DT_STRSZ, 0), _MAX_STRINGS)
    names = _Names(memory.read(tags[DT_STRTAB], size, size) if size else b"")
    fields = form.iter_unpack(table)
    if bits == 64:  # noqa: PLR2004 - a class of ELF
        return ((name, info, other, index, value) for name, info, other, index, value, _ in fields), names
    return ((name, info, other, index, value) for name, value, _, info, other, index in fields), names


class _Names:
    """The names in a table of strings, each read once; there are at most MAX_NAMES bytes of them."""

    def __init__(self, strings: bytes) -> None:
        self._strings = strings
        self._known: dict[int, bytes] = {}
        self._left = MAX_NAMES

    def at(self, offset: int) -> bytes:
        name = self._known.get(offset)
        if name is None:
            end = self._strings.find(b"\0", offset)
            end = end if end >= 0 else len(self._strings)
            self._left -= max(end - offset, 0)
            if self._left < 0:
                raise ElfError(why="has names of symbols that are too long", kind=ElfErrorKind.MALFORMED)
            name = self._known[offset] = self._strings[offset:end]
        return name


def _count(memory: MappedImage, tags: Mapping[int, int], bits: int, order: str, size: int) -> int:
    """Return the number of symbols, by the hash tables, or else by the strings that usually follow the symbols."""
    if DT_HASH in tags:
        count = struct.unpack(order + "4xI", memory.read(tags[DT_HASH], 8, 8))[0]
    else:
        in_hash = _count_in_gnu_hash(memory, tags[DT_GNU_HASH], bits, order) if DT_GNU_HASH in tags else 0
        count = in_hash or max(tags[DT_STRTAB] - tags[DT_SYMTAB], 0) // size
    if count > _MAX_COUNT:
        raise ElfError(why=f"has {count} symbols, more than the supported {_MAX_COUNT}", kind=ElfErrorKind.MALFORMED)
    return int(count)


def _count_in_gnu_hash(memory: MappedImage, address: int, bits: int, order: str) -> int:
    """Return one more than the index of the last symbol of any chain; a chain ends at a value whose lowest bit is set.

    Returns 0 for an empty table, as in a file that defines no symbols: the undefined ones are not in it.
    """
    buckets, first, bloom = struct.unpack(order + "III", memory.read(address, 12, 12))
    if not 0 < buckets <= _MAX_COUNT or bloom > _MAX_COUNT:
        return 0
    start = address + 16 + bloom * bits // 8
    last = max(_words(memory.read(start, buckets * 4, buckets * 4), order))
    if last < first:
        return 0
    chain = start + buckets * 4 + (last - first) * 4
    count = last + 1
    while count <= _MAX_COUNT:
        words = _words(memory.read(chain, 4, CHAIN_READ), order)
        end = next((number for number, word in enumerate(words) if word & 1), None)
        if end is not None:
            return count + end
        count += len(words)
        chain += len(words) * 4
    return count


def _words(data: bytes, order: str) -> Sequence[int]:
    """Return the whole 32-bit numbers in `data`."""
    words = array("I", data[: len(data) - len(data) % 4])
    if order != _NATIVE:
        words.byteswap()
    return words
