"""The proof: the finished plan is looked at as the loader in the empty image will, before it is written."""

from collections.abc import Sequence

from magicpak.bundle.plan import BundlePlan
from magicpak.display import plural
from magicpak.elf.store import ElfStore
from magicpak.ldso.choosing import Loaders
from magicpak.logs import Log
from magicpak.options import Options
from magicpak.proof.bundle import failure, prove
from magicpak.sources.libraries import Placed


def prove_plan(
    options: Options,
    plan: BundlePlan,
    before: BundlePlan,
    placed: Sequence[Placed],
    store: ElfStore,
    loaders: Loaders,
    log: Log,
) -> None:
    """Tell what `--exclude` keeps from starting. Raises LibrariesMissing where a program lacks something else.

    `before` is the plan without regard to `--exclude`, `placed` are the programs and libraries that were resolved.
    """
    closures = [each.resolved.closure for each in placed if not each.resolved.trouble]
    started = {store.get(each.program.path).inode for each in closures if not each.missing}
    proof = prove(plan, before, options.exclude, started, store, loaders)
    log.warn_of(proof.remarks)
    for aside in proof.asides:
        log.info(aside)
    if proof.problems:
        raise failure(proof.problems)
    log.info(f"proved: {plural(proof.programs, 'program')} will lack nothing")
