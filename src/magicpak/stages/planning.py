"""The plan: all that goes into the bundle, from wherever it comes."""

import os
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from magicpak.bundle.path import BundlePath
from magicpak.bundle.plan import BundlePlan
from magicpak.collect.libraries import Placed, place_libraries
from magicpak.collect.loader_config import with_loader_config
from magicpak.collect.mirror import Mirror
from magicpak.collect.programs import place_programs
from magicpak.collect.result import Decided
from magicpak.elf.cache import ElfCache
from magicpak.ldso.factory import Loaders
from magicpak.log import Log
from magicpak.options import Options
from magicpak.resolve.inputs import Program
from magicpak.resolve.libraries import Resolved
from magicpak.text import count_noun, printable

if TYPE_CHECKING:
    from magicpak.tracing.run import TracedRun


def planned(
    options: Options,
    programs: Sequence[Program],
    resolved: Sequence[Resolved],
    runs: "Sequence[TracedRun]",
    loaders: Loaders,
    store: ElfCache,
    log: Log,
) -> Decided:
    """Return the plan of `programs`, which need what is in `resolved` and have used what was seen in `runs`."""
    mirror = Mirror(options.layout, None if options.output is None else os.path.realpath(options.output))
    used: Collection[BundlePath] = ()
    log.doing("collecting:", lambda: count_noun(len(mirror), "entry"))
    if runs:
        from magicpak.dynamic.items import collect_traced  # noqa: PLC0415
        from magicpak.dynamic.runs import summary  # noqa: PLC0415

        traces = [each.trace for each in runs]
        opened = collect_traced(traces, programs, resolved, loaders, store, mirror, hwcaps=options.hwcaps)
        log.warn_all(opened.warnings)
        log.info(summary(runs, opened.files))
        resolved, used = [*resolved, *opened.resolved], opened.paths
    placed = _collect(options, programs, resolved, loaders, store, mirror, log)
    log.doing("planning")
    before, warnings = with_loader_config(BundlePlan().adding(mirror.take()), placed)
    log.warn_all((*mirror.warnings(), *warnings))
    plan = _exclude(options.exclude, before, log) if options.exclude else before
    if used:
        from magicpak.dynamic.secrets import secret_warnings  # noqa: PLC0415

        log.warn_all(secret_warnings(plan, used, programs))
    log.info(f"planned {count_noun(len(plan), 'entry')}")
    return Decided(programs, placed, before, plan)


def _collect(
    options: Options,
    programs: Sequence[Program],
    resolved: Sequence[Resolved],
    loaders: Loaders,
    store: ElfCache,
    mirror: Mirror,
    log: Log,
) -> list[Placed]:
    """Collect the programs, what they need, and what was asked for; return where the libraries stand."""
    placed = [Placed(each, place_libraries(each, mirror)) for each in resolved]
    place_programs(programs, mirror)
    if options.mkdir:
        from magicpak.collect.mkdir import collect_mkdir  # noqa: PLC0415

        collect_mkdir(options.mkdir, mirror)
    if options.include:
        brought = _include(options, resolved, loaders, store, mirror, log)
        placed += [Placed(each, place_libraries(each, mirror)) for each in brought]
    return placed


def _include(
    options: Options, programs: Sequence[Resolved], loaders: Loaders, store: ElfCache, mirror: Mirror, log: Log
) -> Sequence[Resolved]:
    """Collect what `--include` matches, and return what its ELF files need."""
    from magicpak.collect.include import include  # noqa: PLC0415
    from magicpak.collect.include_libraries import resolve_included  # noqa: PLC0415

    matched = include(options.include, mirror)
    log.doing("looking for libraries:", lambda: count_noun(len(store.by_inode), "file"))
    brought = resolve_included(matched.elf_files, programs, loaders, store, hwcaps=options.hwcaps)
    log.warn_all((*matched.warnings, *brought.warnings))
    log.info(
        f"included what {count_noun(len(options.include), 'pattern')} match, {len(matched.elf_files)} ELF files in it"
    )
    return brought.resolved


def _exclude(patterns: Sequence[str], plan: BundlePlan, log: Log) -> BundlePlan:
    from magicpak.bundle.globs import excluded  # noqa: PLC0415

    rest, unused = excluded(plan, patterns)
    log.warn_all([f"--exclude {printable(pattern)} matches nothing" for pattern in unused])
    log.info(f"excluded {count_noun(len(plan) - len(rest), 'entry')}")
    return rest
