"""Each rule by which glibc's ld.so finds a library, held against the real one."""

import gc
import os
import random
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from magicpak.elf.cache import ElfCache, ElfFile
from magicpak.elf.errors import ElfError
from magicpak.elf.facts import DF_1_NODEFLIB, DF_1_PIE, FileType
from magicpak.files.view import HostView
from magicpak.ldso.interpreter import Glibc, _runs_of_directories, built_in
from magicpak.ldso.machines import machine_of
from magicpak.ldso.search import SearchDirectory, SearchList
from support.elf_files import AARCH64, DT_AUXILIARY, DT_FILTER, DT_NEEDED, I386, S390X, X86_64, make_elf
from support.loader_oracle import (
    GLIBC,
    LibraryTree,
    Listing,
    World,
    agreed,
    found,
    inside,
    listed,
    listing_of,
    missing,
    ours,
    resolved,
)
from support.random_trees import differences, left_behind

pytestmark = pytest.mark.skipif(not os.path.exists(GLIBC), reason=f"there is no {GLIBC}")

NOBODY = 65534
_WAYS = ("rpath", "runpath", "library_path")


@pytest.fixture
def tree(tmp_path: Path) -> LibraryTree:
    return LibraryTree(tmp_path)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


STOPS = Listing(stops=True)


class TestRpath:
    def test_that_of_an_object_is_searched_before_that_of_its_loaders(self, tree: LibraryTree) -> None:
        first, own = tree.library("lib/liba.so", needed=["libb.so"], rpath=tree / "own"), tree.library("own/libb.so")
        tree.library("lib/libb.so")
        program = tree.program("app", needed=["liba.so"], rpath=tree / "lib")
        assert agreed(program) == found(("liba.so", first), ("libb.so", own))

    def test_that_of_all_its_loaders_is_searched_too(self, tree: LibraryTree) -> None:
        first, second = (
            tree.library("lib/liba.so", needed=["libb.so"]),
            tree.library("lib/libb.so", needed=["libc1.so"]),
        )
        third = tree.library("lib/libc1.so")
        program = tree.program("app", needed=["liba.so"], rpath=tree / "lib")
        assert agreed(program) == found(("liba.so", first), ("libb.so", second), ("libc1.so", third))

    def test_the_loaders_are_those_that_needed_the_object_first(self, tree: LibraryTree) -> None:
        tree.library("one/liba.so", needed=["libx.so"], rpath=tree / "a")
        tree.library("one/libb.so", needed=["libx.so"], rpath=tree / "b")
        at_a, at_b = (tree.library(f"{each}/libx.so", needed=["liby.so"]) for each in "ab")
        deep = tree.library("a/liby.so")
        tree.library("b/liby.so")
        program = tree.program("app", needed=["liba.so", "libb.so"], rpath=tree / "one")
        assert agreed(program).found[2:] == (("libx.so", at_a), ("liby.so", deep))
        assert at_b not in str(agreed(program))

    def test_it_is_void_for_an_object_with_runpath(self, tree: LibraryTree) -> None:
        first = tree.library("lib/liba.so", needed=["libb.so"], runpath=tree / "nothing")
        tree.library("lib/libb.so")
        program = tree.program("app", needed=["liba.so"], rpath=tree / "lib")
        assert agreed(program) == Listing((("liba.so", first),), ("libb.so",))

    def test_an_objects_own_is_void_with_runpath_also_for_what_it_loads(self, tree: LibraryTree) -> None:
        first = tree.library("lib/liba.so", needed=["libb.so"])
        tree.library("rpath/libb.so")
        program = tree.program("app", needed=["liba.so"], rpath=tree / "rpath", runpath=tree / "lib")
        assert agreed(program) == Listing((("liba.so", first),), ("libb.so",))

    def test_an_empty_runpath_voids_it_all_the_same(self, tree: LibraryTree) -> None:
        tree.library("lib/liba.so")
        assert agreed(tree.program("app", needed=["liba.so"], rpath=tree / "lib", runpath="")) == missing("liba.so")

    def test_a_directory_counts_where_it_comes_first(self, tree: LibraryTree) -> None:
        wanted = tree.library("b/liba.so")
        tree.library("a/liba.so")
        program = tree.program("app", needed=["liba.so"], rpath=f"{tree / 'b'}/:$ORIGIN/a:$ORIGIN/b")
        assert agreed(program) == found(("liba.so", wanted))


class TestRunpath:
    def test_it_is_for_the_objects_own_needs_only(self, tree: LibraryTree) -> None:
        first = tree.library("lib/liba.so", needed=["libb.so"])
        tree.library("lib/libb.so")
        program = tree.program("app", needed=["liba.so"], runpath=tree / "lib")
        assert agreed(program) == Listing((("liba.so", first),), ("libb.so",))


class TestLibraryPath:
    def test_it_comes_after_rpath_and_before_runpath(self, tree: LibraryTree) -> None:
        paths = {each: tree.library(f"{each}/liba.so") for each in ("rpath", "environment", "runpath")}
        by_rpath = tree.program("one", needed=["liba.so"], rpath=tree / "rpath")
        by_runpath = tree.program("two", needed=["liba.so"], runpath=tree / "runpath")
        library_path = tree / "environment"
        assert agreed(by_rpath, library_path=library_path) == found(("liba.so", paths["rpath"]))
        assert agreed(by_runpath, library_path=library_path) == found(("liba.so", paths["environment"]))

    @pytest.mark.parametrize("separator", [":", ";"])
    def test_both_separators_part_it(self, tree: LibraryTree, separator: str) -> None:
        path = tree.library("b/liba.so")
        program = tree.program("app", needed=["liba.so"])
        library_path = f"{tree / 'a'}{separator}{tree / 'b'}"
        assert agreed(program, library_path=library_path) == found(("liba.so", path))

    def test_a_semicolon_parts_no_runpath(self, tree: LibraryTree) -> None:
        path = tree.library("a;b/liba.so")
        tree.library("b/liba.so")
        assert agreed(tree.program("app", needed=["liba.so"], runpath="$ORIGIN/a;b")) == found(("liba.so", path))

    @pytest.mark.parametrize("library_path", ["", ":", ";", "nowhere::", ":nowhere"])
    def test_an_empty_element_is_the_current_directory_but_an_empty_value_is_none(
        self, tree: LibraryTree, library_path: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = tree.library("here/liba.so")
        program = tree.program("app", needed=["liba.so"])
        monkeypatch.chdir(tree / "here")
        expected = found(("liba.so", path)) if library_path else missing("liba.so")
        assert agreed(program, library_path=library_path) == expected

    def test_its_origin_is_the_programs(self, tree: LibraryTree) -> None:
        first = tree.library("deep/liba.so", needed=["libb.so"])
        second = tree.library("deep/libb.so")
        program = tree.program("app", needed=["liba.so"])
        assert agreed(program, library_path="$ORIGIN/deep") == found(("liba.so", first), ("libb.so", second))


class TestTokens:
    @pytest.mark.parametrize(
        ("text", "directory"),
        [
            ("$ORIGIN/x", "x"),
            ("${ORIGIN}/x", "x"),
            ("$ORIGIN/$LIB", "lib/x86_64-linux-gnu"),
            ("$ORIGIN/${LIB}x", "lib/x86_64-linux-gnux"),
            ("$ORIGIN/$LIB-x", "lib/x86_64-linux-gnu-x"),
            ("$ORIGIN/$LIBx", "$LIBx"),
            ("$ORIGIN/$LIB_", "$LIB_"),
            ("$ORIGIN/$UNKNOWN", "$UNKNOWN"),
            ("$ORIGIN/$", "$"),
            ("$ORIGIN/$$LIB", "$lib/x86_64-linux-gnu"),
            ("$ORIGIN/${LIB", "${LIB"),
            ("$ORIGIN/${}", "${}"),
        ],
    )
    def test_only_what_the_loader_knows_is_replaced(self, tree: LibraryTree, text: str, directory: str) -> None:
        if "lib/x86_64-linux-gnu" in directory and not os.path.exists("/etc/debian_version"):
            pytest.skip("$LIB is another where there is no multiarch")
        path = tree.library(f"{directory}/liba.so")
        assert agreed(tree.program("app", needed=["liba.so"], runpath=text)) == found(("liba.so", path))

    def test_origin_of_a_program_is_its_real_files(self, tree: LibraryTree) -> None:
        path = tree.library("real/liba.so")
        tree.library("linked/liba.so")
        tree.program("real/app", needed=["liba.so"], runpath="$ORIGIN")
        assert agreed(tree.link("linked/app", "../real/app")) == found(("liba.so", path))

    def test_origin_of_a_library_is_its_links_directory(self, tree: LibraryTree) -> None:
        tree.library("real/liba.so", needed=["libb.so"], runpath="$ORIGIN")
        tree.library("real/libb.so")
        link, path = tree.link("linked/liba.so", "../real/liba.so"), tree.library("linked/libb.so")
        program = tree.program("app", needed=["liba.so"], runpath="$ORIGIN/linked")
        assert agreed(program) == found(("liba.so", link), ("libb.so", path))

    def test_every_platform_has_what_it_would_find(self, tree: LibraryTree) -> None:
        """AT_PLATFORM is `haswell` on some processors and `x86_64` on others: what each finds comes along."""
        paths = {each: tree.library(f"{each}/liba.so") for each in ("x86_64", "xeon_phi", "any")}
        program = tree.program("app", needed=["liba.so"], runpath="$ORIGIN/$PLATFORM:$ORIGIN/any")
        needs = resolved(program).closure.program.needs
        assert [need.found and {need.found.path, *need.found.variants} for need in needs] == [set(paths.values())]
        assert listed(program).found[0][1] in paths.values()

    @pytest.mark.parametrize("interpreter", [GLIBC, "/lib/ld-linux.so.2"])
    @pytest.mark.parametrize("directories", [["x86_64"], ["haswell"], ["xeon_phi"], ["i686"], ["x86_64", "haswell"]])
    def test_of_the_environment_it_is_this_processors(
        self, tmp_path: Path, directories: list[str], interpreter: str
    ) -> None:
        if not os.path.exists(interpreter):
            pytest.skip(f"there is no {interpreter}")
        tree = LibraryTree(tmp_path, interpreter)
        kind = X86_64 if interpreter == GLIBC else I386
        for directory in [*directories, "any"]:
            tree.library(f"{directory}/liba.so", kind=kind)
        program = tree.program("app", needed=["liba.so"], kind=kind)
        agreed(program, library_path="$ORIGIN/${PLATFORM}:$ORIGIN/any")
        agreed(program, library_path=f"{tree.root}/$PLATFORM")


class TestNames:
    def test_a_path_is_opened_as_it_is(self, tree: LibraryTree, monkeypatch: pytest.MonkeyPatch) -> None:
        path = tree.library("lib/liba.so")
        tree.library("lib/libb.so")
        program = tree.program("app", needed=["lib/liba.so", "libb.so", "nowhere/libc1.so"])
        monkeypatch.chdir(tree.root)
        assert agreed(program) == Listing((("lib/liba.so", path),), ("libb.so", "nowhere/libc1.so"))

    def test_a_path_with_origin_is_each_askers_own(self, tree: LibraryTree) -> None:
        """The two libraries of one name in two directories are two."""
        one, two = tree.library("one/libx.so"), tree.library("two/libx.so")
        first = tree.library("one/liba.so", needed=["$ORIGIN/libx.so"])
        second = tree.library("two/libb.so", needed=["$ORIGIN/libx.so"])
        program = tree.program("app", needed=[first, second])
        assert [path for _, path in listed(program).found] == [first, second, one, two]
        assert [path for _, path in ours(program).found] == [first, second, one, two]

    def test_an_empty_name_is_the_program(self, tree: LibraryTree) -> None:
        path = tree.library("lib/liba.so", needed=[""])
        program = tree.program("app", needed=["", "liba.so"], rpath="$ORIGIN/lib")
        assert agreed(program) == found(("liba.so", path))
        closure = resolved(program).closure
        assert [need.satisfied_by for need in closure.program.needs] == [closure.program, closure.objects[1]]

    def test_the_soname_of_a_loaded_library_satisfies(self, tree: LibraryTree) -> None:
        first = tree.library("lib/liba.so", soname="libb.so")
        tree.library("lib/libb.so")
        assert agreed(tree.program("app", needed=["liba.so", "libb.so"], rpath="$ORIGIN/lib")) == found(
            ("liba.so", first)
        )

    def test_breadth_comes_before_depth(self, tree: LibraryTree) -> None:
        """`libc1.so` of the program is loaded before liba.so can ask for its own."""
        first = tree.library("lib/liba.so", needed=["libc1.so"], rpath="$ORIGIN/../deep")
        second, third = tree.library("lib/libb.so"), tree.library("lib/libc1.so")
        tree.library("deep/libc1.so")
        program = tree.program("app", needed=["liba.so", "libb.so", "libc1.so"], rpath="$ORIGIN/lib")
        assert agreed(program) == found(("liba.so", first), ("libb.so", second), ("libc1.so", third))

    @pytest.mark.parametrize("make_second", [os.link, os.symlink])
    def test_a_second_name_of_a_loaded_file_is_the_same_object_and_stays_needed(
        self, tree: LibraryTree, make_second: Callable[[str, str], None]
    ) -> None:
        first = tree.library("lib/liba.so")
        make_second(first, tree / "lib/libb.so")
        program = tree.program("app", needed=["liba.so", "libb.so"], rpath="$ORIGIN/lib")
        assert agreed(program) == found(("liba.so", first))
        second = resolved(program).closure.program.needs[1].found
        assert second is not None
        assert second.path == tree / "lib/libb.so"


class TestFiles:
    @pytest.mark.parametrize("kind", [I386, AARCH64, S390X])
    def test_those_for_another_machine_are_skipped(self, tree: LibraryTree, kind: object) -> None:
        assert kind in (I386, AARCH64, S390X)
        for machine in (I386, AARCH64, S390X):
            if machine == kind:
                tree.library("first/liba.so", kind=machine)
        path = tree.library("second/liba.so")
        program = tree.program("app", needed=["liba.so"], runpath="$ORIGIN/first:$ORIGIN/second")
        assert agreed(program) == found(("liba.so", path))

    @pytest.mark.parametrize("data", [make_elf(kind=I386)[:80], make_elf(kind=AARCH64)[:64], make_elf(kind=S390X)[:64]])
    def test_those_for_another_machine_are_skipped_also_if_they_are_cut_off(
        self, tree: LibraryTree, data: bytes
    ) -> None:
        tree.add("first/liba.so", data)
        path = tree.library("second/liba.so")
        program = tree.program("app", needed=["liba.so"], runpath="$ORIGIN/first:$ORIGIN/second")
        assert agreed(program) == found(("liba.so", path))

    @pytest.mark.parametrize(
        "data",
        [
            b"",
            b"INPUT(libreal.so)\n" * 9,
            b"\x7fELF",
            make_elf(kind=I386)[:60],
            make_elf()[:100],
            make_elf(type=FileType.REL),
            make_elf(type=FileType.CORE),
            make_elf(type=FileType.EXEC),
            make_elf(flags_1=DF_1_PIE),
            make_elf(dynamic=False),
        ],
        ids=["empty", "text", "magic", "header cut", "cut", "object", "core", "executable", "pie", "debug"],
    )
    def test_what_is_no_library_stops_the_loader(self, tree: LibraryTree, data: bytes) -> None:
        tree.add("first/liba.so", data)
        tree.library("second/liba.so")
        assert agreed(tree.program("app", needed=["liba.so"], runpath="$ORIGIN/first:$ORIGIN/second")) == STOPS

    def test_a_directory_by_the_librarys_name_stops_the_loader(self, tree: LibraryTree) -> None:
        tree.library("first/liba.so/x")
        tree.library("second/liba.so")
        assert agreed(tree.program("app", needed=["liba.so"], runpath="$ORIGIN/first:$ORIGIN/second")) == STOPS

    def test_a_dangling_link_is_skipped(self, tree: LibraryTree) -> None:
        tree.link("first/liba.so", "nowhere")
        path = tree.library("second/liba.so")
        program = tree.program("app", needed=["liba.so"], runpath="$ORIGIN/first:$ORIGIN/second")
        assert agreed(program) == found(("liba.so", path))

    def test_a_loop_of_links_ends_one_list_but_not_the_next(self, tree: LibraryTree) -> None:
        """Each object's RPATH is a list of its own, and so is LD_LIBRARY_PATH."""
        first = tree.library("lib/liba.so", needed=["libx.so"], rpath="$ORIGIN/../loop:$ORIGIN/../after")
        tree.link("loop/libx.so", "libx.so")
        tree.library("after/libx.so")
        path = tree.library("lib/libx.so")
        program = tree.program("app", needed=["liba.so"], rpath="$ORIGIN/lib")
        assert agreed(program) == found(("liba.so", first), ("libx.so", path))

    def test_a_loop_of_links_in_the_only_list_leaves_the_library_missing(self, tree: LibraryTree) -> None:
        tree.link("loop/liba.so", "liba.so")
        tree.library("after/liba.so")
        program = tree.program("app", needed=["liba.so"], runpath="$ORIGIN/loop:$ORIGIN/after")
        assert agreed(program) == missing("liba.so")

    @pytest.mark.parametrize("target", ["liba.so", "../file/x", "x" * 300], ids=["loop", "file", "long"])
    def test_a_library_that_cannot_be_looked_at_ends_the_list(self, tree: LibraryTree, target: str) -> None:
        tree.add("file", b"")
        tree.link("bad/liba.so", target)
        tree.library("after/liba.so")
        program = tree.program("app", needed=["liba.so"], runpath="$ORIGIN/bad:$ORIGIN/after")
        assert agreed(program) == missing("liba.so")

    @pytest.mark.parametrize("how", _WAYS)
    @pytest.mark.parametrize(
        "element", ["loop", "loop/below", "file", "file/below", "x" * 300, "/".join(["x" * 200] * 30)]
    )
    def test_after_a_directory_that_cannot_be_looked_at_the_search_goes_on(
        self, tree: LibraryTree, element: str, how: str
    ) -> None:
        tree.link("loop", "loop")
        tree.add("file", b"")
        path = tree.library("after/liba.so")
        directories = f"{tree / element}:{tree / 'after'}"
        rpath, runpath, library_path = (directories if how == each else None for each in _WAYS)
        program = tree.program("app", needed=["liba.so"], rpath=rpath, runpath=runpath)
        assert agreed(program, library_path=library_path) == found(("liba.so", path))

    def test_after_a_directory_that_is_none_the_search_goes_on(self, tree: LibraryTree) -> None:
        tree.add("file", b"")
        path = tree.library("after/liba.so")
        program = tree.program("app", needed=["liba.so"], runpath="$ORIGIN/file:$ORIGIN/nowhere:$ORIGIN/after")
        assert agreed(program) == found(("liba.so", path))


class TestFilters:
    def test_a_missing_auxiliary_library_is_harmless(self, tree: LibraryTree) -> None:
        path = tree.library("lib/liba.so", auxiliary=["libnowhere.so"])
        program = tree.program("app", needed=["liba.so"], runpath="$ORIGIN/lib")
        closure = resolved(program).closure
        assert (listing_of(closure), listed(program).found) == (found(("liba.so", path)), (("liba.so", path),))
        assert subprocess.run([program], check=False).returncode == 0

    def test_a_missing_filter_library_is_missing(self, tree: LibraryTree) -> None:
        path = tree.library("lib/liba.so", filter=["libnowhere.so"])
        program = tree.program("app", needed=["liba.so"], runpath="$ORIGIN/lib")
        assert agreed(program) == Listing((("liba.so", path),), ("libnowhere.so",))
        assert subprocess.run([program], check=False, capture_output=True).returncode == 127

    def test_what_is_filtered_comes_along_and_its_needs_before_those_of_others(self, tree: LibraryTree) -> None:
        """The filtered libx.so asks for liby.so before libb.so does."""
        tree.library("lib/liba.so", filter=["libx.so"], auxiliary=["libz.so"])
        tree.library("lib/libb.so", needed=["liby.so"], rpath=tree / "late")
        tree.library("lib/libx.so", needed=["liby.so"], rpath=tree / "early")
        tree.library("lib/libz.so")
        early = tree.library("early/liby.so")
        tree.library("late/liby.so")
        program = tree.program("app", needed=["liba.so", "libb.so"], rpath="$ORIGIN/lib")
        theirs = listed(program)
        assert sorted(ours(program).found) == sorted(theirs.found)
        assert ("liby.so", early) in theirs.found

    @pytest.mark.parametrize("tag", [DT_FILTER, DT_AUXILIARY])
    def test_what_comes_first_in_the_dynamic_section_is_loaded_first(self, tree: LibraryTree, tag: int) -> None:
        """Some linkers put filters first: here the other library's DT_SONAME would satisfy it otherwise."""
        filtee = tree.library("lib/libx.so")
        tree.library("lib/libb.so", soname="libx.so")
        tree.library("lib/liba.so", first=[(tag, "libx.so"), (DT_NEEDED, "libb.so")])
        tree.library("lib/libc1.so", first=[(DT_NEEDED, "libb.so"), (tag, "libx.so")])
        for name, expected in (("liba.so", True), ("libc1.so", False)):
            program = tree.program(f"app-{name}", needed=[name], rpath="$ORIGIN/lib")
            assert sorted(ours(program).found) == sorted(listed(program).found)
            assert (("libx.so", filtee) in ours(program).found) is expected
            assert subprocess.run([program], check=False).returncode == 0

    def test_what_is_filtered_although_it_is_loaded_already_comes_before_what_waits(self, tree: LibraryTree) -> None:
        """Were it not moved, libb.so would be the first to ask for liby.so."""
        tree.library("lib/liba.so", filter=["libx.so"])
        tree.library("lib/libb.so", needed=["liby.so"], rpath=tree / "late")
        tree.library("lib/libx.so", needed=["liby.so"], rpath=tree / "early")
        early = tree.library("early/liby.so")
        tree.library("late/liby.so")
        program = tree.program("app", needed=["liba.so", "libb.so", "libx.so"], rpath="$ORIGIN/lib")
        assert sorted(ours(program).found) == sorted(listed(program).found)
        assert ("liby.so", early) in ours(program).found

    def test_two_that_filter_each_other_come_to_an_end(self, tree: LibraryTree) -> None:
        """The real loader never does."""
        first, second = tree.library("lib/liba.so", filter=["libb.so"]), tree.library("lib/libb.so", filter=["liba.so"])
        program = tree.program("app", needed=["liba.so"], rpath="$ORIGIN/lib")
        assert ours(program) == found(("liba.so", first), ("libb.so", second))

    def test_random_trees_with_filters_are_read_as_the_real_loader_reads_them(self, tmp_path: Path) -> None:
        assert list(differences(tmp_path, random.Random(1), 120, filters=True)) == []


@pytest.mark.needs("chroot")
class TestCacheAndDefaults:
    def test_the_cache_comes_before_the_default_directories(self, world: World) -> None:
        for directory in ("opt", "lib"):
            world.library(f"{directory}/liba.so", soname="liba.so")
        world.program("app", needed=["liba.so"])
        assert world.agreed("/app") == found(("liba.so", "/lib/liba.so"))
        world.ldconfig("/opt")
        assert world.agreed("/app") == found(("liba.so", "/opt/liba.so"))

    def test_the_default_directories_have_their_order(self, world: World) -> None:
        world.program("app", needed=["liba.so"])
        for directory in ("usr/lib", "lib", "usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu"):
            world.library(f"{directory}/liba.so")
            assert world.agreed("/app") == found(("liba.so", f"/{directory}/liba.so"))

    def test_a_file_that_the_cache_has_in_vain_is_looked_for_in_the_default_directories(self, world: World) -> None:
        world.library("opt/liba.so", soname="liba.so")
        world.library("more/liba.so", soname="liba.so")
        world.ldconfig("/opt", "/more")
        world.library("usr/lib/liba.so")
        world.program("app", needed=["liba.so"])
        (world.root / "opt/liba.so").unlink()
        assert world.agreed("/app") == found(("liba.so", "/usr/lib/liba.so"))
        world.library("opt/liba.so", kind=I386)
        assert world.agreed("/app") == found(("liba.so", "/usr/lib/liba.so"))

    def test_of_two_in_the_cache_the_first_counts_and_the_other_stays_behind(self, world: World) -> None:
        world.library("opt/liba.so", soname="liba.so")
        world.library("more/liba.so", soname="liba.so")
        world.ldconfig("/opt", "/more")
        world.program("app", needed=["liba.so"])
        assert world.agreed("/app") == found(("liba.so", "/opt/liba.so"))
        assert inside(world.root, lambda: resolved("/app").closure.variants) == ()

    def test_nodeflib_is_for_the_default_directories_and_all_below_them_but_not_for_the_rest_of_the_cache(
        self, world: World
    ) -> None:
        for path in ("opt/liba.so", "usr/lib/libb.so", "usr/lib/deep/libc1.so"):
            world.library(path, soname=os.path.basename(path))
        world.ldconfig("/opt", "/usr/lib/deep")
        world.program("app", needed=["liba.so", "libb.so", "libc1.so"], flags_1=DF_1_NODEFLIB)
        assert world.agreed("/app") == Listing((("liba.so", "/opt/liba.so"),), ("libb.so", "libc1.so"))

    def test_a_text_file_in_the_cache_stops_the_loader(self, world: World) -> None:
        world.library("opt/liba.so", soname="liba.so")
        world.ldconfig("/opt")
        world.add("opt/liba.so", b"text\n" * 30)
        world.program("app", needed=["liba.so"])
        assert world.agreed("/app") == STOPS


@pytest.mark.needs("chroot")
class TestPreload:
    def test_what_is_preloaded_comes_first_and_is_searched_as_for_the_program(self, world: World) -> None:
        world.library("opt/libpre.so", soname="liba.so")
        world.library("by/path.so", needed=["libpre.so"])
        world.library("lib/liba.so")
        world.add("etc/ld.so.preload", b"# a comment\nlibpre.so:\t/by/path.so #another\n/nowhere.so")
        world.program("app", needed=["liba.so"], rpath="/opt")
        expected = found(("libpre.so", "/opt/libpre.so"), ("/by/path.so", "/by/path.so"))
        assert world.agreed("/app") == expected

    @pytest.mark.parametrize(
        ("text", "loaded"),
        [
            (b"/a.so\n/b.so\0x /c.so\n", "ab"),
            (b"/a.so\0 /b.so /c.so", "ac"),
            (b"\0/a.so\n#\0\n/b.so\0\0", "b"),
            (b"/a.so #\0\n/b.so\n", "ab"),
            (bytes(5000), ""),
        ],
    )
    def test_a_null_character_ends_the_file_but_for_a_last_name(self, world: World, text: bytes, loaded: str) -> None:
        for name in "abc":
            world.library(f"{name}.so")
        world.add("etc/ld.so.preload", text)
        world.library("lib/liba.so")
        world.program("app", needed=["liba.so"])
        assert world.agreed("/app") == found(
            *((f"/{name}.so", f"/{name}.so") for name in loaded), ("liba.so", "/lib/liba.so")
        )

    def test_what_cannot_be_preloaded_is_ignored(self, world: World) -> None:
        world.add("text.so", b"text\n" * 30)
        world.add("etc/ld.so.preload", b"/text.so /nowhere.so")
        world.program("app")
        assert world.agreed("/app") == Listing()


@pytest.mark.needs("chroot", "root")
class TestSetUserId:
    """Under AT_SECURE the loader traces nothing, so the programs are run."""

    @pytest.fixture
    def world(self) -> Iterator[World]:
        with tempfile.TemporaryDirectory() as directory:  # not below pytest's, which other users cannot enter
            os.chmod(directory, 0o755)
            (Path(directory) / "proc/self").mkdir(parents=True)
            yield World(Path(directory))

    def agreed(self, world: World, *names: str, library_path: str | None = None) -> dict[str, bool]:
        """Return which programs find all of their libraries, after it is held against ours."""

        def runs(name: str) -> bool:
            environment = {} if library_path is None else {"LD_LIBRARY_PATH": library_path}
            Path("/proc/self/exe").unlink(missing_ok=True)
            Path("/proc/self/exe").symlink_to(name)  # from which the loader has $ORIGIN: no /proc is mounted here
            return (
                subprocess.run([name], user=NOBODY, env=environment, check=False, capture_output=True).returncode == 0
            )

        def look() -> tuple[dict[str, bool], dict[str, bool]]:
            complete = {name: not resolved(name, library_path=library_path).closure.missing for name in names}
            return {name: runs(name) for name in names}, complete

        real, mine = inside(world.root, look)
        assert mine == real
        return real

    def test_ld_library_path_is_ignored(self, world: World) -> None:
        world.library("opt/liba.so")
        world.program("plain", needed=["liba.so"])
        world.program("secure", needed=["liba.so"])
        os.chmod(world / "secure", 0o4755)
        assert self.agreed(world, "/plain", "/secure", library_path="/opt") == {"/plain": True, "/secure": False}

    def test_origin_in_the_programs_path_must_come_first_and_lead_to_a_default_directory(self, world: World) -> None:
        paths = {
            "/usr/lib/x/good": "$ORIGIN",
            "/usr/lib/x/with-braces": "${ORIGIN}/.",
            "/usr/lib/x/up-and-down": "/nowhere:$ORIGIN/../x",
            "/usr/lib/x/not-first": "/$ORIGIN",
            "/usr/lib/x/twice": "$ORIGIN/../../..$ORIGIN",
            "/usr/lib/x/not-alone": "$ORIGIN-y/../x",
            "/opt/elsewhere": "$ORIGIN",
            "/usr/lib/x/out": "$ORIGIN/../../../opt",
            "/opt/absolute": "/opt",
        }
        for directory in ("usr/lib/x", "opt"):
            world.library(f"{directory}/liba.so")
        (world.root / "usr/lib/x-y").mkdir()
        for name, path in paths.items():
            world.program(name[1:], needed=["liba.so"], runpath=path)
            os.chmod(world / name[1:], 0o4755)
        good = {"/usr/lib/x/good", "/usr/lib/x/with-braces", "/usr/lib/x/up-and-down", "/opt/absolute"}
        assert self.agreed(world, *paths) == {name: name in good for name in paths}

    def test_origin_in_a_librarys_path_must_come_first(self, world: World) -> None:
        world.library("opt/liba.so", needed=["libx.so"], runpath="$ORIGIN/deep")
        world.library("opt/libb.so", needed=["libx.so"], runpath="/$ORIGIN/deep")
        world.library("opt/deep/libx.so")
        for name, needed in (("one", "liba.so"), ("two", "libb.so")):
            world.program(name, needed=[needed], runpath="/opt")
            os.chmod(world / name, 0o4755)
        assert self.agreed(world, "/one", "/two") == {"/one": True, "/two": False}

    def test_a_token_in_a_needed_name_is_refused(self, world: World) -> None:
        world.library("usr/lib/liba.so")
        for name in ("plain", "secure"):
            world.program(f"usr/lib/{name}", needed=["$ORIGIN/liba.so"])
        os.chmod(world / "usr/lib/secure", 0o4755)
        expected = {"/usr/lib/plain": True, "/usr/lib/secure": False}
        assert self.agreed(world, *expected) == expected

    def test_so_is_one_in_an_auxiliary_name_although_the_library_may_be_missing(self, world: World) -> None:
        world.library("usr/lib/liba.so", auxiliary=["libnone.so"])
        world.library("usr/lib/libb.so", auxiliary=["$ORIGIN/libnone.so"])
        for library in ("liba.so", "libb.so"):
            for name, mode in (("plain", 0o755), ("secure", 0o4755)):
                world.program(f"{library}-{name}", needed=[library])
                os.chmod(world / f"{library}-{name}", mode)
        expected = {"/liba.so-plain": True, "/liba.so-secure": True, "/libb.so-plain": True, "/libb.so-secure": False}
        assert self.agreed(world, *expected) == expected


class TestProcessors:
    LEVELS = ("x86-64-v2", "x86-64-v3", "x86-64-v4")

    def test_each_level_has_the_variant_that_the_loader_takes_there(self, tree: LibraryTree) -> None:
        baseline = tree.library("lib/liba.so")
        variants = {each: tree.library(f"lib/glibc-hwcaps/{each}/liba.so") for each in self.LEVELS}
        program = tree.program("app", needed=["liba.so"], runpath="$ORIGIN/lib")
        assert ours(program) == found(("liba.so", baseline))
        assert {each.path for each in resolved(program).closure.variants} == set(variants.values())
        assert {listed(program, mask=each).found[0][1] for each in ("none", *self.LEVELS)} <= {
            baseline,
            *variants.values(),
        }
        assert resolved(program, hwcaps=False).closure.variants == ()

    def test_what_a_variant_needs_comes_along(self, tree: LibraryTree) -> None:
        tree.library("lib/liba.so")
        tree.library("lib/glibc-hwcaps/x86-64-v3/liba.so", needed=["libfast.so"], runpath="$ORIGIN")
        path = tree.library("lib/glibc-hwcaps/x86-64-v3/libfast.so")
        program = tree.program("app", needed=["liba.so"], runpath="$ORIGIN/lib")
        assert [each.path for each in resolved(program).closure.objects][2:] == [path]

    def test_where_one_directory_has_a_variant_only_the_baseline_of_the_next_comes_too(self, tree: LibraryTree) -> None:
        variant = tree.library("first/glibc-hwcaps/x86-64-v2/liba.so")
        baseline = tree.library("second/liba.so")
        program = tree.program("app", needed=["liba.so"], runpath="$ORIGIN/first:$ORIGIN/second")
        closure = resolved(program).closure
        assert listing_of(closure) == found(("liba.so", baseline))
        assert [each.path for each in closure.variants] == [variant]
        assert {listed(program, mask=each).found[0][1] for each in ("none", "x86-64-v2")} <= {variant, baseline}

    def test_random_trees_have_what_each_processor_loads(self, tmp_path: Path) -> None:
        assert list(left_behind(tmp_path, random.Random(2), 100, self.LEVELS)) == []

    def test_a_variant_alone_stands_for_all(self, tree: LibraryTree) -> None:
        variant = tree.library("lib/glibc-hwcaps/x86-64-v2/liba.so")
        program = tree.program("app", needed=["liba.so"], runpath="$ORIGIN/lib")
        assert ours(program) == found(("liba.so", variant))

    def test_a_broken_variant_is_left_out_and_stops_nothing(self, tree: LibraryTree) -> None:
        baseline = tree.library("lib/liba.so")
        tree.add("lib/glibc-hwcaps/x86-64-v4/liba.so", b"text\n" * 30)
        program = tree.program("app", needed=["liba.so"], runpath="$ORIGIN/lib")
        closure = resolved(program).closure
        assert (listing_of(closure), closure.variants) == (found(("liba.so", baseline)), ())

    def test_the_old_directories_count_up_to_glibc_2_36(self, tree: LibraryTree) -> None:
        version = re.search(r"release version (\d+)\.(\d+)", Path(GLIBC).read_bytes().decode("latin-1"))
        assert version is not None
        legacy = (int(version[1]), int(version[2])) <= (2, 36)
        baseline = tree.library("lib/liba.so")
        old = {
            tree.library(f"lib/{each}/liba.so")
            for each in ("tls", "x86_64", "haswell", "tls/x86_64", "tls/haswell/avx512_1/x86_64", "avx512_1/x86_64")
        }
        tree.library("lib/sse2/liba.so")
        program = tree.program("app", needed=["liba.so"], runpath="$ORIGIN/lib")
        assert {each.path for each in resolved(program).closure.variants} == (old if legacy else set())
        assert listed(program).found[0][1] in (old if legacy else {baseline})

    @pytest.mark.needs("chroot")
    def test_the_caches_variants_come_along(self, world: World) -> None:
        world.library("opt/liba.so", soname="liba.so")
        for level in self.LEVELS:
            world.library(f"opt/glibc-hwcaps/{level}/liba.so", soname="liba.so")
        world.ldconfig("/opt")
        world.program("app", needed=["liba.so"])
        theirs = inside(world.root, lambda: listed("/app").found[0][1])
        path, variants = inside(
            world.root, lambda: (ours("/app").found[0][1], [each.path for each in resolved("/app").closure.variants])
        )
        assert (path, sorted(variants)) == (
            "/opt/liba.so",
            [f"/opt/glibc-hwcaps/{level}/liba.so" for level in self.LEVELS],
        )
        assert theirs in (path, *variants)


def test_what_is_absent_is_looked_at_once_whatever_is_needed(tree: LibraryTree) -> None:
    """ld.so remembers for each directory of a search path whether it is there."""
    absent = [f"$ORIGIN/{number}" for number in range(200)]
    paths = [tree.library(f"there/lib{number}.so") for number in range(100)]
    names = [os.path.basename(path) for path in paths]
    tree.add("file", b"")
    tree.link("loop", "loop")
    rpath = ":".join(["$ORIGIN/file", "$ORIGIN/loop", *absent, "$ORIGIN/there"])
    program = tree.program("app", needed=[*names, "libno.so"], rpath=rpath)
    store = CountingStore()
    assert listing_of(resolved(program, store=store).closure) == agreed(program)
    assert store.count < 1000


def test_an_error_of_a_path_is_not_kept_by_its_own_traceback(tree: LibraryTree) -> None:
    store = ElfCache()
    tree.add("no.so", b"\x7fELF")
    paths = [tree / name for name in (*(f"{number}.so" for number in range(20)), *["no.so"] * 20)]
    gc.collect()
    gc.disable()
    try:
        for path in paths:
            with suppress(FileNotFoundError, ElfError):
                store.get(path)
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_of_paths_that_cannot_be_opened_few_are_remembered(tree: LibraryTree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("magicpak.elf.cache.MAX_UNOPENED", 10)
    store = ElfCache()
    for path in [tree / f"{number}.so" for number in range(20)] * 2:
        with pytest.raises(FileNotFoundError, match=re.escape(f"No such file or directory: '{path}'")):
            store.get(path)
    assert len(store._unopened) == 10
    assert not store._by_path


class CountingStore(ElfCache):
    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def get(self, path: str) -> ElfFile:
        self.count += 1
        return super().get(path)


def test_a_directory_is_looked_at_when_a_search_comes_to_it() -> None:
    looked_at: list[str] = []

    def is_absent(directory: SearchDirectory) -> bool:
        looked_at.append(directory.path)
        return directory.path in "bd"

    directories = SearchList([SearchDirectory(path) for path in "abcde"], is_absent)
    assert next(directories.present()).path == "a"
    assert looked_at == ["a"]
    first, second = directories.present(), directories.present()
    assert [(one.path, two.path) for one, two in zip(first, second, strict=True)] == [(each, each) for each in "ace"]
    assert looked_at == [*"abcde"]
    assert [each.path for each in directories] == [*"abcde"]


@pytest.mark.parametrize("path", [{"rpath": "$ORIGIN"}, {"runpath": "$ORIGIN"}, {"rpath": "$ORIGIN/a:$ORIGIN"}])
def test_a_chain_of_libraries_costs_as_much_as_it_is_long(tree: LibraryTree, path: dict[str, str]) -> None:
    def files_looked_at(length: int) -> int:
        for index in range(length):
            needed = [f"lib{index + 1}.so"] if index + 1 < length else []
            tree.add(
                f"{length}/lib{index}.so", make_elf(needed=needed, rpath=path.get("rpath"), runpath=path.get("runpath"))
            )
        program = tree.program(f"{length}/app", needed=["lib0.so"], runpath="$ORIGIN")
        store = CountingStore()
        assert len(resolved(program, store=store).closure.objects) == length + 1
        return store.count

    assert files_looked_at(1000) <= 10.5 * files_looked_at(100)


def test_random_trees_are_read_as_the_real_loader_reads_them(tmp_path: Path) -> None:
    assert list(differences(tmp_path, random.Random(1), 120)) == []
    shutil.rmtree(tmp_path, ignore_errors=True)


def test_what_is_built_into_the_loader_is_read_from_it(tmp_path: Path) -> None:
    """What `ld.so --help` calls its search path, and the old directories only where it is of glibc 2.36 or before."""
    said = subprocess.run([GLIBC, "--help"], capture_output=True, text=True, check=True).stdout
    directories = tuple(re.findall(r"^  (/\S+) \(system search path\)$", said, re.MULTILINE))
    machine = machine_of(ElfCache().get(GLIBC).facts.kind)
    inside_host = built_in(GLIBC, machine, HostView())
    assert isinstance(inside_host, Glibc)
    assert inside_host[:4] == (directories, directories[0][1:], "/etc/ld.so.cache", "/etc/ld.so.preload")
    huge = b"9" * 5_000  # a number that is no version: Python reads none of so many digits
    for version, legacy in ((b"2.36", True), (b"2.37", False), (b"2.41", False), (b"2." + huge, False), (huge, True)):
        data = re.sub(rb"release version \d+\.\d+", b"release version " + version, Path(GLIBC).read_bytes())
        (tmp_path / "ld.so").write_bytes(data)
        assert built_in(str(tmp_path / "ld.so"), machine, HostView()) == inside_host._replace(legacy_hwcaps=legacy)


@pytest.mark.parametrize(
    "strings",
    [
        b"/" * (1 << 22),
        b"/etc/ld-musl-" * (1 << 18),
        b"/lib/\0" * (1 << 18),
        b"release version " + b"2" * 5000 + b".1\0",
    ],
    ids=["slashes", "musl", "directories", "version"],
)
def test_a_loader_of_strings_without_an_end_is_read_once(tmp_path: Path, strings: bytes) -> None:
    """Were each start of a string tried to its end, this would take hours."""
    path, machine = tmp_path / "ld.so", machine_of(X86_64)
    path.write_bytes(strings + b"!\0GLIBC_PRIVATE\0/lib/\0\0" + strings + b"!/ld.so.cache\0")
    inside = built_in(str(path), machine, HostView())
    assert isinstance(inside, Glibc)
    assert set(inside.directories) == {"/lib"}
    assert len(inside.directories) <= 64
    assert inside.cache is None


@settings(max_examples=500, database=None)
@given(st.lists(st.sampled_from([b"/", b"//", b"/\0", b"\0", b"lib", b"/lib/\0", b"/usr/lib/\0", b"\1", b" "])))
def test_default_directories_are_the_longest_run_of_strings_between_slashes(parts: list[bytes]) -> None:
    data = b"".join(parts)
    runs = re.findall(rb"/[\x21-\x7e]*/\0(?:/[\x21-\x7e]*/\0)*", data)
    assert [b"".join(each + b"\0" for each in run) for run in _runs_of_directories(data)] == runs
