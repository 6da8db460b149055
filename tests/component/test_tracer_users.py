"""Processes that change their user while they are watched, with and without the right to look into those of others."""

import ast
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.run_magicpak import compiled, environment

pytestmark = pytest.mark.needs("root", "compiler", "ptrace")

PROGRAM = """
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

int main(int count, char **words)
{
    if (count > 1)
        return open("executed", O_RDONLY) < 0;
    open("before", O_RDONLY);
    if (setgid(65534) || open("between", O_RDONLY) < 0 || setuid(65534))
        return 1;
    open("after", O_RDONLY);
    open("secret", O_RDONLY);
    execl("program", "program", "again", NULL);
    return 2;
}
"""

FILTERED_PROGRAM = """
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* kills the process for any prctl(2) */
static struct sock_filter filter[] = {
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_prctl, 0, 1),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
};

int main(int count, char **words)
{
    struct sock_fprog whole = {sizeof filter / sizeof *filter, filter};
    if (count > 1)
        return open("executed", O_RDONLY) < 0;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &whole))
        return 3;
    open("before", O_RDONLY);
    if (setgid(65534) || setuid(65534))
        return 1;
    open("after", O_RDONLY);
    execl("program", "program", "again", NULL);
    return 2;
}
"""

WATCH = """
import os, sys
from magicpak.process.exec import Command
from magicpak.tracing.run import run_traced
here = os.getcwd()
watched = run_traced(Command.found(["./program"]), timeout=60, keep_in=sys.argv[1])
names = [(use.path.removeprefix(f"{here}/"), use.error) for use in watched.trace.uses if use.path.startswith(here)]
print((watched.returncode, watched.trace.unreadable, *sorted(set(names))))
"""

SEEN = [("after", 0), ("before", 0), ("between", 0), ("executed", 0), ("program", 0), ("secret", 13)]


@pytest.fixture
def public() -> Iterator[Path]:
    """Return a directory that everybody may enter."""
    with tempfile.TemporaryDirectory() as path:
        os.chmod(path, 0o755)
        yield Path(os.path.realpath(path))


@pytest.mark.parametrize("without", ["", "-sys_ptrace", "-sys_ptrace,-sys_admin"])
def test_all_that_it_opens_afterwards_is_seen_too(tmp_path: Path, public: Path, without: str) -> None:
    assert watched(PROGRAM, public, tmp_path, without) == (0, 0, *SEEN)
    assert os.listdir(tmp_path) == []


SEEN_OF_FILTERED = [("before", 0), ("executed", 0)]


@pytest.mark.parametrize("without", ["-sys_ptrace", "-sys_ptrace,-sys_admin"])
def test_a_program_whose_own_filter_kills_it_for_prctl_lives_and_is_not_seen(
    tmp_path: Path, public: Path, without: str
) -> None:
    assert watched(FILTERED_PROGRAM, public, tmp_path, without) == (0, 2, *SEEN_OF_FILTERED)


def test_with_the_right_it_is_seen(tmp_path: Path, public: Path) -> None:
    seen = sorted([*SEEN_OF_FILTERED, ("after", 0), ("program", 0)])
    assert watched(FILTERED_PROGRAM, public, tmp_path, "") == (0, 0, *seen)


def watched(program: str, here: Path, keep_in: Path, without: str) -> tuple[object, ...]:
    """Return how `program` ends in `here`, how many calls could not be read, and which files the others used.

    `without` are the capabilities that the tracer lacks.
    """
    compiled(here / "program", program)
    for name in ("before", "between", "after", "secret", "executed"):
        (here / name).touch(mode=0o600 if name == "secret" else 0o644)
    rights = ["setpriv", f"--bounding-set={without}", f"--inh-caps={without}"] if without else []
    ran = subprocess.run(
        [*rights, sys.executable, "-c", WATCH, keep_in],
        cwd=here,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.stderr == ""
    return ast.literal_eval(ran.stdout)  # type: ignore[no-any-return]
