"""What packages of the system consist of, with those that they need: the same for dpkg, apk and rpm."""

import re
from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, NamedTuple

from magicpak.files.view import HOST, is_below
from magicpak.packages import apk, dpkg, rpm
from magicpak.packages.database import InstalledPackages, Package

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


PROGRAMS = ("/bin", "/sbin", "/usr/bin", "/usr/games", "/usr/sbin")
"""Where packages have what people execute by its name."""

_MODULES = re.compile(r"/(?:python|perl)[\d.]*/")
_FAMILIES = re.compile(r"(?:fonts|gir1\.2|gnome|golang|kde|lib|node|perl|php|python3?|r|ruby|texlive|xfce4)")
"""First parts of names that say for what a package is, and not what it belongs to."""


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


class OwnContents(NamedTuple):
    """What a package and its other parts consist of, the programs, by their paths, of what it needs.

    `modules` are the paths of modules of Python and Perl, directories too, of all that it needs, step by step.
    """

    paths: Sequence[str]
    programs: Sequence[str]
    modules: frozenset[str] = frozenset()


def own_contents(package: Package, files: "SourceView" = HOST) -> OwnContents:
    """Return what belongs to `package`: its files, those of its other parts that it needs, and programs that it needs.

    The programs are of packages that it depends on, and that these do. NAME-data and NAME-common are such parts of NAME
    and of NAME-bin.
    """
    for database in _DATABASES:
        packages = database(files)
        if package.name not in packages.needs:
            continue
        own = f"{package.name}:{package.architecture}" if package.manager == "dpkg" else package.name
        direct = _providers([own], packages)
        parts = [own, *(each for each in direct if _is_part(_name(each), package.name))]
        paths = dict.fromkeys(path for each in parts for path in packages.files(each) if _is_wanted(path))
        needed = dict.fromkeys([*parts, *direct, *_providers([*parts, *direct], packages)])
        programs = dict.fromkeys(path for each in needed for path in packages.files(each) if is_below(path, PROGRAMS))
        every = _with_dependencies([own], packages)
        modules = frozenset(path for each in every for path in packages.files(each) if _MODULES.search(path))
        return OwnContents(list(paths), list(programs), modules)
    return OwnContents((), ())


def _is_part(name: str, of: str) -> bool:
    """Return whether the package `name` is, by that, of the same software as `of`."""
    stem = of.rpartition("-")[0]
    named_alike = name.removeprefix("lib").startswith(f"{of}-") or of.startswith(f"{name}-") or name == f"lib{of}"
    return named_alike or (bool(stem) and not _FAMILIES.fullmatch(stem) and name.startswith(f"{stem}-"))


def _with_dependencies(names: Sequence[str], packages: InstalledPackages) -> list[str]:
    """Return `names`, and the packages that satisfy what these need, each once; of the same architecture."""
    found = dict.fromkeys(names)
    waiting = list(found)
    for name in waiting:  # which grows
        new = [each for each in _providers([name], packages) if each not in found]
        found |= dict.fromkeys(new)
        waiting += new
    return waiting


def _providers(names: Sequence[str], packages: InstalledPackages) -> list[str]:
    """Return the packages that satisfy what `names` need themselves, each once; of the same architecture."""
    found: dict[str, None] = {}
    for name in names:
        architecture = name[len(_name(name)) :]
        for alternatives in packages.needs[_name(name)]:
            provider = next((packages.providers[each] for each in alternatives if each in packages.providers), None)
            if provider is not None:
                found[provider + architecture] = None
    return list(found)


def _is_wanted(path: str) -> bool:
    return path.startswith("/") and "\0" not in path and not is_below(path, DOCUMENTATION)


def _name(package: str) -> str:
    return package.partition(":")[0]
