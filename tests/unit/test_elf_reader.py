"""The ELF reader on files made by hand: what it reads, what it refuses, and that nothing makes it read much."""

import os
import socket
import struct
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from magicpak.bundle.entry import Attributes, Copy
from magicpak.bundle.path import BundlePath
from magicpak.bundle.plan import Because, BundlePlan, Item
from magicpak.elf import symbols, versions
from magicpak.elf.cache import ElfCache
from magicpak.elf.facts import Dependency, DependencyKind, ElfFacts, ElfTarget, FileType, VersionNeeded, Versions
from magicpak.elf.image import PAGE, ElfBytes, MappedImage, Segment
from magicpak.elf.reader import ElfError, ElfErrorKind, read_facts, read_path
from magicpak.elf.symbols import Symbols, read_symbols
from magicpak.files.directory import DirectoryView
from magicpak.files.view import FileView, HostView, read_file, read_host_file
from magicpak.verify.plan_view import PlanView
from support.elf_files import (
    AARCH64,
    BIG_PAGE,
    DT_AUDIT,
    DT_DEPAUDIT,
    DT_FILTER,
    DT_FLAGS_1,
    DT_HASH,
    DT_NEEDED,
    DT_RUNPATH,
    DT_SONAME,
    DT_STRSZ,
    DT_STRTAB,
    DT_SYMTAB,
    I386,
    PPC,
    PT_DYNAMIC,
    PT_GNU_STACK,
    PT_INTERP,
    PT_LOAD,
    S390X,
    X86_64,
    make_elf,
    segments_of,
    with_header,
    with_segment,
)

LIBRARY = make_elf(needed=["libone.so.1", "libtwo.so.2"], soname="libthree.so.3", runpath="$ORIGIN/../lib")
LIBRARY_FACTS = ElfFacts(
    X86_64,
    FileType.DYN,
    flags=0,
    entry=0,
    is_dynamic=True,
    dependencies=(Dependency(DependencyKind.NEEDED, "libone.so.1"), Dependency(DependencyKind.NEEDED, "libtwo.so.2")),
    soname="libthree.so.3",
    runpath="$ORIGIN/../lib",
)
PROGRAM = make_elf(type=FileType.EXEC, interpreter="/lib/ld.so", needed=["libc.so.6"], code=b"\xc3")
DT_VERNEED, DT_VERDEF, DT_GNU_HASH = 0x6FFFFFFE, 0x6FFFFFFC, 0x6FFFFEF5
READ_AT_MOST = 17 << 20  # bytes, of whatever file


@contextmanager
def opened(data: bytes) -> Iterator[int]:
    with tempfile.TemporaryFile(buffering=0) as file:
        file.write(data)
        yield file.fileno()


def facts_of(data: bytes) -> ElfFacts:
    with opened(data) as descriptor:
        return read_facts(descriptor)


def refusal_of(data: bytes) -> tuple[str, ElfErrorKind]:
    with pytest.raises(ElfError) as caught:
        facts_of(data)
    assert str(caught.value) == caught.value.why
    return caught.value.why, caught.value.kind


def malformed(why: str) -> tuple[str, ElfErrorKind]:
    return why, ElfErrorKind.MALFORMED


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes asked of pread, as they come."""
    sizes: list[int] = []
    pread = os.pread

    def counting(descriptor: int, size: int, offset: int) -> bytes:
        sizes.append(size)
        return pread(descriptor, size, offset)

    monkeypatch.setattr(os, "pread", counting)
    return sizes


@pytest.mark.parametrize("kind", [X86_64, I386, AARCH64, S390X, PPC, ElfTarget(32, little=True, machine=62)], ids=str)
@pytest.mark.parametrize("file_type", [FileType.EXEC, FileType.DYN])
def test_every_fact_is_read_in_each_class_and_byte_order(kind: ElfTarget, file_type: FileType) -> None:
    elf = make_elf(
        kind=kind,
        type=file_type,
        flags=0x70000001,
        entry=0x1234,
        interpreter="/lib/ld.so",
        needed=["libz.so", "liba.so", "libz.so"],
        soname="libme.so.1",
        rpath="/rpath",
        runpath="/runpath:$ORIGIN",
        flags_1=0x08000800,
        auxiliary=["libaux1.so", "libaux2.so"],
        filter=["libfilter2.so", "libfilter1.so"],
        first=[(DT_FILTER, "libfirst.so")],
        more=[(DT_NEEDED, "liblast.so"), (DT_DEPAUDIT, "/later.so"), (DT_AUDIT, "libx.so::$ORIGIN/liby.so:")],
    )

    assert facts_of(elf) == ElfFacts(
        kind,
        file_type,
        flags=0x70000001,
        entry=0x1234,
        interpreter="/lib/ld.so",
        is_dynamic=True,
        dependencies=(
            Dependency(DependencyKind.FILTER, "libfirst.so"),
            *(Dependency(DependencyKind.NEEDED, name) for name in ("libz.so", "liba.so", "libz.so")),
            *(Dependency(DependencyKind.AUXILIARY, name) for name in ("libaux1.so", "libaux2.so")),
            *(Dependency(DependencyKind.FILTER, name) for name in ("libfilter2.so", "libfilter1.so")),
            Dependency(DependencyKind.NEEDED, "liblast.so"),
        ),
        soname="libme.so.1",
        rpath="/rpath",
        runpath="/runpath:$ORIGIN",
        flags_1=0x08000800,
        audit=("libx.so", "$ORIGIN/liby.so", "/later.so"),
    )


def test_a_static_program_has_neither_interpreter_nor_dynamic_section() -> None:
    elf = make_elf(type=FileType.EXEC, dynamic=False, entry=0x401000)

    assert facts_of(elf) == ElfFacts(X86_64, FileType.EXEC, flags=0, entry=0x401000)


def test_an_empty_name_is_not_an_absent_one() -> None:
    facts = facts_of(make_elf(soname="", rpath="", runpath=""))

    assert (facts.soname, facts.rpath, facts.runpath) == ("", "", "")


def test_names_that_are_not_utf_8_are_read_as_file_names_are() -> None:
    facts = facts_of(make_elf(needed=[b"lib\xff.so"], interpreter=b"/\xe9/ld.so"))

    assert facts.needed == (os.fsdecode(b"lib\xff.so"),)
    assert facts.interpreter == os.fsdecode(b"/\xe9/ld.so")


def test_the_position_of_the_descriptor_stays() -> None:
    with opened(LIBRARY) as descriptor:
        os.lseek(descriptor, 7, os.SEEK_SET)
        read_facts(descriptor)

        assert os.lseek(descriptor, 0, os.SEEK_CUR) == 7


@pytest.mark.parametrize("e_shoff", [0, 64, 1 << 40, (1 << 64) - 1])
def test_section_headers_may_be_anything(e_shoff: int) -> None:
    elf = with_header(LIBRARY, e_shoff=e_shoff, e_shnum=0xFFFF, e_shentsize=3, e_shstrndx=0xFFFF)

    assert facts_of(elf) == LIBRARY_FACTS


def test_the_dynamic_section_is_found_by_its_address_and_not_by_its_offset() -> None:
    assert facts_of(with_segment(LIBRARY, PT_DYNAMIC, p_offset=1 << 50)) == LIBRARY_FACTS


def test_the_dynamic_section_ends_with_dt_null_and_not_with_its_size() -> None:
    assert facts_of(with_segment(LIBRARY, PT_DYNAMIC, p_filesz=16, p_memsz=16)) == LIBRARY_FACTS


def test_a_segment_is_mapped_in_whole_pages() -> None:
    assert facts_of(with_segment(LIBRARY, PT_LOAD, p_filesz=16, p_memsz=16)) == LIBRARY_FACTS


def test_after_its_part_of_the_file_a_segment_is_zeros() -> None:
    nothing = with_segment(LIBRARY, PT_LOAD, p_filesz=0, p_memsz=1)
    one_entry = with_segment(LIBRARY, PT_LOAD, p_filesz=16, p_memsz=1 << 40)

    assert facts_of(nothing) == ElfFacts(X86_64, FileType.DYN, flags=0, entry=0, is_dynamic=True)
    assert refusal_of(one_entry) == malformed("has a dynamic section but no string table")


def test_a_later_segment_covers_an_earlier_one() -> None:
    overlapping = {"p_type": PT_LOAD, "p_vaddr": BIG_PAGE, "p_filesz": 4096, "p_memsz": 4096}

    assert facts_of(with_segment(LIBRARY, PT_GNU_STACK, X86_64, **overlapping)) == LIBRARY_FACTS


def test_the_last_dynamic_segment_that_is_not_empty_counts() -> None:
    wrong = with_segment(LIBRARY, PT_GNU_STACK, p_type=PT_DYNAMIC, p_vaddr=0x40, p_filesz=64, p_memsz=64)
    real = segments_of(LIBRARY)[-1]
    followed_by_empty = with_segment(
        with_segment(LIBRARY, PT_DYNAMIC, p_filesz=0),
        PT_GNU_STACK,
        X86_64,
        **{**real, "p_type": PT_DYNAMIC},
    )

    assert facts_of(wrong) == LIBRARY_FACTS
    assert facts_of(followed_by_empty) == LIBRARY_FACTS


def test_the_empty_dynamic_segment_of_a_debug_file_is_none() -> None:
    assert facts_of(with_segment(LIBRARY, PT_DYNAMIC, p_filesz=0)) == ElfFacts(X86_64, FileType.DYN, flags=0, entry=0)


def test_the_first_interpreter_counts() -> None:
    second = with_segment(PROGRAM, PT_GNU_STACK, p_type=PT_INTERP, p_offset=0, p_filesz=9)

    assert facts_of(second) == facts_of(PROGRAM)


def test_the_last_of_a_single_tag_counts() -> None:
    elf = make_elf(
        soname="first",
        runpath="/first",
        flags_1=1,
        more=[(DT_SONAME, 1 << 60), (DT_RUNPATH, "/second"), (DT_SONAME, "second"), (DT_FLAGS_1, 8)],
    )

    expected = ElfFacts(
        X86_64, FileType.DYN, flags=0, entry=0, is_dynamic=True, soname="second", runpath="/second", flags_1=8
    )
    assert facts_of(elf) == expected


@pytest.mark.parametrize("file_type", [FileType.NONE, FileType.REL, FileType.CORE, 0xFE00])
def test_of_a_type_that_nothing_loads_only_the_header_is_read(file_type: int) -> None:
    elf = with_header(LIBRARY, e_type=file_type, e_phnum=0xFFFF, e_phentsize=0)

    assert facts_of(elf) == ElfFacts(X86_64, file_type, flags=0, entry=0)


def test_a_file_without_program_headers_has_its_header() -> None:
    assert facts_of(with_header(LIBRARY, e_phnum=0)) == ElfFacts(X86_64, FileType.DYN, flags=0, entry=0)


@pytest.mark.parametrize(
    ("data", "why", "script"),
    [
        (b"", "is empty", None),
        (b"\x7fEL", "is not an ELF file", None),
        (b"hello\n", "is not an ELF file", None),
        (b"MZ" + bytes(5000), "is not an ELF file", None),
        (b"#!/bin/sh\necho\n", "is a script (it begins with #!/bin/sh)", "/bin/sh"),
        (b"#! /bin/env -S a \r\n", "is a script (it begins with #!/bin/env -S a)", "/bin/env -S a"),
        (b"#!", "is a script (it begins with #!)", ""),
        (b"#!/\x1b[31m\xff", "is a script (it begins with #!/\\x1b[31m\\xff)", "/\x1b[31m\udcff"),
        (b"#!" + b"a" * 9999, f"is a script (it begins with #!{'a' * 254})", "a" * 254),
    ],
)
def test_the_error_says_what_a_file_is_that_is_not_elf(data: bytes, why: str, script: str | None) -> None:
    with pytest.raises(ElfError) as caught:
        facts_of(data)

    assert (caught.value.why, caught.value.kind, caught.value.script) == (why, ElfErrorKind.NOT_ELF, script)


def test_a_file_of_the_magic_only_is_truncated() -> None:
    assert refusal_of(b"\x7fELF") == malformed("is truncated: it should have at least 16 bytes")


@pytest.mark.parametrize("ident", [b"\x00\x01", b"\x03\x01", b"\x02\x00", b"\x02\x03"])
def test_an_unknown_class_or_byte_order_is_refused(ident: bytes) -> None:
    why = f"has an invalid ELF header (class {ident[0]}, byte order {ident[1]})"

    assert refusal_of(LIBRARY[:4] + ident + LIBRARY[6:]) == malformed(why)


@pytest.mark.parametrize("elf", [LIBRARY, PROGRAM, make_elf(kind=PPC, interpreter="/ld", needed=["lib"])])
def test_a_file_cut_anywhere_never_passes_for_one_that_needs_less(elf: bytes) -> None:
    for length in range(4, len(elf)):
        why, kind = refusal_of(elf[:length])
        assert why.startswith("is truncated: it should have at least "), length
        assert kind is ElfErrorKind.MALFORMED


@pytest.mark.parametrize(
    ("elf", "why"),
    [
        (with_header(LIBRARY, e_phnum=0xFFFF), "has 65535 program headers, more than the kernel accepts"),
        (with_header(LIBRARY, e_phentsize=32), "has program headers of 32 bytes each, not 56"),
        (
            with_header(LIBRARY, e_phoff=(1 << 64) - 1),
            f"is truncated: it should have at least {(1 << 64) - 1 + 4 * 56} bytes",
        ),
        (
            with_segment(PROGRAM, PT_INTERP, p_filesz=2 << 30),
            "has an interpreter path of 2147483648 bytes, which the kernel rejects",
        ),
        (
            with_segment(PROGRAM, PT_INTERP, p_filesz=1),
            "has an interpreter path of 1 byte, which the kernel rejects",
        ),
        (
            with_segment(PROGRAM, PT_INTERP, p_filesz=4),
            "has an unterminated interpreter path, which the kernel rejects",
        ),
        (
            with_segment(PROGRAM, PT_INTERP, p_offset=1 << 63),
            f"is truncated: it should have at least {(1 << 63) + 11} bytes",
        ),
        (
            with_segment(LIBRARY, PT_DYNAMIC, p_vaddr=1 << 63),
            "refers to address 0x8000000000000000, outside all its segments",
        ),
        (
            with_segment(LIBRARY, PT_LOAD, p_offset=1 << 45),
            f"is truncated: it should have at least {(1 << 45) + 16} bytes",
        ),
        (
            make_elf(more=[(DT_STRTAB, 0x100), (DT_SONAME, 1 << 62)]),
            "refers to address 0x4000000000000100, outside all its segments",
        ),
        (
            make_elf(needed=["lib"], more=[(DT_STRTAB, 0xDEAD0000)]),
            "refers to address 0xdead0001, outside all its segments",
        ),
        (make_elf(more=[(21, 0)] * 70000), "has an unterminated dynamic section"),
        (make_elf(soname="x" * 65536), "has names in its dynamic section that are too long"),
        (
            make_elf(soname="x" * 65000, more=[(DT_NEEDED, each) for each in range(1, 60000)]),
            "has names in its dynamic section that are too long",
        ),
        (
            make_elf(needed=[f"{number:04101}" for number in range(4200)]),
            "has names in its dynamic section that are too long",
        ),
    ],
    ids=range(15),
)
def test_a_hostile_file_is_refused_after_few_bytes(elf: bytes, why: str, reads: list[int]) -> None:
    assert refusal_of(elf) == malformed(why)
    assert sum(reads) < READ_AT_MOST


@settings(max_examples=300, database=None)
@given(st.lists(st.tuples(st.integers(0, len(PROGRAM) - 1), st.integers(0, 255)), min_size=1, max_size=12))
def test_flipped_bytes_give_facts_or_a_refusal(flips: list[tuple[int, int]]) -> None:
    damaged = bytearray(PROGRAM)
    for position, byte in flips:
        damaged[position] = byte

    assert answers(bytes(damaged))


NUMBERS = st.sampled_from([0, 1, 15, 16, 4095, 4096, BIG_PAGE, 1 << 32, 1 << 63, (1 << 64) - 1]) | st.integers(0, 1024)


@settings(max_examples=300, database=None)
@given(
    st.sampled_from([PT_LOAD, PT_DYNAMIC, PT_INTERP, PT_GNU_STACK]),
    st.fixed_dictionaries(
        {},
        optional={
            "p_type": st.integers(0, 3),
            **dict.fromkeys(("p_offset", "p_vaddr", "p_filesz", "p_memsz"), NUMBERS),
        },
    ),
)
def test_damaged_program_headers_give_facts_or_a_refusal(segment_type: int, fields: dict[str, int]) -> None:
    assert answers(with_segment(PROGRAM, segment_type, X86_64, **fields))


@settings(max_examples=300, database=None)
@given(st.lists(st.tuples(st.sampled_from([1, 5, 14, 15, 29, 0x6FFFFFFB, 0x7FFFFFFD, 0x7FFFFFFF]), NUMBERS)))
def test_damaged_dynamic_sections_give_facts_or_a_refusal(entries: list[tuple[int, int]]) -> None:
    assert answers(make_elf(needed=["libc.so.6"], more=entries))


@settings(max_examples=200, database=None)
@given(
    st.sampled_from([b"", b"\x7fELF", b"\x7fELF\x02\x01", b"\x7fELF\x01\x02\x01\x00", b"#!"]), st.binary(max_size=200)
)
def test_any_bytes_give_facts_or_a_refusal(start: bytes, rest: bytes) -> None:
    assert answers(start + rest)


def answers(data: bytes) -> bool:
    """Whether the reader gives facts, or a refusal in words of one printable line; any other exception passes."""
    try:
        return isinstance(facts_of(data), ElfFacts)
    except ElfError as refusal:
        return refusal.why.isprintable() and refusal.why == str(refusal)


def test_of_a_file_with_a_huge_hole_only_what_is_asked_for_is_read(tmp_path: Path, reads: list[int]) -> None:
    path = tmp_path / "hole"
    path.write_bytes(with_segment(LIBRARY, PT_LOAD, p_offset=1 << 32))
    os.truncate(path, 5 << 30)
    (tmp_path / "nothing").touch()
    os.truncate(tmp_path / "nothing", 5 << 30)

    assert read_path(str(path)) == ElfFacts(X86_64, FileType.DYN, flags=0, entry=0, is_dynamic=True)
    with pytest.raises(ElfError, match=r"^is not an ELF file$"):
        read_path(str(tmp_path / "nothing"))
    assert sum(reads) <= 4 * 4096


def test_a_usual_library_takes_three_reads(reads: list[int]) -> None:
    facts_of(LIBRARY)

    assert len(reads) == 3
    assert max(reads) == 4096


def test_a_path_is_read_through_links(tmp_path: Path) -> None:
    (tmp_path / "library").write_bytes(LIBRARY)
    (tmp_path / "link").symlink_to("library")

    assert read_path(str(tmp_path / "link")) == LIBRARY_FACTS


def test_what_is_no_regular_file_is_named_and_never_read(tmp_path: Path, reads: list[int]) -> None:
    os.mkfifo(tmp_path / "fifo")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
        paths = [str(tmp_path), str(tmp_path / "fifo"), str(tmp_path / "socket"), "/dev/zero"]
        refusals = []
        for path in paths:
            with pytest.raises(ElfError) as caught:
                read_path(path)
            refusals.append((caught.value.why, caught.value.kind))

    names = ["a directory", "a named pipe", "a socket", "a character device"]
    assert refusals == [(f"is {name}", ElfErrorKind.NOT_ELF) for name in names]
    assert reads == []


def test_in_every_view_a_pipe_or_device_is_looked_at_and_not_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To open it could wake who waits for a reader, allocate a terminal, or rewind a tape."""
    os.mkfifo(tmp_path / "fifo")
    flags: list[int] = []
    original = os.open

    def spied(path: str, flag: int, *rest: int) -> int:
        flags.append(flag)
        return original(path, flag, *rest)

    monkeypatch.setattr(os, "open", spied)
    attributes = Attributes(0o644, 0, 0)
    copies = [Copy("/dev/ptmx", 0, (0, 0), attributes), Copy(str(tmp_path / "fifo"), 0, (0, 1), attributes)]
    plan = BundlePlan().adding(Item(BundlePath(f"/{n}"), each, Because("")) for n, each in enumerate(copies))
    places: list[tuple[FileView, str]] = [
        (HostView(), "/dev/ptmx"),
        (HostView(), str(tmp_path / "fifo")),
        (DirectoryView(str(tmp_path)), "/fifo"),
    ]
    for view, path in (*places, (PlanView(plan), "/0"), (PlanView(plan), "/1")):
        with pytest.raises(ElfError, match=r"is a (named pipe|character device)"):
            ElfCache(view).get(path)
        with pytest.raises(OSError, match="not a regular file"):
            read_file(view, path, 1)
    assert [flag & os.O_PATH for flag in flags] == [os.O_PATH] * 10


def test_what_takes_the_place_of_a_file_before_it_is_opened_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(tmp_path / "fifo")
    before = os.stat(__file__)
    monkeypatch.setattr(os, "stat", lambda *_, **__: before)
    with pytest.raises(OSError, match="not a regular file"):
        read_host_file(str(tmp_path / "fifo"), 1)


def test_a_file_that_cannot_be_opened_keeps_the_reason_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_path(str(tmp_path / "missing"))


def test_no_descriptor_stays_open(tmp_path: Path) -> None:
    (tmp_path / "good").write_bytes(LIBRARY)
    (tmp_path / "bad").write_bytes(LIBRARY[:20])
    before = os.listdir("/proc/self/fd")
    read_path(str(tmp_path / "good"))
    with pytest.raises(ElfError):
        read_path(str(tmp_path / "bad"))

    assert os.listdir("/proc/self/fd") == before


def with_code(code: bytes, **tags: tuple[int, int]) -> bytes:
    """Return a library with `code`; of each of `tags` the value is a distance from its start."""
    (start,) = struct.unpack_from("<Q", make_elf(code=b"\xc3"), 24)
    return make_elf(code=code, more=[(tag, start + distance) for tag, distance in tags.values()])


def with_needed_versions(files: int, each: int, names: int) -> bytes:
    """Return a library that needs versions of `files` files: one chain of `each` of them, for all files.

    The name of the first is a string of `names` characters, that of each other the end of it.
    """
    chain = b"".join(struct.pack("<4xH2xII", 0, min(number, names), 16) for number in range(each - 1))
    chain += struct.pack("<4xH2xII", 0, min(each, names), 0)
    heads = [
        struct.pack("<2xHIII", each, names, 16 * (files - number), 16 * (number + 1 < files)) for number in range(files)
    ]
    strings = b"v" * names + b"\0"
    code = b"".join(heads) + chain + strings
    return with_code(code, needed=(DT_VERNEED, 0), strings=(DT_STRTAB, len(code) - len(strings)))


def test_needed_versions_are_read_by_their_records() -> None:
    assert facts_of(with_needed_versions(2, 2, 3)).versions == Versions(
        (VersionNeeded("", "vvv", weak=False), VersionNeeded("", "v", weak=False)) * 2
    )


def test_records_of_versions_that_share_a_chain_are_no_more_than_a_linker_can_number() -> None:
    fewer = facts_of(with_needed_versions(200, 300, 1))
    assert len(fewer.versions.needed) == 200 * 300
    assert facts_of(with_needed_versions(300, 300, 1)) == fewer._replace(versions=Versions())


def test_defined_versions_are_no_more_than_a_linker_can_number() -> None:
    records = [struct.pack("<12xII", 0, 20)] * versions.MAX_RECORDS
    assert facts_of(with_code(b"".join(records) + bytes(20), defined=(DT_VERDEF, 0), strings=(DT_STRTAB, 0))).versions
    more = with_code(b"".join(records * 2) + bytes(20), defined=(DT_VERDEF, 0), strings=(DT_STRTAB, 0))
    assert facts_of(more).versions == Versions()


def test_names_of_versions_that_overlap_do_not_take_much_memory() -> None:
    assert facts_of(with_needed_versions(1, 2000, 4000)).versions == Versions()


def of_symbols(count: int, names: bytes) -> bytes:
    """Return a library with `count` undefined symbols, the names of which begin at the bytes of `names` in turn."""
    table = b"".join(struct.pack("<IBBHQQ", number, 0x10, 0, 0, 0, 0) for number in range(count))
    hashes = struct.pack("<II", 0, count)
    code = table + hashes + names
    elf = with_code(
        code, table=(DT_SYMTAB, 0), hashes=(DT_HASH, len(table)), names=(DT_STRTAB, len(table) + len(hashes))
    )
    sized = struct.pack("<QQ", DT_STRSZ, len(names))
    at = elf.index(struct.pack("<Q", DT_STRSZ), elf.index(code) + len(code))
    return elf[:at] + sized + elf[at + len(sized) :]


def symbols_of(data: bytes) -> Symbols:
    with opened(data) as descriptor:
        return read_symbols(descriptor)


def test_names_of_symbols_that_overlap_do_not_take_much_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    assert symbols_of(of_symbols(4, b"abc\0")).needed == {b"abc", b"bc", b"c"}
    assert symbols_of(of_symbols(4, b"abcd")).needed == {b"abcd", b"bcd", b"cd", b"d"}
    monkeypatch.setattr(symbols, "MAX_NAMES", 5)
    with pytest.raises(ElfError, match=r"^has names of symbols that are too long$"):
        symbols_of(of_symbols(4, b"abc\0"))


def test_a_hash_chain_without_an_end_is_read_in_few_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    read = MappedImage.read

    def counting(self: MappedImage, address: int, minimum: int, maximum: int) -> bytes:
        calls.append(address)
        return read(self, address, minimum, maximum)

    monkeypatch.setattr(MappedImage, "read", counting)
    one_bucket = struct.pack("<IIIII", 1, 0, 0, 0, 1 << 16)
    elf = with_code(one_bucket, table=(DT_SYMTAB, 0), names=(DT_STRTAB, 0), hashes=(DT_GNU_HASH, 0))
    at = elf.index(struct.pack("<Q", DT_HASH), elf.index(one_bucket) + 1)
    elf = elf[:at] + struct.pack("<Q", 21) + elf[at + 8 :]  # DT_DEBUG, so that only GNU's table is left
    with pytest.raises(ElfError, match=r"^has \d+ symbols, more than the supported 4194304$"):
        symbols_of(with_segment(elf, PT_LOAD, p_memsz=1 << 40))
    assert len(calls) < 1000


def mapped_plainly(segments: list[Segment], address: int, minimum: int) -> int | None:
    """Return which of `segments` has the bytes, by their definition: the last that has all of them."""
    for number, each in reversed(list(enumerate(segments))):
        end = -(-(each.address + max(each.file_size, each.memory_size)) // PAGE) * PAGE
        if each.address - each.address % PAGE <= address and address + minimum <= end:
            return number
    return None


PLACES = st.sampled_from([0, 1, PAGE - 8, PAGE, PAGE + 8, 2 * PAGE, 3 * PAGE - 1, 4 * PAGE])


@settings(max_examples=300, database=None)
@given(st.lists(st.tuples(PLACES, PLACES), max_size=8), st.lists(st.tuples(PLACES, st.sampled_from([1, 8, 16, PAGE]))))
def test_many_segments_are_mapped_as_the_last_of_them_says(
    places: list[tuple[int, int]], reads_of: list[tuple[int, int]]
) -> None:
    segments = [Segment(PT_LOAD, number << 16, address, size, size) for number, (address, size) in enumerate(places)]
    with opened(b"".join(bytes([number]) * (1 << 16) for number in range(len(segments) + 1))) as descriptor:
        memory = MappedImage(ElfBytes(descriptor), [each._replace(offset=each.offset + PAGE) for each in segments])
        for address, minimum in reads_of:
            number = mapped_plainly(segments, address, minimum)
            if number is None:
                with pytest.raises(ElfError):
                    memory.read(address, minimum, minimum)
            else:
                assert memory.read(address, minimum, minimum) == bytes([number]) * minimum


def test_of_many_segments_at_one_address_few_are_looked_at(reads: list[int]) -> None:
    with opened(LIBRARY) as descriptor:
        segments = [Segment(PT_LOAD, 0, PAGE, size, size) for size in range(1, 1000)]
        memory = MappedImage(ElfBytes(descriptor), [Segment(PT_LOAD, 0, 0, 1 << 20, 1 << 20), *segments])
        assert len(memory._mappings(PAGE)) == 2
        assert memory._mappings(PAGE + 8) is memory._mappings(PAGE + 16)
    assert reads
