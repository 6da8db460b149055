"""What the page says first: what was made of what, how much it is, what is missing, what was taken away."""

from collections.abc import Iterator, Sequence

from magicpak.reports.document import (
    Document,
    ReportExcluded,
    ReportMissing,
    ReportPackage,
    ReportProblem,
    ReportTotals,
)
from magicpak.reports.html.markup import Markup, element, joined
from magicpak.text import count_noun, format_size

_LARGEST = 10
_FIRST = 8  # so many INPUTs are named at once
_OPEN = 12  # so many that were excluded are shown at once


def title(document: Document) -> str:
    """Return what the page is about, on one line."""
    return document.output if document.output is not None else "a dry run"


def header(document: Document) -> Markup:
    """Return what was made of what, and how much it is."""
    inputs = [element("code", each.given) for each in document.processes if each.given is not None]
    return element(
        "header",
        element("p", f"magicpak {document.magicpak}", class_="maker"),
        element("h1", title(document)),
        *_made_of(inputs),
        element("ul", *_figures(document.totals, document.packages or ()), class_="figures"),
        *([element("p", "A dry run: nothing was written.")] if document.dry_run and document.output else []),
    )


def _made_of(inputs: Sequence[Markup]) -> Iterator[Markup]:
    first, rest = joined(inputs[:_FIRST], between=", "), inputs[_FIRST:]
    if first:
        yield element("p", "made of ", first, class_="inputs")
    if rest:
        yield element(
            "details", element("summary", f"and {len(rest)} more"), joined(rest, between=", "), class_="inputs"
        )


def _figures(totals: ReportTotals, packages: Sequence[ReportPackage]) -> list[Markup]:
    counts = [
        count_noun(totals.files, "file"),
        count_noun(totals.links, "link"),
        count_noun(totals.directories, "directory"),
        *([count_noun(totals.fifos, "named pipe")] if totals.fifos else []),
        *([count_noun(len(packages), "package")] if packages else []),
    ]
    whole = element("li", element("b", format_size(totals.size)), " in all")
    return [
        whole,
        *(element("li", element("b", count), f" {what}") for count, _, what in (_split(each) for each in counts)),
    ]


def _split(count: str) -> tuple[str, str, str]:
    return count.partition(" ")


def trouble(document: Document) -> Markup:
    """Return what keeps programs from starting, if anything does."""
    errors = [each for each in document.problems if each.is_error]
    warnings = [each for each in document.problems if not each.is_error]
    boxes = []
    if document.missing or errors:
        what = "Something is missing" if document.missing else "Something does not start"
        words = what if document.complete else f"{what}: nothing was written"
        told = [*map(_missing, document.missing), *map(_problem, errors)]
        boxes.append(_box(words, told, class_="error"))
    if warnings:
        boxes.append(_box("This may not work", list(map(_problem, warnings)), class_="warning"))
    return element("div", *boxes, id="missing")


def _box(heading: str, items: Sequence[Markup], class_: str) -> Markup:
    return element("section", element("h2", heading), element("ul", *items), class_=class_)


def _missing(missing: ReportMissing) -> Markup:
    askers = [element("code", each) for each in missing.needed_by]
    searched = [element("code", each) for each in missing.searched]
    return element(
        "li",
        element("b", missing.name),
        *([f": {missing.trouble}"] if missing.trouble else []),
        element("p", "needed by ", joined(askers, between=", which is needed by ")),
        *([element("p", "searched in ", joined(searched, between=", "))] if searched else []),
    )


def _problem(problem: ReportProblem) -> Markup:
    whose = [element("b", problem.path), ": "] if problem.path else []
    return element("li", *whose, problem.words)


def taken_away(excluded: Sequence[ReportExcluded]) -> Markup:
    """Return what `--exclude` has taken, if anything."""
    if not excluded:
        return joined(())
    total = sum(each.size for each in excluded)
    items = [
        element(
            "li", element("code", each.path), f" {format_size(each.size)}" if each.type == "file" else f" {each.type}"
        )
        for each in excluded
    ]
    words = f"--exclude took away {count_noun(len(excluded), 'entry')}, {format_size(total)}"
    return element(
        "details", element("summary", words), element("ul", *items), id="excluded", open=len(excluded) <= _OPEN
    )


def largest(packages: Sequence[ReportPackage]) -> Markup:
    """Return the packages that are most of the bundle, with bars."""
    sized = [package for package in packages if package.size]
    ranked = sorted(sized, key=lambda package: (-package.size, package.name))[:_LARGEST]
    if not ranked:
        return joined(())
    heading = [element("th", each, scope="col") for each in ("Package", "Version", "Files", "Size", "")]
    rows = [
        element(
            "tr",
            element("th", element("a", each.name, href="#all", data_search=each.name), scope="row"),
            element("td", each.version),
            element("td", str(each.files)),
            element("td", format_size(each.size)),
            element("td", _bar(100 * each.size / ranked[0].size)),
        )
        for each in ranked
    ]
    content = [
        element("caption", "The largest packages"),
        element("thead", element("tr", *heading)),
        element("tbody", *rows),
    ]
    return element("div", element("table", *content, class_="largest"), class_="tables")


def _bar(percent: float) -> Markup:
    bar = element("rect", width=f"{percent:.1f}%", height="100%", rx=2)
    return element("svg", bar, width="100%", height=8, aria_hidden="true")
