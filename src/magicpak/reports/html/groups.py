"""The files of a bundle in groups: by package, or by directory if no packages are known."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from magicpak.bundle.path import BundlePath
from magicpak.reports.document import Document, ReportEntry, ReportPackage

NO_PACKAGE = "no package"
_MIN_SHARE = 1 / 150
"""A directory with a smaller share of the whole is counted with its parent."""


class Group(NamedTuple):
    """Entries that belong together, the largest first; `size` is their total in bytes."""

    name: str
    size: int
    files: tuple[ReportEntry, ...]


def groups(document: Document) -> list[Group]:
    """Return the groups of all files that are not empty, the largest first."""
    files = [entry for entry in document.entries if entry.type == "file" and entry.size > 0]
    parts = _by_package(files, document.packages) if document.packages else by_directory(files, lambda file: file.size)
    return sorted(parts, key=lambda group: (-group.size, group.name))


def _group(name: str, files: Iterable[ReportEntry]) -> Group:
    ordered = sorted(files, key=lambda entry: (-entry.size, entry.path))
    return Group(name, sum(entry.size for entry in ordered), tuple(ordered))


def _by_package(files: Sequence[ReportEntry], packages: Sequence[ReportPackage]) -> list[Group]:
    members: dict[int | None, list[ReportEntry]] = defaultdict(list)
    for entry in files:
        members[entry.package].append(entry)
    return [_group(NO_PACKAGE if at is None else packages[at].name, files) for at, files in members.items()]


def by_directory(files: Sequence[ReportEntry], weigh: Callable[[ReportEntry], int]) -> list[Group]:
    """Return `files` by their directories, those of little weight with their parents."""
    members: dict[str, list[ReportEntry]] = defaultdict(list)
    for entry in files:
        members[BundlePath(entry.path).parent].append(entry)
    minimum = sum(map(weigh, files)) * _MIN_SHARE
    for directory in _deepest_first(members):
        if directory != "/" and sum(map(weigh, members[directory])) < minimum:
            members[directory.parent] += members.pop(directory)
    return [_group(name, files) for name, files in members.items() if files]


def _deepest_first(directories: Iterable[str]) -> list[BundlePath]:
    """Return `directories` and all their parents, each before its own parent."""
    found: set[BundlePath] = set()
    for each in directories:
        directory = BundlePath(each)
        while directory not in found:
            found.add(directory)
            directory = directory.parent
    return sorted(found, key=lambda directory: (-len(directory.parts), directory))
