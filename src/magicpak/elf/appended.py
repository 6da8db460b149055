"""Data of a program's own in an executable, behind its end or in a section that is not loaded.

Self-extracting programs read it from their own file: images of SBCL, archives of PyInstaller and pkg, a zip at the end.
"""

import os
import struct

from magicpak.elf.image import ElfBytes, format_of
from magicpak.elf.reader import segments_of
from magicpak.files.view import open_file

_SHT_PROGBITS, _SHT_NOBITS, _SHF_ALLOC = 1, 8, 2
_MAX_SECTIONS = 1 << 16  # more than the linkers make of one section for each function of a large program
_OF_TOOLS = (
    *(b".debug", b".zdebug", b".stab", b".line", b".mdebug", b".gdb_index", b".dwo", b".ctf", b".BTF", b".SUNW_ctf"),
    *(b".comment", b".ident", b".note", b".gnu", b".GCC", b".llvm", b".rustc", b".swift", b".annobin", b".ARM", b"\0"),
)
"""How the names begin of sections that compilers, linkers, and debuggers make for themselves and each other."""

_LONGEST = max(map(len, _OF_TOOLS))
_HEADERS = {32: ("32xI10xHHH", "III4xII20x"), 64: ("40xQ10xHHH", "IIQ8xQQ24x")}
"""e_shoff, e_shentsize, e_shnum and e_shstrndx; sh_name, sh_type, sh_flags, sh_offset and sh_size (elf(5))."""


def appended_data(path: str) -> int:
    """Return how many bytes of the ELF file at `path` are neither loaded nor known to tools, as a debugger's are.

    They are behind everything that the headers describe, or in a section that is not loaded and has no name of
    `_OF_TOOLS`. A dot says nothing: Racket's programs have theirs in `.rackprog`. Raises ElfError and OSError.
    """
    descriptor = open_file(path)
    try:
        file = ElfBytes(descriptor)
        form = format_of(file.head)
        _, _, _, phoff, _, phentsize, phnum = form.header.unpack_from(file.head)
        loaded = segments_of(file, form.segment, phoff, phentsize, phnum) if phnum else []
        ends = [form.header.size, phoff + phentsize * phnum, *(each.offset + each.file_size for each in loaded)]
        end, unloaded = _sections(file, form.bits, "<" if form.little else ">")
        size: int = unloaded + max(os.fstat(descriptor).st_size - max(*ends, end), 0)
        return size
    finally:
        os.close(descriptor)


def _sections(file: ElfBytes, bits: int, order: str) -> tuple[int, int]:
    """Return where the last section or their table ends, and the size of those with data of the program's own."""
    header, section = (struct.Struct(order + each) for each in _HEADERS[bits])
    offset, entry_size, count, names = header.unpack_from(file.head)
    if not offset or entry_size != section.size:
        return 0, 0
    count = count or section.unpack(file.read(offset, section.size, section.size))[4]
    table = file.read(offset, 0, min(count, _MAX_SECTIONS) * section.size)
    sections = list(section.iter_unpack(table[: len(table) // section.size * section.size]))
    end, unloaded = offset + len(table), 0
    for name, kind, flags, start, size in sections:
        if kind != _SHT_NOBITS:
            end = max(end, start + size)
        if kind == _SHT_PROGBITS and not flags & _SHF_ALLOC and names < len(sections):
            is_of_tools = file.read(sections[names][3] + name, 0, _LONGEST).startswith(_OF_TOOLS)
            unloaded += 0 if is_of_tools else size
    return end, unloaded
