"""The packages of Debian and its relatives, by the database of dpkg(1), and those of distroless images.

dpkg has a list of files for each package, `info/NAME.list`, or `info/NAME:ARCHITECTURE.list` for one that can be
installed for several architectures; the file `status` has a paragraph for each.

Distroless images have Debian's packages without dpkg: a file `status.d/NAME` with the paragraph of each, and
`status.d/NAME.md5sums` with its files, but not its links and configuration files (PACKAGE_METADATA.md of
GoogleContainerTools/distroless).
"""

import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import NamedTuple

from magicpak.packages.database import DatabaseReader, Ownership, Package
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


def query(names: frozenset[bytes], root: str) -> Ownership:
    """Return the packages that own `names`, by the database of dpkg below `root`."""
    reader = DatabaseReader()
    directory = os.path.join(root, DIRECTORY)
    lists_of = _lists_of(names, _lists(reader, directory), _diversions(reader, directory))
    lists = {each for some in lists_of.values() for each in some}
    status = os.path.join(directory, "status")
    packages = _packages(_paragraphs(reader, status, lists))
    if unknown := sorted(lists - packages.keys()):
        count = count_noun(len(unknown), "package")
        reader.warnings.append(f"{printable(status)} has no version of {count} with files: {list_names(unknown)}")
    return Ownership(_owners(lists_of, packages), tuple(reader.warnings))


def query_distroless(names: frozenset[bytes], root: str) -> Ownership:
    """Return the packages that own `names`, by the database of a distroless image below `root`."""
    reader = DatabaseReader()
    directory = os.path.join(root, DIRECTORY, "status.d")
    lists_of = _lists_of(names, _sums(reader, directory), {})
    packages: dict[str, Package | None] = {}
    for each in sorted({each for some in lists_of.values() for each in some}):
        path = os.path.join(directory, each)
        packages[each] = next(iter(_packages([reader.content(path)]).values()), None)
        if packages[each] is None:
            reader.warnings.append(f"{printable(path)} describes no package")
    return Ownership(_owners(lists_of, packages), tuple(reader.warnings))


def _lists_of(
    names: frozenset[bytes], lists: Iterable[tuple[str, Iterable[bytes]]], diversions: Mapping[bytes, Diversion]
) -> dict[bytes, list[str]]:
    """Return for each of `names` the `lists` that have the file at that name, in their order."""
    candidates = names.union(name for name, diversion in diversions.items() if diversion.to in names)
    lists_of: dict[bytes, list[str]] = {name: [] for name in names}
    for each, lines in lists:
        for name in candidates.intersection(lines):
            diversion = diversions.get(name)
            is_diverted = diversion is not None and diversion.by != each.partition(":")[0]
            place = diversion.to if diversion and is_diverted else name
            if place in lists_of:
                lists_of[place].append(each)
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


def _paragraphs(reader: DatabaseReader, status: str, lists: Collection[str]) -> Iterator[bytes]:
    """Yield the paragraphs of the packages that have `lists`."""
    names = {os.fsencode(each.partition(":")[0]) for each in lists}
    for paragraph in reader.content(status).split(b"\n\n") if names else ():
        name = _NAME.search(paragraph)
        if name and name[1] in names:
            yield paragraph


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
