"""The plan: everything that is included, wherever it comes from."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from magicpak.bundle.entry import Layout
from magicpak.bundle.exclude import Exclusion, exclude
from magicpak.bundle.path import BundlePath
from magicpak.bundle.plan import BundlePlan
from magicpak.collect.libraries import place_inputs, place_libraries, relative_path_warnings
from magicpak.collect.loader_config import with_loader_config
from magicpak.collect.mirror import Mirror
from magicpak.collect.result import Result
from magicpak.errors import MagicpakError
from magicpak.files.host import Host
from magicpak.files.view import real_path
from magicpak.ldso.factory import Loaders
from magicpak.log import Log
from magicpak.resolve.inputs import Program
from magicpak.resolve.libraries import Resolved
from magicpak.text import count_noun

if TYPE_CHECKING:
    from magicpak.collect.include import IncludeMatches
    from magicpak.dynamic.items import TracedItems
    from magicpak.dynamic.moved import MovedItems
    from magicpak.tracing.run import TracedRun


class Planning(NamedTuple):
    """`--layout`, OUTPUT, `--include`, `--exclude` and `--mkdir`."""

    layout: Layout
    output: str | None
    include: Sequence[str]
    exclude: Sequence[str]
    mkdir: Sequence[str]

    def run(
        self,
        programs: Sequence[Program],
        resolved: Sequence[Resolved],
        runs: "Sequence[TracedRun]",
        loaders: Loaders,
        log: Log,
    ) -> Result:
        """Return the plan of `programs`, which need `resolved` and have used what `runs` saw. Raises CannotRead."""
        mirror, traced = self._collect_used(programs, resolved, runs, loaders, log)
        resolved = [*resolved, *traced.resolved] if traced else resolved
        of_inputs = zip(programs, resolved, strict=False)
        placed = [place_libraries(each, mirror, program) for program, each in of_inputs]
        placed += [place_libraries(each, mirror) for each in resolved[len(programs) :]]
        place_inputs(programs, mirror)
        moved = _moved_along(programs, resolved, traced, mirror) if traced else ()
        needs, matches = self._collect_requested(resolved, loaders, mirror, log)
        placed += [place_libraries(each, mirror) for each in needs]
        log.doing("planning")
        plan, used = _with_moved(BundlePlan().adding(mirror.take()), moved, programs, traced, log)
        before, warnings = with_loader_config(plan, [*placed, *(each for group in moved for each in group.placed)])
        log.warn_all((*mirror.host.warnings(), *warnings, *relative_path_warnings(placed)))
        exclusion = exclude(before, self.exclude)
        _require_excluded(matches.unreadable if matches else {}, exclusion)
        _report_exclusion(exclusion, log)
        if used:
            from magicpak.dynamic.secrets import secret_warnings

            log.warn_all(secret_warnings(exclusion.plan, used, programs))
        log.info(f"planned {count_noun(len(exclusion.plan), 'entry')}")
        return Result(programs, placed, matches.named if matches else (), exclusion, exclusion.plan)

    def _collect_used(
        self,
        programs: Sequence[Program],
        resolved: Sequence[Resolved],
        runs: "Sequence[TracedRun]",
        loaders: Loaders,
        log: Log,
    ) -> "tuple[Mirror, TracedItems | None]":
        """Return a mirror of the host as it was before `runs`, with what those have used; and that, if they were."""
        output = None if self.output is None else real_path(self.output)
        if not runs:
            mirror = Mirror(self.layout, Host(output))
            log.doing("collecting:", lambda: count_noun(len(mirror), "entry"))
            return mirror, None
        from magicpak.dynamic.host_before import changes_of
        from magicpak.dynamic.items import collect_traced
        from magicpak.dynamic.runs import summary

        traces = [run.trace for run in runs]
        changes = changes_of(traces)
        mirror = Mirror(self.layout, Host(output, changes.before))
        log.doing("collecting:", lambda: count_noun(len(mirror), "entry"))
        traced = collect_traced(traces, programs, resolved, loaders, mirror, changes)
        log.warn_all(traced.warnings)
        log.info(summary(runs, len(traced.files)))
        return mirror, traced

    def _collect_requested(
        self, resolved: Sequence[Resolved], loaders: Loaders, mirror: Mirror, log: Log
    ) -> "tuple[Sequence[Resolved], IncludeMatches | None]":
        """Collect what was asked for; return what ELF files among it need, and what `--include` matches."""
        if self.mkdir:
            from magicpak.collect.include import make_directories

            make_directories(self.mkdir, mirror)
        return self._include(resolved, loaders, mirror, log) if self.include else ((), None)

    def _include(
        self, resolved: Sequence[Resolved], loaders: Loaders, mirror: Mirror, log: Log
    ) -> "tuple[Sequence[Resolved], IncludeMatches]":
        """Collect what `--include` matches; return what its ELF files need, and the matches."""
        from magicpak.collect.include import include
        from magicpak.collect.include_libraries import resolve_included

        matches = include(self.include, mirror)
        log.doing("looking for libraries:", lambda: count_noun(len(loaders.elf.by_inode), "file"))
        included = resolve_included(matches.elf_files, resolved, loaders)
        log.warn_all((*matches.warnings, *included.warnings))
        patterns, files = count_noun(len(self.include), "pattern"), count_noun(len(matches.elf_files), "ELF file")
        log.info(f"included the files matching {patterns} ({files})")
        return included.resolved, matches


def _moved_along(
    programs: Sequence[Program], resolved: Sequence[Resolved], traced: "TracedItems", mirror: Mirror
) -> "Sequence[MovedItems]":
    from magicpak.dynamic.moved import move_along, relocations

    items = mirror.collected()
    return [move_along(each, items, resolved, mirror, traced.before) for each in relocations(programs)]


def _with_moved(
    plan: BundlePlan,
    moved: "Sequence[MovedItems]",
    programs: Sequence[Program],
    traced: "TracedItems | None",
    log: Log,
) -> tuple[BundlePlan, Mapping[BundlePath, str]]:
    """Return `plan` with what moves along, and the paths on the host of the files that runs have used, by places."""
    if traced is None:
        return plan, {}
    from magicpak.dynamic.moved import with_moved

    found = with_moved(plan, moved, programs, traced.files)
    log.warn_all(found.warnings)
    return found.plan, found.used


def _require_excluded(unreadable: Mapping[BundlePath, MagicpakError], exclusion: Exclusion) -> None:
    """Raise the first failure of a path that is still in the bundle."""
    for path, error in unreadable.items():
        if not exclusion.covers(path):
            raise error


def _report_exclusion(exclusion: Exclusion, log: Log) -> None:
    if exclusion.removed or exclusion.unused:
        log.warn_all(exclusion.warnings())
        log.info(f"excluded {count_noun(len(exclusion.removed), 'entry')}")
