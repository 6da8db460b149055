"""Whether an ELF file is as before in all that is loaded and kept, after strip has rewritten it."""

import os
from collections import Counter
from contextlib import closing

from magicpak.elf.errors import ElfError
from magicpak.elf.image import ElfBytes, format_of
from magicpak.elf.reader import segments_of
from magicpak.elf.sections import (
    SHT_REL,
    SHT_RELA,
    SHT_STRTAB,
    SHT_SYMTAB,
    SHT_SYMTAB_SHNDX,
    SectionHeader,
    read_sections,
)
from magicpak.elf.strippable import is_debug
from magicpak.files.view import open_file

_OF_SYMBOLS = (SHT_SYMTAB, SHT_SYMTAB_SHNDX, SHT_STRTAB, SHT_REL, SHT_RELA)
_REWRITTEN = b".gnu.build.attributes"  # notes on each function, of which strip merges those that are alike
_OF_SECTIONS = {32: (32, 36, 46), 64: (40, 48, 58)}
"""Where an ELF header has e_shoff, where that ends, and where e_shentsize, e_shnum and e_shstrndx begin (elf(5))."""
_P_OFFSET = {32: (4, 8), 64: (8, 16)}
"""Where a program header has p_offset, and where that ends."""
_PIECE = 1 << 20  # bytes that are compared at once
_MOST = 4  # times the size of a file that its segments may have in all: they are loaded, and parts of that once more


def difference(original: str, stripped: str) -> str | None:
    """Return what of the file at `original`, besides what strip removes, is not in the one at `stripped`; None for all.

    Compared are the ELF header, the segments, byte by byte, and which other sections there are. Raises OSError.
    """
    try:
        with closing(_KeptParts(original)) as first, closing(_KeptParts(stripped)) as second:
            if first.header != second.header:
                return "its ELF header has changed"
            if first.program_headers != second.program_headers:
                return "its program headers have changed"
            for name, _, _ in first.sections - second.sections:
                return f"its section {os.fsdecode(name)} has changed or is gone"
            return None if first.is_loaded_as(second) else "what is loaded of it has changed"
    except ElfError as error:
        return f"it {error}"


class _KeptParts:
    """What stays of the file at `path`: its headers without offsets into the file, its segments and other sections.

    The constructor raises ElfError and OSError.
    """

    def __init__(self, path: str) -> None:
        self._descriptor = open_file(path, os.O_NOFOLLOW)
        try:
            self._read()
        except BaseException:
            self.close()
            raise

    def _read(self) -> None:
        self._file = ElfBytes(self._descriptor)
        form = format_of(self._file.head)
        start, end, sizes = _OF_SECTIONS[form.bits]
        head = self._file.head[: form.header.size]
        _, _, _, phoff, _, phentsize, phnum = form.header.unpack_from(head)
        self.segments = segments_of(self._file, form.segment, phoff, phentsize, phnum) if phnum else []
        table = self._file.read(phoff, 0, phnum * phentsize)
        self._headers = ((0, len(head)), (phoff, phoff + len(table)))
        self.header = head[:start] + head[end:sizes]
        start, end = _P_OFFSET[form.bits]
        entries = [table[at * phentsize : (at + 1) * phentsize] for at in range(phnum)]
        self.program_headers = [entry[:start] + entry[end:] for entry in entries]
        sections = read_sections(self._file, form).sections
        self.sections = Counter((each.name, each.type, each.size) for each in sections if _stays(each))

    def close(self) -> None:
        os.close(self._descriptor)

    def is_loaded_as(self, other: "_KeptParts") -> bool:
        """Return whether both have the same bytes in all segments, of which they have the same number and sizes."""
        if sum(each.file_size for each in self.segments) > _MOST * os.fstat(self._descriptor).st_size:
            return False
        return all(
            self.read(one.offset + at, size) == other.read(two.offset + at, size)
            for one, two in zip(self.segments, other.segments, strict=True)
            for at in range(0, one.file_size, _PIECE)
            if (size := min(_PIECE, one.file_size - at))
        )

    def read(self, offset: int, size: int) -> bytes:
        """Return the bytes at `offset`, with zeros for the headers."""
        data = self._file.read(offset, 0, size)
        for start, end in self._headers:
            first, last = max(start - offset, 0), min(end - offset, len(data))
            if first < last:
                data = data[:first] + bytes(last - first) + data[last:]
        return data


def _stays(section: SectionHeader) -> bool:
    is_removed = is_debug(section) or section.type in _OF_SYMBOLS
    return bool(section.size) and section.name != _REWRITTEN and (section.is_loaded or not is_removed)
