"""All that must hold in a finished plan."""

from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

from magicpak.bundle.plan import BundlePlan
from magicpak.display import shown
from magicpak.elf.store import ElfStore
from magicpak.ldso.choosing import Loaders
from magicpak.proof.links import dead_links
from magicpak.proof.places import Places
from magicpak.proof.planned import starter_of
from magicpak.proof.problems import Problem, Starting
from magicpak.proof.starting import is_program
from magicpak.sources.libraries import Placed


class Proof(NamedTuple):
    """How many programs were looked at, what is wrong with the plan, and lines that are worth a warning.

    `unknown` are the loaders that nothing is known of.
    """

    programs: int
    problems: tuple[Problem, ...]
    remarks: tuple[str, ...]
    unknown: tuple[str, ...]


class Finished:
    """A plan with the programs and libraries that were resolved for it."""

    def __init__(
        self, plan: BundlePlan, placed: Sequence[Placed], inputs: int, known: tuple[ElfStore, Loaders]
    ) -> None:
        """Take the plan, what was resolved, the `inputs` INPUTs first, and what was read of the host."""
        self._plan = plan
        self._places = Places(plan, known[0])
        self._starter = starter_of(plan, *known)
        self._inputs = [each.resolved.closure.program for each in placed[:inputs]]
        self._others = [each.resolved for each in placed[inputs:]]

    def proof(self, output: str | None) -> Proof:
        """Look at all; `output` is the real path of OUTPUT."""
        world = self._starter.world
        inputs = [(each.facts, place) for each in self._inputs if (place := self._places.of(each.path)) is not None]
        programs = [world.reached(place) for facts, place in inputs if is_program(facts)]
        count, problems = self._starter.look_at_all(programs)
        problems += [problem for each in self._libraries.values() for problem in each.problems]
        links = dead_links(self._plan, world, output)
        remarks = [
            f"{shown(place)} is not executable: the image cannot start it"
            for place in programs
            if not world.is_executable(place)
        ]
        return Proof(count, (*problems, *links.problems), (*remarks, *links.remarks), tuple(self._starter.unknown))

    def look(self, path: str) -> Starting:
        """Return what there is to say of the program or library at `path`. Raises OSError and NotElf."""
        return self._libraries.get(path) or self._starter.look(path)

    @cached_property
    def _libraries(self) -> dict[str, Starting]:
        """The libraries that programs load by themselves."""
        if not self._others:
            return {}
        from magicpak.proof.loading import Loading  # noqa: PLC0415 - most bundles have none

        loading = Loading(self._starter, self._places)
        return {path: each for resolved in self._others for path, each in loading.look(resolved).items()}
