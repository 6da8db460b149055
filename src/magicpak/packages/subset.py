"""A database of a package manager with only some of its packages, and of their files those that are in a bundle.

Scanners read it to learn what an image consists of: of Debian's packages in the form that distroless images have, of
Alpine's in that of apk. rpm's database is a binary file of its own, which only rpm(8) can write.
"""

import os
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from magicpak.files.view import HOST
from magicpak.packages import apk, dpkg
from magicpak.packages.database import DatabaseReader, Package, PathNames
from magicpak.packages.details import package_details

if TYPE_CHECKING:
    from magicpak.files.source import SourceView

_STATUS = re.compile(rb"^Status:.*$", re.MULTILINE)
_INSTALLED = b"Status: install ok installed"
_SUMS = ".md5sums"
_SUM = re.compile(rb"([0-9a-f]{32})  (?:\./)?(.+)")


class HeldFile(NamedTuple):
    """A file of a package: its path in the bundle, and the names that the host's database may have of it."""

    path: str
    names: PathNames


class Subset(NamedTuple):
    """The files of the database by their absolute paths, and the managers whose databases cannot be made."""

    files: Mapping[str, bytes]
    others: tuple[str, ...]
    warnings: tuple[str, ...]


def subset(held: Mapping[Package, Sequence[HeldFile]], files: "SourceView" = HOST) -> Subset:
    """Return a database of the packages `held`, each with its files, made from the databases in `files`."""
    known = package_details(list(held), files)
    reader = DatabaseReader(files)
    made: dict[str, bytes] = {}
    of_apk: list[bytes] = []
    for package in sorted(held):
        paragraph = known.by_package[package].paragraph if package in known.by_package else b""
        if package.manager == "dpkg" and paragraph and package.is_file_name:
            path = f"{dpkg.DIRECTORY}/status.d/{package.name}"
            path = path if path not in made else f"{path}:{package.architecture}"
            made[path] = _installed(paragraph)
            made[path + _SUMS] = _sums(reader, package, held[package])
        elif package.manager == "apk" and paragraph:
            of_apk.append(_only(paragraph, {name for file in held[package] for name in file.names}))
    if of_apk:
        made[apk.DATABASES[-1]] = b"".join(each + b"\n\n" for each in of_apk)
    others = sorted({package.manager for package in held} - {"dpkg", "apk"})
    return Subset(made, tuple(others), (*known.warnings, *reader.warnings))


def _installed(paragraph: bytes) -> bytes:
    """Return a paragraph of dpkg that says that the package is installed, as its first lines do."""
    if _STATUS.search(paragraph):
        return _STATUS.sub(_INSTALLED, paragraph, count=1) + b"\n"
    first, line_feed, rest = paragraph.partition(b"\n")
    return b"\n".join([first, _INSTALLED, rest] if line_feed else [first, _INSTALLED]) + b"\n"


def _sums(reader: DatabaseReader, package: Package, files: Sequence[HeldFile]) -> bytes:
    """Return the MD5 of `files`, as the database has them: it has none of links and of settings."""
    names = (f"info/{package.name}:{package.architecture}", f"info/{package.name}", f"status.d/{package.name}")
    content = next(filter(None, (reader.content(f"{dpkg.DIRECTORY}/{each}{_SUMS}") for each in names)), b"")
    sums = {b"/" + line[2]: line[1] for line in map(_SUM.fullmatch, content.split(b"\n")) if line}
    found = ((file.path, next((sums[name] for name in file.names if name in sums), None)) for file in files)
    return b"".join(b"%s  %s\n" % (its_sum, os.fsencode(path[1:])) for path, its_sum in found if its_sum)


def _only(paragraph: bytes, names: set[bytes]) -> bytes:
    """Return a paragraph of apk with those of its files that are among `names`."""
    head, *directories = paragraph.split(b"\nF:")
    for each in directories:
        first, *files = each.split(b"\nR:")
        directory = first.partition(b"\n")[0]
        prefix = b"/%s/" % directory if directory else b"/"
        kept = [file for file in files if prefix + file.partition(b"\n")[0] in names]
        if kept:
            head += b"\nF:" + b"\nR:".join([first, *kept])
    return head
