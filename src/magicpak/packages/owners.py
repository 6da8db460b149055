"""The package of the system that owns a file."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from magicpak.packages import apk, dpkg, rpm
from magicpak.packages.database import Package
from magicpak.packages.names import names_of

_DATABASES = (dpkg.query, dpkg.query_distroless, apk.query, rpm.query)
"""Each is queried for the paths that have no owner yet."""


class FileOwners(NamedTuple):
    """The owners of those paths that have one, and a warning for each part of a database that is unreadable."""

    by_path: Mapping[str, Package]
    warnings: tuple[str, ...]


def owners(paths: Iterable[str], root: str = "/") -> FileOwners:
    """Return the package that owns each of `paths`, without those that no package owns.

    The paths are absolute and real, as seen in `root`: no directory in them is a link. Each database is read once, as
    a whole, in a time that grows with its size. Errors of a database are warnings.
    """
    by_path: dict[str, Package] = {}
    warnings: list[str] = []
    unowned = names_of(paths, root)
    for query in _DATABASES:
        if not unowned:
            break
        by_name, its_warnings = query(frozenset(name for names in unowned.values() for name in names), root)
        warnings += its_warnings
        for path, names in unowned.items():
            if owner := next((by_name[name] for name in names if name in by_name), None):
                by_path[path] = owner
        unowned = {path: names for path, names in unowned.items() if path not in by_path}
    return FileOwners(by_path, tuple(warnings))
