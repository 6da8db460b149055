"""Real programs, each with a command that does what it is for, and what that prints: `real_cases.toml`."""

import shlex
import tomllib
from pathlib import Path
from typing import NamedTuple

DATA = "/var/survey"
"""A directory of files for the commands, which `survey.real_servers` makes."""


class RealCase(NamedTuple):
    """Programs that are bundled, a command of a shell, and a regular expression (grep -E) of what it prints.

    `data` is whether the bundle has DATA.
    """

    name: str
    programs: list[str]
    command: str
    prints: str
    data: bool = False

    @property
    def options(self) -> list[str]:
        """The options that no suggestion has."""
        return [f"--include={DATA}"] if self.data else []

    @property
    def checked_command(self) -> str:
        """The command, which fails where the program does, or prints something else."""
        return (
            f'out=$({self.command}); end=$?; echo "$out"; '
            f'test $end = 0 && echo "$out" | grep -Eq {shlex.quote(self.prints)}'
        )


def real_cases() -> list[RealCase]:
    """Return all of them."""
    table = tomllib.loads(Path(__file__).with_suffix(".toml").read_text())
    return [RealCase(name, **fields) for name, fields in table.items()]
