"""Run the programs of the build; show their output only if they fail."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

ENVIRONMENT = {
    "PATH": os.environ.get("PATH", os.defpath),
    "HOME": os.environ.get("HOME", "/"),
    "LC_ALL": "C",
    "PYTHONHASHSEED": "0",  # the same order of sets in each build
    "SOURCE_DATE_EPOCH": "1735689600",  # the same __DATE__
    **{name: os.environ[name] for name in os.environ if name.startswith(("PIP_", "SSL_")) or "_proxy" in name.lower()},
}
"""The environment of the programs: network settings, but no compiler flags, which would change the result."""

_SHOWN = 3000  # characters of a failed program's output


class CommandFailedError(Exception):
    """A program of the build failed."""


def run(
    command: Sequence[str], *, cwd: Path | None = None, env: Mapping[str, str] | None = None, log: Path | None = None
) -> None:
    """Run a program with `env` added to ENVIRONMENT, and write its output to the file `log`.

    Raises CommandFailedError if it fails.
    """
    output = _run(command, cwd, env, subprocess.STDOUT)
    if log is not None:
        log.write_text(output)


def output_of(command: Sequence[str], *, cwd: Path | None = None) -> str:
    """Return the stdout of a program. Raises CommandFailedError if it fails."""
    return _run(command, cwd, None, None)


def _run(command: Sequence[str], cwd: Path | None, env: Mapping[str, str] | None, stderr: int | None) -> str:
    environment = {**ENVIRONMENT, **(env or {})}
    ran = subprocess.run(  # noqa: PLW1510 - the exit code is checked below
        command, cwd=cwd, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=stderr, text=True
    )
    if ran.returncode:
        message = f"{' '.join(command)}\n  failed with exit code {ran.returncode}; the end of its output:\n"
        raise CommandFailedError(message + ran.stdout[-_SHOWN:])
    return ran.stdout
