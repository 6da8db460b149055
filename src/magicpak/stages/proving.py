"""What is told where the finished plan lacks something."""

from typing import TYPE_CHECKING

from magicpak.display import plural, shown
from magicpak.elf.store import ElfStore
from magicpak.ldso.choosing import Loaders
from magicpak.logs import Log
from magicpak.options import Options
from magicpak.proof.finished import Finished
from magicpak.sources.decided import Decided

if TYPE_CHECKING:
    from magicpak.proof.weighing import Verdict


def prove(options: Options, decided: Decided, known: tuple[ElfStore, Loaders], log: Log) -> "Verdict | None":
    """Look at a plan as the loaders in the empty image will; return what there is to say, and tell all but errors.

    `known` is what was read of the host.
    """
    programs, placed, before, plan = decided
    inputs = len(programs)
    finished = Finished(plan, placed, inputs, known)
    log.doing("proving:", lambda: plural(finished.looked_at, "program"))
    count, problems = finished.look_at_all(options.output)
    log.warn_of(finished.remarks)
    for path in finished.unknown:
        log.info(f"nothing is known of the loader {shown(path)}: what its programs find is not proved")
    if not problems:
        log.info(f"proved: {plural(count, 'program')} will lack nothing")
        return None
    from magicpak.proof.chosen import Chosen  # noqa: PLC0415 - where something is wrong
    from magicpak.proof.weighing import weighed, weights  # noqa: PLC0415

    chosen = Chosen(before, options.exclude, Finished(before, placed, inputs, known)) if options.exclude else None
    verdict = weighed(problems, plan, weights(placed, inputs, known[0]), chosen)
    log.warn_of(verdict.remarks)
    for aside in verdict.asides:
        log.info(aside)
    return verdict
