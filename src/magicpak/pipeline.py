"""The story from the command line's options to the finished bundle: look, decide, write.

What only some runs need is imported where they need it.
"""

import os
from collections.abc import Sequence
from contextlib import ExitStack
from time import monotonic

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


def bundle(options: Options, log: Log) -> Written:
    """Make the bundle that `options` ask for, tell its stages to `log`, and return what was written.

    Raises MagicpakError; nothing is left behind then.
    """
    started = monotonic()
    output = DirectoryOutput(options.output, options.source_date_epoch)
    output.check()
    store = ElfStore()
    programs = find_programs(options.inputs, options.install_to, options.layout, store)
    with ExitStack() as stack:
        private = lambda: stack.enter_context(private_directory())  # noqa: E731 - made when it is needed
        loaders = Loaders(options.resolver, options.compiler, options.library_path, store, private)
        stack.callback(loaders.close)
        plan = _plan(options, programs, loaders, store, log)
    written = _write(plan, output, log)
    log.summary(
        f"{options.output}: {plural(written.files, 'file')}, {size(written.size)}, in {monotonic() - started:.1f} s"
    )
    return written


def _plan(options: Options, programs: Sequence[Program], loaders: Loaders, store: ElfStore, log: Log) -> BundlePlan:
    mirror = Mirror(options.layout, os.path.realpath(options.output))
    resolved = [resolve_program(program, loaders, store, hwcaps=options.hwcaps) for program in programs]
    _tell_libraries(resolved, log)
    placed = [Placed(each, place_libraries(each, mirror)) for each in resolved]
    place_programs(programs, mirror)
    if options.mkdir:
        from magicpak.sources.directories import requested_directories  # noqa: PLC0415

        requested_directories(options.mkdir, mirror)
    if options.include:
        brought = _include(options, resolved, loaders, store, mirror, log)
        placed += [Placed(each, place_libraries(each, mirror)) for each in brought]
    plan, remarks = with_loader_files(BundlePlan().adding(mirror.take()), placed)
    _warn((*mirror.remarks(), *remarks), log)
    if options.exclude:
        from magicpak.bundle.patterns import excluded  # noqa: PLC0415

        before = len(plan)
        plan, unused = excluded(plan, options.exclude)
        _warn([f"--exclude {shown(pattern)} matches nothing" for pattern in unused], log)
        log.info(f"excluded {plural(before - len(plan), 'entry')}")
    log.info(f"planned {plural(len(plan), 'entry')}")
    return plan


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
    brought = companions(matched.elf_files, programs, loaders, store, hwcaps=options.hwcaps)
    _warn((*matched.remarks, *brought.remarks), log)
    log.info(f"included what {plural(len(options.include), 'pattern')} match, {len(matched.elf_files)} ELF files in it")
    return brought.resolved


def _write(plan: BundlePlan, output: Output, log: Log) -> Written:
    if log.shows(LogLevel.DEBUG):
        for item in plan:
            log.debug(f"{shown(item.path)}: {item.because}")
    written = output.write(plan)
    _warn(written.remarks, log)
    log.info(f"wrote {plural(written.files, 'file')}, {size(written.size)}")
    return written


def _warn(remarks: Sequence[str], log: Log) -> None:
    for remark in remarks:
        log.warn(remark)
