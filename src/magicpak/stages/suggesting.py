"""What the bundle may lack though no header names it: suggestions of options that add it, and `--with suggested`."""

import os
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from itertools import chain, islice
from typing import TYPE_CHECKING, NamedTuple

from magicpak.bundle.globs import literal_pattern
from magicpak.collect.result import Result
from magicpak.files.view import is_below
from magicpak.ldso.factory import Loaders
from magicpak.needs.lacking import Lacking
from magicpak.needs.signs import SignedProgram, read_signs
from magicpak.needs.suggest import Suggestion, suggestions
from magicpak.options import SUGGESTED
from magicpak.resolve.libraries import Resolved
from magicpak.stages.planning import Planning

if TYPE_CHECKING:
    from magicpak.files.source import SourceView
    from magicpak.needs.found import NeedHost
    from magicpak.trial.suggestions import Cures

_FOR_ALL = frozenset(["bin", "sbin"])  # directories of programs that people call, not helpers of others
_MOST_HELPERS = 64  # of one bundle, each of which is read

_MOST_ROUNDS = 4
"""What was added may need more: an interpreter its library, and that certificates. No chain is known to be longer."""


class Suggesting(NamedTuple):
    """The values of `--with`, the user's table of names, and the variables that the INPUTs run with.

    `files` is where everything is looked up.
    """

    with_: Sequence[str]
    rows_file: str | None
    env: Mapping[str, str]
    files: "SourceView"

    def run(self, result: Result, loaders: Loaders) -> list[Suggestion]:
        """Return what the INPUTs of `result`, and their helpers in it, show that they need and the bundle lacks.

        Raises ToolFailed.
        """
        programs = [self._signed(each.resolved) for each in result.placed if each.program is not None]
        helpers = [self._signed(each) for each in self._helpers(result)]
        return suggestions(programs, read_signs(), self.env, self._lacking(result, loaders), helpers)

    def added_to(self, planning: Planning, plan: Callable[[Planning], Result], loaders: Loaders) -> Planning:
        """Return `planning` with all that is suggested for what `plan` makes of it, until nothing more is.

        Raises ToolFailed and what `plan` raises.
        """
        seen = set[Suggestion]()
        for _ in range(_MOST_ROUNDS):
            found = [each for each in self.run(plan(planning), loaders) if each not in seen]
            if not found:
                break
            seen |= set(found)
            planning = self._with(planning, found)
        return planning

    def _with(self, planning: Planning, found: Sequence[Suggestion]) -> Planning:
        """Return `planning` with what was `found`; a name that the command line has is what that says."""
        from magicpak.needs.rows import need_rows, wanted_needs

        given = {each.partition("=")[0] for each in self.with_ if each != SUGGESTED}
        values = [each.value for each in found if each.flag == "with" and each.value.partition("=")[0] not in given]
        paths = [literal_pattern(each.value) for each in found if each.flag == "include"]
        known = {each.row.name for each in planning.needs}
        needs = [each for each in wanted_needs(values, need_rows(self.rows_file)) if each.row.name not in known]
        return planning._replace(needs=[*planning.needs, *needs], include=[*planning.include, *paths])

    def cures(self, result: Result, loaders: Loaders) -> "Cures":
        """Return what returns the value of `--with`, of those that are suggested, that adds a path or what is below it.

        That returns None where there is no such. Raises ToolFailed.
        """
        lacking = self._lacking(result, loaders)
        names = [each.value for each in self.run(result, loaders) if each.flag == "with"]
        real = self.files.real
        brought = {name: tuple(map(real, lacking.brought(name))) for name in names}

        def cure(path: str) -> str | None:
            place = real(path)
            at = (name for name, paths in brought.items() if is_below(place, paths))
            below = (name for name, paths in brought.items() if any(is_below(each, (place,)) for each in paths))
            return next(chain(at, below), None)

        return cure

    def _lacking(self, result: Result, loaders: Loaders) -> Lacking:
        resolved = [each.resolved for each in result.placed if each.program is not None]

        @cache
        def host() -> "NeedHost":
            from magicpak.needs.found import NeedHost

            return NeedHost.of([each.real for each in result.inputs.all], resolved, loaders, self.files)

        return Lacking(result.whole, self.rows_file, host)

    def _signed(self, resolved: Resolved) -> SignedProgram:
        return SignedProgram(os.path.basename(resolved.name), resolved.closure, self.files)

    def _helpers(self, result: Result) -> list[Resolved]:
        """Return the programs besides INPUTs that are in no directory of programs for all, each file once.

        Both its path and its real path count.
        """
        found: dict[tuple[int, int] | None, Resolved | None]
        found = {self._inode(each.resolved): None for each in result.placed if each.program is not None}
        for resolved in (each.resolved for each in result.placed if each.program is None):
            program = resolved.closure.program
            directories = [os.path.dirname(each) for each in (program.path, self.files.real(program.path))]
            if program.facts.interpreter and _FOR_ALL.isdisjoint(map(os.path.basename, directories)):
                found.setdefault(self._inode(resolved), resolved)
        return list(islice(filter(None, found.values()), _MOST_HELPERS))

    def _inode(self, resolved: Resolved) -> tuple[int, int] | None:
        try:
            status = self.files.status(resolved.closure.program.path)
        except OSError:
            return None
        return status.st_dev, status.st_ino
