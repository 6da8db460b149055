"""The story from the command line's options to the finished bundle: look, decide, write.

A module that only some runs need is imported where it is needed.
"""

import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING

from magicpak.bundle.plan import check_size_limit
from magicpak.collect.result import Result
from magicpak.elf.cache import ElfCache
from magicpak.errors import LibrariesMissing, MagicpakError
from magicpak.ldso.factory import Loaders
from magicpak.log import Log
from magicpak.options import Options
from magicpak.process.tempdirs import private_directory
from magicpak.resolve.inputs import Program, find_inputs
from magicpak.resolve.libraries import Resolved, resolve_program
from magicpak.stages.planning import Planning
from magicpak.stages.writing import Writing
from magicpak.text import count_noun, format_size, printable

if TYPE_CHECKING:
    from magicpak.outputs.image_config import ImageSettings
    from magicpak.resolve.inputs import Program
    from magicpak.stages.compression import Compression
    from magicpak.stages.reporting import Reporting
    from magicpak.stages.tracing import Tracing
    from magicpak.stages.trial import Trial
    from magicpak.tracing.run import TracedRun
    from magicpak.verify.severity import Verdict


def bundle(options: Options, log: Log, print_: Callable[[bytes], None]) -> None:
    """Make the bundle that `options` ask for, log each stage, and print what was asked about it with `print_`.

    Raises MagicpakError; nothing is left behind then. What is asked is printed before, as far as it is known.
    """
    started = monotonic()
    log.warn_all(options.without_effect())
    writing = _writing(options)
    reporting = _reporting(options) if options.report or options.why else None
    compression = _compression(options) if options.compress else None
    for stage in (writing, reporting, compression):
        if stage is not None:
            stage.check()
    with ExitStack() as stack:
        stack.callback(log.rest)
        run = _Run(options, stack, log)
        result, verdict, error = run.decide(compression, until_report=reporting is not None)
        if reporting is not None:
            log.rest()
            reporting.run(result, verdict, complete=error is None, print_=print_, log=log)
        if error is not None:
            raise error
        if options.size_limit is not None:
            check_size_limit(result.plan, options.size_limit)
        if writing is None or options.dry_run:
            log.info("nothing was written: this was a dry run")
            return
        test = _trial(options).prepare(result, run.traced if options.dynamic else None) if options.test else None
        inspect = partial(test.run, log=log) if test is not None else None
        written = writing.run(result, inspect, log)  # the private directories hold files of the plan
    files, seconds = count_noun(written.files, "file"), monotonic() - started
    log.summary(f"{options.output}: {files}, {format_size(written.size)}, in {seconds:.1f} s")


class _Run:
    """What looks and decides; `stack` ends what lasts until the bundle is written."""

    def __init__(self, options: Options, stack: ExitStack, log: Log) -> None:
        self._options = options
        self._stack = stack
        self._log = log
        self._private: list[str] = []
        self.traced: Sequence[TracedRun] = ()

    def decide(
        self, compression: "Compression | None", *, until_report: bool
    ) -> "tuple[Result, Verdict | None, MagicpakError | None]":
        """Return the plan with what it was made from, what verification has found, and what makes the run fail.

        Raises MagicpakError; for missing libraries as well, unless the run goes on `until_report`.
        """
        options, log = self._options, self._log
        elf = ElfCache(upx=options.upx, upx_timeout=options.upx_timeout)
        inputs = find_inputs(options.inputs, options.install_to, options.layout, elf)
        loaders = Loaders(
            options.resolver,
            options.compiler,
            options.library_path,
            elf,
            self._new_private_directory,
            hwcaps=options.hwcaps,
        )
        self._stack.callback(loaders.close)
        log.doing("looking for libraries:", lambda: count_noun(len(elf.by_inode), "file"))
        resolved = [resolve_program(program, loaders) for program in inputs.programs]
        error: MagicpakError | None = _missing_libraries(inputs.programs, resolved, log)
        if error is not None and not until_report:
            raise error
        if options.dynamic and error is None:
            self.traced = _tracing(options).run(inputs.all, self._new_private_directory, log)
        result = _planning(options).run(inputs, resolved, self.traced, loaders, log)
        if compression is not None and error is None:
            packed = [*inputs.programs, *(_interpreters(result, elf) if inputs.scripts else ())]
            plan = compression.run(packed, result.plan, elf, self._new_private_directory, log)
            result = result._replace(plan=plan)
        result = result._replace(private=self._private)
        verdict = _verify(result, loaders, options.output_path, log) if options.verify and error is None else None
        log.warn_all(_unpack_warnings(elf, result, traced=options.dynamic))
        return result, verdict, verdict.error if verdict else error

    def _new_private_directory(self) -> str:
        self._private.append(self._stack.enter_context(private_directory()))
        return self._private[-1]


def _writing(options: Options) -> Writing | None:
    if options.destined is None:
        return None
    image = _image_settings(options) if options.is_image else None
    return Writing(options.destined, image, options.layers, options.source_date_epoch)


def _image_settings(options: Options) -> "ImageSettings":
    from magicpak.outputs.image_config import ImageSettings

    return ImageSettings(
        options.entrypoint,
        options.cmd,
        options.env,
        options.user,
        options.workdir,
        options.expose,
        options.label,
        options.stop_signal,
        options.tag,
    )


def _planning(options: Options) -> Planning:
    return Planning(
        options.layout,
        options.output_path,
        options.include,
        options.exclude,
        (*options.mkdir, options.workdir) if options.workdir and options.is_image else options.mkdir,
        options.all_packages,
        _dynamic_env(options),
    )


def _interpreters(result: Result, elf: ElfCache) -> "list[Program]":
    from magicpak.collect.scripts import interpreters

    return interpreters(result.inputs.scripts, result.scripts, elf)


def _reporting(options: Options) -> "Reporting":
    from magicpak.outputs.report_file import ReportFile
    from magicpak.stages.reporting import Reporting

    file = ReportFile(options.report_file, options.output_path) if options.report_file is not None else None
    return Reporting(options.report, file, options.why, options.output, options.dry_run)


def _compression(options: Options) -> "Compression":
    from magicpak.collect.upx import Upx
    from magicpak.stages.compression import Compression

    return Compression(Upx(options.upx, options.upx_arg, options.upx_timeout))


def _dynamic_env(options: Options) -> dict[str, str]:
    return {**os.environ, **options.dynamic_env}


def _tracing(options: Options) -> "Tracing":
    from magicpak.stages.tracing import Tracing

    return Tracing(
        options.dynamic_arg,
        options.dynamic_command,
        _encoded(options.dynamic_stdin),
        _dynamic_env(options),
        options.dynamic_timeout,
        options.dynamic_allow_failure,
    )


def _trial(options: Options) -> "Trial":
    from magicpak.stages.trial import Trial
    from magicpak.trial.expectations import Expectations

    expectations = Expectations(
        stdin=_encoded(options.test_stdin),
        stdout=_encoded(options.test_stdout),
        exit_code=options.test_exit_code,
        timeout=options.test_timeout,
        env=options.test_env,
        network=options.test_network,
    )
    return Trial(options.test_command, options.busybox, options.test_user, expectations, options.source_date_epoch)


def _encoded(text: str | None) -> bytes | None:
    return None if text is None else os.fsencode(text)


def _verify(result: Result, loaders: Loaders, output: str | None, log: Log) -> "Verdict | None":
    from magicpak.stages.verification import Verification

    return Verification(output).run(result, loaders, log)


def _missing_libraries(programs: Sequence[Program], resolved: Sequence[Resolved], log: Log) -> LibrariesMissing | None:
    """Log how many libraries each program needs; return the error for those that are missing, of all at once."""
    for program, each in zip(programs, resolved, strict=True):
        if program.file.unpack_error is None:
            log.info(f"{printable(each.name)} needs {count_noun(len(each.closure.objects) - 1, 'library')}")
    if any(each.interpreter_error or each.closure.missing for each in resolved):
        from magicpak.resolve.missing import missing_error

        return missing_error(resolved)
    return None


def _unpack_warnings(elf: ElfCache, result: Result, *, traced: bool) -> list[str]:
    if all(file.unpack_error is None for file in elf.by_inode.values()):
        return []
    from magicpak.collect.packed import unpack_warnings

    return unpack_warnings(elf, result.plan, traced=traced)
