"""The packages of distroless images: Debian's, without its dpkg.

For each there is a file `status.d/NAME` with its paragraph, and beside it `status.d/NAME.md5sums` with its files, but
neither its links nor its settings (PACKAGE_METADATA.md of GoogleContainerTools/distroless).
"""

import os
from collections.abc import Iterator

from magicpak.packages.dpkg import DIRECTORY, listing, owning, packages_in
from magicpak.packages.package import Ownership, Package
from magicpak.packages.reading import DatabaseReader
from magicpak.text import printable

_SUMS = ".md5sums"
_BEFORE_NAME = len("d41d8cd98f00b204e9800998ecf8427e  ")


def found(names: frozenset[bytes], root: str) -> Ownership:
    """Return the packages that own `names`, by the database below `root`."""
    reading = DatabaseReader()
    directory = os.path.join(root, DIRECTORY, "status.d")
    listed = listing(names, _lists(reading, directory), {})
    packages: dict[str, Package | None] = {}
    for its in sorted({its for lists in listed.values() for its in lists}):
        path = os.path.join(directory, its)
        packages[its] = next(iter(packages_in([reading.content(path)]).values()), None)
        if packages[its] is None:
            reading.warnings.append(f"{printable(path)} tells nothing about a package")
    return Ownership(owning(listed, packages), tuple(reading.warnings))


def _lists(reading: DatabaseReader, directory: str) -> Iterator[tuple[str, list[bytes]]]:
    for entry in sorted(reading.entries(directory)):
        if entry.endswith(_SUMS):
            lines = reading.content(os.path.join(directory, entry)).split(b"\n")
            yield entry.removesuffix(_SUMS), [b"/" + line[_BEFORE_NAME:].removeprefix(b"./") for line in lines]
