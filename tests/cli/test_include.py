import os
import socket
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from support.elf_files import PPC, X86_64_EXIT_0, make_elf, with_header
from support.run_magicpak import (
    RunResult,
    chrooted,
    compiled,
    done,
    executable,
    magicpak,
    magicpak_with_mounts,
    names,
    tree,
)

LOADER = "/lib64/ld-linux-x86-64.so.2"


pytestmark = pytest.mark.usefixtures("prog")


def made(root: Path, *lines: str) -> None:
    """Make `a/` directories, `a -> b` links, `a|` pipes and `a` files with their own path in them."""
    for line in lines:
        name, arrow, target = line.partition(" -> ")
        path = root / name.rstrip("|/")
        path.parent.mkdir(parents=True, exist_ok=True)
        if arrow:
            path.symlink_to(target)
        elif name.endswith("/"):
            path.mkdir(exist_ok=True)
        elif name.endswith("|"):
            os.mkfifo(path)
        else:
            path.write_text(name)


def bundled(here: Path, *patterns: str, cwd: Path | None = None, told: Sequence[str] = ()) -> list[str]:
    """Bundle `prog` with what `patterns` match, with the warnings `told`; return what has come along."""
    options = [f"--include={pattern}" for pattern in patterns]
    result = magicpak(*options, here / "prog", here / "out", "--install-to=/prog", cwd=cwd or here)
    assert result == RunResult(0, "", "".join(f"warning: {line}\n" for line in told))
    found = names(here / "out")
    found.remove("prog")
    os.rename(here / "out", here.parent / f"out{len(os.listdir(here.parent))}")
    return found


def below(here: Path, lines: Sequence[str]) -> list[str]:
    """Return of a bundle's paths those below `here`, and check that the others only lead there."""
    start = str(here)[1:] + "/"
    assert [line for line in lines if not line.startswith(start)] == [
        f"{parent}/" for parent in sorted(map(str, Path(start).parents))[1:]
    ]
    return [line.removeprefix(start) for line in lines if line.startswith(start) and line != start]


def test_a_relative_pattern_stands_at_the_same_path_below_the_root_and_an_absolute_one_at_its_own(here: Path) -> None:
    made(here, "conf/a", "conf/sub/b", "other/c")
    assert bundled(here, "conf/a", "./other") == ["conf/", "conf/a", "other/", "other/c"]
    assert below(here, bundled(here, f"{here}/conf/a", f"{here}/other")) == ["conf/", "conf/a", "other/", "other/c"]


def test_a_pattern_that_climbs_out_stands_at_its_absolute_path(here: Path) -> None:
    made(here, "conf/a", "work/b", "..c/d", "link -> conf")
    assert below(here, bundled(here, "../conf/*", cwd=here / "work")) == ["conf/", "conf/a"]
    assert below(here, bundled(here, "../conf", cwd=here / "work")) == ["conf/", "conf/a"]
    assert bundled(here, "work/../conf/a", "work/../work/*") == ["conf/", "conf/a", "work/", "work/b"]
    assert bundled(here, "..c") == bundled(here, "..c*") == ["..c/", "..c/d"]
    outside = here.parent / "outside"
    made(outside, "sub/x", "y")
    (here / "far").symlink_to("../outside/sub")
    assert below(outside, bundled(here, "far/../y")) == ["y"]
    assert below(outside, bundled(here, "far/../[y]")) == ["y"]


def test_a_match_is_a_file_a_tree_a_link_or_a_named_pipe(here: Path) -> None:
    made(here, "t/file", "t/pipe|", "t/empty/", "t/link -> file", "t/sub/deep/x", "t/sub/up -> ../file")
    everything = ["t/", "t/empty/", "t/file", "t/link -> file", "t/pipe|", "t/sub/", "t/sub/deep/", "t/sub/deep/x",
                  "t/sub/up -> ../file"]  # fmt: skip
    assert bundled(here, "t") == bundled(here, "t/") == bundled(here, "t/**") == bundled(here, "t/*") == everything
    assert bundled(here, "t/pipe") == ["t/", "t/pipe|"]
    assert bundled(here, "t/link") == ["t/", "t/file", "t/link -> file"]
    assert bundled(here, "t/sub/up") == ["t/", "t/file", "t/sub/", "t/sub/up -> ../file"]
    assert below(here, bundled(here, f"{here}/t")) == everything


def test_an_included_tree_is_what_it_is_on_the_host(here: Path) -> None:
    made(here, "t/file", "t/pipe|", "t/empty/", "t/link -> file", "t/sub/x")
    os.link(here / "t/file", here / "t/same")
    for path, mode in (("t", 0o2750), ("t/empty", 0o1777), ("t/file", 0o4755), ("t/pipe", 0o620), ("t/sub/x", 0o400)):
        (here / path).chmod(mode)
    if os.geteuid() == 0:
        for path in ("t/file", "t/empty", "t/link", "t/pipe"):
            os.chown(here / path, 12345, 54321, follow_symlinks=False)
        (here / "t/file").chmod(0o4755)
    os.setxattr(here / "t/sub", "user.note", b"n")
    os.setxattr(here / "t/sub/x", "user.note", b"m")
    for number, path in enumerate(["t/file", "t/link", "t/sub/x", "t/pipe", "t/sub", "t/empty", "t"]):
        os.utime(here / path, ns=(0, 10**18 + number), follow_symlinks=False)
    done("-it", "prog", "out", cwd=here)
    assert tree(here / "out/t") == tree(here / "t")
    done(f"-i{here}/t", "prog", "absolute", cwd=here)
    assert tree(here / "absolute" / str(here)[1:] / "t") == tree(here / "t")


@pytest.mark.usefixtures("listening")
def test_sockets_and_devices_are_left_out_with_a_warning_and_never_read(here: Path) -> None:
    made(here, "t/file")
    here_socket = f"skipped {here}/t/socket: a socket"
    assert bundled(here, "t", told=[here_socket]) == ["t/", "t/file"]
    assert bundled(here, "t/*", told=[here_socket]) == ["t/", "t/file"]
    assert bundled(here, "t/socket", told=[here_socket]) == ["t/"]
    assert bundled(here, "/dev/zero", "/dev/full", told=["skipped /dev/zero and 1 more: a device"]) == ["dev/"]


@pytest.fixture
def listening(here: Path) -> Iterator[None]:
    (here / "t").mkdir()
    with socket.socket(socket.AF_UNIX) as listening:
        os.chdir(here / "t")  # the name of a socket may be 107 bytes long
        listening.bind("socket")
        yield


@pytest.mark.needs("root")
def test_a_relative_device_is_left_out_too(here: Path) -> None:
    os.mknod(here / "zero", stat.S_IFCHR | 0o666, os.makedev(1, 5))
    told = [f"skipped {here}/zero: a device"]
    assert bundled(here, "zero", told=told) == bundled(here, "z*", told=told) == []


def test_what_the_kernel_makes_is_left_out_with_a_warning(here: Path) -> None:
    made(here, "t/mtab -> /proc/self/mounts")
    told = ["skipped /proc: provided by the kernel at run time"]
    assert bundled(here, "/proc/self/exe", told=told) == []
    assert bundled(here, "t", told=told) == ["t/", "t/mtab -> /proc/self/mounts"]


def test_links_that_lead_nowhere_stay_links_and_are_one_line(here: Path) -> None:
    made(here, "t/dangling -> gone", "t/far -> /none/gone", "t/loop -> pool", "t/pool -> loop")
    lines = ["t/", "t/dangling -> gone", "t/far -> /none/gone", "t/loop -> pool", "t/pool -> loop"]
    many = "{} dangling links, such as {}/t/{}"
    assert bundled(here, "t", told=[many.format(4, "", "dangling -> gone")]) == lines
    assert below(here, bundled(here, f"{here}/t", told=[many.format(4, here, "dangling -> gone")])) == lines
    assert bundled(here, "t/loop", told=[many.format(2, "", "loop -> pool")]) == [lines[0], *lines[3:]]
    done(
        "-i",
        "t",
        "-e",
        "*/dangling",
        "-e",
        "*/*oo*",
        "prog",
        "one",
        cwd=here,
        stderr="warning: dangling link: /t/far -> /none/gone\n",
    )
    done("-i", "t", "--no-verify", "prog", "two", cwd=here)


def test_a_link_into_the_output_is_one_to_what_is_not_there(here: Path) -> None:
    made(here, "t/latest -> out", "t/out/")
    told = "warning: dangling link: /t/latest -> out\n"
    done("-i", "t", "-r", "/prog", "prog", "t/out", cwd=here, stderr=told)


WHOLE = "hint: include what is needed there by its own path\n"


def test_a_link_to_the_root_or_to_what_holds_the_output_is_refused_by_name(here: Path) -> None:
    outside = here.parent / "outside"
    made(outside, "near -> ../here", "x")
    made(here, "t/up -> ..", "s/whole -> /")
    before = names(here)
    for pattern, what in (
        ("/", "/, the whole file system"),
        ("s/*", f"{here}/s/whole is a link to /, the whole file system"),
        ("s/whole/.", f"{here}/s/whole is a link to /, the whole file system"),
        ("t/up", f"{here}/t/up is a link to {here}, which holds OUTPUT"),
        (f"{outside}/n*", f"{outside}/near is a link to {here}, which holds OUTPUT"),
        (f"{outside}", f"{outside}/near is a link to {here}, which holds OUTPUT"),
    ):
        for layout in ("host", "directories"):
            result = magicpak("--include", pattern, "--layout", layout, "prog", "new/out", cwd=here)
            assert result == RunResult(2, "", f"error: --include {pattern}: {what}\n{WHOLE}")
    assert names(here) == before
    assert bundled(here, "s", "t") == ["s/", "s/whole -> /", "t/", "t/up -> .."]


@pytest.mark.needs("mount")
def test_what_the_kernel_makes_is_left_out_wherever_it_is_mounted(here: Path) -> None:
    made(here, "t/proc/", "t/sys/", "t/pts/", "t/version", "t/memory/", "t/mtab -> proc/mounts")
    line = (
        "mount -t proc none t/proc && mount -t sysfs none t/sys && mount -t devpts none t/pts &&"
        ' mount --bind /proc/version t/version && mount -t tmpfs none t/memory && echo x > t/memory/x && exec "$@"'
    )
    ran = magicpak_with_mounts(line, "-it", "--install-to=/prog", "prog", "out", cwd=here)
    told = f"warning: skipped {here}/t/proc and 3 more: provided by the kernel at run time\n"
    assert ran == RunResult(0, "", told)
    assert names(here / "out") == ["prog", "t/", "t/memory/", "t/memory/x", "t/mtab -> proc/mounts"]


def test_a_link_brings_what_it_leads_to_with_every_link_on_the_way(here: Path) -> None:
    made(here, "a/1 -> ../b/2", "b/2 -> ../c/3", "c -> d", "d/3", "d/4", "e -> a")
    assert bundled(here, "a") == ["a/", "a/1 -> ../b/2", "b/", "b/2 -> ../c/3", "c -> d", "d/", "d/3"]
    assert bundled(here, "e/1") == ["a/", "a/1 -> ../b/2", "b/", "b/2 -> ../c/3", "c -> d", "d/", "d/3", "e -> a"]
    made(here, "abs -> " + str(here / "d/4"))
    found = bundled(here, "abs")
    assert found[0] == f"abs -> {here}/d/4"
    assert below(here, found[1:]) == ["d/", "d/4"]


def test_a_link_to_a_directory_brings_the_whole_of_it_unless_it_is_above_the_link(here: Path) -> None:
    made(here, "t/dir -> ../other", "t/x", "other/y", "other/self -> .", "other/up -> ..", "other/back -> ../t")
    other = ["other/", "other/back -> ../t", "other/self -> .", "other/up -> ..", "other/y"]
    assert bundled(here, "t") == [*other, "t/", "t/dir -> ../other", "t/x"]
    assert bundled(here, "t/d*") == [*other, "t/", "t/dir -> ../other", "t/x"]
    assert bundled(here, "other/self") == [*other, "t/", "t/dir -> ../other", "t/x"]
    made(here, "around/up -> ..", "around/up2 -> ../around/up")
    assert bundled(here, "around") == ["around/", "around/up -> ..", "around/up2 -> ../around/up"]


def test_links_that_climb_above_the_current_directory_end_at_the_root_as_in_the_bundle(here: Path) -> None:
    made(here.parent, "outside/file")
    made(here, "conf/x -> ../../outside/file")
    assert bundled(here, "conf") == ["conf/", "conf/x -> ../../outside/file", "outside/", "outside/file"]


def test_the_output_is_never_included(here: Path) -> None:
    made(here, "t/x", "t/out/", "t/later/y")
    for pattern in ("t", f"{here}/t", "t/*", "**", "t/o*", f"{here}/t/out"):
        for output in ("t/out", "t/new/out"):
            result = magicpak("--include", pattern, "--install-to=/prog", "prog", output, cwd=here)
            assert (result.code, result.stderr) == (0, "")
            copies = [line for line in names(here / output) if line.endswith(f"{output}/")]
            assert (pattern, output, copies) == (pattern, output, [])
            os.rename(here / output, here.parent / f"done{len(os.listdir(here.parent))}")
            made(here, "t/out/")
            if (here / "t/new").exists():
                (here / "t/new").rmdir()


def test_a_pattern_that_matches_nothing_is_told_by_name(here: Path) -> None:
    made(here, "t/a.so")
    patterns = ["", "gone", "t/*.a", "t/{a,b}.so", "*.so", "t/A.so", "/none/\x1b*"]
    told = [f"--include {pattern} matches nothing".replace("\x1b", "\\x1b") for pattern in patterns]
    assert bundled(here, "t/a.so", *patterns, told=told) == ["t/", "t/a.so"]


def test_patterns_are_globs_over_components(here: Path) -> None:
    made(here, "t/a.so", "t/.hidden.so", "t/b.so", "t/s/c.so", "t/back\\slash", "t/{a,b}", "t/[z]")
    assert bundled(here, "t/*.so") == ["t/", "t/.hidden.so", "t/a.so", "t/b.so"]
    assert bundled(here, "**/c.so") == bundled(here, "t/**/c.so") == ["t/", "t/s/", "t/s/c.so"]
    assert bundled(here, "t/[!a].so") == ["t/", "t/b.so"]
    assert bundled(here, "t/back\\slash", "t/{a,b}") == ["t/", "t/back\\slash", "t/{a,b}"]
    assert bundled(here, "t/?back*", told=["--include t/?back* matches nothing"]) == []
    assert bundled(here, "t/[[]z]") == ["t/", "t/[z]"]
    assert below(here, bundled(here, f"{here}/*/a.so")) == ["t/", "t/a.so"]


def test_an_elf_file_brings_its_libraries_and_broken_ones_are_warnings(here: Path) -> None:
    lib = make_elf(soname="libx.so")
    executable(here / "t/libx.so", lib)
    executable(here / "t/plugin.so", make_elf(needed=["libc.so.6", "libgone.so"], runpath="$ORIGIN"))
    executable(here / "t/zlugin.so", make_elf(needed=["libgone.so"]))
    executable(here / "t/broken.so", b"\x7fELF")
    executable(here / "t/cut.so", with_header(lib, e_phoff=1 << 40))
    executable(here / "t/foreign.so", make_elf(kind=PPC, needed=["libc.so.6"]))
    executable(here / "t/noloader", make_elf(interpreter="/none/ld.so", code=X86_64_EXIT_0))
    executable(here / "t/x.o", make_elf(type=1))
    result = magicpak("-it", "prog", "out", cwd=here)
    assert (result.code, result.stdout) == (0, "")
    broken, cut, *others = result.stderr.splitlines()
    assert broken.startswith(f"warning: {here}/t/broken.so is included without libraries: it ")
    assert cut.startswith(f"warning: {here}/t/cut.so is included without libraries: it ")
    assert others == [
        f"warning: {here}/t/foreign.so is included without libraries: it is for another machine",
        f"warning: {here}/t/noloader cannot run: its interpreter /none/ld.so cannot be read: No such file or directory",
        f"warning: libgone.so is missing: needed by {here}/t/plugin.so and 1 more",
    ]
    assert "usr/lib/x86_64-linux-gnu/libc.so.6" in names(here / "out")
    assert tree(here / "out/t") == tree(here / "t")


@pytest.mark.needs("compiler", "chroot")
def test_a_relative_elf_file_finds_through_its_origin_what_it_finds_on_the_host(here: Path) -> None:
    compiled(here / "app/lib/libx.so", "int x(void) { return 42; }", "-shared", "-fPIC", "-Wl,-soname,libx.so")
    compiled(here / "app/bin/run", "int x(void); int main(void) { return x(); }", here / "app/lib/libx.so",
             "-Wl,-rpath,$ORIGIN/../lib")  # fmt: skip
    done("-iapp/bin", "prog", "out", cwd=here)
    assert [line for line in names(here / "out") if line.startswith("app")] == [
        "app/", "app/bin/", "app/bin/run", "app/lib/", "app/lib/libx.so",
    ]  # fmt: skip
    assert chrooted(here / "out", "/app/bin/run").code == 42


def test_a_tree_of_3000_files_goes_in_with_bounded_memory(here: Path) -> None:
    for number in range(3000):
        made(here, f"t/{number % 30}/{number}")

    def limited() -> None:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (200 << 20, 200 << 20))

    assert magicpak("-it", "prog", "out", cwd=here, preexec_fn=limited) == RunResult(0, "", "")
    assert tree(here / "out/t") == tree(here / "t")


@pytest.mark.needs("long paths")
def test_a_tree_deeper_than_a_path_can_say_is_an_error_of_one_line(here: Path) -> None:
    descriptor = os.open(here, os.O_RDONLY)
    for _ in range(30):
        os.mkdir("d" * 200, dir_fd=descriptor)
        below = os.open("d" * 200, os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = below
    os.close(descriptor)
    result = magicpak("-id*", "prog", "out", cwd=here)
    assert (result.code, result.stderr.count("\n"), result.stderr[-20:]) == (1, 1, " File name too long\n"[-20:])
    assert not (here / "out").exists()


@pytest.mark.parametrize("line", ["/bin/sh -e", "/usr/bin/env sh"])
def test_a_script_that_a_pattern_names_comes_with_what_runs_it(line: str, here: Path) -> None:
    for name in ("tool", "tree/other"):
        executable(here / name, f"#!{line}\necho here\n".encode())
    assert bundled(here, "tree") == ["tree/", "tree/other"]  # it may be data: only `-v` says that nothing runs it
    done("--include=tool", "prog", "whole", cwd=here)
    assert chrooted(here / "whole", "/tool").stdout == "here\n"


def test_a_script_that_a_pattern_names_and_nothing_runs_is_a_warning(here: Path) -> None:
    executable(here / "tool", b"#!/no/interpreter\necho here\n")
    told = ["/tool will not start: its interpreter /no/interpreter (#!) cannot be read: No such file or directory"]
    assert bundled(here, "tool", told=told) == ["root/", "tmp/", "tool", "var/", "var/tmp/"]
