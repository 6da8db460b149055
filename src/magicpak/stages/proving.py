"""What is told where the finished plan lacks something."""

import os
from collections.abc import Sequence

from magicpak.bundle.plan import BundlePlan
from magicpak.display import plural, shown
from magicpak.elf.store import ElfStore
from magicpak.ldso.choosing import Loaders
from magicpak.logs import Log
from magicpak.options import Options
from magicpak.proof.finished import Finished
from magicpak.sources.libraries import Placed


def prove(
    options: Options,
    plan: BundlePlan,
    before: BundlePlan,
    placed: Sequence[Placed],
    known: tuple[ElfStore, Loaders],
    log: Log,
) -> None:
    """Look at `plan` as the loaders in the empty image will. Raises LibrariesMissing.

    `before` is the plan without regard to `--exclude`, `placed` are the programs and libraries that were resolved, the
    INPUTs first, `known` is what was read of the host.
    """
    inputs = len(options.inputs)
    proof = Finished(plan, placed, inputs, known).proof(os.path.realpath(options.output))
    log.warn_of(proof.remarks)
    for path in proof.unknown:
        log.info(f"nothing is known of the loader {shown(path)}: what its programs find is not proved")
    if not proof.problems:
        log.info(f"proved: {plural(proof.programs, 'program')} will lack nothing")
        return
    from magicpak.proof.chosen import Chosen  # noqa: PLC0415 - where something is wrong
    from magicpak.proof.weighing import failure, weighed, weights  # noqa: PLC0415

    chosen = Chosen(before, options.exclude, Finished(before, placed, inputs, known)) if options.exclude else None
    verdict = weighed(proof.problems, plan, weights(placed, inputs, known[0]), chosen)
    log.warn_of(verdict.remarks)
    for aside in verdict.asides:
        log.info(aside)
    if verdict.errors:
        raise failure(verdict.errors)
