"""What programs bring that a run has executed, and libraries that it has loaded by itself."""

import os
import subprocess
from pathlib import Path

import pytest

from magicpak.bundle.entry import Content, Layout
from magicpak.elf.reader import read_path
from magicpak.files.script import HEAD, parse_script
from magicpak.ldso.cache import parse_cache
from magicpak.ldso.interpreter import GLIBC_CACHE
from magicpak.tracing.trace import Access
from magicpak.verify.problems import FailureKind
from support.elf_files import I386, X86_64_EXIT_0, make_elf
from support.handmade_traces import Bundled, HandmadeRun, bundled, lines
from support.loader_oracle import GLIBC, MUSL, LibraryTree
from support.run_magicpak import RunResult, chrooted, compiled, magicpak, names

pytestmark = pytest.mark.skipif(not os.path.exists(GLIBC), reason=f"there is no {GLIBC}")

STATIC = make_elf(code=X86_64_EXIT_0, dynamic=False)


@pytest.fixture
def tree(tmp_path: Path) -> LibraryTree:
    """A directory, by its real path, with a program that needs a library beside it."""
    tree = LibraryTree(Path(os.path.realpath(tmp_path)) / "host")
    tree.library("lib/libown.so", needed=[])
    tree.program("bin/prog", needed=["libown.so"], runpath="$ORIGIN/../lib")
    return tree


def below(found: Bundled, tree: LibraryTree) -> list[str]:
    """Return what is in the bundle below the tree, but for what the program needs, and directories on the way."""
    own = ("bin/prog", "lib/libown.so")
    return [line for line in lines(found.plan, str(tree.root)) if line not in own and not line.endswith("/")]


def brought(tree: LibraryTree, *runs: HandmadeRun, layout: Layout = Layout.HOST, hwcaps: bool = True) -> list[str]:
    found = bundled(runs, [tree / "bin/prog"], layout=layout, hwcaps=hwcaps)
    assert found.warnings == ()
    return below(found, tree)


def run_of(tree: LibraryTree) -> HandmadeRun:
    """A run of the program up to its first line: its loader has brought in what it needs."""
    run = HandmadeRun(tree / "bin/prog").use(Access.READ, "/etc/ld.so.cache", loader=True)
    run.use(Access.TESTED, tree / "lib", loader=True)
    return run.load(tree / "bin/../lib/libown.so")


class TestPrograms:
    def test_what_the_loader_looks_at_is_the_resolvers_business(self, tree: LibraryTree) -> None:
        found = bundled([run_of(tree)], [tree / "bin/prog"], install_to=tree / "moved/bin/prog")
        assert below(found, tree) == ["moved/bin/prog", "moved/lib/libown.so"]
        assert found.plan.get("/etc") is None

    @pytest.mark.parametrize("static", [False, True])
    def test_a_program_that_reads_the_hosts_cache_itself_finds_one_of_what_is_in_the_bundle(
        self, *, static: bool, tree: LibraryTree
    ) -> None:
        on_host = parse_cache(Path(GLIBC_CACHE).read_bytes())
        library = on_host["libc.so.6"][0].path
        link = tree.link("link", GLIBC_CACHE)
        program = tree.add("bin/static", STATIC) if static else tree / "bin/prog"
        run = HandmadeRun(program) if static else run_of(tree)
        found = bundled([run.use(Access.READ, GLIBC_CACHE, link, library)], [program])
        item = found.plan.get(GLIBC_CACHE)
        assert item is not None
        assert isinstance(item.entry, Content)
        assert str(item.because) == f"read by {program}"
        names = ["libc.so.6"] if static else ["ld-linux-x86-64.so.2", "libc.so.6"]  # not those in private directories
        assert {name: [each.path for each in entries] for name, entries in parse_cache(item.entry.data).items()} == {
            name: [on_host[name][0].path] for name in names
        }
        assert link in found.plan
        (warning,) = found.warnings
        assert warning.startswith(f"created {GLIBC_CACHE} with the libraries of the bundle, for the program that reads")

    def test_the_hosts_cache_is_not_in_if_a_loader_reads_it_that_nobody_knows(self, tree: LibraryTree) -> None:
        program = tree.add("bin/static", STATIC)
        run = HandmadeRun(program).use(Access.READ, GLIBC_CACHE, loader=True)
        found = bundled([run], [program])
        assert (found.plan.get(GLIBC_CACHE), found.warnings) == (None, ())

    def test_what_a_loader_finds_elsewhere_than_the_hosts_cache_says_is_so_in_that_cache_too(
        self, tree: LibraryTree
    ) -> None:
        name, theirs = "libz.so.1", next(iter(parse_cache(Path(GLIBC_CACHE).read_bytes())["libz.so.1"])).path
        ours = tree.library(f"odd/{name}")
        tree.program("bin/prog", needed=[name])
        run = HandmadeRun(tree / "bin/prog").load(ours).use(Access.READ, GLIBC_CACHE, theirs)
        found = bundled([run], [tree / "bin/prog"], library_path=tree / "odd")
        item = found.plan.get(GLIBC_CACHE)
        assert item is not None
        assert isinstance(item.entry, Content)
        assert [each.path for each in parse_cache(item.entry.data)[name]] == [ours]

    def test_an_executed_program_is_in_by_its_path_with_all_its_libraries(self, tree: LibraryTree) -> None:
        tree.library("lib/libbranch.so", needed=["libdeep.so"], runpath="$ORIGIN")
        tree.library("lib/libdeep.so")
        tree.program("real/tool", needed=["libbranch.so"], runpath=tree / "lib")
        run = run_of(tree)
        run.execute(tree.link("bin/tool", "../real/tool"))
        assert brought(tree, run) == ["bin/tool -> ../real/tool", "lib/libbranch.so", "lib/libdeep.so", "real/tool"]

    def test_with_directories_for_links_what_it_finds_through_its_origin_moves_along(self, tree: LibraryTree) -> None:
        tree.library("real/libtool.so")
        tree.program("real/tool", needed=["libtool.so"], runpath="$ORIGIN")
        run = run_of(tree)
        tree.link("links", "real")
        run.execute(tree / "links/tool")
        assert brought(tree, run, layout=Layout.DIRECTORIES) == ["links/libtool.so", "links/tool"]

    def test_the_program_itself_is_in_at_its_own_path_too_only_if_it_is_executed_again(self, tree: LibraryTree) -> None:
        run = run_of(tree)
        where = tree / "moved/bin/prog"
        assert below(bundled([run], [tree / "bin/prog"], install_to=where), tree) == [
            "moved/bin/prog", "moved/lib/libown.so",
        ]  # fmt: skip
        run.execute(tree / "bin/prog")
        assert lines(bundled([run], [tree / "bin/prog"], install_to=where).plan, str(tree.root)) == [
            "bin/", "bin/prog", "lib/", "lib/libown.so", "moved/", "moved/bin/", "moved/bin/prog", "moved/lib/",
            "moved/lib/libown.so",
        ]  # fmt: skip

    def test_what_proc_led_to_when_it_was_executed_is_in(self, tree: LibraryTree) -> None:
        run = run_of(tree)
        run.execute("/proc/self/fd/3", real=tree.add("bin/hidden", STATIC))
        assert brought(tree, run) == ["bin/hidden"]

    def test_a_program_that_executes_itself_through_proc_is_where_it_is(self, tree: LibraryTree) -> None:
        run = run_of(tree)
        run.execute("/proc/self/exe", real=tree / "bin/prog")
        found = bundled([run], [tree / "bin/prog"], install_to=tree / "moved/bin/prog")
        assert below(found, tree) == ["moved/bin/prog", "moved/lib/libown.so"]

    def test_of_a_program_whose_file_nobody_knows_any_more_what_it_used_is_in(self, tree: LibraryTree) -> None:
        run = run_of(tree)
        gone = run.execute(tree.add("bin/gone", STATIC))
        run.executions[gone] = run.executions[gone]._replace(real="", inode=(0, 0))
        os.unlink(tree / "bin/gone")
        assert brought(tree, run.use(Access.READ, tree.add("data", b""), by=gone)) == ["data"]

    def test_what_really_runs_a_foreign_program_is_in_too(self, tree: LibraryTree) -> None:
        run = run_of(tree)
        foreign = tree.add("bin/foreign", make_elf(kind=I386, code=b"\x90", dynamic=False))
        run.execute(foreign, real=tree.add("bin/emulator", STATIC))
        assert brought(tree, run) == ["bin/emulator", "bin/foreign"]

    def test_a_program_that_the_run_made_is_not_in_but_what_it_loaded_is(self, tree: LibraryTree) -> None:
        tree.library("lib/libmade.so", needed=["libdeep.so"], runpath="$ORIGIN")
        tree.library("lib/libdeep.so")
        run = run_of(tree).use(Access.MADE, tree.program("bin/made", needed=["libmade.so"], runpath=tree / "lib"))
        run.load(tree / "lib/libmade.so", by=run.execute(tree / "bin/made"))
        assert brought(tree, run) == ["bin/ written", "lib/libdeep.so", "lib/libmade.so"]

    def test_of_a_program_that_was_gone_at_the_end_what_it_needs_is_in(self, tree: LibraryTree) -> None:
        tree.library("lib/libmade.so", needed=["libdeep.so"], runpath="$ORIGIN")
        tree.library("lib/libdeep.so")
        other = tree.add("bin/other-loader", Path(GLIBC).read_bytes())
        run, tree.interpreter = run_of(tree), other
        for name in ("one", "two"):  # by one path, one after the other
            made = tree.program("gone", needed=[f"lib{name}.so", "libmade.so"], runpath=tree / "lib")
            tree.library(f"lib/lib{name}.so")
            index = run.use(Access.MADE, made).execute(made)
            run.executions[index] = run.executions[index]._replace(facts=read_path(made))
            os.unlink(made)
        assert brought(tree, run) == [
            "bin/other-loader", "lib/libdeep.so", "lib/libmade.so", "lib/libone.so", "lib/libtwo.so",
        ]  # fmt: skip
        item = bundled([run], [tree / "bin/prog"]).plan.get(other)
        assert item is not None
        assert str(item.because) == f"the interpreter (PT_INTERP) of {made}"

    def test_of_a_program_in_memory_the_name_is_told_with_what_it_lacks(self, tree: LibraryTree) -> None:
        made = tree.program("made", needed=["libnowhere.so", "libunpacked.so", "libversion.so.1"])
        run = run_of(tree)
        index = run.execute(made)
        execution = run.executions[index]
        run.executions[index] = execution._replace(
            path="memfd:payload", real="memfd:payload", inode=(0, 0), facts=read_path(made)
        )
        os.unlink(made)
        run.uses = [use for use in run.uses if use.access is not Access.EXECUTED]
        unpacked = tree.library("unpacked/libunpacked.so"), tree.library("unpacked/libversion.so.1.2")
        run.use(Access.MADE, *unpacked, by=index)
        run.load(unpacked[0], tree.link("unpacked/libversion.so.1", "libversion.so.1.2"), by=index)
        found = bundled([run], [tree / "bin/prog"])
        assert found.warnings == ("libnowhere.so is missing: needed by memfd:payload",)

    def test_of_a_program_with_its_own_loader_what_that_loaded_is_in(self, tree: LibraryTree) -> None:
        tree.library("lib/libmade.so")
        run, tree.interpreter = run_of(tree), tree / "loader"
        made = tree.program("made", needed=["libmade.so"], runpath=tree / "lib")
        index = run.use(Access.MADE, made, tree / "loader").execute(made)
        run.executions[index] = run.executions[index]._replace(facts=read_path(made))
        assert brought(tree, run.load(tree / "lib/libmade.so", by=index)) == ["lib/libmade.so"]

    def test_of_a_program_that_was_made_in_another_root_directory_the_interpreter_is_in(
        self, tree: LibraryTree
    ) -> None:
        tree.add("jail/lib/loader", b"")
        run, tree.interpreter = run_of(tree), "/lib/loader"
        made = tree.program("jail/made")
        index = run.use(Access.MADE, made).execute(made)
        run.executions[index] = run.executions[index]._replace(facts=read_path(made))
        run.use(Access.READ, tree.add("jail/etc/data", b""), by=index, root=tree / "jail")
        assert brought(tree, run) == ["jail/ written", "jail/etc/data", "jail/lib/loader"]

    def test_what_an_executed_program_lacks_is_told_unless_it_was_loaded_after_all(self, tree: LibraryTree) -> None:
        tree.library("odd/libfar.so.1", soname="libfar.so")
        tree.library("odd/libplain.so")
        tree.program("bin/tool", needed=["libfar.so", "libplain.so", "libnowhere.so"])
        run = run_of(tree)
        run.load(tree / "odd/libfar.so.1", tree / "odd/libplain.so", by=run.execute(tree / "bin/tool"))
        found = bundled([run], [tree / "bin/prog"])
        assert below(found, tree) == ["bin/tool", "odd/libfar.so.1", "odd/libplain.so"]
        assert found.warnings == (f"libnowhere.so is missing: needed by {tree / 'bin/tool'}",)

    def test_an_executed_program_whose_interpreter_cannot_be_used_is_told(self, tree: LibraryTree) -> None:
        run = run_of(tree)
        run.execute(tree.add("bin/tool", make_elf(interpreter=tree / "ld.so", code=X86_64_EXIT_0)))
        found = bundled([run], [tree / "bin/prog"])
        why = "cannot be read: No such file or directory"
        assert found.warnings == (f"{tree / 'bin/tool'} cannot run: its interpreter {tree / 'ld.so'} {why}",)

    def test_a_program_in_another_root_directory_has_its_loader_and_its_cache_there(self, tree: LibraryTree) -> None:
        tree.program("jail/bin/tool", needed=["libc.so.6"])
        for path in ("jail/lib/libc.so.6", "jail/usr/ld.so"):
            tree.library(path)
        tree.link(f"jail{GLIBC}", "/usr/ld.so")
        tree.add("jail/etc/ld.so.cache", b"")
        jail = tree / "jail"
        run = run_of(tree)
        tool = run.execute(f"{jail}/bin/tool", root=jail)
        run.use(Access.TESTED, f"{jail}/lib", by=tool, root=jail, loader=True)
        for path in (f"{jail}/etc/ld.so.cache", f"{jail}/lib/libc.so.6"):
            run.use(Access.READ, path, by=tool, root=jail, loader=True)
        run.use(Access.MAPPED, f"{jail}/lib/libc.so.6", by=tool, loader=True)
        assert brought(tree, run) == [
            "jail/bin/tool", "jail/etc/ld.so.cache", "jail/lib/libc.so.6", f"jail{GLIBC} -> /usr/ld.so",
            "jail/usr/ld.so",
        ]  # fmt: skip

    def test_a_program_that_a_loader_was_told_to_run_is_in_with_its_libraries(self, tree: LibraryTree) -> None:
        tree.library("lib/libtool.so")
        tree.program("bin/tool", needed=["libtool.so", "libown.so"], runpath=tree / "lib")
        run = run_of(tree)
        run.load(tree / "bin/tool", tree / "lib/libtool.so", by=run.execute(GLIBC))
        assert brought(tree, run) == ["bin/tool", "lib/libtool.so"]


class TestScripts:
    def script(self, tree: LibraryTree, path: str, line: str) -> str:
        return tree.add(path, f"#!{line}\n".encode())

    def test_a_script_is_in_with_what_runs_it(self, tree: LibraryTree) -> None:
        tree.library("lib/libsh.so")
        tree.program("real/sh", needed=["libsh.so"], runpath=tree / "lib")
        tree.link("bin/sh", "../real/sh")
        run = run_of(tree)
        run.execute(self.script(tree, "script", tree / "bin/sh -e"), real=tree / "real/sh")
        assert brought(tree, run) == ["bin/sh -> ../real/sh", "lib/libsh.so", "real/sh", "script"]

    def test_an_interpreter_can_be_a_script_itself_up_to_five_times(self, tree: LibraryTree) -> None:
        tree.add("6", STATIC)
        for number in range(6):
            self.script(tree, str(number), tree / str(number + 1))
        run = run_of(tree)
        run.execute(tree / "1", real=tree / "6")
        assert brought(tree, run) == ["1", "2", "3", "4", "5", "6"]
        run = run_of(tree)
        run.use(Access.EXECUTED, tree / "0")
        assert brought(tree, run) == ["0", "1", "2", "3", "4", "5"]

    def test_what_env_would_run_is_in_too(self, tree: LibraryTree, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", tree / "path")
        for name in ("path/one", "path/two", "usr/env"):
            tree.add(name, STATIC)
        run = run_of(tree)
        run.execute(self.script(tree, "first", tree / "usr/env one"), real=tree / "path/one")
        run.execute(self.script(tree, "second", tree / "usr/env -S A=1 two -x"), real=tree / "path/two")
        run.execute(self.script(tree, "third", tree / "usr/env three"), real=tree / "usr/env")
        assert brought(tree, run) == ["first", "path/one", "path/two", "second", "third", "usr/env"]

    def test_an_interpreter_that_is_named_from_a_current_directory_is_in_as_what_ran(self, tree: LibraryTree) -> None:
        run = run_of(tree)
        run.execute(self.script(tree, "script", "bin/sh"), real=tree.add("bin/sh", STATIC))
        assert brought(tree, run) == ["bin/sh", "script"]

    def test_the_interpreter_of_a_script_in_another_root_directory_is_there(self, tree: LibraryTree) -> None:
        tree.add("jail/bin/sh", STATIC)
        run = run_of(tree)
        run.execute(self.script(tree, "jail/script", "/bin/sh"), real=tree / "jail/bin/sh", root=tree / "jail")
        assert brought(tree, run) == ["jail/bin/sh", "jail/script"]

    @pytest.mark.parametrize(
        "head",
        [
            b"#!/bin/echo\n",
            b"#!/bin/echo",
            b"#! \t/bin/echo \t\n",
            b"#!/bin/echo  -a  -v x \t\n",
            b"#!/bin/echo -a -b",
            b"#!/bin/echo\0x -a\n",
            b"#!/bin/echo a\0b\n",
            b"#!/bin/echo a \0b",
            b"#!/bin/echo " + b"x" * 300,
            b"#!/bin/echo " + b"x" * 241 + b" ",
            b"#!/bin/echo " + b"x" * 242 + b"\n",
            b"#!/" + b"x" * 300,
            b"#! \n/bin/echo",
            b"#!" + b" " * 300 + b"/bin/echo\n",
            b"#!" + b" " * 242 + b"/bin/echo",
            b"#!" + b" " * 243 + b"/bin/echo",
            b"#!" + b" " * 244 + b"/bin/echo",
            b"#!" + b" " * 244 + b"/bin/echo\n",
            b"#!" + b" " * 245 + b"/bin/echo\n",
        ],
    )
    def test_the_kernel_reads_the_first_line_so_too(self, tree: LibraryTree, head: bytes) -> None:
        path = tree.add("script", head)
        script = parse_script(head[:HEAD])
        try:
            said = subprocess.run([path], capture_output=True, check=True, timeout=20).stdout
        except OSError:
            assert script is None or not os.path.exists(script.interpreter)
            return
        assert script is not None
        words = [script.argument] if script.argument else []
        assert (script.interpreter, os.fsdecode(said)) == ("/bin/echo", " ".join([*words, path]) + "\n")


class TestLibraries:
    def test_a_library_that_was_loaded_by_its_path_is_in_with_what_it_needs(self, tree: LibraryTree) -> None:
        tree.library("plugins/real.so", needed=["libdeep.so", "libown.so"], runpath="$ORIGIN/deps")
        tree.library("plugins/deps/libdeep.so", needed=["libdeeper.so"], rpath="$ORIGIN")
        tree.library("plugins/deps/libdeeper.so")
        tree.link("plugins/one.so", "real.so")
        assert brought(tree, run_of(tree).load(tree / "plugins/one.so")) == [
            "plugins/deps/libdeep.so", "plugins/deps/libdeeper.so", "plugins/one.so -> real.so", "plugins/real.so",
        ]  # fmt: skip

    def test_its_origin_is_the_directory_by_which_it_was_opened(self, tree: LibraryTree) -> None:
        tree.library("store/plugin.so", needed=["libdeep.so"], runpath="$ORIGIN/deps")
        tree.library("plugins/deps/libdeep.so")
        tree.link("plugins/plugin.so", "../store/plugin.so")
        assert brought(tree, run_of(tree).load(tree / "plugins/plugin.so")) == [
            "plugins/deps/libdeep.so", "plugins/plugin.so -> ../store/plugin.so", "store/plugin.so",
        ]  # fmt: skip

    def test_a_library_that_was_loaded_before_satisfies_a_need(self, tree: LibraryTree) -> None:
        tree.library("jvm/server/libjvm.so", soname="libjvm.so")
        tree.library("jvm/libjava.so", needed=["libjvm.so"])
        run = run_of(tree).load(tree / "jvm/server/libjvm.so", tree / "jvm/libjava.so")
        assert brought(tree, run) == ["jvm/libjava.so", "jvm/server/libjvm.so"]

    def test_a_forked_process_has_what_its_parent_has_loaded(self, tree: LibraryTree) -> None:
        tree.library("a/libfirst.so")
        tree.library("b/second.so", needed=["libfirst.so"])
        run = run_of(tree).load(tree / "a/libfirst.so")
        assert brought(tree, run.load(tree / "b/second.so", by=run.fork())) == ["a/libfirst.so", "b/second.so"]

    def test_what_it_lacks_is_told_unless_it_was_loaded_after_all(self, tree: LibraryTree) -> None:
        tree.library("plugins/one.so", needed=["libfar.so", "libnowhere.so"])
        tree.library("odd/libfar.so")
        found = bundled([run_of(tree).load(tree / "plugins/one.so", tree / "odd/libfar.so")], [tree / "bin/prog"])
        assert below(found, tree) == ["odd/libfar.so", "plugins/one.so"]
        program = tree / "bin/prog"
        assert found.warnings == (
            f"libnowhere.so is missing: needed by {tree / 'plugins/one.so'}, which is needed by {program}",
        )

    def test_a_link_by_which_a_loaded_library_was_opened_again_is_in(self, tree: LibraryTree) -> None:
        link = tree.link("plugins/own.so", "../lib/libown.so")
        assert brought(tree, run_of(tree).use(Access.READ, link, loader=True)) == ["plugins/own.so -> ../lib/libown.so"]

    def test_what_was_mapped_and_is_no_library_is_in(self, tree: LibraryTree) -> None:
        run = run_of(tree).use(Access.MAPPED, tree.add("classes.jsa", b"cache"), tree.add("odd.so", b"\x7fELF"))
        assert brought(tree, run) == ["classes.jsa", "odd.so"]

    def test_a_library_that_the_run_made_is_not_in_but_what_it_needs_is(self, tree: LibraryTree) -> None:
        tree.library("made/plugin.so", needed=["libdeep.so"])
        tree.library("lib/libdeep.so")
        run = run_of(tree).use(Access.MADE, tree / "made").use(Access.MADE, tree / "made/plugin.so")
        assert brought(tree, run.load(tree / "made/plugin.so", tree / "lib/libdeep.so")) == ["lib/libdeep.so"]

    def test_a_library_below_dev_is_not_brought_by_the_trace(self, tree: LibraryTree) -> None:
        path = Path("/dev/shm", f"magicpak-test-{os.urandom(8).hex()}.so")
        path.write_bytes(make_elf(code=b"\x90", entry=0))
        try:
            found = bundled([run_of(tree).load(str(path))], [tree / "bin/prog"])
        finally:
            path.unlink()
        assert [line for line in lines(found.plan) if line.startswith("dev")] == ["dev/ written"]

    def test_a_static_program_loads_by_the_loader_of_its_machine(self, tree: LibraryTree) -> None:
        tree.library("nss/libnss_x.so.2", needed=["libdeep.so"], runpath="$ORIGIN")
        tree.library("nss/libdeep.so")
        program = tree.add("bin/prog", STATIC)
        run = HandmadeRun(program).use(Access.READ, tree / "nss/libnss_x.so.2", tree / "nss/libdeep.so")
        run.use(Access.MAPPED, tree / "nss/libnss_x.so.2", tree / "nss/libdeep.so")
        found = bundled([run], [program])
        assert below(found, tree) == ["nss/libdeep.so", "nss/libnss_x.so.2"]
        assert found.warnings == ()
        assert found.plan.get(os.path.realpath(GLIBC)) is not None

    @pytest.mark.skipif(not os.path.exists(MUSL), reason=f"there is no {MUSL}")
    @pytest.mark.needs("musl")
    def test_what_musl_opens_counts_as_opened_by_a_loader(self, tree: LibraryTree) -> None:
        tree.interpreter = MUSL
        program = tree.program("bin/prog", needed=["libown.so"], runpath="$ORIGIN/../lib")
        run = HandmadeRun(program).use(
            Access.READ, tree / "bin/../lib/libown.so", tree.library("plugins/x.so", needed=["libown.so"])
        )
        run.use(Access.MAPPED, tree / "lib/libown.so", tree / "plugins/x.so")
        found = bundled([run], [program], install_to=tree / "moved/bin/prog")
        assert below(found, tree) == ["moved/bin/prog", "moved/lib/libown.so", "plugins/x.so"]


class TestLibrariesFoundByName:
    def test_one_that_the_program_finds_by_its_name_is_found_by_it_in_the_bundle_too(self, tree: LibraryTree) -> None:
        tree.library("odd/libplug.so.1", needed=["libdeep.so"])
        tree.library("odd/libdeep.so")
        run = run_of(tree).load(tree / "odd/libplug.so.1", tree / "odd/libdeep.so")
        found = bundled([run], [tree / "bin/prog"], library_path=tree / "odd")
        assert below(found, tree) == ["odd/libdeep.so", "odd/libplug.so.1"]
        item = found.plan.get("/etc/ld.so.cache")
        assert item is not None
        assert isinstance(item.entry, Content)
        assert {name: [each.path for each in entries] for name, entries in parse_cache(item.entry.data).items()} == {
            "libplug.so.1": [tree / "odd/libplug.so.1"], "libdeep.so": [tree / "odd/libdeep.so"],
        }  # fmt: skip
        assert len(found.warnings) == 1

    def test_one_that_it_finds_beside_itself_moves_along(self, tree: LibraryTree) -> None:
        tree.program("bin/prog", needed=["libown.so"], rpath="$ORIGIN/../lib")
        tree.library("lib/libplug.so", needed=["libdeep.so"])
        tree.library("lib/libdeep.so")
        run = run_of(tree).load(tree / "bin/../lib/libplug.so", tree / "bin/../lib/libdeep.so")
        found = bundled([run], [tree / "bin/prog"], install_to=tree / "moved/bin/prog")
        assert below(found, tree) == [
            "moved/bin/prog", "moved/lib/libdeep.so", "moved/lib/libown.so", "moved/lib/libplug.so",
        ]  # fmt: skip

    def test_another_file_of_that_name_is_not_taken_for_it(self, tree: LibraryTree) -> None:
        tree.library("lib/plug.so")
        tree.library("plugins/plug.so")
        assert brought(tree, run_of(tree).load(tree / "plugins/plug.so")) == ["plugins/plug.so"]

    @pytest.mark.parametrize("hwcaps", [True, False])
    def test_a_variant_for_this_processor_comes_with_all_others_or_gives_way(
        self, *, tree: LibraryTree, hwcaps: bool
    ) -> None:
        levels = ["", "glibc-hwcaps/x86-64-v2/", "glibc-hwcaps/x86-64-v3/"]
        for level in levels:
            tree.library(f"lib/{level}libplug.so")
            tree.library(f"lib/{level}libown.so")
        origin = tree / "bin/../lib"
        run = run_of(tree).load(*(f"{origin}/glibc-hwcaps/x86-64-v3/{name}" for name in ("libown.so", "libplug.so")))
        variants = [f"lib/{level}{name}" for level in levels[1:] for name in ("libown.so", "libplug.so")]
        assert brought(tree, run, hwcaps=hwcaps) == [*(variants if hwcaps else []), "lib/libplug.so"]


class TestProof:
    """What a program has loaded by itself is held against the finished plan."""

    def test_a_library_must_find_there_what_it_finds_on_the_host(self, tree: LibraryTree) -> None:
        tree.library("plugins/one.so", needed=["libown.so", "libdeep.so"], runpath="$ORIGIN")
        tree.library("plugins/libdeep.so", needed=["libdeeper.so"], runpath="$ORIGIN")
        tree.library("plugins/libdeeper.so")
        names = ("one.so", "libdeep.so", "libdeeper.so")
        found = bundled([run_of(tree).load(*(tree / f"plugins/{name}" for name in names))], [tree / "bin/prog"])
        (problem,) = found.proof(found.plan.without(lambda item: item.path.name == "libdeeper.so"))
        one, deep = (tree / f"plugins/{name}" for name in names[:2])
        words = f"libdeeper.so is missing, needed by {deep}, which is needed by {one}"
        assert problem[:4] == (one, "libdeeper.so", deep, words)
        assert problem.kind is FailureKind.LIBRARY
        assert found.proof(found.plan.without(lambda item: item.path.name == "one.so")) == []

    def test_the_program_must_find_it_by_the_name_that_it_gives(self, tree: LibraryTree) -> None:
        tree.library("odd/libplug.so.1")
        run = run_of(tree).load(tree / "odd/libplug.so.1")
        found = bundled([run], [tree / "bin/prog"], library_path=tree / "odd")
        plug, prog = tree / "odd/libplug.so.1", tree / "bin/prog"
        (problem,) = found.proof(found.plan.without(lambda item: item.path.name == "ld.so.cache"))
        words = f"{prog} does not find it by its name libplug.so.1"
        assert problem[:4] == (plug, "libplug.so.1", prog, words)

    def test_of_a_program_that_does_not_start_nothing_else_is_told(self, tree: LibraryTree) -> None:
        tree.library("plugins/one.so", needed=["libown.so", "libdeep.so"], runpath="$ORIGIN")
        tree.library("plugins/libdeep.so")
        run = run_of(tree).load(tree / "plugins/one.so", tree / "plugins/libdeep.so")
        found = bundled([run], [tree / "bin/prog"])
        problems = found.proof(found.plan.without(lambda item: item.path.name in ("libown.so", "libdeep.so")))
        assert [(each.subject, each.missing) for each in problems] == [(tree / "bin/prog", "libown.so")]

    def test_what_another_program_has_loaded_is_no_help(self, tree: LibraryTree) -> None:
        tree.program("bin/other", needed=["libown.so"], runpath="$ORIGIN/../lib")
        tree.library("plugins/one.so", needed=["libdeep.so"])
        tree.library("plugins/libdeep.so")
        run = run_of(tree).load(tree / "plugins/libdeep.so", tree / "plugins/one.so")
        other = run.execute(tree / "bin/other")
        run.load(tree / "bin/../lib/libown.so", tree / "plugins/libdeep.so", tree / "plugins/one.so", by=other)
        found = bundled([run], [tree / "bin/prog"])
        assert found.proof(found.plan) == []
        problems = found.proof(found.plan.without(lambda item: item.path.name == "libdeep.so"))
        assert [(each.subject, each.missing, each.kind) for each in problems] == [
            (tree / "plugins/one.so", "libdeep.so", FailureKind.LIBRARY)
        ]


VERSIONED = "int f(void) { return 0; }"


@pytest.mark.needs("compiler")
def test_a_library_that_was_loaded_needs_its_versions_too(tmp_path: Path) -> None:
    """The version that a plugin needs is not defined by the library that takes the place of its own."""
    host = Path(os.path.realpath(tmp_path)) / "host"
    compiled(host / "bin/prog", "int main(void) { return 0; }")
    for name, versions in (("both", "ONE { }; TWO { global: f; };"), ("one", "ONE { global: f; };")):
        (host / name).write_text(versions)
        library = host / f"{name}.d/libf.so"
        compiled(library, VERSIONED, "-shared", "-fPIC", f"-Wl,--version-script={host / name},-soname,libf.so")
    library = host / "both.d/libf.so"
    source = "int f(void); int g(void) { return f(); }"
    plug = compiled(host / "plug.so", source, "-shared", "-fPIC", library, f"-Wl,-rpath,{host}/both.d")
    run = HandmadeRun(str(host / "bin/prog")).load(str(plug), str(library))
    found = bundled([run], [str(host / "bin/prog")])
    item = found.plan.get(str(library))
    assert item is not None
    other = Content((host / "one.d/libf.so").read_bytes(), item.entry.attributes)
    changed = found.plan.without(lambda each: each is item).adding([item._replace(entry=other)])
    (problem,) = found.proof(changed)
    assert (problem.subject, problem.missing, problem.kind) == (str(plug), "libf.so", FailureKind.LIBRARY)
    assert problem.message == f"{library} does not define version TWO, needed by {plug}"


PROGRAM = """
#include <dlfcn.h>
#include <stdio.h>
int main(int count, char **words) {
    for (int i = 1; i < count; i++)
        if (!dlopen(words[i], RTLD_NOW)) return puts(dlerror()), 1;
    return puts("loaded") < 0;
}
"""


@pytest.mark.needs("root", "chroot", "compiler")
def test_what_a_program_loads_by_name_and_by_path_it_loads_in_the_bundle_too(tmp_path: Path) -> None:
    host = Path(os.path.realpath(tmp_path)) / "host"
    compiled(host / "bin/prog", PROGRAM, "-ldl")
    compiled(host / "odd/libdeep.so", "int deep(void) { return 1; }", "-shared", "-fPIC")
    compiled(
        host / "odd/libnamed.so.1", "int deep(void); int named(void) { return deep(); }", "-shared", "-fPIC",
        f"-L{host}/odd", "-ldeep", "-Wl,-soname,libnamed.so.1",
    )  # fmt: skip
    compiled(
        host / "plugins/plug.so", "int named(void); int plug(void) { return named(); }", "-shared", "-fPIC",
        host / "odd/libnamed.so.1", f"-Wl,-rpath-link,{host}/odd",
    )  # fmt: skip
    arguments = ["libnamed.so.1", f"{host}/plugins/plug.so"]
    ran = magicpak(
        "--dynamic", *(f"--dynamic-arg={each}" for each in arguments), host / "bin/prog", tmp_path / "out",
        env={"LD_LIBRARY_PATH": f"{host}/odd"},
    )  # fmt: skip
    assert (ran.code, ran.stdout) == (0, "")
    assert ran.stderr.startswith("warning: created /etc/ld.so.cache so that the loader finds the same libraries")
    found = [name.removeprefix(f"{host}/"[1:]) for name in names(tmp_path / "out") if not name.endswith("/")]
    assert {"bin/prog", "odd/libdeep.so", "odd/libnamed.so.1", "plugins/plug.so", "etc/ld.so.cache"} < set(found)
    assert chrooted(tmp_path / "out", f"{host}/bin/prog", *arguments) == RunResult(0, "loaded\n", "")
    ran = magicpak(
        "--dynamic", *(f"--dynamic-arg={each}" for each in arguments), "--exclude=*/libdeep.so", host / "bin/prog",
        tmp_path / "other", env={"LD_LIBRARY_PATH": f"{host}/odd"},
    )  # fmt: skip
    without = f"{host}/odd/libnamed.so.1 will not load without {host}/odd/libdeep.so"
    end = "which is excluded by --exclude '*/libdeep.so'"
    assert ran.stderr.splitlines()[1:] == [f"warning: {without}, {end}"]
    assert "libdeep.so: cannot open" in chrooted(tmp_path / "other", f"{host}/bin/prog", *arguments).stdout
