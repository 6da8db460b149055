"""The bytes of an ELF file, by file offset and by memory address.

Sources: elf(5) and the gABI (structures), the behaviour of Linux and of glibc's `ld.so` (what is mapped where).
"""

import os
import struct
from bisect import bisect_right
from collections.abc import Iterable
from typing import NamedTuple

from magicpak.elf.errors import ElfError, ElfErrorKind, truncated
from magicpak.text import printable

PAGE = 4096  # the smallest page size of Linux: what it maps, larger pages map too
PT_LOAD = 1

_IDENT = 16  # EI_NIDENT
_MAX_SCRIPT_LINE = 256  # bytes of `#!...` that the kernel reads
_MAX_OFFSET = (1 << 63) - 1  # off_t


class Segment(NamedTuple):
    """The fields of a program header that matter here; offset, address and sizes in bytes."""

    type: int
    offset: int
    address: int
    file_size: int
    memory_size: int


class ElfFormat(NamedTuple):
    """The structures of one class and byte order: only the fields that matter here, in this order."""

    bits: int
    little: bool
    header: struct.Struct  # e_type, e_machine, e_entry, e_phoff, e_flags, e_phentsize, e_phnum
    segment: struct.Struct  # the fields of Segment
    dynamic: struct.Struct  # d_tag, d_val


def _formats(data: int, order: str) -> dict[bytes, ElfFormat]:
    def of_class(bits: int, *formats: str) -> ElfFormat:
        header, segment, dynamic = (struct.Struct(order + each) for each in formats)
        return ElfFormat(bits, order == "<", header, segment, dynamic)

    return {
        bytes((1, data)): of_class(32, "16xHH4xII4xI2xHH6x", "III4xII8x", "II"),
        bytes((2, data)): of_class(64, "16xHH4xQQ8xI2xHH6x", "I4xQQ8xQQ8x", "QQ"),
    }


_FORMATS = {**_formats(1, "<"), **_formats(2, ">")}  # by EI_CLASS and EI_DATA


def format_of(head: bytes) -> ElfFormat:
    """Return the format that `head`, the start of a file, declares; `head` then holds the whole ELF header.

    Raises ElfError where the file is empty, a script, or otherwise not ELF, or ends inside the header.
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
    form = _FORMATS.get(head[4:6])
    if form is None:
        raise ElfError(
            why=f"has an invalid ELF header (class {head[4]}, byte order {head[5]})", kind=ElfErrorKind.MALFORMED
        )
    if len(head) < form.header.size:
        raise truncated(form.header.size)
    return form


class ElfBytes:
    """The bytes of an open file by offset; `head` is the first page, which often holds all headers.

    The constructor reads it, and raises OSError.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.head = os.pread(descriptor, PAGE, 0)

    def read(self, offset: int, minimum: int, maximum: int) -> bytes:
        """Return `maximum` bytes at `offset`, or fewer at the end of the file.

        Raises ElfError where there are fewer than `minimum`, and OSError.
        """
        if not 0 <= offset <= _MAX_OFFSET - maximum:
            raise truncated(offset + minimum)
        if offset + maximum <= len(self.head):
            return self.head[offset : offset + maximum]
        data = os.pread(self._descriptor, maximum, offset)
        if len(data) < minimum:
            raise truncated(offset + minimum)
        return data


class MappedImage:
    """The memory after the PT_LOAD segments of `segments` are mapped: whole pages, later segments over earlier ones."""

    def __init__(self, file: ElfBytes, segments: Iterable[Segment]) -> None:
        self._file = file
        self._loaded = [_Mapping.of(each) for each in segments if each.type == PT_LOAD]
        self._loaded.reverse()
        self._bounds = sorted({bound for each in self._loaded for bound in (each.start, each.end)})
        self._covering: dict[int, list[_Mapping]] = {}

    def read(self, address: int, minimum: int, maximum: int) -> bytes:
        """Return `maximum` bytes at `address`, or fewer at the end of the segment or of the file.

        Behind the bytes of the file there are zeros in a segment that is larger in memory, else the rest of the page.
        An address that is not mapped is an error, whatever p_offset says, and so is the missing part of a truncated
        file: the loader would crash there, or see less than the file once had.

        Raises ElfError where there are fewer than `minimum`, and OSError.
        """
        for _, end, (_, offset, start, file_size, memory_size) in self._mappings(address):
            if address + minimum <= end:
                maximum = min(maximum, end - address)
                file_end = start + file_size if memory_size > file_size else end
                in_file = min(maximum, max(file_end - address, 0))
                data = self._file.read(address - start + offset, min(minimum, in_file), in_file)
                return data + bytes(maximum - in_file) if len(data) == in_file else data
        raise ElfError(why=f"refers to address {address:#x}, outside all its segments", kind=ElfErrorKind.MALFORMED)

    def _mappings(self, address: int) -> list["_Mapping"]:
        """Return what is mapped at `address`, the last first, without those that end no later than one before them.

        All addresses between two bounds have the same, which are searched for once: a file can have a thousand
        segments, and ten thousands of strings.
        """
        interval = bisect_right(self._bounds, address)
        covering = self._covering.get(interval)
        if covering is None:
            covering = self._covering[interval] = []
            for each in self._loaded:
                if each.start <= address < each.end and (not covering or each.end > covering[-1].end):
                    covering.append(each)
        return covering


class _Mapping(NamedTuple):
    """The pages of a segment, from `start` to `end`."""

    start: int
    end: int
    segment: Segment

    @classmethod
    def of(cls, segment: Segment) -> "_Mapping":
        address = segment.address
        end = -(-(address + max(segment.file_size, segment.memory_size)) // PAGE) * PAGE
        return cls(address - address % PAGE, end, segment)
