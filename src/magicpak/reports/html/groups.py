"""The files of a bundle by whose they are: by package, or by directory where nobody knows of packages."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from magicpak.bundle.path import BundlePath
from magicpak.reports.document import Document, ReportEntry, ReportPackage

NO_PACKAGE = "no package"
_LEAST = 1 / 150
"""A directory whose files are less than this part of all is counted with the directory above it."""


class Group(NamedTuple):
    """Files that belong together, the largest first; `size` is that of all, in bytes."""

    name: str
    size: int
    files: tuple[ReportEntry, ...]


def groups(document: Document) -> list[Group]:
    """Return the groups of all files that are not empty, the largest first."""
    files = [entry for entry in document.entries if entry.type == "file" and entry.size > 0]
    if document.packages:
        made = _by_package(files, document.packages)
    else:
        made = [_group(name, members) for name, members in _by_directory(files).items()]
    return sorted(made, key=lambda group: (-group.size, group.name))


def _group(name: str, files: Iterable[ReportEntry]) -> Group:
    ordered = sorted(files, key=lambda entry: (-entry.size, entry.path))
    return Group(name, sum(entry.size for entry in ordered), tuple(ordered))


def _by_package(files: Sequence[ReportEntry], packages: Sequence[ReportPackage]) -> list[Group]:
    found: dict[int | None, list[ReportEntry]] = defaultdict(list)
    for entry in files:
        found[entry.package].append(entry)
    return [_group(NO_PACKAGE if at is None else packages[at].name, members) for at, members in found.items()]


def _by_directory(files: list[ReportEntry]) -> dict[str, list[ReportEntry]]:
    found: dict[str, list[ReportEntry]] = defaultdict(list)
    for entry in files:
        found[BundlePath(entry.path).parent].append(entry)
    least = sum(entry.size for entry in files) * _LEAST
    for directory in _deepest_first(found):
        if directory != "/" and sum(entry.size for entry in found[directory]) < least:
            found[directory.parent] += found.pop(directory)
    return {name: members for name, members in found.items() if members}


def _deepest_first(directories: Iterable[str]) -> list[BundlePath]:
    """Return `directories` and all above them, each before the one that holds it."""
    found: set[BundlePath] = set()
    for each in directories:
        directory = BundlePath(each)
        while directory not in found:
            found.add(directory)
            directory = directory.parent
    return sorted(found, key=lambda directory: (-len(directory.parts), directory))
