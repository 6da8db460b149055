"""The report as one HTML page that loads nothing from elsewhere."""

import hashlib
from binascii import b2a_base64
from collections.abc import Sequence
from typing import NamedTuple

from magicpak import resources
from magicpak.reports.document import Document, ReportEntry
from magicpak.reports.entries import Entries
from magicpak.reports.html import summary
from magicpak.reports.html.changes import changes_content
from magicpak.reports.html.graph import GraphNode, graph
from magicpak.reports.html.graph_svg import draw_graph
from magicpak.reports.html.groups import groups
from magicpak.reports.html.layers import LayeredGraph, assign_layers
from magicpak.reports.html.markup import Markup, element
from magicpak.reports.html.rows import TYPES, rest, table
from magicpak.reports.html.selection import RowSelection
from magicpak.reports.html.treemap_svg import treemap
from magicpak.text import count_noun, format_size

_MAX_NODES, _MAX_EDGES = 2000, 20_000  # of a graph: in a larger one nobody finds anything


class _Section(NamedTuple):
    id: str
    heading: str
    content: list[Markup]


def page(document: Document) -> str:
    """Return the report as one HTML page that loads nothing from elsewhere: the same for the same document.

    It can be read without scripts; with them it can be searched and sorted, and highlights the dependencies of a
    library.
    """
    style, script = _resource("reports/html/page.css"), _resource("reports/html/page.js")
    rows = RowSelection(Entries(document.entries, document.root))
    sections = [
        _Section("changes", "Changes", changes_content(document.changes)),
        _Section("sizes", "Sizes", _sizes(document, rows)),
        _Section("needs", "Dependencies", _dependencies(document, rows)),
        _Section("all", "Contents", _contents(document, rows)),
    ]
    sections = [section for section in sections if section.content]
    body = element(
        "body",
        summary.header(document),
        element("nav", *(element("a", each.heading, href=f"#{each.id}") for each in sections)),
        element(
            "main",
            summary.problems(document),
            summary.exclusions(document.excluded),
            *(element("section", element("h2", each.heading), *each.content, id=each.id) for each in sections),
        ),
        element("script", script),
    )
    title = f"{summary.title(document)} · magicpak"
    return f"<!DOCTYPE html>\n{element('html', _head(title, style, script), body, lang='en')}\n"


def _resource(name: str) -> Markup:
    """Return one of magicpak's own files, which needs no escaping inside an element."""
    content = resources.read(name)
    if content is None:
        raise FileNotFoundError(name)
    return Markup(content.decode())


def _head(title: str, style: Markup, script: Markup) -> Markup:
    sources = f"style-src {_hash(style)}; script-src {_hash(script)}"
    policy = f"default-src 'none'; {sources}; base-uri 'none'; form-action 'none'"
    return element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=policy),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", title),
        element("style", style),
    )


def _hash(content: str) -> str:
    digest = hashlib.sha256(content.encode()).digest()
    return f"'sha256-{b2a_base64(digest, newline=False).decode()}'"


def _sizes(document: Document, rows: RowSelection) -> list[Markup]:
    parts = groups(document)
    if not parts:
        return []
    kind = "package" if document.packages else "directory"
    legend = (
        f"The area of each box is the size of a file, and files of one {kind} are grouped. Click a box to see its row."
    )

    def tooltip(file: ReportEntry) -> str:
        return f"{file.path}, {format_size(file.size)}: {file.reason}"

    return [
        element("p", legend, class_="legend"),
        element("div", treemap(parts, f"File sizes by {kind}", tooltip, rows), class_="scroll"),
        summary.largest_packages(document.packages or ()),
    ]


def _dependencies(document: Document, rows: RowSelection) -> list[Markup]:
    nodes = graph(document.processes, rows.entries)
    if not nodes:
        return []
    count = sum(len(node.needs) for node in nodes)
    if len(nodes) > _MAX_NODES or count > _MAX_EDGES:
        legend = f"{len(nodes)} programs and libraries with {count_noun(count, 'dependency')} are too many to draw."
        return [element("p", f"{legend} --report tree lists them.", class_="legend")]
    layered = assign_layers([node.needs for node in nodes])
    label = "Dependency graph"
    return [
        element("p", _legend(nodes, layered), class_="legend"),
        element("div", class_="zoom"),
        element(
            "div",
            draw_graph(nodes, layered, label, _tooltip, rows),
            class_="scroll framed",
            tabindex=0,
            role="region",
            aria_label=label,
        ),
        element("div", id="selection", hidden=True, aria_live="polite"),
    ]


def _tooltip(node: GraphNode) -> str:
    if node.entry is not None:
        return f"{node.entry.path}, {format_size(node.entry.size)}"
    return f"{node.label} is missing" if node.kind == "missing" else f"{node.label} is not in the bundle"


def _legend(nodes: Sequence[GraphNode], layered: LayeredGraph) -> str:
    legend = "Programs, and libraries loaded at run time, are on the left; what they need is to their right."
    if layered.back:
        legend += " Dashed lines close a cycle."
    count = sum(len(node.needs) for node in nodes)
    omitted = count - len(layered.edges) - len(layered.back)
    if not omitted:
        return legend
    common = ", ".join(nodes[at].label for at in sorted(layered.common))
    which = f"those that others imply, and those on {common}, which most files need" if common else "others imply them"
    return f"{legend} {omitted} of {count_noun(count, 'dependency')} are not drawn: {which}."


def _contents(document: Document, rows: RowSelection) -> list[Markup]:
    types = {entry.type for entry in rows.shown}
    choices = [element("option", name, value=each) for each, name in TYPES.items() if each in types]
    hint = "Search paths, packages, reasons"
    search = element("input", type="search", id="search", placeholder=hint, aria_label=hint)
    select = element("select", element("option", "all types", value=""), *choices, id="type", aria_label="Type")
    count = element("output", id="count", for_="search type")
    legend = (
        f"Of {count_noun(len(document.entries), 'entry')}, the {len(rows.shown)} largest are listed; "
        "the others are counted by directory at the end. --report list prints all."
    )
    return [
        *([element("p", legend, class_="legend")] if rows.rest else []),
        element("div", search, select, count, class_="tools", hidden=True),
        table(rows, document.packages or ()),
        *([rest(rows.rest)] if rows.rest else []),
    ]
