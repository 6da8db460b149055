"""What strip must not change is compared byte by byte, and each strip has its time."""

import os
import subprocess
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

from magicpak.bundle.entry import Copy
from magicpak.bundle.path import BundlePath
from magicpak.bundle.plan import Because, BundlePlan, Item
from magicpak.collect.strip import StripRefusal, StripTool, strip, to_strip
from magicpak.elf.facts import ElfTarget
from magicpak.elf.strippable import strippable
from magicpak.elf.stripped import difference
from magicpak.errors import ToolFailed
from magicpak.files.host import Host
from support.elf_files import I386, PPC, S390X, X86_64, header, make_elf, program_header
from support.run_magicpak import compiled, executable

HELLO = "int main() { return 0; }\n"
HEADER, PROGRAM_HEADERS, LOADED = (
    "its ELF header has changed",
    "its program headers have changed",
    "what is loaded of it has changed",
)


def plan_of(*paths: Path) -> BundlePlan:
    host = Host()
    items = []
    for path in paths:
        entry = host.file_entry(str(path), path.stat())
        assert entry is not None
        items.append(Item(BundlePath(f"/{path.name}"), entry, Because("test")))
    return BundlePlan({item.path: item for item in items})


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


@pytest.mark.parametrize("kind", [X86_64, I386, S390X, PPC], ids=["64", "32", "64 big", "32 big"])
def test_no_byte_changes_but_those_that_say_where_something_is_in_the_file(kind: ElfTarget, tmp_path: Path) -> None:
    data = make_elf(kind=kind, needed=["libx.so"], code=b"code of the program")
    original, other = executable(tmp_path / "original", data), tmp_path / "other"
    head, first = header(kind), program_header(kind)
    expected: dict[int, str | None] = {
        **dict.fromkeys((18, 20, 24), HEADER),  # e_machine, e_version, e_entry
        head.size - 6: None,  # e_shentsize
        head.size: PROGRAM_HEADERS,  # p_type
        head.size + first.size - 1: PROGRAM_HEADERS,  # p_align
        data.index(b"code of the program"): LOADED,
        data.index(b"libx.so"): LOADED,
    }
    found = {}
    for at in expected:
        other.write_bytes(flipped(data, at))
        found[at] = difference(str(original), str(other))
    assert found == expected


@pytest.mark.needs("compiler", "strip")
def test_a_byte_counts_unless_it_is_of_what_is_removed(tmp_path: Path) -> None:
    program = compiled(tmp_path / "hello", HELLO, "-g")
    stripped = tmp_path / "stripped"
    subprocess.run(["strip", "-o", stripped, program], check=True)
    assert difference(str(program), str(stripped)) is None
    with program.open("rb") as file:
        places = {
            section.name: section["sh_offset"]
            for section in ELFFile(file).iter_sections()
            if section["sh_size"] and section["sh_type"] != "SHT_NOBITS"
        }
    data = program.read_bytes()
    unnoticed = set()
    for name, at in places.items():
        program.write_bytes(flipped(data, at))
        if difference(str(program), str(stripped)) is None:
            unnoticed.add(name)
    debug = {name for name in places if name.startswith(".debug")}
    assert debug
    assert unnoticed - debug == {".comment", ".shstrtab", ".strtab", ".symtab"}
    assert debug <= unnoticed


@pytest.mark.needs("compiler", "strip")
def test_a_section_of_another_kind_that_is_gone_counts(tmp_path: Path) -> None:
    program = compiled(tmp_path / "hello", HELLO, "-g")
    less = tmp_path / "less"
    subprocess.run(["strip", "--remove-section=.comment", "-o", less, program], check=True)
    assert difference(str(program), str(less)) == "its section .comment has changed or is gone"


@pytest.mark.needs("compiler")
def test_one_strip_that_hangs_ends_the_run_and_all_others(tmp_path: Path) -> None:
    programs = [compiled(tmp_path / f"{number}", HELLO, "-g") for number in range(4)]
    tool = executable(tmp_path / "hanging", b"#!/bin/sh\nexec sleep 60\n")
    (tmp_path / "private").mkdir()
    stripping = strip(list(to_strip(plan_of(*programs))), StripTool(str(tool), 0.2), str(tmp_path / "private"))
    with pytest.raises(ToolFailed, match=r"hanging did not finish within 0\.2 seconds"):
        list(stripping)
    running = subprocess.run(["pgrep", "-f", f"{tmp_path}/private"], capture_output=True, check=False).stdout
    assert running == b""


@pytest.mark.needs("compiler", "strip")
def test_many_are_stripped_each_with_its_own_result(tmp_path: Path) -> None:
    programs = [compiled(tmp_path / f"p{number}", f"int a[{number + 1}];\n{HELLO}", "-g") for number in range(5)]
    executable(programs[2], programs[2].read_bytes() + b"data")
    (tmp_path / "private").mkdir()
    results = dict(strip(list(to_strip(plan_of(*programs))), StripTool(), str(tmp_path / "private")))
    by_path = {str(each.path): result for each, result in results.items()}
    assert sorted(by_path) == ["/p0", "/p1", "/p2", "/p3", "/p4"]
    assert isinstance(by_path["/p2"], StripRefusal)
    for program in programs[:2] + programs[3:]:
        result = by_path[f"/{program.name}"]
        assert isinstance(result, Copy)
        assert (difference(str(program), result.source), result.extended) == (None, str(program))
        assert result.size + result.stripped == program.stat().st_size
    kept = {Path(each.source).name for each in by_path.values() if isinstance(each, Copy)}
    assert {path.name for path in (tmp_path / "private").iterdir()} == kept


@pytest.mark.needs("compiler")
def test_a_file_with_huge_holes_is_left_alone(tmp_path: Path) -> None:
    program = compiled(tmp_path / "hello", HELLO, "-g")
    assert [each.path for each in to_strip(plan_of(program))] == ["/hello"]
    os.truncate(program, 1 << 33)
    assert list(to_strip(plan_of(program))) == []


@pytest.mark.needs("compiler", "strip")
def test_what_can_go_is_known_before_a_strip_is_run(tmp_path: Path) -> None:
    program = compiled(tmp_path / "hello", HELLO, "-g")
    what = strippable(str(program))
    assert what is not None
    assert (what.debug > 100 < what.symbols, what.kept, what.has_data) == (True, (), False)
    subprocess.run(["strip", "--strip-debug", program], check=True)
    less = strippable(str(program))
    assert less is not None
    assert (less.debug, less.symbols > 100) == (0, True)
    subprocess.run(["strip", program], check=True)
    assert strippable(str(program)) is None
    script = executable(tmp_path / "script", b"#!/bin/sh\n")
    assert [strippable(str(path)) for path in (script, executable(tmp_path / "empty", b""))] == [None, None]
    compiled(program, f'__asm__(".section .debug_scripts,\\"a\\"; .long 1; .text");\n{HELLO}', "-g")
    what = strippable(str(program))
    assert what is not None
    assert (what.kept, what.has_data) == ((".debug_scripts",), False)
