"""`--report`, `--why`, `--dry-run`, `--size-limit`: what is told of a bundle."""

import json
import os
import pty
import resource
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from magicpak.text import format_size as sized
from support import elf_files
from support.elf_files import INTERPRETER, KIND
from support.run_magicpak import (
    RunResult,
    command,
    done,
    environment,
    executable,
    magicpak,
    magicpak_as_nobody,
    names,
    tree,
)

SCHEMA = json.loads((Path(__file__).parent.parent.parent / "docs/report.schema.json").read_text())
TRIPLET = f"{os.uname().machine}-linux-gnu"
DEFAULTS = (f"/lib/{TRIPLET}", f"/usr/lib/{TRIPLET}", "/lib", "/usr/lib")
make_elf = partial(elf_files.make_elf, kind=KIND)
HELP_HINT = "hint: magicpak --help lists all options\n"
LIST_HINT = "hint: --report list prints every path in it\n"


@pytest.fixture
def at(here: Path) -> Path:
    """The place of a program that needs libone and libtwo, which both need libdeep, which is reached by a link.

    All is in one directory beside it, and so its place in the bundle is that on the host.
    """
    lib = here / "lib"
    executable(lib / "libdeep.so.1.0", make_elf(soname="libdeep.so.1"))
    (lib / "libdeep.so.1").symlink_to("libdeep.so.1.0")
    for name in ("libone.so", "libtwo.so"):
        executable(lib / name, make_elf(soname=name, needed=["libdeep.so.1"], runpath=str(lib)))
    program = make_elf(interpreter=INTERPRETER, needed=["libone.so", "libtwo.so"], runpath=str(lib))
    executable(here / "prog", program)
    return here


def size_of(path: Path) -> str:
    return sized(path.stat().st_size)


def test_the_tree_shows_who_needs_whom_each_library_once_and_all_else_with_its_reason(at: Path) -> None:
    (at / "data").write_text("12345")
    options = [f"--include={at}/data", "--mkdir=/var/empty", str(at / "prog")]
    assert magicpak(*options, at / "out") == RunResult(0, "", "")
    result = magicpak("--dry-run", *options)
    loader = Path(INTERPRETER).resolve()
    assert result == RunResult(
        0,
        f"{at}/prog  {size_of(at / 'prog')}  the executable to be bundled\n"
        f"├── {INTERPRETER} => {loader}  [the interpreter]  {size_of(loader)}\n"
        f"├── libone.so => {at}/lib/libone.so  [RUNPATH]  {size_of(at / 'lib/libone.so')}\n"
        f"│   └── libdeep.so.1 => {at}/lib/libdeep.so.1.0  [RUNPATH]  {size_of(at / 'lib/libdeep.so.1')}\n"
        f"└── libtwo.so => {at}/lib/libtwo.so  [RUNPATH]  {size_of(at / 'lib/libtwo.so')}  also needs libdeep.so.1\n"
        "\n"
        f"{at}/data  5 B  matched by --include {at}/data\n"
        "/var/empty/  --mkdir /var/empty\n"
        "\n"
        f"{total(at / 'out')}\n",
        "",
    )


def total(bundle: Path) -> str:
    nodes = tree(bundle).values()
    sizes = [node.what[0] for node in nodes if isinstance(node.what, tuple)]
    links = [node for node in nodes if node.kind == "link"]
    return f"{len(sizes)} files, {sized(sum(sizes))}, {len(links)} links"


def test_a_missing_library_is_in_the_tree_and_the_run_ends_as_without_a_report(at: Path) -> None:
    (at / "lib/libdeep.so.1").unlink()
    without = magicpak(at / "prog", at / "out")
    result = magicpak("--report=tree", at / "prog", at / "out")
    lines = result.stdout.splitlines()
    searched = f"{at}/lib, {', '.join(DEFAULTS)}, /etc/ld.so.cache"
    assert (result.code, result.stderr) == (3, without.stderr)
    assert without.code == 3
    assert f"│   └── libdeep.so.1 => not found in {searched}" in lines
    assert lines[-1].endswith(", 1 missing")
    assert f"├── libone.so => {at}/lib/libone.so" in result.stdout
    assert not (at / "out").exists()


def test_the_tree_names_the_first_directories_of_a_long_search_path(tmp_path: Path) -> None:
    path = ":".join(f"/nowhere/{number}" for number in range(500))
    program = executable(tmp_path / "prog", make_elf(interpreter=INTERPRETER, needed=["libnone.so.9"], runpath=path))
    result = magicpak("--dry-run", "--resolver", "static", program)
    shown = ", ".join(f"/nowhere/{number}" for number in range(12))
    assert result.code == 3
    assert f"libnone.so.9 => not found in {shown} and {488 + len(DEFAULTS) + 1} more" in result.stdout.splitlines()[-3]


def test_an_ordinary_user_without_a_compiler_sees_what_is_missing(public: Path) -> None:
    program = executable(public / "prog", make_elf(interpreter=INTERPRETER, needed=["libnone.so.9"]))
    result = magicpak_as_nobody("--dry-run", program, cwd=public, CC="/nonexistent/cc", PATH="/nonexistent")
    assert result.code == 3
    assert "└── libnone.so.9 => not found in " in result.stdout


def test_what_cannot_be_loaded_is_told_in_the_tree(at: Path) -> None:
    (at / "lib/libtwo.so").write_bytes(b"")
    result = magicpak("--dry-run", at / "prog")
    assert result.code == 3
    assert f"└── libtwo.so => cannot be loaded: {at}/lib/libtwo.so is empty\n" in result.stdout


def test_an_interpreter_that_is_missing_is_told_in_the_tree(here: Path) -> None:
    program = executable(here / "prog", make_elf(interpreter="/nonexistent/ld.so"))
    result = magicpak("--dry-run", program)
    assert result.code == 3
    assert "└── /nonexistent/ld.so => cannot be loaded: cannot be read: No such file or directory\n" in result.stdout


def test_what_was_excluded_is_told_in_the_tree_with_what_comes_of_it(at: Path) -> None:
    result = magicpak("--dry-run", "--exclude=*/libdeep*", at / "prog")
    lines = result.stdout.splitlines()
    deep = f"{at}/lib/libdeep.so.1"
    assert result.code == 0
    assert f"│   └── libdeep.so.1 => {deep}  [RUNPATH]  not in the bundle" in lines
    assert f"{deep}  excluded by --exclude" in lines
    warning = f"{at}/prog will not start without {deep}, which is excluded by --exclude '*/libdeep*'"
    assert warning in lines
    assert result.stderr == f"warning: {warning}\n"


def test_the_tree_of_a_long_chain_of_libraries_is_drawn(here: Path) -> None:
    count = 1500
    for number in range(count):
        needed = [f"lib{number + 1}.so"] if number + 1 < count else []
        executable(here / f"lib{number}.so", make_elf(soname=f"lib{number}.so", needed=needed, runpath=str(here)))
    executable(here / "prog", make_elf(interpreter=INTERPRETER, needed=["lib0.so"], runpath=str(here)))
    result = magicpak("--dry-run", here / "prog")
    assert result.code == 0
    assert len(result.stdout.splitlines()) == count + 4


def test_the_list_has_a_line_for_each_path_of_the_bundle(at: Path) -> None:
    result = magicpak("--report", "list", at / "prog", at / "out")
    rows = [line.split("\t") for line in result.stdout.splitlines()]
    assert result.code == 0
    assert [row[0][1:] for row in rows] == [name.partition(" -> ")[0] for name in names(at / "out")]
    assert [f"{at}/lib/libone.so", str((at / "lib/libone.so").stat().st_size)] in [row[:2] for row in rows]
    assert {row[2] for row in rows if row[0].endswith("libone.so")} == {
        f"libone.so, found by RUNPATH, needed by {at}/prog"
    }


def report(*args: str | Path) -> dict[str, Any]:
    """Return the JSON report, which must be as the schema says; of a dry run all that it says on stderr is ignored."""
    document: dict[str, Any] = json.loads(magicpak("--report=json", *args).stdout)
    jsonschema.Draft202012Validator(SCHEMA).validate(document)
    return document


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_json_tells_of_each_path_what_it_is_and_who_asked_for_it(at: Path) -> None:
    os.chmod(at / "lib/libone.so", 0o4711)
    document = report("--include=/dev/null", at / "prog", at / "out")
    entries = {entry.pop("path"): entry for entry in document["entries"]}
    status = (at / "lib/libone.so").stat()
    assert entries[f"{at}/lib/libone.so"] == {
        "type": "file",
        "size": status.st_size,
        "mode": "4711",
        "uid": status.st_uid,
        "gid": status.st_gid,
        "source": f"{at}/lib/libone.so",
        "target": None,
        "reason": f"libone.so, found by RUNPATH, needed by {at}/prog",
        "asked_by": f"{at}/prog",
        "package": None,
        "stripped": 0,
        "compressed": 0,
    }
    assert entries[f"{at}/lib/libdeep.so.1"]["target"] == "libdeep.so.1.0"
    assert (document["output"], document["dry_run"], document["complete"]) == (str(at / "out"), False, True)
    found = names(at / "out")
    assert document["totals"]["links"] == len([name for name in found if " -> " in name])
    assert document["totals"]["directories"] == len([name for name in found if name.endswith("/")])


def test_json_tells_what_each_object_needs_and_where_that_is(at: Path) -> None:
    (process,) = report("--dry-run", at / "prog")["processes"]
    objects = {each["file"]: each for each in process["objects"]}
    need = {
        "name": "libdeep.so.1",
        "found": f"{at}/lib/libdeep.so.1",
        "rule": "RUNPATH",
        "path": f"{at}/lib/libdeep.so.1.0",
        "optional": False,
        "trouble": None,
    }
    assert (process["given"], process["interpreter"]) == (str(at / "prog"), INTERPRETER)
    assert process["objects"][0]["file"] == str(at / "prog")
    assert objects[f"{at}/lib/libtwo.so"] == {
        "file": f"{at}/lib/libtwo.so", "path": f"{at}/lib/libtwo.so", "soname": "libtwo.so", "needs": [need],
    }  # fmt: skip


@pytest.mark.needs("dpkg")
def test_json_names_the_package_of_each_file() -> None:
    document = report("--dry-run", "/bin/ls")
    packages = [(each["manager"], each["name"]) for each in document["packages"]]
    by_name = {Path(entry["path"]).name: entry for entry in document["entries"] if entry["type"] == "file"}
    version = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", "libc6"], capture_output=True, check=True).stdout
    libc = document["packages"][by_name["libc.so.6"]["package"]]
    assert packages[by_name["ls"]["package"]] == ("dpkg", "coreutils")
    assert (libc["name"], libc["version"]) == ("libc6", version.decode())
    assert libc["size"] == by_name["libc.so.6"]["size"] + by_name[Path(INTERPRETER).resolve().name]["size"]
    assert {entry["package"] for entry in document["entries"] if entry["type"] == "directory"} == {None}


def test_json_tells_what_is_missing_and_what_was_left_out(at: Path) -> None:
    (at / "lib/libtwo.so").unlink()
    document = report("--dry-run", "--exclude=*/libdeep*", at / "prog")
    (missing,) = document["missing"]
    assert (missing["name"], missing["needed_by"], missing["trouble"]) == ("libtwo.so", [str(at / "prog")], None)
    assert missing["searched"][0] == str(at / "lib")
    assert document["complete"] is False
    assert [each["path"] for each in document["excluded"]] == [f"{at}/lib/libdeep.so.1", f"{at}/lib/libdeep.so.1.0"]


def test_json_tells_what_the_proof_has_found(at: Path) -> None:
    document = report("--dry-run", "--exclude=*/libdeep*", at / "prog")
    (problem,) = document["problems"]
    assert problem["is_error"] is False
    assert document["complete"] is True


def test_a_missing_library_that_is_below_the_current_directory_is_named_if_it_is_of_the_same_kind(here: Path) -> None:
    executable(here / "one", make_elf(interpreter=INTERPRETER, needed=["libx.so", "liby.so"]))
    executable(here / "a/libx.so", elf_files.make_elf(kind=elf_files.I386))
    executable(here / "b/libx.so", make_elf(soname="libx.so"))
    executable(here / "c/liby.so", b"text")
    hints = [line for line in magicpak("one", "out", cwd=here).stderr.splitlines() if line.startswith("hint: ")]
    add = f"add it to LD_LIBRARY_PATH (LD_LIBRARY_PATH={here}/b magicpak …)"
    assert hints == [f"hint: libx.so: found in {here}/b: {add}"]


def test_json_tells_what_keeps_a_program_from_starting(here: Path) -> None:
    """What is included comes before the library that the program finds on the host."""
    executable(
        here / "host/opt/prog", make_elf(interpreter=INTERPRETER, needed=["lib.so"], runpath="$ORIGIN/a:$ORIGIN/b")
    )
    executable(here / "host/opt/b/lib.so", make_elf(soname="lib.so"))
    executable(here / "work/opt/a/lib.so", b"text")
    arguments = ["--report=json", "../host/opt/prog", "--install-to=/opt/prog", "--include=opt/a/lib.so", "out"]
    result = magicpak(*arguments, cwd=here / "work")
    words = "lib.so cannot be loaded (/opt/a/lib.so is not an ELF file), needed by /opt/prog"
    assert json.loads(result.stdout)["problems"] == [{"path": "/opt/prog", "words": words, "is_error": True}]
    assert result.code == 3
    assert names(here / "work") == ["opt/", "opt/a/", "opt/a/lib.so"]


def test_a_moved_program_is_found_where_it_is(at: Path) -> None:
    document = report("--dry-run", "--install-to=/opt/moved", at / "prog")
    (process,) = document["processes"]
    assert process["objects"][0]["path"] == "/opt/moved"
    (moved,) = [entry for entry in document["entries"] if entry["path"] == "/opt/moved"]
    (one,) = [entry for entry in document["entries"] if entry["path"].endswith("libone.so")]
    assert moved["source"] == str(at / "prog")
    assert one["asked_by"] == "/opt/moved"
    result = magicpak("--dry-run", f"--why={at}/prog", "--install-to=/opt/moved", at / "prog")
    assert result == RunResult(0, f"/opt/moved ({size_of(at / 'prog')}): the executable to be bundled\n", "")


def test_names_that_are_no_text_and_control_characters_stay_readable(at: Path) -> None:
    odd = os.fsencode(at) + b"/\xff\x1b[31m\n\t"
    with open(odd, "wb"):
        pass
    include = b"--include=" + os.fsencode(at) + b"/\xff*"
    listed = magicpak("--dry-run", "--report=list", include, at / "prog").stdout
    entries = json.loads(magicpak("--dry-run", "--report=json", include, at / "prog").stdout)["entries"]
    assert f"{at}/\\xff\\x1b[31m\\n\\t\t0\tmatched by" in listed
    assert os.fsdecode(odd) in [entry["path"] for entry in entries]


def test_a_report_of_a_dynamic_run_tells_no_name_of_ours(here: Path) -> None:
    (here / "in").write_text("before")
    script = f"cat {here}/in && echo after > {here}/in"
    document = report("--dry-run", "--dynamic", "--dynamic-arg=-c", f"--dynamic-arg={script}", "/bin/sh")
    (entry,) = [entry for entry in document["entries"] if entry["path"] == f"{here}/in"]
    assert (entry["source"], entry["size"]) == (f"{here}/in", 6)


@pytest.mark.needs("upx", "dpkg")
def test_a_report_of_a_packed_program_names_the_original() -> None:
    document = report("--dry-run", "--compress", "/bin/bash")
    (entry,) = [entry for entry in document["entries"] if entry["path"].endswith("/bash")]
    assert entry["source"] == os.path.realpath("/bin/bash")
    assert entry["size"] < Path("/bin/bash").stat().st_size
    assert document["packages"][entry["package"]]["name"] == "bash"


def test_reports_are_the_same_each_time(at: Path) -> None:
    for form in ("tree", "list", "json", "html"):
        first, second = (magicpak("--dry-run", f"--report={form}", at / "prog") for _ in range(2))
        assert first == second
        assert first.code == 0
        assert str(at) in first.stdout


def test_why_gives_the_chain_of_reasons(at: Path) -> None:
    result = magicpak("--dry-run", "--why=libdeep.so.1.0", at / "prog")
    one, size = f"{at}/lib/libone.so", size_of(at / "lib/libdeep.so.1.0")
    assert result == RunResult(
        0,
        f"{at}/lib/libdeep.so.1.0 ({size}): libdeep.so.1, found by RUNPATH, needed by {one}\n"
        f"  {one}: libone.so, found by RUNPATH, needed by {at}/prog\n"
        f"  {at}/prog: the executable to be bundled\n"
        f"  also needed by {at}/lib/libtwo.so\n",
        "",
    )


@pytest.mark.parametrize(
    "way", ["{at}/lib/libdeep.so.1", "libdeep.so.1", "lib/libdeep.so.1", "{at}/lib/../lib//libdeep.so.1"]
)
def test_why_follows_links_and_tells_of_them(at: Path, way: str) -> None:
    lines = magicpak("--dry-run", "--why", way.format(at=at), at / "prog").stdout.splitlines()
    assert lines[0].startswith(f"{at}/lib/libdeep.so.1 (link to libdeep.so.1.0): libdeep.so.1, found by RUNPATH")
    assert any(line.startswith(f"{at}/lib/libdeep.so.1.0 (") for line in lines)


@pytest.mark.needs("ptrace")
def test_what_a_program_loads_by_itself_is_in_the_tree_and_in_the_chain(here: Path) -> None:
    options = ["--dry-run", "--dynamic", "--dynamic-arg=-Ic", "--dynamic-arg=import ssl", "/usr/bin/python3"]
    lines = magicpak(*options, cwd=here).stdout.splitlines()
    start = next(at for at, line in enumerate(lines) if line.endswith("  libraries loaded at run time"))
    loaded = lines[start + 1 : lines.index("", start)]
    (ssl,) = [line for line in loaded if "/_ssl." in line]
    why = magicpak("--why=libssl.so.3", *options, cwd=here).stdout.splitlines()
    assert "  [dlopen(3)]  " in ssl
    assert "=>" not in ssl
    assert any(line.lstrip("│ ├└─").startswith("libssl.so.3 => ") for line in loaded)
    assert why[-1].endswith(": the executable to be bundled")
    assert "/_ssl." in why[-2]


def test_why_can_be_asked_several_times_and_the_bundle_is_written(at: Path) -> None:
    result = magicpak("--why=libone.so", "--why=libtwo.so", at / "prog", at / "out")
    assert [line.split(" ")[0] for line in result.stdout.splitlines() if line[0] == "/"] == [
        f"{at}/lib/libone.so", f"{at}/lib/libtwo.so",
    ]  # fmt: skip
    assert (at / "out").is_dir()


@pytest.mark.parametrize(
    ("options", "path", "why"),
    [
        ([], "/nonexistent", "nothing needs or includes it"),
        ([], "nonexistent", "nothing needs or includes it"),
        (["--exclude=*/libdeep*"], "libdeep.so.1", "excluded by --exclude '*/libdeep*'"),
        (["--exclude=*/libdeep*"], "{at}/lib/libdeep.so.1.0", "excluded by --exclude '*/libdeep*'"),
    ],
)
def test_why_of_what_is_not_there_is_an_error_and_nothing_is_written(
    at: Path, options: list[str], path: str, why: str
) -> None:
    path = path.format(at=at)
    result = magicpak("--no-verify", "--why", path, *options, at / "prog", at / "out")
    assert result == RunResult(1, "", f"error: {path} is not in the bundle: {why}\n{LIST_HINT}")
    assert not (at / "out").exists()


def test_why_of_a_missing_library_says_so(at: Path) -> None:
    (at / "lib/libdeep.so.1").unlink()
    result = magicpak("--dry-run", "--why=libdeep.so.1", at / "prog")
    chain = f"{at}/lib/libone.so, which is needed by {at}/prog"
    assert result.code == 3
    assert result.stdout == f"libdeep.so.1 is not in the bundle: not found, needed by {chain}\n"


def test_a_dry_run_writes_nothing_and_checks_what_a_run_would(at: Path) -> None:
    before = names(at)
    assert magicpak("--dry-run", "--report=list", at / "prog", at / "out").code == 0
    assert names(at) == before
    (at / "out").mkdir()
    (at / "out/x").touch()
    assert magicpak("--dry-run", at / "prog", at / "out").code == 5


def test_a_dry_run_takes_files_for_inputs_and_tells_that_nothing_is_tested(at: Path, static: Path) -> None:
    result = magicpak("--dry-run", "--test", at / "prog", static)
    assert result.code == 0
    assert result.stderr == "warning: --test has no effect with --dry-run: nothing is written\n"
    assert f"{static}  " in result.stdout
    assert magicpak("--dry-run").code == 2


def test_the_report_is_there_although_the_bundle_is_not(at: Path) -> None:
    result = magicpak("--report=list", "--size-limit=10", at / "prog", at / "out")
    assert result.code == 10
    assert f"{at}/prog\t" in result.stdout


def test_a_report_file_is_written_in_the_form_of_its_name(at: Path) -> None:
    for name, start in {"r.json": "{\n", "r.html": "<!DOCTYPE html>", "r.txt": f"{at}/prog  "}.items():
        (at / name).write_text("old")
        assert magicpak("--dry-run", "--report-file", at / name, at / "prog") == RunResult(0, "", "")
        assert (at / name).read_text().startswith(start)
    assert not [name for name in names(at) if name.startswith(".")]


def test_an_existing_report_file_stays_the_same_file(at: Path) -> None:
    report, other = at / "r.txt", at / "other"
    report.write_text("old\n" * 10_000)
    report.chmod(0o640)
    other.hardlink_to(report)
    (at / "link").symlink_to("r.txt")
    before = report.stat()
    done("--dry-run", "--report-file", at / "link", at / "prog")
    after = report.stat()
    assert (after.st_ino, after.st_mode, after.st_uid, after.st_nlink) == (
        before.st_ino,
        before.st_mode,
        before.st_uid,
        2,
    )
    assert other.read_text().startswith(f"{at}/prog  ")
    assert "old" not in other.read_text()
    assert (at / "link").is_symlink()


@pytest.mark.parametrize("name", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1", "to-stdout"])
def test_a_report_to_a_redirected_descriptor_follows_what_the_file_has(at: Path, name: str) -> None:
    (at / "to-stdout").symlink_to("/dev/stdout")
    (at / "log").write_text("before\n")
    number = (at / "log").stat().st_ino
    with open(at / "log", "ab") as log:
        arguments = command("--report=list", "--report-file", name, "--dry-run", at / "prog")
        subprocess.run(arguments, stdout=log, env=environment(), cwd=at, check=True)
        log.write(b"after\n")
    lines = (at / "log").read_text().splitlines()
    assert (lines[0], lines[-1], (at / "log").stat().st_ino) == ("before", "after", number)
    assert any(line.startswith(f"{at}/prog\t") for line in lines)


def test_a_report_that_the_disk_has_no_room_for_leaves_the_old_one_as_it_was(at: Path) -> None:
    (at / "r.json").write_text("old")

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (64, 64))

    result = magicpak("--dry-run", "--report-file", at / "r.json", at / "prog", preexec_fn=limit)
    assert result == RunResult(5, "", f"error: report {at}/r.json cannot be written: File too large\n")
    assert (at / "r.json").read_text() == "old"


def test_a_report_file_can_be_a_pipe_and_goes_with_why(at: Path) -> None:
    result = magicpak("--report=list", "--report-file=/dev/stderr", "--why=libone.so", at / "prog", at / "out")
    assert f"{at}/prog\t" in result.stderr
    assert result.stdout.startswith(f"{at}/lib/libone.so (")


@pytest.mark.parametrize(
    ("file", "why"),
    [
        ("absent/report", "cannot be written: its directory does not exist"),
        ("lib", "is a directory"),
        ("out/report", "is inside OUTPUT and would become part of the bundle"),
        ("", "is an empty path"),
        ("/dev/fd/77", "is not an open file descriptor"),
        ("x" * 300, "cannot be written: File name too long"),
    ],
)
def test_a_report_file_that_cannot_be_written_ends_the_run_before_any_work(at: Path, file: str, why: str) -> None:
    (at / "out").mkdir()
    result = magicpak("--report=list", "--report-file", file, at / "prog", "out", cwd=at)
    assert result == RunResult(5, "", f"error: report {file or repr('')} {why}\n")
    assert names(at / "out") == []


def test_a_report_to_a_descriptor_for_reading_is_refused(at: Path) -> None:
    def read_only() -> None:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)

    result = magicpak("--report=list", "--report-file=/dev/stdin", at / "prog", at / "out", preexec_fn=read_only)
    assert result == RunResult(5, "", "error: report /dev/stdin is open for reading only\n")


def test_a_report_to_a_full_device_ends_the_run_and_nothing_is_written(at: Path) -> None:
    result = magicpak("--report=list", "--report-file=/dev/full", at / "prog", at / "out")
    assert result == RunResult(5, "", "error: report /dev/full cannot be written: No space left on device\n")
    assert not (at / "out").exists()


def test_a_report_file_that_can_only_be_begun_is_as_it_was(at: Path) -> None:
    (at / "report").write_text("old")
    result = magicpak(
        *("--report=json", "--report-file=report", "--dry-run", at / "prog"),
        cwd=at,
        preexec_fn=partial(resource.setrlimit, resource.RLIMIT_FSIZE, (100, 100)),
    )
    assert result == RunResult(5, "", "error: report report cannot be written: File too large\n")
    assert (at / "report").read_text() == "old"
    assert not [name for name in names(at) if name.startswith(".")]


@pytest.mark.needs("root")
def test_a_report_in_a_directory_of_somebody_else_ends_the_run_before_any_work(public: Path, static: Path) -> None:
    (public / "theirs").mkdir()
    arguments = ["--report=list", "--report-file=theirs/report", static.name, "out"]
    executable(public / static.name, static.read_bytes())
    refused = "error: report theirs/report cannot be written: Permission denied\n"
    assert magicpak_as_nobody(*arguments, cwd=public) == RunResult(5, "", refused)
    assert names(public) == ["static", "theirs/"]


def test_a_reader_that_goes_away_ends_nothing(at: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    ran = subprocess.run(
        command("--report=list", at / "prog", at / "out"),
        stdout=writing, stderr=subprocess.PIPE, env=environment(), check=False,
    )  # fmt: skip
    os.close(writing)
    assert (ran.returncode, ran.stderr) == (0, b"")
    assert (at / "out").is_dir()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ["--why=a", "--report=tree"],
            "--why and --report both print to stdout: write the report to a file with --report-file",
        ),
        (["--report=xml"], "'xml' is not one of 'tree', 'list', 'json', 'html'"),
        (["--size-limit=much"], "'much' is not a size such as 20MB, 800k or 64MiB"),
        (["--size-limit=-1"], "'-1' is not a size"),
    ],
)
def test_what_makes_no_sense_is_refused(at: Path, options: list[str], message: str) -> None:
    result = magicpak(*options, at / "prog", at / "out")
    assert result.code == 2
    assert message in result.stderr
    assert result.stderr.endswith(HELP_HINT)


def test_a_bundle_up_to_the_limit_is_written_and_a_larger_one_names_the_largest_files(at: Path) -> None:
    size = report("--dry-run", at / "prog")["totals"]["size"]
    assert magicpak(f"--size-limit={size}", at / "prog", at / "fits") == RunResult(0, "", "")
    result = magicpak(f"--size-limit={size - 1}", at / "prog", at / "out")
    loader = Path(INTERPRETER).resolve()
    lines = result.stderr.splitlines()
    assert result.code == 10
    assert lines[0] == f"error: the bundle is {sized(size)}, 1 B over the limit of {sized(size - 1)}"
    assert lines[1] == f"  {size_of(loader)}  {loader}: the interpreter (PT_INTERP) of {at}/prog"
    assert len(lines) == 1 + 5 + 1
    assert not (at / "out").exists()


def test_the_ten_largest_files_are_named_and_hard_links_count_once(here: Path, static: Path) -> None:
    for number in range(12):
        (here / f"data{number:02}").write_bytes(b"x" * (1000 + number))
    os.link(here / "data11", here / "again")
    options = [f"--include={here}/data*", f"--include={here}/again"]
    result = magicpak("--size-limit=1k", *options, static, here / "out")
    named = [line.split()[2].removesuffix(":") for line in result.stderr.splitlines() if line.startswith("  ")]
    assert len(named) == 10
    assert named[:2] == [f"{here}/again", f"{here}/data10"]


def test_missing_ones_are_red_on_a_terminal_and_nowhere_else(at: Path) -> None:
    (at / "lib/libdeep.so.1").unlink()
    red = "\x1b[31mlibdeep.so.1 => not found in "
    assert red in printed_on_terminal("--dry-run", at / "prog")
    assert "\x1b" not in printed_on_terminal("--dry-run", at / "prog", NO_COLOR="1")
    assert "\x1b" not in magicpak("--dry-run", at / "prog").stdout


def test_the_tree_is_drawn_with_what_the_terminal_can_show(at: Path) -> None:
    """By Python: the standalone executable writes UTF-8, whatever the locale."""
    words = [sys.executable, "-m", "magicpak", "--dry-run", str(at / "prog")]
    ran = subprocess.run(words, capture_output=True, env=environment(PYTHONIOENCODING="latin-1"), check=True)
    assert b"`-- libtwo.so => " in ran.stdout


def printed_on_terminal(*args: str | Path, **env: str) -> str:
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        command(*args), env=environment(TERM="xterm", **env), stdout=theirs, stderr=subprocess.DEVNULL
    ) as process:
        os.close(theirs)
        said = b""
        while True:
            try:
                said += os.read(ours, 4096)
            except OSError:
                break
        process.wait()
    os.close(ours)
    return os.fsdecode(said)
