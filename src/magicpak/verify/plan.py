"""Everything that must hold in a finished plan."""

from collections.abc import Collection, Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from magicpak.bundle.path import BundlePath
from magicpak.bundle.plan import BundlePlan
from magicpak.collect.libraries import Placed
from magicpak.files.view import HOST
from magicpak.ldso.factory import Loaders
from magicpak.resolve.libraries import Resolved
from magicpak.text import printable
from magicpak.verify.plan_view import PlanElfCache, PlanView
from magicpak.verify.problems import FailureKind, Problem, ProgramCheck
from magicpak.verify.programs import ProgramChecker, is_program
from magicpak.verify.substitutes import SubstituteCheck

if TYPE_CHECKING:
    from magicpak.files.source import SourceView


class PlanChecker:
    """Checks a plan with the programs and libraries that were resolved for it in `files`; `loaders` are those there.

    After `check_all`, `unknown_loaders` are the interpreters that are not known, `packed` the programs that are not
    checked, `warnings` lines worth a warning. Of a plan with a base, only what is at the places `own` is checked.
    """

    def __init__(
        self,
        plan: BundlePlan,
        placed: Sequence[Placed],
        loaders: Loaders,
        files: "SourceView" = HOST,
        own: Collection[BundlePath] | None = None,
    ) -> None:
        self._view = PlanView(plan, own)
        self._elf = PlanElfCache(self._view, loaders.elf)
        self._programs = ProgramChecker(self._view, loaders.elsewhere(self._elf), self._substitutes)
        self._inputs = [each.resolved.closure.program for each in placed if each.program is not None]
        self._others = [each for each in placed if each.program is None]
        self._host = loaders.elf
        self._files = files
        self._placed = placed
        self._compared = SubstituteCheck(plan, placed)
        self.unknown_loaders = self._programs.unknown_loaders
        self.packed = self._programs.packed
        self.warnings: list[str] = []

    def __len__(self) -> int:
        """Return the number of programs that were checked so far."""
        return len(self._programs)

    def check_all(self, output: str | None, scripts: Sequence[BundlePath] = ()) -> tuple[int, list[Problem]]:
        """Return how many programs there are, and what is wrong with them, or with libraries or links.

        `output` is OUTPUT, to which a link may lead that is in the bundle; `scripts` are the INPUTs that are scripts.
        """
        inputs = [place for each in self._inputs if is_program(each.facts) and (place := self._place(each.path))]
        inputs += [self._view.reached(script) for script in scripts if self._view.has(script)]
        count, problems = self._programs.check_all(inputs)
        self.warnings += self._programs.unaudited
        self.warnings += [
            f"{printable(place)} is not executable: the image cannot start it"
            for place in inputs
            if not self._view.is_executable(place)
        ]
        problems += [problem for each in self._libraries.values() for problem in each.problems]
        dangling = list(self._view.dangling_links())
        if dangling:
            from magicpak.verify.links import check_links

            link_problems, warnings = check_links(dangling, output, self._files)
            problems += link_problems
            self.warnings += warnings
        return count, problems

    def check(self, path: str) -> ProgramCheck:
        """Return the result for the program or library at `path`. Raises OSError and ElfError."""
        return self._libraries.get(path) or self._programs.check(path)

    def _place(self, path: str) -> str | None:
        place = self._elf.place_of(path)
        return self._view.reached(place) if place else None

    def _substitutes(self, resolved: Resolved) -> Iterator[Problem]:
        """Yield a problem for each library of a program for which the plan has another file than the host."""
        program = resolved.closure.program
        found: dict[Problem, None] = {}
        for placed in self._closures.get(self._elf.get(program.path).inode, ()):
            pairs = {placed.resolved.closure.program: program}
            found |= dict.fromkeys(self._compared.problems(placed, resolved, pairs, FailureKind.PROGRAM_SUBSTITUTE))
        yield from found

    @cached_property
    def _closures(self) -> dict[tuple[int, int], list[Placed]]:
        """The closures of the host by the inodes of their programs."""
        closures: dict[tuple[int, int], list[Placed]] = {}
        for placed in self._placed:
            closures.setdefault(self._host.get(placed.resolved.closure.program.path).inode, []).append(placed)
        return closures

    @cached_property
    def _libraries(self) -> dict[str, ProgramCheck]:
        """The libraries that programs load at run time."""
        if not self._others:
            return {}
        from magicpak.verify.plugins import PluginChecker

        plugins = PluginChecker(self._programs, self._elf, self._compared)
        found: dict[str, ProgramCheck] = {}
        for placed in self._others:
            for path, check in plugins.check(placed).items():
                if path not in found or check.problems:
                    found[path] = check
        return found
