"""The modules that Go's and Rust's compilers have put into an executable, by the lists that those leave in it.

Sources: Go's debug/buildinfo and runtime/debug (the section .go.buildinfo); the format of cargo-auditable (.dep-v0).
"""

import json
import os
import struct
import zlib
from collections.abc import Iterator
from typing import Any, NamedTuple

from magicpak.elf.image import ElfBytes, MappedImage, format_of
from magicpak.elf.reader import segments_of
from magicpak.elf.sections import SHT_NOBITS, SectionHeader, read_sections

MAX_LIST = 1 << 21
"""Bytes of a list, unpacked: that of a program of a thousand modules has 100 KB."""

MAX_MODULES = 10_000

GO, RUST = "golang", "cargo"
"""The kinds of modules, as package URLs name them."""

_GO_SECTION, _RUST_SECTION = b".go.buildinfo", b".dep-v0"
_MAGIC = b"\xff Go buildinf:"
_POINTER_SIZE_AT, _FLAGS_AT, _POINTERS_AT, _TEXT_AT = 14, 15, 16, 32
_BIG_ENDIAN, _INLINE = 1, 2
_MARK = 16  # bytes before and after the list of modules
_MAX_VARINT = 10  # bytes of a number of 64 bits
_UNVERSIONED = "(devel)"


class LinkedModule(NamedTuple):
    """A module that is part of an executable; its version is empty where it is not known.

    `needs` are the indices of those that it needs, in the same list.
    """

    kind: str
    name: str
    version: str
    needs: tuple[int, ...] = ()


def read_modules(descriptor: int) -> list[LinkedModule]:
    """Return the modules of the ELF file open as `descriptor`; a list that is damaged or too large has none.

    Raises ElfError and OSError.
    """
    file = ElfBytes(descriptor)
    table = read_sections(file, format_of(file.head)).sections
    found = {each.name: each for each in reversed(table) if each.type != SHT_NOBITS}
    modules: list[LinkedModule] = []
    if _GO_SECTION in found:
        modules += _go_modules(*_go_texts(file, _content(file, found[_GO_SECTION])))
    if _RUST_SECTION in found:
        modules += _rust_modules(_content(file, found[_RUST_SECTION]), len(modules))
    return modules


def _content(file: ElfBytes, section: SectionHeader) -> bytes:
    return file.read(section.offset, 0, section.size) if section.size <= MAX_LIST else b""


def _go_texts(file: ElfBytes, data: bytes) -> tuple[str, str]:
    """Return the version of Go, and the list of modules, from what is in Go's section; both empty where it is not Go's.

    Since Go 1.18 they are in the section; before, it has the addresses of two strings (an address and a length each).
    """
    if not data.startswith(_MAGIC) or len(data) < _TEXT_AT:
        return "", ""
    if data[_FLAGS_AT] & _INLINE:
        version, end = _counted(data, _TEXT_AT)
        modules, _ = _counted(data, end)
    else:
        order, size = "><"[not data[_FLAGS_AT] & _BIG_ENDIAN], data[_POINTER_SIZE_AT]
        letter = {4: "I", 8: "Q"}.get(size)
        if letter is None:
            return "", ""
        form, memory = struct.Struct(f"{order}2{letter}"), _memory(file)
        version, modules = (_pointed(memory, form, each) for each in form.unpack_from(data, _POINTERS_AT))
    marked = len(modules) > 2 * _MARK and modules[-_MARK - 1 : -_MARK] == b"\n"
    return os.fsdecode(version), os.fsdecode(modules[_MARK:-_MARK] if marked else b"")


def _counted(data: bytes, start: int) -> tuple[bytes, int]:
    """Return the string at `start`, which has its length in front (a varint of encoding/binary), and where it ends."""
    length = 0
    for index, byte in enumerate(data[start : start + _MAX_VARINT]):
        length |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:  # noqa: PLR2004 - the last byte
            begin = start + index + 1
            return (data[begin : begin + length], begin + length) if begin + length <= len(data) else (b"", len(data))
    return b"", len(data)


def _memory(file: ElfBytes) -> MappedImage:
    form = format_of(file.head)
    _, _, _, phoff, _, phentsize, phnum = form.header.unpack_from(file.head)
    return MappedImage(file, segments_of(file, form.segment, phoff, phentsize, phnum) if phnum else [])


def _pointed(memory: MappedImage, form: struct.Struct, address: int) -> bytes:
    """Return the string whose address and length are at `address`. Raises ElfError and OSError."""
    if not address:
        return b""
    start, length = form.unpack(memory.read(address, form.size, form.size))
    return memory.read(start, length, length) if 0 < length <= MAX_LIST else b""


def _go_modules(version: str, text: str) -> Iterator[LinkedModule]:
    """Yield the standard library and the modules of `text`: lines such as `dep NAME VERSION HASH`, parted by tabs.

    A line `=>` names what has taken the place of the one before it; a directory has no version.
    """
    if not version:
        return
    yield LinkedModule(GO, "stdlib", version.partition(" ")[0].removeprefix("go"))
    found: list[tuple[str, str]] = []
    for line in text.split("\n")[: 2 * MAX_MODULES]:
        word, *fields = line.split("\t")
        name, its_version = (*fields, "", "")[:2]
        if word in ("mod", "dep") and name:
            found.append((name, its_version))
        elif word == "=>" and found and its_version:
            found[-1] = name, its_version
    for name, its_version in found[:MAX_MODULES]:
        yield LinkedModule(GO, name, "" if its_version == _UNVERSIONED else its_version)


def _rust_modules(data: bytes, first: int) -> list[LinkedModule]:
    """Return the crates of a compressed list, but those that only the build has used; `first` is their first index."""
    unpacking = zlib.decompressobj()
    try:
        text = unpacking.decompress(data, MAX_LIST)
        packages: Any = json.loads(text)["packages"] if not unpacking.unconsumed_tail else []
        crates = [(index, each) for index, each in enumerate(packages[:MAX_MODULES]) if each.get("kind") != "build"]
        numbers = {index: first + number for number, (index, _) in enumerate(crates)}
        return [
            LinkedModule(
                RUST,
                _text(each["name"]),
                _text(each["version"]),
                tuple(numbers[index] for index in each.get("dependencies", ()) if index in numbers),
            )
            for _, each in crates
        ]
    except (zlib.error, ValueError, TypeError, LookupError, AttributeError, RecursionError):
        return []


def _text(value: str) -> str:
    """Return a text of the list. Raises ValueError for half a surrogate pair, AttributeError for another type."""
    return value.encode().decode()
