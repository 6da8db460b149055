"""Damaged and crafted files: whatever is in one, its reader answers or refuses it, and does not fail otherwise.

A run of the tests tries few examples of each, always the same. MAGICPAK_FUZZ=N tries N others of each; what fails is
then written to `found/TARGET.failed`, as small as it becomes. Kept as `found/TARGET.WHAT`, it is tried in each run.
"""

import os
import re
import struct
import tempfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from magicpak.elf.dlopen_notes import PRIORITIES, read_dlopen_notes
from magicpak.elf.errors import ElfError
from magicpak.elf.facts import ElfTarget, FileType
from magicpak.elf.modules import MAX_MODULES, read_modules
from magicpak.elf.reader import read_facts
from magicpak.elf.strippable import strippable
from magicpak.elf.stripped import difference
from magicpak.elf.symbols import read_symbols
from magicpak.elf.versions import MAX_NAMES, MAX_RECORDS
from magicpak.files.directory import DirectoryView
from magicpak.files.view import HostView
from magicpak.ldso.cache import MAX_OVERLAP, CacheEntry, make_cache, parse_cache
from magicpak.ldso.interpreter import built_in
from magicpak.ldso.machines import machine_of
from magicpak.needs.strings import MAX_CONTENT, ElfContent
from magicpak.packages.subset import HeldFile, subset
from magicpak.records.licence_expressions import Licences
from magicpak.records.purl import package_url
from support import script_readers as scripts
from support.elf_files import PPC, X86_64, make_elf, with_header
from support.package_roots import owners, package_contents
from support.sectioned_elf import sectioned_elf

Answer = TypeVar("Answer")

FOUND = Path(__file__).parent / "found"
BY_HAND = os.environ.get("MAGICPAK_FUZZ", "")
EXAMPLES = 30
"""Of each target in a run of the tests, so that all of them take a few seconds."""

DT_HASH, DT_STRTAB, DT_SYMTAB, DT_GNU_HASH, DT_VERDEF, DT_VERNEED = 4, 5, 6, 0x6FFFFEF5, 0x6FFFFFFC, 0x6FFFFFFE
OWNED = "/usr/bin/a"


def with_tables(order: str = "<") -> bytes:
    """Return a library with symbols, both hash tables and versions, all of them at the start of its code."""
    kind = X86_64 if order == "<" else PPC
    start = struct.unpack_from(order + ("Q" if kind.bits == 64 else "I"), make_elf(kind=kind, code=b"\xc3"), 24)[0]
    symbols = struct.pack(order + ("IBBHQQ" if kind.bits == 64 else "IIIBBH"), 1, 16, 0, 0, 0, 0) * 3
    hashes = struct.pack(order + "8I", 1, 3, 0, 0, 1, 0, 0, 0)
    gnu = struct.pack(order + "6I", 1, 0, 0, 0, 1, 3)
    needed = struct.pack(order + "HHIII", 1, 1, 1, 16, 0) + struct.pack(order + "IHHII", 0, 0, 2, 3, 0)
    defined = struct.pack(order + "HHHHIII", 1, 1, 1, 1, 0, 20, 0) + struct.pack(order + "II", 3, 0)
    parts = {
        DT_SYMTAB: symbols,
        DT_HASH: hashes,
        DT_GNU_HASH: gnu,
        DT_VERNEED: needed,
        DT_VERDEF: defined,
        DT_STRTAB: b"\0libf.so\0V_1\0",
    }
    at, tags = start, []
    for tag, part in parts.items():
        tags.append((tag, at))
        at += len(part)
    return make_elf(kind=kind, code=b"".join(parts.values()), more=tags)


def packed_by_upx(kind: ElfTarget) -> bytes:
    """Return a program with the headers that upx leaves in what it has packed, and with what it writes at the end."""
    order = "<" if kind.little else ">"
    sizes = b"\0\0\0\0UPX!\0\0\0\0" + struct.pack(order + "5I", 0, 4000, 4000, 792, 228)
    end = bytes.fromhex("0d0a0208 c0e84446 d04a5d36 5c5e0300 0b040100 5c5e0300 000000")
    trailer = b"UPX!" + end + bytes((sum(end) % 251, 0x80, 0, 0, 0))
    return make_elf(kind=kind, type=FileType.EXEC, dynamic=False, code=sizes + bytes(64)) + trailer


ELF_FILES = [
    with_tables(),
    with_tables(">"),
    make_elf(interpreter="/lib/ld.so", needed=["liba.so", "libb.so"], rpath="$ORIGIN:/a", soname="x"),
    *(packed_by_upx(kind) for kind in (X86_64, PPC)),
]


def with_note(order: str, bits: int) -> bytes:
    """Return a file with a note of libraries that it loads at run time, behind a note of another kind."""
    text = b'[{"soname": ["liba.so.1", "liba.so"], "priority": "suggested"}, {"soname": ["libb.so"]}]\0'
    other = struct.pack(order + "III", 4, 4, 1) + b"GNU\0" + bytes(4)
    note = other + struct.pack(order + "III", 4, len(text), 0x407C0C0A) + b"FDO\0" + text
    ident = b"\x7fELF" + bytes([bits // 32, 1 if order == "<" else 2, 1]) + bytes(9)
    if bits == 64:
        head = struct.pack(order + "HHIQQQIHHHHHH", 3, 62, 1, 0, 64, 0, 0, 64, 56, 1, 0, 0, 0)
        return ident + head + struct.pack(order + "IIQQQQQQ", 4, 4, 120, 0, 0, len(note), len(note), 4) + note
    head = struct.pack(order + "HHIIIIIHHHHHH", 3, 20, 1, 0, 52, 0, 0, 52, 32, 1, 0, 0, 0)
    return ident + head + struct.pack(order + "IIIIIIII", 4, 84, 0, 0, len(note), len(note), 4, 4) + note


def with_sections(kind: ElfTarget) -> bytes:
    """Return a program with headers of a debug section, of one with data of its own, of symbols, and of their names."""
    data = make_elf(kind=kind, code=b"read .symtab\0") + b"own"
    names = b"\0.debug_info\0.own\0.symtab\0.names\0"
    order, wide = "<" if kind.little else ">", kind.bits == 64
    row = struct.Struct(order + ("IIQQQQIIQQ" if wide else "10I"))
    headers = [(0,) * 10]
    for name, section, flags in ((b".debug", 1, 0), (b".own", 1, 0), (b".symtab", 2, 0), (b".names", 3, 0)):
        at, size = (len(data), len(names)) if section == 3 else (len(data) - 3, 3)
        headers.append((names.index(name), section, flags, 0, at, size, 0, 0, 1, 0))
    table = b"".join(row.pack(*each) for each in headers)
    start = len(data) + len(names)
    return with_header(data, kind, e_shoff=start, e_shentsize=row.size, e_shnum=5, e_shstrndx=4) + names + table


NOTES = [with_note("<", 64), with_note(">", 32)]
LISTS = [
    sectioned_elf(
        kind,
        {
            ".go.buildinfo": b"\xff Go buildinf:\x08\x02" + bytes(16) + b"\x08go1.21.5\x2a" + b"-" * 16
            + b"dep\ta\tv1\n" + b"-" * 16,
            ".dep-v0": zlib.compress(b'{"packages":[{"name":"a","version":"1","dependencies":[0]}]}'),
        },
    )[0]
    for kind in (X86_64, PPC)
]  # fmt: skip
LICENCES = Licences()
EXPRESSIONS = [b"GPL-2+ or (MIT and ISC), and Expat with Autoconf exception", b"ASL 2.0 MIT BSD-3-clause"]
CACHES = [
    make_cache(
        [CacheEntry("liba.so", "/lib/liba.so", 0x303), CacheEntry("liba.so", "/v3/liba.so", 0x303, "v3")], little=each
    )
    for each in (True, False)
]
CACHES.append(b"ld.so-1.7.0\0" + struct.pack("<IiII", 1, 3, 0, 5) + b"a.so\0/a.so\0")
LOADERS = [
    b"GLIBC_2.36\0/lib/\0/usr/lib/\0release version 2.36\0/etc/ld.so.cache\0/etc/ld.so.preload\0",
    b"/etc/ld-musl-x86_64.path\0",
]
DATABASES: Mapping[str, bytes] = {
    "var/lib/dpkg/status": b"Package: a\nStatus: install ok installed\nVersion: 1\nArchitecture: all\n"
    b"Depends: b | c, d\nProvides: c\n\nPackage: b\n",
    "var/lib/dpkg/info/a.list": b"/.\n/usr\n/usr/bin\n/usr/bin/a\n",
    "var/lib/dpkg/diversions": b"/usr/bin/a\n/usr/bin/b\nb\n",
    "var/lib/dpkg/status.d/c": b"Package: c\nVersion: 1\n",
    "var/lib/dpkg/status.d/c.md5sums": b"d41d8cd98f00b204e9800998ecf8427e  usr/bin/a\n",
    "lib/apk/db/installed": b"P:a\nV:1\nD:b so:c !d\np:so:c=1\nF:usr/bin\nR:a\n\nP:b\nF:\nR:a\n",
}

NUMBERS = st.sampled_from([0, 1, 2, 8, 0x7F, 0x80, 0xFF, 0x1000, 0x7FFFFFFF, 0xFFFFFFFF, 1 << 62, (1 << 64) - 1])
EDITS = st.tuples(
    st.integers(0, 1 << 12), st.sampled_from([1, 2, 4, 8]), NUMBERS | st.integers(0, 1 << 12), st.booleans()
)


@st.composite
def damaged(draw: st.DrawFn, seeds: list[bytes], pieces: Sequence[bytes]) -> bytes:
    """Draw one of `seeds` with other numbers in some places, some parts twice, `pieces` between, and perhaps cut."""
    data = bytearray(draw(st.sampled_from(seeds)))
    for place, size, number, little in draw(st.lists(EDITS, max_size=8)):
        at = place % (len(data) + 1)
        data[at : at + size] = (number % (1 << 8 * size)).to_bytes(size, "little" if little else "big")
    for source, size, place, _ in draw(st.lists(EDITS, max_size=2)):
        at = place % (len(data) + 1)
        data[at:at] = data[source % (len(data) + 1) :][: 8 * size]
    more = st.tuples(st.integers(0, 1 << 12), st.sampled_from(pieces), st.sampled_from([1, 1, 1, 2, 200]))
    for place, piece, times in draw(st.lists(more, max_size=12)) if pieces else ():
        at = place % (len(data) + 1)
        data[at:at] = piece * times
    return bytes(data[: draw(st.none() | st.integers(0, len(data)))])


def answer(data: bytes, reader: Callable[[int], Answer]) -> Answer | None:
    """Return what `reader` makes of a file of `data`; None where it refuses it, in words that can be printed."""
    with tempfile.TemporaryFile(buffering=0) as file:
        file.write(data)
        try:
            return reader(file.fileno())
        except ElfError as error:
            why = error.why
    assert why.isprintable()
    return None


def facts(data: bytes) -> None:
    found = answer(data, read_facts)
    if found is not None:
        assert len(found.versions.needed) <= 2 * MAX_RECORDS
        assert sum(map(len, found.versions.defined or ())) <= MAX_NAMES


def notes(data: bytes) -> None:
    for note in answer(data, read_dlopen_notes) or ():
        assert note.sonames
        assert note.priority in PRIORITIES
        assert not any("\0" in name for name in note.sonames)


def symbols(data: bytes) -> None:
    found = answer(data, read_symbols)
    if found is not None:
        assert b"" not in found.needed


def content(data: bytes) -> None:
    with tempfile.NamedTemporaryFile(buffering=0) as file:
        file.write(data)
        found = ElfContent(file.name)
        assert len(found.content) <= MAX_CONTENT + 2 * len(data)
        assert all(each.isascii() and each.isprintable() for each in found.strings)
        assert "" not in found.imports


def sections(data: bytes) -> None:
    with tempfile.NamedTemporaryFile(buffering=0) as file:
        file.write(data)
        found = strippable(file.name)
        assert found is None or found.debug + found.symbols > 0
        changed = difference(file.name, file.name)
        assert changed is None or changed.isprintable()


def modules(data: bytes) -> None:
    found = answer(data, read_modules) or []
    assert len(found) <= 2 * (MAX_MODULES + 1)
    assert all(number < len(found) for each in found for number in each.needs)
    assert all(each.name and package_url(each.kind, each.name, each.version).isascii() for each in found)


def licences(data: bytes) -> None:
    found = LICENCES.all_of([data.decode(errors="surrogateescape")])
    assert re.fullmatch(r"[A-Za-z0-9.+() -]*", found.expression)
    assert all(name in found.expression for name in found.named)


def cache(data: bytes) -> None:
    texts = {text for entries in parse_cache(data).values() for each in entries for text in (each.name, each.path)}
    assert "" not in texts
    assert sum(map(len, texts)) <= MAX_OVERLAP * len(data)


def loader(data: bytes) -> None:
    with tempfile.NamedTemporaryFile(buffering=0) as file:
        file.write(data)
        built_in(file.name, machine_of(X86_64), HostView())


def packages(data: bytes) -> None:
    """Take `data` for each file of a database in turn."""
    with tempfile.TemporaryDirectory() as root:
        for path, content in DATABASES.items():
            (Path(root) / path).parent.mkdir(parents=True, exist_ok=True)
            (Path(root) / path).write_bytes(content)
        for path, content in DATABASES.items():
            (Path(root) / path).write_bytes(data)
            view = DirectoryView(root)
            found = owners([OWNED, "/a"], root)
            assert found.by_path.keys() <= {OWNED, "/a"}
            assert all(package.name for package in found.by_path.values())
            contents = package_contents(["a", "b"], root, dependencies=True)
            assert all(path.startswith("/") and "\0" not in path for path in contents.paths)
            made = subset({each: [HeldFile(OWNED, (OWNED.encode(),))] for each in found.by_path.values()}, view)
            assert all(content.count(b"\0") <= data.count(b"\0") for content in made.files.values())
            assert all(warning.isprintable() for warning in (*found.warnings, *contents.warnings, *made.warnings))
            (Path(root) / path).write_bytes(content)


Target = Callable[[bytes], None]

TARGETS: Mapping[str, tuple[Target, list[bytes]]] = {
    "facts": (facts, ELF_FILES),
    "symbols": (symbols, ELF_FILES),
    "notes": (notes, NOTES),
    "modules": (modules, LISTS),
    "licences": (licences, EXPRESSIONS),
    "content": (content, ELF_FILES),
    "sections": (sections, [with_sections(kind) for kind in (X86_64, PPC)]),
    "cache": (cache, CACHES),
    "loader": (loader, LOADERS),
    "packages": (packages, list(DATABASES.values())),
    **{name: (reader, scripts.SEEDS[name]) for name, reader in scripts.READERS.items()},
}


@pytest.mark.parametrize("name", TARGETS)
def test_damaged_files_are_read_or_refused(name: str) -> None:
    target, seeds = TARGETS[name]

    @settings(max_examples=int(BY_HAND or EXAMPLES), database=None, derandomize=not BY_HAND)
    @given(damaged(seeds, scripts.PIECES.get(name, ())))
    def attempt(data: bytes) -> None:
        try:
            target(data)
        except BaseException:
            if BY_HAND:
                (FOUND / f"{name}.failed").write_bytes(data)
            raise

    for seed in seeds:
        target(seed)
    attempt()


@pytest.mark.parametrize("file", sorted(FOUND.glob("*.*")), ids=lambda file: file.name)
def test_what_was_found_once_is_read_or_refused(file: Path) -> None:
    target, _ = TARGETS[file.name.partition(".")[0]]
    target(file.read_bytes())
