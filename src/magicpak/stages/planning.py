"""The plan: everything that is included, wherever it comes from."""

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from magicpak.bundle.entry import Copy, Layout
from magicpak.bundle.exclude import Exclusion, exclude
from magicpak.bundle.path import BundlePath
from magicpak.bundle.plan import BundlePlan, Item
from magicpak.collect.libraries import Placed, place_inputs, place_libraries, relative_path_warnings
from magicpak.collect.loader_config import with_loader_config
from magicpak.collect.mirror import Mirror
from magicpak.collect.result import Result
from magicpak.collect.system_search import ReadCaches
from magicpak.errors import MagicpakError
from magicpak.files.cli_path import Location
from magicpak.files.host import Host
from magicpak.files.view import real_path
from magicpak.ldso.factory import Loaders
from magicpak.ldso.interpreter import GLIBC_CACHE
from magicpak.log import Log
from magicpak.resolve.inputs import Inputs
from magicpak.resolve.libraries import Resolved
from magicpak.text import count_noun

if TYPE_CHECKING:
    from magicpak.base.base import Base
    from magicpak.collect.include import IncludeMatches
    from magicpak.collect.programs import PlacedScript
    from magicpak.collect.scripts import ScriptItems
    from magicpak.collect.with_needs import NeedItems
    from magicpak.dynamic.items import TracedItems
    from magicpak.dynamic.moved import MovedItems
    from magicpak.files.source import SourceView
    from magicpak.needs.rows import WantedNeed
    from magicpak.tracing.run import TracedRun


class _Collected(NamedTuple):
    """The closures with the places of their libraries, the scripts that were read, and what `--include` matches.

    `moved` is what moves along with INPUTs; `unreadable` are the failures by the paths of what cannot be read.
    """

    placed: list[Placed]
    moved: "Sequence[MovedItems]"
    scripts: "Sequence[PlacedScript]"
    matches: "IncludeMatches | None"
    unreadable: Mapping[BundlePath, MagicpakError]


class Planning(NamedTuple):
    """What the options say about the contents; `env` are the variables of the runs.

    `files` is where everything is looked up, `private` are the temporary directories with copies of what runs change.
    """

    layout: Layout
    output: str | None
    include: Sequence[str]
    exclude: Sequence[str]
    mkdir: Sequence[str]
    needs: "Sequence[WantedNeed]"
    all_packages: bool
    env: Mapping[str, str]
    files: "SourceView"
    private: Sequence[str]
    base: "Base | None" = None

    def run(
        self, inputs: Inputs, resolved: Sequence[Resolved], runs: "Sequence[TracedRun]", loaders: Loaders, log: Log
    ) -> Result:
        """Return the plan of `inputs`, which need `resolved`, and have used what `runs` saw. Raises CannotRead."""
        mirror, traced = self._collect_used(inputs, resolved, runs, loaders, log)
        found = self._collect(inputs, resolved, traced, loaders, mirror, log)
        log.doing("planning")
        collected, used = _with_moved(BundlePlan().adding(mirror.take()), found.moved, inputs, traced, log)
        read = self._read_caches(collected, traced.caches if traced else ())
        placed = [*found.placed, *(each for group in found.moved for each in group.placed)]
        configured = with_loader_config(collected, self.exclude, placed, loaders.elf, read, self.files, self.base)
        log.warn_all((*mirror.host.warnings(), *configured.warnings, *relative_path_warnings(found.placed)))
        exclusion = exclude(configured.plan, self.exclude)
        named = {location.bundle for location in found.matches.named} if found.matches else ()
        result = Result(inputs, found.placed, found.scripts, named, exclusion, exclusion.plan, self.private, self.files)
        if any(need.row.of_bundle for need in self.needs):
            from magicpak.stages.bundle_needs import BundleNeeds

            result = BundleNeeds(self.needs, self.exclude, result, mirror, log.warn_all).added(loaders)
        _report_exclusion(found.unreadable, result.exclusion, log)
        log.warn_all(self._secret_warnings(result.plan, used, inputs) if used else ())
        log.info(f"planned {count_noun(len(result.plan), 'entry')}")
        return result._replace(loader_files=configured.paths)

    def _secret_warnings(self, plan: BundlePlan, used: Mapping[BundlePath, str], inputs: Inputs) -> Sequence[str]:
        from magicpak.dynamic.secrets import secret_warnings

        return secret_warnings(plan, used, inputs.all, self.env)

    def _read_caches(self, plan: BundlePlan, traced: Collection[BundlePath]) -> ReadCaches:
        """Return the `traced` ones, and the system's if it is in `plan` for another reason: a script will read it."""
        item, place = plan.reached(GLIBC_CACHE)
        caches = {*traced, place} if item is not None and isinstance(item.entry, Copy) else traced
        return ReadCaches(caches, exclude(plan, self.exclude).plan) if caches else ReadCaches()

    def _collect_used(
        self, inputs: Inputs, resolved: Sequence[Resolved], runs: "Sequence[TracedRun]", loaders: Loaders, log: Log
    ) -> "tuple[Mirror, TracedItems | None]":
        """Return a mirror of the host as it was before `runs`, with what those have used; and that, if they were."""
        output = None if self.output is None else self.files.inside(real_path(self.output))
        if not runs:
            mirror = Mirror(self.layout, Host(output, files=self.files))
            log.doing("collecting:", lambda: count_noun(len(mirror), "entry"))
            return mirror, None
        from magicpak.dynamic.host_before import changes_of
        from magicpak.dynamic.items import collect_traced
        from magicpak.dynamic.runs import summary

        traces = [run.trace for run in runs]
        changes = changes_of(traces)
        mirror = Mirror(self.layout, Host(output, changes.before))
        log.doing("collecting:", lambda: count_noun(len(mirror), "entry"))
        traced = collect_traced(traces, inputs, resolved, loaders, mirror, changes)
        log.warn_all(traced.warnings)
        log.info(summary(runs, len(traced.files)))
        return mirror, traced

    def _collect(
        self,
        inputs: Inputs,
        resolved: Sequence[Resolved],
        traced: "TracedItems | None",
        loaders: Loaders,
        mirror: Mirror,
        log: Log,
    ) -> _Collected:
        """Collect the INPUTs, what they need, and what was asked for."""
        programs = inputs.programs
        resolved = [*resolved, *traced.resolved] if traced else resolved
        placed = [place_libraries(each, mirror, program) for program, each in zip(programs, resolved, strict=False)]
        placed += [place_libraries(each, mirror) for each in resolved[len(programs) :]]
        place_inputs(inputs.all, mirror)
        moved = _moved_along(inputs, resolved, traced, mirror) if traced else ()
        if self.mkdir:
            from magicpak.collect.include import make_directories

            make_directories(self.mkdir, mirror)
        needs: list[Resolved] = []
        executed: list[Location] = []
        matches, unreadable = None, dict[BundlePath, MagicpakError]()
        if self.include:
            included, matches = self._include(resolved, loaders, mirror, log)
            needs, executed, unreadable = [*included], [*matches.scripts], {**matches.unreadable}
        if self.needs:
            brought = self._with_needs(inputs, [*resolved, *needs], loaders, mirror, log)
            needs, executed = [*needs, *brought.resolved], [*executed, *brought.scripts]
            unreadable |= brought.unreadable
        scripts: Sequence[PlacedScript] = ()
        if inputs.scripts or executed:
            items = matches.items if matches else ()
            read = self._read_scripts(inputs, executed, items, [*resolved, *needs], loaders, mirror, log)
            needs, scripts = [*needs, *read.resolved], read.scripts
        placed += [place_libraries(each, mirror) for each in needs]
        return _Collected(placed, moved, scripts, matches, unreadable)

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

    def _with_needs(
        self, inputs: Inputs, resolved: Sequence[Resolved], loaders: Loaders, mirror: Mirror, log: Log
    ) -> "NeedItems":
        """Collect what `--with` asks for."""
        from magicpak.collect.with_needs import collect_needs

        log.doing("looking for what --with names:", lambda: count_noun(len(mirror), "entry"))
        paths = [each.real for each in inputs.all]
        found = collect_needs(self.needs, paths, resolved, loaders, mirror)
        log.warn_all(found.warnings)
        return found

    def _read_scripts(
        self,
        inputs: Inputs,
        included: Sequence[Location],
        items: Sequence[Item],
        resolved: Sequence[Resolved],
        loaders: Loaders,
        mirror: Mirror,
        log: Log,
    ) -> "ScriptItems":
        """Collect what the scripts among the INPUTs, those that are `included`, and code among `items` need."""
        from magicpak.collect.scripts import collect_scripts

        log.doing("reading scripts:", lambda: count_noun(len(mirror), "entry"))
        found = collect_scripts(inputs.scripts, included, items, resolved, loaders, mirror, whole=self.all_packages)
        log.warn_all(found.warnings)
        for line in found.hints:
            log.info(line)
        if not found.names:
            return found
        from magicpak.collect.with_needs import collect_needs
        from magicpak.needs.rows import needs_of_scripts

        paths = [self.files.real(path) for path in found.names.values()]
        brought = collect_needs(needs_of_scripts(found.names), paths, [*resolved, *found.resolved], loaders, mirror)
        log.warn_all(brought.warnings)
        return found._replace(resolved=[*found.resolved, *brought.resolved])


def _moved_along(
    inputs: Inputs, resolved: Sequence[Resolved], traced: "TracedItems", mirror: Mirror
) -> "Sequence[MovedItems]":
    from magicpak.dynamic.moved import move_along, relocations

    items = mirror.collected()
    return [move_along(each, items, resolved, mirror, traced.before) for each in relocations(inputs.all)]


def _with_moved(
    plan: BundlePlan, moved: "Sequence[MovedItems]", inputs: Inputs, traced: "TracedItems | None", log: Log
) -> tuple[BundlePlan, Mapping[BundlePath, str]]:
    """Return `plan` with what moves along, and the paths on the host of the files that runs have used, by places."""
    if traced is None:
        return plan, {}
    from magicpak.dynamic.moved import with_moved

    found = with_moved(plan, moved, inputs.all, traced.files)
    log.warn_all(found.warnings)
    return found.plan, found.used


def _report_exclusion(unreadable: Mapping[BundlePath, MagicpakError], exclusion: Exclusion, log: Log) -> None:
    """Log what was excluded. Raises the first failure of a path that is still in the bundle."""
    for path, error in unreadable.items():
        if not exclusion.covers(path):
            raise error
    log.warn_all(exclusion.warnings())
    if exclusion.removed:
        log.info(f"excluded {count_noun(len(exclusion.removed), 'entry')}")
