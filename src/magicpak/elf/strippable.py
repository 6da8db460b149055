"""What of an ELF file nobody needs at run time: debug sections and symbol tables.

Sources: the gABI's chapter on sections, and what `--strip-debug` and `--strip-unneeded` of binutils and LLVM remove.
"""

import os
from typing import NamedTuple

from magicpak.elf.appended import appended_size
from magicpak.elf.errors import ElfError
from magicpak.elf.facts import FileType
from magicpak.elf.image import PT_LOAD, ElfBytes, ElfFormat, format_of
from magicpak.elf.reader import segments_of
from magicpak.elf.sections import SHF_EXECINSTR, SHT_NOBITS, SHT_SYMTAB, Section, read_sections
from magicpak.files.view import open_file

_DEBUG = (b".debug", b".zdebug", b".gdb_index", b".stab", b".line", b".gnu.debuglto_", b".gnu.linkonce.wi.")
_READERS = (b".debug_", b".symtab")
"""What is among the data of a program that reads symbols or debug sections, its own as a rule: the names of sections.

Each library that prints backtraces with names has them: those of Rust, D, Crystal, Zig and Ruby, libbacktrace, libdw.
"""
_PIECE = 1 << 20  # bytes that are read at once


class Strippable(NamedTuple):
    """What strip could remove from a file, in bytes: debug sections, the symbol table.

    The symbol table counts only if the program does not seem to read it. `appended` is how many bytes it has of its own
    data.
    """

    debug: int
    symbols: int
    appended: int


def strippable(path: str) -> Strippable | None:
    """Return what could go from the file at `path`; None for nothing, and for what is no program or library.

    Separate debug files are neither: nothing executable is in them. Raises OSError.
    """
    descriptor = open_file(path)
    try:
        file = ElfBytes(descriptor)
        form = format_of(file.head)
        if form.header.unpack_from(file.head)[0] not in (FileType.EXEC, FileType.DYN):
            return None
        table = read_sections(file, form)
        debug = sum(each.size for each in table.sections if is_debug(each))
        symbols = sum(each.size for each in table.sections if each.type == SHT_SYMTAB and not each.is_loaded)
        if symbols and _reads_symbols(file, form):
            symbols = 0
        if not debug + symbols or any(_is_elsewhere(each) for each in table.sections):
            return None
        return Strippable(debug, symbols, appended_size(file, form, table, os.fstat(descriptor).st_size))
    except ElfError:
        return None
    finally:
        os.close(descriptor)


def is_debug(section: Section) -> bool:
    """Return whether `section` is for debuggers alone."""
    return not section.is_loaded and section.type != SHT_NOBITS and section.name.startswith(_DEBUG)


def _is_elsewhere(section: Section) -> bool:
    """Return whether a section is of a separate debug file: its code is in another file."""
    return section.type == SHT_NOBITS and bool(section.flags & SHF_EXECINSTR)


def _reads_symbols(file: ElfBytes, form: ElfFormat) -> bool:
    """Return whether names of `_READERS` are among what is loaded of `file`."""
    overlap = max(map(len, _READERS)) - 1
    _, _, _, phoff, _, phentsize, phnum = form.header.unpack_from(file.head)
    searched = 0
    for segment in segments_of(file, form.segment, phoff, phentsize, phnum):
        if segment.type == PT_LOAD:
            start = max(segment.offset, searched)  # hostile ones are in each other a thousand times
            searched = max(searched, segment.offset + segment.file_size)
            for at in range(start, searched, _PIECE):
                data = file.read(at, 0, min(_PIECE + overlap, searched - at))
                if any(name in data for name in _READERS):
                    return True
                if len(data) < overlap:
                    break
    return False
