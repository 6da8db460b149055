"""Which packages are a script's own: what they execute and open counts as if the script did."""

import os
from collections.abc import Collection

from magicpak.scripts.needs import ScriptFile
from magicpak.scripts.python.distributions import Distribution, Distributions, normalized
from magicpak.scripts.python.finder import Unit, UnitFinder

_MOST_OF_ONE_TOOL = 50
"""Modules of a package whose programs count as the script's: in a larger one, most are for what one run does not do."""


class OwnPackages:
    """The packages of one script, which imports `units` itself, and names the distributions `named`."""

    def __init__(
        self,
        script: ScriptFile,
        units: Collection[Unit],
        named: Collection[Distribution],
        finder: UnitFinder,
        distributions: Distributions,
    ) -> None:
        self._finder = finder
        self._imported = {unit.path for unit in units}
        name = os.path.basename(script.path).removesuffix(".py")
        self.units: list[Unit] = []
        for unit in units:
            candidates = distributions.of_module(unit.name)
            scripts = {each for distribution in candidates for each in distributions.entry_points(distribution)}
            has_its_name = normalized(unit.name.partition(".")[0]) == normalized(name) or name in scripts
            if len(units) == 1 or has_its_name or not unit.entry.is_site or set(candidates) & set(named):
                self.units.append(unit)
        self._own = {unit.path for unit in self.units}

    def have(self, unit: Unit) -> bool:
        """Return whether `unit` is one of them; what is not installed in a directory for packages always is."""
        return unit.path in self._own or not unit.entry.is_site

    def act_in(self, unit: Unit, *, is_reached: bool) -> bool:
        """Return whether what a module of `unit` executes and opens counts as if the script did.

        It does too in small packages that the script itself imports, where an import leads to the module.
        """
        return self.have(unit) or (is_reached and unit.path in self._imported and self.is_small(unit))

    def is_small(self, unit: Unit) -> bool:
        """Return whether `unit` is for so little that all that it executes is certain."""
        return not unit.entry.is_site or sum(1 for _ in self._finder.modules(unit)) <= _MOST_OF_ONE_TOOL
