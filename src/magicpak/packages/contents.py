"""What packages of the system consist of, with those that they need: the same for dpkg, apk and rpm."""

from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, NamedTuple

from magicpak.files.view import HOST, is_below
from magicpak.packages import apk, dpkg, rpm
from magicpak.packages.database import InstalledPackages

if TYPE_CHECKING:
    from magicpak.files.source import SourceView

_DATABASES: tuple[Callable[["SourceView"], InstalledPackages], ...] = (dpkg.installed, apk.installed, rpm.installed)

DOCUMENTATION = (
    "/usr/share/bug",
    "/usr/share/doc",
    "/usr/share/doc-base",
    "/usr/share/gtk-doc",
    "/usr/share/help",
    "/usr/share/info",
    "/usr/share/licenses",
    "/usr/share/lintian",
    "/usr/share/locale",
    "/usr/share/man",
)
"""What packages have for people, and their translations: no program needs them to run."""


class PackageContents(NamedTuple):
    """The paths of packages, directories too, as their database has them; the names that no database knows.

    `known` are all installed packages, `warnings` say what of a database is unreadable.
    """

    paths: Sequence[str]
    unknown: Sequence[str]
    known: Collection[str]
    warnings: Sequence[str]


def package_contents(
    names: Sequence[str], files: "SourceView" = HOST, *, dependencies: bool = False
) -> PackageContents:
    """Return what the packages `names`, as NAME or NAME:ARCHITECTURE, consist of, without documentation.

    With `dependencies`, what they need comes along, and what that needs in its turn.
    """
    paths: dict[str, None] = {}
    unknown, known, warnings = list(names), dict[str, None](), list[str]()
    for database in _DATABASES:
        if not unknown:
            break
        packages = database(files)
        wanted = [name for name in unknown if _name(name) in packages.needs]
        unknown = [name for name in unknown if name not in wanted]
        for name in _with_dependencies(wanted, packages) if dependencies else wanted:
            paths |= dict.fromkeys(filter(_is_wanted, packages.files(name)))
        known |= dict.fromkeys(packages.needs)
        warnings += packages.warnings
    return PackageContents(list(paths), unknown, known, warnings)


def _with_dependencies(names: Sequence[str], packages: InstalledPackages) -> list[str]:
    """Return `names`, and the packages that satisfy what these need, each once; of the same architecture."""
    found = list(dict.fromkeys(names))
    seen = set(found)
    for name in found:  # which grows
        architecture = name[len(_name(name)) :]
        for alternatives in packages.needs[_name(name)]:
            provider = next((packages.providers[each] for each in alternatives if each in packages.providers), None)
            if provider is not None and provider + architecture not in seen:
                seen.add(provider + architecture)
                found.append(provider + architecture)
    return found


def _is_wanted(path: str) -> bool:
    return path.startswith("/") and "\0" not in path and not is_below(path, DOCUMENTATION)


def _name(package: str) -> str:
    return package.partition(":")[0]
