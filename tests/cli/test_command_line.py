import os
import random
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from magicpak import __version__
from support.elf_files import X86_64_EXIT_0, make_elf
from support.run_magicpak import (
    SECONDS,
    RunResult,
    Text,
    command,
    done,
    environment,
    errors,
    executable,
    magicpak,
    names,
    on_terminal,
)

HELP_HINT = "hint: magicpak --help lists all options\n"


@pytest.fixture(scope="module")
def help_text() -> str:
    return magicpak("--help").stdout


def test_the_help_goes_to_stdout_and_fits_80_columns(help_text: str) -> None:
    assert magicpak("-h") == RunResult(0, help_text, "")
    assert max(map(len, help_text.splitlines())) <= 80


def test_the_help_is_grouped_by_purpose(help_text: str) -> None:
    options_under: dict[str, list[str]] = {}
    heading = ""
    for line in help_text.split("  Exit codes", maxsplit=1)[0].splitlines():
        if line.endswith(":") and not line.startswith(" "):
            heading = line
        elif found := re.match(r"  (-\S, )?(--[a-z-]+|[A-Z]+)", line):
            options_under.setdefault(heading, []).append(found[2])
    del options_under[""]  # the sentence at the top
    assert options_under == {
        "Positional arguments:": ["INPUT", "OUTPUT"],
        "Contents:": [
            "--root",
            "--include",
            "--exclude",
            "--mkdir",
            "--with",
            "--with-file",
            "--with-list",
            "--install-to",
            "--layout",
            "--all-packages",
        ],
        "Base image:": ["--onto", "--onto-replace"],
        "Output:": ["--format"],
        "Config of an image:": [
            "--entrypoint",
            "--cmd",
            "--env",
            "--user",
            "--workdir",
            "--expose",
            "--label",
            "--stop-signal",
            "--tag",
            "--layers",
        ],
        "Library resolution:": ["--resolver", "--no-hwcaps", "--cc", "--experimental-noload-resolver"],
        "Tracing a run:": [
            "--dynamic",
            "--dynamic-arg",
            "--dynamic-stdin",
            "--dynamic-env",
            "--dynamic-command",
            "--dynamic-timeout",
            "--dynamic-allow-failure",
        ],
        "Smaller files:": ["--strip", "--strip-tool", "--compress", "--upx-arg", "--upx", "--upx-timeout"],
        "Verification:": ["--check", "--symbols", "--no-verify"],
        "Reports:": ["--dry-run", "--report", "--report-file", "--report-against", "--why", "--sbom", "--size-limit"],
        "Test run:": [
            "--test",
            "--test-command",
            "--test-stdin",
            "--test-stdout",
            "--test-exit-code",
            "--test-env",
            "--test-user",
            "--test-network",
            "--test-timeout",
            "--busybox",
        ],
        "Messages:": ["--log-level", "--no-hints", "--verbose", "--licenses", "--version", "--help"],
    }
    assert "[Off|Error|Warn|Info|Debug]" in help_text


def test_the_version_goes_to_stdout() -> None:
    assert magicpak("--version") == RunResult(0, f"magicpak {__version__}\n", "")


def test_the_licences_of_magicpak_and_of_what_it_depends_on_go_to_stdout() -> None:
    result = magicpak("--licenses", "/bin/ls")
    parts = re.findall(r"^(\w+) [\d.\w]+: LICENSE\S*\n=+$", result.stdout, re.MULTILINE)
    assert {"magicpak", "click", "pyelftools", "wcmatch", "bracex", "structlog"} <= set(parts)
    assert (result.code, result.stderr) == (0, "")


def imported(*args: Text) -> set[str]:
    ran = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "magicpak", *args],
        env=environment(),
        capture_output=True,
        check=True,
        text=True,
        timeout=SECONDS,
    )
    return {line.rpartition("|")[2].strip() for line in ran.stderr.splitlines() if "|" in line}


def test_nothing_heavy_is_imported_before_it_is_needed(here: Path) -> None:
    heavy = {"structlog", "wcmatch", "elftools", "magicpak.tracing"}
    of_click = {"ast", "datetime", "gettext", "inspect", "platform", "tokenize", "uuid"}  # there are stand-ins
    assert imported("--version") & (heavy | of_click) == set()
    assert imported("/bin/ls", here / "quiet") & (heavy | of_click) == set()
    assert imported("-v", "/bin/ls", here / "told") & heavy == {"structlog"}
    assert imported("/bin/ls", here / "less", "-e", "*.none", "--log-level=Off") & heavy == {"wcmatch"}


INSTALLED = ["app/", "app/x"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["-r", "app/x", "prog", "out"],
        ["-rapp/x", "prog", "out"],
        ["-r=app/x", "prog", "out"],
        ["--install-to", "app/x", "prog", "out"],
        ["--install-to=app/x", "prog", "out"],
        ["prog", "out", "--install-to=/app/x"],
        ["prog", "-r=/app/x", "out"],
        ["-vr=app/x", "--log-level=off", "prog", "out"],
        ["-r", "elsewhere", "-r", "app/x", "--", "prog", "out"],
    ],
    ids=" ".join,
)
def test_options_have_a_short_and_a_long_form_and_stand_anywhere(
    arguments: Sequence[str], here: Path, static: Path
) -> None:
    executable(here / "prog", static.read_bytes())
    result = magicpak(*arguments, cwd=here)
    assert (result.code, result.stdout, errors(result)) == (0, "", [])
    assert names(here / "out") == INSTALLED


def test_every_option_works_in_both_forms_and_repeatedly(here: Path, static: Path) -> None:
    for name in ("prog", "a", "b", "c", "d"):
        executable(here / name, static.read_bytes())
    short = ["-i", "a", "-i=b", "-ic", "-i", "d", "-e", "/b", "-e=/c", "-e/d"]
    long = ["--include", "a", "--include=b", "--include", "c", "--include=d", "--exclude=/b", "--exclude", "/[c-d]"]
    others = ["--mkdir", "tmp", "--mkdir=/data/x", "--layout=host", "--resolver=static", "--no-hwcaps", "--cc", "none"]
    for number, options in enumerate((short, long)):
        done(*options, *others, "prog", f"out{number}", cwd=here)
        assert names(here / f"out{number}") == ["a", "data/", "data/x/", "prog", "tmp/"]


def test_a_name_that_begins_with_a_hyphen_comes_after_two_hyphens(here: Path, static: Path) -> None:
    executable(here / "-t", static.read_bytes())
    done("--", "-t", "-r=out", cwd=here)
    assert names(here) == ["-r=out/", "-r=out/-t", "-t"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Missing argument 'INPUT...'"),
        (["prog"], "Missing argument 'INPUT...'"),
        (["--none", "prog", "out"], "--none"),
        (["-x", "prog", "out"], "-x"),
        (["prog", "out", "-i"], "Option '-i' requires an argument"),
        (["--layout=flat", "prog", "out"], "Invalid value for '--layout': 'flat' is not one of 'host', 'directories'"),
        (["--log-level", "all", "prog", "out"],
         "Invalid value for '--log-level': 'all' is not one of 'off', 'error', 'warn', 'info', 'debug'"),
        (["--log-level=", "prog", "out"],
         "Invalid value for '--log-level': '' is not one of 'off', 'error', 'warn', 'info', 'debug'"),
        (["--resolver=static", "--experimental-noload-resolver", "prog", "out"],
         "--experimental-noload-resolver cannot be used with --resolver static"),
        (["--dynamic-arg=x", "--dynamic-command=prog", "prog", "out"],
         "--dynamic-arg cannot be used with --dynamic-command: write the arguments into the command"),
        (["--dynamic-env", "NAME", "prog", "out"], "Invalid value for '--dynamic-env': 'NAME' is not NAME=VALUE"),
        (["--dynamic-env==x", "prog", "out"], "Invalid value for '--dynamic-env': '=x' is not NAME=VALUE"),
        *(([f"{option}={value}", "prog", "out"], f"Invalid value for '{option}': {why}")
          for option in ("--dynamic-timeout", "--upx-timeout")
          for value, why in (
              ("", "'' is not a valid number of seconds"),
              ("soon", "'soon' is not a valid number of seconds"),
              ("nan", "'nan' is not a valid number of seconds"),
              ("0", "0.0 is not in the range 0<x<=86400"),
              ("-1", "-1.0 is not in the range 0<x<=86400"),
              ("inf", "inf is not in the range 0<x<=86400"),
              ("86401", "86401.0 is not in the range 0<x<=86400"),
              ("9" * 400, "inf is not in the range 0<x<=86400"),
          )),
        (["--test-exit-code", "9" * 400, "prog", "out"], f"{'9' * 400} is not in the range 0<=x<=255"),
        (["--test-exit-code", "9" * 5000, "prog", "out"], f"'{'9' * 5000}' is not a valid exit code"),
        *((["--size-limit", size, "prog", "out"], f"'{size}' is not a size such as 20MB, 800k or 64MiB")
          for size in ("9" * 400, f"{'9' * 300}T")),
        *(([option, path, "prog", "out"], f"{option}': {message}")
          for option in ("--mkdir", "--install-to")
          for path, message in (
              (f"/tmp/{'x' * 256}/y", f"'{'x' * 40}…' is a name of 256 bytes, of at most 255"),
              ("€" * 86, f"'{'€' * 13}…' is a name of 258 bytes, of at most 255"),
              ("/x" * 2048, f"'{'/x' * 20}…' is a path of 4096 bytes, of at most 4095"),
          )),
        (["prog", "out", "--dynamic-arg"], "Option '--dynamic-arg' requires an argument"),
        (["--none\x1b[31m\n", "prog", "out"], "--none\\x1b[31m\\n"),
    ],
)  # fmt: skip
def test_wrong_usage_exits_2_and_says_why(arguments: Sequence[str], message: str, here: Path, static: Path) -> None:
    executable(here / "prog", static.read_bytes())
    result = magicpak(*arguments, cwd=here)
    assert (result.code, result.stdout, len(errors(result))) == (2, "", 1)
    assert "\x1b" not in result.stderr
    assert message in errors(result)[0]
    assert names(here) == ["prog"]


def test_how_to_watch_a_program_has_no_effect_where_none_is_watched(here: Path, static: Path) -> None:
    executable(here / "prog", static.read_bytes())
    options = ["--dynamic-arg", "--dynamic", "--dynamic-stdin=x", "--dynamic-env=A=b", "--dynamic-timeout=1"]
    told = "".join(
        f"warning: --dynamic-{name} has no effect without --dynamic\n"
        for name in ("arg", "stdin", "timeout", "allow-failure", "env")
    )
    done(*options, "--dynamic-allow-failure", "prog", "out", cwd=here, stderr=told)
    assert names(here / "out") == ["prog"]


@pytest.mark.parametrize("value", ["soon", "1.5", "-1", "99999999999999999999", "\u0663"])
def test_a_source_date_epoch_that_is_no_number_is_refused(value: str, here: Path) -> None:
    result = magicpak("/bin/ls", "out", cwd=here, env={"SOURCE_DATE_EPOCH": value})
    assert (result.code, errors(result)) == (2, [f"error: SOURCE_DATE_EPOCH is {value}, not a number of seconds"])


def levels_told(here: Path, static: Path, *options: str) -> set[str]:
    executable(here / "prog", static.read_bytes())
    result = magicpak(*options, "prog", here / "-".join(["out", *options]), "-e/none", cwd=here)
    assert (result.code, result.stdout) == (0, "")
    return {line.split(":")[0] for line in result.stderr.splitlines()}


def test_log_levels_are_taken_in_any_case_and_hold_the_others_back(here: Path, static: Path) -> None:
    assert levels_told(here, static) == {"warning"}
    assert levels_told(here, static, "--log-level=off") == set()
    assert levels_told(here, static, "--log-level=ERROR") == set()
    assert levels_told(here, static, "--log-level=Warn") == {"warning"}
    assert levels_told(here, static, "--log-level=iNFO") == {"warning", "info"}
    assert levels_told(here, static, "-v") == {"warning", "info"}
    assert levels_told(here, static, "--verbose", "--log-level=Off") == {"warning", "info"}
    assert levels_told(here, static, "--log-level=Debug") == {"warning", "info", "debug"}


def test_an_error_is_told_even_where_the_log_is_off(here: Path) -> None:
    assert magicpak("none", "out", "--log-level=off", cwd=here).stderr == (
        "error: none cannot be read: No such file or directory\n"
    )


def test_at_info_each_stage_says_one_line_and_at_debug_each_file_its_reason(here: Path, static: Path) -> None:
    executable(here / "prog", static.read_bytes())
    (here / "data").touch()
    result = magicpak("--log-level=debug", "prog", "out", "-idata", "--mkdir=/tmp", "-e/data", cwd=here)
    first, second, *lines = result.stderr.splitlines()
    assert second.startswith("info: included ")
    assert [first, *lines] == [
        "info: prog needs 0 libraries",
        "info: excluded 1 entry",
        "info: planned 2 entries",
        "info: verified 1 program: nothing is missing",
        "debug: /prog: the executable to be bundled",
        "debug: /tmp: --mkdir /tmp",
        f"info: wrote 1 file, {static.stat().st_size} B",
    ]


ODD = b"\xff\x1b[31m\n\xe2\x80\xaex"
SHOWN = "\\xff\\x1b[31m\\n\\u202ex"


def test_names_that_are_not_utf_8_work_everywhere_and_are_shown_escaped(here: Path, static: Path) -> None:
    source = os.fsencode(here) + b"/" + ODD
    executable(Path(os.fsdecode(source)), static.read_bytes())
    result = magicpak(
        ODD, b"out" + ODD, b"-i" + source, b"-i[\xff]*", b"--mkdir=" + ODD + b".d", b"-inone" + ODD, "-v", cwd=here
    )
    assert (result.code, result.stdout) == (0, "")
    assert [line for line in result.stderr.splitlines() if "included" not in line and "planned" not in line] == [
        f"info: {SHOWN} needs 0 libraries",
        f"warning: --include none{SHOWN} matches nothing",
        "info: verified 2 programs: nothing is missing",
        f"info: wrote 2 files, {static.stat().st_size} B",
    ]
    assert not set(result.stderr) & {"\x1b", "\u202e", "\udcff"}
    out = here / os.fsdecode(b"out" + ODD)
    assert [name for name in names(out) if "/" not in name.rstrip("/")] == [
        f"{here.parts[1]}/",
        os.fsdecode(ODD),
        os.fsdecode(ODD) + ".d/",
    ]


def test_names_inside_elf_files_are_shown_escaped(here: Path) -> None:
    interpreter = b"/lib64/ld-linux-x86-64.so.2"
    program = make_elf(interpreter=interpreter, needed=[ODD + b".so"], rpath=b"/" + ODD, code=X86_64_EXIT_0)
    executable(here / "prog", program)
    result = magicpak("prog", "out", cwd=here)
    assert (result.code, errors(result)) == (3, [f"error: a library is missing: {SHOWN}.so"])
    assert f"  {SHOWN}.so is needed by " in result.stderr
    assert not set(result.stderr) & {"\x1b", "\u202e", "\udcff"}
    executable(here / "prog", make_elf(interpreter=b"/" + ODD, code=X86_64_EXIT_0))
    assert errors(magicpak("prog", "out", cwd=here)) == [f"error: the interpreter /{SHOWN} cannot be used"]


def in_shell(line: str, *args: Text, cwd: Path) -> RunResult:
    ran = subprocess.run(
        ["sh", "-c", line, "sh", *command(*args)],
        cwd=cwd,
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        timeout=SECONDS,
    )
    return RunResult(ran.returncode, os.fsdecode(ran.stdout), os.fsdecode(ran.stderr))


@pytest.mark.parametrize("end", ["2>&-", "2>/dev/full", "2>&- >&- <&-", ">&- 2>/dev/full"])
def test_log_and_error_streams_that_are_closed_or_full_end_nothing(end: str, here: Path) -> None:
    assert in_shell(f'"$@" {end}', "/bin/ls", "out", "-v", "-inone", cwd=here) == RunResult(0, "", "")
    assert in_shell(f'"$@" {end}', "none", "other", cwd=here) == RunResult(4, "", "")
    assert in_shell(f'"$@" {end}', "--none", cwd=here) == RunResult(2, "", "")
    assert "usr/bin/ls" in names(here / "out")


def test_the_help_that_cannot_be_written_is_a_failure(here: Path) -> None:
    full = "error: standard output: No space left on device\n"
    assert in_shell('"$@" >/dev/full', "--help", cwd=here) == RunResult(1, "", full)
    assert in_shell('"$@" >/dev/full', "--version", cwd=here) == RunResult(1, "", full)
    assert in_shell('"$@" >&-', "--help", cwd=here) == RunResult(0, "", "")
    assert in_shell('"$@" >/dev/full 2>/dev/full', "--help", cwd=here) == RunResult(1, "", "")
    assert in_shell('{ "$@"; echo $? >code; } | true; cat code', "--help", cwd=here).stdout in ("0\n", "1\n")


@pytest.mark.needs("terminal")
def test_on_a_terminal_lines_are_coloured_and_the_last_tells_files_size_and_time(here: Path, static: Path) -> None:
    executable(here / "prog", static.read_bytes())
    last = rf"out\d: 1 file, {static.stat().st_size} B, in \d+\.\d s\n"
    warning = "--include none matches nothing\n"
    coloured = rf"\x1b\[33mwarning:\x1b\[0m {warning}{last}"
    plain = f"warning: {warning}{last}"
    told = [
        on_terminal("prog", "out0", "-inone", cwd=here, TERM="xterm", NO_COLOR=""),
        on_terminal("prog", "out1", "-inone", cwd=here, TERM="xterm", NO_COLOR="1"),
        on_terminal("prog", "out2", "-inone", cwd=here, TERM="dumb"),
        on_terminal("prog", "out3", cwd=here, TERM="xterm"),
        on_terminal("prog", "out4", "--log-level=off", cwd=here, TERM="xterm"),
    ]
    for text, expected in zip(told, [coloured, plain, plain, last, ""], strict=True):
        assert re.fullmatch(expected, text), text


ODD_ARGUMENTS = (
    b"", b"-", b"--", b"---", b"-=", b"-r=", b"-i", b"-i=", b"--include=", b"-e[", b"-e=*", b"--mkdir=", b"--mkdir=..",
    b"--mkdir=/", b"-r", b"-r/", b"-r=..", b"--install-to=.", b"a" * 256, b"a/" * 2500, b"/", b".", b"..", b"\xff",
    b"*", b"-i[!", b"-i**", b"-i..", b"-i\\", b"-i\n", b"prog", b"out", b"tree", b"-itree", b"tree/out", b"prog/x",
    b"./prog", b"-v", b"-vv", b"-ve", b"--layout=directories", b"--log-level=debug", b"--resolver=static", b"--cc=",
    b"--no-hwcaps", b"--no-hwcaps=x", b"-iloop", b"loop", b"-idangling", b"--mkdir=prog/x", b"-rprog/", b"prog/",
    b"-i" + b"x" * 5000,
)  # fmt: skip


@pytest.mark.parametrize("seed", range(60))
def test_no_command_line_however_odd_ends_in_a_traceback(seed: int, here: Path, static: Path) -> None:
    executable(here / "prog", static.read_bytes())
    executable(here / "tree/sub/file", b"x")
    (here / "loop").symlink_to("loop")
    (here / "dangling").symlink_to("nothing")
    chosen = random.Random(seed).choices(ODD_ARGUMENTS, k=1 + seed % 7)
    if seed % 2:
        chosen = [b"prog", *chosen, b"tree/out"]
    result = magicpak(*chosen, cwd=here)
    assert result.code in (0, 1, 2, 4, 5), chosen
    assert len(errors(result)) == (result.code != 0), (chosen, result)
    assert "Traceback" not in result.stderr, chosen
    assert "internal error" not in result.stderr, (chosen, result)


def test_a_current_directory_that_was_removed_hinders_only_relative_paths(here: Path, static: Path) -> None:
    executable(here / "prog", static.read_bytes())
    line = 'mkdir gone && cd gone && rmdir ../gone && "$@"'
    assert in_shell(line, here / "prog", here / "out", cwd=here) == RunResult(0, "", "")
    relative = in_shell(line, "prog", here / "out2", cwd=here)
    assert (relative.code, errors(relative)) == (4, ["error: prog cannot be read: No such file or directory"])
    output = in_shell(line, here / "prog", "out2", cwd=here)
    assert (output.code, errors(output)) == (
        5,
        ["error: output out2 cannot be created: the current directory no longer exists"],
    )
    included = in_shell(line, here / "prog", here / "out3", "-i*", cwd=here)
    assert (included.code, errors(included)) == (1, ["error: .: No such file or directory"])
