"""`--check`: checks a directory, and says what is wrong in it."""

from collections.abc import Sequence
from typing import NamedTuple

from magicpak.errors import LibrariesMissing
from magicpak.log import Log
from magicpak.text import count_noun, printable
from magicpak.verify.directory import check_directory


class DirectoryChecking(NamedTuple):
    """The directory, the programs by their paths in it (none: all), and `--symbols`."""

    directory: str
    programs: Sequence[str]
    symbols: bool

    def run(self, log: Log) -> tuple[list[str], LibrariesMissing | None]:
        """Return a line for each thing that keeps a program from starting, its path first; and the error, if any.

        Raises MagicpakError where there is nothing to check.
        """
        log.doing(f"checking {self.directory}")
        try:
            checked = check_directory(self.directory, self.programs, symbols=self.symbols)
        finally:
            log.rest()
        log.warn_all(checked.warnings)
        executables, directory = count_noun(checked.programs, "executable"), printable(self.directory)
        if not checked.problems:
            log.info(f"checked {executables} in {directory}: nothing is missing")
            return [], None
        bad = len({each.subject for each in checked.problems})
        error = LibrariesMissing(f"{bad} of {executables} in {directory} would not start")
        return [f"{each.subject}: {each.message}" for each in checked.problems], error
