"""Processes that change their user while they are watched, with and without the right to look into those of others."""

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

WATCH = """
import os, sys
from magicpak.tracing.run import run_traced
here = os.getcwd()
watched = run_traced(["./program"], timeout=60, keep_in=sys.argv[1])
names = [(use.path.removeprefix(f"{here}/"), use.error) for use in watched.trace.uses if use.path.startswith(here)]
print(watched.returncode, watched.trace.unreadable, *sorted(set(names)))
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
    compiled(public / "program", PROGRAM)
    for name in ("before", "between", "after", "secret", "executed"):
        (public / name).touch(mode=0o600 if name == "secret" else 0o644)
    rights = ["setpriv", f"--bounding-set={without}", f"--inh-caps={without}"] if without else []

    ran = subprocess.run(
        [*rights, sys.executable, "-c", WATCH, tmp_path],
        cwd=public,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )

    assert (ran.stdout, ran.stderr) == (" ".join(map(str, (0, 0, *SEEN))) + "\n", "")
    assert os.listdir(tmp_path) == []
