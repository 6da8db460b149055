"""Where the things in a bundle come from: the distribution, the packages, and what is known of those."""

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, NamedTuple

from magicpak.bundle.path import BundlePath
from magicpak.packages.copyright import licence_path, terms_of
from magicpak.packages.database import Package
from magicpak.packages.details import PackageDetails, package_details
from magicpak.packages.os_release import OsRelease, os_release
from magicpak.packages.owners import owners
from magicpak.records.licence_expressions import LicenceExpression, Licences

if TYPE_CHECKING:
    from magicpak.files.source import SourceView


class Origins(NamedTuple):
    """The distribution, who owns what is at a path, what is known of the owners, and what of it is unreadable."""

    distribution: OsRelease
    owners: Mapping[BundlePath, Package]
    details: Mapping[Package, PackageDetails]
    licences: Mapping[Package, LicenceExpression]
    warnings: tuple[str, ...]

    def of(self, package: Package) -> tuple[PackageDetails, LicenceExpression]:
        """Return what is known of `package`."""
        return self.details.get(package, PackageDetails()), self.licences.get(package, LicenceExpression())


def origins_of(paths: Mapping[BundlePath, str], files: "SourceView") -> Origins:
    """Return where the things at `paths` of the bundle, each with its path inside `files`, come from."""
    found = owners(paths.values(), files)
    by_path = {path: found.by_path[host] for path, host in paths.items() if host in found.by_path}
    packages = sorted(set(by_path.values()))
    details = package_details(packages, files)
    licences = _licences(packages, details.by_package, files)
    return Origins(os_release(files), by_path, details.by_package, licences, (*found.warnings, *details.warnings))


def _licences(
    packages: Collection[Package], details: Mapping[Package, PackageDetails], files: "SourceView"
) -> dict[Package, LicenceExpression]:
    """Return the licences of `packages`: dpkg has them in a file of each, others in their databases."""
    known = Licences()
    found: dict[Package, LicenceExpression] = {}
    for package in packages:
        if package.manager == "dpkg":
            terms = terms_of(package, files)
            found[package] = known.all_of(terms.licences)
            if not terms.licences and terms.is_readable:
                texts = f", which refers to {', '.join(terms.common)}" if terms.common else ""
                found[package] = LicenceExpression(elsewhere=f"see {licence_path(package)}{texts}")
        elif package in details:
            found[package] = known.all_of([details[package].licence])
    return found
