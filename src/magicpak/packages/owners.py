"""Which package of the system owns which file."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from magicpak.packages import apk, distroless, dpkg, rpm
from magicpak.packages.names import names_of
from magicpak.packages.package import Package

_DATABASES = (dpkg.found, distroless.found, apk.found, rpm.found)
"""Who is asked, in turn, for what nobody before has claimed."""


class Owners(NamedTuple):
    """The owners of those paths that have one, and one line for the log for each thing that could not be read."""

    by_path: Mapping[str, Package]
    warnings: tuple[str, ...]


def owners(paths: Iterable[str], root: str = "/") -> Owners:
    """Return which package owns each of `paths`.

    They are absolute and real, as they are seen in `root`: no links among their directories. What no package owns is
    left out. Each database is read once, as a whole, in a time that grows with its size. Nothing that it holds or
    lacks is an error.
    """
    by_path: dict[str, Package] = {}
    warnings: list[str] = []
    left = names_of(paths, root)
    for database in _DATABASES:
        if not left:
            break
        by_name, its_warnings = database(frozenset(name for names in left.values() for name in names), root)
        warnings += its_warnings
        for path, names in left.items():
            if owner := next((by_name[name] for name in names if name in by_name), None):
                by_path[path] = owner
        left = {path: names for path, names in left.items() if path not in by_path}
    return Owners(by_path, tuple(warnings))
