"""The section headers of an ELF file: for linkers, debuggers and strip; nothing that loads the file reads them.

Sources: elf(5) and the gABI's chapter on sections.
"""

import struct
from typing import NamedTuple

from magicpak.elf.image import ElfBytes, ElfFormat

SHT_PROGBITS, SHT_SYMTAB, SHT_STRTAB, SHT_RELA, SHT_NOBITS, SHT_REL, SHT_SYMTAB_SHNDX = 1, 2, 3, 4, 8, 9, 18
SHF_ALLOC, SHF_EXECINSTR = 2, 4

_XINDEX = 0xFFFF  # e_shstrndx where the index of the names is in sh_link of the first section
_MAX_SECTIONS = 1 << 16  # more than the linkers make of one section for each function of a large program
_MAX_NAMES = 1 << 24  # bytes of all names together
_MAX_NAME = 256  # bytes of a name that are looked at
_HEADERS = {32: ("32xI10xHHH", "III4xIII12x"), 64: ("40xQ10xHHH", "IIQ8xQQI20x")}
"""e_shoff, e_shentsize, e_shnum and e_shstrndx; sh_name, sh_type, sh_flags, sh_offset, sh_size and sh_link."""


class SectionHeader(NamedTuple):
    """The fields of a section header that matter here; offset and size in bytes of the file."""

    name: bytes
    type: int
    flags: int
    offset: int
    size: int

    @property
    def is_loaded(self) -> bool:
        """Whether it is in the memory of a process."""
        return bool(self.flags & SHF_ALLOC)


class SectionTable(NamedTuple):
    """The sections of a file without the first, which is none, and where their headers end in the file (0: none)."""

    sections: tuple[SectionHeader, ...] = ()
    end: int = 0


def read_sections(file: ElfBytes, form: ElfFormat) -> SectionTable:
    """Return the sections of `file`, as many as it has and says; of a table that is none, nothing.

    Raises ElfError and OSError.
    """
    header, section = (struct.Struct(("<" if form.little else ">") + each) for each in _HEADERS[form.bits])
    offset, entry_size, count, names = header.unpack_from(file.head)
    if not offset or entry_size != section.size:
        return SectionTable()
    first = section.unpack(file.read(offset, section.size, section.size))
    count = count or first[4]
    names = first[5] if names == _XINDEX else names
    table = file.read(offset, 0, min(count, _MAX_SECTIONS) * section.size)
    rows = list(section.iter_unpack(table[: len(table) // section.size * section.size]))
    text = file.read(rows[names][3], 0, min(rows[names][4], _MAX_NAMES)) if names < len(rows) else b""
    sections = [SectionHeader(_name(text, name), *fields) for name, *fields, _ in rows[1:]]
    return SectionTable(tuple(sections), offset + len(table))


def _name(text: bytes, start: int) -> bytes:
    end = text.find(b"\0", start, start + _MAX_NAME)
    return text[start : end if end >= 0 else start + _MAX_NAME]
