"""The story from the command line's options to the finished bundle: look, decide, write.

What only some runs need is imported where they need it.
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from time import monotonic
from typing import TYPE_CHECKING

from magicpak.bundle.plan import BundlePlan
from magicpak.bundle.size import check_size_limit, total_size
from magicpak.collect.result import Decided
from magicpak.elf.cache import ElfCache
from magicpak.errors import LibrariesMissing, MagicpakError
from magicpak.ldso.factory import Loaders
from magicpak.log import Log
from magicpak.options import LogLevel, Options
from magicpak.outputs.directory import DirectoryOutput
from magicpak.outputs.output import Output, WriteResult
from magicpak.process.tempdirs import private_directory
from magicpak.reports.known import Known
from magicpak.resolve.inputs import Program, find_inputs
from magicpak.resolve.libraries import Resolved, resolve_program
from magicpak.stages.planning import planned
from magicpak.text import count_noun, format_size, printable

if TYPE_CHECKING:
    from magicpak.stages.packing import Pack
    from magicpak.tracing.run import TracedRun
    from magicpak.verify.severity import Verdict


def bundle(options: Options, log: Log, tell: Callable[[bytes], None]) -> None:
    """Make the bundle that `options` ask for, tell its stages to `log`, and what was asked about it by `tell`.

    Raises MagicpakError; nothing is left behind then. What is asked about is told before, as far as it is known.
    """
    started = monotonic()
    log.warn_all(options.without_effect())
    output = None if options.output is None else DirectoryOutput(options.output, options.source_date_epoch)
    if output is not None:
        output.check()
    report = _reporting(options, tell, log) if options.report or options.why else None
    pack = _packing(options, log) if options.compress else None
    with ExitStack() as stack:
        stack.callback(log.rest)
        known, runs = _known(options, pack, stack, log, goes_on=report is not None)
        if report is not None:
            log.rest()
            report(known)
        if known.error is not None:
            raise known.error
        plan = known.decided.plan
        if options.size_limit is not None:
            check_size_limit(plan, options.size_limit)
        if output is None or options.dry_run:
            log.info("nothing was written: this was a dry run")
            return
        trial = _trial(options, known.decided, runs, log) if options.test else None
        written = _write(plan, output, trial, log)  # the private directories hold files of the plan
    files, seconds = count_noun(written.files, "file"), monotonic() - started
    log.summary(f"{options.output}: {files}, {format_size(written.size)}, in {seconds:.1f} s")


def _known(
    options: Options, pack: "Pack | None", stack: ExitStack, log: Log, *, goes_on: bool
) -> "tuple[Known, Sequence[TracedRun]]":
    """Look at all that goes into the bundle, and return what is known of it then, and the runs that were watched.

    Raises MagicpakError, and for missing libraries too, unless the story `goes_on` to a report of what was found.
    `stack` ends what lasts until the bundle is written.
    """
    private: list[str] = []

    def new_private() -> str:
        private.append(stack.enter_context(private_directory()))
        return private[-1]

    store = ElfCache()
    programs = find_inputs(options.inputs, options.install_to, options.layout, store)
    loaders = Loaders(options.resolver, options.compiler, options.library_path, store, new_private)
    stack.callback(loaders.close)
    log.doing("looking for libraries:", lambda: count_noun(len(store.by_inode), "file"))
    resolved = [resolve_program(program, loaders, store, hwcaps=options.hwcaps) for program in programs]
    error: MagicpakError | None = _shortfall(resolved, log)
    if error is not None and not goes_on:
        raise error
    runs = _watched(options, programs, new_private, log) if options.dynamic and error is None else ()
    plan = planned(options, programs, resolved, runs, loaders, store, log)
    if pack is not None and error is None:
        plan = plan._replace(plan=pack(programs, plan.plan, new_private))
    verdict = _proved(options, plan, (store, loaders), log) if options.verify and error is None else None
    return Known(plan, private, verdict, verdict.error if verdict else error), runs


def _reporting(options: Options, tell: Callable[[bytes], None], log: Log) -> "Callable[[Known], None]":
    from magicpak.stages.reporting import reporting  # noqa: PLC0415

    return reporting(options, tell, log)


def _packing(options: Options, log: Log) -> "Pack":
    from magicpak.stages.packing import packing  # noqa: PLC0415

    return packing(options, log)


def _watched(options: Options, programs: Sequence[Program], private: Callable[[], str], log: Log) -> "list[TracedRun]":
    from magicpak.stages.watching import watch_programs  # noqa: PLC0415

    return watch_programs(options, programs, private, log)


def _proved(options: Options, plan: Decided, known: tuple[ElfCache, Loaders], log: Log) -> "Verdict | None":
    from magicpak.stages.proving import prove  # noqa: PLC0415 - not with --no-verify

    return prove(options, plan, known, log)


def _trial(options: Options, plan: Decided, runs: "Sequence[TracedRun]", log: Log) -> Callable[[int], None]:
    from magicpak.stages.testing import trial_of  # noqa: PLC0415

    return trial_of(options, plan, runs, log)


def _shortfall(resolved: Sequence[Resolved], log: Log) -> "LibrariesMissing | None":
    """Tell how many libraries each program needs; return what is wrong if some are missing, of all programs at once."""
    for each in resolved:
        log.info(f"{printable(each.name)} needs {count_noun(len(each.closure.objects) - 1, 'library')}")
    if any(each.trouble or each.closure.missing for each in resolved):
        from magicpak.resolve.missing import missing_error  # noqa: PLC0415

        return missing_error(resolved)
    return None


def _write(plan: BundlePlan, output: Output, trial: Callable[[int], None] | None, log: Log) -> WriteResult:
    if log.shows(LogLevel.DEBUG):
        for item in plan:
            log.debug(f"{printable(item.path)}: {item.because}")
    log.doing_all("copying", lambda: output.copied, lambda: total_size(plan))
    written = output.write(plan, trial)
    log.warn_all(written.warnings)
    log.info(f"wrote {count_noun(written.files, 'file')}, {format_size(written.size)}")
    return written
