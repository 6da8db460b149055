"""Whether the programs of a finished plan will start in the empty image, and what `--exclude` has to do with it."""

from collections.abc import Callable, Iterator, Sequence
from enum import Enum, auto
from typing import TYPE_CHECKING, NamedTuple

from magicpak.bundle.entry import Copy
from magicpak.bundle.plan import BundlePlan
from magicpak.display import plural, shown
from magicpak.elf.refusal import NotElf
from magicpak.elf.store import ElfStore
from magicpak.errors import LibrariesMissing
from magicpak.ldso.choosing import Loaders
from magicpak.proof.planned import Planned, PlannedStore
from magicpak.proof.starting import Problem, Starter

if TYPE_CHECKING:
    from magicpak.proof.chosen import Chosen


class Weight(Enum):
    """What it means if a program does not start."""

    ERROR = auto()
    """It was asked for, and it started on the host as far as could be seen; or it is an INPUT."""
    REMARK = auto()
    """It does not start on the host either."""
    ASIDE = auto()
    """That was told already, or it was not asked for as a program: a file that was read, or a script."""


class Proof(NamedTuple):
    """What a plan has been found to be: how many programs it has, and what keeps them from starting.

    `problems` make it useless. `remarks` are lines on what `--exclude` has taken away, and what does not start on the
    host. `asides` are lines on other files that are programs, and on loaders that nothing is known of.
    """

    programs: int
    problems: tuple[Problem, ...] = ()
    remarks: tuple[str, ...] = ()
    asides: tuple[str, ...] = ()


def prove(
    plan: BundlePlan,
    before: BundlePlan,
    exclude: Sequence[str],
    weigh: Callable[[tuple[int, int] | None], Weight],
    store: ElfStore,
    loaders: Loaders,
) -> Proof:
    """Return what will keep the programs of `plan` from starting, with nothing else around them.

    `before` is the plan without regard to the patterns `exclude`. `weigh` tells of an inode of the host what the
    program is worth. `store` and `loaders` know what was read of the host.
    """
    starter = _starter(plan, store, loaders)
    programs = list(starter.programs())
    found = list(_problems(starter, programs))
    asides = [f"nothing is known of the loader {shown(path)}, and so nothing proved" for path in starter.unknown]
    if not found:
        return Proof(len(programs), asides=tuple(asides))
    by_weight: dict[Weight, list[Problem]] = {weight: [] for weight in Weight}
    left_out: list[tuple[Problem, str]] = []
    chosen = _chosen(before, exclude, store, loaders) if exclude else None
    for problem in found:
        path = chosen.path_of(problem) if chosen else None
        if path is not None:
            left_out.append((problem, path))
        else:
            by_weight[weigh(_inode(plan, problem.program))].append(problem)
    remarks = [*(chosen.remarks(left_out) if chosen else ()), *_lines(by_weight[Weight.REMARK])]
    asides += _lines(by_weight[Weight.ASIDE])
    return Proof(len(programs), tuple(by_weight[Weight.ERROR]), tuple(remarks), tuple(asides))


def _lines(problems: Sequence[Problem]) -> list[str]:
    return [f"{shown(problem.program)} will not start: {problem.words}" for problem in problems]


def failure(problems: Sequence[Problem]) -> LibrariesMissing:
    """Return the error that tells of `problems`, of which there is one at least."""
    programs = list(dict.fromkeys(problem.program for problem in problems))
    more = f" and {plural(len(programs) - 1, 'other program')}" if programs[1:] else ""
    message = f"in the empty image {shown(programs[0])}{more} would not start"
    details: list[str] = []
    for problem in problems:
        details += [f"{shown(problem.program)}: {problem.words}", *problem.details]
    return LibrariesMissing(message, details=details, hints=["--no-verify writes the bundle all the same"])


def _chosen(before: BundlePlan, exclude: Sequence[str], store: ElfStore, loaders: Loaders) -> "Chosen":
    from magicpak.proof.chosen import Chosen  # noqa: PLC0415 - where something does not hold

    return Chosen(before, exclude, _starter(before, store, loaders))


def _starter(plan: BundlePlan, store: ElfStore, loaders: Loaders) -> Starter:
    world = Planned(plan)
    planned = PlannedStore(world, store)
    return Starter(world, planned, loaders.elsewhere(planned))


def _problems(starter: Starter, programs: Sequence[str]) -> Iterator[Problem]:
    for path in programs:
        try:
            yield from starter.look(path).problems
        except (OSError, NotElf):
            continue


def _inode(plan: BundlePlan, path: str) -> tuple[int, int] | None:
    item = plan.get(path)
    return item.entry.inode if item is not None and isinstance(item.entry, Copy) else None
