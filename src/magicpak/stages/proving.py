"""What is told where the finished plan lacks something."""

from typing import TYPE_CHECKING

from magicpak.collect.result import Decided
from magicpak.elf.cache import ElfStore
from magicpak.ldso.factory import Loaders
from magicpak.log import Log
from magicpak.options import Options
from magicpak.text import plural, shown
from magicpak.verify.plan import Finished

if TYPE_CHECKING:
    from magicpak.verify.severity import Verdict


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
    from magicpak.verify.excluded import Chosen  # noqa: PLC0415 - where something is wrong
    from magicpak.verify.severity import weighed, weights  # noqa: PLC0415

    chosen = Chosen(before, options.exclude, Finished(before, placed, inputs, known)) if options.exclude else None
    verdict = weighed(problems, plan, weights(placed, inputs, known[0]), chosen)
    log.warn_of(verdict.remarks)
    for aside in verdict.asides:
        log.info(aside)
    return verdict
