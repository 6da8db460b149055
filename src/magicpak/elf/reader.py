"""Reads what the kernel and the dynamic loader read of an ELF file, and no more, even if the file is hostile.

Sources: elf(5), the gABI's chapter on dynamic linking, and the behaviour of `execve` in Linux and of glibc's `ld.so`.
Section headers are ignored, as by both of them.
"""

import os
import struct
from collections.abc import Iterable, Sequence

from magicpak.elf.errors import ElfError, ElfErrorKind, require_regular
from magicpak.elf.facts import Dependency, DependencyKind, ElfFacts, ElfTarget, FileType
from magicpak.elf.image import PAGE, ElfBytes, MappedImage, Segment, format_of
from magicpak.elf.versions import read_versions
from magicpak.files.view import open_file
from magicpak.text import count_noun

__all__ = ["ElfError", "ElfErrorKind", "read_facts", "read_path"]

MAX_PROGRAM_HEADERS = 1 << 16  # bytes; the kernel rejects more
MIN_INTERPRETER, MAX_INTERPRETER = 2, 4096  # bytes with the NUL (PATH_MAX); the kernel rejects fewer and more
MAX_DYNAMIC = 1 << 20  # bytes; a thousand times the size in a typical library
MAX_STRING = 1 << 16  # bytes; an RPATH of many long directories is a few KiB
MAX_STRINGS = 1 << 24  # bytes for all strings together, so that many long ones do not take minutes

PT_DYNAMIC, PT_INTERP = 2, 3
DT_NULL, DT_STRTAB, DT_SONAME, DT_RPATH, DT_RUNPATH, DT_FLAGS_1 = 0, 5, 14, 15, 29, 0x6FFFFFFB
DT_DEPAUDIT, DT_AUDIT = 0x6FFFFEFB, 0x6FFFFEFC
REPEATED = {int(kind): kind for kind in DependencyKind}
SINGLE = (DT_SONAME, DT_RPATH, DT_RUNPATH, DT_AUDIT, DT_DEPAUDIT)


def read_path(path: str) -> ElfFacts:
    """Return the facts of the file at `path`, following links; nothing blocks.

    Raises ElfError where it is not a regular file, not ELF, or could not be loaded, and OSError.
    """
    require_regular(os.stat(path).st_mode)  # before: a socket cannot be opened
    descriptor = open_file(path)
    try:
        require_regular(os.fstat(descriptor).st_mode)  # after: the path may have come to name another file
        return read_facts(descriptor)
    finally:
        os.close(descriptor)


def read_facts(descriptor: int) -> ElfFacts:
    """Return the facts of the regular file open as `descriptor`, whose position does not change.

    Only ET_EXEC and ET_DYN can have an interpreter and a dynamic section, since nothing loads other types. The first
    PT_INTERP counts (the kernel), and the last PT_DYNAMIC that is not empty (ld.so; separate debug files have empty
    ones).

    Raises ElfError where it is not ELF, or what its loading needs is missing or too large, and OSError.
    """
    file = ElfBytes(descriptor)
    form = format_of(file.head)
    file_type, machine, entry, phoff, flags, phentsize, phnum = form.header.unpack_from(file.head)
    loadable = file_type in {FileType.EXEC, FileType.DYN} and phnum
    segments = segments_of(file, form.segment, phoff, phentsize, phnum) if loadable else []
    kind = ElfTarget(form.bits, form.little, machine)
    facts = ElfFacts(kind, file_type, flags, entry, interpreter=_interpreter(file, segments))
    address = _dynamic_address(segments)
    if address is None:
        if not segments or facts.interpreter is not None:
            return facts
        from magicpak.elf.packed import is_packed  # for static programs only, and what looks like one

        end = phoff + phnum * phentsize
        return facts._replace(packed=is_packed(descriptor, file.head, end, little=form.little))
    return _dynamic_facts(facts, MappedImage(file, segments), address, form.dynamic)


def dynamic_section(descriptor: int) -> tuple[MappedImage, dict[int, int], int, str] | None:
    """Return the memory of the file open as `descriptor`, its dynamic section, its class in bits, and its byte order.

    The last entry of each tag counts; the byte order is `<` or `>`. Returns None for a file without a dynamic section.
    Raises ElfError and OSError.
    """
    file = ElfBytes(descriptor)
    form = format_of(file.head)
    _, _, _, phoff, _, phentsize, phnum = form.header.unpack_from(file.head)
    segments = segments_of(file, form.segment, phoff, phentsize, phnum) if phnum else []
    address = _dynamic_address(segments)
    if address is None:
        return None
    memory = MappedImage(file, segments)
    return memory, dict(_entries(memory, address, form.dynamic)), form.bits, "<" if form.little else ">"


def _dynamic_address(segments: Sequence[Segment]) -> int | None:
    return next((each.address for each in reversed(segments) if each.type == PT_DYNAMIC and each.file_size), None)


def _dynamic_facts(facts: ElfFacts, memory: MappedImage, address: int, form: struct.Struct) -> ElfFacts:
    """Return `facts` with those of the dynamic section at `address`; the last entry of a single tag counts (ld.so)."""
    entries = _entries(memory, address, form)
    last = dict(entries)
    offsets = [value for tag, value in entries if tag in REPEATED] + [last[tag] for tag in SINGLE if tag in last]
    strings = _strings(memory, last.get(DT_STRTAB), offsets)
    return facts._replace(
        is_dynamic=True,
        dependencies=tuple([Dependency(REPEATED[tag], strings[value]) for tag, value in entries if tag in REPEATED]),
        soname=strings[last[DT_SONAME]] if DT_SONAME in last else None,
        rpath=strings[last[DT_RPATH]] if DT_RPATH in last else None,
        runpath=strings[last[DT_RUNPATH]] if DT_RUNPATH in last else None,
        flags_1=last.get(DT_FLAGS_1, 0),
        audit=tuple(
            [name for tag in (DT_AUDIT, DT_DEPAUDIT) if tag in last for name in strings[last[tag]].split(":") if name]
        ),
        versions=read_versions(memory, last, last.get(DT_STRTAB), little=facts.kind.little),
    )


def segments_of(file: ElfBytes, form: struct.Struct, phoff: int, phentsize: int, phnum: int) -> list[Segment]:
    """Return the program headers of `file` by the fields of its ELF header. Raises ElfError and OSError."""
    if phentsize != form.size:
        raise ElfError(
            why=f"has program headers of {phentsize} bytes each, not {form.size}", kind=ElfErrorKind.MALFORMED
        )
    size = phnum * phentsize
    if size > MAX_PROGRAM_HEADERS:
        raise ElfError(why=f"has {phnum} program headers, more than the kernel accepts", kind=ElfErrorKind.MALFORMED)
    return [Segment(*fields) for fields in form.iter_unpack(file.read(phoff, size, size))]


def _interpreter(file: ElfBytes, segments: Iterable[Segment]) -> str | None:
    """Return the path in the first PT_INTERP, checked as by the kernel; None if there is none."""
    segment = next((each for each in segments if each.type == PT_INTERP), None)
    if segment is None:
        return None
    size = segment.file_size
    if not MIN_INTERPRETER <= size <= MAX_INTERPRETER:
        raise ElfError(
            why=f"has an interpreter path of {count_noun(size, 'byte')}, which the kernel rejects",
            kind=ElfErrorKind.MALFORMED,
        )
    data = file.read(segment.offset, size, size)
    if data[-1]:
        raise ElfError(
            why="has an unterminated interpreter path, which the kernel rejects", kind=ElfErrorKind.MALFORMED
        )
    return os.fsdecode(data[: data.index(0)])


def _entries(memory: MappedImage, address: int, form: struct.Struct) -> list[tuple[int, int]]:
    """Return (d_tag, d_val) of the dynamic section at `address` up to DT_NULL, its only end for the loader."""
    entries: list[tuple[int, int]] = []
    for _ in range(MAX_DYNAMIC // PAGE):
        data = memory.read(address, form.size, PAGE)
        whole = len(data) - len(data) % form.size
        for tag, value in form.iter_unpack(data[:whole]):
            if tag == DT_NULL:
                return entries
            entries.append((tag, value))
        address += whole
    raise ElfError(why="has an unterminated dynamic section", kind=ElfErrorKind.MALFORMED)


def _strings(memory: MappedImage, table: int | None, offsets: Iterable[int]) -> dict[int, str]:
    """Return the string at each of `offsets` into the string table at the address `table` (DT_STRTAB).

    DT_STRSZ does not count, since the loader ignores it.
    """
    strings: dict[int, str] = {}
    start, window, total = 0, b"", 0
    for offset in sorted(set(offsets)):  # in order, since one window often holds them all
        if table is None:
            raise ElfError(why="has a dynamic section but no string table", kind=ElfErrorKind.MALFORMED)
        end = window.find(b"\0", offset - start)
        for size in (PAGE, MAX_STRING):
            if end < 0:
                start, window = offset, memory.read(table + offset, 1, size)
                end = window.find(b"\0")
                total += len(window)
        total += end - (offset - start)
        if end < 0 or total > MAX_STRINGS:
            raise ElfError(why="has names in its dynamic section that are too long", kind=ElfErrorKind.MALFORMED)
        strings[offset] = os.fsdecode(window[offset - start : end])
    return strings
