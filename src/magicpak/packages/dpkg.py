"""The packages of Debian and its kin, by the database of dpkg(1).

There is a list of files for each package, `info/NAME.list` or, where it can be installed for several architectures at
once, `info/NAME:ARCHITECTURE.list`; `status` has a paragraph for each.
"""

import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import NamedTuple

from magicpak.packages.package import Ownership, Package
from magicpak.packages.reading import DatabaseReader
from magicpak.text import count_noun, printable

DIRECTORY = "var/lib/dpkg"

_LIST = ".list"
_NAME = re.compile(rb"^Package:[ \t]*(\S+)", re.MULTILINE)
_FIELD = re.compile(rb"^(Package|Version|Architecture|Status):[ \t]*(.*?)[ \t]*$", re.MULTILINE)

_WITHOUT_FILES = ("not-installed", "config-files")
"""The last word of the status of a package of which settings are left at most (dpkg(1))."""


class Diversion(NamedTuple):
    """Where dpkg puts what all packages but `by` have at some name (dpkg-divert(1))."""

    to: bytes
    by: str
    """The name of a package, or `:` for the administrator."""


def found(names: frozenset[bytes], root: str) -> Ownership:
    """Return the packages that own `names`, by the database below `root`."""
    reading = DatabaseReader()
    directory = os.path.join(root, DIRECTORY)
    listed = listing(names, _lists(reading, directory), _diversions(reading, directory))
    lists = {its for those in listed.values() for its in those}
    status = os.path.join(directory, "status")
    packages = packages_in(_paragraphs(reading, status, lists))
    if unknown := sorted(lists - packages.keys()):
        about = count_noun(len(unknown), "package")
        reading.warnings.append(
            f"{printable(status)} tells nothing about {about} with files, as {printable(unknown[0])}"
        )
    return Ownership(owning(listed, packages), tuple(reading.warnings))


def listing(
    names: frozenset[bytes], lists: Iterable[tuple[str, Iterable[bytes]]], diversions: Mapping[bytes, Diversion]
) -> dict[bytes, list[str]]:
    """Return for each of `names` which of `lists` have what stands there, in their order."""
    sought = names.union(name for name, diversion in diversions.items() if diversion.to in names)
    listed: dict[bytes, list[str]] = {name: [] for name in names}
    for its, lines in lists:
        for name in sought.intersection(lines):
            diversion = diversions.get(name)
            is_moved = diversion is not None and diversion.by != its.partition(":")[0]
            place = diversion.to if diversion and is_moved else name
            if place in listed:
                listed[place].append(its)
    return listed


def owning(listed: Mapping[bytes, Iterable[str]], packages: Mapping[str, Package | None]) -> dict[bytes, Package]:
    """Return for each name the first package that lists it and is installed, if any."""
    found = {name: next(filter(None, map(packages.get, lists)), None) for name, lists in listed.items()}
    return {name: package for name, package in found.items() if package}


def packages_in(paragraphs: Iterable[bytes]) -> dict[str, Package | None]:
    """Return each package by NAME and by NAME:ARCHITECTURE; None for one that is not installed."""
    packages: dict[str, Package | None] = {}
    for paragraph in paragraphs:
        fields = {name: os.fsdecode(value) for name, value in _FIELD.findall(paragraph)}
        name, version, architecture = (fields.get(field, "") for field in (b"Package", b"Version", b"Architecture"))
        is_installed = fields.get(b"Status", "").rpartition(" ")[2] not in _WITHOUT_FILES
        if not name or (is_installed and not version):
            continue
        package = Package("dpkg", name, version, architecture) if is_installed else None
        packages[f"{name}:{architecture}"] = package
        packages[name] = packages.get(name) or package
    return packages


def _paragraphs(reading: DatabaseReader, status: str, lists: Collection[str]) -> Iterator[bytes]:
    """Yield what `status` tells about the packages that have the lists."""
    names = {os.fsencode(its.partition(":")[0]) for its in lists}
    for paragraph in reading.content(status).split(b"\n\n") if names else ():
        name = _NAME.search(paragraph)
        if name and name[1] in names:
            yield paragraph


def _lists(reading: DatabaseReader, directory: str) -> Iterator[tuple[str, list[bytes]]]:
    """Yield the names of the lists and their lines; of one package, that of the machine's architecture first."""
    native = os.fsdecode(reading.content(os.path.join(directory, "arch")).partition(b"\n")[0])
    info = os.path.join(directory, "info")
    lists = [entry.removesuffix(_LIST) for entry in reading.entries(info) if entry.endswith(_LIST)]
    parted = sorted(its.partition(":") for its in lists)
    for name, colon, architecture in sorted(parted, key=lambda parts: (parts[0], parts[2] != native)):
        its = f"{name}{colon}{architecture}"
        yield its, reading.content(os.path.join(info, its + _LIST)).split(b"\n")


def _diversions(reading: DatabaseReader, directory: str) -> dict[bytes, Diversion]:
    lines = iter(reading.content(os.path.join(directory, "diversions")).split(b"\n"))
    return {name: Diversion(to, os.fsdecode(by)) for name, to, by in zip(lines, lines, lines, strict=False)}
