"""The document of a report, made from the result of a run."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Literal

from magicpak import __version__
from magicpak.bundle.entry import Content, Copy, Directory, Entry, Fifo, Link
from magicpak.bundle.exclude import Exclusion
from magicpak.bundle.path import ROOT, BundlePath
from magicpak.bundle.plan import Item, file_sizes
from magicpak.collect.result import Result
from magicpak.needs.suggest import Suggestion
from magicpak.packages.database import Package
from magicpak.reports import document as doc
from magicpak.reports.locations import Locations
from magicpak.reports.processes import missing, processes
from magicpak.verify.severity import Verdict

Owners = Callable[[Sequence[str]], Mapping[str, Package]]
"""Returns which package owns each of several paths of the host."""


def build_document(
    result: Result,
    verdict: Verdict | None,
    suggestions: Sequence[Suggestion],
    owners: Owners | None,
    *,
    complete: bool,
    output: str | None,
    dry_run: bool,
) -> doc.Document:
    """Return the document of a report; without `owners` it has no packages."""
    items = tuple(result.plan)
    sizes = file_sizes(result.plan)
    places = Locations(result)
    packages = _Packages(owners([path for item in items if (path := places.on_host(item))])) if owners else None
    entries = tuple(_entry(item, places, sizes, packages) for item in items)
    return doc.Document(
        schema_version=doc.SCHEMA_VERSION,
        magicpak=__version__,
        output=output,
        dry_run=dry_run,
        complete=complete,
        totals=_totals(entries, sizes),
        entries=entries,
        processes=tuple(processes(result.placed, places)),
        scripts=tuple(_scripts(result)),
        missing=tuple(missing([each.resolved for each in result.placed])),
        problems=tuple(_problems(verdict)),
        excluded=tuple(_excluded(result.exclusion)),
        packages=packages.all() if packages else None,
        suggestions=tuple(map(_suggestion, suggestions)),
        root=result.files.physical(ROOT),
        onto=_base(result),
    )


def _base(result: Result) -> doc.ReportBase | None:
    if result.base is None or result.laid is None:
        return None
    shared = {place for place in result.laid.places.values() if place not in result.plan}
    files = [item.path for item in result.laid.union if item.path in shared and _type(item.entry) == "file"]
    return doc.ReportBase(result.base.name, tuple(files))


class _Packages:
    """The packages that own something, numbered in the order of their first file."""

    def __init__(self, owner_of: Mapping[str, Package]) -> None:
        self._owner_of = owner_of
        self._numbers: dict[Package, int] = {}
        self._files: list[int] = []
        self._sizes: list[int] = []

    def number(self, path: str | None, size: int | None) -> int | None:
        """Return the number of the package that owns `path` of the host, which adds `size` bytes if it is a file."""
        package = self._owner_of.get(path) if path is not None else None
        if package is None:
            return None
        number = self._numbers.setdefault(package, len(self._numbers))
        if number == len(self._files):
            self._files.append(0)
            self._sizes.append(0)
        if size is not None:
            self._files[number] += 1
            self._sizes[number] += size
        return number

    def all(self) -> tuple[doc.ReportPackage, ...]:
        return tuple(
            doc.ReportPackage(*package, files, size)
            for package, files, size in zip(self._numbers, self._files, self._sizes, strict=True)
        )


def _entry(
    item: Item, places: Locations, sizes: Mapping[BundlePath, int], packages: _Packages | None
) -> doc.ReportEntry:
    entry, host = item.entry, places.on_host(item)
    return doc.ReportEntry(
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
        package=packages.number(host, sizes.get(item.path)) if packages and not places.is_directory(item) else None,
        stripped=entry.stripped if isinstance(entry, Copy) else 0,
        compressed=entry.compressed if isinstance(entry, Copy) else 0,
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


def _totals(entries: Sequence[doc.ReportEntry], sizes: Mapping[BundlePath, int]) -> doc.ReportTotals:
    types = [entry.type for entry in entries]
    return doc.ReportTotals(
        files=types.count("file"),
        size=sum(sizes.values()),
        links=types.count("link"),
        directories=types.count("directory"),
        fifos=types.count("fifo"),
    )


def _scripts(result: Result) -> Iterator[doc.ReportScript]:
    given = {each.place: each.argument for each in result.inputs.scripts}
    for file, place in result.scripts:
        yield doc.ReportScript(given.get(place), place, file.interpreter, tuple(file.arguments))


def _problems(verdict: Verdict | None) -> Iterator[doc.ReportProblem]:
    if verdict is not None:
        for problem in verdict.errors:
            yield doc.ReportProblem(problem.subject, problem.message, is_error=True)
        for warning in verdict.warnings:
            yield doc.ReportProblem(None, warning, is_error=False)


def _suggestion(suggestion: Suggestion) -> doc.ReportSuggestion:
    flag, value, reason = suggestion
    return doc.ReportSuggestion(value if flag == "with" else None, value if flag == "include" else None, reason)


def _excluded(exclusion: Exclusion) -> Iterator[doc.ReportExcluded]:
    for each in exclusion.removed.values():
        yield doc.ReportExcluded(each.item.path, _type(each.item.entry), _size(each.item.entry))
