"""Bundles real programs with nothing but what is suggested for them, and lets each do what it is for.

Run by hand, as root, in a Debian that may be spoilt, such as a tree of debootstrap with the packages of the programs in
`real_cases.toml`:

- `PYTHONPATH=src:tests python3 -m survey.real_needs [NAME...]` bundles the programs of all cases, or of those named,
  with the options that are suggested, tests each bundle by `--test`, and then without one option at a time: which of
  them the command needs, and whether the failed test names the option. It prints a table.
- `... --passing [NAME...]` only tests whether each works without any option, and with all that are suggested.
- `... --bundles DIRECTORY [NAME...]` only makes the bundles, each in DIRECTORY/NAME, for images from scratch.
- `... --command NAME` prints the command of a case, and the regular expression that its output matches.
- `... --serve` runs the servers to which the commands connect, until it is killed.

The servers listen on 127.0.0.1 and ::1, so run it where these are free: `unshare --net`.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from survey.real_cases import RealCase, real_cases
from survey.real_servers import running_servers

SECONDS = 120
MAGICPAK = (sys.executable, "-m", "magicpak")


class TestOfBundle(NamedTuple):
    """How a test of a bundle has ended: what it lacks, if it has failed, and the options of its hints."""

    passed: bool
    message: str
    hints: Sequence[str]


def suggested(case: RealCase) -> list[str]:
    """Return the options that are suggested for the programs of `case`, until nothing more is."""
    options: list[str] = []
    while True:
        ran = _magicpak("--dry-run", "--report", "json", *options, *case.programs, "/nonexistent/out")
        assert ran.returncode == 0, ran.stderr
        found = json.loads(ran.stdout)["suggestions"]
        more = [f"--{flag}={each[flag]}" for each in found for flag in ("with", "include") if each.get(flag)]
        if not more or not set(more) - set(options):
            return options
        options += more


def tested(case: RealCase, options: Sequence[str]) -> TestOfBundle:
    """Bundle the programs of `case` with `options`, and test that by its command."""
    with tempfile.TemporaryDirectory() as directory:
        ran = _magicpak(
            *options,
            *case.options,
            "--no-hints",
            "--test",
            "--test-network",
            "--test-timeout=30",
            f"--test-command={case.checked_command}",
            *case.programs,
            f"{directory}/out",
        )
    hints = [line.removeprefix("hint: ") for line in ran.stderr.splitlines() if line.startswith("hint: ")]
    return TestOfBundle(ran.returncode == 0, ran.stderr, hints)


def row(case: RealCase) -> str:
    """Return a line of the table for `case`."""
    if missing := [path for path in case.programs if not os.path.exists(path)]:
        return f"{case.name} | not installed: {' '.join(missing)}"
    options = suggested(case)
    bare, whole = tested(case, []), tested(case, options)
    if not whole.passed:
        return f"{case.name} | FAILS with {_shown(options)}\n{_indented(whole.message)}"
    without = {each: tested(case, [other for other in options if other != each]) for each in options}
    needed = [] if bare.passed else [each for each in options if not without[each].passed]
    hints = {each: without[each].hints for each in needed}
    unnamed = [f"{each}: {'; '.join(its)}" for each, its in hints.items() if not _is_named(each, its)]
    unused = _shown([each for each in options if each not in needed])
    either = "" if bare.passed or needed else " (but one of them)"
    line = f"{case.name} | needed {_shown(needed)} | not used {unused}{either}"
    return "\n".join([line, *(f"    a failed test does not name {each}" for each in unnamed)])


def passing(case: RealCase) -> str:
    """Return a line with whether `case` works without options, and with those that are suggested."""
    if missing := [path for path in case.programs if not os.path.exists(path)]:
        return f"{case.name} | not installed: {' '.join(missing)}"
    options = suggested(case)
    whole = tested(case, options)
    if not whole.passed:
        return f"{case.name} | FAILS with {_shown(options)}\n{_indented(whole.message)}"
    return f"{case.name} | {'works bare' if tested(case, []).passed else 'needs some'} | works with {_shown(options)}"


def _is_named(option: str, hints: Sequence[str]) -> bool:
    """Return whether one of `hints` has the option, perhaps with an argument."""
    flag, _, value = option.partition("=")
    return any(hint.startswith(f"{flag} {value}") for hint in hints)


def make_bundles(directory: str, cases: Sequence[RealCase]) -> None:
    """Make the bundle of each case below `directory`."""
    for case in cases:
        options = suggested(case)
        ran = _magicpak(*options, *case.options, "--no-hints", *case.programs, f"{directory}/{case.name}")
        print(case.name, ran.returncode, _shown(options), ran.stderr.strip(), flush=True)


def _magicpak(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([*MAGICPAK, *arguments], capture_output=True, text=True, check=False, timeout=SECONDS)


def _shown(options: Sequence[str]) -> str:
    return " ".join(re.sub("^--(with|include)=", "", each) for each in options) or "nothing"


def _indented(text: str) -> str:
    return "".join(f"    {line}\n" for line in text.splitlines()).rstrip("\n")


def _chosen(names: Sequence[str]) -> list[RealCase]:
    return [case for case in real_cases() if not names or case.name in names]


def main(arguments: Sequence[str]) -> None:
    """Do what the command line says."""
    match arguments:
        case ["--serve"]:
            with running_servers():
                print("ready", flush=True)
                time.sleep(86400)
        case ["--command", name]:
            print(_chosen([name])[0].checked_command)
        case ["--bundles", directory, *names]:
            make_bundles(directory, _chosen(names))
        case ["--passing", *names]:
            _print_lines(passing, names)
        case names:
            _print_lines(row, names)


def _print_lines(line_of: Callable[[RealCase], str], names: Sequence[str]) -> None:
    start = time.monotonic()
    with running_servers(), ThreadPoolExecutor(2) as pool:
        for line in pool.map(line_of, _chosen(names)):
            print(line, flush=True)
    print(f"{time.monotonic() - start:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main(sys.argv[1:])
