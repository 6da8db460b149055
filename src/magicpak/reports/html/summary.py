"""The head of the page: the bundle and its size, what is missing, what was excluded, and the largest packages."""

from collections.abc import Iterator, Sequence

from magicpak.reports.document import (
    Document,
    ReportExcluded,
    ReportMissing,
    ReportPackage,
    ReportProblem,
    ReportSuggestion,
    ReportTotals,
)
from magicpak.reports.html.markup import Markup, element, join
from magicpak.text import MAX_DIRECTORIES, count_noun, format_size

_MAX_PACKAGES = 10
_MAX_INPUTS = 8  # before the rest is folded
_MAX_OPEN, _MAX_EXCLUDED = 12, 1000  # excluded entries that are not folded, and that are listed at all


def title(document: Document) -> str:
    """Return the title of the page, on one line."""
    return document.output if document.output is not None else "dry run"


def header(document: Document) -> Markup:
    """Return the names of the bundle and of the INPUTs, and the totals."""
    inputs = [element("code", each.given) for each in document.processes if each.given is not None]
    return element(
        "header",
        element("p", f"magicpak {document.magicpak}", class_="maker"),
        element("h1", title(document)),
        *_inputs(inputs),
        element("ul", *_figures(document.totals, document.packages or ()), class_="figures"),
        *([element("p", "Dry run: nothing was written.")] if document.dry_run and document.output else []),
    )


def _inputs(inputs: Sequence[Markup]) -> Iterator[Markup]:
    first, rest = join(inputs[:_MAX_INPUTS], separator=", "), inputs[_MAX_INPUTS:]
    if first:
        yield element("p", "bundle of ", first, class_="inputs")
    if rest:
        yield element(
            "details", element("summary", f"and {len(rest)} more"), join(rest, separator=", "), class_="inputs"
        )


def _figures(totals: ReportTotals, packages: Sequence[ReportPackage]) -> list[Markup]:
    counts = [
        count_noun(totals.files, "file"),
        count_noun(totals.links, "link"),
        count_noun(totals.directories, "directory"),
        *([count_noun(totals.fifos, "named pipe")] if totals.fifos else []),
        *([count_noun(len(packages), "package")] if packages else []),
    ]
    figures = [(format_size(totals.size), "", "total"), *(count.partition(" ") for count in counts)]
    return [element("li", element("b", figure), f" {noun}") for figure, _, noun in figures]


def problems(document: Document) -> Markup:
    """Return what keeps programs from starting, if anything does, the warnings, and the suggestions."""
    errors = [each for each in document.problems if each.is_error]
    warnings = [each for each in document.problems if not each.is_error]
    boxes = []
    if document.missing or errors:
        heading = "Missing libraries" if document.missing else "Errors"
        heading = heading if document.complete else f"{heading}: nothing was written"
        boxes.append(_box(heading, [*map(_missing, document.missing), *map(_problem, errors)], class_="error"))
    if warnings:
        boxes.append(_box("Warnings", list(map(_problem, warnings)), class_="warning"))
    if document.suggestions:
        boxes.append(_box("Suggestions", list(map(_suggestion, document.suggestions)), class_="hint"))
    return element("div", *boxes, id="missing")


def _box(heading: str, items: Sequence[Markup], class_: str) -> Markup:
    return element("section", element("h2", heading), element("ul", *items), class_=class_)


def _missing(missing: ReportMissing) -> Markup:
    requesters = [element("code", each) for each in missing.needed_by]
    searched = [element("code", each) for each in missing.searched[:MAX_DIRECTORIES]]
    more = len(missing.searched) - len(searched)
    return element(
        "li",
        element("b", missing.name),
        *([f": {missing.trouble}"] if missing.trouble else []),
        element("p", "needed by ", join(requesters, separator=", which is needed by ")),
        *(
            [element("p", "searched in ", join(searched, separator=", "), f" and {more} more" if more else "")]
            if searched
            else []
        ),
    )


def _problem(problem: ReportProblem) -> Markup:
    subject = [element("b", problem.path), ": "] if problem.path else []
    return element("li", *subject, problem.words)


def _suggestion(suggestion: ReportSuggestion) -> Markup:
    return element("li", suggestion.reason, ": ", element("code", suggestion.option))


def exclusions(excluded: Sequence[ReportExcluded]) -> Markup:
    """Return what `--exclude` removed, if anything."""
    if not excluded:
        return join(())
    total = sum(each.size for each in excluded)
    items = [
        element(
            "li", element("code", each.path), f" {format_size(each.size)}" if each.type == "file" else f" {each.type}"
        )
        for each in excluded[:_MAX_EXCLUDED]
    ]
    if len(excluded) > _MAX_EXCLUDED:
        items.append(element("li", f"and {len(excluded) - _MAX_EXCLUDED} more"))
    summary = f"--exclude removed {count_noun(len(excluded), 'entry')}, {format_size(total)}"
    return element(
        "details", element("summary", summary), element("ul", *items), id="excluded", open=len(excluded) <= _MAX_OPEN
    )


def largest_packages(packages: Sequence[ReportPackage]) -> Markup:
    """Return a table of the largest packages, with bars."""
    sized = [package for package in packages if package.size]
    largest = sorted(sized, key=lambda package: (-package.size, package.name))[:_MAX_PACKAGES]
    if not largest:
        return join(())
    heading = [element("th", each, scope="col") for each in ("Package", "Version", "Files", "Size", "")]
    rows = [
        element(
            "tr",
            element("th", element("a", each.name, href="#all", data_search=each.name), scope="row"),
            element("td", each.version),
            element("td", str(each.files)),
            element("td", format_size(each.size)),
            element("td", _bar(100 * each.size / largest[0].size)),
        )
        for each in largest
    ]
    content = [
        element("caption", "Largest packages"),
        element("thead", element("tr", *heading)),
        element("tbody", *rows),
    ]
    return element("div", element("table", *content, class_="largest"), class_="tables")


def _bar(percent: float) -> Markup:
    bar = element("rect", width=f"{percent:.1f}%", height="100%", rx=2)
    return element("svg", bar, width="100%", height=8, aria_hidden="true")
