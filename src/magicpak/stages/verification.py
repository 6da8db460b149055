"""What is missing in a finished plan, or with `--check` in a directory."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, NamedTuple

from magicpak.collect.result import Result
from magicpak.errors import LibrariesMissing
from magicpak.ldso.factory import Loaders
from magicpak.log import Log
from magicpak.process.tempdirs import private_directory
from magicpak.text import count_noun, printable

if TYPE_CHECKING:
    from magicpak.base.base import Base
    from magicpak.verify.severity import Verdict


class Verification(NamedTuple):
    """OUTPUT, to which links in the bundle may lead."""

    output: str | None

    def run(self, result: Result, loaders: Loaders, log: Log) -> "Verdict | None":
        """Check the plan as the loaders in an empty image will see it; `loaders` are the host's.

        Returns what is wrong, if anything is, and logs everything but errors.
        """
        from magicpak.verify.plan import PlanChecker

        own = None if result.laid is None else frozenset(result.laid.places.values())
        checker = PlanChecker(result.whole, result.placed, loaders, result.files, own)
        log.doing("verifying:", lambda: count_noun(len(checker), "program"))
        count, problems = checker.check_all(self.output, [each.place for each in result.inputs.scripts])
        log.warn_all(checker.warnings)
        for path in checker.unknown_loaders:
            log.info(f"the loader {printable(path)} is not known: what its programs find is not verified")
        if not problems:
            if count or not checker.packed:
                log.info(f"verified {count_noun(count, 'program')}: nothing is missing")
            return None
        from magicpak.verify.severity import ExclusionEffects, judge, severities

        effects = None
        if result.exclusion.removed:
            whole = result.exclusion.before
            whole = whole if result.base is None else result.base.lay(whole, result.loader_files).union
            before = PlanChecker(whole, result.placed, loaders, result.files)
            effects = ExclusionEffects(result.exclusion, before)
        scripts = {result.whole.reached(each.place)[1] for each in result.inputs.scripts}
        verdict = judge(problems, result.whole, scripts, result.named, severities(result.placed, loaders.elf), effects)
        log.warn_all(verdict.warnings)
        for line in verdict.infos:
            log.info(line)
        return verdict


class DirectoryChecking(NamedTuple):
    """The directory, the programs by their paths in it (none: all), `--symbols`, how upx unpacks, and `--onto`."""

    directory: str
    programs: Sequence[str]
    symbols: bool
    upx: str
    upx_timeout: float
    onto: Sequence[str] = ()

    def run(self, log: Log) -> tuple[list[str], LibrariesMissing | None]:
        """Return a line for each thing that keeps a program from starting, its path first; and the error, if any.

        Raises MagicpakError where there is nothing to check.
        """
        from magicpak.verify.directory import check_directory

        log.doing(f"checking {self.directory}")
        try:
            upx = self.upx, self.upx_timeout
            with ExitStack() as stack:
                base = self._base(lambda: stack.enter_context(private_directory()), log) if self.onto else None
                checked = check_directory(self.directory, self.programs, *upx, symbols=self.symbols, base=base)
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

    def _base(self, private: Callable[[], str], log: Log) -> "Base":
        from magicpak.base.find import find_base

        base = find_base(self.onto, None, private)
        log.warn_all(base.warnings)
        return base
