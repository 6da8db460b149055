"""Reads of an ELF file what the kernel and the dynamic loader read of it, and no more, whatever the file says.

Sources: elf(5), the gABI's chapter on dynamic linking, and the behaviour of `execve` in Linux and of glibc's `ld.so`.
Section headers are never looked at, since neither of the two does.
"""

import os
import struct
from collections.abc import Iterable, Sequence

from magicpak.elf.errors import ElfError, ElfErrorKind, require_regular
from magicpak.elf.facts import ElfFacts, ElfTarget, FileType
from magicpak.elf.image import PAGE, ElfBytes, MappedImage, Segment, format_of
from magicpak.elf.versions import read_versions

__all__ = ["ElfError", "ElfErrorKind", "read_facts", "read_path"]

MAX_PROGRAM_HEADERS = 1 << 16  # bytes; the kernel refuses more
MIN_INTERPRETER, MAX_INTERPRETER = 2, 4096  # bytes with the NUL (PATH_MAX); the kernel refuses fewer and more
MAX_DYNAMIC = 1 << 20  # bytes; a thousand times that of a usual library
MAX_STRING = 1 << 16  # bytes; an RPATH of many long directories is a few KiB
MAX_STRINGS = 1 << 24  # bytes read and kept for all strings together, so that many long ones take no minutes

PT_DYNAMIC, PT_INTERP = 2, 3
DT_NULL, DT_NEEDED, DT_STRTAB, DT_SONAME, DT_RPATH, DT_RUNPATH = 0, 1, 5, 14, 15, 29
DT_FLAGS_1, DT_AUXILIARY, DT_FILTER = 0x6FFFFFFB, 0x7FFFFFFD, 0x7FFFFFFF
REPEATED = (DT_NEEDED, DT_AUXILIARY, DT_FILTER)
SINGLE = (DT_SONAME, DT_RPATH, DT_RUNPATH)


def read_path(path: str) -> ElfFacts:
    """Return the facts of the file at `path`, following links.

    Nothing but a regular file is read, and nothing blocks.

    Raises:
        ElfError: It is not a regular file, not ELF, or not one that could be loaded.
        OSError: It cannot be opened or read.
    """
    require_regular(os.stat(path).st_mode)  # before: opening a device can already set something off
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    try:
        require_regular(os.fstat(descriptor).st_mode)  # after: the path may have come to name another file
        return read_facts(descriptor)
    finally:
        os.close(descriptor)


def read_facts(descriptor: int) -> ElfFacts:
    """Return the facts of the regular file open as `descriptor`, whose position stays where it is.

    Only ET_EXEC and ET_DYN are asked for an interpreter and a dynamic section, as nothing loads other types. Of several
    PT_INTERP the first counts (the kernel), of several PT_DYNAMIC the last that is not empty (ld.so; separate debug
    files have empty ones).

    Raises:
        ElfError: It is not ELF, or what would be read to load it is missing or beyond all bounds.
        OSError: It cannot be read.
    """
    file = ElfBytes(descriptor)
    layout = format_of(file.head)
    file_type, machine, entry, phoff, flags, phentsize, phnum = layout.header.unpack_from(file.head)
    loadable = file_type in {FileType.EXEC, FileType.DYN} and phnum
    segments = _segments(file, layout.segment, phoff, phentsize, phnum) if loadable else []
    kind = ElfTarget(layout.bits, layout.little, machine)
    facts = ElfFacts(kind, file_type, flags, entry, interpreter=_interpreter(file, segments))
    address = _dynamic_address(segments)
    if address is None:
        return facts
    return _dynamic_facts(facts, MappedImage(file, segments), address, layout.dynamic)


def dynamic_section(descriptor: int) -> tuple[MappedImage, dict[int, int], int, str] | None:
    """Return the memory of the file open as `descriptor`, its dynamic section, its class in bits, and its byte order.

    Of each tag the last entry counts; the order is `<` or `>`. None for a file without such a section. Raises ElfError,
    and OSError.
    """
    file = ElfBytes(descriptor)
    layout = format_of(file.head)
    _, _, _, phoff, _, phentsize, phnum = layout.header.unpack_from(file.head)
    segments = _segments(file, layout.segment, phoff, phentsize, phnum) if phnum else []
    address = _dynamic_address(segments)
    if address is None:
        return None
    memory = MappedImage(file, segments)
    return memory, dict(_entries(memory, address, layout.dynamic)), layout.bits, "<" if layout.little else ">"


def _dynamic_address(segments: Sequence[Segment]) -> int | None:
    return next((each.address for each in reversed(segments) if each.type == PT_DYNAMIC and each.file_size), None)


def _dynamic_facts(facts: ElfFacts, memory: MappedImage, address: int, form: struct.Struct) -> ElfFacts:
    """Return `facts` with those of the dynamic section at `address`; of a single tag the last entry counts (ld.so)."""
    entries = _entries(memory, address, form)
    last = dict(entries)
    offsets = [value for tag, value in entries if tag in REPEATED] + [last[tag] for tag in SINGLE if tag in last]
    strings = _strings(memory, last.get(DT_STRTAB), offsets)
    return facts._replace(
        is_dynamic=True,
        needed=tuple([strings[value] for tag, value in entries if tag == DT_NEEDED]),
        soname=strings[last[DT_SONAME]] if DT_SONAME in last else None,
        rpath=strings[last[DT_RPATH]] if DT_RPATH in last else None,
        runpath=strings[last[DT_RUNPATH]] if DT_RUNPATH in last else None,
        flags_1=last.get(DT_FLAGS_1, 0),
        auxiliary=tuple([strings[value] for tag, value in entries if tag == DT_AUXILIARY]),
        filter=tuple([strings[value] for tag, value in entries if tag == DT_FILTER]),
        versions=read_versions(memory, last, last.get(DT_STRTAB), little=facts.kind.little),
    )


def _segments(file: ElfBytes, form: struct.Struct, phoff: int, phentsize: int, phnum: int) -> list[Segment]:
    if phentsize != form.size:
        raise ElfError(
            why=f"has program headers of {phentsize} bytes each instead of {form.size}", kind=ElfErrorKind.MALFORMED
        )
    size = phnum * phentsize
    if size > MAX_PROGRAM_HEADERS:
        raise ElfError(why=f"has {phnum} program headers, more than the kernel accepts", kind=ElfErrorKind.MALFORMED)
    return [Segment(*fields) for fields in form.iter_unpack(file.read(phoff, size, size))]


def _interpreter(file: ElfBytes, segments: Iterable[Segment]) -> str | None:
    """Return the path in the first PT_INTERP, with the checks of the kernel; None if there is none."""
    segment = next((each for each in segments if each.type == PT_INTERP), None)
    if segment is None:
        return None
    size = segment.file_size
    if not MIN_INTERPRETER <= size <= MAX_INTERPRETER:
        raise ElfError(
            why=f"has an interpreter's path of {size} bytes, which the kernel refuses", kind=ElfErrorKind.MALFORMED
        )
    data = file.read(segment.offset, size, size)
    if data[-1]:
        raise ElfError(
            why="has an interpreter's path without an end, which the kernel refuses", kind=ElfErrorKind.MALFORMED
        )
    return os.fsdecode(data[: data.index(0)])


def _entries(memory: MappedImage, address: int, form: struct.Struct) -> list[tuple[int, int]]:
    """Return (d_tag, d_val) of the dynamic section at `address` up to DT_NULL; the loader knows no other end."""
    entries: list[tuple[int, int]] = []
    for _ in range(MAX_DYNAMIC // PAGE):
        data = memory.read(address, form.size, PAGE)
        whole = len(data) - len(data) % form.size
        for tag, value in form.iter_unpack(data[:whole]):
            if tag == DT_NULL:
                return entries
            entries.append((tag, value))
        address += whole
    raise ElfError(why="has a dynamic section without an end", kind=ElfErrorKind.MALFORMED)


def _strings(memory: MappedImage, table: int | None, offsets: Iterable[int]) -> dict[int, str]:
    """Return the string at each of `offsets` into the string table at the address `table` (DT_STRTAB).

    DT_STRSZ is not asked, as the loader does not look at it.
    """
    found: dict[int, str] = {}
    start, window, total = 0, b"", 0
    for offset in sorted(set(offsets)):  # in order, since one window often holds them all
        if table is None:
            raise ElfError(why="has a dynamic section without a string table", kind=ElfErrorKind.MALFORMED)
        end = window.find(b"\0", offset - start)
        for size in (PAGE, MAX_STRING):
            if end < 0:
                start, window = offset, memory.read(table + offset, 1, size)
                end = window.find(b"\0")
                total += len(window)
        total += end - (offset - start)
        if end < 0 or total > MAX_STRINGS:
            raise ElfError(why="has a dynamic section whose names are too long", kind=ElfErrorKind.MALFORMED)
        found[offset] = os.fsdecode(window[offset - start : end])
    return found
