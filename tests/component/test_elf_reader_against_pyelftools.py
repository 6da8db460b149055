"""The ELF reader against an independent yardstick, on ELF files of this host, and the builder against loaders.

One file in ten is read, the same ones each time; with MAGICPAK_ALL_ELF_FILES set, all of them are: a minute or two.
"""

import os
import stat
import subprocess
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from elftools.elf.dynamic import DynamicSegment
from elftools.elf.elffile import ELFFile
from elftools.elf.enums import ENUM_E_MACHINE, ENUM_E_TYPE
from elftools.elf.gnuversions import GNUVerDefSection, GNUVerNeedSection
from elftools.elf.segments import InterpSegment

from magicpak.elf.facts import Dependency, DependencyKind, ElfFacts, ElfTarget, FileType, VersionNeeded, Versions
from magicpak.elf.reader import ElfError, read_path
from support.elf_files import (
    DT_AUDIT,
    DT_NEEDED,
    I386,
    PPC,
    PT_DYNAMIC,
    PT_LOAD,
    S390X,
    X86_64,
    X86_64_EXIT_0,
    make_elf,
    with_header,
    with_segment,
)

ONE_IN = 1 if os.environ.get("MAGICPAK_ALL_ELF_FILES") else 10
GLIBC = "/lib64/ld-linux-x86-64.so.2"
WITH_GLIBC = pytest.mark.skipif(not os.path.exists(GLIBC), reason=f"glibc's loader for x86-64 ({GLIBC}) is not here")
NEEDS_LIBM = make_elf(needed=["libm.so.6"])


def elf_files(top: str) -> Iterator[str]:
    """Every ELF file below `top` of which the path is in the sample, links left out, in order."""
    for directory, directories, names in os.walk(top):
        directories.sort()
        for path in (os.path.join(directory, name) for name in sorted(names)):
            if zlib.crc32(os.fsencode(path)) % ONE_IN:
                continue
            if stat.S_ISREG(os.lstat(path).st_mode) and os.access(path, os.R_OK):
                with open(path, "rb", buffering=0) as file:
                    if file.read(4) == b"\x7fELF":
                        yield path


def test_elf_files_of_this_host_have_the_facts_that_pyelftools_sees() -> None:
    paths = list(elf_files("/usr"))

    differing = [(path, read, seen) for path in paths if (read := answer(path)) != (seen := yardstick(path))]

    assert differing == []
    assert len(paths) > 500 / ONE_IN


def answer(path: str) -> ElfFacts | str:
    try:
        return read_path(path)
    except ElfError as refusal:
        return refusal.why


def yardstick(path: str) -> ElfFacts | str:
    """The facts of the file at `path` as pyelftools tells them (it finds the dynamic section by its offset)."""
    with open(path, "rb") as file:
        elf = ELFFile(file)
        machine, file_type = elf["e_machine"], elf["e_type"]
        header = ElfFacts(
            ElfTarget(elf.elfclass, elf.little_endian, ENUM_E_MACHINE.get(machine, machine)),
            ENUM_E_TYPE.get(file_type, file_type),
            elf["e_flags"],
            elf["e_entry"],
        )
        if header.type not in {FileType.EXEC, FileType.DYN}:
            return header
        segments = list(elf.iter_segments())
        interpreters = [each for each in segments if isinstance(each, InterpSegment)]
        if interpreters and not interpreters[0]["p_filesz"]:  # of a separate debug file
            return "has an interpreter path of 0 bytes, which the kernel rejects"
        interpreter = interpreters[0].get_interp_name() if interpreters else None
        dynamic = [each for each in segments if isinstance(each, DynamicSegment) and each["p_filesz"]]
        if not dynamic:
            return ElfFacts(header.kind, header.type, header.flags, header.entry, interpreter)
        return with_dynamic(header, interpreter, dynamic[-1])._replace(versions=versions(elf))


def versions(elf: ELFFile) -> Versions:
    """The versions that the sections tell of; the loader goes by the dynamic section instead."""
    needed: list[VersionNeeded] = []
    defined: frozenset[str] | None = None
    for section in elf.iter_sections():
        if isinstance(section, GNUVerNeedSection):
            pairs = [(file.name, each) for file, items in section.iter_versions() for each in items]
            needed += [VersionNeeded(of or "", each.name or "", bool(each["vna_flags"] & 2)) for of, each in pairs]
        elif isinstance(section, GNUVerDefSection):
            defined = frozenset(next(names).name for _, names in section.iter_versions())
    return Versions(tuple(needed), defined)


def with_dynamic(header: ElfFacts, interpreter: str | None, segment: DynamicSegment) -> ElfFacts:
    tags = [(tag.d_tag, tag.d_val) for tag in segment._iter_tags()]

    def texts(name: str) -> tuple[str, ...]:
        # The table is asked for late: pyelftools has none for a static-pie program without any dynamic string.
        return tuple(segment._get_stringtable().get_string(value) for tag, value in tags if tag == name)

    return ElfFacts(
        header.kind,
        header.type,
        header.flags,
        header.entry,
        interpreter,
        is_dynamic=True,
        dependencies=tuple(
            Dependency(DependencyKind[tag[3:]], segment._get_stringtable().get_string(value))
            for tag, value in tags
            if tag in ("DT_NEEDED", "DT_AUXILIARY", "DT_FILTER")
        ),
        soname=(None, *texts("DT_SONAME"))[-1],
        rpath=(None, *texts("DT_RPATH"))[-1],
        runpath=(None, *texts("DT_RUNPATH"))[-1],
        flags_1=dict(tags).get("DT_FLAGS_1", 0),
        audit=tuple(name for tag in ("DT_AUDIT", "DT_DEPAUDIT") for name in (("", *texts(tag))[-1]).split(":") if name),
    )


@pytest.mark.parametrize("kind", [X86_64, I386, S390X, PPC], ids=str)
@pytest.mark.parametrize("file_type", [FileType.EXEC, FileType.DYN])
def test_a_handmade_file_has_the_facts_that_pyelftools_sees(
    kind: ElfTarget, file_type: FileType, tmp_path: Path
) -> None:
    path = tmp_path / "handmade"
    path.write_bytes(
        make_elf(
            kind=kind,
            type=file_type,
            flags=5,
            entry=0x1234,
            interpreter="/lib/ld.so",
            needed=["libz.so", "liba.so"],
            soname="libme.so",
            rpath="/rpath",
            runpath="/runpath",
            flags_1=0x800,
            auxiliary=["libaux.so"],
            filter=["libfilter.so"],
            more=[(DT_NEEDED, "liblast.so"), (DT_AUDIT, "libaudit.so:/x")],
        )
    )

    assert answer(str(path)) == yardstick(str(path))


@WITH_GLIBC
def test_the_loader_of_glibc_takes_handmade_files(tmp_path: Path) -> None:
    (tmp_path / "libinner.so").write_bytes(make_elf(soname="libinner.so"))
    (tmp_path / "libouter.so").write_bytes(make_elf(needed=["libinner.so"], runpath="$ORIGIN"))
    program = tmp_path / "program"
    program.write_bytes(make_elf(interpreter=GLIBC, needed=["libouter.so"], rpath="$ORIGIN", code=X86_64_EXIT_0))
    program.chmod(0o755)

    listed = subprocess.run([GLIBC, "--list", program], check=True, capture_output=True, text=True).stdout

    names = [line.split()[:3] for line in listed.splitlines() if "=>" in line]
    assert names == [[name, "=>", f"{tmp_path}/{name}"] for name in ("libouter.so", "libinner.so")]
    assert subprocess.run([program], check=False).returncode == 0


@WITH_GLIBC
@pytest.mark.parametrize(
    "library",
    [
        NEEDS_LIBM,
        with_segment(NEEDS_LIBM, PT_DYNAMIC, p_offset=1 << 20),
        with_segment(NEEDS_LIBM, PT_DYNAMIC, p_filesz=16, p_memsz=16),
        with_segment(NEEDS_LIBM, PT_LOAD, p_filesz=16, p_memsz=16),
        with_segment(NEEDS_LIBM, PT_LOAD, p_filesz=0, p_memsz=1),
        with_header(NEEDS_LIBM, e_shoff=1 << 50, e_shnum=0xFFFF, e_shstrndx=0xFFFF),
    ],
    ids=["as made", "wrong offset", "short dynamic", "rest of the page", "zeros", "section headers"],
)
def test_the_loader_of_glibc_reads_the_same_needed_names(library: bytes, tmp_path: Path) -> None:
    path = tmp_path / "library.so"
    path.write_bytes(library)

    command = [GLIBC, "--preload", str(path), "--list", "/bin/true"]
    listed = subprocess.run(command, check=True, capture_output=True, text=True).stdout

    assert str(path) in listed
    assert ("libm.so.6" in listed) == (read_path(str(path)).needed == ("libm.so.6",))
