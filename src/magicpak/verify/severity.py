"""What it means that programs of a finished plan will not start: nothing is written, a warning, or an aside."""

from collections.abc import Callable, Sequence
from enum import Enum, auto
from typing import NamedTuple

from magicpak.bundle.entry import Copy
from magicpak.bundle.plan import BundlePlan
from magicpak.collect.libraries import Placed
from magicpak.elf.cache import ElfStore
from magicpak.errors import LibrariesMissing
from magicpak.text import shown
from magicpak.verify.excluded import Chosen
from magicpak.verify.problems import Problem, whom
from magicpak.verify.versions import missing_versions

Inode = tuple[int, int]


class Weight(Enum):
    """What it means if a program does not start."""

    ERROR = auto()
    """It was asked for, and it started on the host as far as could be seen; or it is an INPUT, or a link."""
    REMARK = auto()
    """It does not start on the host either; or it is a library that a program loads by itself."""
    ASIDE = auto()
    """That was told already, or it was not asked for as a program: a file that was read, or a script."""


class Verdict(NamedTuple):
    """What keeps programs from starting: `errors` make the bundle useless, the others are lines for the log.

    `remarks` are on what `--exclude` has taken away, and on what does not start on the host.
    """

    errors: tuple[Problem, ...]
    remarks: tuple[str, ...]
    asides: tuple[str, ...]

    @property
    def error(self) -> LibrariesMissing | None:
        """What ends the run, if anything does."""
        return _failure(self.errors) if self.errors else None


def weighed(
    problems: Sequence[Problem], plan: BundlePlan, weigh: Callable[[Inode | None], Weight], chosen: Chosen | None
) -> Verdict:
    """Return what `problems` mean, each for a program, a library or a link of `plan`.

    `weigh` tells of an inode of the host what the program is worth, `chosen` what `--exclude` has done, if
    there is one.
    """
    by_weight: dict[Weight, list[Problem]] = {weight: [] for weight in Weight}
    left_out: list[tuple[Problem, str]] = []
    for problem in problems:
        path = chosen.path_of(problem) if chosen and problem.fate != "lead anywhere" else None
        if path is not None:
            left_out.append((problem, path))
        elif problem.fate != "start":
            by_weight[Weight.ERROR if problem.fate == "lead anywhere" else Weight.REMARK].append(problem)
        else:
            by_weight[weigh(_inode(plan, problem.program))].append(problem)
    remarks = [*(chosen.remarks(left_out) if chosen else ()), *_lines(by_weight[Weight.REMARK])]
    return Verdict(tuple(by_weight[Weight.ERROR]), tuple(remarks), tuple(_lines(by_weight[Weight.ASIDE])))


def weights(placed: Sequence[Placed], inputs: int, store: ElfStore) -> Callable[[Inode | None], Weight]:
    """Return what tells the weight of a program by its inode; `placed` are those that were asked for, INPUTs first."""
    resolved_by = {store.get(each.resolved.closure.program.path).inode: each.resolved for each in reversed(placed)}
    given = [each.resolved for each in placed[:inputs]]

    def weigh(inode: Inode | None) -> Weight:
        resolved = resolved_by.get(inode) if inode else None
        if resolved in given:
            return Weight.ERROR
        if resolved is None or resolved.trouble or resolved.closure.missing:
            return Weight.ASIDE
        return Weight.REMARK if any(missing_versions(resolved)) else Weight.ERROR

    return weigh


def _lines(problems: Sequence[Problem]) -> list[str]:
    """Return a line for each of `problems`; libraries that lack the same get one."""
    alike: dict[tuple[str, ...], list[Problem]] = {}
    for each in problems:
        alike.setdefault((each.lacking,) if each.fate == "load" else (each.program, each.words), []).append(each)
    return [f"{whom(group)} will not {group[0].fate}: {group[0].words}" for group in alike.values()]


def _failure(problems: Sequence[Problem]) -> LibrariesMissing:
    """Return the error that tells of `problems`, of which there is one at least."""
    fate = problems[0].fate
    message = f"in the empty image {whom([each for each in problems if each.fate == fate])} would not {fate}"
    details: list[str] = []
    for problem in problems:
        details += [f"{shown(problem.program)}: {problem.words}", *problem.details]
    return LibrariesMissing(message, details=details, hints=["--no-verify writes the bundle all the same"])


def _inode(plan: BundlePlan, path: str) -> Inode | None:
    item = plan.get(path)
    return item.entry.inode if item is not None and isinstance(item.entry, Copy) else None
