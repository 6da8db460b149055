"""`--strip`, with the real strip, and with scripts in its place that fail in every way."""

import json
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from support.elf_files import AARCH64, KIND, PT_DYNAMIC, segments_of
from support.made_smaller import changed_bytes, give_attributes, without_root
from support.run_magicpak import RunResult, chrooted, compiled, done, executable, magicpak, tree

HELLO = '#include <stdio.h>\nint main(int n, char **a) { return printf("%d %s\\n", n, a[n - 1]) < 0; }\n'
READER = 'const char *const names[] = {".debug_line"};\n' + HELLO
OWN_DATA = "strip could move or remove data that the program reads from its own file"

pytestmark = pytest.mark.needs("compiler", "strip")


@pytest.fixture
def hello(here: Path) -> Path:
    """A program with debug sections and a symbol table."""
    return compiled(here / "hello", HELLO, "-g")


@pytest.fixture
def fake(tmp_path: Path) -> Callable[[str], str]:
    """Make a script that stands for strip: `$in` is the file to be stripped, `$out` what it is to make."""

    def make(body: str) -> str:
        lines = f'#!/bin/sh\nwhile [ "$1" != -o ]; do shift; done; out=$2 in=$3\n{body}\n'
        return str(executable(tmp_path / "bin/strip", lines.encode()))

    return make


def sections(path: Path) -> set[str]:
    """Return the names of the sections that strip may remove, and of those that it may not."""
    shown = subprocess.run(["readelf", "-SW", path], capture_output=True, text=True, check=True).stdout
    names = {word for line in shown.splitlines() for word in line.split() if word.startswith(".")}
    return {
        "debug" if name.startswith(".debug") else name
        for name in names
        if name.startswith(".debug") or name in (".symtab", ".note.gnu.build-id", ".gnu_debuglink", ".gnu_debugdata")
    }


def refused(stderr: str) -> list[str]:
    return [line for line in stderr.splitlines() if "stripped" in line]


@pytest.mark.needs("chroot")
@pytest.mark.parametrize("option", ["-pie", "-no-pie", "-static", "-static-pie"])
def test_a_stripped_program_runs_without_what_debuggers_and_linkers_need(option: str, here: Path) -> None:
    program = compiled(here / "hello", HELLO, "-g", "-Wl,--build-id", option)
    before = program.read_bytes()
    result = magicpak("-v", "--strip", "hello", "out", cwd=here)
    after = here / "out/hello"
    saved = len(before) - after.stat().st_size
    assert refused(result.stderr) == [f"info: stripped 1 file: {saved / 1000:.1f} kB less"]
    assert (sections(program), sections(after)) == (
        {"debug", ".symtab", ".note.gnu.build-id"},
        {".note.gnu.build-id"},
    )
    assert chrooted(here / "out", "/hello", "world") == RunResult(0, "2 world\n", "")
    assert program.read_bytes() == before


def test_a_program_that_reads_symbols_keeps_its_own(here: Path) -> None:
    compiled(here / "reader", READER, "-g")
    done("--strip", "reader", "out", cwd=here)
    assert sections(here / "out/reader") & {"debug", ".symtab"} == {".symtab"}
    subprocess.run(["strip", "--strip-debug", "reader"], cwd=here, check=True)
    result = magicpak("-v", "--strip", "reader", "again", cwd=here)
    assert refused(result.stderr) == [
        "info: nothing was stripped: no file has debug sections or a symbol table to remove"
    ]


@pytest.mark.needs("root")
def test_all_but_the_bytes_stays_and_every_path_of_the_inode_is_stripped(here: Path, hello: Path) -> None:
    give_attributes(hello)
    compiled(here / "more/libx.so", "int x;", "-g", "-shared")
    before = tree(here)
    done("hello", "out", "-i", "more", cwd=here)
    done("hello", "stripped", "-i", "more", "--strip", cwd=here)
    done("hello", "again.tar", "-i", "more", "--strip", cwd=here)
    (here / "again").mkdir()
    subprocess.run(
        ["tar", "--xattrs", "--xattrs-include=*", "-xpf", here / "again.tar"], cwd=here / "again", check=True
    )
    stripped = tree(here / "stripped")
    assert changed_bytes(tree(here / "out"), stripped) == ["hello", "more/hard", "more/libx.so"]
    assert without_root(tree(here / "again")) == without_root(stripped)
    after = tree(here)
    assert {name: after[name] for name in before if name != "."} == without_root(before)


@pytest.mark.parametrize("checksum", [".libx.so.1.hmac", "libx.so.1.hmac", ".libx.so.1.2.hmac", "libx.chk"])
@pytest.mark.usefixtures("prog")
def test_a_file_with_its_checksum_beside_it_stays_as_it_is(checksum: str, here: Path) -> None:
    library = compiled(here / "lib/libx.so.1.2", "int x;\n", "-g", "-shared", "-fPIC")
    for name in ("libx.so", "libx.so.1"):
        (here / "lib" / name).symlink_to("libx.so.1.2")
    (here / "lib" / checksum).write_text("a checksum")
    result = magicpak("-v", "--strip", "-ilib", "prog", "out", cwd=here)
    assert "nothing was stripped" in result.stderr
    assert (here / "out/lib/libx.so.1.2").read_bytes() == library.read_bytes()


def test_reports_and_the_limit_know_the_stripped_size(here: Path, hello: Path) -> None:
    dry = magicpak("--strip", "--dry-run", "--report", "json", "hello", cwd=here)
    entry = next(each for each in json.loads(dry.stdout)["entries"] if each["path"] == "/hello")
    assert entry["size"] + entry["stripped"] == hello.stat().st_size
    assert (entry["stripped"] > 2000, entry["compressed"], entry["source"]) == (True, 0, str(hello))
    drawn = magicpak("--strip", "--dry-run", "hello", cwd=here).stdout.splitlines()[0]
    sizes = f"{entry['size'] / 1000:.1f} kB, {entry['stripped'] / 1000:.1f} kB stripped"
    assert drawn == f"/hello  {sizes}  the executable to be bundled"
    static = compiled(here / "static", "int main() {}", "-g", "-static")
    limit = f"--size-limit={static.stat().st_size - 1}"
    assert magicpak(limit, "--dry-run", "static", cwd=here).code == 10
    assert magicpak(limit, "--dry-run", "--strip", "static", cwd=here).code == 0


@pytest.mark.needs("upx", "chroot")
def test_what_is_stripped_is_then_compressed_wherever_it_is(here: Path) -> None:
    compiled(here / "kit/hello", HELLO, "-g", "-static")
    (here / "link").symlink_to("kit/hello")
    result = magicpak("--strip", "-vc", "--exclude", "/link", "link", "out", "-i", "kit/*", cwd=here)
    assert result.code == 0, result.stderr
    assert b"UPX!" in (here / "out/kit/hello").read_bytes()
    report = json.loads(magicpak("--strip", "-c", "link", "--dry-run", "--report", "json", cwd=here).stdout)
    sizes = [each for each in report["entries"] if each["type"] == "file"]
    assert [each["stripped"] > 0 < each["compressed"] for each in sizes] == [True]
    assert sum(sizes[0][name] for name in ("size", "stripped", "compressed")) == (here / "kit/hello").stat().st_size


def test_what_strip_would_break_stays_as_it_is(here: Path, hello: Path) -> None:
    """Data at the end, debug files, objects for linkers; with a warning for what a program reads of itself."""
    (here / "kit").mkdir()
    subprocess.run(["objcopy", "--only-keep-debug", hello, "kit/hello.debug"], cwd=here, check=True)
    subprocess.run(["gcc", "-g", "-c", "-x", "c", "-", "-o", "kit/x.o"], cwd=here, check=True, input=b"int x;")
    subprocess.run(["ar", "rc", "kit/libx.a", "kit/x.o"], cwd=here, check=True)
    for name in ("kit/one", "kit/two"):
        executable(here / name, hello.read_bytes() + b"PK\x05\x06 and more")
    subprocess.run(["objcopy", "--add-section", "pydata=kit/x.o", hello, "kit/three"], cwd=here, check=True)
    executable(here / "kit/padded", hello.read_bytes() + b"\0")
    magicpak("--no-verify", "hello", "out", "-i", "kit", cwd=here)
    result = magicpak("--no-verify", "--strip", "hello", "stripped", "-i", "kit", cwd=here)
    assert refused(result.stderr) == ["warning: /kit/one, /kit/three, /kit/two are not stripped: " + OWN_DATA]
    plain, stripped = tree(here / "out"), tree(here / "stripped")
    changed = {name for name, node in plain.items() if node.what != stripped[name].what}
    assert changed == {"hello", "kit/padded"}


FAILING = {
    'echo "strip: $in: no time" >&2; exit 3': "strip exited with code 3: strip: FILE: no time",
    "kill -9 $$": "strip was killed by SIGKILL",
    "exit 0": "strip would damage it: the output cannot be read: No such file or directory",
    "mkdir -p $out/x": "strip would damage it: the output cannot be read: Is a directory",
    "mkfifo $out": "strip would damage it: the output cannot be read: Bad file descriptor",
    "rm $in": "strip would damage it: the output cannot be read: No such file or directory",
    "echo no > $out": "strip would damage it: it is not an ELF file",
    "ln -s /etc/passwd $out": "strip would damage it: the output cannot be read: Too many levels of symbolic links",
    "head -c 300 $in > $out": "strip would damage it: it is truncated: it should have at least 792 bytes",
    "tr '\\001' '\\002' < $in > $out": "strip would damage it: it has program headers of 14336 bytes each, not 56",
}


@pytest.mark.parametrize("body", FAILING)
def test_what_a_strip_does_not_manage_stays_as_it_is(
    body: str, here: Path, hello: Path, fake: Callable[[str], str]
) -> None:
    result = magicpak("--strip", "--strip-tool", fake(body), "hello", "out", cwd=here)
    cure = "another one can be named with --strip-tool, such as llvm-strip, which knows all machines"
    assert result.code == 0
    line = result.stderr.rstrip("\n")
    assert line == f"warning: /hello is not stripped: {FAILING[body]} ({cure})"
    assert (here / "out/hello").read_bytes() == hello.read_bytes()


@pytest.mark.parametrize("body", ["cat $in > $out", "cat $in $in > $out"])
def test_what_does_not_become_smaller_stays_as_it_is(
    body: str, here: Path, hello: Path, fake: Callable[[str], str]
) -> None:
    done("--strip", "--strip-tool", fake(body), "hello", "out", cwd=here)
    assert (here / "out/hello").read_bytes() == hello.read_bytes()


def test_a_program_of_another_machine_needs_a_strip_that_knows_it(here: Path, hello: Path) -> None:
    for name in ("kit/a", "kit/b"):
        foreign = bytearray(hello.read_bytes())
        struct.pack_into("<H", foreign, 18, AARCH64.machine)  # e_machine
        executable(here / name, bytes(foreign))
    result = magicpak("--strip", "--no-verify", "hello", "out", "-i", "kit/*", cwd=here)
    assert result.code == 0
    (line,) = refused(result.stderr)
    assert line.startswith("warning: /kit/a, /kit/b are not stripped: strip exited with code 1: strip: ")


def test_a_file_that_no_loader_takes_can_be_stripped_all_the_same(here: Path, hello: Path) -> None:
    broken = bytearray(hello.read_bytes())
    dynamic = next(each["p_offset"] for each in segments_of(bytes(broken), KIND) if each["p_type"] == PT_DYNAMIC)
    struct.pack_into("<QQ", broken, dynamic, 1, 1 << 40)  # DT_NEEDED, with a name that is nowhere
    executable(here / "kit/broken", bytes(broken))
    result = magicpak("-v", "--strip", "--no-verify", "hello", "out", "-i", "kit/broken", cwd=here)
    (line,) = refused(result.stderr)
    assert (result.code, line.startswith("info: stripped 2 files: ")) == (0, True)
    assert (here / "out/kit/broken").stat().st_size < len(broken)


def test_only_files_with_something_to_strip_are_given_to_it(
    here: Path, hello: Path, fake: Callable[[str], str]
) -> None:
    tool = fake(f'echo ran >> {here}/log; strip --strip-all -o "$out" "$in"')
    done("--strip", "--strip-tool", tool, "hello", "/bin/true", "out", cwd=here)
    assert (here / "log").read_text() == "ran\n"
    assert (here / "out/hello").stat().st_size < hello.stat().st_size


def test_without_a_strip_nothing_is_begun(here: Path, prog: Path) -> None:
    result = magicpak("--strip", "--strip-tool", "no-such-strip", prog.name, "out", cwd=here)
    assert result == RunResult(
        1,
        "",
        "error: no-such-strip: no such program (needed by --strip)\n"
        "hint: apt-get install binutils, or --strip-tool with the path of a strip\n",
    )
    result = magicpak("--strip-tool", "no-such-strip", prog.name, "out", cwd=here)
    assert result == RunResult(0, "", "warning: --strip-tool has no effect without --strip\n")
