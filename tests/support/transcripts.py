"""Runs the shell blocks of a page and compares what they print.

A block is fenced as ```console. A line `$ COMMAND` is a command, `> …` goes on with it, all else is what it prints on
stdout and stderr. `…` stands for any text of a line, and alone on a line for any lines. The blocks of one section are
run in order, by one bash, in one directory that is empty at first.
"""

import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from support.run_magicpak import command, environment

SECONDS = 120
_MARK = "~~ that was all ~~"


class Step(NamedTuple):
    """A command and what it has to print."""

    command: str
    printed: str


def sections(page: str) -> Mapping[str, list[Step]]:
    """Return the steps below each heading `## …` of a page that has any."""
    parts = (part.split("\n", 1) for part in re.split(r"^## ", page, flags=re.MULTILINE)[1:])
    found = {heading: list(steps(body)) for heading, body in parts}
    return {heading: each for heading, each in found.items() if each}


def steps(text: str) -> Iterator[Step]:
    """Yield the steps of all blocks in `text`."""
    for block in re.findall(r"^```console\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        assert block.startswith("$ ")
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            lines = part.splitlines()
            more = next((at for at, line in enumerate(lines[1:], 1) if not line.startswith(">")), len(lines))
            typed = [lines[0], *(line[1:].removeprefix(" ") for line in lines[1:more])]
            yield Step("\n".join(typed), "".join(f"{line}\n" for line in lines[more:]))


def run(given: list[Step], directory: Path, programs: Path) -> list[Step]:
    """Return the steps with what they print, run in `directory` with `magicpak` from the new directory `programs`."""
    shim(programs)
    script = programs / "script"
    script.write_text("".join(f"{step.command}\nstatus=$?; echo '{_MARK}'; (exit $status)\n" for step in given))
    env = environment(LC_ALL="C.UTF-8")
    with subprocess.Popen(
        ["bash", script],
        cwd=directory,
        env={**env, "PATH": f"{programs}:{Path(sys.executable).parent}:{env['PATH']}"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        text=True,
        errors="replace",
    ) as shell:
        try:
            printed = shell.communicate(timeout=SECONDS)[0].split(f"{_MARK}\n")
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(shell.pid, signal.SIGKILL)  # what a block has left in the background
    return [Step(step.command, text) for step, text in zip(given, printed, strict=False)]


def shim(directory: Path) -> Path:
    """Return `directory`, made, in which `magicpak` is the one under test."""
    directory.mkdir(exist_ok=True)
    program = directory / "magicpak"
    words = " ".join(f"'{os.fsdecode(word)}'" for word in command())
    source = f"export PYTHONPATH='{environment()['PYTHONPATH']}'"
    program.write_text(f'#!/bin/sh\n{source}\nexec {words} "$@"\n')
    program.chmod(0o755)
    return directory


def as_promised(promised: Step, done: Step) -> Step:
    """Return the promise where what was done keeps it, so that the two can be compared; else what was done."""
    pattern = "".join(
        r"(?:.*\n)*?" if line == "…\n" else "[^\n]*".join(map(re.escape, line.split("…")))
        for line in promised.printed.splitlines(keepends=True)
    )
    return promised if re.fullmatch(pattern, done.printed) else done
