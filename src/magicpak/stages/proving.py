"""The proof: the finished plan is looked at as the loader in the empty image will, before it is written."""

from collections.abc import Sequence

from magicpak.bundle.plan import BundlePlan
from magicpak.display import plural
from magicpak.elf.store import ElfStore
from magicpak.ldso.choosing import Loaders
from magicpak.logs import Log
from magicpak.options import Options
from magicpak.proof.bundle import Weight, failure, prove
from magicpak.proof.versions import missing_versions
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

    `before` is the plan without regard to `--exclude`, `placed` are the programs and libraries that were resolved, the
    INPUTs first.
    """
    weights = {store.get(each.resolved.closure.program.path).inode: each.resolved for each in reversed(placed)}
    inputs = [each.resolved for each in placed[: len(options.inputs)]]

    def weigh(inode: tuple[int, int] | None) -> Weight:
        resolved = weights.get(inode) if inode else None
        if resolved in inputs:
            return Weight.ERROR
        if resolved is None or resolved.trouble or resolved.closure.missing:
            return Weight.ASIDE
        return Weight.REMARK if any(missing_versions(resolved)) else Weight.ERROR

    proof = prove(plan, before, options.exclude, weigh, store, loaders)
    log.warn_of(proof.remarks)
    for aside in proof.asides:
        log.info(aside)
    if proof.problems:
        raise failure(proof.problems)
    log.info(f"proved: {plural(proof.programs, 'program')} will lack nothing")
