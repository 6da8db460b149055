"""The story from the command line's options to the finished bundle: look, decide, write.

A module that only some runs need is imported where it is needed.
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING

from magicpak import assembly
from magicpak.bundle.plan import BundlePlan, check_size_limit
from magicpak.collect.result import Result
from magicpak.elf.cache import ElfCache
from magicpak.errors import LibrariesMissing, MagicpakError
from magicpak.ldso.factory import Loaders
from magicpak.log import Log
from magicpak.options import SUGGESTED, LogLevel, Options
from magicpak.process.tempdirs import private_directory
from magicpak.resolve.inputs import Program, find_inputs
from magicpak.resolve.libraries import Resolved, resolve_program
from magicpak.text import count_noun, format_size, printable

if TYPE_CHECKING:
    from magicpak.files.source import SourceView
    from magicpak.needs.rows import WantedNeed
    from magicpak.needs.suggest import Suggestion
    from magicpak.outputs.output import Inspect
    from magicpak.stages.compression import Compression
    from magicpak.stages.stripping import Stripping
    from magicpak.tracing.run import TracedRun
    from magicpak.trial.suggestions import Cures
    from magicpak.verify.severity import Verdict


def bundle(options: Options, log: Log, print_: Callable[[bytes], None]) -> None:
    """Make the bundle that `options` ask for, log each stage, and print what was asked about it with `print_`.

    Raises MagicpakError; nothing is left behind then. What is asked is printed before, as far as it is known.
    """
    started = monotonic()
    log.warn_all(options.without_effect())
    needs = assembly.needs(options) if options.with_ or options.with_file else ()
    writing = assembly.writing(options)
    reports = options.report or options.why or options.report_against is not None
    reporting = assembly.reporting(options) if reports else None
    stripping = assembly.stripping(options) if options.strip else None
    compression = assembly.compression(options) if options.compress else None
    recording = assembly.recording(options) if options.sbom else None
    for stage in (writing, reporting, stripping, compression, recording):
        if stage is not None:
            stage.check()
    with ExitStack() as stack:
        stack.callback(log.rest)
        run = _Run(options, assembly.source_view(options.root), needs, stack, log)
        result, verdict, error = run.decide(stripping, compression, until_report=reporting is not None)
        if reporting is not None:
            log.rest()
            reporting.run(result, verdict, run.suggestions, complete=error is None, print_=print_, log=log)
        if error is not None:
            raise error
        if options.size_limit is not None:
            check_size_limit(result.plan, options.size_limit)
        if recording is not None:
            stack.enter_context(recording.written_at_the_end(result, log))
        if writing is None or options.dry_run:
            log.hint_all(run.suggestions)
            log.info("nothing was written: this was a dry run")
            return
        inspect = run.test(result) if options.test else None
        written = writing.run(result, inspect, log)  # the private directories hold files of the plan
    log.hint_all(run.suggestions)
    count, seconds = count_noun(written.files, "file"), monotonic() - started
    log.summary(f"{options.output}: {count}, {format_size(written.size)}, in {seconds:.1f} s")


class _Run:
    """What looks and decides; `stack` ends what lasts until the bundle is written."""

    def __init__(
        self, options: Options, files: "SourceView", needs: "Sequence[WantedNeed]", stack: ExitStack, log: Log
    ) -> None:
        self._options = options
        self._files = files
        self._needs = needs
        self._stack = stack
        self._log = log
        self._private: list[str] = []
        self.traced: Sequence[TracedRun] = ()
        self.suggestions: Sequence[Suggestion] = ()
        self._cures: Callable[[], Cures] | None = None

    def decide(
        self, stripping: "Stripping | None", compression: "Compression | None", *, until_report: bool
    ) -> "tuple[Result, Verdict | None, MagicpakError | None]":
        """Return the plan with what it was made from, what verification has found, and what makes the run fail.

        Raises MagicpakError; for missing libraries as well, unless the run goes on `until_report`.
        """
        options, files, log = self._options, self._files, self._log
        elf = ElfCache(files, upx=options.upx, upx_timeout=options.upx_timeout)
        inputs = find_inputs(options.inputs, options.install_to, options.layout, elf, files)
        how = options.resolver, options.compiler, options.library_path
        loaders = Loaders(*how, elf, self._new_private_directory, hwcaps=options.hwcaps)
        self._stack.callback(loaders.close)
        log.doing("looking for libraries:", lambda: count_noun(len(elf.by_inode), "file"))
        resolved = [resolve_program(program, loaders) for program in inputs.programs]
        error: MagicpakError | None = _missing_libraries(inputs.programs, resolved, files, log)
        if error is not None and not until_report:
            raise error
        if options.dynamic and error is None:
            self.traced = assembly.tracing(options).run(inputs.all, self._new_private_directory, log)
        onto = assembly.onto(options, inputs, self._new_private_directory, log) if options.onto else None
        base = onto.base if onto else None
        planning = assembly.planning(options, self._needs, files, self._private, base)
        if SUGGESTED in options.with_:
            planned = (inputs, resolved, self.traced, loaders, Log(LogLevel.OFF))
            planning = assembly.suggesting(options, files).added_to(planning, lambda each: each.run(*planned), loaders)
        result = planning.run(inputs, resolved, self.traced, loaders, log)
        if error is None:
            result = result._replace(plan=self._smaller(result, stripping, compression, elf))
        result = result._replace(private=self._private)
        if onto is not None:
            result, conflict = onto.run(result, log)
            error = error or conflict
        verdict = _verify(result, loaders, options.output_path, log) if options.verify and error is None else None
        log.warn_all(_unpack_warnings(elf, result, traced=options.dynamic))
        self.suggestions = _suggestions(options, result, loaders, log)
        self._cures = lambda: assembly.suggesting(options, files).cures(result, loaders)
        return result, verdict, verdict.error if verdict else error

    def test(self, result: Result) -> "Inspect":
        """Return what tests the bundle of `result`."""
        runs = self.traced if self._options.dynamic else None
        return partial(assembly.trial(self._options).prepare(result, runs, self._cures).run, log=self._log)

    def _smaller(
        self, result: Result, stripping: "Stripping | None", compression: "Compression | None", elf: ElfCache
    ) -> BundlePlan:
        """Return the plan with what `--strip` and `--compress` make of its files, in this order."""
        plan = result.plan
        if stripping is not None:
            plan = stripping.run(plan, elf, self._new_private_directory, self._log)
        if compression is not None:
            inputs = result.inputs
            packed = [*inputs.programs, *(_interpreters(result, elf) if inputs.scripts else ())]
            plan = compression.run(packed, plan, elf, self._new_private_directory, self._log)
        return plan

    def _new_private_directory(self) -> str:
        self._private.append(self._stack.enter_context(private_directory()))
        return self._private[-1]


def _interpreters(result: Result, elf: ElfCache) -> "list[Program]":
    from magicpak.collect.programs import interpreters

    return interpreters(result.inputs.scripts, result.scripts, elf, result.files)


def _verify(result: Result, loaders: Loaders, output: str | None, log: Log) -> "Verdict | None":
    from magicpak.stages.verification import Verification

    return Verification(output).run(result, loaders, log)


def _missing_libraries(
    programs: Sequence[Program], resolved: Sequence[Resolved], files: "SourceView", log: Log
) -> LibrariesMissing | None:
    """Log how many libraries each program needs; return the error for those that are missing, of all at once."""
    for program, each in zip(programs, resolved, strict=True):
        if program.file.unpack_error is None:
            log.info(f"{printable(each.name)} needs {count_noun(len(each.closure.objects) - 1, 'library')}")
    if any(each.interpreter_error or each.closure.missing for each in resolved):
        from magicpak.resolve.missing import missing_error

        return missing_error(resolved, files)
    return None


def _suggestions(options: Options, result: Result, loaders: Loaders, log: Log) -> "Sequence[Suggestion]":
    """Return what the bundle may lack besides, if anybody sees it."""
    if not options.hints or not (options.report or log.shows(LogLevel.WARN)):
        return ()
    return assembly.suggesting(options, result.files).run(result, loaders)


def _unpack_warnings(elf: ElfCache, result: Result, *, traced: bool) -> list[str]:
    if all(file.unpack_error is None for file in elf.by_inode.values()):
        return []
    from magicpak.collect.packed import unpack_warnings

    return unpack_warnings(elf, result.plan, traced=traced)
