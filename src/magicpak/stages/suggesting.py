"""What the bundle may lack though no header names it: suggestions of options that add it, and `--with suggested`."""

import os
from collections.abc import Mapping, Sequence
from functools import cache
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from magicpak.bundle.globs import literal_pattern
from magicpak.bundle.plan import BundlePlan
from magicpak.collect.result import Result
from magicpak.files.view import is_below
from magicpak.ldso.factory import Loaders
from magicpak.needs.lacking import Lacking
from magicpak.needs.signs import SignedProgram, read_signs
from magicpak.needs.suggest import Suggestion, suggestions
from magicpak.options import SUGGESTED
from magicpak.resolve.inputs import Inputs
from magicpak.resolve.libraries import Resolved
from magicpak.stages.planning import Planning

if TYPE_CHECKING:
    from magicpak.files.source import SourceView
    from magicpak.needs.found import NeedHost
    from magicpak.trial.suggestions import Cures


class Suggesting(NamedTuple):
    """The values of `--with`, the user's table of names, and the variables that the INPUTs run with.

    `files` is where everything is looked up.
    """

    with_: Sequence[str]
    rows_file: str | None
    env: Mapping[str, str]
    files: "SourceView"

    def run(self, result: Result, loaders: Loaders) -> list[Suggestion]:
        """Return what the INPUTs of `result` show that they need and the bundle lacks. Raises ToolFailed."""
        resolved = [each.resolved for each in result.placed if each.program is not None]
        return self._suggestions(result.inputs, resolved, result.whole, loaders)

    def added_to(self, planning: Planning, inputs: Inputs, resolved: Sequence[Resolved], loaders: Loaders) -> Planning:
        """Return `planning` with all that is suggested for `inputs`, which need `resolved`. Raises ToolFailed.

        A name that the command line has, perhaps with an argument, is what that says.
        """
        from magicpak.needs.rows import need_rows, wanted_needs

        found = self._suggestions(inputs, resolved, BundlePlan(), loaders)
        given = [each for each in self.with_ if each != SUGGESTED]
        names = {each.partition("=")[0] for each in given}
        values = [each.value for each in found if each.flag == "with" and each.value.partition("=")[0] not in names]
        paths = [literal_pattern(each.value) for each in found if each.flag == "include"]
        needs = wanted_needs([*given, *values], need_rows(self.rows_file))
        return planning._replace(needs=needs, include=[*planning.include, *paths])

    def cures(self, result: Result, loaders: Loaders) -> "Cures":
        """Return what returns the value of `--with`, of those that are suggested, that adds a path or what is below it.

        That returns None where there is no such. Raises ToolFailed.
        """
        resolved = [each.resolved for each in result.placed if each.program is not None]
        lacking = self._lacking(result.inputs, resolved, result.whole, loaders)
        names = [each.value for each in self.run(result, loaders) if each.flag == "with"]
        real = self.files.real
        brought = {name: tuple(map(real, lacking.brought(name))) for name in names}

        def cure(path: str) -> str | None:
            place = real(path)
            at = (name for name, paths in brought.items() if is_below(place, paths))
            below = (name for name, paths in brought.items() if any(is_below(each, (place,)) for each in paths))
            return next(chain(at, below), None)

        return cure

    def _suggestions(
        self, inputs: Inputs, resolved: Sequence[Resolved], plan: BundlePlan, loaders: Loaders
    ) -> list[Suggestion]:
        programs = [SignedProgram(os.path.basename(each.name), each.closure, self.files) for each in resolved]
        return suggestions(programs, read_signs(), self.env, self._lacking(inputs, resolved, plan, loaders))

    def _lacking(self, inputs: Inputs, resolved: Sequence[Resolved], plan: BundlePlan, loaders: Loaders) -> Lacking:
        @cache
        def host() -> "NeedHost":
            from magicpak.needs.found import NeedHost

            return NeedHost.of([each.real for each in inputs.all], resolved, loaders, self.files)

        return Lacking(plan, self.rows_file, host)
