"""What it means that programs of a finished plan will not start: nothing is written, a warning, or an aside."""

from collections.abc import Callable, Sequence
from enum import Enum, auto
from typing import NamedTuple

from magicpak.bundle.entry import Copy
from magicpak.bundle.plan import BundlePlan
from magicpak.collect.libraries import Placed
from magicpak.elf.cache import ElfCache
from magicpak.errors import LibrariesMissing
from magicpak.text import printable
from magicpak.verify.excluded import ExclusionEffects
from magicpak.verify.problems import Problem, describe_subjects
from magicpak.verify.versions import missing_versions

Inode = tuple[int, int]


class Severity(Enum):
    """What it means if a program does not start."""

    ERROR = auto()
    """It was asked for, and it started on the host as far as could be seen; or it is an INPUT, or a link."""
    REMARK = auto()
    """It does not start on the host either; or it is a library that a program loads by itself."""
    ASIDE = auto()
    """That was told already, or it was not asked for as a program: a file that was read, or a script."""


class Verdict(NamedTuple):
    """What keeps programs from starting: `errors` make the bundle useless, the others are lines for the log.

    `warnings` are on what `--exclude` has taken away, and on what does not start on the host.
    """

    errors: tuple[Problem, ...]
    warnings: tuple[str, ...]
    asides: tuple[str, ...]

    @property
    def error(self) -> LibrariesMissing | None:
        """What ends the run, if anything does."""
        return _failure(self.errors) if self.errors else None


def judge(
    problems: Sequence[Problem],
    plan: BundlePlan,
    weigh: Callable[[Inode | None], Severity],
    chosen: ExclusionEffects | None,
) -> Verdict:
    """Return what `problems` mean, each for a program, a library or a link of `plan`.

    `weigh` tells of an inode of the host what the program is worth, `chosen` what `--exclude` has done, if
    there is one.
    """
    by_weight: dict[Severity, list[Problem]] = {weight: [] for weight in Severity}
    left_out: list[tuple[Problem, str]] = []
    for problem in problems:
        path = chosen.path_of(problem) if chosen and problem.fate != "lead anywhere" else None
        if path is not None:
            left_out.append((problem, path))
        elif problem.fate != "start":
            by_weight[Severity.ERROR if problem.fate == "lead anywhere" else Severity.REMARK].append(problem)
        else:
            by_weight[weigh(_inode(plan, problem.program))].append(problem)
    warnings = [*(chosen.warnings(left_out) if chosen else ()), *_lines(by_weight[Severity.REMARK])]
    return Verdict(tuple(by_weight[Severity.ERROR]), tuple(warnings), tuple(_lines(by_weight[Severity.ASIDE])))


def severities(placed: Sequence[Placed], inputs: int, store: ElfCache) -> Callable[[Inode | None], Severity]:
    """Return what tells the weight of a program by its inode; `placed` are those that were asked for, INPUTs first."""
    resolved_by = {store.get(each.resolved.closure.program.path).inode: each.resolved for each in reversed(placed)}
    given = [each.resolved for each in placed[:inputs]]

    def weigh(inode: Inode | None) -> Severity:
        resolved = resolved_by.get(inode) if inode else None
        if resolved in given:
            return Severity.ERROR
        if resolved is None or resolved.trouble or resolved.closure.missing:
            return Severity.ASIDE
        return Severity.REMARK if any(missing_versions(resolved)) else Severity.ERROR

    return weigh


def _lines(problems: Sequence[Problem]) -> list[str]:
    """Return a line for each of `problems`; libraries that lack the same get one."""
    alike: dict[tuple[str, ...], list[Problem]] = {}
    for each in problems:
        alike.setdefault((each.lacking,) if each.fate == "load" else (each.program, each.words), []).append(each)
    return [f"{describe_subjects(group)} will not {group[0].fate}: {group[0].words}" for group in alike.values()]


def _failure(problems: Sequence[Problem]) -> LibrariesMissing:
    """Return the error that tells of `problems`, of which there is one at least."""
    fate = problems[0].fate
    message = (
        f"in the empty image {describe_subjects([each for each in problems if each.fate == fate])} would not {fate}"
    )
    details: list[str] = []
    for problem in problems:
        details += [f"{printable(problem.program)}: {problem.words}", *problem.details]
    return LibrariesMissing(message, details=details, hints=["--no-verify writes the bundle all the same"])


def _inode(plan: BundlePlan, path: str) -> Inode | None:
    item = plan.get(path)
    return item.entry.inode if item is not None and isinstance(item.entry, Copy) else None
