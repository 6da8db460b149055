"""The bytes of an ELF file, by offset and by the address at which they would stand in memory.

Sources: elf(5) and the gABI (structures), the behaviour of Linux and of glibc's `ld.so` (what is mapped where).
"""

import os
import struct
from collections.abc import Iterable
from typing import NamedTuple

from magicpak.elf.errors import ElfError, ElfErrorKind, truncated
from magicpak.text import printable

PAGE = 4096  # the smallest page of any Linux: what it maps, larger pages map too
PT_LOAD = 1

_IDENT = 16  # EI_NIDENT
_MAX_SCRIPT_LINE = 256  # bytes; the kernel looks no further for the end of `#!...`
_MAX_OFFSET = (1 << 63) - 1  # off_t


class Segment(NamedTuple):
    """The fields of a program header that are used; offset, address and sizes in bytes."""

    type: int
    offset: int
    address: int
    file_size: int
    memory_size: int


class ElfFormat(NamedTuple):
    """How one class and byte order writes its structures; only the fields that are used, in the order given."""

    bits: int
    little: bool
    header: struct.Struct  # e_type, e_machine, e_entry, e_phoff, e_flags, e_phentsize, e_phnum
    segment: struct.Struct  # the fields of Segment
    dynamic: struct.Struct  # d_tag, d_val


def _formats(data: int, order: str) -> dict[bytes, ElfFormat]:
    def layout(bits: int, *formats: str) -> ElfFormat:
        header, segment, dynamic = (struct.Struct(order + each) for each in formats)
        return ElfFormat(bits, order == "<", header, segment, dynamic)

    return {
        bytes((1, data)): layout(32, "16xHH4xII4xI2xHH6x", "III4xII8x", "II"),
        bytes((2, data)): layout(64, "16xHH4xQQ8xI2xHH6x", "I4xQQ8xQQ8x", "QQ"),
    }


_FORMATS = {**_formats(1, "<"), **_formats(2, ">")}  # by EI_CLASS and EI_DATA


def format_of(head: bytes) -> ElfFormat:
    """Return the layout that a file beginning with `head` declares; `head` then holds the whole ELF header.

    Raises:
        ElfError: The file is empty, a script, or anything else that is not ELF, or it ends inside the header.
    """
    if not head:
        raise ElfError(why="is empty")
    if head.startswith(b"#!"):
        line = os.fsdecode(head[2:_MAX_SCRIPT_LINE].partition(b"\n")[0].strip(b" \t\r"))
        raise ElfError(why=f"is a script (it begins with #!{printable(line)})", script=line)
    if not head.startswith(b"\x7fELF"):
        raise ElfError(why="is not an ELF file")
    if len(head) < _IDENT:
        raise truncated(_IDENT)
    layout = _FORMATS.get(head[4:6])
    if layout is None:
        raise ElfError(why=f"has a damaged header (class {head[4]}, byte order {head[5]})", kind=ElfErrorKind.MALFORMED)
    if len(head) < layout.header.size:
        raise truncated(layout.header.size)
    return layout


class ElfBytes:
    """The bytes of an open file by offset; the first page, which often holds all headers, is read once, as `head`."""

    def __init__(self, descriptor: int) -> None:
        """Read the first page. Raises OSError."""
        self._descriptor = descriptor
        self.head = os.pread(descriptor, PAGE, 0)

    def read(self, offset: int, least: int, most: int) -> bytes:
        """Return the `most` bytes at `offset`, or fewer where the file ends.

        Raises:
            ElfError: Not even `least` of them are there.
            OSError: They cannot be read.
        """
        if not 0 <= offset <= _MAX_OFFSET - most:
            raise truncated(offset + least)
        if offset + most <= len(self.head):
            return self.head[offset : offset + most]
        data = os.pread(self._descriptor, most, offset)
        if len(data) < least:
            raise truncated(offset + least)
        return data


class MappedImage:
    """What stands at an address once the PT_LOAD segments are mapped: whole pages, the later over the earlier."""

    def __init__(self, file: ElfBytes, segments: Iterable[Segment]) -> None:
        """Take the file and its segments, of any type."""
        self._file = file
        self._loaded = [each for each in segments if each.type == PT_LOAD]
        self._loaded.reverse()

    def read(self, address: int, least: int, most: int) -> bytes:
        """Return the `most` bytes at `address`, or fewer where the segment or the file ends.

        After its part of the file a segment goes on as zeros if it is larger in memory, else as the rest of the page.
        No p_offset stands in for an address that is not mapped, nor zeros for what is cut off from the file: the loader
        would die of it, or see less than the file once said.

        Raises:
            ElfError: Not even `least` of them are there.
            OSError: They cannot be read.
        """
        for _, offset, start, file_size, memory_size in self._loaded:
            end = -(-(start + max(file_size, memory_size)) // PAGE) * PAGE
            if start - start % PAGE <= address and address + least <= end:
                most = min(most, end - address)
                file_end = start + file_size if memory_size > file_size else end
                in_file = min(most, max(file_end - address, 0))
                data = self._file.read(address - start + offset, min(least, in_file), in_file)
                return data + bytes(most - in_file) if len(data) == in_file else data
        raise ElfError(
            why=f"refers to address {address:#x}, which none of its segments has", kind=ElfErrorKind.MALFORMED
        )
