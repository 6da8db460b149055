"""Runs the programs of the build; what they print is shown only where they fail."""

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
"""All that programs are told: how to reach the network, but no flags of the user's, which would change the result."""


_SHOWN = 3000  # characters of what a program has said before it failed


class CommandFailedError(Exception):
    """A program of the build has failed."""


def run(
    command: Sequence[str], *, cwd: Path | None = None, env: Mapping[str, str] | None = None, log: Path | None = None
) -> None:
    """Run a program that must succeed, with `env` on top of ENVIRONMENT; `log` keeps what it prints."""
    printed = _run(command, cwd, env, subprocess.STDOUT)
    if log is not None:
        log.write_text(printed)


def output_of(command: Sequence[str], *, cwd: Path | None = None) -> str:
    """Return what a program prints on stdout."""
    return _run(command, cwd, None, None)


def _run(command: Sequence[str], cwd: Path | None, env: Mapping[str, str] | None, stderr: int | None) -> str:
    environment = {**ENVIRONMENT, **(env or {})}
    ran = subprocess.run(  # noqa: PLW1510 - its exit code is looked at below, with what it has said
        command, cwd=cwd, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=stderr, text=True
    )
    if ran.returncode:
        message = f"{' '.join(command)}\n  has failed ({ran.returncode}); the end of what it has said:\n"
        raise CommandFailedError(message + ran.stdout[-_SHOWN:])
    return ran.stdout
