"""The table of all entries of the bundle, with the reason for each."""

from collections.abc import Iterator, Sequence
from itertools import islice

from magicpak.reports.document import ReportEntry, ReportPackage
from magicpak.reports.entries import Entries
from magicpak.reports.html.markup import Markup, anchor, element, join
from magicpak.text import format_size

TYPES = {"file": "file", "link": "link", "directory": "directory", "fifo": "named pipe"}
_COLUMNS = ("Path", "Type", "Size", "Package", "Reason")
_MAX_STEPS = 10  # of a chain of reasons: more of them in each row would make the page too large


def table(entries: Entries, packages: Sequence[ReportPackage]) -> Markup:
    """Return the table, with a row for each of `entries`."""
    heading = element("tr", *(element("th", each, scope="col", class_=each.lower()) for each in _COLUMNS))
    rows = join((_row(entry, packages, entries) for entry in entries), separator=Markup("\n"))
    return element("table", element("thead", heading), element("tbody", rows), id="entries")


def _row(entry: ReportEntry, packages: Sequence[ReportPackage], entries: Entries) -> Markup:
    directory, slash, name = entry.path.rpartition("/")
    path = [element("span", directory + slash), name]
    if entry.target is not None:
        path.append(element("i", f" → {entry.target}"))
    if entry.source not in (None, entry.path):
        path.append(element("i", f" from {entry.source}"))
    package = packages[entry.package] if entry.package is not None else None
    is_file = entry.type == "file"
    return element(
        "tr",
        element("th", *path, scope="row"),
        element("td", TYPES[entry.type], title=f"mode {entry.mode}, owner {entry.uid}:{entry.gid}"),
        element("td", format_size(entry.size) if is_file else ""),
        element("td", *((package.name, " ", element("i", package.version)) if package else ())),
        element("td", *_reasons(entry, entries)),
        id=anchor(entry.path),
        data_type=entry.type,
        data_size=str(entry.size) if is_file else None,
    )


def _reasons(entry: ReportEntry, entries: Entries) -> Iterator[Markup]:
    """Yield the reason for `entry`, then the reasons for those that asked for it."""
    yield element("span", *_reason(entry, entries))
    chain = list(islice(entries.chain(entry), _MAX_STEPS))
    if len(chain) > 1:
        last = chain[-1]
        which = "all" if last.asked_by is None else "first"
        steps = [element("li", *_reason(each, entries)) for each in chain]
        summary = f"{which} {len(chain)} steps, up to {last.path.rpartition('/')[2]}"
        yield element("details", element("summary", summary), element("ol", *steps))


def _reason(entry: ReportEntry, entries: Entries) -> list[str]:
    """Return the reason for `entry`; a requester at its end becomes a link to its row, whichever path it has there."""
    requester = entries.at(entry.asked_by) if entry.asked_by is not None else None
    words, slash, path = entry.reason.rpartition(" /")
    if requester is None or not words:
        return [entry.reason]
    return [words, " ", element("a", slash.lstrip() + path, href=f"#{anchor(requester.path)}")]
