"""What is told where the finished plan lacks something."""

from collections.abc import Sequence

from magicpak.bundle.plan import BundlePlan
from magicpak.elf.store import ElfStore
from magicpak.ldso.choosing import Loaders
from magicpak.logs import Log
from magicpak.options import Options
from magicpak.proof.chosen import Chosen
from magicpak.proof.finished import Finished
from magicpak.proof.problems import Problem
from magicpak.proof.weighing import failure, weighed, weights
from magicpak.sources.libraries import Placed


def tell_problems(
    problems: Sequence[Problem],
    options: Options,
    plan: BundlePlan,
    before: BundlePlan,
    placed: Sequence[Placed],
    known: tuple[ElfStore, Loaders],
    log: Log,
) -> None:
    """Tell what `problems` mean. Raises LibrariesMissing where something else than `--exclude` is to blame.

    `before` is the plan without regard to `--exclude`, `placed` are the programs and libraries that were resolved, the
    INPUTs first, `known` is what was read of the host.
    """
    inputs = len(options.inputs)
    chosen = Chosen(before, options.exclude, Finished(before, placed, inputs, known)) if options.exclude else None
    verdict = weighed(problems, plan, weights(placed, inputs, known[0]), chosen)
    log.warn_of(verdict.remarks)
    for aside in verdict.asides:
        log.info(aside)
    if verdict.errors:
        raise failure(verdict.errors)
