"""What `--exclude` has to do with a program that does not start: the user may leave it to the base image."""

from collections.abc import Sequence

from magicpak.bundle.entry import Content
from magicpak.bundle.globs import pattern_against
from magicpak.bundle.plan import BundlePlan
from magicpak.elf.errors import ElfError
from magicpak.text import printable, shell_line
from magicpak.verify.plan import PlanChecker
from magicpak.verify.problems import FailureKind, Problem, ProgramCheck, describe_subjects
from magicpak.verify.programs import SEARCHED


class ExclusionEffects:
    """Tells the problems that patterns have made from those that would be there without them."""

    def __init__(self, before: BundlePlan, patterns: Sequence[str], finished: PlanChecker) -> None:
        """Take the plan without regard to the patterns, the patterns, and what looks at the programs of that plan."""
        self._before = before
        self._patterns = patterns
        self._finished = finished

    def path_of(self, problem: Problem) -> str | None:
        """Return what was left out so that `problem` is there, where it was found before; None where it was none."""
        try:
            starting = self._finished.look(problem.program)
        except (OSError, ElfError):
            return None
        if any((each.lacking, each.by) == (problem.lacking, problem.by) for each in starting.problems):
            return None
        return _satisfied_by(problem, starting) or self._executed(problem.lacking)

    def warnings(self, left_out: Sequence[tuple[Problem, str]]) -> list[str]:
        """Return a line for each path that keeps programs from starting, with the pattern that has taken it."""
        lacking: dict[tuple[str, FailureKind], list[Problem]] = {}
        for problem, path in left_out:
            lacking.setdefault((path, problem.fate), []).append(problem)
        return [self._remark(path, problems) for (path, _), problems in lacking.items()]

    def _remark(self, path: str, problems: Sequence[Problem]) -> str:
        pattern = pattern_against(path, self._before, self._patterns)
        if pattern is None:
            path, pattern = self._taken_from_the_loader() or (path, None)
        by = shell_line(["--exclude", pattern]) if pattern is not None else "what --exclude takes away"
        subjects = describe_subjects(problems)
        return f"{subjects} will not {problems[0].fate} without {printable(path)}, which is left out by {by}"

    def _taken_from_the_loader(self) -> tuple[str, str] | None:
        """Return what we have made for the loader to find libraries by and a pattern takes, and that pattern."""
        made = self._before.where(lambda item: isinstance(item.entry, Content))
        found = ((item.path, pattern_against(item.path, self._before, self._patterns)) for item in made)
        return next(((path, pattern) for path, pattern in found if pattern is not None), None)

    def _executed(self, name: str) -> str:
        """Return the path of an interpreter, which env(1) may have to look for."""
        places = [name] if name.startswith("/") else [f"{directory}/{name}" for directory in SEARCHED]
        return next((each for each in places if self._before.reached(each)[0] is not None), name)


def _satisfied_by(problem: Problem, starting: ProgramCheck) -> str | None:
    """Return where the loader finds what is lacking."""
    closure = starting.resolved.closure if starting.resolved else None
    needs = [need for each in (*closure.objects, *closure.variants) for need in each.needs] if closure else []
    return next((need.satisfied_by.path for need in needs if need.name == problem.lacking and need.satisfied_by), None)
