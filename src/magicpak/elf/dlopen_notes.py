"""What a file says of the libraries that it loads at run time: `.note.dlopen`, read where it is mapped (PT_NOTE).

Source: "ELF Note dlopen Metadata" of the UAPI group.
"""

import json
import os
import struct
from collections.abc import Iterator
from typing import Any, NamedTuple

from magicpak.elf.image import ElfBytes, format_of
from magicpak.elf.reader import segments_of

MAX_NOTES = 1 << 20
"""Bytes of the notes of one file: those of libsystemd, with a dozen libraries, have 3 KB."""

PRIORITIES = ("required", "recommended", "suggested")

_PT_NOTE = 4
_OWNER, _TYPE = b"FDO\0", 0x407C0C0A


class DlopenNote(NamedTuple):
    """One thing that a file can do with a library: the names of which it loads the first that is there."""

    sonames: tuple[str, ...]
    priority: str


def read_dlopen_notes(descriptor: int) -> list[DlopenNote]:
    """Return the notes of the ELF file open as `descriptor`; what is no such note is skipped.

    Raises ElfError and OSError.
    """
    file = ElfBytes(descriptor)
    form = format_of(file.head)
    _, _, _, phoff, _, phentsize, phnum = form.header.unpack_from(file.head)
    segments = segments_of(file, form.segment, phoff, phentsize, phnum) if phnum else []
    left, found = MAX_NOTES, list[DlopenNote]()
    for segment in segments:
        if segment.type == _PT_NOTE and segment.file_size <= left:
            left -= segment.file_size
            data = file.read(segment.offset, 0, segment.file_size)
            found += [note for text in _descriptions(data, form.little) for note in _notes(text)]
    return found


def _descriptions(data: bytes, little: bool) -> Iterator[bytes]:  # noqa: FBT001 - the byte order
    head = struct.Struct("<III" if little else ">III")
    start = 0
    while start + head.size <= len(data):
        name_size, size, kind = head.unpack_from(data, start)
        name = start + head.size
        text = name + _aligned(name_size)
        if kind == _TYPE and data[name : name + name_size] == _OWNER:
            yield data[text : text + size]
        start = text + _aligned(size)


def _aligned(size: int) -> int:
    return (size + 3) & ~3


def _notes(text: bytes) -> Iterator[DlopenNote]:
    try:
        entries: Any = json.loads(text.rstrip(b"\0"))
    except (ValueError, RecursionError):
        return
    for entry in entries if isinstance(entries, list) else ():
        names = entry.get("soname") if isinstance(entry, dict) else None
        sonames = tuple(each for each in names if _is_name(each)) if isinstance(names, list) else ()
        if sonames:
            priority = entry.get("priority")
            yield DlopenNote(sonames, priority if priority in PRIORITIES else "recommended")


def _is_name(value: object) -> bool:
    return isinstance(value, str) and bool(value) and "\0" not in value and len(os.fsencode(value)) < (1 << 12)
