"""The lists of modules that Go and cargo-auditable leave in executables: both formats of Go, and what is damaged."""

import json
import os
import struct
import zlib
from pathlib import Path

import pytest

from magicpak.elf import modules
from magicpak.elf.facts import ElfTarget
from magicpak.elf.modules import LinkedModule, read_modules
from support.elf_files import I386, PPC, S390X, X86_64
from support.sectioned_elf import sectioned_elf

LIST = (
    "path\texample.org/tool/cmd\n"
    "mod\texample.org/tool\t(devel)\t\n"
    "dep\tgithub.com/Azure/go\tv1.2.3\th1:abc=\n"
    "dep\tgolang.org/x/old\tv0.1.0\n"
    "=>\tgolang.org/x/new\tv0.2.0\th1:def=\n"
    "dep\texample.org/local\tv0.3.0\n"
    "=>\t./local\t\n"
    "build\t-compiler=gc\n"
)
MODULES = [
    LinkedModule("golang", "stdlib", "1.21.5"),
    LinkedModule("golang", "example.org/tool", ""),
    LinkedModule("golang", "github.com/Azure/go", "v1.2.3"),
    LinkedModule("golang", "golang.org/x/new", "v0.2.0"),
    LinkedModule("golang", "example.org/local", "v0.3.0"),
]
MARKED = bytes(16) + LIST.encode() + bytes(16)
CRATES = {
    "packages": [
        {"name": "cc", "version": "1.0.0", "source": "crates.io", "kind": "build"},
        {"name": "libc", "version": "0.2.9", "source": "crates.io"},
        {"name": "tool", "version": "1.0.0", "source": "local", "dependencies": [0, 1], "root": True},
    ]
}


def read(data: bytes, directory: Path) -> list[LinkedModule]:
    (directory / "program").write_bytes(data)
    descriptor = os.open(directory / "program", os.O_RDONLY)
    try:
        return read_modules(descriptor)
    finally:
        os.close(descriptor)


def counted(text: bytes) -> bytes:
    """Return `text` with its length in front, as encoding/binary writes it."""
    number, result = len(text), b""
    while number >= 0x80:
        result += bytes([number & 0x7F | 0x80])
        number >>= 7
    return result + bytes([number]) + text


def inline(version: bytes, text: bytes) -> bytes:
    return b"\xff Go buildinf:\x08\x02" + bytes(16) + counted(version) + counted(text)


def test_since_go_1_18_both_strings_are_in_the_section(tmp_path: Path) -> None:
    data, _ = sectioned_elf(X86_64, {".go.buildinfo": inline(b"go1.21.5 X:nocoverage", MARKED)})
    assert read(data, tmp_path) == MODULES


@pytest.mark.parametrize("kind", [X86_64, S390X, I386, PPC])
def test_before_go_1_18_the_section_has_their_addresses(kind: ElfTarget, tmp_path: Path) -> None:
    order, size = "<" if kind.little else ">", kind.bits // 8
    form = f"{order}2{'Q' if size == 8 else 'I'}"
    texts = {".version": b"go1.21.5", ".list": MARKED}
    strings = {".a": struct.pack(form, 0, 0), ".b": struct.pack(form, 0, 0)}
    empty = {**texts, **strings, ".go.buildinfo": bytes(32)}
    _, at = sectioned_elf(kind, empty)
    strings = {
        ".a": struct.pack(form, at[".version"], len(texts[".version"])),
        ".b": struct.pack(form, at[".list"], len(MARKED)),
    }
    head = b"\xff Go buildinf:" + bytes([size, not kind.little])
    info = (head + struct.pack(form, at[".a"], at[".b"])).ljust(32, b"\0")
    data, _ = sectioned_elf(kind, {**texts, **strings, ".go.buildinfo": info})
    assert read(data, tmp_path) == MODULES


def test_a_program_without_a_list_has_the_standard_library(tmp_path: Path) -> None:
    data, _ = sectioned_elf(X86_64, {".go.buildinfo": inline(b"go1.19.8", b"")})
    assert read(data, tmp_path) == [LinkedModule("golang", "stdlib", "1.19.8")]


def test_crates_are_those_in_the_program_with_what_they_need(tmp_path: Path) -> None:
    listed = zlib.compress(json.dumps(CRATES).encode())
    both = {".go.buildinfo": inline(b"go1.19.8", b""), ".dep-v0": listed}
    crates = [LinkedModule("cargo", "libc", "0.2.9"), LinkedModule("cargo", "tool", "1.0.0", (1,))]
    assert read(sectioned_elf(X86_64, both)[0], tmp_path) == [LinkedModule("golang", "stdlib", "1.19.8"), *crates]


@pytest.mark.parametrize(
    "section",
    [
        {".dep-v0": b"not zlib"},
        {".dep-v0": zlib.compress(b'{"packages": [{"name": "a"}]}')},
        {".dep-v0": zlib.compress(b'{"packages": {"name": "a"}}')},
        {".dep-v0": zlib.compress(b'{"packages": [1]}')},
        {".dep-v0": zlib.compress(b'{"packages": [{"name": "a", "version": [1]}]}')},
        {".dep-v0": zlib.compress(b'{"packages": [{"name": "\\ud800", "version": "1"}]}')},
        {".dep-v0": zlib.compress(b"[" * 100_000)},
        {".dep-v0": zlib.compress(b" " * (modules.MAX_LIST + 1))},
        {".dep-v0": zlib.compress(json.dumps(CRATES).encode())[:20]},
        {".go.buildinfo": b"\xff Go buildinf:\x08\x02" + bytes(16) + b"\xff" * 32},
        {".go.buildinfo": b"\xff Go buildinf:\x07\x00" + bytes(16)},
        {".go.buildinfo": b"\xff Go buildinf:"},
        {".go.buildinfo": b"something else than what Go writes there"},
        {".text": inline(b"go1.21.5", MARKED)},
    ],
)
def test_a_list_that_is_damaged_or_too_large_has_no_modules(section: dict[str, bytes], tmp_path: Path) -> None:
    assert read(sectioned_elf(X86_64, section)[0], tmp_path) == []


def test_a_list_that_unpacks_to_gigabytes_is_not_unpacked(tmp_path: Path) -> None:
    packing = zlib.compressobj(9)
    bomb = b"".join(packing.compress(bytes(1 << 20)) for _ in range(64)) + packing.flush()
    assert len(bomb) < 1 << 17
    assert read(sectioned_elf(X86_64, {".dep-v0": bomb})[0], tmp_path) == []


def test_many_modules_are_no_more_than_the_limit(tmp_path: Path) -> None:
    text = "".join(f"dep\ta{number}\tv1\n" for number in range(modules.MAX_MODULES + 10)).encode()
    data, _ = sectioned_elf(X86_64, {".go.buildinfo": inline(b"go1.21.5", bytes(16) + text + bytes(16))})
    assert len(read(data, tmp_path)) == modules.MAX_MODULES + 1
