"""The report for people who would rather look: one HTML page, which loads nothing from elsewhere."""

import hashlib
from binascii import b2a_base64
from collections.abc import Sequence
from typing import NamedTuple

from magicpak import resources
from magicpak.reports.document import Document, ReportEntry
from magicpak.reports.html import graph_svg, summary
from magicpak.reports.html.graph import GraphNode, graph
from magicpak.reports.html.groups import groups
from magicpak.reports.html.layers import Layered, layered
from magicpak.reports.html.markup import Markup, element
from magicpak.reports.html.places import Places
from magicpak.reports.html.rows import TYPES, table
from magicpak.reports.html.treemap_svg import treemap
from magicpak.text import count_noun, format_size


class _Section(NamedTuple):
    id: str
    heading: str
    content: list[Markup]


def page(document: Document) -> str:
    """Return the report as one HTML page that loads nothing from elsewhere: the same for the same document.

    It needs no script to be read; with scripts it can be searched and sorted, and shows what a library has to do with
    others.
    """
    style, script = _shipped("reports/html/page.css"), _shipped("reports/html/page.js")
    places = Places(document.entries)
    sections = [
        _Section("sizes", "What takes the room", _sizes(document)),
        _Section("needs", "Who needs whom", _needs(document, places)),
        _Section("all", "All that is in it", _entries(document, places)),
    ]
    there = [section for section in sections if section.content]
    body = element(
        "body",
        summary.header(document),
        element("nav", *(element("a", each.heading, href=f"#{each.id}") for each in there)),
        element(
            "main",
            summary.trouble(document),
            summary.taken_away(document.excluded),
            *(element("section", element("h2", each.heading), *each.content, id=each.id) for each in there),
        ),
        element("script", script),
    )
    title = f"{summary.title(document)} · magicpak"
    return f"<!DOCTYPE html>\n{element('html', _head(title, style, script), body, lang='en')}\n"


def _shipped(name: str) -> Markup:
    """Return a file of ours, which is written so that it can stand inside an element."""
    content = resources.read(name)
    if content is None:
        raise FileNotFoundError(name)
    return Markup(content.decode())


def _head(title: str, style: Markup, script: Markup) -> Markup:
    allowed = f"style-src {_hash(style)}; script-src {_hash(script)}"
    policy = f"default-src 'none'; {allowed}; base-uri 'none'; form-action 'none'"
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


def _sizes(document: Document) -> list[Markup]:
    parts = groups(document)
    if not parts:
        return []
    by = "package" if document.packages else "directory"
    words = f"Each box is a file, as large as it is in bytes; those of one {by} stand together."

    def told(file: ReportEntry) -> str:
        return f"{file.path}, {format_size(file.size)}: {file.reason}"

    return [
        element("p", f"{words} A click leads to its row.", class_="legend"),
        element("div", treemap(parts, f"Sizes of files by {by}", told), class_="scroll"),
        summary.largest(document.packages or ()),
    ]


def _needs(document: Document, places: Places) -> list[Markup]:
    nodes = graph(document.processes, places)
    if not nodes:
        return []
    drawn = layered([node.needs for node in nodes])
    label = "Who needs which library"
    return [
        element("p", _legend(nodes, drawn), class_="legend"),
        element("div", class_="zoom"),
        element(
            "div",
            graph_svg.picture(nodes, drawn, label, _told),
            class_="scroll framed",
            tabindex=0,
            role="region",
            aria_label=label,
        ),
        element("div", id="told", hidden=True, aria_live="polite"),
    ]


def _told(node: GraphNode) -> str:
    if node.entry is not None:
        return f"{node.entry.path}, {format_size(node.entry.size)}"
    return f"{node.label} is missing" if node.kind == "missing" else f"{node.label} is not in the bundle"


def _legend(nodes: Sequence[GraphNode], drawn: Layered) -> str:
    words = "Programs, and what is loaded by itself, stand at the left; what a thing needs stands to the right of it."
    count = sum(len(node.needs) for node in nodes)
    left_out = count - len(drawn.edges) - len(drawn.back)
    if drawn.back:
        words += " Dashed lines close a circle."
    if not left_out:
        return words
    common = ", ".join(nodes[at].label for at in sorted(drawn.common))
    why = (
        f"those that follow from others, and those of {common}, which most need"
        if common
        else "they follow from others"
    )
    return f"{words} {left_out} of {count_noun(count, 'need')} are not drawn: {why}."


def _entries(document: Document, places: Places) -> list[Markup]:
    present = {entry.type for entry in document.entries}
    choices = [element("option", words, value=each) for each, words in TYPES.items() if each in present]
    hint = "Search paths, packages, reasons"
    search = element("input", type="search", id="search", placeholder=hint, aria_label=hint)
    select = element("select", element("option", "all types", value=""), *choices, id="type", aria_label="Type")
    count = element("output", id="count", for_="search type")
    return [
        element("div", search, select, count, class_="tools", hidden=True),
        table(document.entries, document.packages or (), places),
    ]
