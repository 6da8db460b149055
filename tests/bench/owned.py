"""Files whose owners are asked for."""

import os
from glob import glob


def owned_files(count: int) -> dict[str, str]:
    """Return files of packages, taken from all over this Debian: the real path of each by the name that dpkg has."""
    names: list[str] = []
    for path in sorted(glob("/var/lib/dpkg/info/*.list")):
        with open(path, encoding="utf-8", errors="surrogateescape") as lines:
            names += [name for name in lines.read().splitlines() if os.path.isfile(name) and not os.path.islink(name)]
    unique = sorted(set(names))
    return {name: os.path.realpath(name) for name in unique[:: len(unique) // count][:count]}
