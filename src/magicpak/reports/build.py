"""Makes the document of a report from what a run knows."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Literal

from magicpak import __version__
from magicpak.bundle.entry import Content, Copy, Directory, Entry, Fifo, Link
from magicpak.bundle.path import BundlePath
from magicpak.bundle.plan import BundlePlan, Item
from magicpak.bundle.size import file_sizes
from magicpak.packages.package import Package
from magicpak.reports import document as told
from magicpak.reports.known import Known
from magicpak.reports.locations import Locations
from magicpak.reports.processes import missing, processes
from magicpak.verify.severity import Verdict

Owners = Callable[[Sequence[str]], Mapping[str, Package]]
"""Tells which package owns each of several paths of the host."""


def document(known: Known, output: str | None, owners: Owners | None, *, dry_run: bool) -> told.Document:
    """Return the document of a report; without `owners` it tells of no packages."""
    programs, placed, before, plan = known.decided
    items = tuple(plan)
    weights = file_sizes(plan)
    places = Locations(plan, known.private)
    packages = _Packages(owners([path for item in items if (path := places.on_host(item))])) if owners else None
    entries = tuple(_entry(item, places, weights, packages) for item in items)
    return told.Document(
        schema_version=told.SCHEMA_VERSION,
        magicpak=__version__,
        output=output,
        dry_run=dry_run,
        complete=known.error is None,
        totals=_totals(entries, weights),
        entries=entries,
        processes=tuple(processes(placed, programs, places)),
        missing=tuple(missing([each.resolved for each in placed])),
        problems=tuple(_problems(known.verdict)),
        excluded=tuple(_excluded(before, plan)),
        packages=packages.all() if packages else None,
    )


class _Packages:
    """The packages that own something, numbered as they turn up."""

    def __init__(self, owner_of: Mapping[str, Package]) -> None:
        self._owner_of = owner_of
        self._numbers: dict[Package, int] = {}
        self._files: list[int] = []
        self._sizes: list[int] = []

    def number(self, path: str | None, weight: int | None) -> int | None:
        """Return the number of the package that owns `path` of the host, which adds `weight` bytes if it is a file."""
        package = self._owner_of.get(path) if path is not None else None
        if package is None:
            return None
        number = self._numbers.setdefault(package, len(self._numbers))
        if number == len(self._files):
            self._files.append(0)
            self._sizes.append(0)
        if weight is not None:
            self._files[number] += 1
            self._sizes[number] += weight
        return number

    def all(self) -> tuple[told.ReportPackage, ...]:
        return tuple(
            told.ReportPackage(*package, files, size)
            for package, files, size in zip(self._numbers, self._files, self._sizes, strict=True)
        )


def _entry(
    item: Item, places: Locations, weights: Mapping[BundlePath, int], packages: _Packages | None
) -> told.ReportEntry:
    entry, host = item.entry, places.on_host(item)
    return told.ReportEntry(
        path=item.path,
        type=_type(entry),
        size=_size(entry),
        mode=f"{entry.attributes.mode:04o}",
        uid=entry.attributes.uid,
        gid=entry.attributes.gid,
        source=None if isinstance(entry, Link) else host,
        target=entry.target if isinstance(entry, Link) else None,
        reason=str(item.because),
        asked_by=places.in_bundle(item.because.of) if item.because.of is not None else None,
        package=packages.number(host, weights.get(item.path)) if packages and not places.is_directory(item) else None,
    )


def _type(entry: Entry) -> Literal["directory", "file", "link", "fifo"]:
    match entry:
        case Directory():
            return "directory"
        case Copy() | Content():
            return "file"
        case Link():
            return "link"
        case Fifo():
            return "fifo"


def _size(entry: Entry) -> int:
    match entry:
        case Copy(size=size):
            return size
        case Content(data=data):
            return len(data)
        case _:
            return 0


def _totals(entries: Sequence[told.ReportEntry], weights: Mapping[BundlePath, int]) -> told.ReportTotals:
    types = [entry.type for entry in entries]
    return told.ReportTotals(
        files=types.count("file"),
        size=sum(weights.values()),
        links=types.count("link"),
        directories=types.count("directory"),
        fifos=types.count("fifo"),
    )


def _problems(verdict: Verdict | None) -> Iterator[told.ReportProblem]:
    if verdict is not None:
        for problem in verdict.errors:
            yield told.ReportProblem(problem.program, problem.words, is_error=True)
        for remark in verdict.warnings:
            yield told.ReportProblem(None, remark, is_error=False)


def _excluded(before: BundlePlan, plan: BundlePlan) -> Iterator[told.ReportExcluded]:
    for item in before.where(lambda item: item.path not in plan):
        yield told.ReportExcluded(item.path, _type(item.entry), _size(item.entry))
