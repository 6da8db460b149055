"""The story from the command line's options to the finished bundle: look, decide, write."""

import os
from contextlib import ExitStack
from time import monotonic

from magicpak.bundle.patterns import excluded
from magicpak.bundle.plan import BundlePlan
from magicpak.display import plural, shown, size
from magicpak.elf.store import ElfStore
from magicpak.ldso.choosing import Loaders
from magicpak.logs import Log
from magicpak.options import LogLevel, Options
from magicpak.outputs.directory import DirectoryOutput
from magicpak.outputs.output import Output, Written
from magicpak.sources.companions import companions
from magicpak.sources.directories import requested_directories
from magicpak.sources.libraries import Placed, Resolved, place_libraries, resolve_program
from magicpak.sources.loader_files import with_loader_files
from magicpak.sources.matched import include
from magicpak.sources.mirror import Mirror
from magicpak.sources.programs import Program, find_programs, place_programs
from magicpak.sources.shortfall import shortfall
from magicpak.workspace import private_directory


def bundle(options: Options, log: Log) -> Written:
    """Make the bundle that `options` ask for, tell its stages to `log`, and return what was written.

    Raises MagicpakError; nothing is left behind then.
    """
    started = monotonic()
    output = DirectoryOutput(options.output, options.source_date_epoch)
    output.check()
    store = ElfStore()
    programs = find_programs(options.inputs, options.install_to, store)
    with ExitStack() as stack:
        loaders = Loaders(
            options.resolver,
            options.compiler,
            options.library_path,
            store,
            lambda: stack.enter_context(private_directory()),
        )
        stack.callback(loaders.close)
        plan = _plan(options, programs, loaders, store, log)
    written = _write(plan, output, log)
    log.summary(
        f"{options.output}: {plural(written.files, 'file')}, {size(written.size)}, in {monotonic() - started:.1f} s"
    )
    return written


def _plan(options: Options, programs: list[Program], loaders: Loaders, store: ElfStore, log: Log) -> BundlePlan:
    mirror = Mirror(options.layout, os.path.realpath(options.output))
    resolved = [resolve_program(program, loaders, store, hwcaps=options.hwcaps) for program in programs]
    _tell_libraries(resolved, log)
    missing = shortfall(resolved)
    if missing:
        raise missing
    placed = [Placed(each, place_libraries(each, mirror)) for each in resolved]
    place_programs(programs, mirror)
    requested_directories(options.mkdir, mirror)
    matched = include(options.include, mirror)
    brought = companions(matched.elf_files, resolved, loaders, store, hwcaps=options.hwcaps)
    placed += [Placed(each, place_libraries(each, mirror)) for each in brought.resolved]
    if options.include:
        log.info(f"included {plural(len(matched.elf_files), 'ELF file')} and what else the patterns match")
    plan, told = with_loader_files(BundlePlan().adding(mirror.take()), placed)
    plan, unused = excluded(plan, options.exclude)
    for remark in (*matched.remarks, *brought.remarks, *mirror.remarks(), *told):
        log.warn(remark)
    for pattern in unused:
        log.warn(f"--exclude {shown(pattern)} matches nothing")
    log.info(f"planned {plural(len(plan), 'entry')}")
    return plan


def _tell_libraries(resolved: list[Resolved], log: Log) -> None:
    for each in resolved:
        count = plural(len(each.closure.objects) - 1, "library")
        log.info(f"{shown(each.name)} needs {count}")


def _write(plan: BundlePlan, output: Output, log: Log) -> Written:
    if log.shows(LogLevel.DEBUG):
        for item in plan:
            log.debug(f"{shown(item.path)}: {item.because}")
    written = output.write(plan)
    for remark in written.remarks:
        log.warn(remark)
    log.info(f"wrote {plural(written.files, 'file')}, {size(written.size)}")
    return written
