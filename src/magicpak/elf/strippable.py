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
from magicpak.elf.sections import SHF_EXECINSTR, SHT_NOBITS, SHT_SYMTAB, SectionHeader, read_sections
from magicpak.files.view import open_file

_DEBUG = (b".debug", b".zdebug", b".gdb_index", b".stab", b".line", b".gnu.debuglto_", b".gnu.linkonce.wi.")
_READERS = (b".debug_", b".symtab")
"""What is among the data of a program that reads symbols or debug sections, its own as a rule: the names of sections.

Each library that prints backtraces with names has them: those of Rust, D, Crystal, Zig and Ruby, libbacktrace, libdw.
"""
_NO_MACHINE = 0  # EM_NONE
_PIECE = 1 << 20  # bytes that are read at once


class Strippable(NamedTuple):
    """What strip could remove from a file, in bytes: debug sections, and the symbol table unless the program reads it.

    `kept` are the names of loaded sections that look like debug sections. `has_data` says that the program has data of
    its own that are not loaded.
    """

    debug: int
    symbols: int
    kept: tuple[str, ...]
    has_data: bool


def strippable(path: str) -> Strippable | None:
    """Return what could go from the file at `path`; None for nothing, and for what is no program or library.

    Separate debug files are neither: their code is in another file. Nor is what is for no machine: bytecode. Raises
    OSError.
    """
    descriptor = open_file(path)
    try:
        file = ElfBytes(descriptor)
        form = format_of(file.head)
        kind, machine, *_ = form.header.unpack_from(file.head)
        if kind not in (FileType.EXEC, FileType.DYN) or machine == _NO_MACHINE:
            return None
        table = read_sections(file, form)
        if any(each.type == SHT_NOBITS and each.flags & SHF_EXECINSTR for each in table.sections):
            return None
        debug = sum(each.size for each in table.sections if is_debug(each))
        symbols = sum(each.size for each in table.sections if each.type == SHT_SYMTAB and not each.is_loaded)
        if symbols and _reads_symbols(file, form):
            symbols = 0
        if not debug + symbols:
            return None
        kept = tuple(
            os.fsdecode(each.name) for each in table.sections if each.is_loaded and each.name.startswith(_DEBUG)
        )
        data = appended_size(file, form, table, os.fstat(descriptor).st_size)
        return Strippable(debug, symbols, kept, bool(data))
    except ElfError:
        return None
    finally:
        os.close(descriptor)


def is_debug(section: SectionHeader) -> bool:
    """Return whether `section` is for debuggers alone."""
    return not section.is_loaded and section.type != SHT_NOBITS and section.name.startswith(_DEBUG)


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
