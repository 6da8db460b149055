"""What a finished plan lacks, before it is written."""

from typing import TYPE_CHECKING, NamedTuple

from magicpak.collect.result import Result
from magicpak.ldso.factory import Loaders
from magicpak.log import Log
from magicpak.text import count_noun, printable
from magicpak.verify.plan import PlanChecker

if TYPE_CHECKING:
    from magicpak.verify.severity import Verdict


class Verification(NamedTuple):
    """OUTPUT, to which links in the bundle may lead."""

    output: str | None

    def run(self, result: Result, loaders: Loaders, log: Log) -> "Verdict | None":
        """Check the plan as the loaders in an empty image will see it; `loaders` are the host's.

        Returns what is wrong, if anything is, and logs everything but errors.
        """
        checker = PlanChecker(result.plan, result.placed, loaders)
        log.doing("verifying:", lambda: count_noun(len(checker), "program"))
        count, problems = checker.check_all(self.output)
        log.warn_all(checker.warnings)
        for path in checker.unknown_loaders:
            log.info(f"the loader {printable(path)} is not known: what its programs find is not verified")
        if not problems:
            log.info(f"verified {count_noun(count, 'program')}: nothing is missing")
            return None
        from magicpak.verify.severity import ExclusionEffects, judge, severities

        effects = None
        if result.exclusion.removed:
            before = PlanChecker(result.exclusion.before, result.placed, loaders)
            effects = ExclusionEffects(result.exclusion, before)
        verdict = judge(problems, result.plan, severities(result.placed, loaders.elf), effects)
        log.warn_all(verdict.warnings)
        for line in verdict.infos:
            log.info(line)
        return verdict
