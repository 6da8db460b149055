"""What stderr and the reports say of what a bundle may lack besides libraries, and when they do not."""

import json
import subprocess
from pathlib import Path

import pytest

from support.run_magicpak import RunResult, compiled, executable, magicpak

ASKS = """
#include <netdb.h>
#include <stdlib.h>
int main(int argc, char **argv) {
    struct addrinfo *found;
    return argc > 1 && (getaddrinfo(argv[1], 0, 0, &found) || system(argv[1]));
}
"""
SHELL = "hint: app runs commands of a shell: --with shell\n"


@pytest.fixture
def app(here: Path) -> Path:
    """A program that looks up hosts, and runs a shell, which each host of the tests has."""
    return compiled(here / "app", ASKS)


def hints(stderr: str) -> list[str]:
    return [line for line in stderr.splitlines() if line.startswith("hint: ")]


def test_a_suggestion_is_a_line_at_the_end_and_no_failure(here: Path, app: Path) -> None:
    result = magicpak(app, "out", cwd=here)
    assert (result.code, result.stdout) == (0, "")
    assert SHELL in result.stderr
    assert all(line.startswith("hint: app ") for line in result.stderr.splitlines())


@pytest.mark.parametrize("options", [["--no-hints"], ["--log-level=error"], ["--log-level=off"], ["--include=/bin/sh"]])
def test_there_is_none_where_nobody_wants_it_or_the_bundle_has_it(here: Path, app: Path, options: list[str]) -> None:
    result = magicpak(*options, app, "out", cwd=here)
    assert (result.code, SHELL in result.stderr) == (0, False)


def test_what_is_too_much_to_read_is_counted(here: Path) -> None:
    patterns = {"/etc": ("*.conf", "*/*.conf", "*/*"), "/usr/share": ("*/*",)}
    found = [each for root, globs in patterns.items() for glob in globs for each in sorted(Path(root).glob(glob))]
    files = list(dict.fromkeys(each for each in found if each.is_file() and '"' not in str(each)))[:300]
    named = "".join(f'fopen("{each}", "r"), ' for each in files)
    many = compiled(here / "many", f"#include <stdio.h>\nint main(void) {{ return {named} 0; }}")
    every = json.loads(magicpak("--dry-run", "--report=json", many, cwd=here).stdout)["suggestions"]
    assert len(every) > 12
    *shown, last = hints(magicpak(many, "out", cwd=here).stderr)
    assert (len(shown), last) == (
        12,
        f"hint: {len(every) - 12} more suggestion{'s' * (len(every) > 13)}: --dry-run shows all",
    )


def test_a_program_that_needs_nothing_gets_none(here: Path, static: Path) -> None:
    executable(here / "still", static.read_bytes())
    assert magicpak("still", "out", cwd=here) == RunResult(0, "", "")


@pytest.mark.parametrize("name", ["true", "ls", "jq", "xz"])
def test_programs_that_work_alone_get_none(here: Path, name: str) -> None:
    path = subprocess.run(["which", name], capture_output=True, text=True, check=False).stdout.strip()
    if not path:
        pytest.skip(f"{name} is not installed")
    assert magicpak(path, "out", cwd=here) == RunResult(0, "", "")


def test_a_json_report_has_them_though_nobody_sees_the_lines(here: Path, app: Path) -> None:
    result = magicpak("--dry-run", "--log-level=off", "--report=json", app, cwd=here)
    assert (result.code, result.stderr) == (0, "")
    found = json.loads(result.stdout)["suggestions"]
    assert {"with": "shell", "include": None, "reason": "app runs commands of a shell"} in found
    silent = magicpak("--dry-run", "--no-hints", "--report=json", app, cwd=here)
    assert (silent.stderr, json.loads(silent.stdout)["suggestions"]) == ("", [])


@pytest.mark.parametrize(
    ("form", "words"),
    [("tree", SHELL.removeprefix("hint: ")), ("html", "app runs commands of a shell: <code>--with shell</code>")],
)
def test_the_other_reports_have_a_section_for_them(here: Path, app: Path, form: str, words: str) -> None:
    assert words in magicpak("--dry-run", f"--report={form}", app, cwd=here).stdout
    assert words not in magicpak("--dry-run", "--no-hints", f"--report={form}", app, cwd=here).stdout


def test_a_list_is_of_paths_alone(here: Path, app: Path) -> None:
    listed = magicpak("--dry-run", "--report=list", app, cwd=here)
    assert all(line.count("\t") == 2 for line in listed.stdout.splitlines())
    assert SHELL in listed.stderr


def test_what_the_environment_of_the_run_asks_for_is_suggested(here: Path) -> None:
    if not Path("/usr/share/zoneinfo/Europe/Rome").exists():
        pytest.skip("there are no time zones here")
    source = "#include <time.h>\nint main(void) { time_t now = 0; return !localtime(&now); }"
    clock = compiled(here / "clock", source)
    line = "hint: clock shows local time: --with tz=Europe/Rome"
    assert hints(magicpak("--dry-run", clock, cwd=here, env={"TZ": "Europe/Rome"}).stderr) == [line]
    assert hints(magicpak("--dry-run", clock, cwd=here).stderr) == []
    assert hints(magicpak("--dry-run", clock, cwd=here, env={"TZ": "Nowhere/Land"}).stderr) == []


def test_a_file_that_a_program_names_is_suggested_unless_the_bundle_has_it(here: Path) -> None:
    if not Path("/etc/debian_version").exists():
        pytest.skip("this is not Debian")
    source = '#include <stdio.h>\nint main(void) { return !fopen("/etc/debian_version", "r"); }'
    reader = compiled(here / "reader", source)
    line = "hint: reader names /etc/debian_version: --include /etc/debian_version"
    assert hints(magicpak("--dry-run", reader, cwd=here).stderr) == [line]
    assert hints(magicpak("--dry-run", "--include=/etc/debian_version", reader, cwd=here).stderr) == []
    assert hints(magicpak("--dry-run", "--dynamic", reader, cwd=here).stderr) == []


def test_all_that_is_suggested_can_be_had(here: Path, app: Path) -> None:
    result = magicpak("--with=suggested", app, "out", cwd=here)
    assert result == RunResult(0, "", "")
    assert (here / "out/bin/sh").exists()
    assert magicpak("--with=suggested", "--with=shell", "--dry-run", "--report=list", app, cwd=here).stderr == ""


def test_what_is_suggested_does_not_take_the_place_of_what_is_asked_for(here: Path) -> None:
    if not Path("/usr/share/zoneinfo/Europe/Rome").exists():
        pytest.skip("there are no time zones here")
    clock = compiled(here / "clock", "#include <time.h>\nint main(void) { time_t now = 0; return !localtime(&now); }")
    zones = Path("out/usr/share/zoneinfo")
    options = ["--with=suggested", "--with=tz=Europe/Paris"]
    assert magicpak(*options, clock, "out", cwd=here, env={"TZ": "Europe/Rome"}).code == 0
    assert [(here / zones / "Europe" / each).exists() for each in ("Paris", "Rome")] == [True, False]


def test_what_helpers_need_is_suggested_too(here: Path) -> None:
    app = compiled(here / "app", "int main(void) { return 0; }")
    (here / "libexec").mkdir()
    source = '#include <stdlib.h>\nint main(void) { return system("true"); }'
    compiled(here / "libexec/worker", source)
    line = "hint: worker runs commands of a shell: --with shell"
    assert hints(magicpak("--dry-run", app, cwd=here).stderr) == []
    assert hints(magicpak("--dry-run", f"--include={here}/libexec", app, cwd=here).stderr) == [line]
    assert magicpak("--with=suggested", f"--include={here}/libexec", app, "out", cwd=here) == RunResult(0, "", "")
    assert (here / "out/bin/sh").exists()


def test_suggestions_for_what_is_suggested_come_along(here: Path) -> None:
    certificates = Path("/etc/ssl/certs/ca-certificates.crt")
    python = Path("/usr/bin/python3")
    if not (certificates.exists() and python.exists()):
        pytest.skip("this is not Debian with Python and certificates")
    assert hints(magicpak("--dry-run", python, cwd=here).stderr) == [
        "hint: python3 is an interpreter of Python: --with python"
    ]
    listed = magicpak("--dry-run", "--with=suggested", "--report=list", python, cwd=here)
    assert (listed.code, listed.stderr) == (0, "")
    assert str(certificates) in listed.stdout
