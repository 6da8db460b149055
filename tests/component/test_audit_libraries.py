"""Audit libraries (DT_AUDIT, DT_DEPAUDIT): what the loader loads beside a program, in namespaces of their own."""

import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from support.elf_files import DT_AUDIT
from support.loader_oracle import GLIBC, MUSL, LibraryTree, inside, resolved
from support.run_magicpak import NOBODY, RunResult, magicpak

pytestmark = [
    pytest.mark.skipif(not os.path.exists(GLIBC), reason=f"there is no {GLIBC}"),
    pytest.mark.needs("compiler", "chroot"),
]

_AUDITOR = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
int dep(void);
unsigned la_version(unsigned version) {
  Dl_info mine;
  dladdr(la_version, &mine);
  printf("%s %d\n", mine.dli_fname, dep());
  fflush(stdout);
  return version;
}
"""
_RUNS_WITHOUT = "its loader prints an error, and the program runs without it"


class AuditTree(LibraryTree):
    """Programs that are audited, and audit libraries, which need libdep.so and print what they find."""

    def compile(self, path: str, source: str, *flags: str) -> str:
        self.add(f"{path}.c", source.encode())
        subprocess.run(["cc", "-o", self / path, self / f"{path}.c", *flags], check=True, cwd=self.root)
        return self / path

    def dependency(self, path: str, number: int) -> None:
        self.compile(path, f"int dep(void) {{ return {number}; }}", "-shared", "-fPIC", "-Wl,-soname,libdep.so")

    def auditor(self, path: str, *flags: str) -> str:
        linked = ["-shared", "-fPIC", "-Wl,--unresolved-symbols=ignore-all", "-Wl,--no-as-needed", self / "any.so"]
        if not os.path.exists(self / "any.so"):
            self.dependency("any.so", 0)
        return self.compile(path, _AUDITOR, *linked, *flags)

    def audited(self, path: str, *flags: str) -> str:
        return self.compile(path, "int main(void) { return 0; }", *flags)


@pytest.fixture
def tree() -> Iterator[AuditTree]:
    with tempfile.TemporaryDirectory() as directory:  # where another user can run what is in it
        os.chmod(directory, 0o755)
        yield AuditTree(Path(directory))


def said(program: str) -> tuple[int, list[str]]:
    """Return the exit code of `program`, and which audit libraries it was run with."""
    ran = subprocess.run([program], capture_output=True, text=True, check=False, env={})
    return ran.returncode, [os.path.normpath(line) for line in ran.stdout.splitlines()]


def agreed(tree: AuditTree, program: str, *, expected: Sequence[str], warnings: str = "") -> None:
    """Hold what a program prints here, and then in its bundle, against what is expected."""
    assert said(program) == (0, [*expected])
    assert magicpak(program, tree / "out") == RunResult(0, "", warnings)
    os.makedirs(tree / "out/proc/self")
    os.symlink(program, tree / "out/proc/self/exe")  # from which the loader has $ORIGIN
    assert inside(Path(tree / "out"), lambda: said(program)) == (0, [*expected])


@pytest.mark.parametrize("tag", ["--audit", "--depaudit"])
@pytest.mark.parametrize("flags", [["--disable-new-dtags"], ["--enable-new-dtags"]], ids=["rpath", "runpath"])
def test_either_path_of_the_program_is_searched_for_it_and_for_what_it_needs(
    tree: AuditTree, tag: str, flags: list[str]
) -> None:
    path = tree.auditor("lib/libaudit.so")
    tree.dependency("lib/libdep.so", 7)
    linked = ["-rpath", "$ORIGIN/../lib", f"{tag}=libaudit.so", *flags]
    agreed(tree, tree.audited("bin/app", f"-Wl,{','.join(linked)}"), expected=[f"{path} 7"])
    assert os.path.exists(tree / f"out{tree.root}/lib/libdep.so")


def test_with_a_runpath_of_its_own_what_it_needs_is_not_searched_in_the_programs(tree: AuditTree) -> None:
    path = tree.auditor("lib/libaudit.so", "-Wl,-rpath,$ORIGIN/deep")
    tree.dependency("lib/libdep.so", 7)
    tree.dependency("lib/deep/libdep.so", 8)
    app = tree.audited("app", "-Wl,-rpath,$ORIGIN/lib,--audit=libaudit.so")
    agreed(tree, app, expected=[f"{path} 8"])
    assert not os.path.exists(tree / f"out{tree.root}/lib/libdep.so")


def test_it_has_its_own_copies_of_what_the_program_has_loaded(tree: AuditTree) -> None:
    path = tree.auditor("lib/libaudit.so", "-Wl,-rpath,$ORIGIN/deep")
    tree.dependency("lib/libdep.so", 7)
    tree.dependency("lib/deep/libdep.so", 8)
    app = tree.audited("app", "-Wl,-rpath,$ORIGIN/lib,--audit=libaudit.so,--no-as-needed", tree / "lib/libdep.so")
    agreed(tree, app, expected=[f"{path} 8"])
    assert os.path.exists(tree / f"out{tree.root}/lib/libdep.so")


def test_of_a_list_what_is_missing_is_a_warning_and_the_program_runs(tree: AuditTree) -> None:
    first = tree.auditor("one.so", "-Wl,-rpath,$ORIGIN")
    second = tree.auditor("two.so", "-Wl,-rpath,$ORIGIN")
    tree.auditor("three.so", "-Wl,-rpath,/nowhere")
    tree.dependency("libdep.so", 7)
    app = tree.audited("app", f"-Wl,--audit=$ORIGIN/one.so::libnone.so:{second}:$ORIGIN/three.so")
    warnings = (
        f"warning: libnone.so is missing, an audit library (DT_AUDIT) of {app}: {_RUNS_WITHOUT}\n"
        f"warning: libdep.so is missing, needed by {tree / 'three.so'}, which is needed by {app} as an audit library: "
        f"{_RUNS_WITHOUT}\n"
    )
    agreed(tree, app, expected=[f"{first} 7", f"{second} 7"], warnings=warnings)
    assert magicpak("--check", tree / "out") == RunResult(0, "", warnings)


def test_one_that_only_the_environment_finds_is_found_in_the_bundle(tree: AuditTree) -> None:
    tree.auditor("lib/libaudit.so", "-Wl,-rpath,$ORIGIN")
    tree.dependency("lib/libdep.so", 7)
    app = tree.audited("app", "-Wl,--audit=libaudit.so")
    assert magicpak(app, tree / "out", env={"LD_LIBRARY_PATH": tree / "lib"}).code == 0
    assert inside(Path(tree / "out"), lambda: said(app)) == (0, [f"{tree / 'lib/libaudit.so'} 7"])


def test_it_moves_along_with_the_program(tree: AuditTree) -> None:
    tree.auditor("lib/libaudit.so", "-Wl,-rpath,$ORIGIN")
    tree.dependency("lib/libdep.so", 7)
    app = tree.audited("bin/app", "-Wl,-rpath,$ORIGIN/../lib,--audit=libaudit.so")
    assert magicpak("--install-to=/opt/bin/app", app, tree / "out") == RunResult(0, "", "")
    assert os.path.exists(tree / "out/opt/lib/libaudit.so")
    assert os.path.exists(tree / "out/opt/lib/libdep.so")


def test_it_is_reported_as_what_it_is(tree: AuditTree) -> None:
    tree.auditor("lib/libaudit.so", "-Wl,-rpath,$ORIGIN")
    tree.dependency("lib/libdep.so", 7)
    app = tree.audited("app", "-Wl,-rpath,$ORIGIN/lib,--audit=libaudit.so")
    tree_of_needs = magicpak("--dry-run", app).stdout
    assert f"libaudit.so => {tree / 'lib/libaudit.so'}  [RPATH, as an audit library]" in tree_of_needs
    assert f"libdep.so => {tree / 'lib/libdep.so'}  [RUNPATH]" in tree_of_needs
    why = magicpak("--dry-run", f"--why={tree / 'lib/libaudit.so'}", app).stdout
    assert f"libaudit.so, found by RPATH, an audit library (DT_AUDIT) of {app}" in why


def test_without_it_the_bundle_is_made_with_a_warning(tree: AuditTree) -> None:
    tree.auditor("lib/libaudit.so", "-Wl,-rpath,$ORIGIN")
    tree.dependency("lib/libdep.so", 7)
    app = tree.audited("app", "-Wl,-rpath,$ORIGIN/lib,--audit=libaudit.so")
    assert magicpak("--exclude=*/libaudit.so", app, tree / "out") == RunResult(
        0, "", f"warning: libaudit.so is missing, an audit library (DT_AUDIT) of {app}: {_RUNS_WITHOUT}\n"
    )


def test_that_of_a_library_is_ignored(tree: AuditTree) -> None:
    tree.auditor("libaudit.so", "-Wl,-rpath,$ORIGIN")
    tree.dependency("libdep.so", 7)
    flags = ["-shared", "-fPIC", "-Wl,-soname,libmine.so", f"-Wl,--audit={tree / 'libaudit.so'}"]
    library = tree.compile("libmine.so", "int mine(void) { return 0; }", *flags)
    app = tree.audited("app", "-Wl,-rpath,$ORIGIN,--no-as-needed", library)
    dynamic = subprocess.run(["readelf", "-dW", app], check=True, capture_output=True, text=True).stdout
    expected = [f"{tree / 'libaudit.so'} 7"] if "DEPAUDIT" in dynamic else []  # which some linkers make of it
    agreed(tree, app, expected=expected)


def test_musl_has_none(tree: AuditTree) -> None:
    if not os.path.exists(MUSL):
        pytest.skip(f"there is no {MUSL}")
    program = LibraryTree(tree.root, MUSL).program("app", first=[(DT_AUDIT, "libnone.so")])
    closure = resolved(program).closure
    assert (closure.auditors, closure.unaudited) == ((), [])


def test_there_are_as_many_as_there_are_namespaces(tree: AuditTree) -> None:
    paths = [tree.library(f"lib{index}.so") for index in range(20)]
    closure = resolved(tree.program("app", first=[(DT_AUDIT, ":".join(paths))])).closure
    assert [each.program.path for each in closure.auditors] == paths[:15]


@pytest.mark.needs("root")
@pytest.mark.parametrize(
    ("prepare", "loads"),
    [(lambda _: None, False), (lambda path: os.chmod(path, 0o4755), True)],
    ids=["plain", "set-user-ID"],
)
def test_for_a_set_user_id_program_it_must_be_the_systems_own(
    tree: AuditTree,
    prepare: Callable[[str], None],
    loads: bool,  # noqa: FBT001
) -> None:
    """A path is ignored, and so is a file without the set-user-ID bit."""
    path = tree.auditor("lib/libaudit.so", "-Wl,-rpath," + (tree / "lib"))
    tree.dependency("lib/libdep.so", 7)
    prepare(path)
    app = tree.audited("app", f"-Wl,-rpath,{tree / 'lib'},--audit={path}:libaudit.so")
    os.chmod(app, 0o4755)
    ran = subprocess.run([app], user=NOBODY, env={}, capture_output=True, text=True, check=True)
    assert ran.stdout == (f"{path} 7\n" if loads else "")
    assert [each.program.path for each in resolved(app).closure.auditors] == [path] * loads
