import os
import resource
from collections.abc import Callable
from pathlib import Path

import pytest

from support.elf_files import X86_64_EXIT_0, make_elf
from support.run_magicpak import (
    RunResult,
    errors,
    executable,
    magicpak,
    magicpak_as_nobody,
    magicpak_with_mounts,
    names,
    tree,
)

LOADER = "/lib64/ld-linux-x86-64.so.2"


pytestmark = pytest.mark.usefixtures("prog")


def test_0_for_a_bundle_that_has_been_written(here: Path) -> None:
    assert magicpak("prog", "out", cwd=here) == RunResult(0, "", "")
    assert names(here / "out") == ["prog"]


def test_1_for_a_file_that_cannot_be_read(public: Path, prog: Path) -> None:
    executable(public / "prog", prog.read_bytes())
    for secret in ("conf/file", "tree/directory/file"):
        executable(public / secret, b"x", mode=0)
    (public / "tree/directory").chmod(0)
    before = tree(public)
    assert magicpak_as_nobody("prog", "out", "-iconf", cwd=public) == RunResult(
        1, "", f"error: cannot read {public}/conf/file: Permission denied\n"
    )
    assert magicpak_as_nobody("prog", "out", "-itree", cwd=public) == RunResult(
        1, "", f"error: cannot read {public}/tree/directory: Permission denied\n"
    )
    assert tree(public) == before


def test_1_for_two_different_things_at_one_path(here: Path) -> None:
    executable(here / "sub/prog", (here / "prog").read_bytes())
    assert magicpak("prog", "sub/prog", "-rbin/", "out", cwd=here) == RunResult(
        1,
        "",
        "error: conflict at /bin/prog in the bundle: the input prog; and the input sub/prog\n"
        "hint: bundle them at their own paths, without --install-to\n",
    )
    assert names(here) == ["prog", "sub/", "sub/prog"]


def test_2_for_one_path_that_is_to_hold_several_executables(here: Path) -> None:
    executable(here / "other", (here / "prog").read_bytes())
    assert magicpak("prog", "other", "out", "--install-to=bin/x", cwd=here) == RunResult(
        2,
        "",
        "error: --install-to bin/x is one path for 2 executables\n"
        "hint: end it with / to make it a directory: --install-to bin/x/\n",
    )


RELATIVE = "a relative path is taken from the current directory, in an image from its WORKDIR"


@pytest.mark.parametrize("resolver", ["static", "auto"])
def test_a_library_that_is_needed_by_its_path_is_reported_with_where_it_was_looked_for(
    resolver: str, here: Path
) -> None:
    needed = ["lib/libr.so", "$ORIGIN/lib/libo.so", "/none/liba.so"]
    executable(here / "one", make_elf(interpreter=LOADER, needed=needed, code=X86_64_EXIT_0))
    assert magicpak("one", "out", "--resolver", resolver, cwd=here) == RunResult(
        3,
        "",
        f"error: 3 libraries are missing: {', '.join(needed)}\n"
        f"  lib/libr.so is needed by {here}/one\n"
        f"    looked for at {here}/lib/libr.so; {RELATIVE}\n"
        f"  $ORIGIN/lib/libo.so is needed by {here}/one\n"
        f"    looked for at {here}/lib/libo.so\n"
        f"  /none/liba.so is needed by {here}/one\n"
        "    looked for at /none/liba.so\n",
    )


def test_a_library_that_is_found_by_a_relative_path_needs_a_working_directory(here: Path) -> None:
    executable(here / "lib/libr.so", make_elf(soname="libr.so"))
    executable(here / "one", make_elf(interpreter=LOADER, needed=["lib/libr.so"], code=X86_64_EXIT_0))
    assert magicpak("one", "out", cwd=here) == RunResult(
        0,
        "",
        f"warning: lib/libr.so is named by a relative path (in {here}/one): the image needs WORKDIR /\n",
    )


def test_a_relative_interpreter_is_taken_from_the_current_directory(here: Path) -> None:
    executable(here / "one", make_elf(interpreter="ld/none.so", needed=["libc.so.6"], code=X86_64_EXIT_0))
    assert magicpak("one", "out", cwd=here) == RunResult(
        3,
        "",
        "error: the interpreter ld/none.so cannot be used\n"
        "  ld/none.so cannot be read: No such file or directory: it is the interpreter (PT_INTERP) of one; "
        f"{RELATIVE}\n",
    )


def test_3_for_missing_libraries_all_at_once_with_the_chains_that_lead_to_them(here: Path) -> None:
    executable(here / "libmid.so", make_elf(soname="libmid.so", needed=["libgone2.so", "libgone.so"]))
    for name in ("one", "two"):
        program = make_elf(
            interpreter=LOADER, needed=["libgone.so", "libmid.so"], runpath="$ORIGIN", code=X86_64_EXIT_0
        )
        executable(here / name, program)
    result = magicpak("one", "two", "out", "--resolver=static", cwd=here)
    lines = result.stderr.splitlines()
    assert (result.code, result.stdout, lines[0]) == (
        3,
        "",
        "error: 2 libraries are missing: libgone.so, libgone2.so",
    )
    assert [line for line in lines if " is needed by " in line] == [
        line
        for name in ("one", "two")
        for line in (
            f"  libgone.so is needed by {here}/{name}",
            f"  libgone2.so is needed by {here}/libmid.so, which is needed by {here}/{name}",
        )
    ]
    assert any(line.startswith(f"    searched in {here}, ") for line in lines)
    assert names(here) == ["libmid.so", "one", "prog", "two"]


@pytest.mark.parametrize(
    ("interpreter", "why"),
    [
        ("/none/ld.so", "cannot be read: No such file or directory"),
        ("/etc", "is a directory"),
        ("/dev/zero", "is a character device"),
        ("/etc/passwd", "is not an ELF file"),
    ],
)
def test_3_for_an_interpreter_that_cannot_be_used(interpreter: str, why: str, here: Path) -> None:
    executable(here / "one", make_elf(interpreter=interpreter, code=X86_64_EXIT_0))
    result = magicpak("one", "out", cwd=here)
    assert (result.code, errors(result)) == (3, [f"error: the interpreter {interpreter} cannot be used"])
    assert f"  {interpreter} {why}" in result.stderr
    assert names(here) == ["one", "prog"]


@pytest.mark.parametrize("resolver", ["static", "auto"])
def test_1_for_a_loader_that_is_not_known(resolver: str, here: Path) -> None:
    executable(here / "ld.so", make_elf(code=X86_64_EXIT_0))
    executable(here / "one", make_elf(interpreter=f"{here}/ld.so", needed=["liba.so"], code=X86_64_EXIT_0))
    assert magicpak("one", "out", "--resolver", resolver, cwd=here) == RunResult(
        1,
        "",
        f"error: the loader {here}/ld.so is neither a glibc nor a musl that magicpak knows\n"
        "hint: if you trust the program, --resolver dlopen runs its loader to ask it, for which it needs a C "
        "compiler\n",
    )
    assert names(here) == ["ld.so", "one", "prog"]


@pytest.mark.needs("long paths")
@pytest.mark.parametrize("output", ["x" * 256, "x/" * 2500], ids=["name", "path"])
def test_5_for_an_output_whose_name_is_too_long(output: str, here: Path) -> None:
    result = magicpak("prog", output, cwd=here)
    assert (result.code, errors(result)) == (5, [f"error: output {output} cannot be accessed: File name too long"])


def test_4_for_an_input_and_5_for_an_output_that_will_not_do(here: Path) -> None:
    assert magicpak("none", "out", cwd=here).code == 4
    (here / "full").mkdir()
    (here / "full/file").touch()
    (here / "dangling").symlink_to("nothing")
    before = names(here)
    refusals = {
        "full": "is not empty (it contains file)",
        "prog": "already exists and is not a directory",
        "prog/x": "cannot be created: prog is not a directory",
        "": "is an empty path",
        "/": f"is not empty (it contains {min(os.listdir('/'))})",
        ".": "is not empty (it contains dangling)",
        "..": "is not empty (it contains here)",
        "dangling": "is a link to nothing, which does not exist",
        "/proc/x": None,
        "/dev/null": "already exists and is not a directory",
    }
    for output, why in refusals.items():
        result = magicpak("prog", output, cwd=here)
        assert (result.code, len(errors(result)), result.stdout) == (5, 1, ""), result
        assert why is None or errors(result) == [f"error: output {output or repr('')} {why}"]
    assert magicpak("prog", "prog", cwd=here).code == 5
    assert names(here) == before


def few_descriptors(count: int) -> Callable[[], None]:
    return lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (count, count))


def test_64_descriptors_are_enough_for_a_deep_tree_and_many_large_files(here: Path) -> None:
    deep = Path(here, "tree", *["d"] * 100)
    deep.mkdir(parents=True)
    for number in range(50):
        executable(here / f"tree/{number}", os.urandom(300_000))
        os.link(here / f"tree/{number}", deep / str(number))
    assert magicpak("prog", "out", "-itree", cwd=here, preexec_fn=few_descriptors(64)) == RunResult(0, "", "")
    assert (here / "out" / deep.relative_to(here) / "49").samefile(here / "out/tree/49")


def test_5_for_too_few_descriptors_to_write_and_remove_a_bundle_and_nothing_is_written(here: Path) -> None:
    before = names(here)
    assert magicpak("prog", "new/out", cwd=here, preexec_fn=few_descriptors(12)) == RunResult(
        5,
        "",
        "error: output new/out cannot be written: Too many open files\nhint: allow more open files: ulimit -n 1024\n",
    )
    assert names(here) == before


@pytest.mark.needs("root")
def test_5_for_a_directory_of_which_the_names_cannot_be_read(public: Path, prog: Path) -> None:
    executable(public / "prog", prog.read_bytes())
    (public / "out").mkdir(mode=0o733)
    refused = "error: output out cannot be read: Permission denied\n"
    assert magicpak_as_nobody("prog", "out", cwd=public) == RunResult(5, "", refused)
    assert names(public) == ["out/", "prog"]


@pytest.mark.needs("mount")
def test_5_for_a_file_system_that_is_full_and_nothing_is_left_there(here: Path) -> None:
    line = (
        "mount -t tmpfs -o size=64k none mnt && cd mnt && head -c 100000 /dev/zero > ../big &&"
        ' { "$@" || echo $? && find .; }'
    )
    (here / "mnt").mkdir()
    ran = magicpak_with_mounts(line, here / "prog", "new/out", "-i../big", "-rx", cwd=here)
    told = f"error: output new/out cannot be written: {here}/big: No space left on device\n"
    assert (ran.stdout, ran.stderr) == ("5\n.\n", told)
