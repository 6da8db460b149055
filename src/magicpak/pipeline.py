"""The story from the command line's options to the finished bundle: look, decide, write.

What only some runs need is imported where they need it.
"""

import os
from collections.abc import Callable, Collection, Sequence
from contextlib import ExitStack
from time import monotonic
from typing import TYPE_CHECKING

from magicpak.bundle.path import BundlePath
from magicpak.bundle.plan import BundlePlan
from magicpak.display import plural, shown, size
from magicpak.elf.store import ElfStore
from magicpak.ldso.choosing import Loaders
from magicpak.logs import Log
from magicpak.options import LogLevel, Options
from magicpak.outputs.directory import DirectoryOutput
from magicpak.outputs.output import Output, Written
from magicpak.sources.libraries import Placed, Resolved, place_libraries, resolve_program
from magicpak.sources.loader_files import with_loader_files
from magicpak.sources.mirror import Mirror
from magicpak.sources.programs import Program, find_programs, place_programs
from magicpak.workspace import private_directory

if TYPE_CHECKING:
    from magicpak.tracing.watching import Watched


def bundle(options: Options, log: Log) -> Written:
    """Make the bundle that `options` ask for, tell its stages to `log`, and return what was written.

    Raises MagicpakError; nothing is left behind then.
    """
    started = monotonic()
    log.warn_of(options.without_effect())
    output = DirectoryOutput(options.output, options.source_date_epoch)
    output.check()
    pack = _packing(options, log) if options.compress else None
    store = ElfStore()
    programs = find_programs(options.inputs, options.install_to, options.layout, store)
    with ExitStack() as stack:
        stack.callback(log.rest)
        private = lambda: stack.enter_context(private_directory())  # noqa: E731 - made when it is needed
        loaders = Loaders(options.resolver, options.compiler, options.library_path, store, private)
        stack.callback(loaders.close)
        _look_for_libraries(store, log)
        resolved = [resolve_program(program, loaders, store, hwcaps=options.hwcaps) for program in programs]
        _tell_libraries(resolved, log)
        runs = _watched(options, programs, private, log) if options.dynamic else ()
        before, plan, placed = _plan(options, programs, resolved, runs, loaders, store, log)
        plan = pack(programs, plan, private) if pack else plan
        if options.verify:
            _prove(options, plan, before, placed, store, loaders, log)
        trial = _trial(options, programs, runs, before, plan, log) if options.test else None
        written = _write(plan, output, trial, log)  # the private directories hold files of the plan
    log.summary(
        f"{options.output}: {plural(written.files, 'file')}, {size(written.size)}, in {monotonic() - started:.1f} s"
    )
    return written


def _packing(options: Options, log: Log) -> Callable[[Sequence[Program], BundlePlan, Callable[[], str]], BundlePlan]:
    from magicpak.stages.packing import packing  # noqa: PLC0415

    return packing(options, log)


def _watched(options: Options, programs: Sequence[Program], private: Callable[[], str], log: Log) -> "list[Watched]":
    from magicpak.stages.watching import watch_programs  # noqa: PLC0415

    return watch_programs(options, programs, private, log)


def _prove(
    options: Options,
    plan: BundlePlan,
    before: BundlePlan,
    placed: Sequence[Placed],
    store: ElfStore,
    loaders: Loaders,
    log: Log,
) -> None:
    """Look at the plan as the loaders in the empty image will. Raises LibrariesMissing."""
    from magicpak.proof.finished import Finished  # noqa: PLC0415 - not with --no-verify

    finished = Finished(plan, placed, len(options.inputs), (store, loaders))
    count, problems = finished.look_at_all(options.output)
    log.warn_of(finished.remarks)
    for path in finished.unknown:
        log.info(f"nothing is known of the loader {shown(path)}: what its programs find is not proved")
    if problems:
        from magicpak.stages.proving import tell_problems  # noqa: PLC0415

        tell_problems(problems, options, plan, before, placed, (store, loaders), log)
    else:
        log.info(f"proved: {plural(count, 'program')} will lack nothing")


def _trial(
    options: Options,
    programs: Sequence[Program],
    runs: "Sequence[Watched]",
    before: BundlePlan,
    plan: BundlePlan,
    log: Log,
) -> Callable[[int], None]:
    from magicpak.stages.testing import trial_of  # noqa: PLC0415

    return trial_of(options, programs, runs, before, plan, log)


def _plan(
    options: Options,
    programs: Sequence[Program],
    resolved: Sequence[Resolved],
    runs: "Sequence[Watched]",
    loaders: Loaders,
    store: ElfStore,
    log: Log,
) -> tuple[BundlePlan, BundlePlan, Sequence[Placed]]:
    """Return the plan without regard to `--exclude`, and as it is to be, and where libraries stand in it."""
    mirror = Mirror(options.layout, os.path.realpath(options.output))
    used: Collection[BundlePath] = ()
    log.doing("collecting:", lambda: plural(len(mirror), "entry"))
    if runs:
        from magicpak.sources.opened import bring  # noqa: PLC0415
        from magicpak.sources.watched import summary  # noqa: PLC0415

        traces = [each.trace for each in runs]
        opened = bring(traces, programs, resolved, loaders, store, mirror, hwcaps=options.hwcaps)
        log.warn_of(opened.remarks)
        log.info(summary(runs, opened.files))
        resolved, used = [*resolved, *opened.resolved], opened.paths
    placed = _collect(options, programs, resolved, loaders, store, mirror, log)
    log.doing("planning")
    before, remarks = with_loader_files(BundlePlan().adding(mirror.take()), placed)
    log.warn_of((*mirror.remarks(), *remarks))
    plan = _exclude(options.exclude, before, log) if options.exclude else before
    if used:
        from magicpak.sources.secrets import secrets  # noqa: PLC0415

        log.warn_of(secrets(plan, used, programs))
    log.info(f"planned {plural(len(plan), 'entry')}")
    return before, plan, placed


def _collect(
    options: Options,
    programs: Sequence[Program],
    resolved: Sequence[Resolved],
    loaders: Loaders,
    store: ElfStore,
    mirror: Mirror,
    log: Log,
) -> list[Placed]:
    """Collect the programs, what they need, and what was asked for; return where the libraries stand."""
    placed = [Placed(each, place_libraries(each, mirror)) for each in resolved]
    place_programs(programs, mirror)
    if options.mkdir:
        from magicpak.sources.directories import requested_directories  # noqa: PLC0415

        requested_directories(options.mkdir, mirror)
    if options.include:
        brought = _include(options, resolved, loaders, store, mirror, log)
        placed += [Placed(each, place_libraries(each, mirror)) for each in brought]
    return placed


def _look_for_libraries(store: ElfStore, log: Log) -> None:
    log.doing("looking for libraries:", lambda: plural(len(store.by_inode), "file"))


def _tell_libraries(resolved: Sequence[Resolved], log: Log) -> None:
    """Tell how many libraries each program needs. Raises LibrariesMissing, for all programs at once."""
    for each in resolved:
        log.info(f"{shown(each.name)} needs {plural(len(each.closure.objects) - 1, 'library')}")
    if any(each.trouble or each.closure.missing for each in resolved):
        from magicpak.sources.shortfall import shortfall  # noqa: PLC0415

        raise shortfall(resolved)


def _include(
    options: Options, programs: Sequence[Resolved], loaders: Loaders, store: ElfStore, mirror: Mirror, log: Log
) -> Sequence[Resolved]:
    """Collect what `--include` matches, and return what its ELF files need."""
    from magicpak.sources.companions import companions  # noqa: PLC0415
    from magicpak.sources.matched import include  # noqa: PLC0415

    matched = include(options.include, mirror)
    _look_for_libraries(store, log)
    brought = companions(matched.elf_files, programs, loaders, store, hwcaps=options.hwcaps)
    log.warn_of((*matched.remarks, *brought.remarks))
    log.info(f"included what {plural(len(options.include), 'pattern')} match, {len(matched.elf_files)} ELF files in it")
    return brought.resolved


def _exclude(patterns: Sequence[str], plan: BundlePlan, log: Log) -> BundlePlan:
    from magicpak.bundle.patterns import excluded  # noqa: PLC0415

    rest, unused = excluded(plan, patterns)
    log.warn_of([f"--exclude {shown(pattern)} matches nothing" for pattern in unused])
    log.info(f"excluded {plural(len(plan) - len(rest), 'entry')}")
    return rest


def _write(plan: BundlePlan, output: Output, trial: Callable[[int], None] | None, log: Log) -> Written:
    if log.shows(LogLevel.DEBUG):
        for item in plan:
            log.debug(f"{shown(item.path)}: {item.because}")
    written = output.write(plan, trial, log.doing_all("copying", lambda: plan.size))
    log.warn_of(written.remarks)
    log.info(f"wrote {plural(written.files, 'file')}, {size(written.size)}")
    return written
