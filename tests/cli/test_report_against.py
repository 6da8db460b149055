"""`--report-against`: what has changed since an earlier report."""

import json
import shutil
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from support.elf_files import INTERPRETER, KIND, make_elf
from support.run_magicpak import RunResult, done, executable, magicpak, names

SCHEMA = json.loads((Path(__file__).parent.parent.parent / "docs/report.schema.json").read_text())
HINT = "hint: --report json --report-file FILE writes a report that later ones can be compared with\n"


@pytest.fixture
def old(here: Path) -> Path:
    """A report of a bundle of a program, of its library, and of four files, which are then made anew."""
    rebuild(here, "liba.so", small=1000, large=50_000, same=7, gone=20_000)
    report = here / "old.json"
    assert again(here, "--dry-run", "--report-file", report) == RunResult(0, "", "")
    rebuild(here, "libc.so", small=900, large=90_000, same=7, new=30_000)
    return report


def rebuild(here: Path, library: str, **files: int) -> None:
    shutil.rmtree(here / "kit", ignore_errors=True)
    executable(here / "kit" / library, make_elf(kind=KIND, soname=library))
    runpath = str(here / "kit")
    executable(here / "prog", make_elf(kind=KIND, interpreter=INTERPRETER, needed=[library], runpath=runpath))
    for name, size in files.items():
        (here / "kit" / name).write_bytes(bytes(size))


def again(here: Path, *options: str | Path) -> RunResult:
    return magicpak("prog", "-i", here / "kit/*", "--no-verify", *options, cwd=here)


def expected(here: Path) -> str:
    """Return what is printed below the first line."""
    kit, library = here / "kit", f"{(here / 'kit/libc.so').stat().st_size} B"
    return f"""\
libraries
+ libc.so
- liba.so

files
  {kit}/large  50.0 kB -> 90.0 kB  40.0 kB more
+ {kit}/new  30.0 kB
- {kit}/gone  20.0 kB
- {kit}/liba.so  {library}
+ {kit}/libc.so  {library}
  {kit}/small  1.0 kB -> 900 B  100 B less
"""


def size(report: Path) -> float:
    return int(json.loads(report.read_text())["totals"]["size"]) / 1000


def test_what_came_went_and_changed_is_printed_the_largest_first(here: Path, old: Path) -> None:
    after = size(old) + 49.9
    first = f"since old.json: 7 files, {after:.1f} kB (49.9 kB more)\n\n"
    assert again(here, "--dry-run", "--report-against", "old.json") == RunResult(0, first + expected(here), "")
    assert again(here, "out", "--report-against", "old.json") == RunResult(0, first + expected(here), "")
    assert str(here / "kit/new").lstrip("/") in names(here / "out")


def test_a_report_can_be_replaced_by_its_successor(here: Path, old: Path) -> None:
    printed = again(here, "out", "--report-against", "old.json", "--report-file", "old.json")
    assert printed.stdout.endswith(expected(here))
    changes = json.loads(old.read_text())["changes"]
    assert [each["path"] for each in changes["files"]][:3] == [
        f"{here}/kit/large",
        f"{here}/kit/new",
        f"{here}/kit/gone",
    ]
    printed = again(here, "--dry-run", "--report-against", "old.json")
    assert printed == RunResult(0, f"nothing has changed since old.json: 7 files, {size(old):.1f} kB\n", "")


def test_json_the_tree_and_the_page_have_the_changes(here: Path, old: Path) -> None:
    def printed(form: str) -> str:
        result = again(here, "--dry-run", "--report-against", "old.json", "--report", form)
        assert (result.code, result.stderr) == (0, "")
        return result.stdout

    document = json.loads(printed("json"))
    jsonschema.Draft202012Validator(SCHEMA).validate(document)
    before = json.loads(old.read_text())
    jsonschema.Draft202012Validator(SCHEMA).validate(before)
    assert before["changes"] is None
    changes = document["changes"]
    assert (changes["against"], changes["magicpak"]) == ("old.json", document["magicpak"])
    assert (changes["files_before"], changes["files_after"]) == (7, 7)
    assert (changes["size_before"], changes["size_after"]) == (before["totals"]["size"], document["totals"]["size"])
    assert (changes["libraries_added"], changes["libraries_removed"]) == (["libc.so"], ["liba.so"])
    assert changes["files"][0] == {"path": f"{here}/kit/large", "size_before": 50_000, "size_after": 90_000}
    assert changes["files"][1] == {"path": f"{here}/kit/new", "size_before": None, "size_after": 30_000}
    tree = printed("tree")
    assert tree.endswith(expected(here))
    assert f"{here}/kit/same" in tree
    page = printed("html")
    assert "<summary>Files: 6</summary>" in page
    assert f"<code>  {here}/kit/large  50.0 kB -&gt; 90.0 kB  40.0 kB more</code>" in page


@pytest.mark.needs("dpkg")
def test_packages_that_came_went_or_have_another_version_are_named(here: Path) -> None:
    report = here / "old.json"
    done("/bin/ls", "--dry-run", "--no-hints", "--report-file", report, cwd=here)
    document = json.loads(report.read_text())
    libc = next(each for each in document["packages"] if each["name"] == "libc6")
    coreutils = next(each for each in document["packages"] if each["name"] == "coreutils")
    version = libc["version"]
    libc["version"], libc["size"] = "2.1-1", libc["size"] - 1000
    coreutils["name"] = "gnu-tools"
    coreutils["more"] = "than this version of magicpak knows"
    report.write_text(json.dumps(document))
    printed = magicpak("/bin/ls", "--dry-run", "--no-hints", "--report-against", report, cwd=here).stdout
    of_tools = f"{coreutils['version']}  {coreutils['size'] / 1000:.1f} kB"
    lines = printed.splitlines()
    assert lines[lines.index("packages") + 1 : lines.index("packages") + 4] == [
        f"+ coreutils {of_tools}",
        f"- gnu-tools {of_tools}",
        f"  libc6 2.1-1 -> {version}  1.0 kB more",
    ]
    assert "files" not in lines


def minimal(**changed: object) -> dict[str, Any]:
    totals = {"files": 0, "size": 0, "links": 0, "directories": 0, "fifos": 0}
    whole = {"schema_version": 1, "magicpak": "1", "totals": totals, "entries": [], "processes": [], "packages": None}
    return {**whole, **changed}


INVALID: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "is not JSON"),
    "bytes": (b"\xff\xfe\x00", "is not JSON"),
    "deep": (b"[" * 200_000, "is not JSON"),
    "digits": (b"9" * 10_000, "is not JSON"),
    "list": (b"[]", "is not a JSON report of magicpak: schema_version is missing or invalid"),
    "newer": (
        json.dumps(minimal(schema_version=2)).encode(),
        "was written by a newer magicpak (schema_version 2, this one knows 1)",
    ),
    "version": (json.dumps(minimal(schema_version=True)).encode(), "is not a JSON report of magicpak: schema_version"),
    "total": (json.dumps(minimal(totals={"size": -1})).encode(), "is not a JSON report of magicpak: size is missing"),
    "entries": (json.dumps(minimal(entries=[7])).encode(), "is not a JSON report of magicpak: type is missing"),
    "packages": (json.dumps(minimal(packages=[{}])).encode(), "is not a JSON report of magicpak: manager is missing"),
    "objects": (json.dumps(minimal(processes=[{}])).encode(), "is not a JSON report of magicpak: objects is missing"),
}


@pytest.mark.parametrize("name", INVALID)
def test_what_is_no_report_ends_the_run_before_any_work(name: str, here: Path, prog: Path) -> None:
    data, why = INVALID[name]
    (here / "old").write_bytes(data)
    result = magicpak(prog.name, "out", "--report-against", "old", cwd=here)
    assert (result.code, result.stdout) == (1, "")
    assert result.stderr.startswith(f"error: report old {why}")
    assert result.stderr.endswith(HINT)
    assert names(here) == ["old", "prog"]


def test_a_report_that_is_absent_or_has_no_end_is_refused(here: Path, prog: Path) -> None:
    for path, why in (
        ("no", "No such file or directory"),
        ("/dev/zero", "not a regular file"),
        (".", "Is a directory"),
    ):
        result = magicpak(prog.name, "out", "--report-against", path, cwd=here)
        assert result == RunResult(1, "", f"error: report {path} cannot be read: {why}\n{HINT}")
    with (here / "huge").open("wb") as file:
        file.truncate(1 << 33)
    result = magicpak(prog.name, "out", "--report-against", "huge", cwd=here)
    assert result == RunResult(1, "", f"error: report huge is larger than 64 MiB\n{HINT}")


def test_names_of_another_report_are_printed_safely(here: Path, prog: Path) -> None:
    entry = {"path": "/a\x1b[31m\n\ud800<b>", "type": "file", "size": 3}
    (here / "old.json").write_text(json.dumps(minimal(entries=[entry])))
    for form in ("tree", "json", "html"):
        run = magicpak(prog.name, "--dry-run", "--report-against", "old.json", "--report", form, cwd=here)
        assert (run.code, "\x1b" in run.stdout) == (0, False)
    alone = magicpak(prog.name, "--dry-run", "--report-against", "old.json", cwd=here).stdout
    assert "- /a\\x1b[31m\\n\\ud800<b>  3 B\n" in alone
    assert (
        "<b>  3 B"
        not in magicpak(prog.name, "--dry-run", "--report-against", "old.json", "--report", "html", cwd=here).stdout
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--report", "list", "out"], "--report-against and --report list both print to stdout"),
        (["--why", "x", "out"], "--report-against and --why both print to stdout"),
        (["-"], "a report and OUTPUT - both go to stdout: write the report to a file with --report-file"),
    ],
    ids=["list", "why", "stdout"],
)
def test_two_things_do_not_go_to_stdout(options: list[str], message: str, here: Path, old: Path) -> None:
    result = again(here, "--report-against", old, *options)
    assert result == RunResult(2, "", f"error: {message}\nhint: magicpak --help lists all options\n")
