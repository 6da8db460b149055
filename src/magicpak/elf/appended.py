"""Data of a program's own in an executable, behind its end or in a section that is not loaded.

Self-extracting programs read it from their own file: images of SBCL, archives of PyInstaller and pkg, a zip at the end.
"""

import os

from magicpak.elf.image import PAGE, ElfBytes, ElfFormat, format_of
from magicpak.elf.reader import segments_of
from magicpak.elf.sections import SHT_NOBITS, SHT_PROGBITS, SectionTable, read_sections
from magicpak.files.view import open_file

_OF_TOOLS = (
    *(b".debug", b".zdebug", b".stab", b".line", b".mdebug", b".gdb_index", b".dwo", b".ctf", b".BTF", b".SUNW_ctf"),
    *(b".comment", b".ident", b".note", b".gnu", b".GCC", b".llvm", b".rustc", b".swift", b".annobin", b".ARM", b"\0"),
)
"""How the names begin of sections that compilers, linkers, and debuggers make for themselves and each other."""


def appended_data(path: str) -> int:
    """Return how many bytes of the ELF file at `path` are neither loaded nor known to tools, as a debugger's are.

    Raises ElfError and OSError.
    """
    descriptor = open_file(path)
    try:
        file = ElfBytes(descriptor)
        form = format_of(file.head)
        return appended_size(file, form, read_sections(file, form), os.fstat(descriptor).st_size)
    finally:
        os.close(descriptor)


def appended_size(file: ElfBytes, form: ElfFormat, table: SectionTable, size: int) -> int:
    """Return the same of `file`, which has `size` bytes and the sections of `table`.

    The data are behind everything that the headers describe, but for some zeros, or in a section that is not loaded and
    has no name of `_OF_TOOLS`. A dot says nothing: Racket's programs have theirs in `.rackprog`. Raises ElfError and
    OSError.
    """
    _, _, _, phoff, _, phentsize, phnum = form.header.unpack_from(file.head)
    loaded = segments_of(file, form.segment, phoff, phentsize, phnum) if phnum else []
    ends = [form.header.size, phoff + phentsize * phnum, table.end]
    ends += [each.offset + each.file_size for each in loaded]
    ends += [each.offset + each.size for each in table.sections if each.type != SHT_NOBITS]
    unloaded = sum(
        each.size
        for each in table.sections
        if each.type == SHT_PROGBITS and not each.is_loaded and not (each.name + b"\0").startswith(_OF_TOOLS)
    )
    end = max(ends)
    is_padding = size - end <= PAGE and not any(file.read(end, 0, PAGE))
    return unloaded if is_padding else unloaded + max(size - end, 0)
