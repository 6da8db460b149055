"""What an ELF file says of itself: the names that it imports, and the strings in what is loaded of it."""

import os
import re
import struct
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

from magicpak.elf.errors import ElfError
from magicpak.elf.image import PT_LOAD, ElfBytes, format_of
from magicpak.elf.reader import segments_of
from magicpak.elf.symbols import imported_symbols
from magicpak.files.view import HOST

if TYPE_CHECKING:
    from magicpak.files.source import SourceView

_Read = TypeVar("_Read")

MAX_CONTENT = 1 << 26
"""Bytes of one file that are searched for strings: more than most programs have, and a tenth of a second."""

MAX_STRINGS = 1 << 18
"""Strings of one file that count: a large program has some ten thousand."""

_WINDOW = 1 << 20  # bytes of which the strings are taken at a time, so that there are not too many at once
_FEW = 12  # searches in all of a file take as long as taking its strings
_FLAGS = {32: "24xI4x", 64: "4xI48x"}  # p_flags, by the class
_EXECUTABLE, _WRITABLE = 1, 2

_STRING = re.compile(rb"\0([!-~]{2,1000}+)(?=\0)")
_PATH = re.compile(rb"\0(/[a-z][!-~]{1,998}+)(?=\0)")
_LIBRARY = re.compile(rb"\0(lib[\w+.-]+\.so\.[\d.]+)(?=\0)")
_FIRST_WORD = re.compile(rb"\0([a-z][a-z0-9+._-]{1,60}+) ")


class ElfContent:
    """The ELF file at `path` among `files`, of which each part is read when it is first asked for.

    What cannot be read is empty: without it there is no suggestion, and no failure.
    """

    def __init__(self, path: str, files: "SourceView" = HOST) -> None:
        self.files = files
        self._path = path
        self._searched: dict[str, bool] = {}

    @cached_property
    def imports(self) -> frozenset[str]:
        """The names of the symbols that other objects define for it."""
        return frozenset(map(os.fsdecode, self._read(imported_symbols, frozenset[bytes]())))

    @cached_property
    def content(self) -> bytes:
        """The bytes of its PT_LOAD segments, with a NUL around each; without code, where that has its own."""
        return self._read(_loaded_bytes, b"")

    @cached_property
    def strings(self) -> dict[str, None]:
        """The strings without a space, each once, in order; the end of another one may not be among them."""
        return self._found(_STRING)

    @cached_property
    def paths(self) -> dict[str, None]:
        """Those of the strings that begin like a path, in the same order."""
        return self._found(_PATH)

    @cached_property
    def libraries(self) -> dict[str, None]:
        """Those of the strings that are names of libraries, in the same order."""
        return self._found(_LIBRARY)

    @cached_property
    def first_words(self) -> dict[str, None]:
        """What is before the space in strings that can be commands, each once, in order."""
        return self._found(_FIRST_WORD)

    def _found(self, pattern: "re.Pattern[bytes]") -> dict[str, None]:
        found, start, size = list[bytes](), 0, len(self.content)
        while start < size - 1 and len(found) < MAX_STRINGS:
            end = self.content.find(b"\0", start + _WINDOW) + 1 or size
            found += pattern.findall(self.content, start, end)
            start = end - 1
        text = b"\0".join(found[:MAX_STRINGS]).decode("ascii")
        return dict.fromkeys(text.split("\0") if text else ())

    def has_string(self, text: str) -> bool:
        """Return whether `text` is one of `strings`, which are not taken for few questions."""
        if len(self._searched) < _FEW and "strings" not in vars(self):
            return self.has(f"\0{text}\0")
        return text in self.strings

    def has(self, text: str) -> bool:
        """Return whether `text` is anywhere in what is loaded of it."""
        if text not in self._searched:
            self._searched[text] = os.fsencode(text) in self.content
        return self._searched[text]

    def _read(self, read: Callable[[int], _Read], otherwise: _Read) -> _Read:
        try:
            descriptor = self.files.open(self._path)
        except OSError:
            return otherwise
        try:
            return read(descriptor)
        except (OSError, ElfError):
            return otherwise
        finally:
            os.close(descriptor)


def _loaded_bytes(descriptor: int) -> bytes:
    """Return the bytes of all PT_LOAD segments, MAX_CONTENT at most. Raises ElfError and OSError.

    A file that has a segment of constants, neither executable nor writable, has none among its code.
    """
    file = ElfBytes(descriptor)
    form = format_of(file.head)
    _, _, _, phoff, _, phentsize, phnum = form.header.unpack_from(file.head)
    parts, left = [b""], MAX_CONTENT
    segments = segments_of(file, form.segment, phoff, phentsize, phnum) if phnum else []
    flags = struct.Struct(("<" if form.little else ">") + _FLAGS[form.bits])
    headers = flags.iter_unpack(file.read(phoff, 0, len(segments) * flags.size))
    loaded = [(each, flag) for each, (flag,) in zip(segments, headers, strict=True) if each.type == PT_LOAD]
    has_constants = any(not flag & (_EXECUTABLE | _WRITABLE) for _, flag in loaded)
    for each, flag in loaded:
        if left > 0 and not (has_constants and flag & _EXECUTABLE):
            parts.append(file.read(each.offset, 0, min(each.file_size, left)))
            left -= len(parts[-1])
    return b"\0".join([*parts, b""])
