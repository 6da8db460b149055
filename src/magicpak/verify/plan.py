"""All that must hold in a finished plan."""

from collections.abc import Sequence
from functools import cached_property

from magicpak.bundle.plan import BundlePlan
from magicpak.collect.libraries import Placed
from magicpak.elf.cache import ElfCache
from magicpak.ldso.factory import Loaders
from magicpak.text import printable
from magicpak.verify.plan_view import PlanElfCache, PlanView
from magicpak.verify.problems import Problem, ProgramCheck
from magicpak.verify.programs import ProgramChecker, is_program


class PlanChecker:
    """A plan with the programs and libraries that were resolved for it.

    `unknown` are the interpreters that nothing is known of, `warnings` lines that are worth a warning, once all was
    looked at.
    """

    def __init__(
        self, plan: BundlePlan, placed: Sequence[Placed], inputs: int, known: tuple[ElfCache, Loaders]
    ) -> None:
        """Take the plan, what was resolved, the `inputs` INPUTs first, and what was read of the host."""
        store, loaders = known
        self._world = PlanView(plan)
        self._files = PlanElfCache(self._world, store)
        self._starter = ProgramChecker(self._world, self._files, loaders.elsewhere(self._files))
        self._inputs = [each.resolved.closure.program for each in placed[:inputs]]
        self._others = [each.resolved for each in placed[inputs:]]
        self.unknown = self._starter.unknown
        self.warnings: list[str] = []

    @property
    def looked_at(self) -> int:
        """How many programs have been looked at by now."""
        return len(self._starter)

    def look_at_all(self, output: str | None) -> tuple[int, list[Problem]]:
        """Return how many programs there are, and what is wrong with them, or with libraries or links.

        `output` is OUTPUT, to which a link may lead that is in the bundle.
        """
        inputs = [place for each in self._inputs if is_program(each.facts) and (place := self._place(each.path))]
        count, problems = self._starter.look_at_all(inputs)
        self.warnings += [
            f"{printable(place)} is not executable: the image cannot start it"
            for place in inputs
            if not self._world.is_executable(place)
        ]
        problems += [problem for each in self._libraries.values() for problem in each.problems]
        dead = list(self._world.dead_links())
        if dead:
            from magicpak.verify.links import about_dead_links  # noqa: PLC0415 - most bundles have none

            more, told = about_dead_links(dead, output)
            problems += more
            self.warnings += told
        return count, problems

    def look(self, path: str) -> ProgramCheck:
        """Return what there is to say of the program or library at `path`. Raises OSError and ElfError."""
        return self._libraries.get(path) or self._starter.look(path)

    def _place(self, path: str) -> str | None:
        place = self._files.place_of(path)
        return self._world.reached(place) if place else None

    @cached_property
    def _libraries(self) -> dict[str, ProgramCheck]:
        """The libraries that programs load by themselves."""
        if not self._others:
            return {}
        from magicpak.verify.plugins import PluginChecker  # noqa: PLC0415 - most bundles have none

        loading = PluginChecker(self._starter, self._files)
        found: dict[str, ProgramCheck] = {}
        for resolved in self._others:
            for path, starting in loading.look(resolved).items():
                if path not in found or starting.problems:
                    found[path] = starting
        return found
