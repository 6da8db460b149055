"""The table of the entries of the bundle, with the reason for each, and one of those that are too many for it."""

from collections.abc import Iterator, Sequence

from magicpak.reports.document import ReportEntry, ReportPackage
from magicpak.reports.html.groups import by_directory
from magicpak.reports.html.markup import Markup, anchor, element, join
from magicpak.reports.html.selection import RowSelection
from magicpak.text import count_noun, format_size

TYPES = {"file": "file", "link": "link", "directory": "directory", "fifo": "named pipe"}
_COLUMNS = ("Path", "Type", "Size", "Package", "Reason")


def table(selection: RowSelection, packages: Sequence[ReportPackage]) -> Markup:
    """Return the table, with a row for each entry that is to have one."""
    heading = element("tr", *(element("th", each, scope="col", class_=each.lower()) for each in _COLUMNS))
    rows = join((_row(entry, packages, selection) for entry in selection.shown), separator=Markup("\n"))
    return element("table", element("thead", heading), element("tbody", rows), id="entries")


def rest(entries: Sequence[ReportEntry]) -> Markup:
    """Return a table of how many `entries` there are in which directory, small directories with their parents."""
    heading = element("tr", *(element("th", each, scope="col") for each in ("Directory", "Entries", "Size")))
    rows = [
        element(
            "tr",
            element("th", group.name, scope="row"),
            element("td", str(len(group.files))),
            element("td", format_size(group.size)),
        )
        for group in sorted(by_directory(entries, lambda _entry: 1), key=lambda group: (-len(group.files), group.name))
    ]
    caption = f"{count_noun(len(entries), 'more entry')}, {format_size(sum(entry.size for entry in entries))}"
    content = [element("caption", caption), element("thead", heading), element("tbody", *rows)]
    return element("div", element("table", *content, class_="largest"), class_="tables", id="rest")


def _row(entry: ReportEntry, packages: Sequence[ReportPackage], selection: RowSelection) -> Markup:
    directory, slash, name = entry.path.rpartition("/")
    path = [element("span", directory + slash), name]
    if entry.target is not None:
        path.append(element("i", f" → {entry.target}"))
    source = selection.entries.other_source(entry)
    if source is not None:
        path.append(element("i", f" from {source}"))
    package = packages[entry.package] if entry.package is not None else None
    is_file = entry.type == "file"
    return element(
        "tr",
        element("th", *path, scope="row"),
        element("td", TYPES[entry.type], title=f"mode {entry.mode}, owner {entry.uid}:{entry.gid}"),
        element("td", entry.size_in_words if is_file else ""),
        element("td", *((package.name, " ", element("i", package.version)) if package else ())),
        element("td", *_reasons(entry, selection)),
        id=anchor(entry.path),
        data_type=entry.type,
        data_size=str(entry.size) if is_file else None,
    )


def _reasons(entry: ReportEntry, selection: RowSelection) -> Iterator[Markup]:
    """Yield the reason for `entry`, then the reasons for those that asked for it."""
    yield element("span", *_reason(entry, selection))
    chain = selection.steps(entry)
    if len(chain) > 1:
        last = chain[-1]
        which = "all" if last.asked_by is None else "first"
        steps = [element("li", *_reason(each, selection)) for each in chain]
        summary = f"{which} {len(chain)} steps, up to {last.path.rpartition('/')[2]}"
        yield element("details", element("summary", summary), element("ol", *steps))


def _reason(entry: ReportEntry, selection: RowSelection) -> list[str]:
    """Return the reason for `entry`; a requester at its end becomes a link to its row, whichever path it has there."""
    requester = selection.entries.at(entry.asked_by) if entry.asked_by is not None else None
    href = selection.href(requester.path) if requester is not None else None
    words, slash, path = entry.reason.rpartition(" /")
    if href is None or not words:
        return [entry.reason]
    return [words, " ", element("a", slash.lstrip() + path, href=href)]
