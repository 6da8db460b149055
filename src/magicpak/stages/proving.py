"""What is told where the finished plan lacks something."""

from typing import TYPE_CHECKING

from magicpak.collect.result import Decided
from magicpak.elf.cache import ElfCache
from magicpak.ldso.factory import Loaders
from magicpak.log import Log
from magicpak.options import Options
from magicpak.text import count_noun, printable
from magicpak.verify.plan import PlanChecker

if TYPE_CHECKING:
    from magicpak.verify.severity import Verdict


def prove(options: Options, decided: Decided, known: tuple[ElfCache, Loaders], log: Log) -> "Verdict | None":
    """Look at a plan as the loaders in the empty image will; return what there is to say, and tell all but errors.

    `known` is what was read of the host.
    """
    programs, placed, before, plan = decided
    inputs = len(programs)
    finished = PlanChecker(plan, placed, inputs, known)
    log.doing("proving:", lambda: count_noun(finished.looked_at, "program"))
    count, problems = finished.look_at_all(options.output)
    log.warn_all(finished.warnings)
    for path in finished.unknown:
        log.info(f"nothing is known of the loader {printable(path)}: what its programs find is not proved")
    if not problems:
        log.info(f"proved: {count_noun(count, 'program')} will lack nothing")
        return None
    from magicpak.verify.excluded import ExclusionEffects  # noqa: PLC0415 - where something is wrong
    from magicpak.verify.severity import judge, severities  # noqa: PLC0415

    chosen = (
        ExclusionEffects(before, options.exclude, PlanChecker(before, placed, inputs, known))
        if options.exclude
        else None
    )
    verdict = judge(problems, plan, severities(placed, inputs, known[0]), chosen)
    log.warn_all(verdict.warnings)
    for aside in verdict.asides:
        log.info(aside)
    return verdict
