"""`--report-against`: what has changed since a former report."""

from collections.abc import Iterator, Mapping

from magicpak.reports.document import Document, ReportChanges, ReportFileChange, ReportPackageChange
from magicpak.reports.former import PackageFacts, PackageKey, ReportFacts, facts_of
from magicpak.reports.tree import Style
from magicpak.text import count_noun, format_size, printable


def with_changes(document: Document, former: ReportFacts) -> Document:
    """Return `document` with what has changed since the report `former`, the largest first."""
    now = facts_of(document)
    packages = None
    if former.packages is not None and now.packages is not None:
        packages = tuple(sorted(_package_changes(former.packages, now.packages), key=_by_size))
    files = [
        ReportFileChange(path, former.files.get(path), now.files.get(path))
        for path in former.files.keys() | now.files.keys()
    ]
    changes = ReportChanges(
        against=former.path,
        magicpak=former.magicpak,
        size_before=former.size,
        size_after=now.size,
        files_before=len(former.files),
        files_after=len(now.files),
        packages=packages,
        libraries_added=tuple(sorted(now.libraries - former.libraries)),
        libraries_removed=tuple(sorted(former.libraries - now.libraries)),
        files=tuple(sorted((each for each in files if each.size_before != each.size_after), key=_by_size)),
    )
    return document._replace(changes=changes)


def _package_changes(
    before: Mapping[PackageKey, PackageFacts], after: Mapping[PackageKey, PackageFacts]
) -> Iterator[ReportPackageChange]:
    for key in before.keys() | after.keys():
        old, new = before.get(key), after.get(key)
        if old is None or new is None or old.version != new.version:
            versions = old and old.version, new and new.version
            yield ReportPackageChange(*key, *versions, old.size if old else 0, new.size if new else 0)


def _by_size(change: ReportFileChange | ReportPackageChange) -> tuple[object, ...]:
    return -abs((change.size_after or 0) - (change.size_before or 0)), *map(str, change)


def changes_text(changes: ReportChanges, style: Style) -> Iterator[str]:
    """Yield the lines that say what has changed, and how much."""
    yield change_summary(changes)
    for heading, lines in change_groups(changes):
        yield from ("", style.bold(heading), *lines)


def change_summary(changes: ReportChanges) -> str:
    """Return a line that says whether anything has changed, and how large the bundle is now."""
    since = f"since {printable(changes.against)}"
    files, size = count_noun(changes.files_after, "file"), format_size(changes.size_after)
    if not change_groups(changes):
        return f"nothing has changed {since}: {files}, {size}"
    more = changes.files_after - changes.files_before
    count = f" ({abs(more)} {'more' if more > 0 else 'fewer'})" if more else ""
    return f"{since}: {files}{count}, {size} ({_difference(changes.size_before, changes.size_after)})"


def change_groups(changes: ReportChanges) -> list[tuple[str, list[str]]]:
    """Return a heading and a line for each change, for each kind of changes: + is new, - is gone."""
    libraries = [f"+ {printable(each)}" for each in changes.libraries_added]
    libraries += [f"- {printable(each)}" for each in changes.libraries_removed]
    groups = [
        ("packages", list(map(_package_line, changes.packages or ()))),
        ("libraries", libraries),
        ("files", list(map(_file_line, changes.files))),
    ]
    return [(heading, lines) for heading, lines in groups if lines]


def _package_line(change: ReportPackageChange) -> str:
    """Return a line for a package that came, went, or has another version."""
    name, before, after = change.name, change.version_before, change.version_after
    if before is not None and after is not None:
        return printable(f"  {name} {before} -> {after}  {_difference(change.size_before, change.size_after)}")
    if after is not None:
        return printable(f"+ {name} {after}  {format_size(change.size_after)}")
    return printable(f"- {name} {before}  {format_size(change.size_before)}")


def _file_line(change: ReportFileChange) -> str:
    """Return a line for a file that came, went, or has another size."""
    path, before, after = printable(change.path), change.size_before, change.size_after
    if before is not None and after is not None:
        return f"  {path}  {format_size(before)} -> {format_size(after)}  {_difference(before, after)}"
    return f"- {path}  {format_size(before or 0)}" if after is None else f"+ {path}  {format_size(after)}"


def _difference(before: int, after: int) -> str:
    """Return how much more or less `after` bytes are than `before`."""
    if before == after:
        return "as large as before"
    return f"{format_size(abs(after - before))} {'more' if after > before else 'less'}"
