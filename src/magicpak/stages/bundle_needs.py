"""What `--with` adds about the packages of the finished plan."""

from collections.abc import Callable, Mapping, Sequence

from magicpak.bundle.exclude import Exclusion, exclude
from magicpak.bundle.plan import Because, BundlePlan
from magicpak.collect.mirror import Mirror
from magicpak.collect.result import Result
from magicpak.collect.with_needs import collect_found
from magicpak.errors import NeedNotFound
from magicpak.ldso.factory import Loaders
from magicpak.needs.found import NeedFiles
from magicpak.needs.of_bundle import LICENCES, RECORDS, licences, package_records, system_names
from magicpak.needs.rows import WantedNeed
from magicpak.packages.database import Package
from magicpak.packages.owners import names_of, owners
from magicpak.packages.subset import HeldFile
from magicpak.reports.locations import Locations

_SOUGHT = ["a package of dpkg, apk or rpm that owns a file of the bundle"]

Warn = Callable[[Sequence[str]], object]
"""Is given lines worth a warning."""


class BundleNeeds:
    """Adds to a plan what is about its packages, of what the patterns `excluded` leave.

    `result` is that of the plan so far.
    """

    def __init__(
        self, needs: Sequence[WantedNeed], excluded: Sequence[str], result: Result, mirror: Mirror, warn: Warn
    ) -> None:
        self._needs = {need.row.of_bundle: need for need in needs if need.row.of_bundle}
        self._excluded = excluded
        self._result = result
        self._files = result.files
        self._mirror = mirror
        self._warn = warn
        self._owners: dict[str, Package | None] = {}

    def added(self, loaders: Loaders) -> Result:
        """Return the result with everything. Raises NeedNotFound and CannotRead."""
        exclusion = self._result.exclusion
        records, terms = self._needs.get(RECORDS), self._needs.get(LICENCES)
        if records:
            exclusion = self._adding(system_names(self._files), records, exclusion, loaders)
        if not self._held(exclusion.plan):
            raise NeedNotFound(next(iter(self._needs.values())).flag, _SOUGHT)
        known: set[Package] = set()
        while terms and (packages := set(self._held(exclusion.plan)) - known):  # texts are of packages in their turn
            known |= packages
            exclusion = self._adding(licences(packages, self._files), terms, exclusion, loaders)
        if records:
            exclusion = self._adding(
                package_records(self._held(exclusion.plan), self._files), records, exclusion, loaders
            )
        return self._result._replace(exclusion=exclusion, plan=exclusion.plan)

    def _adding(self, found: NeedFiles, need: WantedNeed, exclusion: Exclusion, loaders: Loaders) -> Exclusion:
        items = collect_found(found, Because(f"added by {need.flag}"), loaders, self._mirror)
        self._warn(items.warnings)
        for error in items.unreadable.values():
            raise error
        plan, _ = exclusion.before.adding_where_free(self._mirror.take())
        return exclude(plan, self._excluded)

    def _held(self, plan: BundlePlan) -> Mapping[Package, Sequence[HeldFile]]:
        """Return the packages that own something in `plan`, each with that."""
        paths = Locations(self._result._replace(plan=plan)).owned()
        new = sorted({host for host in paths.values() if host not in self._owners})
        found = owners(new, self._files)
        self._warn(found.warnings)
        self._owners |= {host: found.by_path.get(host) for host in new}
        names = names_of(sorted(set(paths.values())), self._files)
        held: dict[Package, list[HeldFile]] = {}
        for path, host in paths.items():
            if owner := self._owners[host]:
                held.setdefault(owner, []).append(HeldFile(path, names[host]))
        return held
