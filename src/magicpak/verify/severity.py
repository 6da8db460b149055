"""What it means that something in a finished plan fails: an error, a warning, or a remark in the log."""

from collections.abc import Callable, Collection, Iterable, Sequence
from enum import Enum, auto
from typing import NamedTuple

from magicpak.bundle.entry import Content, Copy
from magicpak.bundle.exclude import Exclusion
from magicpak.bundle.path import BundlePath
from magicpak.bundle.plan import BundlePlan
from magicpak.collect.libraries import Placed
from magicpak.elf.cache import ElfCache
from magicpak.elf.errors import ElfError
from magicpak.errors import LibrariesMissing
from magicpak.files.script import SEARCH_PATH
from magicpak.ldso.libc import foreign_needs
from magicpak.text import printable
from magicpak.verify.plan import PlanChecker
from magicpak.verify.problems import FailureKind, Problem, ProgramCheck, describe_subjects, missing_versions

Inode = tuple[int, int]


class Severity(Enum):
    """What it means if a program does not start."""

    ERROR = auto()
    """It was asked for, and it started on the host as far as could be seen; or it is an INPUT, or a link."""
    WARNING = auto()
    """It does not start on the host either; or it is a library that a program loads at run time."""
    INFO = auto()
    """That was reported already, or it was not asked for: a file that was read, or is in an included directory."""


class Verdict(NamedTuple):
    """What is wrong in a plan: `errors` make the bundle useless, the others are lines for the log.

    `warnings` are on what `--exclude` has taken, and on what does not start on the host either.
    """

    errors: tuple[Problem, ...]
    warnings: tuple[str, ...]
    infos: tuple[str, ...]

    @property
    def error(self) -> LibrariesMissing | None:
        """The error that ends the run, if any."""
        return _failure(self.errors) if self.errors else None


class ExclusionEffects:
    """Separates the problems that `--exclude` has made from those that would be there without it.

    `checker` checks the plan without regard to the patterns.
    """

    def __init__(self, exclusion: Exclusion, checker: PlanChecker) -> None:
        self._exclusion = exclusion
        self._checker = checker

    def excluded_path(self, problem: Problem) -> str | None:
        """Return the path whose exclusion has made `problem`; None if it would be there without."""
        if problem.kind is FailureKind.LINK:
            return None
        try:
            check = self._checker.check(problem.subject)
        except (OSError, ElfError):
            return None
        if any((each.missing, each.requester) == (problem.missing, problem.requester) for each in check.problems):
            return None
        return _satisfied_by(problem, check) or self._interpreter_path(problem.missing)

    def warnings(self, excluded: Iterable[tuple[Problem, str]]) -> list[str]:
        """Return a line for each path that programs fail without, with the option that excluded it."""
        groups: dict[tuple[str, FailureKind], list[Problem]] = {}
        for problem, path in excluded:
            groups.setdefault((path, problem.kind), []).append(problem)
        return [self._warning(path, problems) for (path, _), problems in groups.items()]

    def _warning(self, path: str, problems: Sequence[Problem]) -> str:
        flag = self._exclusion.flag_for(path)
        if flag is None:  # the file is there: what the loader finds it by is not
            path, flag = self._excluded_loader_config() or (path, "--exclude")
        subjects, verb = describe_subjects(problems), problems[0].kind.verb
        return f"{subjects} will not {verb} without {printable(path)}, which is excluded by {flag}"

    def _excluded_loader_config(self) -> tuple[str, str] | None:
        """Return a file of ours, by which the loader finds libraries, and the option that excluded it."""
        made = self._exclusion.before.where(lambda item: isinstance(item.entry, Content))
        found = ((item.path, self._exclusion.flag_for(item.path)) for item in made)
        return next(((path, flag) for path, flag in found if flag is not None), None)

    def _interpreter_path(self, name: str) -> str:
        """Return the path of an interpreter, which env(1) may have to look for."""
        paths = [name] if name.startswith("/") else [f"{directory}/{name}" for directory in SEARCH_PATH]
        return next((each for each in paths if self._exclusion.before.reached(each)[0] is not None), name)


def judge(
    problems: Sequence[Problem],
    plan: BundlePlan,
    inputs: Collection[str],
    named: Collection[BundlePath],
    severity_of: Callable[[Inode | None], Severity],
    effects: ExclusionEffects | None,
) -> Verdict:
    """Return what `problems` mean, each for a program, a library or a link of `plan`.

    `inputs` are the scripts that are INPUTs: what is wrong with them is an error. `named` are the files that a pattern
    of `--include` itself matches: of a script among them there is a warning. `severity_of` gives the severity for the
    inode of a program of the host, `effects` are those of `--exclude`, if any.
    """
    groups: dict[Severity, list[Problem]] = {severity: [] for severity in Severity}
    excluded: list[tuple[Problem, str]] = []
    for problem in problems:
        path = effects.excluded_path(problem) if effects else None
        if path is not None:
            excluded.append((problem, path))
        elif problem.subject in inputs:
            groups[Severity.ERROR].append(problem)
        elif problem.subject in named and problem.is_of_script:
            groups[Severity.WARNING].append(problem)
        elif problem.kind.noun == FailureKind.PROGRAM.noun:
            groups[severity_of(_inode(plan, problem.subject))].append(problem)
        else:
            is_link = problem.kind is FailureKind.LINK
            groups[Severity.ERROR if is_link else Severity.WARNING].append(problem)
    warnings = [*(effects.warnings(excluded) if effects else ()), *_lines(groups[Severity.WARNING])]
    return Verdict(tuple(groups[Severity.ERROR]), tuple(warnings), tuple(_lines(groups[Severity.INFO])))


def severities(placed: Sequence[Placed], elf: ElfCache) -> Callable[[Inode | None], Severity]:
    """Return what gives the severity of a program by its inode; `placed` are those that were asked for."""
    by_inode = {elf.get(each.resolved.closure.program.path).inode: each for each in reversed(placed)}
    stand_ins = {inode: file.inode for inode, file in elf.by_inode.items() if file.inode != inode}

    def severity_of(inode: Inode | None) -> Severity:
        found = by_inode.get(stand_ins.get(inode, inode)) if inode else None
        if found is None:
            return Severity.INFO
        if found.program is not None:
            return Severity.ERROR
        if found.resolved.interpreter_error or found.resolved.closure.missing:
            return Severity.INFO
        closure, interpreter = found.resolved.closure, found.resolved.interpreter
        fails = any(missing_versions(found.resolved)) or any(foreign_needs(closure, interpreter))
        return Severity.WARNING if fails else Severity.ERROR

    return severity_of


def _lines(problems: Sequence[Problem]) -> list[str]:
    """Return a line for each of `problems`; libraries for which the same is missing share one."""
    groups: dict[tuple[str, ...], list[Problem]] = {}
    for each in problems:
        is_library = each.kind.noun == FailureKind.LIBRARY.noun
        key = (each.missing, each.kind.verb) if is_library else (each.subject, each.message)
        groups.setdefault(key, []).append(each)
    return [
        f"{describe_subjects(group)} will not {group[0].kind.verb}: {group[0].message}" for group in groups.values()
    ]


def _failure(problems: Sequence[Problem]) -> LibrariesMissing:
    """Return the error for `problems`, of which there is one at least."""
    kind = problems[0].kind
    subjects = describe_subjects([each for each in problems if each.kind is kind])
    details: list[str] = []
    for problem in problems:
        details += [f"{printable(problem.subject)}: {problem.message}", *problem.details]
    message = f"in an empty image {subjects} would not {kind.verb}"
    hints = dict.fromkeys(problem.hint for problem in problems if problem.hint is not None)
    return LibrariesMissing(message, details=details, hints=[*hints, "--no-verify writes the bundle anyway"])


def _satisfied_by(problem: Problem, check: ProgramCheck) -> str | None:
    """Return where the loader finds what is missing."""
    closure = check.resolved.closure if check.resolved else None
    needs = [need for each in closure.everything for need in each.needs] if closure else []
    return next((need.satisfied_by.path for need in needs if need.name == problem.missing and need.satisfied_by), None)


def _inode(plan: BundlePlan, path: str) -> Inode | None:
    item = plan.get(path)
    return item.entry.inode if item is not None and isinstance(item.entry, Copy) else None
