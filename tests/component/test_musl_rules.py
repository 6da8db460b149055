"""Each rule by which musl's dynamic linker finds a library, held against the real one."""

import os
import subprocess
from pathlib import Path
from random import Random

import pytest

from magicpak.elf.cache import ElfCache, ElfFile
from magicpak.elf.facts import DF_1_PIE, FileType
from support.elf_files import I386, make_elf
from support.loader_oracle import (
    GLIBC,
    MUSL,
    LibraryTree,
    Listing,
    World,
    agreed_by_musl,
    found,
    inside,
    missing,
    resolved,
)
from support.random_trees import differences

pytestmark = pytest.mark.skipif(not os.path.exists(MUSL), reason=f"there is no {MUSL}: install musl")


@pytest.fixture
def tree(tmp_path: Path) -> LibraryTree:
    return LibraryTree(tmp_path, MUSL)


class MuslWorld(World):
    def __init__(self, root: Path, interpreter: str = MUSL) -> None:
        LibraryTree.__init__(self, root, interpreter)
        self.add(interpreter.lstrip("/"), Path(MUSL).read_bytes())

    def agreed(self, program: str, *, library_path: str | None = None) -> Listing:
        return inside(self.root, lambda: agreed_by_musl(program, library_path=library_path, loader=self.interpreter))


@pytest.fixture
def world(tmp_path: Path) -> MuslWorld:
    return MuslWorld(tmp_path)


@pytest.mark.needs("chroot")
class TestPathFile:
    def test_without_one_three_directories_are_searched(self, world: MuslWorld) -> None:
        world.program("app", needed=["liba.so"])
        for directory in ("usr/lib", "usr/local/lib", "lib"):
            world.library(f"{directory}/liba.so")
            assert world.agreed("/app") == found(("liba.so", f"/{directory}/liba.so"))

    @pytest.mark.parametrize("text", ["/one:/two", "/one\n/two\n", "\n:/nowhere\n\n:/one:::/two"])
    def test_it_replaces_them_with_its_own(self, world: MuslWorld, text: str) -> None:
        for path in ("lib/liba.so", "two/libb.so", "one/libc1.so", "two/libc1.so"):
            world.library(path)
        world.add("etc/ld-musl-x86_64.path", text.encode())
        world.program("app", needed=["liba.so", "libb.so", "libc1.so"])
        expected = Listing((("libb.so", "/two/libb.so"), ("libc1.so", "/one/libc1.so")), ("liba.so",))
        assert world.agreed("/app") == expected

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            (b"/one\0:/two", missing("liba.so")),
            (b"/two\0/one", found(("liba.so", "/two/liba.so"))),
            (bytes(5000), missing("liba.so")),
        ],
    )
    def test_a_null_character_ends_it(self, world: MuslWorld, text: bytes, expected: Listing) -> None:
        world.library("two/liba.so")
        world.add("etc/ld-musl-x86_64.path", text)
        world.program("app", needed=["liba.so"])
        assert world.agreed("/app") == expected

    def test_an_empty_one_means_nothing_is_searched(self, world: MuslWorld) -> None:
        world.library("lib/liba.so")
        world.add("etc/ld-musl-x86_64.path", b"")
        world.program("app", needed=["liba.so"])
        assert world.agreed("/app") == missing("liba.so")

    def test_one_that_cannot_be_read_means_nothing_is_searched(self, world: MuslWorld) -> None:
        world.library("lib/liba.so")
        world.link("etc/ld-musl-x86_64.path", "ld-musl-x86_64.path")
        world.program("app", needed=["liba.so"])
        assert world.agreed("/app") == missing("liba.so")

    def test_a_dangling_link_is_as_none(self, world: MuslWorld) -> None:
        world.library("lib/liba.so")
        world.link("etc/ld-musl-x86_64.path", "nowhere")
        world.program("app", needed=["liba.so"])
        assert world.agreed("/app") == found(("liba.so", "/lib/liba.so"))

    def test_it_stands_beside_the_loaders_own_directory(self, tmp_path: Path) -> None:
        world = MuslWorld(tmp_path, "/opt/musl/lib/ld.so")
        world.library("own/liba.so")
        world.library("other/liba.so")
        world.add("etc/ld-musl-x86_64.path", b"/other")
        world.program("app", needed=["liba.so"])
        assert world.agreed("/app") == missing("liba.so")
        world.add("opt/musl/etc/ld-musl-x86_64.path", b"/own")
        assert world.agreed("/app") == found(("liba.so", "/own/liba.so"))


class TestOrder:
    @pytest.mark.parametrize("tag", ["rpath", "runpath"])
    def test_ld_library_path_comes_before_either_path(self, tree: LibraryTree, tag: str) -> None:
        own, other = tree.library("own/liba.so"), tree.library("environment/liba.so")
        rpath, runpath = ("$ORIGIN/own", None) if tag == "rpath" else (None, "$ORIGIN/own")
        program = tree.program("app", needed=["liba.so"], rpath=rpath, runpath=runpath)
        assert agreed_by_musl(program) == found(("liba.so", own))
        assert agreed_by_musl(program, library_path=tree / "environment") == found(("liba.so", other))

    def test_ld_library_path_knows_no_semicolon_no_token_and_no_empty_element(
        self, tree: LibraryTree, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        tree.library("here/liba.so")
        path = tree.library("a;b/libb.so")
        program = tree.program("app", needed=["liba.so", "libb.so"])
        monkeypatch.chdir(tree / "here")
        library_path = f":$ORIGIN/here:{tree / 'a;b'}:"
        expected = Listing((("libb.so", path),), ("liba.so",))
        assert agreed_by_musl(program, library_path=library_path) == expected

    @pytest.mark.parametrize("tag", ["rpath", "runpath"])
    def test_either_path_is_inherited(self, tree: LibraryTree, tag: str) -> None:
        first, second = tree.library("lib/liba.so", needed=["libb.so"]), tree.library("lib/libb.so")
        rpath, runpath = ("$ORIGIN/lib", None) if tag == "rpath" else (None, "$ORIGIN/lib")
        program = tree.program("app", needed=["liba.so"], rpath=rpath, runpath=runpath)
        assert agreed_by_musl(program) == found(("liba.so", first), ("libb.so", second))

    def test_of_both_in_one_object_runpath_counts(self, tree: LibraryTree) -> None:
        tree.library("rpath/liba.so")
        path = tree.library("runpath/liba.so")
        program = tree.program("app", needed=["liba.so"], rpath="$ORIGIN/rpath", runpath="$ORIGIN/runpath")
        assert agreed_by_musl(program) == found(("liba.so", path))


class TestTokens:
    @pytest.mark.parametrize("unknown", ["$LIB", "${PLATFORM}", "$", "$FOO", "${ORIGIN"])
    def test_an_unknown_one_voids_the_whole_path(self, tree: LibraryTree, unknown: str) -> None:
        tree.library("lib/liba.so")
        program = tree.program("app", needed=["liba.so"], runpath=f"$ORIGIN/lib:/nowhere/{unknown}")
        assert agreed_by_musl(program) == missing("liba.so")

    def test_origin_needs_no_end(self, tree: LibraryTree) -> None:
        path = tree.library("lib-x/liba.so")
        tree.program("lib/app", needed=["liba.so"], runpath="$ORIGIN-x")
        tree.program("lib/app2", needed=["liba.so"], runpath="${ORIGIN}-x")
        assert agreed_by_musl(tree / "lib/app") == agreed_by_musl(tree / "lib/app2") == found(("liba.so", path))


class TestNames:
    def test_its_own_are_built_in(self, tree: LibraryTree) -> None:
        names = ["libc.so", "libc.so.6", "libpthread.so.0", "libm.so.6", "libdl.so", "librt.so.1", "libutil.so.1"]
        tree.library("lib/libm.so.6")
        assert agreed_by_musl(tree.program("app", needed=names, runpath="$ORIGIN/lib")) == Listing()

    def test_a_soname_is_no_name(self, tree: LibraryTree) -> None:
        first, second = tree.library("lib/liba.so", soname="libb.so"), tree.library("lib/libb.so")
        program = tree.program("app", needed=["liba.so", "libb.so"], runpath="$ORIGIN/lib")
        assert agreed_by_musl(program) == found(("liba.so", first), ("libb.so", second))

    def test_a_second_name_of_a_file_is_forgotten_after_the_search(self, tree: LibraryTree) -> None:
        """libb.so is liba.so for the program; but libc1.so, which searches elsewhere, finds another."""
        first = tree.library("lib/liba.so")
        os.link(first, tree / "lib/libb.so")
        third = tree.library("lib/libc1.so", needed=["libb.so"], runpath=tree / "own")
        other = tree.library("own/libb.so")
        program = tree.program("app", needed=["liba.so", "libb.so", "libc1.so"], runpath="$ORIGIN/lib")
        assert agreed_by_musl(program) == found(("liba.so", first), ("libc1.so", third), ("libb.so", other))

    def test_too_long_ones_are_not_found(self, tree: LibraryTree) -> None:
        deep = "/".join(["d" * 100] * 5)
        tree.library(f"{deep}/liba.so")
        name = "lib" + "x" * 260
        program = tree.program("app", needed=["liba.so", name], runpath=f"$ORIGIN/{deep}")
        assert agreed_by_musl(program) == missing("liba.so", name)

    def test_an_empty_one_is_missing(self, tree: LibraryTree) -> None:
        path = tree.library("lib/liba.so")
        program = tree.program("app", needed=["", "liba.so"], rpath="$ORIGIN/lib")
        assert agreed_by_musl(program) == Listing((("liba.so", path),), ("",))

    def test_filters_are_nothing_to_it(self, tree: LibraryTree) -> None:
        path = tree.library("lib/liba.so", filter=["libnowhere.so"], auxiliary=["libb.so"])
        tree.library("lib/libb.so")
        program = tree.program("app", needed=["liba.so"], runpath="$ORIGIN/lib")
        assert agreed_by_musl(program) == found(("liba.so", path))
        assert subprocess.run([program], check=False).returncode == 0


class TestFiles:
    @pytest.mark.parametrize(
        "data",
        [make_elf(kind=I386), b"", b"text\n" * 40, make_elf(type=FileType.REL), make_elf(dynamic=False)],
        ids=["i386", "empty", "text", "object", "debug"],
    )
    def test_what_is_no_library_stops_the_search(self, tree: LibraryTree, data: bytes) -> None:
        tree.add("first/liba.so", data)
        tree.library("second/liba.so")
        program = tree.program("app", needed=["liba.so"], runpath="$ORIGIN/first:$ORIGIN/second")
        assert agreed_by_musl(program) == missing("liba.so")

    def test_an_executable_is_a_library_like_any_other(self, tree: LibraryTree) -> None:
        path = tree.library("lib/liba.so", flags_1=DF_1_PIE)
        program = tree.program("app", needed=["liba.so"], runpath="$ORIGIN/lib")
        assert agreed_by_musl(program) == found(("liba.so", path))

    def test_a_directory_that_is_a_loop_of_links_ends_the_search_and_one_that_is_a_file_does_not(
        self, tree: LibraryTree
    ) -> None:
        path = tree.library("after/liba.so")
        tree.add("file", b"")
        tree.link("loop", "loop")
        program = tree.program(
            "app", needed=["liba.so"], runpath="$ORIGIN/file:$ORIGIN/none:$ORIGIN/after:$ORIGIN/loop"
        )
        assert agreed_by_musl(program) == found(("liba.so", path))
        program = tree.program("app", needed=["liba.so"], runpath="$ORIGIN/file:$ORIGIN/loop:$ORIGIN/after")
        assert agreed_by_musl(program) == missing("liba.so")

    def test_what_is_absent_is_looked_at_once_whatever_is_needed(
        self, tree: LibraryTree, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        absent = [f"$ORIGIN/{number}" for number in range(200)]
        names = [os.path.basename(tree.library(f"there/lib{number}.so")) for number in range(100)]
        program = tree.program("app", needed=[*names, "libno.so"], runpath=":".join([*absent, "$ORIGIN/there"]))
        looked_at: list[str] = []
        get = ElfCache.get

        def counting(self: ElfCache, path: str) -> ElfFile:
            looked_at.append(path)
            return get(self, path)

        monkeypatch.setattr(ElfCache, "get", counting)
        assert agreed_by_musl(program).missing == ("libno.so",)
        assert len(looked_at) < 1000

    def test_a_loop_of_links_ends_the_search(self, tree: LibraryTree) -> None:
        tree.library("lib/liba.so", needed=["libx.so"], runpath="$ORIGIN/../loop")
        tree.link("loop/libx.so", "libx.so")
        tree.library("lib/libx.so")
        tree.program("app", needed=["liba.so", tree.link("path.so", "path.so")], runpath="$ORIGIN/lib")
        assert agreed_by_musl(tree / "app").missing == (tree / "path.so", "libx.so")


@pytest.mark.skipif(not os.path.exists(GLIBC), reason=f"there is no {GLIBC}")
def test_nothing_of_glibcs_is_searched(tree: LibraryTree) -> None:
    """Neither ld.so.cache nor glibc's default directories."""
    program = tree.program("app", needed=["libstdc++.so.6"])
    assert agreed_by_musl(program) == missing("libstdc++.so.6")


def test_random_trees_are_read_as_musl_reads_them(tmp_path: Path) -> None:
    assert list(differences(tmp_path, Random(1), 120, MUSL)) == []


def test_each_library_is_found_once(tree: LibraryTree) -> None:
    for index in range(100):
        tree.library(f"lib/lib{index}.so", needed=[f"lib{index + 1}.so"] if index < 99 else [])
    program = tree.program("app", needed=["lib0.so"], runpath="$ORIGIN/lib")
    assert len(resolved(program).closure.objects) == 101
