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
    from magicpak.sources.compressed import Upx
    from magicpak.tracing.watching import Watched


def bundle(options: Options, log: Log) -> Written:
    """Make the bundle that `options` ask for, tell its stages to `log`, and return what was written.

    Raises MagicpakError; nothing is left behind then.
    """
    started = monotonic()
    _warn(options.without_effect(), log)
    output = DirectoryOutput(options.output, options.source_date_epoch)
    output.check()
    upx = _upx(options) if options.compress else None
    store = ElfStore()
    programs = find_programs(options.inputs, options.install_to, options.layout, store)
    with ExitStack() as stack:
        private = lambda: stack.enter_context(private_directory())  # noqa: E731 - made when it is needed
        loaders = Loaders(options.resolver, options.compiler, options.library_path, store, private)
        stack.callback(loaders.close)
        resolved = [resolve_program(program, loaders, store, hwcaps=options.hwcaps) for program in programs]
        _tell_libraries(resolved, log)
        runs = _watch(options, programs, private, log) if options.dynamic else ()
        before, plan = _plan(options, programs, resolved, runs, loaders, store, log)
        plan = _pack(upx, programs, plan, private, log) if upx else plan
        trial = _trial(options, programs, before, plan, log) if options.test else None
        written = _write(plan, output, trial, log)  # the private directories hold files of the plan
    log.summary(
        f"{options.output}: {plural(written.files, 'file')}, {size(written.size)}, in {monotonic() - started:.1f} s"
    )
    return written


def _plan(
    options: Options,
    programs: Sequence[Program],
    resolved: Sequence[Resolved],
    runs: "Sequence[Watched]",
    loaders: Loaders,
    store: ElfStore,
    log: Log,
) -> tuple[BundlePlan, BundlePlan]:
    """Return the plan without regard to `--exclude`, and as it is to be."""
    mirror = Mirror(options.layout, os.path.realpath(options.output))
    used: Collection[BundlePath] = ()
    if runs:
        from magicpak.sources.opened import bring  # noqa: PLC0415
        from magicpak.sources.watched import summary  # noqa: PLC0415

        traces = [each.trace for each in runs]
        opened = bring(traces, programs, resolved, loaders, store, mirror, hwcaps=options.hwcaps)
        _warn(opened.remarks, log)
        log.info(summary(runs, opened.files))
        resolved, used = [*resolved, *opened.resolved], opened.paths
    placed = _collect(options, programs, resolved, loaders, store, mirror, log)
    before, remarks = with_loader_files(BundlePlan().adding(mirror.take()), placed)
    _warn((*mirror.remarks(), *remarks), log)
    plan = _exclude(options.exclude, before, log) if options.exclude else before
    if used:
        from magicpak.sources.secrets import secrets  # noqa: PLC0415

        _warn(secrets(plan, used, programs), log)
    log.info(f"planned {plural(len(plan), 'entry')}")
    return before, plan


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


def _tell_libraries(resolved: Sequence[Resolved], log: Log) -> None:
    """Tell how many libraries each program needs. Raises LibrariesMissing, for all programs at once."""
    for each in resolved:
        log.info(f"{shown(each.name)} needs {plural(len(each.closure.objects) - 1, 'library')}")
    if any(each.trouble or each.closure.missing for each in resolved):
        from magicpak.sources.shortfall import shortfall  # noqa: PLC0415

        raise shortfall(resolved)


def _watch(options: Options, programs: Sequence[Program], private: Callable[[], str], log: Log) -> "list[Watched]":
    """Run what `--dynamic` asks for, and return what was seen, as far as it counts. Raises MagicpakError."""
    from magicpak.sources.watched import counted, judge, planned_runs, trace_lines  # noqa: PLC0415
    from magicpak.tracing.watching import watch  # noqa: PLC0415

    stdin = None if options.dynamic_stdin is None else os.fsencode(options.dynamic_stdin)
    env = {**os.environ, **_variables(options.dynamic_env)}
    debug = log.shows(LogLevel.DEBUG)
    result = []
    for run in planned_runs(programs, options.dynamic_arg, options.dynamic_command):
        log.info(f"running {shown(run.line)} (for {options.dynamic_timeout:g} s at most)")
        watched = watch(
            run.command,
            executable=run.executable,
            timeout=options.dynamic_timeout,
            keep_in=private(),
            stdin=stdin,
            env=env,
            hear=(lambda line: log.debug(shown(os.fsdecode(line)))) if debug else None,
        )
        for line in trace_lines(watched.trace) if debug else ():
            log.debug(line)
        _warn(judge(run, watched, options.dynamic_timeout, allow_failure=options.dynamic_allow_failure), log)
        trace, remarks = counted(run, watched.trace)
        _warn(remarks, log)
        result.append(watched._replace(trace=trace))
    return result


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


def _exclude(patterns: Sequence[str], plan: BundlePlan, log: Log) -> BundlePlan:
    from magicpak.bundle.patterns import excluded  # noqa: PLC0415

    rest, unused = excluded(plan, patterns)
    _warn([f"--exclude {shown(pattern)} matches nothing" for pattern in unused], log)
    log.info(f"excluded {plural(len(plan) - len(rest), 'entry')}")
    return rest


def _upx(options: Options) -> "Upx":
    """Return upx as `options` ask for it, before any work. Raises ToolFailed where it is missing."""
    from magicpak.sources.compressed import Upx  # noqa: PLC0415

    upx = Upx(options.upx, options.upx_arg, options.upx_timeout)
    upx.check()
    return upx


def _pack(
    upx: "Upx", programs: Sequence[Program], plan: BundlePlan, private: Callable[[], str], log: Log
) -> BundlePlan:
    """Return `plan` with the programs packed, but for those that upx refuses. Raises MagicpakError."""
    from magicpak.sources.compressed import Refusal, pack, to_pack, with_packed  # noqa: PLC0415

    packed = {}
    tell = log.info if log.shows(LogLevel.INFO) else log.summary  # it can take minutes
    for program, copy in to_pack(programs, plan):
        name = shown(program.given)
        tell(f"packing {name} with {upx.line}")
        result = pack(program, copy, upx, private())
        if isinstance(result, Refusal):
            log.warn(f"{name} goes in as it is: upx says {result.words}")
        else:
            packed[copy.inode] = result
            ratio = 100 * result.size / copy.size
            log.info(f"packed {name}: {size(copy.size)} to {size(result.size)}, {ratio:.0f} %")
    return with_packed(plan, packed)


def _trial(
    options: Options, programs: Sequence[Program], before: BundlePlan, plan: BundlePlan, log: Log
) -> Callable[[int], None]:
    """Return what tries the bundle, given its root, as `--test` asks for it. Raises MagicpakError."""
    from magicpak.outputs.directory import write_copy  # noqa: PLC0415
    from magicpak.trial.demands import Demands, guest_for  # noqa: PLC0415
    from magicpak.trial.hints import Plans  # noqa: PLC0415
    from magicpak.trial.ladder import Ladder  # noqa: PLC0415
    from magicpak.trial.trying import Tellers, commands_for, try_out  # noqa: PLC0415

    demands = Demands(
        stdin=None if options.test_stdin is None else os.fsencode(options.test_stdin),
        stdout=None if options.test_stdout is None else os.fsencode(options.test_stdout),
        exit_code=options.test_exit_code,
        timeout=options.test_timeout,
        env=_variables(options.test_env),
        guest=guest_for(options.test_user, plan),
        network=options.test_network,
    )
    commands = commands_for(options.test_command, [each.at for each in programs], plan, options.busybox)

    def copy(path: str) -> None:
        write_copy(plan, path, options.source_date_epoch)

    def trial(root: int) -> None:
        ladder = Ladder(root, copy, demands.guest, network=demands.network)
        try_out(commands, demands, ladder, Plans(plan, before, options.exclude), Tellers(log.info, log.warn))

    return trial


def _variables(assignments: Sequence[str]) -> dict[str, str]:
    return dict(each.split("=", 1) for each in assignments)


def _write(plan: BundlePlan, output: Output, trial: Callable[[int], None] | None, log: Log) -> Written:
    if log.shows(LogLevel.DEBUG):
        for item in plan:
            log.debug(f"{shown(item.path)}: {item.because}")
    written = output.write(plan, trial)
    _warn(written.remarks, log)
    log.info(f"wrote {plural(written.files, 'file')}, {size(written.size)}")
    return written


def _warn(remarks: Sequence[str], log: Log) -> None:
    for remark in remarks:
        log.warn(remark)
