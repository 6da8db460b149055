"""The packages of Debian and its relatives, by the database of dpkg(1), and those of distroless images.

dpkg has a list of files for each package, `info/NAME.list`, or `info/NAME:ARCHITECTURE.list` for one that can be
installed for several architectures; the file `status` has a paragraph for each.

Distroless images have Debian's packages without dpkg: a file `status.d/NAME` with the paragraph of each, and
`status.d/NAME.md5sums` with its files, but not its links and configuration files (PACKAGE_METADATA.md of
GoogleContainerTools/distroless).
"""

import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import cache
from typing import NamedTuple

from magicpak.packages.database import DatabaseReader, Ownership, Package, PathNames, all_names
from magicpak.text import count_noun, list_names, printable

DIRECTORY = "var/lib/dpkg"

_LIST, _SUMS = ".list", ".md5sums"
_SUM_LENGTH = len("d41d8cd98f00b204e9800998ecf8427e  ")
_NAME = re.compile(rb"^Package:[ \t]*(\S+)", re.MULTILINE)
_FIELD = re.compile(rb"^(Package|Version|Architecture|Status):(.*)$", re.MULTILINE)

_WITHOUT_FILES = ("not-installed", "config-files")
"""The last word of the status of a package that has at most configuration files left (dpkg(1))."""


class Diversion(NamedTuple):
    """Where dpkg puts the file of some name for all packages but `by` (dpkg-divert(1))."""

    to: bytes
    by: str
    """The name of a package, or `:` for the administrator."""


def query(paths: Collection[PathNames], root: str) -> Ownership:
    """Return the packages that own the names of `paths`, by the database of dpkg below `root`."""
    reader = DatabaseReader()
    directory = os.path.join(root, DIRECTORY)
    status = _Status(reader, os.path.join(directory, "status"))
    lists_of = _lists_of(paths, _lists(reader, directory), _diversions(reader, directory), cache(status.is_installed))
    lists = {each for some in lists_of.values() for each in some}
    packages = status.packages(lists)
    if unknown := sorted(lists - packages.keys()):
        count = count_noun(len(unknown), "package")
        reader.warnings.append(f"{printable(status.path)} has no version of {count} with files: {list_names(unknown)}")
    return Ownership(_owners(lists_of, packages), tuple(reader.warnings))


def query_distroless(paths: Collection[PathNames], root: str) -> Ownership:
    """Return the packages that own the names of `paths`, by the database of a distroless image below `root`."""
    reader = DatabaseReader()
    directory = os.path.join(root, DIRECTORY, "status.d")
    lists_of = _lists_of(paths, _sums(reader, directory), {}, lambda _: False)
    packages: dict[str, Package | None] = {}
    for each in sorted({each for some in lists_of.values() for each in some}):
        path = os.path.join(directory, each)
        packages[each] = next(iter(_packages([reader.content(path)]).values()), None)
        if packages[each] is None:
            reader.warnings.append(f"{printable(path)} describes no package")
    return Ownership(_owners(lists_of, packages), tuple(reader.warnings))


def _lists_of(
    paths: Collection[PathNames],
    lists: Iterable[tuple[str, Iterable[bytes]]],
    diversions: Mapping[bytes, Diversion],
    is_installed: Callable[[str], bool],
) -> dict[bytes, list[str]]:
    """Return for each name of `paths` the `lists` that have the file at that name, in their order.

    Where the own name of each path is in the list of a package that `is_installed`, no other list counts any more, and
    the rest is not read.
    """
    lists_of: dict[bytes, list[str]] = {name: [] for name in all_names(paths)}
    unowned = {names[0] for names in paths}
    candidates = {*lists_of, *(name for name, diversion in diversions.items() if diversion.to in lists_of)}
    for each, lines in lists:
        for name in candidates.intersection(lines):
            diversion = diversions.get(name)
            is_diverted = diversion is not None and diversion.by != each.partition(":")[0]
            place = diversion.to if diversion and is_diverted else name
            if place in lists_of:
                lists_of[place].append(each)
                if place in unowned and is_installed(each):
                    unowned.remove(place)
        if not unowned:
            break
    return lists_of


def _owners(lists_of: Mapping[bytes, Iterable[str]], packages: Mapping[str, Package | None]) -> dict[bytes, Package]:
    """Return for each name the first installed package that has it in its list, if any."""
    owners = {name: next(filter(None, map(packages.get, lists)), None) for name, lists in lists_of.items()}
    return {name: package for name, package in owners.items() if package}


def _packages(paragraphs: Iterable[bytes]) -> dict[str, Package | None]:
    """Return each package by NAME and by NAME:ARCHITECTURE; None for one that is not installed."""
    packages: dict[str, Package | None] = {}
    for paragraph in paragraphs:
        fields = {name: os.fsdecode(value.strip(b" \t")) for name, value in _FIELD.findall(paragraph)}
        name, version, architecture = (fields.get(field, "") for field in (b"Package", b"Version", b"Architecture"))
        is_installed = fields.get(b"Status", "").rpartition(" ")[2] not in _WITHOUT_FILES
        if not name or (is_installed and not version):
            continue
        package = Package("dpkg", name, version, architecture) if is_installed else None
        packages[f"{name}:{architecture}"] = package
        packages[name] = packages.get(name) or package
    return packages


class _Status:
    """The packages in the file `path`, which is read when one of them is wanted for the first time."""

    def __init__(self, reader: DatabaseReader, path: str) -> None:
        self.path = path
        self._reader = reader
        self._paragraphs: dict[bytes, list[bytes]] | None = None

    def is_installed(self, each: str) -> bool:
        """Return whether the package of the list `each` is."""
        return self.packages([each]).get(each) is not None

    def packages(self, lists: Collection[str]) -> dict[str, Package | None]:
        """Return the packages that have `lists`, by NAME and by NAME:ARCHITECTURE; None for one not installed."""
        if lists and self._paragraphs is None:
            self._paragraphs = {}
            for paragraph in self._reader.content(self.path).split(b"\n\n"):
                if name := _NAME.search(paragraph):
                    self._paragraphs.setdefault(name[1], []).append(paragraph)
        names = {os.fsencode(each.partition(":")[0]) for each in lists}
        return _packages(paragraph for name in names for paragraph in (self._paragraphs or {}).get(name, ()))


def _lists(reader: DatabaseReader, directory: str) -> Iterator[tuple[str, list[bytes]]]:
    """Yield the names of the lists and their lines; the native architecture comes first among those of a package."""
    native = os.fsdecode(reader.content(os.path.join(directory, "arch")).partition(b"\n")[0])
    info = os.path.join(directory, "info")
    names = [entry.removesuffix(_LIST) for entry in reader.entries(info) if entry.endswith(_LIST)]
    parts = sorted(each.partition(":") for each in names)
    for name, colon, architecture in sorted(parts, key=lambda each: (each[0], each[2] != native)):
        each = f"{name}{colon}{architecture}"
        yield each, reader.content(os.path.join(info, each + _LIST)).split(b"\n")


def _sums(reader: DatabaseReader, directory: str) -> Iterator[tuple[str, list[bytes]]]:
    """Yield the names of the lists of sums and the files in them."""
    for entry in sorted(reader.entries(directory)):
        if entry.endswith(_SUMS):
            lines = reader.content(os.path.join(directory, entry)).split(b"\n")
            yield entry.removesuffix(_SUMS), [b"/" + line[_SUM_LENGTH:].removeprefix(b"./") for line in lines]


def _diversions(reader: DatabaseReader, directory: str) -> dict[bytes, Diversion]:
    lines = iter(reader.content(os.path.join(directory, "diversions")).split(b"\n"))
    return {name: Diversion(to, os.fsdecode(by)) for name, to, by in zip(lines, lines, lines, strict=False)}
