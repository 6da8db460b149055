"""Programs that upx has packed already: what is inside them needs an interpreter and libraries as before."""

import json
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from support.run_magicpak import RunResult, chrooted, compiled, done, executable, magicpak, names

LIBRARY = "int answer(void) { return 42; }\n"
TOOL = """#include <stdio.h>
extern int answer(void);
char padding[20000] = {1};
int main(void) { return printf("%d\\n", answer() + padding[1]) < 0; }
"""
RUNNER = """#include <unistd.h>
int main(int n, char **a) { return execv(a[1], a + 1); }
"""
ANSWER = RunResult(0, "42\n", "")
UNKNOWN = "is packed by upx, and what it needs is not known"

pytestmark = pytest.mark.needs("upx", "compiler", "chroot")


def packed(path: Path, *options: str) -> Path:
    """Let upx pack the program at `path`."""
    subprocess.run(["upx", "-q", *options, str(path)], check=True, capture_output=True)
    return path


def made(here: Path, *options: str) -> Path:
    """Return a program that needs a library beside it."""
    compiled(here / "lib/libanswer.so", LIBRARY, "-shared", "-fPIC")
    return compiled(here / "tool", TOOL, f"-L{here}/lib", "-lanswer", "-Wl,-rpath,$ORIGIN/lib", *options)


@pytest.fixture
def tool(here: Path) -> Path:
    return packed(made(here))


def counting(here: Path) -> tuple[str, Path]:
    """Return the path of a upx that writes down how it is called, and where."""
    log = here / "upx.log"
    return str(executable(here / "bin/upx", f'#!/bin/sh\necho "$@" >> {log}\nexec upx "$@"\n'.encode())), log


@pytest.mark.parametrize("kind", ["-pie", "-no-pie"])
@pytest.mark.parametrize("how", [["-1"], ["--best"], ["--lzma"], ["--preserve-build-id", "--android-shlib"]])
def test_the_bundle_of_a_packed_program_has_all_that_of_the_original(kind: str, how: Sequence[str], here: Path) -> None:
    if kind == "-no-pie":
        how = [each for each in how if each != "--android-shlib"]
    program = made(here, kind)
    done(str(program), "plain", cwd=here)
    packed(program, *how)
    done(str(program), "out", cwd=here)
    assert names(here / "out") == names(here / "plain")
    in_bundle = here / "out" / program.relative_to("/")
    assert in_bundle.read_bytes() == program.read_bytes()
    assert chrooted(here / "out", str(program)) == ANSWER


@pytest.mark.parametrize("kind", ["-static", "-static-pie"])
def test_a_packed_static_program_needs_nothing(kind: str, here: Path) -> None:
    program = packed(compiled(here / "tool", TOOL.replace("answer()", "42").replace("extern", "//"), kind))
    result = magicpak("-v", str(program), "out", cwd=here)
    assert "tool needs 0 libraries\n" in result.stderr
    assert "verified 1 program: nothing is missing\n" in result.stderr
    assert [each for each in names(here / "out") if not each.endswith("/")] == [str(program)[1:]]


@pytest.mark.usefixtures("tool")
def test_its_libraries_move_with_it(here: Path) -> None:
    done("tool", "out", "-r/opt/bin/", cwd=here)
    assert (here / "out/opt/bin/lib/libanswer.so").exists()
    assert chrooted(here / "out", "/opt/bin/tool") == ANSWER


def test_reports_know_what_needs_the_libraries(here: Path, tool: Path) -> None:
    result = magicpak(str(tool), "--dry-run", "--report=json", cwd=here)
    [process] = json.loads(result.stdout)["processes"]
    needs = [need["name"] for need in process["objects"][0]["needs"]]
    assert needs == [process["interpreter"], "libanswer.so", "libc.so.6"]
    why = magicpak(str(tool), "--dry-run", f"--why={here}/lib/libanswer.so", cwd=here).stdout
    assert f"libanswer.so, found by RUNPATH, needed by {tool}\n" in why


def test_a_library_that_is_missing_is_missing(here: Path, tool: Path) -> None:
    (here / "lib/libanswer.so").unlink()
    result = magicpak("tool", "out", cwd=here)
    assert (result.code, result.stderr.splitlines()[:2]) == (
        3,
        ["error: a library is missing: libanswer.so", f"  libanswer.so is needed by {tool}"],
    )


def test_without_upx_it_is_in_the_bundle_alone_and_nothing_is_called_verified(here: Path, tool: Path) -> None:
    result = magicpak("-v", "--upx=none", str(tool), "out", cwd=here)
    cure = "install upx, bundle the unpacked program, or add --dynamic"
    said = [line for line in result.stderr.splitlines() if "wrote" not in line and "planned" not in line]
    assert (result.code, said) == (0, [f"warning: {tool} {UNKNOWN} (none: no such program): {cure}"])
    assert [each for each in names(here / "out") if not each.endswith("/")] == [str(tool)[1:]]


def test_only_the_programs_that_are_known_are_called_verified(here: Path, tool: Path) -> None:
    (here / "none").write_text("#!/bin/sh\nexit 1\n")
    (here / "none").chmod(0o755)
    result = magicpak("-v", "--upx=./none", "/bin/true", f"--include={tool}", "out", cwd=here)
    cure = "name another upx with --upx, bundle the unpacked program, or add --dynamic"
    assert result.code == 0
    assert "info: verified 1 program: nothing is missing\n" in result.stderr
    assert f"warning: {tool} {UNKNOWN} (./none -d exited with code 1): {cure}\n" in result.stderr


def test_a_upx_that_hangs_is_stopped(here: Path, tool: Path) -> None:
    upx = executable(here / "upx", b"#!/bin/sh\nsleep 60\n")
    result = magicpak("--upx=./upx", "--upx-timeout=0.2", str(tool), "out", "--no-verify", cwd=here)
    assert upx.exists()
    assert f"{tool} {UNKNOWN} (./upx did not finish within 0.2 seconds): " in result.stderr


@pytest.mark.usefixtures("tool")
def test_upx_is_run_once_for_each_file_and_for_no_other(here: Path) -> None:
    upx, log = counting(here)
    shutil.copy2(here / "tool", here / "copy")
    (here / "same").hardlink_to(here / "tool")
    done("/bin/true", "plain", f"--upx={upx}", cwd=here)
    assert not log.exists()
    result = magicpak("tool", "copy", "out", f"--upx={upx}", "-i", "same", "-e", "*libanswer*", "-c", cwd=here)
    assert result.code == 0
    assert [line.split()[:2] for line in log.read_text().splitlines()] == [["-d", "-o"]] * 2


def test_what_is_included_brings_its_libraries(here: Path, tool: Path) -> None:
    done("/bin/true", "out", "-i", str(tool), cwd=here)
    assert chrooted(here / "out", str(tool)) == ANSWER


@pytest.mark.needs("ptrace")
def test_what_a_run_executes_brings_its_libraries(here: Path, tool: Path) -> None:
    runner = str(compiled(here / "runner", RUNNER))
    for options in ((), ("--upx=none",)):
        result = magicpak(runner, "out", "-d", f"--dynamic-arg={tool}", *options, cwd=here)
        assert (result.code, UNKNOWN in result.stderr, "--dynamic" in result.stderr) == (0, bool(options), False)
        assert chrooted(here / "out", runner, str(tool)) == ANSWER
        shutil.rmtree(here / "out")


@pytest.mark.needs("ptrace")
def test_a_traced_program_has_used_what_the_original_uses(here: Path) -> None:
    """The program maps its loader itself; what that looks for is still not what the program has used."""
    (here / "empty").mkdir()
    program = made(here, f"-Wl,-rpath,{here}/empty")
    arguments = ("tool", "--dry-run", "-d", "-r/opt/", "--report=list")
    before = magicpak(*arguments, cwd=here).stdout.splitlines()
    packed(program)
    after = magicpak(*arguments, cwd=here).stdout.splitlines()
    # upx opens /proc/self/exe
    assert _without_sizes(after) == sorted([*_without_sizes(before), "/proc/"])


def _without_sizes(lines: Sequence[str]) -> list[str]:
    return sorted(line.split("\t")[0] for line in lines)


def test_one_that_is_packed_is_not_compressed_and_has_its_libraries(here: Path, tool: Path) -> None:
    done(str(tool), "out", "-c", cwd=here, stderr=f"warning: {tool} is not compressed: upx has packed it already\n")
    assert (here / "out" / tool.relative_to("/")).read_bytes() == tool.read_bytes()
    assert chrooted(here / "out", str(tool)) == ANSWER


def test_check_looks_into_packed_programs(here: Path, tool: Path) -> None:
    done(str(tool), "out", cwd=here)
    for named in ((), (str(tool),)):
        result = magicpak("-v", "--check", "out", *named, cwd=here)
        assert result == RunResult(0, "", "info: checked 1 executable in out: nothing is missing\n")
    library = here / "out" / (here / "lib/libanswer.so").relative_to("/")
    library.unlink()
    for named in ((), (str(tool),)):
        result = magicpak("--check", "out", *named, cwd=here)
        assert (result.code, result.stdout) == (3, f"{tool}: libanswer.so is missing, needed by {tool}\n")
        result = magicpak("-v", "--check", "out", "--upx=none", *named, cwd=here)
        assert (result.code, result.stdout) == (0, "")
        assert f"warning: skipped {tool}: it {UNKNOWN} (none: no such program)\n" in result.stderr
        assert "checked 0 executables in out" in result.stderr


def test_a_program_that_is_compressed_is_verified_as_the_original_is(here: Path) -> None:
    """Its own headers name neither an interpreter nor a library."""
    program = made(here)
    why = f"{program} will not start without {here}/lib/libanswer.so, which is excluded by --exclude '*libanswer.so'"
    for options in ((), ("-c",)):
        result = magicpak("-v", str(program), "-e", "*libanswer.so", f"out{len(options)}", *options, cwd=here)
        assert (result.code, f"warning: {why}\n" in result.stderr, "verified" in result.stderr) == (0, True, False)


def test_a_compressed_program_that_would_not_start_fails_the_run(here: Path) -> None:
    versions = here / "versions"
    versions.write_text("V1 { answer; };\n")
    library = ("-shared", "-fPIC", f"-Wl,--version-script={versions}")
    compiled(here / "lib/libanswer.so", LIBRARY, *library)
    compiled(here / "tool", TOOL, f"-L{here}/lib", "-lanswer", "-Wl,-rpath,$ORIGIN/lib")
    versions.write_text("V2 { answer; };\n")
    compiled(here / "lib/libanswer.so", LIBRARY, *library)
    plain, compressed = (magicpak("tool", "out", *options, cwd=here) for options in ((), ("-c",)))
    assert "does not define version V1" in plain.stderr
    assert (plain.code, compressed) == (3, plain)
