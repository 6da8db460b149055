"""What `--with-list` prints: each name, and what it would add on this host."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from magicpak.bundle.entry import Directory, Layout
from magicpak.bundle.exclude import Exclusion
from magicpak.bundle.plan import BundlePlan, total_size
from magicpak.collect.libraries import place_inputs, place_libraries
from magicpak.collect.mirror import Mirror
from magicpak.collect.result import Result
from magicpak.collect.with_needs import collect_needs
from magicpak.elf.cache import ElfCache
from magicpak.errors import InvalidUsage, NeedNotFound
from magicpak.files.host import Host
from magicpak.ldso.factory import Loaders
from magicpak.ldso.resolver import Resolver
from magicpak.log import Log
from magicpak.needs.rows import WantedNeed, need_rows, wanted_needs
from magicpak.options import SUGGESTED, LogLevel
from magicpak.resolve.inputs import find_inputs
from magicpak.resolve.libraries import resolve_program
from magicpak.stages.bundle_needs import BundleNeeds
from magicpak.stages.planning import Planning
from magicpak.stages.suggesting import Suggesting
from magicpak.text import count_noun, format_size, printable

if TYPE_CHECKING:
    from magicpak.files.source import SourceView

_NOTHING = "-"
_SUMMARY_OF_SUGGESTED = "All that is suggested for the INPUTs"


class NeedsListing(NamedTuple):
    """The INPUTs, if any, what `--with` asks for (nothing: all names), its table, and LD_LIBRARY_PATH.

    `files` is where everything is looked up.
    """

    inputs: Sequence[str]
    values: Sequence[str]
    file: str | None
    library_path: str
    files: "SourceView"

    def run(self, log: Log) -> list[str]:
        """Return a line for each name: what is given with it, how many files it adds, their size, and its summary.

        Nothing is executed. Raises MagicpakError.
        """
        rows = need_rows(self.file)
        values = self.values or (*rows, SUGGESTED)
        wanted = [(value, wanted_needs([value], rows)) for value in values if value != SUGGESTED]
        bundle = _BundleOfInputs(self.inputs, self.library_path, self.files)
        log.doing("looking for what --with names")
        try:
            lines = [_Line(value, *bundle.weigh(needs), needs[0].row.summary) for value, needs in wanted]
            if SUGGESTED in values:
                lines.append(_Line(SUGGESTED, *bundle.weigh_suggested(self.file), _SUMMARY_OF_SUGGESTED))
        finally:
            log.rest()
        names, files, sizes = (max(len(line[column]) for line in lines) for column in range(3))
        return [
            f"{printable(line.name):{names}}  {line.files:>{files}}  {line.size:>{sizes}}  {printable(line.summary)}"
            for line in lines
        ]


class _Line(NamedTuple):
    name: str
    files: str
    size: str
    summary: str


class _BundleOfInputs:
    """The bundle that names add to."""

    def __init__(self, inputs: Sequence[str], library_path: str, files: "SourceView") -> None:
        elf = ElfCache(files)
        found = find_inputs(inputs, None, Layout.HOST, elf, files)
        self._files = files
        self._inputs = found
        self._real = [each.real for each in found.all]
        self._loaders = Loaders(Resolver.STATIC, "", library_path, elf, str)
        self._resolved = [resolve_program(program, self._loaders) for program in found.programs]
        mirror = Mirror(Layout.HOST, Host(files=files))
        for each in self._resolved:
            place_libraries(each, mirror)
        place_inputs(found.all, mirror)
        self._plan = BundlePlan().adding(mirror.take())

    def weigh(self, needs: Sequence[WantedNeed]) -> tuple[str, str]:
        """Return how many files and links `needs` add, and their size, for a table."""
        mirror = Mirror(Layout.HOST, Host(files=self._files))
        try:
            items = collect_needs(needs, self._real, self._resolved, self._loaders, mirror)
            for each in items.resolved:
                place_libraries(each, mirror)
            plan = self._plan.adding(mirror.take())
            if any(need.row.of_bundle for need in needs):
                result = Result(self._inputs, (), (), (), Exclusion(plan, plan), plan, files=self._files)
                plan = BundleNeeds(needs, (), result, mirror, lambda _lines: None).added(self._loaders).plan
        except (NeedNotFound, InvalidUsage):
            return _NOTHING, _NOTHING
        return self._weighed(plan)

    def weigh_suggested(self, rows_file: str | None) -> tuple[str, str]:
        """Return the same of all that is suggested, with the user's table `rows_file`. Raises MagicpakError."""
        if not self._real:
            return _NOTHING, _NOTHING
        env = dict(os.environ)
        with_inputs = Planning(Layout.HOST, None, (), (), (), (), False, env, self._files, ())
        suggesting = Suggesting((SUGGESTED,), rows_file, env, self._files)
        inputs = (self._inputs, self._resolved, (), self._loaders, Log(LogLevel.OFF))
        planning = suggesting.added_to(with_inputs, lambda each: each.run(*inputs), self._loaders)
        return self._weighed(planning.run(*inputs).plan)

    def _weighed(self, plan: BundlePlan) -> tuple[str, str]:
        files = sum(not isinstance(item.entry, Directory) and item.path not in self._plan for item in plan)
        return count_noun(files, "file"), format_size(total_size(plan) - total_size(self._plan))
