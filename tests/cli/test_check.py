"""`--check DIR`: what is said of a directory, whoever made it."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from support.elf_files import AARCH64, I386, make_elf
from support.run_magicpak import RunResult, compiled, executable, magicpak, magicpak_as_nobody

HELP_HINT = "hint: magicpak --help lists all options\n"
LOADER = "/lib/ld-linux-aarch64.so.1"
# What is looked for in a glibc: its versions, and its default directories in one run.
INSIDE = b"GLIBC_2.17\0/lib/aarch64-linux-gnu/\0/usr/lib/aarch64-linux-gnu/\0"


@pytest.fixture
def tree(here: Path) -> Path:
    """A small system of another architecture, whose links lead to its own files although they are absolute."""
    root = here / "tree"
    executable(root / "usr/lib/ld.so", make_elf(kind=AARCH64, code=INSIDE))
    executable(root / "usr/lib/aarch64-linux-gnu/liba.so.1.2", make_elf(kind=AARCH64, soname="liba.so.1"))
    executable(root / "bin/app", make_elf(kind=AARCH64, interpreter=LOADER, needed=["liba.so.1"]))
    executable(root / "bin/script", b"#!/bin/app -x\n")
    (root / "lib").symlink_to("/usr/lib")
    (root / "usr/lib/ld-linux-aarch64.so.1").symlink_to("/lib/ld.so")
    (root / "usr/lib/aarch64-linux-gnu/liba.so.1").symlink_to("liba.so.1.2")
    return root


def checked(tree: Path, *more: str) -> RunResult:
    return magicpak("--check", "tree", *more, cwd=tree.parent)


def failed(count: str, *lines: str) -> RunResult:
    text = "".join(f"{line}\n" for line in lines)
    return RunResult(3, text, f"error: {count} in tree would not start\n")


def test_where_all_is_well_nothing_is_said(tree: Path) -> None:
    assert checked(tree) == RunResult(0, "", "")
    assert checked(tree, "-v") == RunResult(0, "", "info: checked 2 executables in tree: nothing is missing\n")
    assert checked(tree, "bin/script", "/bin/app") == RunResult(0, "", "")


def test_each_problem_is_a_line_on_stdout_that_begins_with_the_program(tree: Path) -> None:
    (tree / "usr/lib/aarch64-linux-gnu/liba.so.1.2").unlink()
    missing = "liba.so.1 is missing, needed by /bin/app"
    expected = failed(
        "2 of 2 executables",
        f"/bin/app: {missing}",
        f"/bin/script: its interpreter /bin/app (#!) does not start: {missing}",
    )
    result = checked(tree)
    warning = "warning: dangling link: /usr/lib/aarch64-linux-gnu/liba.so.1 -> liba.so.1.2\n"
    assert result == expected._replace(stderr=warning + expected.stderr)
    assert checked(tree, "/bin/app") == failed("1 of 1 executable", f"/bin/app: {missing}")


def test_a_loader_of_no_known_kind_is_a_warning(tree: Path) -> None:
    executable(tree / "usr/lib/ld.so", make_elf(kind=AARCH64))
    not_checked = "whether it finds what its programs need is not checked"
    assert checked(tree) == RunResult(0, "", f"warning: the loader {LOADER} is not known: {not_checked}\n")


def test_a_library_of_another_machine_is_passed_over(tree: Path) -> None:
    executable(tree / "usr/lib/aarch64-linux-gnu/liba.so.1.2", make_elf(kind=I386))
    assert checked(tree, "/bin/app") == failed(
        "1 of 1 executable", "/bin/app: liba.so.1 is missing, needed by /bin/app"
    )


@pytest.mark.parametrize(
    ("change", "trouble"),
    [
        (lambda path: path.unlink(), "cannot be read: No such file or directory"),
        (lambda path: path.chmod(0o644), "is not executable"),
        (lambda path: path.write_bytes(b""), "is empty"),
        (lambda path: path.write_bytes(make_elf(kind=I386)), "is for i386 (32-bit), not AArch64 (64-bit)"),
    ],
)
def test_an_interpreter_must_be_one(tree: Path, change: Callable[[Path], object], trouble: str) -> None:
    change(tree / "usr/lib/ld.so")
    assert checked(tree, "/bin/app") == failed("1 of 1 executable", f"/bin/app: its interpreter {LOADER} {trouble}")


def test_nothing_outside_counts(tree: Path) -> None:
    """Neither through `..`, nor through an absolute link, nor by a file that the host alone has."""
    outside = executable(tree.parent / "liba.so.1", make_elf(kind=AARCH64))
    library = tree / "usr/lib/aarch64-linux-gnu/liba.so.1"
    for target in (f"../../../../{outside.name}", str(outside)):
        library.unlink()
        library.symlink_to(target)
        assert checked(tree, "/bin/app").code == 3


def test_a_script_needs_its_interpreter_and_what_env_runs_for_it(tree: Path) -> None:
    executable(tree / "a", b"#!/usr/bin/nowhere\n")
    executable(tree / "b", b"#!/bin/app\n", mode=0o644)
    executable(tree / "c", b"#!/bin/env tool\n")
    shutil.copy(tree / "bin/app", tree / "bin/env")
    assert checked(tree) == failed(
        "2 of 5 executables",
        "/a: its interpreter /usr/bin/nowhere (#!) cannot be read: No such file or directory",
        "/c: tool, which env runs for it, is missing",
    )


def test_the_interpreter_of_a_script_must_start_itself(tree: Path) -> None:
    executable(tree / "bin/text", b"text")
    executable(tree / "bin/plain", (tree / "bin/app").read_bytes(), mode=0o644)
    for name, interpreter in {"a": "/bin/text", "b": "/bin/plain", "c": "/c", "d": "relative"}.items():
        executable(tree / name, f"#!{interpreter}\n".encode())
    result = checked(tree)
    text, plain, loop = result.stdout.splitlines()
    assert text == "/a: its interpreter /bin/text (#!) is not an ELF file"
    assert plain == "/b: its interpreter /bin/plain (#!) is not executable"
    assert loop.startswith("/c: its interpreter /c (#!) does not start: its interpreter /c (#!) does not start: ")
    assert loop.endswith(": its interpreter is a script, run by a script, and so on")
    assert result == failed("3 of 6 executables", text, plain, loop)


def test_what_is_named_must_be_elf_and_a_library_needs_a_loader(tree: Path) -> None:
    executable(tree / "bin/text", b"text")
    assert checked(tree, "/bin/text") == RunResult(4, "", "error: /bin/text is not an ELF file\n")
    (tree / "usr/lib/ld-linux-aarch64.so.1").unlink()
    why = "it is a library, and there is no loader for it"
    library = "/usr/lib/aarch64-linux-gnu/liba.so.1.2"
    assert checked(tree, library) == failed("1 of 1 executable", f"{library}: {why}")


def test_libraries_are_no_programs_though_they_may_be_executed(tree: Path) -> None:
    plugin = make_elf(kind=AARCH64, needed=["libhost.so"], soname="plugin.so", interpreter=LOADER)
    executable(tree / "plugin.so", plugin)
    executable(tree / "plain.so", make_elf(kind=AARCH64, needed=["libhost.so"]))
    assert checked(tree) == RunResult(0, "", "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--check"], "Option '--check' requires an argument."),
        (["--check", "tree", "--dynamic"], "--dynamic cannot be used with --check"),
        (["--check", "tree", "-i", "x"], "--include cannot be used with --check"),
        (["--symbols", "x", "y"], "--symbols requires --check"),
        (["--no-verify", "--check", "."], "--no-verify cannot be used with --check"),
    ],
)
def test_what_makes_no_sense_beside_it_is_refused(tree: Path, arguments: list[str], message: str) -> None:
    assert magicpak(*arguments, cwd=tree.parent) == RunResult(2, "", f"error: {message}\n{HELP_HINT}")


def test_what_is_not_there_is_told(tree: Path) -> None:
    assert magicpak("--check", "no", cwd=tree.parent) == RunResult(2, "", "error: --check no does not exist\n")
    assert checked(tree, "no") == RunResult(4, "", "error: no cannot be read in tree: No such file or directory\n")
    outer = checked(tree, "tree/bin/app")
    hint = "hint: EXE is a path in the directory: /bin/app\n"
    assert outer.stderr == f"error: tree/bin/app cannot be read in tree: No such file or directory\n{hint}"


def test_neither_root_nor_a_compiler_is_needed(tree: Path, public: Path) -> None:
    shutil.copytree(tree, public / "tree", symlinks=True)
    executable(public / "tree/secret", b"#!/no\n", mode=0o711)
    (public / "tree/closed").mkdir(mode=0o700)
    result = magicpak_as_nobody("--check", "tree", cwd=public)
    assert (result.code, result.stdout) == (0, "")
    if os.geteuid() == 0:
        assert result.stderr == "warning: skipped /closed and 1 more: not readable\n"


@pytest.mark.needs("compiler")
def test_every_version_that_is_needed_must_be_defined(here: Path) -> None:
    """A program against a library whose version it needs is taken away, or whose versions are all taken away."""
    (here / "map").write_text("ONE { };\nTWO { global: f; };\n")
    (here / "bare").write_text("ONE { global: f; };\n")
    (here / "f.c").write_text("int f(void) { return 0; }\n")
    (here / "app.c").write_text("int f(void); int main(void) { return f(); }\n")
    library = ["cc", "-shared", "-fPIC", "-nostdlib", "-Wl,-soname,libf.so", "-o", "root/usr/lib/libf.so", "f.c"]
    (here / "root/usr/lib").mkdir(parents=True)

    def run(*command: str) -> None:
        subprocess.run(command, cwd=here, check=True, capture_output=True)

    run(*library, "-Wl,--version-script=map")
    run("cc", "-o", "app", "app.c", "root/usr/lib/libf.so")
    assert magicpak("-r", "/app", "app", "out", cwd=here, env={"LD_LIBRARY_PATH": "root/usr/lib"}).code == 0
    inside = next((here / "out").rglob("libf.so"))
    assert magicpak("--check", "out", cwd=here) == RunResult(0, "", "")
    run(*library, "-Wl,--version-script=bare")
    shutil.copy(here / "root/usr/lib/libf.so", inside)
    assert magicpak("--check", "out", "app", cwd=here).stdout == (
        f"/app: /{inside.relative_to(here / 'out')} does not define version TWO, needed by /app\n"
    )
    run(*library)
    shutil.copy(here / "root/usr/lib/libf.so", inside)
    assert magicpak("--check", "out", cwd=here) == RunResult(0, "", "")


@pytest.mark.needs("compiler")
def test_symbols_of_a_program_that_defines_none_are_looked_for(here: Path) -> None:
    """GNU's hash table then lists no symbol, and does not tell how many there are."""
    root, alone = here / "root", ("-nostdlib", "-Wl,--hash-style=gnu")
    library = compiled(here / "libf.so", "void g(void) {}", "-shared", "-fPIC", "-Wl,-soname,libf.so", *alone)
    compiled(here / "app", "void g(void); void begin(void) { g(); }", library, "-Wl,-e,begin,-rpath,$ORIGIN", *alone)
    assert magicpak("app", root, cwd=here).code == 0
    assert magicpak("--check", root, "--symbols") == RunResult(0, "", "")
    compiled(root / "libf.so", "void f(void) {}", "-shared", "-fPIC", "-Wl,-soname,libf.so", *alone)
    found = magicpak("--check", root, "--symbols")
    assert (found.code, found.stdout) == (3, "/app: undefined symbol: g, needed by /app\n")


def test_symbols_are_looked_for_on_demand(here: Path) -> None:
    """The library loses one of the functions that the program calls; a weak one may be absent."""
    root, options = here / "root", ("-shared", "-fPIC", "-Wl,-soname,libf.so")
    library = compiled(here / "libf.so", "int f(void) { return 0; } int g(void) { return 0; }", *options)
    declared = "int f(void); int g(void); __attribute__((weak)) int h(void);"
    source = f"{declared} int main(void) {{ return h ? h() : f() + g(); }}"
    compiled(here / "app", source, library, "-Wl,-rpath,$ORIGIN")
    assert magicpak("app", root, cwd=here).code == 0
    assert magicpak("--check", root, "--symbols") == RunResult(0, "", "")
    compiled(root / "libf.so", "int f(void) { return 0; }", *options)
    assert magicpak("--check", root) == RunResult(0, "", "")
    found = magicpak("--check", root, "--symbols")
    assert (found.code, found.stdout) == (3, "/app: undefined symbol: g, needed by /app\n")


def test_a_chain_of_links_into_what_the_kernel_fills_is_no_dead_end(tree: Path) -> None:
    (tree / "etc").mkdir()
    (tree / "etc/mounts").symlink_to("/proc/self/mounts")
    (tree / "etc/mtab").symlink_to("mounts")
    assert checked(tree) == RunResult(0, "", "")
    (tree / "etc/other").symlink_to("nothing")
    (tree / "etc/first").symlink_to("other")
    warning = "warning: 2 dangling links, such as /etc/first -> other\n"
    assert checked(tree) == RunResult(0, "", warning)
