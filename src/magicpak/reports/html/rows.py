"""The table of all that is in the bundle, and why."""

from collections.abc import Iterator, Sequence

from magicpak.reports.document import ReportEntry, ReportPackage
from magicpak.reports.html.markup import Markup, element, joined
from magicpak.reports.html.places import Places, anchor
from magicpak.text import format_size

TYPES = {"file": "file", "link": "link", "directory": "directory", "fifo": "named pipe"}
_COLUMNS = ("Path", "Type", "Size", "Package", "Why it is there")
_MOST_STEPS = 10  # of a chain of reasons: more of them in each row would be more than the page can hold


def table(entries: Sequence[ReportEntry], packages: Sequence[ReportPackage], places: Places) -> Markup:
    """Return the table, with a row for each of `entries`."""
    heading = element(
        "tr", *(element("th", each, scope="col", class_=each.partition(" ")[0].lower()) for each in _COLUMNS)
    )
    rows = joined((_row(entry, packages, places) for entry in entries), between=Markup("\n"))
    return element("table", element("thead", heading), element("tbody", rows), id="entries")


def _row(entry: ReportEntry, packages: Sequence[ReportPackage], places: Places) -> Markup:
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
        element("td", *_why(entry, places)),
        id=anchor(entry.path),
        data_type=entry.type,
        data_size=str(entry.size) if is_file else None,
    )


def _why(entry: ReportEntry, places: Places) -> Iterator[Markup]:
    """Return the reason, and the reasons of whoever asked, up to what nobody else has asked for."""
    yield element("span", *_because(entry, places))
    chain = places.chain(entry, _MOST_STEPS)
    if len(chain) > 1:
        last = chain[-1]
        far = f"{len(chain)} steps from" if last.asked_by is None else f"{len(chain)} steps and more, by way of"
        steps = [element("li", *_because(each, places)) for each in chain]
        yield element("details", element("summary", f"{far} {last.path.rpartition('/')[2]}"), element("ol", *steps))


def _because(entry: ReportEntry, places: Places) -> list[str]:
    """Return the reason of `entry`; the asker at its end leads to its row, by whichever of its paths it is named."""
    requester = places.at(entry.asked_by) if entry.asked_by is not None else None
    words, slash, path = entry.reason.rpartition(" /")
    if requester is None or not words:
        return [entry.reason]
    return [words, " ", element("a", slash.lstrip() + path, href=f"#{anchor(requester.path)}")]
