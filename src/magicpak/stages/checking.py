"""`--check`: looks at a directory, and returns what there is to say of it."""

from collections.abc import Sequence

from magicpak.errors import LibrariesMissing
from magicpak.log import Log
from magicpak.options import CheckOptions
from magicpak.text import count_noun, printable
from magicpak.verify.directory import check_directory


def check(options: CheckOptions, log: Log) -> tuple[Sequence[str], LibrariesMissing | None]:
    """Return a line for each thing that keeps a program from starting, beginning with its path; and the error, if any.

    Raises MagicpakError where there is nothing to look at.
    """
    log.doing(f"checking {options.directory}")
    try:
        checked = check_directory(options.directory, options.programs, symbols=options.symbols)
    finally:
        log.rest()
    log.warn_all(checked.warnings)
    where = printable(options.directory)
    if not checked.problems:
        log.info(f"{count_noun(checked.programs, 'executable')} in {where}: each finds what it needs")
        return (), None
    bad = len({each.program for each in checked.problems})
    error = LibrariesMissing(f"{bad} of {count_noun(checked.programs, 'executable')} in {where} would not start")
    return [f"{each.program}: {each.words}" for each in checked.problems], error
