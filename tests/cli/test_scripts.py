"""Scripts as INPUT: what runs them comes along, and what they need; nothing is executed to find that out."""

import json
import os
import shutil
from pathlib import Path

import pytest

from support.run_magicpak import RunResult, chrooted, compiled, done, executable, magicpak, names

PROGRAMS = {"/bin/sh", "/usr/bin/env", "/usr/bin/sort", "/usr/bin/wc"}

pytestmark = pytest.mark.skipif(
    not all(os.path.exists(path) for path in PROGRAMS), reason=f"one of {sorted(PROGRAMS)} is missing"
)


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A directory with a script."""
    executable(tmp_path / "script", b"#!/bin/sh -e\necho said: $- $*\n")
    return tmp_path


@pytest.mark.needs("root", "chroot")
@pytest.mark.parametrize("line", ["/bin/sh", "/bin/sh -e", "/usr/bin/env sh", "/usr/bin/env -S A=1 sh -u"])
def test_a_script_does_in_its_bundle_what_it_does_on_the_host(line: str, here: Path) -> None:
    executable(here / "a b", f"#!{line}\necho said: $- $A $*\n".encode())
    done("./a b", "made", cwd=here)
    assert chrooted(here / "made", "/a b", "x").stdout == chrooted("/", here / "a b", "x").stdout != ""


@pytest.mark.needs("root", "chroot")
def test_a_chain_of_interpreters_comes_along(here: Path) -> None:
    executable(here / "second", f"#!{here}/script\n".encode())
    executable(here / "third", f"#!{here}/second -x\n".encode())
    done("third", "made", cwd=here)
    assert chrooted(here / "made", "/third", "y").stdout == f"said: e {here}/second -x /third y\n"


@pytest.mark.needs("root", "chroot")
def test_programs_of_a_pipeline_come_along_and_no_others(here: Path) -> None:
    executable(here / "script", b"#!/bin/sh\nprintf 'b\\na\\na\\n' | sort -u | wc -l\n[ -x /bin/ls ] || exit 3\n")
    done("script", "made", cwd=here)
    ran = chrooted(here / "made", "/script")
    assert (ran.code, ran.stdout) == (3, "2\n")


@pytest.mark.needs("root", "chroot")
def test_scripts_and_programs_are_inputs_together(here: Path) -> None:
    done("script", "/usr/bin/sort", "made", cwd=here)
    assert chrooted(here / "made", "/script", "x").stdout == "said: e x\n"
    assert chrooted(here / "made", "/usr/bin/sort", "/script").stdout.splitlines()[0] == "#!/bin/sh -e"


@pytest.mark.needs("root", "chroot")
def test_the_place_of_a_script_is_what_install_to_says(here: Path) -> None:
    done("--install-to=/app/run", "script", "made", cwd=here)
    assert chrooted(here / "made", "/app/run", "x").stdout == "said: e x\n"
    assert "script" not in names(here / "made")


@pytest.mark.needs("ptrace")
def test_a_script_is_watched_and_what_it_used_comes_too(here: Path) -> None:
    (here / "data").write_text("data\n")
    executable(here / "script", f"#!/bin/sh\nread -r x < {here}/data\n$X $x\n".encode())
    done("--dynamic", "--dynamic-env=X=/usr/bin/wc -c", "script", "made", "--dynamic-allow-failure", cwd=here)
    found = names(here / "made")
    assert {"script", f"{here}/data"[1:], "usr/bin/wc"} <= set(found)


@pytest.mark.needs("ptrace")
def test_of_a_command_only_what_the_script_did_counts(here: Path) -> None:
    for name in ("mine", "other"):
        (here / name).write_text("data\n")
    executable(here / "script", f"#!/bin/sh\ncat {here}/mine\n".encode())
    done("--dynamic", f"--dynamic-command=cat {here}/other; ./script", "script", "made", cwd=here)
    assert [name for name in names(here / "made") if name.endswith(("mine", "other"))] == ["mine", f"{here}/mine"[1:]]
    result = magicpak("--dynamic", f"--dynamic-command=cat {here}/other", "script", "none", cwd=here)
    assert (result.code, result.stderr.splitlines()[0]) == (
        6,
        "error: the command of --dynamic-command did not run script",
    )


@pytest.mark.needs("root", "mount")
def test_a_script_is_run_by_test(here: Path) -> None:
    done("--test", "--test-stdout=said: e", "script", "made", cwd=here)
    result = magicpak("--test", "--test-stdout=x", "script", "failed", cwd=here)
    assert (result.code, result.stderr.splitlines()[0]) == (
        8,
        "error: the bundle fails its test: /script did not print the expected output",
    )


@pytest.mark.needs("upx")
def test_with_compress_the_interpreter_is_packed_and_the_script_stays_as_it_is(here: Path) -> None:
    done("--compress", "script", "made", cwd=here)
    assert (here / "made/script").read_bytes() == (here / "script").read_bytes()
    shell = os.path.realpath("/bin/sh")
    assert (here / f"made{shell}").stat().st_size < os.stat(shell).st_size


def test_reports_say_what_runs_a_script(here: Path) -> None:
    executable(here / "outer", f"#!/usr/bin/env -S sh -u\n{here}/script\n".encode())
    document = json.loads(magicpak("--dry-run", "--report=json", "outer", cwd=here).stdout)
    assert [each for each in document["scripts"] if each["interpreter"] != "/bin/sh" or each["given"]] == [
        {"given": "outer", "path": "/outer", "interpreter": document["scripts"][0]["interpreter"], "arguments": ["-u"]}
    ]
    assert document["scripts"][1] == {
        "given": None,
        "path": f"{here}/script",
        "interpreter": "/bin/sh",
        "arguments": ["-e"],
    }
    why = magicpak("--dry-run", "--why=/usr/bin/env", "--why", f"{here}/script", "outer", cwd=here).stdout
    assert "the interpreter (#!) of" in why
    assert f"{here}/script (" in why
    assert f": executed by {here}/outer" in why


def test_a_script_without_its_interpreter_does_not_start_in_a_checked_directory(here: Path) -> None:
    done("--exclude=/usr/bin/*sh", "--no-verify", "script", "made", cwd=here)
    result = magicpak("--check", "made", cwd=here)
    assert (result.code, result.stdout.split(":")[0]) == (3, "/script")


@pytest.mark.needs("compiler")
def test_a_script_whose_interpreter_would_not_start_is_refused(here: Path) -> None:
    code = "extern int absent(void); int main(void) { return absent(); }"
    compiled(here / "absent.so", "int absent(void) { return 0; }", "-shared", "-fPIC", "-Wl,-soname,absent.so")
    compiled(here / "interpreter", code, f"{here}/absent.so")
    (here / "absent.so").unlink()
    executable(here / "script", f"#!{here}/interpreter\n".encode())
    result = magicpak("script", "made", cwd=here)
    why = f"its interpreter {here}/interpreter (#!) does not start: absent.so is missing, needed by {here}/interpreter"
    assert (result.code, [line for line in result.stderr.splitlines() if line.startswith(("error", "  /"))]) == (
        3,
        ["error: in an empty image /script would not start", f"  /script: {why}"],
    )


def test_a_program_for_env_that_no_path_of_an_image_has_is_named_with_its_directory(here: Path) -> None:
    (here / "tools").mkdir()
    shutil.copy("/usr/bin/env", here / "tools/mytool")
    executable(here / "script", b"#!/usr/bin/env mytool\n")
    result = magicpak("-i", "script", "/usr/bin/env", "made", cwd=here, env={"PATH": f"/usr/bin:{here}/tools"})
    why = f"mytool, which env runs for it, is in {here}/tools: set PATH in the image"
    assert result == RunResult(0, "", f"warning: /script will not start: {why}\n")
    assert (here / f"made{here}/tools/mytool").exists()


def test_a_script_that_may_not_be_executed_is_a_warning(here: Path) -> None:
    (here / "script").chmod(0o644)
    assert magicpak("script", "made", cwd=here) == RunResult(
        0, "", "warning: /script is not executable: the image cannot start it\n"
    )


def test_a_script_that_cannot_be_read_for_its_needs_is_a_warning(here: Path) -> None:
    executable(here / "script", b"#!/bin/sh\n" + b"echo $(" * 100)
    result = magicpak("script", "made", cwd=here)
    assert (result.code, result.stderr) == (
        0,
        f"warning: {here}/script is not read for what it needs: its commands are nested too deep\n",
    )


@pytest.mark.parametrize(
    "code", ["/bin/sh\nls /var/log", "/usr/bin/perl\nprint -d '/var/log'", "/usr/bin/python3\nprint(open('/var/log'))"]
)
def test_a_directory_that_is_written_to_comes_without_its_content_and_so_does_tmp(code: str, here: Path) -> None:
    if not os.path.exists(code[: code.index("\n")]):
        pytest.skip("that interpreter is not installed")
    executable(here / "script", f"#!{code}\n".encode())
    done("script", "made", cwd=here)
    assert list((here / "made/var/log").iterdir()) == list((here / "made/tmp").iterdir()) == []
    assert list((here / "made/root").iterdir()) == []
    assert (here / "made/tmp").stat().st_mode & 0o7777 == 0o1777
    assert (here / "made/var/log").stat().st_mode == Path("/var/log").stat().st_mode


def test_a_script_that_looks_up_users_finds_those_of_every_system_and_no_others(here: Path) -> None:
    executable(here / "script", b"#!/usr/bin/python3\nimport pwd\n")
    done("script", "made", cwd=here)
    names_of_users = [line.split(":")[0] for line in (here / "made/etc/passwd").read_text().splitlines()]
    assert names_of_users == ["root", "nobody"]


if os.path.exists("/usr/bin/java"):  # which is too large for the tests to install

    def test_java_that_a_script_executes_finds_its_library_and_the_user(here: Path) -> None:
        executable(here / "script", b"#!/bin/sh\njava -version\n")
        done("script", "made", cwd=here)
        assert list((here / "made").glob("**/libjava.so"))
        assert (here / "made/etc/passwd").exists()
